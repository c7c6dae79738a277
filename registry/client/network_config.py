"""Open a network from its folder, as its ``network.toml`` says, or from a node and a registry.

Beside ``network.toml`` lie ``deployment.json`` (where the contracts are), ``chain.sqlite`` and ``blocks.sqlite`` (the
embedded chain and store), and on play-money networks ``relay.json`` (the account that pays for everybody).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from registry.client.network import Network
from registry.config.configuration import read_credentials
from registry.config.network_file import SETTINGS_FILE, Settings, read_settings, settings_of
from registry.core.errors import InvalidInput, StorageUnavailable
from registry.ledger.base import Deployment, Ledger, read_deployment
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
    folder: Path | None = None,
    settings: Settings | None = None,
    *,
    rpc_url: str | None = None,
    registry: str | None = None,
    ipfs: str | None = None,
    credentials: Path | None = None,
    allow_announcing: bool = False,
    progress: Progress | None = None,
    **bounds: Any,
) -> Network:
    """Open the network of this folder, by default as its own ``network.toml`` says. No node is asked yet.

    Without a folder, open the ``registry`` that you trust at the node ``rpc_url``, which is asked for its chain;
    ``LedgerUnavailable`` without an answer. ``ipfs`` then names the store; without it, nothing that needs a store
    works, and verifying needs none. With a folder, ``rpc_url`` and ``ipfs`` take the place of its own.

    ``credentials`` is the file for `read_credentials`. Personal blocks go to an IPFS node that announces what it holds
    only with ``allow_announcing``. ``progress(transaction, seconds waited)`` is called while a transaction is waited
    for. ``bounds`` are ``confirmations``, ``max_backdate`` and ``max_facts_age`` of `Network`; those left out come from
    the settings. ``InvalidInput`` where all this makes no network.
    """
    if settings is None:
        settings = Settings() if folder is None else settings_of(read_settings(folder), SETTINGS_FILE)
    named = {"rpc_url": rpc_url, "ipfs": ipfs}
    given = {name: value for name, value in named.items() if value is not None}
    chosen = settings_of(msgspec.structs.asdict(settings) | given, " or ".join(given) or SETTINGS_FILE)
    limits: dict[str, Any] = {"confirmations": chosen.confirmations or 0, "max_facts_age": chosen.max_facts_age}
    limits |= {name: value for name, value in bounds.items() if value is not None}
    if folder is None or registry is not None:
        ledger = _ledger_at(folder, chosen, registry, progress)
    else:
        ledger = open_ledger(folder, chosen, progress)
    place = place_of(folder, chosen, credentials)
    store = open_store(folder, chosen, credentials, allow_announcing)
    return Network(ledger, store, place=place, **limits)


def _ledger_at(folder: Path | None, settings: Settings, registry: str | None, progress: Progress | None) -> Ledger:
    from registry.client.wallets import typed_address
    from registry.ledger.rpc import deployment_at

    if folder is not None:
        advice = "Leave one of them out; the folder's deployment.json names its registry."
        raise InvalidInput("a folder and a registry are named, and each says which contract is meant", advice)
    if settings.rpc_url is None or registry is None:
        advice = "Name the network's folder, or rpc_url and registry."
        raise InvalidInput("without a folder, a node and a registry make a network", advice)
    return _rpc_ledger(settings.rpc_url, settings, deployment_at(settings.rpc_url, typed_address(registry)), progress)


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


def open_ledger(folder: Path, settings: Settings, progress: Progress | None = None) -> Ledger:
    """Open the chain behind ``rpc_url``, or the folder's embedded one."""
    if settings.rpc_url is None:
        from registry.ledger.embedded import EmbeddedLedger

        if not (folder / "deployment.json").exists():
            advice = "Check --network, CONSENT_NETWORK or config.toml."
            raise InvalidInput(f"there is no network at {folder}", advice)
        if not (folder / "chain.sqlite").exists():
            advice = f"Name its node with --rpc-url or in {SETTINGS_FILE}; a lost chain.sqlite comes from a backup."
            raise InvalidInput(f"{folder} holds no chain of its own, and no node is named", advice)
        return EmbeddedLedger(folder, relay_key)
    if not (folder / "deployment.json").exists():
        advice = "Name its folder with --network. To verify, name the registry that you trust with --registry instead."
        raise InvalidInput(f"a node is named, but no registry: there is no {folder / 'deployment.json'}", advice)
    relay = folder / "relay.json"
    deployment = read_deployment(folder / "deployment.json")
    return _rpc_ledger(settings.rpc_url, settings, deployment, progress, Relay(relay) if relay.exists() else None)


def _rpc_ledger(
    url: str, settings: Settings, deployment: Deployment, progress: Progress | None, relay: Relay | None = None
) -> Ledger:
    from registry.ledger.rpc import DEFAULT_MAX_FEE, RpcLedger

    return RpcLedger(
        url,
        deployment,
        relay=relay,
        max_fee=DEFAULT_MAX_FEE if settings.max_fee_gwei is None else round(settings.max_fee_gwei * 10**9),
        confirmations=settings.confirmations or 0,
        progress=progress,
    )


def open_store(
    folder: Path | None, settings: Settings, credentials: Path | None = None, allow_announcing: bool = False
) -> BlockStore:
    """Return the store on the Kubo node ``ipfs``, or in the folder's own file, and its ``gateways`` for reading."""
    from registry.storage.gateway import GatewayBlocks, LayeredBlocks

    def own() -> BlockStore:
        if settings.ipfs is not None:
            return open_kubo(settings.ipfs, credentials, allow_announcing=allow_announcing)
        if folder is None:
            raise InvalidInput("no content store is named", "Name the network's folder, or an IPFS node.")
        from registry.storage.sqlite_store import SqliteBlocks

        return SqliteBlocks(folder / "blocks.sqlite")

    return LayeredBlocks(own, [GatewayBlocks(address) for address in settings.gateways])


def place_of(folder: Path | None, settings: Settings, credentials: Path | None = None) -> Place | None:
    """Return the name of the store that `open_store` opens, None for none."""
    if settings.ipfs is not None:
        return Place(ipfs=settings.ipfs, credentials=None if credentials is None else str(credentials.absolute()))
    return None if folder is None else Place(file=str((folder / "blocks.sqlite").resolve()))


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
