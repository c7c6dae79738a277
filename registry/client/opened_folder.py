"""What `opened.json` says of a folder with opened data: whose it is, and how far it was read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from registry.core.errors import InvalidInput
from registry.core.sealed.bundles import View
from registry.fs.files import read_bounded

STATE = "opened.json"
# A line of text for each record that was ever edited, and for each segment.
MAX_STATE = 1 << 30
_LINES_FILE = re.compile(r"[^/\\\x00-\x1f]{1,200}\.jsonl")
_ADVICE = "Open the grant anew, into another folder."


class OpenedBundle(Struct, frozen=True, rename="camel"):
    """One bundle as it was opened last.

    ``path`` is the file with its records; ``bytes`` and ``sha256`` are that file's. ``read`` has the CIDs of the
    segments, and of the lists of older ones, that were read. ``counters`` has those records' that were edited, and
    ``removed`` those of tombstones.
    """

    stream: str
    category: str
    view: View
    head: str
    number: int
    path: str
    records: int
    files: int
    bytes: int
    sha256: str
    read: tuple[str, ...]
    counters: dict[str, int]
    removed: dict[str, int]

    def __post_init__(self) -> None:
        if _LINES_FILE.fullmatch(self.path) is None:
            raise ValueError("a path leaves the folder")


class OpenedGrant(Struct, frozen=True, rename="camel"):
    """All bundles of a grant in a folder. ``update`` is the number of the last update, 0 before the first."""

    grant: str
    update: int
    bundles: tuple[OpenedBundle, ...]
    type: Literal["OpenedGrant"] = "OpenedGrant"
    version: Literal[1] = 1


def write_state(state: OpenedGrant) -> bytes:
    """Encode it as it stands in `opened.json`."""
    return msgspec.json.format(msgspec.json.encode(state), indent=2) + b"\n"


def read_state(folder: Path) -> OpenedGrant:
    """Read the state of a folder; ``InvalidInput`` if `open` did not make it."""
    if not (folder / STATE).is_file():
        raise InvalidInput(f"{folder} holds no opened grant", "Name the folder into which the grant was opened.")
    raw = read_bounded(folder / STATE, MAX_STATE)
    try:
        return msgspec.json.decode(raw, type=OpenedGrant)
    except (msgspec.MsgspecError, ValueError):
        raise InvalidInput(f"{folder / STATE} is not as it was written", _ADVICE) from None
