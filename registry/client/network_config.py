"""Open a network from its folder, as its ``network.toml`` says.

Beside ``network.toml`` lie ``deployment.json`` (where the contracts are), ``chain.sqlite`` and ``blocks.sqlite`` (the
embedded chain and store), and on play-money networks ``relay.json`` (the account that pays for everybody).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry.client.network import Network
from registry.config.configuration import read_credentials
from registry.config.network_file import SETTINGS_FILE, Settings, read_settings, settings_of
from registry.core.errors import InvalidInput, StorageUnavailable
from registry.ledger.base import Ledger, read_deployment
from registry.storage.addresses import parse_address
from registry.storage.base import BlockStore
from registry.vault.place import Place
from registry.wallets.keyfiles import Relay, relay_key

if TYPE_CHECKING:
    from registry.storage.kubo import KuboBlocks

# The files of a network's folder, without their endings.
_PARTS = frozenset({"network", "deployment", "chain", "blocks", "relay", "lock"})
Progress = Callable[[str, float], None]


def open_network(
    folder: Path,
    settings: Settings | None = None,
    *,
    credentials: Path | None = None,
    allow_announcing: bool = False,
    progress: Progress | None = None,
    **bounds: Any,
) -> Network:
    """Open the network of this folder, by default as its own ``network.toml`` says. No node is asked yet.

    ``credentials`` is the file for `read_credentials`. Personal blocks go to an IPFS node that announces what it holds
    only with ``allow_announcing``. ``progress(transaction, seconds waited)`` is called while a
    transaction is waited for. ``bounds`` are the last three members of `Network`; those left out come from the
    settings. ``InvalidInput`` where the settings make no network.
    """
    chosen = settings_of(read_settings(folder), SETTINGS_FILE) if settings is None else settings
    limits: dict[str, Any] = {"confirmations": chosen.confirmations or 0, "max_facts_age": chosen.max_facts_age}
    limits |= {name: value for name, value in bounds.items() if value is not None}
    place = place_of(folder, chosen, credentials)
    store = open_store(folder, chosen, credentials, allow_announcing)
    return Network(open_ledger(folder, chosen, progress), store, place=place, **limits)


def make_network(folder: Path) -> None:
    """Make a network of this machine alone in a new folder: a chain and a store in files.

    ``InvalidInput`` where the folder cannot be made, or holds something else.
    """
    from registry.ledger.embedded import EmbeddedLedger

    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        foreign = sorted(file.name for file in folder.iterdir() if file.name.split(".")[0] not in _PARTS)
    except OSError as error:
        advice = "Choose a folder that you may write to."
        raise InvalidInput(f"{folder} cannot be made: {error.strerror}", advice) from None
    if foreign:
        raise InvalidInput(f"{folder} holds {foreign[0]}, and no network", "Name a new folder with --network.")
    EmbeddedLedger(folder, relay_key)


def bare_network(rpc_url: str, registry: str, **bounds: Any) -> Network:
    """Open the registry at a trusted, checksummed address, to read; ``LedgerUnavailable`` without an answer."""
    from registry.ledger.rpc import RpcLedger, deployment_at
    from registry.storage.gateway import LayeredBlocks

    return Network(RpcLedger(rpc_url, deployment_at(rpc_url, registry)), LayeredBlocks(_no_store), **bounds)


def _no_store() -> BlockStore:
    raise InvalidInput("no content store is named", "Name the network's folder, or an IPFS node.")


def open_ledger(folder: Path, settings: Settings, progress: Progress | None = None) -> Ledger:
    """Open the chain behind ``rpc_url``, or the folder's embedded one."""
    if settings.rpc_url is None:
        from registry.ledger.embedded import EmbeddedLedger

        if not (folder / "deployment.json").exists():
            advice = "Check --network, CONSENT_NETWORK or config.toml. `consent init` makes a network that is missing."
            raise InvalidInput(f"there is no network at {folder}", advice)
        if not (folder / "chain.sqlite").exists():
            advice = f"Name its node with --rpc-url or in {SETTINGS_FILE}; a lost chain.sqlite comes from a backup."
            raise InvalidInput(f"{folder} holds no chain of its own, and no node is named", advice)
        return EmbeddedLedger(folder, relay_key)
    from registry.ledger.rpc import DEFAULT_MAX_FEE, RpcLedger

    relay = folder / "relay.json"
    return RpcLedger(
        settings.rpc_url,
        read_deployment(folder / "deployment.json"),
        relay=Relay(relay) if relay.exists() else None,
        max_fee=DEFAULT_MAX_FEE if settings.max_fee_gwei is None else round(settings.max_fee_gwei * 10**9),
        confirmations=settings.confirmations or 0,
        progress=progress,
    )


def open_store(
    folder: Path, settings: Settings, credentials: Path | None = None, allow_announcing: bool = False
) -> BlockStore:
    """Return the store on the Kubo node ``ipfs``, or in the folder's own file, and its ``gateways`` for reading."""
    from registry.storage.gateway import GatewayBlocks, LayeredBlocks

    def own() -> BlockStore:
        if settings.ipfs is not None:
            return open_kubo(settings.ipfs, credentials, allow_announcing=allow_announcing)
        from registry.storage.sqlite_store import SqliteBlocks

        return SqliteBlocks(folder / "blocks.sqlite")

    return LayeredBlocks(own, [GatewayBlocks(address) for address in settings.gateways])


def place_of(folder: Path, settings: Settings, credentials: Path | None = None) -> Place:
    """Return the name of the store that `open_store` opens."""
    if settings.ipfs is not None:
        return Place(ipfs=settings.ipfs, credentials=None if credentials is None else str(credentials.absolute()))
    return Place(file=str((folder / "blocks.sqlite").resolve()))


def named_place(text: str) -> Place:
    """Return the store that a file's path or a node's address names; ``InvalidInput`` for anything else."""
    path = Path(text).expanduser()
    if path.is_file():
        return Place(file=str(path.resolve()))
    with suppress(InvalidInput):
        parse_address(text)
        return Place(ipfs=text)
    raise InvalidInput("this names no store", "Give the path of a blocks.sqlite, or the address of a Kubo node.")


def open_place(place: Place) -> BlockStore:
    """Open a store that is there already; ``StorageUnavailable`` where its file is missing."""
    if place.ipfs is not None:
        return open_kubo(place.ipfs, None if place.credentials is None else Path(place.credentials))
    from registry.storage.sqlite_store import SqliteBlocks

    if not Path(str(place.file)).is_file():
        advice = "If it was moved, name it with `consent vault move --from FILE`; a lost one comes from a backup."
        raise StorageUnavailable(f"there is no block store at {place}", advice)
    return SqliteBlocks(str(place.file))


def open_kubo(
    address: str,
    credentials: Path | None = None,
    seconds: float | None = None,
    allow_announcing: bool = False,
) -> KuboBlocks:
    """Return the store on a Kubo node. ``InvalidInput`` where the extra ``ipfs`` is not installed."""
    try:
        from registry.storage import kubo
    except ModuleNotFoundError as error:
        advice = "Install it: pip install 'consent-registry[ipfs]'."
        raise InvalidInput(f"the part for IPFS nodes is not installed ({error.name})", advice) from None
    known = {} if credentials is None else read_credentials(credentials)
    return kubo.KuboBlocks(address, seconds=seconds or kubo.SECONDS, allow_announcing=allow_announcing, **known)
