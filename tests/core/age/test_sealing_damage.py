"""Sealed files that are cut, altered, mixed or endless do not open."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.core.age.recipients import generate_identity, identity_from_seed, recipient_of
from registry.core.age.stream import open_bytes, seal_bytes
from registry.core.errors import DamagedSeal, NotARecipient

CHUNK, TAG, NONCE = 65536, 16, 16
PQ = identity_from_seed(bytes(range(32)))


def pattern(size: int) -> bytes:
    return (bytes(range(251)) * (size // 251 + 1))[:size]


def payload_start(sealed: bytes) -> int:
    """The offset of the first chunk: after the MAC line and the nonce."""
    return sealed.index(b"\n", sealed.index(b"\n--- ") + 1) + 1 + NONCE


@pytest.mark.parametrize("size", [0, 100, CHUNK, CHUNK + 5, 2 * CHUNK])
def test_every_truncation_is_found(size: int) -> None:
    sealed = seal_bytes(pattern(size), [recipient_of(PQ)])
    start = payload_start(sealed)
    lines = [at + step for at, byte in enumerate(sealed[:start]) if byte == 10 for step in (0, 1)]
    chunks = [start + n * (CHUNK + TAG) + step for n in range(3) for step in (-1, 0, 1, 15, 16, 17)]
    ends = [len(sealed) - step for step in (1, 2, 15, 16, 17)]
    for cut in sorted({0, 1, *lines, start - NONCE, *chunks, *ends}):
        if 0 <= cut < len(sealed):
            with pytest.raises(DamagedSeal):
                open_bytes(sealed[:cut], [PQ])


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_every_flipped_bit_is_found(data: st.DataObject) -> None:
    sealed = bytearray(SEALED)
    place = data.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[place // 8] ^= 1 << place % 8
    # A flip inside the stanza makes it another's; anywhere else it is damage.
    with pytest.raises((DamagedSeal, NotARecipient)):
        open_bytes(bytes(sealed), [PQ])


SEALED = seal_bytes(pattern(CHUNK + 10), [recipient_of(PQ)])


@pytest.mark.parametrize("extra", [b"\0", b"\n", bytes(TAG), bytes(CHUNK + TAG)])
@pytest.mark.parametrize("size", [0, 10, CHUNK])
def test_nothing_may_follow(size: int, extra: bytes) -> None:
    sealed = seal_bytes(pattern(size), [recipient_of(PQ)])
    with pytest.raises(DamagedSeal):
        open_bytes(sealed + extra, [PQ])


@pytest.mark.parametrize("order", [(1, 0, 2), (0, 2), (0, 1, 1, 2), (1, 2), (0, 1), (2, 1, 0), (2,)])
def test_chunks_have_their_places(order: tuple[int, ...]) -> None:
    sealed = seal_bytes(pattern(3 * CHUNK), [recipient_of(PQ)])
    start, step = payload_start(sealed), CHUNK + TAG
    chunks = [sealed[start + n * step : start + (n + 1) * step] for n in range(3)]
    with pytest.raises(DamagedSeal):
        open_bytes(sealed[:start] + b"".join(chunks[n] for n in order), [PQ])


def test_headers_and_payloads_of_two_files_do_not_mix() -> None:
    one, two = (seal_bytes(text, [recipient_of(PQ)]) for text in (b"one", b"two"))
    with pytest.raises(DamagedSeal, match="payload"):
        open_bytes(one[: payload_start(one)] + two[payload_start(two) :], [PQ])
    with pytest.raises(DamagedSeal, match="payload"):
        open_bytes(one[: payload_start(one) - NONCE] + two[payload_start(two) - NONCE :], [PQ])


def test_a_recipient_cannot_be_added_or_taken_away_unseen() -> None:
    other = generate_identity()
    sealed = seal_bytes(b"x", [recipient_of(PQ), recipient_of(other)])
    second = sealed.index(b"\n-> ", sealed.index(b"\n-> ") + 1)
    mac = sealed.index(b"\n--- ")
    with pytest.raises(DamagedSeal, match="MAC"):
        open_bytes(sealed[:second] + sealed[mac:], [PQ])
    with pytest.raises(DamagedSeal, match="MAC"):
        open_bytes(sealed[:mac] + b"\n-> grease\n" + sealed[mac:], [PQ])


def test_an_endless_header_is_given_up() -> None:
    with pytest.raises(DamagedSeal, match="longer"):
        open_bytes(b"age-encryption.org/v1\n" + b"-> x\n\n" * 200_000, [PQ])
    with pytest.raises(DamagedSeal, match="longer"):
        open_bytes(b"age-encryption.org/v1\n-> " + b"x" * 2_000_000 + b"\n", [PQ])
