"""What a home remembers of the mail of each grant: which messages it saw, so that none is taken or replaced unseen.

A file ``mail/DIGEST.json`` for each grant. It can be lost: the next pull then reads everything again, and the vault
knows what it has.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from registry.core import codec
from registry.core.errors import InvalidInput, Malformed
from registry.core.scalars import Bytes32, read_words
from registry.fs.files import make_folder, read_bounded, replace_file

# Of one grant. Each is a line of 69 bytes.
MAX_SEEN = 100_000
_MAX_FILE = 16 << 20


class Seen(Struct, frozen=True, forbid_unknown_fields=True):
    """The messages of one grant that this home saw: the digest of each (0x hex), by number from 1.

    An empty one stands for a message that was missing, or that did not open. It is ``closed`` once everything was read
    after the grant's end: the brand is asked no more.
    """

    closed: bool = False
    digests: Annotated[tuple[Bytes32 | str, ...], Meta(max_length=MAX_SEEN)] = ()

    def __post_init__(self) -> None:
        read_words(tuple(filter(None, self.digests)))

    @property
    def last(self) -> int:
        """The largest number that was seen."""
        return len(self.digests)

    def of(self, number: int) -> str:
        """Return the digest of the message with this number; empty where there is none."""
        return self.digests[number - 1] if 0 < number <= self.last else ""

    def with_message(self, number: int, digest: str) -> Seen:
        """Return this with one message more; numbers that were left out are missing."""
        between = ("",) * (number - 1 - self.last)
        return Seen(self.closed, (*self.digests[: number - 1], *between, digest, *self.digests[number:]))


_decoder = msgspec.json.Decoder(Seen)


class MailFolder:
    """What the home at ``path`` saw of its mail."""

    def __init__(self, path: Path) -> None:
        self._folder = path / "mail"

    def seen(self, grant: str) -> Seen:
        """Return what was seen of the grant with this digest (0x hex); ``InvalidInput`` for a damaged file."""
        file = self._file(grant)
        if not file.exists():
            return Seen()
        try:
            return codec.decode(read_bounded(file, _MAX_FILE), _decoder, _MAX_FILE)
        except Malformed as error:
            advice = "Remove it: the next pull reads everything again, and takes nothing twice."
            raise InvalidInput(f"{file} is damaged: {error}", advice) from None

    def keep(self, grant: str, seen: Seen) -> None:
        """Keep durably what was seen."""
        make_folder(self._folder)
        replace_file(self._file(grant), codec.encode(seen))

    def _file(self, grant: str) -> Path:
        return self._folder / f"{grant}.json"
