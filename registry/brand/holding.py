"""What the brand holds of a grant's data, and what has arrived and is not judged yet, as frozen types."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from registry.client.bundle_walk import Ref


class Holding(NamedTuple):
    """How far the sealed blocks of the grant with the id ``answer`` have come.

    ``number`` is that of the newest update that was accepted, 0 before the first, and ``update_digest`` the SHA-256 of
    its sealed bytes. Both stay when the blocks go, so that no older update is ever taken. ``pending`` names the files
    whose blocks are not all there, ``versions`` how many versions of records each category's lists tell of. It is
    ``complete`` where nothing of the newest state is missing. ``leaving``: the grant is over, and its blocks are about
    to be erased. ``changed_at`` is in unix seconds.
    """

    answer: int
    number: int = 0
    update_digest: bytes = b""
    pending: tuple[Ref, ...] = ()
    versions: Mapping[str, int] = {}
    blocks: int = 0
    bytes: int = 0
    changed_at: int = 0
    complete: bool = False
    leaving: bool = False


class Held(NamedTuple):
    """One block of a grant's data: its SHA-256 and size. ``walked``: all that it leads to was looked at."""

    digest: bytes
    size: int
    walked: bool = False


class Kind(StrEnum):
    """What arrived: a CAR of blocks, a sealed update, or blocks that the worker fetched itself.

    ``ERASING`` notes blocks that a worker is about to erase: none of them is held for a grant until that is done.
    """

    BLOCKS = "blocks"
    UPDATE = "update"
    FETCHED = "fetched"
    ERASING = "erasing"


class Verdict(Struct, frozen=True, omit_defaults=True):
    """What is answered: a success with ``more`` in its body, or the problem ``name``."""

    status: int
    more: dict[str, Any] = {}
    name: str = ""
    detail: str = ""
    advice: str = ""

    @property
    def is_yes(self) -> bool:
        """Whether it was taken."""
        return self.status < 300


class Brought(NamedTuple):
    """A block that arrived: its binary CID (36 bytes) and its size."""

    cid: bytes
    size: int

    @property
    def digest(self) -> bytes:
        """The SHA-256 of its bytes."""
        return self.cid[4:]


class Arrival(NamedTuple):
    """Blocks in the brand's store that no grant holds yet, from before they are put there until they are judged.

    ``content`` is the SHA-256 of the capsule that a CAR names as its root; empty for an update. ``at`` is in unix
    seconds. It is ``ready`` once its blocks are durable, and ``lost`` where one of them was erased meanwhile.
    """

    kind: Kind
    blocks: tuple[Brought, ...]
    at: int
    content: bytes = b""
    ready: bool = False
    lost: bool = False
    verdict: Verdict | None = None
    id: int = 0

    @property
    def digests(self) -> list[bytes]:
        """The SHA-256 of each block, in their order."""
        return [each.digest for each in self.blocks]


class HeldGrant(NamedTuple):
    """A holding with what its grant's row says."""

    holding: Holding
    digest: bytes
    subject: bytes
    state: str
    data: tuple[str, ...]


_refs = msgspec.json.Decoder(tuple[Ref, ...])
_versions = msgspec.json.Decoder(dict[str, int])
_verdict = msgspec.json.Decoder(Verdict)


def values_of(holding: Holding) -> dict[str, Any]:
    """Return the row of a holding."""
    texts = {name: msgspec.json.encode(getattr(holding, name)).decode() for name in ("pending", "versions")}
    return holding._asdict() | texts


def holding_of(row: Mapping[Any, Any]) -> Holding:
    """Return the holding of a row."""
    values = {name: row[name] for name in Holding._fields}
    return Holding(**values | {"pending": _refs.decode(row["pending"]), "versions": _versions.decode(row["versions"])})


_ENTRY = 40


def arrival_values(arrival: Arrival) -> dict[str, Any]:
    """Return the row of an arrival that is about to be kept."""
    blocks = b"".join(each.cid + each.size.to_bytes(4) for each in arrival.blocks)
    return {
        "kind": str(arrival.kind),
        "content": arrival.content,
        "blocks": blocks,
        "at": arrival.at,
        "ready": arrival.ready,
        "lost": arrival.lost,
        "verdict": "",
    }


def arrival_of(row: Mapping[Any, Any]) -> Arrival:
    """Return the arrival of a row."""
    raw, verdict = row["blocks"], row["verdict"]
    entries = (raw[at : at + _ENTRY] for at in range(0, len(raw), _ENTRY))
    blocks = tuple(Brought(each[:36], int.from_bytes(each[36:])) for each in entries)
    parts = {"kind": Kind(row["kind"]), "blocks": blocks, "verdict": _verdict.decode(verdict) if verdict else None}
    return Arrival(**{**row, **parts})


def verdict_text(verdict: Verdict) -> str:
    """Return the verdict as it stands in a row."""
    return msgspec.json.encode(verdict).decode()
