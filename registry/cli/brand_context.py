"""What the commands of ``brand`` share: its folder, its network, and its account."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from registry.brand.settings import INSTALL, BrandSettings, require_brand
from registry.cli.context import Context
from registry.config.configuration import default_brand
from registry.core.errors import InvalidInput
from registry.notary.folder import is_installed

if TYPE_CHECKING:
    from registry.brand.site import Site
    from registry.brand.store import Store

Dir = Annotated[
    Path | None,
    typer.Option("--dir", metavar="FOLDER", help="The brand's folder; below your data folder by default."),
]


def folder_of(directory: Path | None) -> Path:
    """Return the folder that was named, or the default one. ``InvalidInput`` where the extra is not installed."""
    if not is_installed():
        raise InvalidInput("the part for services is not installed", INSTALL)
    return default_brand() if directory is None else directory.expanduser().absolute()


def site_of(ctx: Context, directory: Path | None) -> Site:
    """Return the brand's folder and its network, which must name a node."""
    folder = folder_of(directory)
    from registry.brand.site import Site  # most commands of a brand need none of it

    settings, url = require_brand(folder), ctx.configuration.settings.rpc_url
    if url is None:
        raise InvalidInput("a brand's service needs a node, and the network names none", "Add --rpc-url URL.")
    return Site(folder, settings, ctx.network, url, ctx.configuration.credentials)


def store_of(folder: Path, settings: BrandSettings, *, made: bool) -> Store:
    """Open the brand's store. Without ``made`` it must be there: reading makes none."""
    from registry.brand.store import FILE, open_store

    if not (made or settings.database or (folder / FILE).exists()):
        raise InvalidInput(f"the brand in {folder} has nothing yet", "Ask: `consent brand request --notice FILE`.")
    return open_store(folder, settings.database)
