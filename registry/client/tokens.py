"""Tokens that pay a notary for one item each, without telling it who got them: files in the home's ``tokens``."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from registry.core.errors import InvalidInput
from registry.fs.files import read_bounded

MAX_TOKEN = 4_096
_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,4000}={0,2}")


class Tokens(NamedTuple):
    """A folder with a token in each file ``NAME.token``, as base64url. One that is being spent is ``NAME.ITEM``."""

    folder: Path

    def take(self, item: str) -> str | None:
        """Return the token that is set aside for this item, or set one aside; None where there is none left."""
        for file in [*self.folder.glob(f"*.{item}"), *sorted(self.folder.glob("*.token"))]:
            aside = file.with_suffix(f".{item}")
            try:
                file.replace(aside)  # another process may have taken it
                token = read_bounded(aside, MAX_TOKEN).decode().strip()
            except (OSError, UnicodeDecodeError, InvalidInput):
                continue
            if _TOKEN.fullmatch(token):
                return token
        return None

    def spent(self, item: str) -> None:
        """Forget the token that paid for this item."""
        for file in self.folder.glob(f"*.{item}"):
            with suppress(OSError):
                file.unlink()

    @property
    def left(self) -> int:
        """How many are left."""
        return len(list(self.folder.glob("*.token")))
