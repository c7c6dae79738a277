"""Capsules and heads open only for their recipient and grant, and only as their vault signed them."""

from __future__ import annotations

import dataclasses
from functools import lru_cache
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.pretty import pretty_repr

from registry.core import codec
from registry.core.age.recipients import identity_from_seed, recipient_of
from registry.core.age.stream import seal_bytes
from registry.core.capsules import (
    MAX_CAPSULE,
    MAX_HEAD,
    Capsule,
    RecordRef,
    StreamHead,
    StreamKey,
    open_capsule,
    open_head,
    public_key_of,
    seal_capsule,
    seal_head,
    signed,
)
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
from registry.core.scalars import unhex
from registry.core.statements.messages import Grant
from tests.support.builders import CONTROLLER, SUBJECT, grant_message, word

VAULT = Ed25519PrivateKey.from_private_bytes(b"\x05" * 32)
OTHER_VAULT = Ed25519PrivateKey.from_private_bytes(b"\x06" * 32)
GRANT = grant_message()
PURCHASES, EMAILS, EARLIER = "pd:Purchase", "pd:EmailAddress", 1


@lru_cache
def identity(name: str) -> str:
    return identity_from_seed(name.encode().rjust(32, b"\0"))


BRAND = identity("brand")
HEAD_CID = cid_of_block(b"head")


def key(**changes: Any) -> StreamKey:
    members: dict[str, Any] = {"category": PURCHASES, "epoch": 2, "identity": identity("stream"), "head": HEAD_CID}
    return StreamKey(**members | changes)


def capsule(**changes: Any) -> Capsule:
    members: dict[str, Any] = {
        "subject": GRANT.subject,
        "controller": GRANT.controller,
        "lock": GRANT.revocation,
        "vault_key": public_key_of(VAULT),
        "streams": (key(),),
    }
    return Capsule(**members | changes)


def head(**changes: Any) -> StreamHead:
    reference = RecordRef(cid_of_block(b"record"), "consent-file/1", "text/csv")
    members: dict[str, Any] = {"stream": PURCHASES, "epoch": 2, "number": 1, "previous": None, "records": (reference,)}
    return StreamHead(**members | changes)


def sealed(document: Capsule | StreamHead, by: Ed25519PrivateKey = VAULT, to: str = BRAND) -> bytes:
    return seal_bytes(codec.encode(signed(document, by)), [recipient_of(to)])


class TestCapsules:
    def test_there_and_back(self) -> None:
        made = signed(capsule(), VAULT)
        raw = seal_capsule(made, recipient_of(BRAND))
        assert open_capsule(raw, BRAND, GRANT) == made
        assert len(raw) < 4096

    def test_the_signature_is_over_all_but_itself(self) -> None:
        made = signed(capsule(), VAULT)
        plain = msgspec.to_builtins(made)
        signature = unhex(plain.pop("signature"))
        public = Ed25519PublicKey.from_public_bytes(unhex(made.vault_key))
        public.verify(signature, codec.dump(plain))
        assert set(plain) == {"type", "version", "subject", "controller", "lock", "vaultKey", "streams"}

    @pytest.mark.parametrize(
        ("changes", "says"),
        [
            ({"subject": CONTROLLER}, "another subject"),
            ({"controller": SUBJECT}, "another controller"),
            ({"lock": word(5)}, "another lock"),
        ],
    )
    def test_for_another_grant(self, changes: dict[str, Any], says: str) -> None:
        with pytest.raises(WrongCapsule, match=says):
            open_capsule(sealed(capsule(**changes)), BRAND, GRANT)
        names = {"lock": "revocation"}
        grant = msgspec.structs.replace(GRANT, **{names.get(name, name): value for name, value in changes.items()})
        with pytest.raises(WrongCapsule, match=says):
            open_capsule(sealed(capsule()), BRAND, grant)
        assert open_capsule(sealed(capsule(**changes)), BRAND, grant)

    def test_signed_by_another_vault(self) -> None:
        with pytest.raises(WrongCapsule, match="not signed by the vault"):
            open_capsule(sealed(capsule(), by=OTHER_VAULT), BRAND, GRANT)

    @pytest.mark.parametrize("bad", ["0x" + "00" * 32, "0x" + "ff" * 32, "0x02" + "00" * 31])
    def test_a_key_that_is_none(self, bad: str) -> None:
        with pytest.raises(WrongCapsule, match="not signed by the vault"):
            open_capsule(sealed(capsule(vault_key=bad)), BRAND, GRANT)

    @pytest.mark.parametrize(
        "changes",
        [
            {"streams": ()},
            {"streams": (key(), key())},
            {"streams": (key(identity=identity("thief")),)},
            {"streams": (key(head=cid_of_block(b"other head")),)},
            {"streams": (key(epoch=3),)},
            {"streams": (key(category=EMAILS),)},
        ],
    )
    def test_changed_after_it_was_signed(self, changes: dict[str, Any]) -> None:
        changed = msgspec.structs.replace(signed(capsule(), VAULT), **changes)
        with pytest.raises(WrongCapsule, match="not signed by the vault"):
            open_capsule(seal_bytes(codec.encode(changed), [recipient_of(BRAND)]), BRAND, GRANT)

    def test_for_somebody_elses_key(self) -> None:
        with pytest.raises(NotARecipient):
            open_capsule(sealed(capsule()), identity("stranger"), GRANT)

    def test_of_the_largest_size_and_above(self) -> None:
        one = key(epoch=10_000)
        most = MAX_CAPSULE // (
            len(codec.encode(capsule(streams=(one, one)))) - len(codec.encode(capsule(streams=(one,))))
        )
        streams = tuple(key(epoch=n, head=cid_of_block(b"%d" % n)) for n in range(10_000, 10_001 + most))
        with pytest.raises(InvalidInput, match="256 KiB"):
            seal_capsule(signed(capsule(streams=streams), VAULT), recipient_of(BRAND))
        with pytest.raises(DamagedSeal, match="262,144"):
            open_capsule(sealed(capsule(streams=streams)), BRAND, GRANT)
        fits = signed(capsule(streams=streams[: most - 20]), VAULT)
        assert open_capsule(seal_capsule(fits, recipient_of(BRAND)), BRAND, GRANT) == fits


