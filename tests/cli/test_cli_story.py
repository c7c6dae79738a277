"""From the question to the data and back: what each command does, what it prints, what its JSON holds."""

from __future__ import annotations

import json

import pytest

from registry.cli.main import run
from registry.demo.scenario import STEPS
from registry.wallets import keyfiles
from tests.support.consent_world import DATUM, OTHER_PURPOSE, PURPOSE, TERMS, Consent, no_of

pytestmark = pytest.mark.slow

PHRASE = "correct horse battery staple"
ANCHORED = {"kind", "digest", "file", "bytes", "anchor"}
RECEIPT = {"transaction", "block", "time", "gasUsed", "sender"}


def alices(world: Consent) -> str:
    """The one account that Alice has."""
    (account,) = world.json("keys", "list")["accounts"]
    return str(account["address"])


def test_a_request_asks_for_what_the_notice_offers(asked: Consent) -> None:
    out = asked.folder / "mine.json"
    said = asked.json("request", "--notice", asked.folder / "notice.json", "--out", out, "--days", 7, who="aurelle")
    assert set(said) == {"file", "bytes", "purposes", "data", "expiresAt"}
    assert said["bytes"] == out.stat().st_size
    message = json.loads(out.read_bytes())["statement"]["message"]
    assert (message["purposes"], message["data"]) == (said["purposes"], said["data"])
    assert message["expiresAt"] - message["issuedAt"] == 7 * 86_400
    kept = [file.read_bytes() for file in (asked.folder / "aurelle" / "requests").iterdir()]
    assert kept.count(out.read_bytes()) == 1


def test_the_whole_of_a_request_is_granted_by_default(asked: Consent) -> None:
    said = asked.json("grant", asked.folder / "request.json", "--yes")
    assert set(said) == ANCHORED and set(said["anchor"]) == RECEIPT
    message = json.loads(asked.grant.read_bytes())["statement"]["message"]
    assert (message["purposes"], message["data"], message["terms"]) == ([PURPOSE], [DATUM], TERMS)
    assert message["expiresAt"] - message["issuedAt"] == 365 * 86_400
    assert asked.grant.stem == said["digest"]


def test_less_than_was_asked_can_be_granted(asked: Consent) -> None:
    out = asked.folder / "wide.json"
    asked.json("request", "--notice", asked.folder / "notice.json", "--out", out, who="aurelle")
    asked.json("grant", out, "--purpose", PURPOSE, "--data", DATUM, "--days", 3, "--language", "fr", "--yes")
    message = json.loads(asked.grant.read_bytes())["statement"]["message"]
    assert (message["purposes"], message["data"]) == ([PURPOSE], [DATUM])
    assert message["expiresAt"] - message["issuedAt"] == 3 * 86_400
    assert "mes achats" in message["statement"]


def test_the_sentence_is_shown_last_and_signed_only_after_a_yes(asked: Consent) -> None:
    answer = asked("grant", asked.folder / "request.json", typed="y\n")
    assert answer.code == 0
    shown = answer.err.splitlines()
    sentence = json.loads(asked.grant.read_bytes())["statement"]["message"]["statement"]
    assert shown[shown.index("You sign this sentence:") + 1].strip() == sentence
    assert "Sign it? [y/N]:" in answer.err and "The trace that stays" in answer.err
    assert answer.out.startswith("Grant ") and "Hand over" in answer.out and "Sign" not in answer.out


@pytest.mark.parametrize("command", ["grant", "refuse"])
@pytest.mark.parametrize("typed", ["n\n", "\n"])
def test_no_and_a_bare_return_sign_nothing(asked: Consent, command: str, typed: str) -> None:
    answer = asked(command, asked.folder / "request.json", typed=typed)
    assert no_of(answer)[0] == 1 and "Rejected" in answer.err and answer.out == ""
    assert not (asked.folder / "alice" / "evidence").exists()


def test_the_end_of_the_input_is_an_interruption(asked: Consent) -> None:
    answer = asked("grant", asked.folder / "request.json", typed="")
    assert answer.code == 130 and answer.out == "" and "Interrupted." in answer.err
    assert not (asked.folder / "alice" / "evidence").exists()


def test_nobody_is_asked_where_nobody_is(asked: Consent) -> None:
    answer = asked("grant", asked.folder / "request.json")
    assert answer.code == 2 and "add --yes" in answer.err
    assert not (asked.folder / "alice" / "evidence").exists()


