"""The interface of every block store: a SQLite file, a Kubo node, a fake.

A store is not trusted: all adapters check what they take (``accepted``) and what they return (``checked``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, Protocol, runtime_checkable

from registry.core.errors import BlockMismatch, InvalidInput
from registry.core.ipld.cid import MAX_BLOCK_BYTES, Block, check_block

MAX_NAME_BYTES = 16 << 10
MAX_HOMES = 64

_NAME, _HOME = re.compile(r"[0-9a-f]{32}"), re.compile(r"[0-9a-f]{16}")


class StoreStat(NamedTuple):
    """How much a store holds: the number of blocks, and the sum of their lengths in bytes."""

    blocks: int
    bytes: int


class BlockStore(Protocol):
    """Blocks by their CIDs. If the store cannot be asked, every method raises StorageUnavailable; none says "no".

    A store keeps blocks by their SHA-256: a raw and a dag-pb CID of the same bytes name the same block.
    """

    def put(self, blocks: Iterable[Block], *, public: bool = False) -> None:
        """Store all blocks; they are durable when it returns. A block that is there already is no error.

        ``public`` blocks, such as notices, may be announced to a public network; all others may not. InvalidInput if
        the store would announce them, or for a block of over MAX_BLOCK_BYTES, or under a CID that is not its own.
        After an error some of the blocks may be stored, which does no harm: put them again.
        """

    def get(self, cid: str) -> bytes:
        """Return the block's bytes, checked; BlockMismatch if the store returned others."""

    def reader(self, root: str) -> Callable[[str], bytes]:
        """Return a ``get`` for one caller that reads the blocks of the file ``root`` in order; it may fetch ahead."""

    def has(self, cid: str) -> bool:
        """Whether the store says that it holds the block, without reading its bytes."""

    def delete(self, cids: Iterable[str]) -> None:
        """Erase the blocks: the store's files then hold none of their bytes. Absent ones are no error."""

    def stat(self) -> StoreStat:
        """Count what the store holds now."""


@runtime_checkable
class Names(Protocol):
    """What a store may offer besides blocks: under one name, some bytes for each home. Nobody checks these bytes here.

    A store without it serves one home. If the store cannot be asked, both methods raise StorageUnavailable.
    """

    def names(self, name: str) -> dict[str, bytes]:
        """Return the bytes of each home under ``name`` (32 hex digits); none for an unknown one."""

    def set_name(self, name: str, home: str, data: bytes | None) -> None:
        """Put a home's (16 hex digits) bytes in place of those before, durably; None removes them.

        InvalidInput for more than MAX_NAME_BYTES, and for more than MAX_HOMES homes.
        """


def check_name(name: str, home: str = "0" * 16, data: bytes | None = None) -> None:
    """Refuse what `Names` takes nowhere, as InvalidInput."""
    if not _NAME.fullmatch(name) or not _HOME.fullmatch(home):
        raise InvalidInput("a name has 32 hex digits, and a home 16")
    if data is not None and len(data) > MAX_NAME_BYTES:
        raise InvalidInput(f"the name of a home has at most {MAX_NAME_BYTES:,} bytes")


def check_homes(homes: Iterable[str]) -> None:
    """Refuse more than MAX_HOMES homes under one name, as InvalidInput."""
    if len(set(homes)) > MAX_HOMES:
        raise InvalidInput(f"a vault has at most {MAX_HOMES} homes in one store", "Forget those that are gone.")


def accepted(block: Block) -> bytes:
    """Return the SHA-256 of a block that may be stored; InvalidInput for any other."""
    if len(block.data) > MAX_BLOCK_BYTES:
        raise InvalidInput(f"a block has at most {MAX_BLOCK_BYTES} bytes", "Store it as a file of several blocks.")
    try:
        return check_block(block.cid, block.data)
    except BlockMismatch:
        raise InvalidInput(f"{block.cid} does not name these bytes", "Compute the identifier from the bytes.") from None


def batches(blocks: Iterable[Block], max_bytes: int, max_blocks: int | None = None) -> Iterator[dict[bytes, bytes]]:
    """Group `accepted` blocks, SHA-256 to bytes; a batch ends with the block that reaches either limit."""
    batch: dict[bytes, bytes] = {}
    size = 0
    for block in blocks:
        batch[accepted(block)] = block.data
        size += len(block.data)
        if size >= max_bytes or len(batch) == max_blocks:
            yield batch
            batch, size = {}, 0
    if batch:
        yield batch


def checked(cid: str, data: bytes) -> bytes:
    """Return the data if ``cid`` names it; BlockMismatch otherwise."""
    check_block(cid, data)
    return data
