"""A network's folder: the chain and the content store that its parties share, as ``network.toml`` names them.

Beside it lie ``deployment.json`` (where the contracts are), ``chain.sqlite`` and ``blocks.sqlite`` (the embedded chain
and store), and on play-money networks ``relay.json`` (who pays for whoever has no account). Whoever writes the folder
chooses a chain and a store, and nothing else: accounts and credentials are named in a party's own configuration.
"""

from __future__ import annotations

import json
import os
import stat
import tomllib
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta

from registry.client.network import Network
from registry.core.errors import InvalidInput
from registry.fs.files import replace_file
from registry.ledger.base import MAX_DEPTH, Ledger, Sender, read_deployment
from registry.storage.base import BlockStore

if TYPE_CHECKING:
    from registry.storage.kubo import KuboBlocks

SETTINGS_FILE = "network.toml"
MAX_SETTINGS_BYTES = 64 * 1024
MAX_CREDENTIALS_BYTES = 8 * 1024
MAX_GATEWAYS = 16
# What a folder can make somebody's own account pay for a unit of gas: no more than without it.
MAX_SHARED_FEE_GWEI = 500
_GWEI = 10**9
_Text = Annotated[str, Meta(min_length=1, max_length=2048, pattern=r"^[!-~]([ -~]*[!-~])?\Z")]
_Count = Annotated[int, Meta(ge=0, le=MAX_DEPTH)]

Progress = Callable[[str, float], None]


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What ``network.toml`` may say; None and empty stand for the embedded default.

    ``rpc_url`` http, https or IPC; ``ipfs`` a multiaddr or URL of a Kubo node; ``gateways`` URLs that are read from
    where the store lacks a block; ``confirmations`` blocks above a transaction; ``max_fee_gwei`` for one unit of gas;
    ``max_facts_age`` seconds that the newest block may be old when something is verified.
    """

    rpc_url: _Text | None = None
    ipfs: _Text | None = None
    gateways: Annotated[tuple[_Text, ...], Meta(max_length=MAX_GATEWAYS)] = ()
    confirmations: _Count | None = None
    max_fee_gwei: Annotated[float, Meta(gt=0, le=1e9)] | None = None
    max_facts_age: Annotated[int, Meta(ge=0)] | None = None

    def __repr__(self) -> str:
        # An access key may stand in a URL.
        return f"Settings({', '.join(name for name in NAMES if getattr(self, name))})"


NAMES = Settings.__struct_fields__


def settings_of(values: Mapping[str, Any], where: str) -> Settings:
    """The settings with these values; text stands for numbers and, with spaces between them, for several URLs.

    ``InvalidInput``, which quotes no value, where they are none; ``where`` says in words what to put right.
    """
    named = {name: value for name, value in values.items() if value is not None}
    if isinstance(gateways := named.get("gateways"), str):
        named["gateways"] = gateways.split()
    try:
        return msgspec.convert(named, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"{where}: {error}", f"Put {where} right.") from None


def read_settings(folder: Path) -> dict[str, Any]:
    """What the folder's ``network.toml`` names, nothing where there is none; it can lower the limit of fees alone.

    ``InvalidInput`` where it cannot be read, or holds anything but `Settings`.
    """
    file = folder / SETTINGS_FILE
    try:
        with file.open("rb") as source:
            raw = source.read(MAX_SETTINGS_BYTES + 1)
        found = tomllib.loads(raw.decode())
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise InvalidInput(f"{file} cannot be read: {error.strerror}", "Check the folder of the network.") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        # The parser's message names a line and a column, never what stands there.
        why = str(error) if isinstance(error, tomllib.TOMLDecodeError) else "it is not TOML"
        raise InvalidInput(f"{file}: {why}", "Put the file right, or remove it.") from None
    if len(raw) > MAX_SETTINGS_BYTES:
        raise InvalidInput(f"{file} has more than {MAX_SETTINGS_BYTES:,} bytes", "Put the file right, or remove it.")
    fee = settings_of(found, str(file)).max_fee_gwei
    return found if fee is None else found | {"max_fee_gwei": min(fee, MAX_SHARED_FEE_GWEI)}


def write_settings(folder: Path, **values: Any) -> None:
    """Set these in ``network.toml``, None to take one out; the others stay, and a reader sees all of it or nothing."""
    merged = {name: value for name, value in (read_settings(folder) | values).items() if value is not None}
    settings_of(merged, SETTINGS_FILE)
    lines = [f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in merged.items()]
    replace_file(folder / SETTINGS_FILE, "".join(lines).encode())


def open_network(
    folder: Path,
    settings: Settings | None = None,
    *,
    credentials: Path | None = None,
    progress: Progress | None = None,
) -> Network:
    """The network of this folder, by default as its own ``network.toml`` says; no node is asked before it is needed.

    ``credentials`` is the file that `read_credentials` reads; ``progress(transaction, seconds waited)`` is called
    while a transaction is waited for. ``InvalidInput`` where the settings name what cannot be.
    """
    chosen = settings_of(read_settings(folder), SETTINGS_FILE) if settings is None else settings
    return Network(open_ledger(folder, chosen, progress), open_store(folder, chosen, credentials))


def bare_network(rpc_url: str, registry: str) -> Network:
    """The registry at this checksummed address on the chain of a node, without a folder: for reading alone.

    The address is the caller's to trust. ``LedgerUnavailable`` where the node cannot be asked.
    """
    from registry.ledger.node_info import deployment_at
    from registry.ledger.rpc import RpcLedger
    from registry.storage.layered import LayeredBlocks

    return Network(RpcLedger(rpc_url, deployment_at(rpc_url, registry)), LayeredBlocks(_no_store))


def _no_store() -> BlockStore:
    raise InvalidInput("no content store is named", "Name the network's folder, or an IPFS node.")


def open_ledger(folder: Path, settings: Settings, progress: Progress | None = None) -> Ledger:
    """The chain behind ``rpc_url``, else the embedded one of the folder."""
    if settings.rpc_url is None:
        return _embedded(folder)
    from registry.ledger.rpc import DEFAULT_MAX_FEE, RpcLedger

    relay = folder / "relay.json"
    return RpcLedger(
        settings.rpc_url,
        read_deployment(folder / "deployment.json"),
        relay=Relay(relay) if relay.exists() else None,
        max_fee=DEFAULT_MAX_FEE if settings.max_fee_gwei is None else round(settings.max_fee_gwei * _GWEI),
        confirmations=settings.confirmations or 0,
        progress=progress,
    )


def _embedded(folder: Path) -> Ledger:
    from registry.ledger.embedded import EmbeddedLedger
    from registry.wallets.relay import relay_key

    if (folder / "deployment.json").exists() and not (folder / "chain.sqlite").exists():
        advice = f"Name its node with --rpc-url or in {SETTINGS_FILE}; a lost chain.sqlite comes from a backup."
        raise InvalidInput(f"{folder} holds no chain of its own, and no node is named", advice)
    return EmbeddedLedger(folder, relay_key)


class Relay:
    """The play-money account in a network's ``relay.json``, a `Sender`; opened when it first pays."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def address(self) -> str:
        """Checksummed. ``LedgerUnavailable`` where the file is damaged."""
        return self._wallet.address

    def sign_transaction(self, tx: dict[str, Any]) -> bytes:
        """The signed transaction as it goes to the node."""
        return self._wallet.sign_transaction(tx)

    @cached_property
    def _wallet(self) -> Sender:
        from registry.wallets.keywallet import KeyWallet
        from registry.wallets.relay import relay_key

        return KeyWallet(relay_key(self._path))


