"""What a person reads and accepts before they sign, at the terminal."""

from __future__ import annotations

import json
import re
from pathlib import Path

from registry.client.home import Home
from registry.core import codec
from registry.core.evidence.file import parse_evidence
from registry.wallets import keyfiles
from tests.cli.test_cli_accounts import another_brand
from tests.client.test_risks import X25519
from tests.core.test_profiles import document
from tests.support.consent_world import DATUM, Consent
from tests.support.http_answers import Answer, answering


def weak_request(world: Consent) -> Path:
    """The request of a brand whose recipient is not post-quantum."""
    Home(world.folder / "bazaar").create("")
    notice, out = world.folder / "bazaar.notice", world.folder / "bazaar.json"
    draft = json.loads((world.folder / "notice.json").read_bytes())
    draft["controller"]["name"] = "Bazaar"
    notice.write_text(json.dumps(draft))
    world.json("notice", "new", notice, "--out", notice, "--force", who="bazaar")
    notice.write_text(re.sub("age1pq1[a-z0-9]+", X25519, notice.read_text()))
    world.json("request", "--notice", notice, "--out", out, "--data", DATUM, who="bazaar")
    return out


def test_a_weak_key_is_asked_about_and_yes_is_not_enough(asked: Consent) -> None:
    """(item 4)"""
    request = weak_request(asked)
    answer = asked("grant", request, "--yes")
    assert answer.code == 2 and "not post-quantum" in answer.err and "--accept-risk not-post-quantum" in answer.err
    no = asked("grant", request, typed="n\n")
    assert no.code == 1 and "Accept this? [y/N]" in no.err and "Sign it?" not in no.err
    assert asked("grant", request, typed="y\nn\n").code == 1
    assert asked("grant", request, typed="y\ny\n").code == 0


def test_a_flag_accepts_a_risk(asked: Consent) -> None:
    request = weak_request(asked)
    assert asked("grant", request, "--yes", "--accept-risk", "all").code == 2
    assert asked("grant", request, "--yes", "--accept-risk", "not-post-quantum").code == 0


def test_a_payer_of_two_brands_is_told_before(granted: Consent) -> None:
    """(item 6) For a grant it has to be accepted; an ending tells it, and is never refused."""
    payer = keyfiles.new_key(granted.folder / "alice" / "keys", "payer", "")
    paying, second = ("--sender", "key:payer"), another_brand(granted)
    granted.json("grant", granted.folder / "request.json", "--again", "--yes", *paying)
    answer = granted("grant", second, "--yes", *paying)
    assert (
        answer.code == 2 and f"The account {payer} pays openly" in answer.err and "Bazaar, Maison Aurelle" in answer.err
    )
    assert granted("refuse", second, "--yes", *paying).code == 2
    assert granted("grant", second, typed="n\n").code == 1
    other = granted.json("grant", second, "--yes")["file"]
    told = granted("revoke", other, *paying, typed="n\n")
    assert told.code == 1 and "can tell together that you are one person: Bazaar, Maison Aurelle" in told.err
    assert granted("revoke", other, "--yes", *paying).code == 0
    answer = granted("grant", second, "--again", "--yes", "--accept-risk", "links-brands", *paying)
    assert answer.code == 0


def request_for_files(asked: Consent) -> Path:
    """A request for the files of purchases."""
    draft = json.loads((asked.folder / "notice.json").read_bytes())
    draft["more"]["fields"] = [{"category": DATUM, "members": ["$file"]}]
    (asked.folder / "draft.json").write_text(json.dumps(draft))
    notice, request = asked.folder / "files-notice.json", asked.folder / "files-request.json"
    asked.json("notice", "new", asked.folder / "draft.json", "--out", notice, who="aurelle")
    more = ("--purpose", "dpv:Personalisation", "--data", DATUM)
    asked.json("request", "--notice", notice, *more, "--out", request, who="aurelle")
    return request


def test_the_names_of_files_are_handed_over_on_request(asked: Consent, tmp_path: Path) -> None:
    """(item 5)"""
    assert asked("vault", "add", asked.folder / "request.json", "--category", DATUM).code == 0
    request = request_for_files(asked)
    kept = asked("grant", request, "--yes")
    assert "1 record: its file without the file’s name." in kept.err
    given = asked("grant", request, "--yes", "--again", "--names")
    assert "1 record: its file with the file’s name." in given.err
    files = [line.split()[-1] for answer in (kept, given) for line in answer.out.splitlines() if "Hand over" in line]
    for number, file in enumerate(files):
        assert asked("open", file, "--out", tmp_path / str(number), who="aurelle").code == 0
    lines = [json.loads((tmp_path / number / "Purchase-1.jsonl").read_bytes()) for number in "01"]
    assert [line["file"]["name"] for line in lines] == ["file.json", "request.json"]


def test_a_forged_file_is_said_first(granted: Consent, tmp_path: Path) -> None:
    """(item 4)"""
    forged = tmp_path / "forged.json"
    forged.write_text(granted.grant.read_text("utf-8").replace("its offers, until", "everything, until"), "utf-8")
    for more in ([], ["--html", tmp_path / "page.html"]):
        answer = granted("evidence", "show", forged, *more)
        assert answer.out.startswith("The file contradicts itself. Do not rely on it.")


def test_the_brands_domain_is_asked_who_it_is(asked: Consent) -> None:
    request = parse_evidence((asked.folder / "request.json").read_bytes())
    domain, controller = request.statement.domain, request.parsed_notice.controller  # type: ignore[union-attr]
    place = {"chainId": domain.chain_id, "registry": domain.verifying_contract}
    account = place | {"account": controller.account, "recipients": [controller.recipient]}
    profile = codec.dump(document(accounts=[account]))
    answer = asked("grant", asked.folder / "request.json", typed="n\n")
    assert "Why it is not confirmed: aurelle.example is a name that nobody can own." in " ".join(answer.err.split())
    with answering(lambda _: Answer(body=profile)) as served:
        settings = asked.folder / "network" / "network.toml"
        settings.write_text(f'[domains]\n"aurelle.example" = "{served.url}"\n')
        answer = asked("grant", asked.folder / "request.json", typed="y\n")
    assert answer.code == 0 and "aurelle.example confirms its account" in " ".join(answer.err.split())
    assert "Nobody has confirmed" not in answer.err and len(list((asked.folder / "alice" / "confirmed").iterdir())) == 1


def test_a_bad_table_of_domains_keeps_nobody_from_ending(granted: Consent) -> None:
    (granted.folder / "network" / "network.toml").write_text('[domains]\n"aurelle.example" = "http://192.0.2.1"\n')
    assert granted("revoke", granted.grant).code == 0


def test_domains_stay_on_this_machine(asked: Consent) -> None:
    settings = asked.folder / "network" / "network.toml"
    for line, why in (
        ('"aurelle.example" = "http://192.0.2.1"', "no URL on this machine"),
        ("aurelle = 5", "[domains]"),
    ):
        settings.write_text(f"[domains]\n{line}\n")
        answer = asked("grant", asked.folder / "request.json", "--yes")
        assert answer.code == 2 and why in answer.err
