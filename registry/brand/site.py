"""Where one brand's service works. Importing it loads no database and no routes, which the supervisor does without."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from registry.brand.custody import Custody, open_custody
from registry.brand.settings import BrandSettings
from registry.client.network import Network


@dataclass(frozen=True)
class Site:
    """A brand's folder and settings, and its network. The node's URL may hold a key.

    ``credentials`` is the file with those of the brand's Kubo node.
    """

    folder: Path
    settings: BrandSettings
    network: Network
    node_url: str = field(repr=False)
    credentials: Path | None = None

    def custody(self, identity: str = "") -> Custody:
        """Open the brand's own store of what people hand over; ``identity`` opens what lies in it."""
        return open_custody(self.folder, self.settings, identity, self.credentials)
