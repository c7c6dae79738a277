"""Where a brand keeps the sealed blocks that people hand over, and what opens them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from registry.brand.settings import BrandSettings
from registry.client.network_config import open_kubo
from registry.core.age.recipients import recipient_of
from registry.core.errors import InvalidInput, StorageUnavailable
from registry.core.ipld.cid import cid_from_digest
from registry.storage.base import BlockStore
from registry.storage.sqlite_store import SqliteBlocks

FILE = "blocks.sqlite"


@dataclass(frozen=True)
class Custody:
    """The brand's own store of ``blocks``, and the age ``identity`` that opens what they hold.

    The identity is empty in a process that opens nothing, such as the one that faces the network.
    """

    blocks: BlockStore
    identity: str = field(default="", repr=False)

    def block(self, digest: bytes) -> bytes:
        """Return the block with this SHA-256, checked; ``StorageUnavailable`` where the store lacks it."""
        return self.blocks.get(cid_from_digest(digest))

    def erase(self, digests: Collection[bytes]) -> None:
        """Erase these blocks; absent ones are no error."""
        if digests:
            self.blocks.delete([cid_from_digest(digest) for digest in digests])


def open_custody(folder: Path, settings: BrandSettings, identity: str = "", credentials: Path | None = None) -> Custody:
    """Open the brand's own store: the Kubo node that its settings name, else a file in its folder.

    ``InvalidInput`` for an identity whose recipient is none of the settings'.
    """
    if identity and recipient_of(identity) not in settings.recipients:
        advice = "Use the home whose key for data the profile shows, or correct recipients in brand.toml."
        raise InvalidInput("the home's key for data is none of those in brand.toml", advice)
    blocks = open_kubo(settings.ipfs, credentials) if settings.ipfs else SqliteBlocks(folder / FILE)
    return Custody(blocks, identity)


def required(custody: Custody | None) -> Custody:
    """Return the custody of a process; ``StorageUnavailable`` for one that was started without."""
    if custody is None:
        raise StorageUnavailable("this process was started without a store for data", "Start it by `brand serve`.")
    return custody
