"""Tokens that pay a notary for one item each, without telling it who got them: files in the home's ``tokens``."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Collection, Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from registry.core.errors import InvalidInput, Malformed
from registry.core.scalars import to_hex
from registry.fs.files import read_bounded, replace_file

MAX_FILE = 4_096
# RFC 9577, section 2.2: the type, the nonce and the digest of the challenge stand before the id of the key.
_KEY_ID = slice(66, 98)


class Tokens(NamedTuple):
    """The tokens in a folder that were drawn at this URL; only there are they spent.

    Any notary can list another one's key as its own, and so collect what that one would take for payment. A file
    ``NAME.token`` has a line with the URL and one with the token, in base64url. One that is being spent is
    ``NAME.ITEM``.
    """

    folder: Path
    url: str

    def take(self, item: str, keys: Collection[str]) -> bytes | None:
        """Return the token that is set aside for this item, or set one aside; None where there is none left.

        ``keys`` are the ids (0x hex) of the notary's keys: it takes no token of another key, such as an old one.
        """
        for file, token in chain(self._own(f"*.{item}"), self._own("*.token")):
            if to_hex(token[_KEY_ID]) not in keys:
                continue
            with suppress(OSError):
                file.replace(file.with_suffix(f".{item}"))  # another process may have taken it
                return token
        return None

    def add(self, name: str, token: bytes) -> None:
        """Keep a token durably, in a file of this name."""
        text = f"{self.url}\n{urlsafe_b64encode(token).decode()}\n"
        replace_file(self.folder / f"{name}.token", text.encode())

    def spent(self, item: str) -> None:
        """Forget the token of this item: it paid, or it pays for nothing."""
        for file, _ in self._own(f"*.{item}"):
            with suppress(OSError):
                file.unlink()

    def _own(self, pattern: str) -> Iterator[tuple[Path, bytes]]:
        for file in sorted(self.folder.glob(pattern)):
            if (token := _read(file, self.url)) is not None:
                yield file, token


def _read(file: Path, url: str) -> bytes | None:
    """The token in a file, if it is one, and was drawn at this URL."""
    # Imported here: it is slow to load, and most commands find no token.
    from registry.core.crypto.privacy_pass import parse_token

    with suppress(InvalidInput, Malformed, ValueError):
        drawn_at, text = read_bounded(file, MAX_FILE).decode("ascii").split()
        token = urlsafe_b64decode(text)
        parse_token(token)
        return token if drawn_at == url else None
    return None
