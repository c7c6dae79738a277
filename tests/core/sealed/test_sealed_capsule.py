"""Capsules and updates open only for their recipient and grant, and only as their vault signed them."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest
from rich.pretty import pretty_repr

from registry.core import codec
from registry.core.age.stream import open_bytes, seal_bytes
from registry.core.errors import (
    ConsentError,
    DamagedSeal,
    InvalidInput,
    Malformed,
    NotARecipient,
    SealedDataError,
    WrongCapsule,
)
from registry.core.ipld.cid import cid_of_block
from registry.core.sealed.bundles import MAX_MEMBERS, BundleKey, View
from registry.core.sealed.capsule import MAX_SEALED, Capsule, StreamUpdate, open_capsule, open_update
from registry.core.sealed.documents import public_key_of, seal_document, signed
from registry.core.sealed.frame import unpack
from tests.support.builders import CONTROLLER, SUBJECT, grant_message, word
from tests.support.sealed_builders import (
    EMAILS,
    OTHER_VAULT,
    SIGNER,
    VAULT,
    bomb,
    bundle_key,
    framed,
    identity,
    recipient,
    resealed,
    sealed,
    view,
)

GRANT = grant_message()
BRAND = identity("brand")


def capsule(**changes: Any) -> Capsule:
    members: dict[str, Any] = {
        "subject": GRANT.subject,
        "controller": GRANT.controller,
        "lock": GRANT.revocation,
        "vault_key": SIGNER,
        "mailbox": recipient("mailbox"),
        "streams": (bundle_key(),),
    }
    return Capsule(**members | changes)


def update(**changes: Any) -> StreamUpdate:
    return StreamUpdate(**{"grant": word(7), "number": 3, "streams": (bundle_key(), bundle_key(2))} | changes)


def plain(document: Any) -> dict[str, Any]:
    members: dict[str, Any] = msgspec.to_builtins(document)
    return members


def opened(raw: bytes, grant: Any = GRANT) -> Capsule:
    return open_capsule(raw, BRAND, grant)


def test_there_and_back() -> None:
    for made in (capsule(), capsule(streams=()), capsule(streams=tuple(map(bundle_key, range(1, 60))))):
        raw = sealed(made, to="brand")
        assert opened(raw) == signed(made, VAULT)
        assert len(raw) < 16_384


def test_the_json_of_both() -> None:
    raw = unpack(open_bytes(sealed(capsule(), to="brand"), [BRAND]), 10_000)
    members = codec.canonical(raw, 10_000)
    assert members == raw
    for document, names in (
        (capsule(), "controller lock mailbox signature streams subject type vaultKey version"),
        (update(), "grant number signature streams type version"),
    ):
        assert sorted(plain(document)) == names.split()
        assert sorted(plain(document)["streams"][0]) == ["category", "head", "identity", "stream", "view"]
    everything = view(schema="purchase/1", from_="2025-01-01", until="2026-01-01", source=True, tags=True)
    assert sorted(plain(everything)) == ["category", "from", "members", "schema", "source", "tags", "until"]
    assert sorted(plain(view())) == ["category", "members"]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"subject": CONTROLLER}, "another subject"),
        ({"controller": SUBJECT}, "another controller"),
        ({"lock": word(5)}, "another lock"),
    ],
)
def test_for_another_grant(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(WrongCapsule, match=says):
        opened(sealed(capsule(**changes), to="brand"))
    names = {"lock": "revocation"}
    grant = msgspec.structs.replace(GRANT, **{names.get(name, name): value for name, value in changes.items()})
    with pytest.raises(WrongCapsule, match=says):
        opened(sealed(capsule(), to="brand"), grant)
    assert opened(sealed(capsule(**changes), to="brand"), grant)


def test_signed_by_another_vault() -> None:
    with pytest.raises(WrongCapsule, match="not signed by the vault"):
        opened(sealed(capsule(), by=OTHER_VAULT, to="brand"))
    with pytest.raises(WrongCapsule, match="not signed by the vault"):
        open_update(sealed(update(), by=OTHER_VAULT, to="brand"), BRAND, word(7), SIGNER)
    other = public_key_of(OTHER_VAULT)
    assert open_update(sealed(update(), by=OTHER_VAULT, to="brand"), BRAND, word(7), other)


@pytest.mark.parametrize("bad", ["0x" + "00" * 32, "0x" + "ff" * 32, "0x02" + "00" * 31])
def test_a_key_that_is_none(bad: str) -> None:
    with pytest.raises(WrongCapsule, match="not signed by the vault"):
        opened(sealed(capsule(vault_key=bad), to="brand"))


@pytest.mark.parametrize(
    "changes",
    [
        {"streams": ()},
        {"streams": (bundle_key(), bundle_key(2))},
        {"streams": (bundle_key(identity=identity("thief")),)},
        {"streams": (bundle_key(head=cid_of_block(b"other head")),)},
        {"streams": (bundle_key(view=view()),)},
        {"mailbox": recipient("thief")},
    ],
)
def test_changed_after_it_was_signed(changes: dict[str, Any]) -> None:
    changed = msgspec.structs.replace(signed(capsule(), VAULT), **changes)
    with pytest.raises(WrongCapsule, match="not signed by the vault"):
        opened(seal_document(changed, recipient("brand")))


def test_for_somebody_elses_key() -> None:
    with pytest.raises(NotARecipient):
        open_capsule(sealed(capsule(), to="brand"), identity("stranger"), GRANT)


def test_updates() -> None:
    raw = sealed(update(), to="brand")
    assert open_update(raw, BRAND, word(7), SIGNER) == signed(update(), VAULT)
    with pytest.raises(WrongCapsule, match="another grant"):
        open_update(raw, BRAND, word(8), SIGNER)
    with pytest.raises(DamagedSeal, match="not what it should be"):
        open_update(sealed(capsule(), to="brand"), BRAND, word(7), SIGNER)
    with pytest.raises(DamagedSeal, match="not what it should be"):
        opened(sealed(update(), to="brand"))


REPEATS = [
    ((bundle_key(), bundle_key()), "a stream"),
    ((bundle_key(), bundle_key(2, stream=bundle_key().stream)), "a stream"),
    ((bundle_key(), bundle_key(2, head=bundle_key().head)), "a head"),
    ((bundle_key(), bundle_key(3), bundle_key(2, view=bundle_key().view)), "a view"),
]


@pytest.mark.parametrize(("streams", "says"), REPEATS)
def test_what_repeats_itself(streams: tuple[BundleKey, ...], says: str) -> None:
    for made in (capsule(streams=streams), update(streams=streams)):
        with pytest.raises(Malformed, match=f"repeats {says}"):
            sealed(made, to="brand")
        raw = resealed(plain(made), to="brand")
        with pytest.raises(Malformed, match=f"repeats {says}") as caught:
            opened(raw) if isinstance(made, Capsule) else open_update(raw, BRAND, word(7), SIGNER)
        assert "canonical" not in caught.value.advice


KEY = plain(bundle_key())


@pytest.mark.parametrize(
    "changes",
    [
        {"more": 1},
        {"type": "StreamUpdate"},
        {"version": 2},
        {"subject": SUBJECT.lower()},
        {"lock": "0x00"},
        {"vaultKey": "0x00"},
        {"mailbox": ""},
        {"mailbox": identity("mailbox")},
        {"mailbox": recipient("mailbox")[:-1] + "q"},
        {"streams": [KEY | {"more": 1}]},
        {"streams": [KEY | {"stream": "0f" * 15}]},
        {"streams": [KEY | {"category": EMAILS}]},
        {"streams": [KEY | {"identity": "x"}]},
        {"streams": [KEY | {"head": "bafkrei"}]},
        {"streams": [KEY | {"view": plain(view()) | {"more": 1}}]},
        {"streams": [KEY | {"view": plain(view()) | {"source": False}}]},
        {"streams": [KEY | {"view": plain(view()) | {"tags": 1}}]},
        {"streams": [KEY | {"view": plain(view()) | {"schema": None}}]},
        {"streams": [KEY | {"view": plain(view()) | {"schema": "purchase"}}]},
        {"streams": [KEY | {"view": plain(view()) | {"from": "yesterday"}}]},
        {"streams": [KEY | {"view": plain(view()) | {"until": "2026-02-30"}}]},
        {"streams": [KEY | {"view": plain(view()) | {"members": ["b", "a"]}}]},
        {"streams": [KEY | {"view": plain(view()) | {"members": ["a", "a"]}}]},
        {"streams": [KEY | {"view": plain(view()) | {"members": [""]}}]},
        {"streams": [KEY | {"view": plain(view()) | {"members": ["m" * 201]}}]},
        {"streams": [KEY | {"view": plain(view()) | {"members": [f"{n:03}" for n in range(MAX_MEMBERS + 1)]}}]},
        {"streams": [KEY | {"view": {"category": "pd:Purchase"}}]},
    ],
)
def test_a_capsule_of_another_shape(changes: dict[str, Any]) -> None:
    with pytest.raises(DamagedSeal, match="not what it should be"):
        opened(resealed(plain(capsule()) | changes, to="brand"))


@pytest.mark.parametrize("name", sorted(plain(capsule()).keys() - {"signature"}))
def test_a_capsule_without_a_member(name: str) -> None:
    members = {key: value for key, value in plain(capsule()).items() if key != name}
    with pytest.raises(DamagedSeal, match="not what it should be"):
        opened(resealed(members, to="brand"))


@pytest.mark.parametrize(
    "changes", [{"number": 0}, {"number": 2**53}, {"grant": "0x00"}, {"version": 0}, {"more": 1}, {"streams": {}}]
)
def test_an_update_of_another_shape(changes: dict[str, Any]) -> None:
    with pytest.raises(DamagedSeal, match="not what it should be"):
        open_update(resealed(plain(update()) | changes, to="brand"), BRAND, word(7), SIGNER)


GOOD = codec.encode(signed(capsule(), VAULT))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{}",
        b"null",
        b"\xff",
        GOOD + b"\n",
        b" " + GOOD,
        GOOD.replace(b'"version":1', b'"version":1,"version":1'),
        GOOD.replace(b'"version":1', b'"version":1.0'),
        GOOD.replace(b'"type":"Capsule"', b'"type":"\\u0043apsule"'),
        GOOD.replace(b"0x", b"0X", 1),
    ],
)
def test_what_is_no_capsule(raw: bytes) -> None:
    with pytest.raises(DamagedSeal):
        opened(seal_bytes(framed(raw), [recipient("brand")]))


def test_without_a_frame_or_with_a_bomb_in_it() -> None:
    with pytest.raises(DamagedSeal, match="the frame"):
        opened(seal_bytes(GOOD, [recipient("brand")]))
    with pytest.raises(DamagedSeal, match="unpacks to more than 1,048,576"):
        opened(seal_bytes(bomb(64), [recipient("brand")]))
    with pytest.raises(DamagedSeal, match="longer than 262,144"):
        opened(bytes(MAX_SEALED + 1))


def test_of_the_largest_size_and_above() -> None:
    def with_keys(count: int) -> Capsule:
        return capsule(streams=tuple(bundle_key(n, identity=identity(f"stream {n % 50}")) for n in range(1, count)))

    raw = sealed(with_keys(3_000), to="brand")
    assert 128 * 1024 < len(raw) <= MAX_SEALED
    assert len(opened(raw).streams) == 2_999
    with pytest.raises(InvalidInput, match="larger than 256 KiB"):
        sealed(with_keys(6_000), to="brand")


def test_300_mutations_give_no_other_capsule() -> None:
    raw, chance = sealed(capsule(), to="brand"), random.Random(8)
    for _ in range(300):
        changed = bytearray(raw)
        changed[chance.randrange(len(raw))] ^= chance.randrange(1, 256)
        with pytest.raises(SealedDataError):
            opened(bytes(changed))
    for length in range(0, len(raw), 61):
        with pytest.raises(DamagedSeal):
            opened(raw[:length])


def test_300_mutations_below_the_seal() -> None:
    made, chance = signed(capsule(), VAULT), random.Random(9)
    for _ in range(300):
        changed = bytearray(codec.encode(made))
        changed[chance.randrange(len(changed))] ^= chance.randrange(1, 256)
        with pytest.raises((SealedDataError, Malformed)):
            opened(seal_bytes(framed(bytes(changed)), [recipient("brand")]))


@pytest.mark.parametrize(
    "make",
    [
        lambda: bundle_key(head="x"),
        lambda: bundle_key(stream="x"),
        lambda: bundle_key(identity="x"),
        lambda: bundle_key(category=EMAILS),
        lambda: View(category="x", members=()),
        lambda: capsule(mailbox="age1"),
        lambda: capsule(subject="0x"),
        lambda: update(grant="0x"),
    ],
)
def test_what_cannot_be_made(make: Any) -> None:
    with pytest.raises(ConsentError):
        make()


def test_identities_are_in_no_repr() -> None:
    """rich, which prints for us, asks ``__rich_repr__``; msgspec's own would show all."""
    pretty = pretty_repr(bundle_key()), pretty_repr(capsule()), pretty_repr(update())
    for shown in (repr(bundle_key()), str(capsule()), f"{update()}", repr({"a": capsule()}), *pretty):
        assert "AGE-SECRET-KEY" not in shown
        assert "pd:Purchase" in shown
