"""What stands where after a whole story: privacy rules 1 to 4 and 6 to 8, and the links between people and brands.

Each rule is also shown a leak that is planted, and must find it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from registry.core.crypto.keccak import keccak256
from registry.core.crypto.revocation import tag_of
from registry.core.scalars import to_hex, unhex
from tests.privacy.conftest import Recorded
from tests.privacy.known import Secret
from tests.privacy.places import PLACES, Place, leaks, on_chain
from tests.privacy.rules import announces, guessed, linked, shared_tokens, words_of, writing_calls
from tests.privacy.story import BRANDS
from tests.support.http_tap import Connection
from tests.support.kubo_node import announcing
from tests.support.privacy_scan import Scanner, packed

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
BY_NAME = {place.name: place for place in PLACES}
SPELLINGS: dict[str, Callable[[bytes], bytes]] = {
    "as it is": lambda raw: b"\0" + raw + b"\0",
    "hex": lambda raw: raw.hex().encode(),
    "0x": lambda raw: b"0x" + raw.hex().encode(),
    "upper": lambda raw: raw.hex().upper().encode(),
    "base64": lambda raw: base64.b64encode(b"x" + raw + b"y"),
    "base64url": lambda raw: base64.urlsafe_b64encode(b"xy" + raw + b"z"),
    "base32": lambda raw: base64.b32encode(b"xyz" + raw),
    "gzip": lambda raw: b"head" + packed(raw),
}
TEXT_SPELLINGS: dict[str, Callable[[str], bytes]] = {
    "text": lambda text: f"[{text}]".encode(),
    "JSON": lambda text: json.dumps({"a": text}).encode(),
    "UTF-16": lambda text: text.encode("utf-16-le"),
}


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
def test_nothing_stands_in_a_place_but_what_may(recorded: Recorded, place: Place) -> None:
    assert any(raw for _, raw in recorded.held[place.name])
    assert leaks(place, recorded.secrets, recorded.held[place.name]) == {}


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
def test_what_may_stand_in_a_place_does(recorded: Recorded, place: Place) -> None:
    """What is found nowhere needs no permission; and the scan is not blind to what is there."""
    found: set[str] = set()
    for other in (each for each in PLACES if each.may is place.may):
        own = {name: secret.value for name, secret in recorded.secrets.items() if other.allows(secret)}
        found |= {recorded.secrets[each.name].kind for each in Scanner(own).scan(recorded.held[other.name])}
    assert found == set(place.may)


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
def test_a_planted_leak_is_found(recorded: Recorded, place: Place) -> None:
    """One secret of every kind that must not stand there, in every spelling."""
    chosen: dict[str, str] = {}
    allowed = [secret.value for secret in recorded.secrets.values() if place.allows(secret)]
    for name, secret in recorded.secrets.items():
        if not place.allows(secret) and secret.value not in allowed:
            chosen.setdefault(f"{secret.kind} of {sorted(secret.who)}", name)
    assert len(chosen) > 10
    held = max((raw[: 1 << 19] for _, raw in recorded.held[place.name]), key=len)
    for name in chosen.values():
        planted = list(_planted(recorded.secrets[name]))
        found = leaks(place, {name: recorded.secrets[name]}, planted)
        assert {where.split(" (")[0] for where in found[name]} == {spelling for spelling, _ in planted}, name
    middle = len(held) // 2
    raw = held[:middle] + b"".join(b"|" + planted[0][1] for planted in _of_all(recorded, chosen)) + held[middle:]
    assert leaks(place, recorded.secrets, [("all", raw)]).keys() >= set(chosen.values())


def _of_all(recorded: Recorded, chosen: dict[str, str]) -> list[list[tuple[str, bytes]]]:
    return [list(_planted(recorded.secrets[name])) for name in chosen.values()]


def _planted(secret: Secret) -> list[tuple[str, bytes]]:
    value = secret.value
    found: list[tuple[str, bytes]] = []
    if isinstance(value, str):
        found += [(name, spelled(value)) for name, spelled in TEXT_SPELLINGS.items()]
        raw = unhex(value) if value.startswith("0x") and len(value) % 2 == 0 else value.encode()
    else:
        raw = value
    return found + [(name, spelled(raw)) for name, spelled in SPELLINGS.items()]


def test_rule_1_no_unsalted_hash_on_the_chain(recorded: Recorded) -> None:
    held = recorded.held["the chain"]
    assert leaks(BY_NAME["the chain"], recorded.hashes, held) == {}
    record = next(secret for secret in recorded.secrets.values() if secret.kind == "record")
    planted = [*held, ("calldata", b"\0" * 4 + keccak256(str(record.value).encode()))]
    assert leaks(BY_NAME["the chain"], recorded.hashes, planted)


def test_rule_2_the_same_grant_twice_gives_unlinkable_anchors(recorded: Recorded) -> None:
    one, two = (_words(recorded, number) for number in (0, 1))
    assert len(one) == len(two) == 6 and not one & two
    sentences = {recorded.secrets[f"{number} sentence"].value for number in (0, 1)}
    assert len(sentences) == 1  # it is the same grant


def _words(recorded: Recorded, number: int) -> set[bytes | str]:
    """What the chain, the notary and the brand can know one grant by."""
    names = ("statement commitment", "acceptance commitment", "statement salt", "lock", "handle", "tag")
    return {recorded.secrets[f"{number} {name}"].value for name in names}


def test_rule_2_a_dictionary_tells_nothing(recorded: Recorded) -> None:
    people, brands = recorded.values("account"), [each for each in recorded.values("brand") if each.startswith("0x")]
    terms = [*recorded.values("purpose"), "aurelle.example"]
    words = words_of(recorded.held["the chain"])
    assert len(words) > 20 and guessed(words, people, brands, terms) == set()
    # What careless software would have put there: a weak salt, or none.
    person = people[0]
    careless = [unhex(tag_of(person, to_hex(bytes(32)))), keccak256(unhex(person) + unhex(brands[0]))]
    for word in careless:
        assert guessed(words_of([("calldata 1", bytes(4) + word)]), people, brands, terms)
        assert guessed(words | words_of([("logs", to_hex(word).encode())]), people, brands, terms)


def test_rule_3_an_open_ending_shows_the_address_and_the_default_does_not(recorded: Recorded) -> None:
    """`test_an_open_ending_warns_first` has the warning before it."""
    story = recorded.story
    theirs = {name: secret for name, secret in recorded.secrets.items() if secret.kind == "account"}
    assert len({each.value for each in theirs.values()}) == 4
    assert leaks(BY_NAME["the chain"], theirs, recorded.held["the chain"]) == {}
    bobs = next(evidence for who, brand, evidence in story.given if (who, brand) == ("bob", "aurelle"))
    alone = {"CONSENT_NOTARY": "none", "CONSENT_RPC_URL": story.chain}
    ended = story.run("bob", "revoke", to_hex(bobs.digest), "--open", "--sender", "self", "--yes", **alone)
    assert ended.returncode != 0  # an account without money pays nothing; the signed form is relayed
    subject = bobs.statement.message.subject  # type: ignore[union-attr]
    planted = [*on_chain(story), ("logs of an open ending", json.dumps({"topics": [subject.lower()]}).encode())]
    assert {theirs[name].value for name in leaks(BY_NAME["the chain"], theirs, planted)} == {subject}


def test_rule_4_verifying_is_not_noticed(recorded: Recorded) -> None:
    before, after = recorded.story.verified
    heard = recorded.story.taps["node to auditor"].heard
    assert before == after and any(b"eth_call" in bytes(each.asked) for each in heard)
    assert writing_calls(heard) == []
    planted = Connection(bytearray(b'{"method":"eth_sendRawTransaction","params":[]}'))
    assert writing_calls([*heard, planted]) == ["eth_sendRawTransaction"]


@pytest.mark.parametrize("tap", ["notary to people", "notary to brands"])
def test_a_notary_hears_of_each_statement_alone(recorded: Recorded, tap: str) -> None:
    heard = recorded.story.taps[tap].heard
    assert len(heard) > 4 and linked(heard, recorded.secrets) == []
    told = b"".join(bytes(each.asked) for each in heard).lower()
    assert not [name for name in (b"cookie", b"user-agent", b"referer", b"accept-language") if name in told]
    own = [secret.value for secret in recorded.secrets.values() if secret.kind == "anchor"]
    both = Connection(bytearray(b"".join(each for each in own[:2] if isinstance(each, bytes))))
    assert len(linked([*heard, both], recorded.secrets)) == 1


def test_two_brands_hold_nothing_in_common(recorded: Recorded) -> None:
    """But for the chain that both follow, its registry, and the zero words of members that are not used."""
    one, two = (recorded.held[f"database of {name}"] for name in BRANDS)
    chain = {to_hex(word) for word in words_of(recorded.held["the chain"])}
    public = {recorded.story.deployment.registry.lower(), "0x" + "00" * 32}
    assert shared_tokens(one, two) <= chain | public
    planted = [*one, ("rows", recorded.values("account")[0].encode())]
    assert shared_tokens(planted, [*two, *planted[-1:]]) > shared_tokens(one, two)


def test_rule_8_the_node_announces_nothing_and_one_that_would_is_refused(recorded: Recorded, tmp_path: Path) -> None:
    story = recorded.story
    assert announces((story.kubo.repo / "config").read_bytes()) == []
    (tmp_path / "note.txt").write_text("Mondraute für alle")
    with announcing() as node:
        assert announces((node.repo / "config").read_bytes())
        clean = len(node.block_files())
        line = ("vault", "add", tmp_path / "note.txt", "--category", "pd:Purchase")
        refused = story.run("auditor", *line, CONSENT_IPFS=node.address)
        assert refused.returncode != 0 and "announce" in refused.stderr + refused.stdout
        assert len(node.block_files()) == clean
        allowed = story.run("auditor", *line, "--allow-announcing", CONSENT_IPFS=node.address)
        assert allowed.returncode == 0 and len(node.block_files()) > clean


def test_rule_6_a_brand_drops_what_an_ended_grant_handed_over(recorded: Recorded) -> None:
    """The first grant has ended and was acknowledged; the same one that was given a second time still lives."""
    held = recorded.held["folder of aurelle"]
    ended, live = (
        {name: secret for name, secret in recorded.secrets.items() if name.startswith(f"{number} content")}
        for number in (0, 1)
    )
    nowhere = Place("folder after", "the brand", lambda story: [])
    assert ended and leaks(nowhere, ended, held) == {}
    assert leaks(nowhere, live, held)


def test_rule_7_what_is_on_a_legal_hold_stays_and_is_out_of_use(recorded: Recorded) -> None:
    """`tests/vault/test_shred.py` has the days and their ends; here a whole vault is held, released, and then goes."""
    story = recorded.story
    mine = len(story.told("alice", "vault", "search", "Sternwurz")["records"])
    held = story.told("alice", "vault", "shred", "pd:Purchase", "--hold", "tax law", "--until", "2032-12-31")
    assert mine == 8 <= held["withdrawn"] and story.told("alice", "vault", "search", "Sternwurz")["records"] == []
    refused = story.run("alice", "vault", "shred", "pd:Purchase", "--yes")
    assert refused.returncode != 0 and "on a legal hold" in refused.stdout + refused.stderr
    (first, *_) = story.told("alice", "vault", "shred", "pd:Purchase", "--dry-run")["onHold"]
    assert (first["reason"], first["until"]) == ("tax law", "2032-12-31")
    assert story.told("alice", "vault", "release", "pd:Purchase")["released"] == held["withdrawn"]
    assert len(story.told("alice", "vault", "search", "Sternwurz")["records"]) == 8


def _is_note(pair: tuple[str, bytes]) -> bool:
    return pair[0].startswith("deliveries/")


def test_rule_6_erasure_leaves_no_record_no_key_and_no_ciphertext(recorded: Recorded) -> None:
    """Both people shred all: on the node, on their disks and in what the node keeps pinned, nothing of it is left."""
    story = recorded.story
    sealed = {name: secret for name, secret in recorded.secrets.items() if secret.kind in ("ciphertext", "block")}
    gone = {name: secret for name, secret in recorded.secrets.items() if secret.kind in ("record", "own", "bundle")}
    for who in ("alice", "bob"):
        assert story.told(who, "vault", "shred", "ALL", "--yes")["complete"] is True
    # Older names of homes wait for the node's own collection. They are sealed, and lead to indexes that are gone.
    story.kubo.collect()
    blocks = Place("blocks after", "whoever runs the node", lambda story: [])
    files = [(file.name, file.name.encode() + b"\n" + file.read_bytes()) for file in story.kubo.block_files()]
    assert leaks(blocks, gone | sealed, files) == {}
    for who in ("alice", "bob"):
        # What was delivered is noted by CIDs, beside the evidence that it belongs to.
        disk = [pair for pair in BY_NAME[f"disk of {who}"].read(story) if not _is_note(pair)]
        assert leaks(Place("disk after", "a thief", lambda story: []), gone | sealed, disk) == {}
    # One block that came back is found.
    name, block = next((name, secret) for name, secret in sealed.items() if secret.kind == "ciphertext")
    assert name in leaks(blocks, sealed, [*files, ("a block", b"age-encryption.org/v1\n" + bytes(block.value))])  # type: ignore[arg-type]
