"""The age v1 file format, binary form (c2sp.org/age): what is sealed here, ``age -d`` opens, and the reverse.

    header   version line, one stanza for each recipient, MAC     -> recipients.py wraps the file key
    nonce    16 bytes
    payload  64 KiB chunks, each ChaCha20-Poly1305 (STREAM)

age does not say who sealed: what must be authentic is signed before it is sealed.
"""

from __future__ import annotations

import hmac
import io
import secrets
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from registry.core.age.header import Stanza, read_header, signed_part, with_mac
from registry.core.age.recipients import (
    FILE_KEY_LENGTH,
    Identity,
    Passphrase,
    Recipient,
    parse_identity,
    parse_recipient,
)
from registry.core.errors import DamagedSeal, InvalidInput, NotARecipient, SealedDataError, WrongPassphrase

MAX_RECIPIENTS = 512

_CHUNK = 1 << 16
_TAG = _NONCE_LENGTH = 16
_Chunks = Iterator[tuple[memoryview, bool]]


def seal(source: BinaryIO | bytes, sink: BinaryIO, recipients: Iterable[str | Recipient]) -> None:
    """Seals all of ``source`` (a file from where it stands, or bytes) into ``sink``, in constant memory.

    ``recipients``: 1 to MAX_RECIPIENTS, all ``age1pq1...`` or all ``age1...``, or one Passphrase; InvalidInput
    otherwise, before anything is written. The sink must not keep the buffers it is given: they are reused.
    """
    for piece in sealed_pieces(source, recipients):
        _write(sink, piece)


def sealed_pieces(source: BinaryIO | bytes, recipients: Iterable[str | Recipient]) -> Iterator[memoryview]:
    """The sealed file in pieces of at most 64 KiB and 16 bytes, for who takes it as it is made; else as ``seal``.

    A piece must be used before the next is asked for: their buffer is one.
    """
    header, cipher = _begin(recipients)
    return _encrypt(header, cipher, _slices(source, _CHUNK) if isinstance(source, bytes) else _chunks(source, _CHUNK))


def open_sealed(source: BinaryIO, sink: BinaryIO, identities: Iterable[str | Identity]) -> None:
    """Opens the sealed file that is all the rest of ``source`` into ``sink``, in constant memory.

    ``identities``: age identity strings, results of ``parse_identity``, or Passphrases; each is tried.
    Raises DamagedSeal, NotARecipient, WrongPassphrase; InvalidInput for what is no identity.

    Every byte that reaches ``sink`` is authentic, but **a cut or altered end is known only at the end**: until
    this returns, the sink holds a part that must not be used. Write to a temporary file and rename it after
    this returned (``registry.fs.files.replacing`` does so), or use ``open_bytes``.
    """
    _decrypt(_resume(source, identities), _chunks(source, _CHUNK + _TAG), sink)


def seal_bytes(plaintext: bytes, recipients: Iterable[str | Recipient]) -> bytes:
    """``seal`` in memory; the same errors."""
    sink = io.BytesIO()
    seal(plaintext, sink, recipients)
    return sink.getvalue()


def open_bytes(sealed: bytes, identities: Iterable[str | Identity]) -> bytes:
    """``open_sealed`` in memory; the same errors, and on an error nothing is released."""
    source, sink = io.BytesIO(sealed), io.BytesIO()
    cipher = _resume(source, identities)
    _decrypt(cipher, _slices(sealed, _CHUNK + _TAG, source.tell()), sink)
    return sink.getvalue()


def _begin(recipients: Iterable[str | Recipient]) -> tuple[bytes, ChaCha20Poly1305]:
    chosen = _compatible(recipients)
    file_key, nonce = secrets.token_bytes(FILE_KEY_LENGTH), secrets.token_bytes(_NONCE_LENGTH)
    signed = signed_part([each.wrap(file_key) for each in chosen])
    header = with_mac(signed, _mac(file_key, signed)) + nonce
    return header, ChaCha20Poly1305(_derive(file_key, b"payload", nonce))


def _resume(source: BinaryIO, identities: Iterable[str | Identity]) -> ChaCha20Poly1305:
    tried = [parse_identity(each) if isinstance(each, str) else each for each in identities]
    header = read_header(source)
    file_key = _file_key(header.stanzas, tried)
    if not hmac.compare_digest(header.mac, _mac(file_key, header.signed)):
        raise DamagedSeal("The header's MAC does not match.")
    nonce = bytearray(_NONCE_LENGTH)
    if _fill(source, memoryview(nonce)) != _NONCE_LENGTH:
        raise DamagedSeal("The header is not followed by a whole nonce.")
    return ChaCha20Poly1305(_derive(file_key, b"payload", bytes(nonce)))