def test_a_refusal_is_provable(asked: Consent) -> None:
    said = asked.json("refuse", asked.folder / "request.json", "--yes")
    assert set(said) == ANCHORED and said["kind"] == "Refusal"
    assert asked.json("verify", said["digest"])["kind"] == "Refusal"
    assert no_of(asked("verify", said["digest"], "--data", DATUM)) == (1, "DataNotGranted")


def test_both_sides_hold_the_accepted_file(granted: Consent) -> None:
    said = granted.json("accept", granted.grant, who="aurelle")
    assert set(said) == ANCHORED and said["file"].startswith(str(granted.folder / "aurelle"))
    assert granted.json("verify", said["file"], "--accepted")["acceptance"] == "verified"


def test_only_the_brand_accepts(granted: Consent) -> None:
    assert no_of(granted("accept", granted.grant, who="stranger")) == (1, "WrongController")


def test_the_brand_opens_the_data(granted: Consent) -> None:
    out = granted.folder / "opened"
    said = granted.json("open", granted.grant, "--out", out, who="aurelle")
    (bundle,) = said["bundles"]
    assert set(bundle) == {"path", "category", "records", "files", "bytes"} and bundle["category"] == DATUM
    lines = [json.loads(line) for line in (out / "Purchase-1.jsonl").read_text("utf-8").splitlines()]
    assert len(lines) == bundle["records"] and all("loyaltyId" not in line["body"] for line in lines)
    assert granted("open", granted.grant, "--out", out, who="aurelle").code == 2


@pytest.mark.parametrize("who", ["stranger", "alice"])
def test_nobody_else_opens_it(granted: Consent, who: str) -> None:
    keyfiles.new_key(granted.folder / who / "keys", "own", "")
    line = ["open", granted.grant, "--out", granted.folder / "x", "--key", "own"]
    assert no_of(granted(*line, who=who)) == (1, "WrongController")
    assert not (granted.folder / "x").exists()


def test_a_new_grant_ends_the_one_it_supersedes(granted: Consent) -> None:
    old = granted.grant
    said = granted.json("grant", granted.folder / "request.json", "--supersedes", old, "--days", 5, "--yes")
    assert set(said) == ANCHORED | {"superseded"} and set(said["superseded"]) == RECEIPT
    assert no_of(granted("verify", old)) == (1, "Revoked")
    message = json.loads(granted.grant.read_bytes())["statement"]["message"]
    assert message["supersedes"] == old.stem and granted("verify", granted.grant).code == 0


def test_revoking_in_private_asks_nothing_and_names_nobody(granted: Consent) -> None:
    said = granted.json("revoke", granted.grant.stem[:14])
    assert set(said) == {"ended", "transaction"} and said["transaction"]["transaction"].startswith("0x")
    assert set(said["transaction"]) == RECEIPT
    assert said["transaction"]["sender"] != alices(granted)
    assert no_of(granted("verify", granted.grant)) == (1, "Revoked")
    assert no_of(granted("open", granted.grant, "--out", granted.folder / "x", who="aurelle")) == (1, "Revoked")


@pytest.mark.parametrize("command", [("revoke", "GRANT", "--open"), ("revoke-all",), ("retire",)])
@pytest.mark.parametrize("sender", [(), ("--sender", "self")])
def test_an_open_ending_warns_first(granted: Consent, command: tuple[str, ...], sender: tuple[str, ...]) -> None:
    account = alices(granted)
    line = [str(granted.grant) if word == "GRANT" else word for word in command]
    answer = granted(*line, *sender, typed="n\n")
    assert (
        answer.code == 1
        and f"the address {account} " in answer.err
        and "The chain will show" in answer.err
        and "Nothing was sent." in answer.err
    )
    assert granted("verify", granted.grant).code == 0
    assert granted(*line, *sender).code == 2  # nobody there to ask
    said = granted.json(*line, *sender, "--yes")
    (ended,) = said.get("accounts", [said])
    assert (ended["transaction"]["sender"] == account) is bool(sender)
    assert no_of(granted("verify", granted.grant)) == (1, "Revoked")


def test_a_stranger_cannot_revoke(granted: Consent) -> None:
    for how in ([], ["--open", "--yes"]):
        answer = granted("revoke", granted.grant, *how, who="stranger")
        assert no_of(answer) == (2, "InvalidInput")
    assert granted("verify", granted.grant).code == 0


def test_a_retired_key_file_signs_no_more(asked: Consent) -> None:
    asked.json("keys", "new", "old", phrase=PHRASE)
    asked.json("retire", "--key", "old", "--yes", phrase=PHRASE)
    answer = asked("grant", asked.folder / "request.json", "--key", "old", "--yes", phrase=PHRASE)
    assert answer.code == 2 and "retired for ever" in answer.err


