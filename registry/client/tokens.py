"""Tokens that pay a notary for one item each, without telling it who got them: files in the home's ``tokens``."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from registry.core.errors import InvalidInput
from registry.core.scalars import to_hex
from registry.fs.files import read_bounded, replace_file

MAX_TOKEN = 4_096
# RFC 9577, section 2.2: type (2 bytes), nonce (32), challenge digest (32), key id (32), authenticator (256).
_KEY_ID, _BYTES = slice(66, 98), 354


class Tokens(NamedTuple):
    """A folder with a token in each file ``NAME.token``, as base64url. One that is being spent is ``NAME.ITEM``."""

    folder: Path

    def take(self, item: str, keys: Collection[str]) -> str | None:
        """Return the token that is set aside for this item, or set one aside; None where there is none left.

        ``keys`` are the ids (0x hex) of the notary's keys: only a token that one of them signed pays there.
        """
        for file in [*self.folder.glob(f"*.{item}"), *sorted(self.folder.glob("*.token"))]:
            token = _read(file)
            if token is None or _key_of(token) not in keys:
                continue
            with suppress(OSError):
                file.replace(file.with_suffix(f".{item}"))  # another process may have taken it
                return token
        return None

    def add(self, name: str, token: str) -> None:
        """Keep a token durably, in a file of this name."""
        replace_file(self.folder / f"{name}.token", token.encode())

    def spent(self, item: str) -> None:
        """Forget the token of this item: it paid, or it pays for nothing."""
        for file in self.folder.glob(f"*.{item}"):
            with suppress(OSError):
                file.unlink()


def _read(file: Path) -> str | None:
    try:
        return read_bounded(file, MAX_TOKEN).decode("ascii").strip()
    except (UnicodeDecodeError, InvalidInput):
        return None


def _key_of(token: str) -> str:
    """The id of the key that signed the token, 0x hex; empty for what is no token."""
    try:
        raw = urlsafe_b64decode(token)
    except ValueError:
        return ""
    return to_hex(raw[_KEY_ID]) if len(raw) == _BYTES else ""