def _compatible(recipients: Iterable[str | Recipient]) -> list[Recipient]:
    chosen = [parse_recipient(each) if isinstance(each, str) else each for each in recipients]
    kinds = {each.kind for each in chosen}
    if not 1 <= len(chosen) <= MAX_RECIPIENTS:
        raise InvalidInput(f"A file is sealed to 1 to {MAX_RECIPIENTS} recipients.", "Name the recipients.")
    if len(kinds) > 1:
        raise InvalidInput("Recipients of different kinds are never mixed in one file.", "Seal a file for each kind.")
    if Passphrase.kind in kinds and len(chosen) > 1:
        raise InvalidInput("A passphrase stands alone in its file.", "Seal a file for each passphrase.")
    return chosen


def _file_key(stanzas: list[Stanza], identities: Sequence[Identity]) -> bytes:
    by_passphrase = any(each.args[0] == Passphrase.kind for each in stanzas)
    if by_passphrase and len(stanzas) > 1:
        raise DamagedSeal("The header has a passphrase's stanza that is not alone.")
    for identity in identities:
        for stanza in stanzas:
            if (file_key := identity.unwrap(stanza)) is not None:
                return file_key
    raise _no_match(by_passphrase, any(isinstance(each, Passphrase) for each in identities))


def _no_match(by_passphrase: bool, passphrase_given: bool) -> SealedDataError:
    if not by_passphrase:
        return NotARecipient("None of the identities opens this file.")
    if not passphrase_given:
        return NotARecipient("The file is sealed with a passphrase.", "Give the passphrase it was sealed with.")
    return WrongPassphrase("The passphrase does not open this file.")


def _derive(file_key: bytes, info: bytes, salt: bytes | None = None) -> bytes:
    return HKDF(hashes.SHA256(), 32, salt, info).derive(file_key)


def _mac(file_key: bytes, signed: bytes) -> bytes:
    return hmac.digest(_derive(file_key, b"header"), signed, "sha256")


def _encrypt(header: bytes, cipher: ChaCha20Poly1305, chunks: _Chunks) -> Iterator[memoryview]:
    yield memoryview(header)
    out = memoryview(bytearray(_CHUNK + _TAG))
    for number, (chunk, last) in enumerate(chunks):
        piece = out[: len(chunk) + _TAG]
        cipher.encrypt_into(_nonce(number, last), chunk, None, piece)
        yield piece


def _decrypt(cipher: ChaCha20Poly1305, chunks: _Chunks, sink: BinaryIO) -> None:
    out = memoryview(bytearray(_CHUNK))
    for number, (chunk, last) in enumerate(chunks):
        plain = out[: max(len(chunk) - _TAG, 0)]
        if len(chunk) < _TAG or (number and not plain):
            raise DamagedSeal("The payload is cut off.")
        if _opens(cipher, _nonce(number, last), chunk, plain):
            _write(sink, plain)
            continue
        # Authentic all the same if only its place is wrong: said so, as the official vectors want it.
        if len(plain) == _CHUNK and _opens(cipher, _nonce(number, not last), chunk, plain):
            _write(sink, plain)
            raise DamagedSeal("The payload ends early." if last else "The payload goes on after its end.")
        raise DamagedSeal(f"The payload is altered or cut off in its chunk {number}.")


def _opens(cipher: ChaCha20Poly1305, nonce: bytes, chunk: memoryview, plain: memoryview) -> bool:
    try:
        cipher.decrypt_into(nonce, chunk, None, plain)
    except InvalidTag:
        return False
    return True


def _nonce(number: int, last: bool) -> bytes:
    return (number << 8 | last).to_bytes(12, "big")


def _slices(data: bytes, size: int, start: int = 0) -> _Chunks:
    """`_chunks` of what is in memory already: nothing is copied."""
    rest = memoryview(data)[start:]
    for at in range(0, len(rest) or 1, size):
        yield rest[at : at + size], at + size >= len(rest)


def _chunks(source: BinaryIO, size: int) -> _Chunks:
    """Each chunk with "is it the last?", known by reading one byte ahead; the one buffer is reused."""
    buffer = memoryview(bytearray(size + 1))
    have = _fill(source, buffer)
    while have > size:
        yield buffer[:size], False
        buffer[0] = buffer[size]
        have = 1 + _fill(source, buffer[1:])
    yield buffer[:have], True


def _fill(source: BinaryIO, buffer: memoryview) -> int:
    # Until it is full or the source ends: sockets and pipes give less at a time.
    have = 0
    while have < len(buffer) and (got := _read_into(source, buffer[have:])):
        have += got
    return have


def _read_into(source: BinaryIO, buffer: memoryview) -> int:
    # Not every BinaryIO has readinto, and without it each chunk is copied once more.
    if hasattr(source, "readinto"):
        got: int | None = source.readinto(buffer)
    elif data := source.read(len(buffer)):
        buffer[: (got := len(data))] = data
    else:
        got = None if data is None else 0
    if got is None:
        raise InvalidInput("The source has nothing to read yet.", "Give one that waits for its data.")
    return got


def _write(sink: BinaryIO, data: memoryview) -> None:
    while (taken := sink.write(data)) != len(data):
        if not taken:
            raise InvalidInput("The sink takes nothing.", "Give one that waits until it can be written to.")
        data = data[taken:]