def test_the_status_judges_everything_that_is_kept(accepted: Consent) -> None:
    said = accepted.json("status")
    left = {"pending", "endings", "promises", "deliveries", "damaged", "restricted", "unfinishedErasure"}
    assert set(said) == {"home", "network", "chainId", "registry", "block", "evidence"} | left
    assert not any(said[name] for name in left)
    (kept,) = said["evidence"]
    assert set(kept) == {"digest", "kind", "controller", "purposes", "state", "expiresAt", "accepted"}
    assert (kept["state"], kept["accepted"]) == ("Valid", True)
    assert "holds, until" in accepted("status").out
    accepted.json("revoke", accepted.grant)
    assert accepted.json("status")["evidence"][0]["state"] == "Revoked"
    assert "Revoked: the person revoked it" in accepted("status").out
    assert "No consent is kept here yet." in accepted("status", who="stranger").out


def test_a_notice_is_made_checked_published_and_shown(asked: Consent) -> None:
    notice, mine = asked.folder / "notice.json", asked.folder / "mine.json"
    draft = asked.folder / "draft.json"
    draft.write_text(json.dumps(json.loads(notice.read_bytes()), indent=2))
    assert no_of(asked("notice", "check", draft)) == (1, "Malformed")
    made = asked.json("notice", "new", draft, "--out", mine, who="aurelle")
    assert set(made) == {"file", "cid", "bytes"} and mine.read_bytes() == notice.read_bytes()
    checked = asked.json("notice", "check", mine)
    assert set(checked) == {"cid", "languages", "maxDays"} and checked["cid"] == made["cid"]
    assert asked.json("notice", "publish", mine) == {"cid": made["cid"], "bytes": made["bytes"]}
    assert asked.json("notice", "show", mine) == json.loads(notice.read_bytes())
    assert "personnaliser ses offres" in asked("notice", "show", mine, "--language", "fr").out


def test_the_vault_lists_what_was_added(asked: Consent) -> None:
    file = asked.folder / "letter.txt"
    file.write_text("dear me")
    added = asked.json("vault", "add", file, "--category", "pd:EmailAddress")
    members = {"id", "version", "category", "schema", "time", "source", "tags", "body", "file"}
    assert set(added) == members and added["file"]["bytes"] == 7
    listed = asked.json("vault", "list")
    assert set(listed) == {"index", "total", "isExact", "records"} and listed["records"][0] == added
    assert asked.json("vault", "show", added["id"]) == added
    lines = asked("vault", "list").out.splitlines()
    assert asked("vault", "show", lines[0].split()[0]).code == 0
    assert asked("vault", "show", "b").code == 2


def test_an_unknown_category_is_refused_with_a_suggestion(asked: Consent) -> None:
    answer = asked("vault", "add", asked.folder / "purchases.csv", "--category", "pd:Purchse")
    assert answer.code == 2 and "pd:Purchase" in answer.err and answer.out == ""


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--purpose", OTHER_PURPOSE], "was not asked for"),
        (["--days", "0"], "0 days are not possible"),
        (["--days", "366"], "1 to 365 days"),
        (["--language", "xx"], "de, en, fr"),
        (["--key", "nobody"], "no key 'nobody'"),
        (["--sender", "nobody"], "no key 'nobody'"),
    ],
)
def test_what_cannot_be_granted_is_said_before_anything_is_signed(
    asked: Consent, options: list[str], said: str
) -> None:
    answer = asked("grant", asked.folder / "request.json", "--yes", *options)
    assert answer.code == 2 and said in answer.err and answer.out == ""
    assert not (asked.folder / "alice" / "evidence").exists()


def test_the_demo_tells_every_step_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["demo", "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["step"] for line in lines] == [*(step.name for step in STEPS), "end"]
    by_name = {line["step"]: line for line in lines}
    assert by_name["verified"]["status"] == "Valid" and by_name["revoked"]["status"] == "Revoked"
    assert set(by_name["attempted"]["refused"].values()) == {"BadSignature", "PurposeNotGranted", "Expired"}
    assert by_name["opened"]["stranger"] == "NotARecipient" and by_name["end"]["dir"] is None


def test_the_demo_leaves_what_the_next_command_needs(granted: Consent, capsys: pytest.CaptureFixture[str]) -> None:
    again = granted.folder / "again"
    assert run(["demo", "--until", "asked", "--dir", str(again)]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[-1] == f"  consent grant {again}/request.json --days 90"
    assert told[-2] == f"  export CONSENT_NETWORK={again}/network CONSENT_HOME={again}/alice"
    assert granted("demo", "--dir", again).code == 2  # never over what lies there