@pytest.mark.parametrize(
    ("streams", "says"),
    [
        ((key(), key()), "a stream"),
        ((key(), key(head=cid_of_block(b"other head"))), "a stream"),
        ((key(), key(category=EMAILS, epoch=3), key()), "a stream"),
        ((key(), key(category=EMAILS)), "a head"),
    ],
)
def test_a_capsule_that_repeats_itself(streams: tuple[StreamKey, ...], says: str) -> None:
    """No stream and no head stands twice in a capsule, and nobody seals one that has it (item 14)."""
    made = capsule(streams=streams)
    with pytest.raises(Malformed, match=f"repeats {says}") as caught:
        open_capsule(sealed(made), BRAND, GRANT)
    assert "canonical" not in caught.value.advice
    with pytest.raises(Malformed, match=f"repeats {says}"):
        seal_capsule(signed(made, VAULT), recipient_of(BRAND))


GOOD = sealed(capsule())


@settings(max_examples=120, deadline=None)
@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
def test_an_altered_capsule_does_not_open(place: int, flip: int) -> None:
    altered = bytearray(GOOD)
    altered[place] ^= flip
    with pytest.raises(SealedDataError):
        open_capsule(bytes(altered), BRAND, GRANT)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(GOOD) - 1))
def test_a_cut_capsule_does_not_open(length: int) -> None:
    with pytest.raises(DamagedSeal):
        open_capsule(GOOD[:length], BRAND, GRANT)
    with pytest.raises(DamagedSeal):
        open_capsule(GOOD + GOOD[:1], BRAND, GRANT)


def resigned(document: Any, **changes: Any) -> bytes:
    """Sealed JSON of any shape, properly signed, as a careless or hostile vault might send it."""
    plain = {name: v for name, v in (msgspec.to_builtins(document) | changes).items() if v is not msgspec.UNSET}
    plain.pop("signature")
    plain["signature"] = "0x" + VAULT.sign(codec.encode(plain)).hex()
    return seal_bytes(codec.encode(plain), [recipient_of(BRAND)])


@pytest.mark.parametrize(
    "changes",
    [
        {"more": 1},
        {"lock": msgspec.UNSET},
        {"type": "StreamHead"},
        {"version": 2},
        {"subject": SUBJECT.lower()},
        {"vaultKey": "0x00"},
        {"streams": [{"category": "not a term", "epoch": 1, "identity": "x", "head": HEAD_CID}]},
        {"streams": [{"category": PURCHASES, "epoch": 1, "identity": "x", "head": "bafkrei"}]},
        {"streams": [{"category": PURCHASES, "epoch": -1, "identity": "x", "head": HEAD_CID}]},
        {"streams": [{"category": PURCHASES, "epoch": 1, "identity": "x", "head": HEAD_CID, "more": 1}]},
    ],
)
def test_a_capsule_of_another_shape(changes: dict[str, Any]) -> None:
    with pytest.raises(DamagedSeal, match="not what it should be"):
        open_capsule(resigned(capsule(), **changes), BRAND, GRANT)


