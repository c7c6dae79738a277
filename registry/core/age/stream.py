"""The binary age v1 file format (c2sp.org/age), interoperable with the ``age`` program in both directions.

After the header (header.py) come a nonce of 16 bytes and chunks of 64 KiB, each ChaCha20-Poly1305 (STREAM).
age does not authenticate the sender: sign whatever must be authentic before sealing it.
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
from registry.core.errors import DamagedSeal, InvalidInput, NotARecipient, WrongPassphrase

MAX_RECIPIENTS = 512

_CHUNK = 1 << 16
_TAG = _NONCE_LENGTH = 16
_Chunks = Iterator[tuple[memoryview, bool]]  # (chunk, is it the last?)


def seal(source: BinaryIO | bytes, sink: BinaryIO, recipients: Iterable[str | Recipient]) -> None:
    """Seal all of ``source`` (bytes, or a file from its current position) into ``sink``, in constant memory.

    ``recipients``: 1 to MAX_RECIPIENTS, all ``age1pq1...`` or all ``age1...``, or one Passphrase; InvalidInput for
    others, before anything is written. The sink must not keep the buffers that it receives: they are reused.
    """
    for piece in sealed_pieces(source, recipients):
        _write(sink, piece)


def sealed_pieces(source: BinaryIO | bytes, recipients: Iterable[str | Recipient]) -> Iterator[memoryview]:
    """Seal like `seal`, but yield the file in pieces of at most 64 KiB and 16 bytes.

    All pieces share one buffer: use each before taking the next.
    """
    chosen = _compatible(recipients)
    file_key, nonce = secrets.token_bytes(FILE_KEY_LENGTH), secrets.token_bytes(_NONCE_LENGTH)
    signed = signed_part([each.wrap(file_key) for each in chosen])
    header = with_mac(signed, _mac(file_key, signed)) + nonce
    chunks = _slices(source, _CHUNK) if isinstance(source, bytes) else _chunks(source, _CHUNK)
    return _encrypt(header, ChaCha20Poly1305(_derive(file_key, b"payload", nonce)), chunks)


def open_sealed(source: BinaryIO, sink: BinaryIO, identities: Iterable[str | Identity]) -> None:
    """Open the sealed file that is the rest of ``source`` into ``sink``, in constant memory.

    ``identities`` are strings, results of `parse_identity`, or Passphrases; each is tried. Raises DamagedSeal,
    NotARecipient or WrongPassphrase, and InvalidInput for a malformed identity.

    Every byte that reaches ``sink`` is authentic, but **a cut or altered end is detected only at the end**. Until this
    returns, use nothing of it: write to a temporary file (``registry.fs.files.replacing``), or use `open_bytes`.
    """
    _decrypt(_resume(source, identities), _chunks(source, _CHUNK + _TAG), sink)


def seal_bytes(plaintext: bytes, recipients: Iterable[str | Recipient]) -> bytes:
    """Seal in memory, with the errors of ``seal``."""
    sink = io.BytesIO()
    seal(plaintext, sink, recipients)
    return sink.getvalue()


def open_bytes(sealed: bytes, identities: Iterable[str | Identity]) -> bytes:
    """Open in memory, with the errors of ``open_sealed``; on an error nothing is released."""
    source, sink = io.BytesIO(sealed), io.BytesIO()
    cipher = _resume(source, identities)
    _decrypt(cipher, _slices(sealed, _CHUNK + _TAG, source.tell()), sink)
    return sink.getvalue()


def _resume(source: BinaryIO, identities: Iterable[str | Identity]) -> ChaCha20Poly1305:
    tried = [parse_identity(each) if isinstance(each, str) else each for each in identities]
    header = read_header(source)
    file_key = _file_key(header.stanzas, tried)
    if not hmac.compare_digest(header.mac, _mac(file_key, header.signed)):
        raise DamagedSeal("the header's MAC does not match")
    nonce = bytearray(_NONCE_LENGTH)
    if _fill(source, memoryview(nonce)) != _NONCE_LENGTH:
        raise DamagedSeal("the header is not followed by a whole nonce")
    return ChaCha20Poly1305(_derive(file_key, b"payload", bytes(nonce)))


def _compatible(recipients: Iterable[str | Recipient]) -> list[Recipient]:
    chosen = [parse_recipient(each) if isinstance(each, str) else each for each in recipients]
    kinds = {each.kind for each in chosen}
    if not 1 <= len(chosen) <= MAX_RECIPIENTS:
        raise InvalidInput(f"a file needs 1 to {MAX_RECIPIENTS} recipients", "Name the recipients.")
    if len(kinds) > 1:
        raise InvalidInput("one file cannot mix recipients of different kinds", "Seal a file for each kind.")
    if Passphrase.kind in kinds and len(chosen) > 1:
        raise InvalidInput("a passphrase must be the only recipient of its file", "Seal a file for each passphrase.")
    return chosen


def _file_key(stanzas: list[Stanza], identities: Sequence[Identity]) -> bytes:
    by_passphrase = any(each.args[0] == Passphrase.kind for each in stanzas)
    if by_passphrase and len(stanzas) > 1:
        raise DamagedSeal("the header has a passphrase stanza beside others")
    for identity in identities:
        for stanza in stanzas:
            if (file_key := identity.unwrap(stanza)) is not None:
                return file_key
    if not by_passphrase:
        raise NotARecipient("none of the identities opens this file")
    if not any(isinstance(each, Passphrase) for each in identities):
        raise NotARecipient("the file is sealed with a passphrase", "Give the passphrase that it was sealed with.")
    raise WrongPassphrase("the passphrase does not open this file")


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
            raise DamagedSeal("the payload is cut off")
        if _opens(cipher, _nonce(number, last), chunk, plain):
            _write(sink, plain)
            continue
        # A chunk that is authentic but in the wrong place is still released: the official vectors require it.
        if len(plain) == _CHUNK and _opens(cipher, _nonce(number, not last), chunk, plain):
            _write(sink, plain)
            raise DamagedSeal("the payload ends early" if last else "the payload continues after its end")
        raise DamagedSeal(f"the payload is altered or cut off in chunk {number}")


def _opens(cipher: ChaCha20Poly1305, nonce: bytes, chunk: memoryview, plain: memoryview) -> bool:
    try:
        cipher.decrypt_into(nonce, chunk, None, plain)
    except InvalidTag:
        return False
    return True


def _nonce(number: int, last: bool) -> bytes:
    return (number << 8 | last).to_bytes(12, "big")


def _slices(data: bytes, size: int, start: int = 0) -> _Chunks:
    """Chunk bytes like `_chunks`, without copying."""
    rest = memoryview(data)[start:]
    for at in range(0, len(rest) or 1, size):
        yield rest[at : at + size], at + size >= len(rest)


def _chunks(source: BinaryIO, size: int) -> _Chunks:
    """Chunk a file, reading one byte ahead. All chunks share one buffer."""
    buffer = memoryview(bytearray(size + 1))
    have = _fill(source, buffer)
    while have > size:
        yield buffer[:size], False
        buffer[0] = buffer[size]
        have = 1 + _fill(source, buffer[1:])
    yield buffer[:have], True


def _fill(source: BinaryIO, buffer: memoryview) -> int:
    # Loop until full or at the end: sockets and pipes return less at a time.
    have = 0
    while have < len(buffer) and (got := read_into(source, buffer[have:])):
        have += got
    return have


def read_into(source: BinaryIO, buffer: memoryview) -> int:
    """Read once into the buffer; return how many bytes, 0 at the end. ``InvalidInput`` if the source does not wait."""
    # readinto saves one copy of each chunk, but not every BinaryIO has it.
    if hasattr(source, "readinto"):
        got: int | None = source.readinto(buffer)
    elif data := source.read(len(buffer)):
        buffer[: (got := len(data))] = data
    else:
        got = None if data is None else 0
    if got is None:
        raise InvalidInput("the source has no data yet", "Give one that waits for its data.")
    return got


def _write(sink: BinaryIO, data: memoryview) -> None:
    while (taken := sink.write(data)) != len(data):
        if not taken:
            raise InvalidInput("the sink accepts no data", "Give one that waits until it can be written to.")
        data = data[taken:]
