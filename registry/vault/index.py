"""The vault's index, sealed to its owner: all streams and accounts. With the seed it restores the whole vault."""

from __future__ import annotations

import io
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from registry.core import codec
from registry.core.age.stream import open_bytes, seal_bytes
from registry.core.capsules import RecordRef, StreamKey
from registry.core.errors import DamagedSeal, InvalidInput, Malformed, StorageUnavailable
from registry.core.ipld.cid import Block
from registry.core.ipld.unixfs import file_blocks, read_file
from registry.core.scalars import Address, UInt64, check_address, check_distinct, check_term
from registry.storage.base import BlockStore

MAX_INDEX = 64 * 1024 * 1024


class Record(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """One record: ``size`` of the body in bytes, ``added_at`` in unix seconds.

    ``name`` is handed over only if the person says so.
    """

    cid: str
    schema: str
    media_type: str
    name: str
    size: UInt64
    added_at: UInt64

    @property
    def reference(self) -> RecordRef:
        """The reference that a stream's head holds."""
        return RecordRef(self.cid, self.schema, self.media_type)


class Stream(Struct, frozen=True, forbid_unknown_fields=True):
    """One category in one epoch, with a key of its own.

    ``shared`` is true once the key was handed out. Then this stream gets no more records.
    """

    category: str
    epoch: Annotated[int, Meta(ge=1)]
    identity: str
    head: str
    number: Annotated[int, Meta(ge=1)]
    records: tuple[Record, ...]
    shared: bool

    def __post_init__(self) -> None:
        check_term(self.category, "category")

    def key(self, named: bool = False) -> StreamKey:
        """Return the key that a capsule holds, if ``named`` with the person's own names of the records."""
        names = tuple(record.name for record in self.records) if named else ()
        return StreamKey(self.category, self.epoch, self.identity, self.head, names)

    def __repr__(self) -> str:
        return f"Stream({self.category!r}, epoch {self.epoch}, {len(self.records)} records)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        # msgspec's default would show the identity.
        return [("category", self.category), ("epoch", self.epoch), ("records", len(self.records))]


class Account(Struct, frozen=True, forbid_unknown_fields=True, order=True):
    """A controller, and which account of the seed for it (see `registry.wallets.derived`) has signed something."""

    controller: Address
    generation: Annotated[int, Meta(ge=0, lt=2**32)]

    def __post_init__(self) -> None:
        check_address(self.controller)


class Index(Struct, frozen=True, forbid_unknown_fields=True, tag_field="version", tag=2):
    """All streams, oldest epochs first, and all accounts in ascending order, without duplicates."""

    streams: tuple[Stream, ...] = ()
    accounts: tuple[Account, ...] = ()
    type: Literal["VaultIndex"] = "VaultIndex"

    def __post_init__(self) -> None:
        if list(self.accounts) != sorted(set(self.accounts)):
            raise Malformed("accounts must be in ascending order, without duplicates")

    def newest(self, category: str) -> Stream | None:
        """Return the category's stream of the newest epoch, if there is one."""
        streams = (stream for stream in self.streams if stream.category == category)
        return max(streams, key=lambda stream: stream.epoch, default=None)


_decoder = msgspec.json.Decoder(Index)


def seal_index(index: Index, recipient: str) -> list[Block]:
    """Seal the index and return its blocks, the root last. ``InvalidInput`` if it is larger than MAX_INDEX bytes."""
    sealed = seal_bytes(codec.encode(index), [recipient])
    if len(sealed) > MAX_INDEX:
        raise InvalidInput(f"the vault's index would be larger than {MAX_INDEX:,} bytes", "Use another home for more.")
    return list(file_blocks(io.BytesIO(sealed)))


def open_index(cid: str, store: BlockStore, identity: str) -> Index:
    """Return the index: ``StorageUnavailable`` if it cannot be read, ``SealedDataError`` if it cannot be opened.

    ``Malformed`` if it repeats a stream, a head or a record.
    """
    sealed = bytearray()
    for piece in read_file(cid, store.get):
        sealed += piece
        if len(sealed) > MAX_INDEX:
            raise StorageUnavailable(f"the vault's index is larger than {MAX_INDEX:,} bytes")
    try:
        index = codec.decode(open_bytes(bytes(sealed), [identity]), _decoder, MAX_INDEX)
    except Malformed as error:
        raise DamagedSeal(f"the vault's index is malformed: {error}") from None
    _check_lists(index)
    return index


def _check_lists(index: Index) -> None:
    check_distinct([(stream.category, stream.epoch) for stream in index.streams], "a stream")
    check_distinct([stream.head for stream in index.streams], "a head")
    check_distinct([record.cid for stream in index.streams for record in stream.records], "a record")