@pytest.mark.parametrize("raw", [b"", b"{}", b"null", b"\xff", codec.encode(signed(capsule(), VAULT)) + b"\n"])
def test_what_is_no_capsule(raw: bytes) -> None:
    with pytest.raises(DamagedSeal):
        open_capsule(seal_bytes(raw, [recipient_of(BRAND)]), BRAND, GRANT)


class TestHeads:
    stream = identity("stream")
    vault_key = public_key_of(VAULT)

    def open(self, raw: bytes, **changes: Any) -> StreamHead:
        return open_head(raw, key(**changes), self.vault_key)

    def test_there_and_back(self) -> None:
        made = signed(head(), VAULT)
        assert self.open(seal_head(made, recipient_of(self.stream))) == made

    @pytest.mark.parametrize("changes", [{"stream": EMAILS}, {"epoch": EARLIER}])
    def test_of_another_stream_though_sealed_to_this_one(self, changes: dict[str, Any]) -> None:
        with pytest.raises(WrongCapsule, match="the head belongs to"):
            self.open(sealed(head(**changes), to=self.stream))

    def test_of_another_stream_with_its_own_key(self) -> None:
        raw = sealed(head(stream=EMAILS), to=identity("emails"))
        with pytest.raises(NotARecipient):
            self.open(raw)
        # A capsule with the heads of two streams swapped: each key opens nothing of the other.
        with pytest.raises(NotARecipient):
            self.open(sealed(head(), to=self.stream), category=EMAILS, identity=identity("emails"))

    def test_by_another_vault(self) -> None:
        with pytest.raises(WrongCapsule, match="not signed"):
            self.open(sealed(head(), by=OTHER_VAULT, to=self.stream))

    @pytest.mark.parametrize(
        "changes",
        [
            {"records": ()},
            {"records": (RecordRef(cid_of_block(b"other"), "consent-file/1", "text/csv"),)},
            {"number": 2, "previous": HEAD_CID},
        ],
    )
    def test_changed_after_it_was_signed(self, changes: dict[str, Any]) -> None:
        changed = msgspec.structs.replace(signed(head(), VAULT), **changes)
        with pytest.raises(WrongCapsule, match="not signed"):
            self.open(seal_bytes(codec.encode(changed), [recipient_of(self.stream)]))

    def test_above_the_largest_size(self) -> None:
        reference = RecordRef(cid_of_block(b"record"), "s" * 1000, "text/csv")
        with pytest.raises(DamagedSeal, match="1,048,576"):
            self.open(sealed(head(records=(reference,) * (MAX_HEAD // 1000)), to=self.stream))

    def test_that_repeats_a_record(self) -> None:
        """Whatever else the two references say (item 14)."""
        (one,) = head().records
        for other in (one, RecordRef(one.cid, "other/1", "text/plain")):
            made = signed(head(records=(one, RecordRef(HEAD_CID, "consent-file/1", "text/csv"), other)), VAULT)
            with pytest.raises(Malformed, match="repeats a record"):
                self.open(sealed(made, to=self.stream))
            with pytest.raises(Malformed, match="repeats a record"):
                seal_head(made, recipient_of(self.stream))

    @pytest.mark.parametrize(("number", "previous"), [(1, HEAD_CID), (2, None)])
    def test_only_the_first_has_no_previous(self, number: int, previous: str | None) -> None:
        with pytest.raises(Malformed, match="only a head of number 1"):
            head(number=number, previous=previous)


@pytest.mark.parametrize("make", [lambda: key(head="x"), lambda: RecordRef("", "s", "m"), lambda: key(category="x")])
def test_what_cannot_be_made(make: Any) -> None:
    with pytest.raises(ConsentError):
        make()


def test_identities_are_in_no_repr() -> None:
    """rich, which prints for us, once showed what repr hides: it asks ``__rich_repr__``, and msgspec's shows all."""
    secret = identity("stream")
    pretty = pretty_repr(key()), pretty_repr(capsule())
    for shown in (repr(key()), str(key()), f"{capsule()}", repr((capsule(),)), repr({"a": capsule()}), *pretty):
        assert secret not in shown
        assert "AGE-SECRET-KEY" not in shown
        assert PURCHASES in shown


def test_a_grant_is_all_that_opening_needs() -> None:
    assert isinstance(GRANT, Grant)
    assert not dataclasses.is_dataclass(GRANT)
    assert open_capsule(GOOD, BRAND, grant_message()).streams == (key(),)
