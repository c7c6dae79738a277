"""Sealing: round trips around chunk borders, and the identities that open a file."""

from __future__ import annotations

import io
import tracemalloc

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.core.age import bech32, recipients
from registry.core.age.recipients import Passphrase, generate_identity, identity_from_seed, parse_identity, recipient_of
from registry.core.age.stream import MAX_RECIPIENTS, open_bytes, open_sealed, seal, seal_bytes, sealed_pieces
from registry.core.errors import DamagedSeal, InvalidInput, NotARecipient, WrongPassphrase

CHUNK, TAG, NONCE = 65536, 16, 16
PQ = identity_from_seed(bytes(range(32)))
X25519 = bech32.encode("AGE-SECRET-KEY-", bytes(range(32)))
BORDERS = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK - 1, 2 * CHUNK, 2 * CHUNK + 1, 3 * CHUNK]
QUICK = Passphrase("correct horse battery staple", work_factor=4)


def pattern(size: int) -> bytes:
    return (bytes(range(251)) * (size // 251 + 1))[:size]


def payload_start(sealed: bytes) -> int:
    """The offset of the first chunk: after the MAC line and the nonce."""
    return sealed.index(b"\n", sealed.index(b"\n--- ") + 1) + 1 + NONCE


class Dribble(io.RawIOBase):
    """A source that, like a socket, returns few bytes at a time."""

    def __init__(self, data: bytes, at_once: int) -> None:
        self._inner, self._at_once = io.BytesIO(data), at_once

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        return self._inner.readinto(memoryview(buffer)[: self._at_once])


class Sip(io.BytesIO):
    """A sink that, like an unbuffered file, accepts few bytes at a time."""

    def write(self, data: bytes) -> int:  # type: ignore[override]
        return super().write(bytes(data[:40_000]))


@pytest.mark.parametrize("size", BORDERS)
@pytest.mark.parametrize("identity", [PQ, X25519], ids=["post-quantum", "x25519"])
def test_round_trip_at_the_borders(identity: str, size: int) -> None:
    plaintext = pattern(size)
    sealed = seal_bytes(plaintext, [recipient_of(identity)])
    assert open_bytes(sealed, [identity]) == plaintext
    assert len(sealed) == payload_start(sealed) + size + TAG * max(1, -(-size // CHUNK))


@settings(max_examples=60, deadline=None)
@given(
    st.one_of(st.integers(0, 3000), st.integers(CHUNK - 40, CHUNK + 40), st.integers(2 * CHUNK - 40, 2 * CHUNK + 40)),
    st.sampled_from([1, 7, 4096, CHUNK, CHUNK + TAG, 1 << 20]),
)
def test_round_trip_through_slow_sources_and_sinks(size: int, at_once: int) -> None:
    plaintext, sealed, opened = pattern(size), Sip(), Sip()
    at_once = max(at_once, size // 500)
    seal(Dribble(plaintext, at_once), sealed, [recipient_of(PQ)])  # type: ignore[arg-type]
    open_sealed(Dribble(sealed.getvalue(), at_once), opened, [PQ])  # type: ignore[arg-type]
    assert opened.getvalue() == plaintext


@pytest.mark.parametrize("size", BORDERS)
def test_in_memory_in_pieces_and_by_files_it_is_one_format(size: int) -> None:
    plaintext, opened = pattern(size), io.BytesIO()
    pieces = [bytes(piece) for piece in sealed_pieces(io.BytesIO(plaintext), [recipient_of(PQ)])]
    assert all(len(piece) == CHUNK + TAG for piece in pieces[1:-1])
    open_sealed(io.BytesIO(seal_bytes(plaintext, [recipient_of(PQ)])), opened, [PQ])
    assert open_bytes(b"".join(pieces), [PQ]) == opened.getvalue() == plaintext


def test_recipients_are_looked_at_before_anything_is_sealed() -> None:
    source = io.BytesIO(b"content")
    with pytest.raises(InvalidInput):
        sealed_pieces(source, [])
    assert source.tell() == 0


def test_each_recipient_opens_and_nobody_else() -> None:
    identities = [generate_identity() for _ in range(3)]
    sealed = seal_bytes(b"for three", [recipient_of(each) for each in identities])
    for identity in identities:
        assert open_bytes(sealed, [generate_identity(), parse_identity(identity)]) == b"for three"
    with pytest.raises(NotARecipient):
        open_bytes(sealed, [generate_identity(), X25519, QUICK])
    with pytest.raises(NotARecipient):
        open_bytes(sealed, [])


def test_the_same_plaintext_never_seals_to_the_same_bytes() -> None:
    assert seal_bytes(b"x", [recipient_of(PQ)]) != seal_bytes(b"x", [recipient_of(PQ)])


def test_passphrase() -> None:
    sealed = seal_bytes(b"backup", [QUICK])
    assert open_bytes(sealed, [PQ, Passphrase("another one", 4), QUICK]) == b"backup"
    with pytest.raises(WrongPassphrase):
        open_bytes(sealed, [PQ, Passphrase("Correct horse battery staple")])
    with pytest.raises(NotARecipient, match="passphrase") as caught:
        open_bytes(sealed, [PQ])
    assert "passphrase" in caught.value.advice


@pytest.mark.parametrize("exponent", [b"21", b"23", b"99", b"100"])
def test_the_work_of_reading_is_bounded(exponent: bytes) -> None:
    line = seal_bytes(b"", [QUICK]).split(b"\n")[1]
    sealed = seal_bytes(b"", [QUICK]).replace(b" 4\n", b" " + exponent + b"\n", 1)
    assert line.endswith(b" 4")
    with pytest.raises(DamagedSeal, match="work factor"):
        open_bytes(sealed, [QUICK])


@pytest.mark.parametrize("work_factor", [0, -1, 21, 64])
def test_the_work_of_sealing_is_bounded(work_factor: int) -> None:
    with pytest.raises(InvalidInput):
        Passphrase("x", work_factor)


@pytest.mark.parametrize("text", ["", "x" * 4097])
def test_a_passphrase_has_a_length(text: str) -> None:
    with pytest.raises(InvalidInput):
        Passphrase(text)


@pytest.mark.parametrize(
    "chosen",
    [
        [],
        [recipient_of(PQ), recipient_of(X25519)],
        [recipient_of(PQ), QUICK],
        [recipient_of(X25519), QUICK],
        [QUICK, QUICK],
        [recipient_of(PQ)] * (MAX_RECIPIENTS + 1),
        ["age1"],
        [PQ],
        [recipient_of(PQ).upper()],
        [recipient_of(PQ)[:-1]],
        [recipient_of(X25519) + " "],
        ["ssh-ed25519 AAAA"],
    ],
    ids=[
        "none",
        "both kinds",
        "post-quantum and passphrase",
        "x25519 and passphrase",
        "two passphrases",
        "too many",
        "empty",
        "an identity",
        "upper case",
        "cut off",
        "a space",
        "another program's",
    ],
)
def test_what_cannot_be_sealed_to_writes_nothing(chosen: list[str | Passphrase]) -> None:
    sink = io.BytesIO()
    with pytest.raises(InvalidInput) as caught:
        seal(io.BytesIO(b"secret"), sink, chosen)
    assert sink.getvalue() == b""
    assert caught.value.advice


@pytest.mark.parametrize("share", [bytes(32), b"\x01" + bytes(31)])
def test_low_order_recipients_are_refused(share: bytes) -> None:
    mlkem = bech32.decode("age1pq", recipient_of(PQ), 1216)[:1184]
    for text in (bech32.encode("age", share), bech32.encode("age1pq", mlkem + share)):
        with pytest.raises(InvalidInput, match="low order"):
            seal_bytes(b"", [text])


def test_an_ml_kem_key_out_of_range_is_refused() -> None:
    with pytest.raises(InvalidInput, match="ML-KEM"):
        seal_bytes(b"", [bech32.encode("age1pq", b"\xff" * 1184 + b"\x09" + bytes(31))])


@pytest.mark.parametrize("text", ["", "x", PQ.lower(), PQ[:-1], X25519[:-1] + "q", recipient_of(PQ)])
def test_bad_identities_are_refused_without_being_repeated(text: str) -> None:
    sealed = seal_bytes(b"", [recipient_of(PQ)])
    for call in (lambda: open_bytes(sealed, [text]), lambda: recipient_of(text), lambda: parse_identity(text)):
        with pytest.raises(InvalidInput) as caught:
            call()
        assert len(text) < 2 or text not in str(caught.value)


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_a_seed_has_32_bytes(length: int) -> None:
    with pytest.raises(InvalidInput):
        identity_from_seed(bytes(length))


def test_x25519_identities_are_plain_rfc_7748_keys() -> None:
    public = X25519PrivateKey.from_private_bytes(bytes(range(32))).public_key().public_bytes_raw()
    assert recipient_of(X25519) == bech32.encode("age", public)


def test_no_secret_shows() -> None:
    for secret in (QUICK, parse_identity(PQ), parse_identity(X25519)):
        shown = repr(secret) + str(secret)
        assert "correct horse" not in shown
        assert PQ[20:40] not in shown
        assert X25519[20:40] not in shown


def test_sinks_and_sources_that_do_nothing_are_no_success() -> None:
    class Idle(io.BytesIO):
        def readinto(self, buffer: object) -> None:  # type: ignore[override]
            return None

        def write(self, data: object) -> None:  # type: ignore[override]
            return None

    with pytest.raises(InvalidInput, match="source"):
        seal(Idle(b"data"), io.BytesIO(), [recipient_of(PQ)])
    with pytest.raises(InvalidInput, match="sink"):
        seal(io.BytesIO(b"data"), Idle(), [recipient_of(PQ)])


def test_a_source_without_readinto() -> None:
    class Plain:
        def __init__(self, data: bytes) -> None:
            self._inner = io.BytesIO(data)
            self.read, self.readline = self._inner.read, self._inner.readline

    sealed, opened = io.BytesIO(), io.BytesIO()
    seal(Plain(pattern(CHUNK + 1)), sealed, [recipient_of(PQ)])  # type: ignore[arg-type]
    open_sealed(Plain(sealed.getvalue()), opened, [PQ])  # type: ignore[arg-type]
    assert opened.getvalue() == pattern(CHUNK + 1)


def test_memory_stays_constant() -> None:
    class Zeros(io.RawIOBase):
        left = 40_000_000

        def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
            taken = min(self.left, len(buffer))
            self.left -= taken
            return taken

    class Nowhere(io.RawIOBase):
        def write(self, data: bytes) -> int:  # type: ignore[override]
            return len(data)

    seal(io.BytesIO(), io.BytesIO(), [recipient_of(PQ)])
    tracemalloc.start()
    try:
        seal(Zeros(), Nowhere(), [recipient_of(PQ)])  # type: ignore[arg-type]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000


def test_recipients_are_remembered_but_identities_are_not() -> None:
    assert recipients.parse_recipient(recipient_of(PQ)) is recipients.parse_recipient(recipient_of(PQ))
    assert parse_identity(PQ) is not parse_identity(PQ)
