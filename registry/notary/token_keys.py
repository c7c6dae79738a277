"""The notary's keys for tokens: ``token_keys/YEAR.pem``. One signs in its year, and is accepted ten years longer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from registry.core.crypto.privacy_pass import KEY_BITS, TokenKey, issue_token, token_key_of
from registry.core.errors import InvalidInput
from registry.fs.files import creating, make_folder, read_bounded, writing

FOLDER = "token_keys"
ACCEPTED_YEARS = 10
_MAX_FILE = 16_384
# How often the folder is looked at again, for a key that was added while the service runs.
_LOOK_SECONDS = 60
_ADVICE = "Restore it from a back-up: without it, the tokens that it signed are worth nothing."


class IssuingKey(NamedTuple):
    """A key of one year. ``ends`` is the unix time after which its tokens are not accepted."""

    year: int
    private: RSAPrivateKey
    key: TokenKey

    @property
    def ends(self) -> int:
        """The end of the tenth year after its own, UTC."""
        return int(datetime(self.year + ACCEPTED_YEARS + 1, 1, 1, tzinfo=UTC).timestamp())

    def issue(self, request: bytes) -> bytes:
        """Answer a request for a token."""
        return issue_token(self.private, self.key, request)


def new_token_key(folder: Path, year: int) -> Path:
    """Make the key of a year in a notary's folder, mode 0600; one that is there stays. Return its file."""
    file = folder / FOLDER / f"{year}.pem"
    taken = {one.key.id[-1] for one in _read(folder / FOLDER)}
    private = generate_private_key(public_exponent=65_537, key_size=KEY_BITS)
    while token_key_of(private.public_key()).id[-1] in taken:  # requests name a key by its last byte
        private = generate_private_key(public_exponent=65_537, key_size=KEY_BITS)
    with writing(file):
        make_folder(file.parent)
        try:
            with creating(file) as sink:
                sink.write(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        except FileExistsError:
            _read_key(file)
    return file


class TokenKeys:
    """The keys in a notary's folder. Safe for threads. ``InvalidInput`` where there is none, or GMP is missing."""

    def __init__(self, folder: Path, clock: Callable[[], float]) -> None:
        _require_gmp()
        self._folder, self._clock, self._lock = folder / FOLDER, clock, Lock()
        self._keys, self._looked, self._files = _read(self._folder), clock(), _files(self._folder)
        if not self._keys:
            advice = "Make one with `consent notary init`, or restore the folder from a back-up."
            raise InvalidInput(f"there is no key for tokens in {self._folder}", advice)

    def issuing(self) -> IssuingKey:
        """Return the key of this year, or the last one before it."""
        year = datetime.fromtimestamp(self._clock(), UTC).year
        keys = [one for one in self._keys if one.year <= year] or self._keys[:1]
        if keys[-1].year < year and self._look():
            return self.issuing()
        return keys[-1]

    def find(self, key_id: bytes) -> IssuingKey | None:
        """Return the key with this id (32 bytes); None where there is none, or its time is over."""
        found = next((one for one in self._keys if one.key.id == key_id), None)
        if found is None and self._look():
            return self.find(key_id)
        return found if found is not None and self._clock() < found.ends else None

    def accepted(self) -> list[IssuingKey]:
        """Return the keys whose tokens are accepted, the newest first."""
        return [one for one in reversed(self._keys) if self._clock() < one.ends]

    def _look(self) -> bool:
        """Look at the folder again, unless that was done just now; tell whether it holds another set of keys."""
        with self._lock:
            if abs(self._clock() - self._looked) < _LOOK_SECONDS:
                return False
            self._looked, files = self._clock(), _files(self._folder)
            if not files or files == self._files:  # reading a key takes a moment
                return False
            self._keys, self._files = _read(self._folder), files
            return True


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("[0-9][0-9][0-9][0-9].pem"))


def _read(folder: Path) -> list[IssuingKey]:
    return [_read_key(file) for file in _files(folder)]


def _read_key(file: Path) -> IssuingKey:
    try:
        private = load_pem_private_key(read_bounded(file, _MAX_FILE), None)
    except (ValueError, TypeError):
        raise InvalidInput(f"{file} is no key for tokens", _ADVICE) from None
    if not isinstance(private, RSAPrivateKey):
        raise InvalidInput(f"{file} is no RSA key", _ADVICE)
    return IssuingKey(int(file.stem), private, token_key_of(private.public_key()))


def _require_gmp() -> None:
    try:
        import gmpy2  # noqa: F401 - only whether it is there
    except ImportError:
        advice = "Install it: pip install 'consent-registry[notary]'."
        raise InvalidInput("gmpy2 is missing, which signs tokens in constant time", advice) from None
