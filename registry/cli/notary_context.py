"""What the commands of ``notary`` share: its folder, its network, and its account."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from registry.cli.context import Context
from registry.config.configuration import default_notary
from registry.core.errors import InvalidInput
from registry.notary.folder import ACCOUNT, INSTALL, is_installed, keys_folder, require_folder
from registry.notary.settings import NotarySettings
from registry.notary.site import Site
from registry.wallets import keyfiles

if TYPE_CHECKING:
    from registry.notary.stores import Stores
    from registry.wallets.keywallet import HashSigner

Dir = Annotated[
    Path | None,
    typer.Option("--dir", metavar="FOLDER", help="The notary's folder; below your data folder by default."),
]


def folder_of(directory: Path | None) -> Path:
    """Return the folder that was named, or the default one. ``InvalidInput`` where the extra is not installed."""
    if not is_installed():
        raise InvalidInput("the part for notaries is not installed", INSTALL)
    return default_notary() if directory is None else directory.expanduser().absolute()


def site_of(ctx: Context, directory: Path | None) -> Site:
    """Return the notary's folder and its network, which must name a node."""
    folder = folder_of(directory)
    settings, url = require_folder(folder), ctx.configuration.settings.rpc_url
    if url is None:
        raise InvalidInput("a notary needs a node, and the network names none", "Add --rpc-url, or name a network.")
    return Site(folder, settings, url, ctx.network.ledger.deployment, ctx.network.store)


def account_of(folder: Path) -> str:
    """Return the address of the notary's account, without opening its key."""
    for key in keyfiles.list_keys(keys_folder(folder)):
        if key.name == ACCOUNT:
            return key.address
    raise InvalidInput(f"{folder} holds no account", "Run `consent notary init`; a lost key comes from a back-up.")


def signer_of(ctx: Context, folder: Path) -> tuple[HashSigner, str]:
    """Open the notary's account; also return the passphrase that opened it."""
    keys = keys_folder(folder)
    account_of(folder)

    def opened(phrase: str) -> tuple[HashSigner, str]:
        return keyfiles.open_signer(keys, ACCOUNT, phrase), phrase

    return ctx.unlock(opened, keyfiles.is_light(keys, ACCOUNT))


def has_run(folder: Path, settings: NotarySettings) -> bool:
    """Tell whether there is a database to read: reading makes none."""
    return bool(settings.database) or (folder / "intake.sqlite").exists()


@contextmanager
def stores_of(folder: Path, settings: NotarySettings) -> Iterator[Stores]:
    """Open the notary's database, which must be there."""
    from registry.notary.stores import open_stores

    if not has_run(folder, settings):
        raise InvalidInput(f"the notary in {folder} has not run yet", "Start it: `consent notary serve`.")
    yield open_stores(folder, settings)