def open_store(folder: Path, settings: Settings, credentials: Path | None = None) -> BlockStore:
    """The Kubo node ``ipfs``, else the folder's own file, read through to ``gateways``; opened with its first use."""
    from registry.storage.gateway import GatewayBlocks
    from registry.storage.layered import LayeredBlocks

    gateways = [GatewayBlocks(address) for address in settings.gateways]
    return LayeredBlocks(lambda: _own_store(folder, settings.ipfs, credentials), gateways)


def _own_store(folder: Path, ipfs: str | None, credentials: Path | None) -> BlockStore:
    if ipfs is not None:
        return open_kubo(ipfs, credentials)
    from registry.storage.sqlite_store import SqliteBlocks

    return SqliteBlocks(folder / "blocks.sqlite")


def open_kubo(address: str, credentials: Path | None = None, seconds: float | None = None) -> KuboBlocks:
    """The store on a Kubo node, which is asked for nothing yet; ``InvalidInput`` where that part is not installed."""
    try:
        from registry.storage import kubo
    except ModuleNotFoundError as error:
        advice = "Install it: pip install 'consent-registry[ipfs]'."
        raise InvalidInput(f"the part for IPFS nodes is not installed ({error.name})", advice) from None
    known = {} if credentials is None else read_credentials(credentials)
    return kubo.KuboBlocks(address, seconds=seconds or kubo.SECONDS, **known)


def read_credentials(file: Path) -> dict[str, Any]:
    """``basic`` or ``bearer`` for a `KuboBlocks`, from a file of one line, "basic USER:PASSWORD" or "bearer TOKEN".

    ``InvalidInput``, which quotes nothing of it, where others than its owner may read it or it says anything else.
    """
    try:
        with file.open("rb") as source:
            mode = stat.S_IMODE(os.fstat(source.fileno()).st_mode)
            text = source.read(MAX_CREDENTIALS_BYTES).decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise InvalidInput(f"the credentials in {file} cannot be read: {why}", "Check the path.") from None
    if os.name == "posix" and mode & 0o077:
        advice = f"Take the rights away: chmod 600 {file}; then change them, for others may have read them."
        raise InvalidInput(f"others may read the credentials in {file} (mode {mode:03o})", advice)
    kind, _, value = text.partition(" ")
    user, colon, password = value.partition(":")
    if kind == "basic" and colon and user:
        return {"basic": (user, password)}
    if kind == "bearer" and value:
        return {"bearer": value}
    raise InvalidInput(f"{file} holds no credentials", 'Write one line: "basic USER:PASSWORD" or "bearer TOKEN".')
