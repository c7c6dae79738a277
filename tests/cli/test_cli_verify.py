"""``verify``, ``evidence``: every flag answers its own question, and what is not asked is never implied."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from registry.cli.main import run
from registry.ledger.base import read_deployment
from tests.support.consent_world import DATUM, ERROR, OTHER_PURPOSE, PURPOSE, TERMS, Consent, no_of

QUESTIONS = ("controller", "purposes", "data", "terms", "acceptance", "confirmations", "maxBackdate")
SHOWN = ("Controller", "Purposes", "Data", "Terms", "Acceptance", "Confirmations", "Back-dating")


def brand(world: Consent) -> str:
    return str(world.json("keys", "show", who="aurelle")["address"])


def test_what_is_not_asked_says_so(granted: Consent) -> None:
    answer = granted("verify", granted.grant)
    assert answer.code == 0 and answer.out.splitlines()[0] == "Yes: this Grant holds."
    said = dict(line.split("  ", 1) for line in answer.out.splitlines()[1:])
    assert [said[name].strip() for name in SHOWN] == ["not asked"] * len(SHOWN)
    assert said["Counter-signed"].strip() == "none" and answer.err == ""


def test_the_json_of_a_yes(granted: Consent) -> None:
    said = granted.json("verify", granted.grant)
    names = {
        "verified",
        "kind",
        "digest",
        "author",
        "signer",
        "anchoredAt",
        "now",
        "chainId",
        "block",
        "asked",
        "acceptance",
    }
    names |= {"controller", "purposes", "data", "expiresAt", "registry"}
    assert set(said) == names and said["verified"] is True and said["kind"] == "Grant"
    assert (said["controller"], said["purposes"], said["data"]) == (brand(granted), [PURPOSE], [DATUM])
    message = json.loads(granted.grant.read_bytes())["statement"]
    assert said["registry"] == message["domain"]["verifyingContract"]
    assert said["expiresAt"] == message["message"]["expiresAt"]
    assert said["asked"] == dict.fromkeys(QUESTIONS, "not asked")
    assert said["digest"] == granted.grant.stem


@pytest.mark.parametrize(
    ("options", "question", "answer"),
    [
        (["--purpose", PURPOSE], "purposes", PURPOSE),
        (["--data", DATUM], "data", DATUM),
        (["--terms", TERMS], "terms", TERMS),
        (["--accepted"], "acceptance", "required"),
        (["--confirmations", "1"], "confirmations", "1"),
        (["--max-backdate", "60"], "maxBackdate", "60"),
    ],
)
def test_each_flag_asks_one_question(accepted: Consent, options: list[str], question: str, answer: str) -> None:
    asked = accepted.json("verify", accepted.grant, *options)["asked"]
    assert asked == dict.fromkeys(QUESTIONS, "not asked") | {question: answer}


def test_the_controller_is_any_of_those_named(granted: Consent) -> None:
    other = granted.json("keys", "show", who="stranger")["address"]
    asked = granted.json("verify", granted.grant, "--controller", other, "--controller", brand(granted).lower())
    assert brand(granted) in asked["asked"]["controller"]
    assert no_of(granted("verify", granted.grant, "--controller", other)) == (1, "WrongController")


@pytest.mark.parametrize(
    ("options", "name"),
    [
        (["--purpose", PURPOSE, "--purpose", OTHER_PURPOSE], "PurposeNotGranted"),
        (["--data", "pd:Name"], "DataNotGranted"),
        (["--terms", "ieee-7012:SD-OTHER"], "TermsNotGranted"),
        (["--accepted"], "NotAccepted"),
        (["--confirmations", "900"], "NotAnchored"),
        (["--at", "2020-01-01T00:00:00Z"], "NotAnchored"),
        (["--at", "0"], "NotAnchored"),
        (["--at", "2090-01-01"], "Expired"),
        (["--at", "9" * 30], "Expired"),
    ],
)
def test_each_no_has_its_name_and_one_sentence_of_advice(granted: Consent, options: list[str], name: str) -> None:
    answer = granted("verify", granted.grant, *options)
    assert no_of(answer) == (1, name) and answer.err == ""
    verdict, advice = answer.out.splitlines()
    assert verdict.startswith(f"No: {name}: ") and advice.endswith(".")
    said = granted("verify", granted.grant, *options, "--json").document
    assert set(said) == ERROR | {"verified"} and (said["verified"], said["exit"], said["error"]) == (False, 1, name)


@pytest.mark.parametrize(
    "options",
    [
        ["--controller", "0x12"],
        ["--controller", "0x" + "zz" * 20],
        ["--controller", "0x5FbDB2315678afecb367f032d93F642f64180AA3"],
        ["--confirmations", "-1"],
        ["--confirmations", "many"],
        ["--confirmations", "99999999999"],
        ["--max-backdate", "-1"],
        ["--at", "yesterday"],
        ["--at", "-5"],
        ["--at", ""],
        ["--rpc-url", "nonsense"],
        ["--unheard-of"],
        ["another.json"],
    ],
)
def test_what_makes_no_sense_is_usage(granted: Consent, options: list[str]) -> None:
    answer = granted("verify", granted.grant, *options)
    assert answer.code == 2 and answer.out == ""
    said = granted("verify", granted.grant, *options, "--json").document
    assert set(said) == ERROR and said["exit"] == 2 and said["advice"].endswith(".")


def test_an_unreachable_chain_is_neither_yes_nor_no(granted: Consent) -> None:
    answer = granted("verify", granted.grant, "--rpc-url", "http://127.0.0.1:9")
    assert no_of(answer) == (3, "LedgerUnavailable") and answer.out == ""
    said = granted("verify", granted.grant, "--rpc-url", "http://127.0.0.1:9", "--json").document
    assert set(said) == ERROR and said["exit"] == 3


def test_a_damaged_chain_is_neither_yes_nor_no(granted: Consent) -> None:
    (granted.folder / "network" / "chain.sqlite").write_bytes(b"not a database" * 1000)
    answer = granted("verify", granted.grant)
    assert no_of(answer) == (3, "LedgerUnavailable") and answer.out == ""


def test_the_chain_is_the_configured_one_never_the_files(granted: Consent) -> None:
    """(item 10) Another chain could not check it, and both are named."""
    elsewhere = granted.folder / "elsewhere"
    assert granted.json("init", "--network", elsewhere)["networkMade"] is True
    answer = granted("verify", granted.grant, "--network", elsewhere)
    mine, theirs = (read_deployment(place / "deployment.json") for place in (granted.folder / "network", elsewhere))
    assert answer.code == 3 and all(str(each.chain_id) in answer.err for each in (mine, theirs))
    status = granted("status", "--network", elsewhere)
    assert status.code == 0 and "not checked: LedgerUnavailable" in status.out


@pytest.mark.parametrize("line", [("verify", "GRANT"), ("status",), ("doctor",), ("grant", "REQUEST", "--yes")])
@pytest.mark.parametrize("by", ["flag", "variable"])
def test_a_network_that_is_not_there(
    granted: Consent, line: tuple[str, ...], by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """(item 10) A mistyped name is an error of usage, and nothing is made there."""
    typo = granted.folder / "netwrok"
    files = {"GRANT": str(granted.grant), "REQUEST": str(granted.folder / "request.json")}
    words = [files.get(word, word) for word in line]
    if by == "variable":
        monkeypatch.setenv("CONSENT_NETWORK", str(typo))
        code = run([*words, "--home", str(granted.folder / "alice")])
    else:
        code = granted(*words, "--network", typo).code
    assert code == 2 and not typo.exists()


def test_before_and_after_a_revocation(granted: Consent) -> None:
    # A block has a second to itself: the anchor's own second is the one that surely lies before the revocation.
    before = granted.json("verify", granted.grant)["anchoredAt"]
    granted.json("revoke", granted.grant)
    assert no_of(granted("verify", granted.grant)) == (1, "Revoked")
    assert granted.json("verify", granted.grant, "--at", before)["now"] == before
    assert no_of(granted("verify", granted.grant, "--at", "2090-01-01")) == (1, "Revoked")


def test_a_stand_alone_acceptance_is_judged_beside_its_grant(accepted: Consent) -> None:
    whole = json.loads(accepted.grant.read_bytes())
    alone = accepted.folder / "acceptance.json"
    part = whole["acceptance"] | {"type": "ConsentEvidence", "version": 1}
    alone.write_text(json.dumps(part, sort_keys=True, separators=(",", ":")))
    assert accepted.json("verify", alone, "--grant", accepted.grant)["kind"] == "Acceptance"
    assert no_of(accepted("verify", alone)) == (1, "NotAccepted")


def test_a_request_can_be_verified(asked: Consent) -> None:
    answer = asked("verify", asked.folder / "request.json")
    assert answer.code == 0 and "not anchored: requests are not" in answer.out


def test_the_digest_of_what_is_kept_stands_for_its_file(granted: Consent) -> None:
    digest = granted.grant.stem
    assert granted.json("verify", digest)["digest"] == granted.json("verify", digest[:8])["digest"] == digest
    assert granted("verify", "0x" + "00" * 32).code == 2


def test_the_bounds_come_from_the_flag_the_variable_the_file(
    accepted: Consent, monkeypatch: pytest.MonkeyPatch
) -> None:
    (accepted.folder / "alice" / "config.toml").write_text('key = "main"\nconfirmations = 1\n')
    assert accepted.json("verify", accepted.grant)["asked"]["confirmations"] == "1"
    monkeypatch.setenv("CONSENT_CONFIRMATIONS", "900")
    assert no_of(accepted("verify", accepted.grant)) == (1, "NotAnchored")
    assert accepted.json("verify", accepted.grant, "--confirmations", "0")["asked"]["confirmations"] == "not asked"


@pytest.mark.parametrize(
    "config", ["confirmations = 'x'", "confirmations = -1", "max_backdate = true", "rpc_url = 5", "key = ", "\x00", "é"]
)
def test_a_bad_configuration_is_usage(granted: Consent, config: str) -> None:
    (granted.folder / "alice" / "config.toml").write_text(config, encoding="latin-1")
    answer = granted("verify", granted.grant)
    assert no_of(answer) == (2, "InvalidInput") and answer.err.count("\n") == 2


def test_evidence_is_shown_without_a_chain(granted: Consent) -> None:
    answer = granted("evidence", "show", granted.grant, "--network", granted.folder / "none")
    assert answer.code == 0 and "`consent verify` says whether it holds" in answer.out
    assert not (granted.folder / "none").exists()
    assert granted.json("evidence", "show", granted.grant) == json.loads(granted.grant.read_bytes())


@pytest.mark.parametrize("indent", [None, 1, "\t"])
def test_a_reformatted_file_is_refused_and_can_be_put_right(granted: Consent, indent: int | str | None) -> None:
    raw = granted.grant.read_bytes()
    pretty = granted.folder / "pretty.json"
    pretty.write_text(json.dumps(json.loads(raw), indent=indent))
    answer = granted("verify", pretty)
    assert no_of(answer) == (1, "Malformed") and "consent evidence canonical" in answer.err
    assert granted("evidence", "canonical", pretty).out.encode() == raw
    assert granted.json("evidence", "canonical", pretty, "--out", pretty, "--force") == {
        "file": str(pretty),
        "bytes": len(raw),
    }
    assert pretty.read_bytes() == raw and granted("verify", pretty).code == 0


def test_canonical_does_not_mend_a_changed_value(granted: Consent) -> None:
    document = json.loads(granted.grant.read_bytes())
    document["statement"]["message"]["expiresAt"] += 1
    changed = granted.folder / "changed.json"
    changed.write_text(json.dumps(document, indent=2))
    assert granted("evidence", "canonical", changed, "--out", changed, "--force").code == 0
    assert no_of(granted("verify", changed)) == (1, "BadSignature")


class TestMany:
    """One line each, and one exit code for all (item 19)."""

    @pytest.fixture
    def folder(self, accepted: Consent, worlds: Callable[[str], Path]) -> Path:
        """A folder with a yes, a file that was cut off, and one of another chain."""
        folder = accepted.folder / "received"
        folder.mkdir()
        yes = accepted.grant.read_bytes()
        (folder / "1.json").write_bytes(yes)
        (folder / "2.json").write_bytes(yes[:-9])
        (other,) = (worlds("granted") / "alice" / "evidence").glob("0x*.json")
        (folder / "3.json").write_bytes(other.read_bytes())
        (folder / "notes.txt").write_text("no evidence")
        return folder

    def test_each_file_gets_its_line(self, accepted: Consent, folder: Path) -> None:
        answer = accepted("verify", folder)
        lines = answer.out.splitlines()
        assert [line.split("  ")[0] for line in lines] == [str(folder / f"{n}.json") for n in (1, 2, 3)]
        assert "  Yes: this Grant holds, until " in lines[0] and lines[0].endswith(", accepted")
        assert "  No: Malformed: " in lines[1] and "  Not checked: LedgerUnavailable: " in lines[2]
        assert answer.code == 3 and answer.err == ""

    @pytest.mark.parametrize(("kept", "code"), [("1", 0), ("12", 1), ("13", 3), ("2", 1), ("23", 3)])
    def test_what_could_not_be_checked_goes_before_a_no(
        self, accepted: Consent, folder: Path, kept: str, code: int
    ) -> None:
        files = [folder / f"{n}.json" for n in kept]
        named = accepted("verify", *files, files[0])
        assert named.code == code and len(named.out.splitlines()) == len(files) + 1
        for file in set(folder.glob("*.json")) - set(files):
            file.unlink()
        assert accepted("verify", folder).code == code

    def test_their_json(self, accepted: Consent, folder: Path) -> None:
        said = [json.loads(line) for line in accepted("verify", folder, "--json").out.splitlines()]
        assert [(Path(one["file"]).name, one["verified"]) for one in said] == [
            ("1.json", True),
            ("2.json", False),
            ("3.json", None),
        ]
        assert said[0] == {"file": said[0]["file"]} | accepted.json("verify", folder / "1.json") | {
            name: said[0][name] for name in ("now", "block")
        }
        assert set(said[1]) == set(said[2]) == ERROR | {"file", "verified"}
        assert [one.get("exit") for one in said] == [None, 1, 3]

    def test_the_questions_hold_for_all(self, accepted: Consent, folder: Path) -> None:
        answer = accepted("verify", folder / "1.json", accepted.grant, "--purpose", OTHER_PURPOSE)
        assert answer.code == 1 and answer.out.count("No: PurposeNotGranted") == 2
        assert accepted("verify", folder / "1.json", accepted.grant, "--at", "0").out.count("No: NotAnchored") == 2

    def test_what_cannot_be_read_is_usage_before_anything_is_judged(self, accepted: Consent, folder: Path) -> None:
        empty = accepted.folder / "empty"
        empty.mkdir()
        for wrong in (folder / "4.json", empty):
            answer = accepted("verify", folder / "1.json", wrong)
            assert (answer.code, answer.out) == (2, "")
        assert accepted("verify", folder, "--grant", folder / "1.json").code == 2

    def test_what_only_has_the_name_of_a_file(self, accepted: Consent, folder: Path) -> None:
        """A folder in the folder ended everything, and a pipe there was waited for without end."""
        (folder / "deep.json").mkdir()
        os.mkfifo(folder / "pipe.json")
        assert len(accepted("verify", folder).out.splitlines()) == 3
        (folder / "5.json").symlink_to(folder / "nowhere")
        answer = accepted("verify", folder)
        assert (answer.code, answer.out) == (2, "") and "5.json" in answer.err

    def test_a_chain_that_is_away(self, accepted: Consent, folder: Path) -> None:
        assert accepted("verify", folder, "--rpc-url", "http://127.0.0.1:9").code == 3
