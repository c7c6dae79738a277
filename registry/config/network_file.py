"""``network.toml``: which chain and content store the parties of a network share.

Anybody who can write this file chooses a chain, a store and notaries, and nothing else. Accounts and credentials stand
in a party's own ``config.toml``.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from registry.core.errors import InvalidInput
from registry.core.facts import MAX_DEPTH
from registry.fs.files import replace_file

SETTINGS_FILE = "network.toml"
MAX_TOML_BYTES = 64 * 1024
MAX_GATEWAYS = 16
MAX_NOTARIES = 8
# A shared folder may lower the fee that a party's own account pays for a unit of gas, and never raise it.
MAX_SHARED_FEE_GWEI = 500
_Text = Annotated[str, Meta(min_length=1, max_length=2048, pattern=r"^[!-~]([ -~]*[!-~])?\Z")]
_Count = Annotated[int, Meta(ge=0, le=MAX_DEPTH)]


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The members of ``network.toml``. None and empty stand for the embedded default.

    ``rpc_url`` is http, https or IPC. ``ipfs`` is the multiaddr or URL of a Kubo node. ``gateways`` are URLs that are
    read where the store lacks a block. ``notary`` names notaries as URL#ACCOUNT, in the order in which they are asked.
    ``confirmations`` counts blocks above a transaction. ``max_fee_gwei`` bounds one unit of gas. ``max_facts_age`` is
    the largest age of the newest block, in seconds, when something is judged.
    """

    rpc_url: _Text | None = None
    ipfs: _Text | None = None
    gateways: Annotated[tuple[_Text, ...], Meta(max_length=MAX_GATEWAYS)] = ()
    notary: Annotated[tuple[_Text, ...], Meta(max_length=MAX_NOTARIES)] = ()
    confirmations: _Count | None = None
    max_fee_gwei: Annotated[float, Meta(gt=0, le=1e9)] | None = None
    max_facts_age: Annotated[int, Meta(ge=0)] | None = None

    def __repr__(self) -> str:
        # An access key may stand in a URL.
        return f"Settings({', '.join(name for name in NAMES if getattr(self, name))})"


NAMES = Settings.__struct_fields__
# The table that maps the names of a development network to this machine; see `registry.client.confirm`.
_DOMAINS = "domains"


def settings_of(values: Mapping[str, Any], where: str) -> Settings:
    """Return the settings; text may be numbers. ``InvalidInput`` names ``where`` and no value: a URL may hold a key."""
    named = {name: value for name, value in values.items() if value is not None}
    for name in ("gateways", "notary"):
        if isinstance(text := named.get(name), str):
            named[name] = text.split()
    try:
        return msgspec.convert(named, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"{where}: {error}", f"Correct {where}.") from None


def read_settings(folder: Path) -> dict[str, Any]:
    """Read the folder's ``network.toml``: its members by name. ``InvalidInput`` if it holds anything but `Settings`."""
    found = read_toml(folder / SETTINGS_FILE)
    found.pop(_DOMAINS, None)
    fee = settings_of(found, str(folder / SETTINGS_FILE)).max_fee_gwei
    return found if fee is None else found | {"max_fee_gwei": min(fee, MAX_SHARED_FEE_GWEI)}


def read_domains(folder: Path) -> dict[str, str]:
    """Read the table ``[domains]`` of the folder's ``network.toml``: URLs by host name."""
    try:
        return msgspec.convert(read_toml(folder / SETTINGS_FILE).get(_DOMAINS, {}), dict[str, str])
    except msgspec.ValidationError as error:
        raise InvalidInput(f"{folder / SETTINGS_FILE}: [domains]: {error}", "Write NAME = URL.") from None


def read_toml(file: Path) -> dict[str, Any]:
    """Read a file of at most MAX_TOML_BYTES: empty where there is none, ``InvalidInput`` where it is not TOML."""
    try:
        with file.open("rb") as source:
            raw = source.read(MAX_TOML_BYTES + 1)
        found = tomllib.loads(raw.decode("utf-8-sig"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise InvalidInput(f"{file} cannot be read: {error.strerror}", "Check the path.") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        # The parser's message names a line and a column, and quotes nothing.
        why = str(error) if isinstance(error, tomllib.TOMLDecodeError) else "it is not TOML"
        raise InvalidInput(f"{file}: {why}", "Correct the file, or remove it.") from None
    if len(raw) > MAX_TOML_BYTES:
        raise InvalidInput(f"{file} has more than {MAX_TOML_BYTES:,} bytes", "Correct the file, or remove it.")
    return found


def write_settings(folder: Path, domains: Mapping[str, str] | None = None, **values: Any) -> None:
    """Set these members of ``network.toml``, or remove those that are None. The others stay, and so do ``domains``."""
    merged = {name: value for name, value in (read_settings(folder) | values).items() if value is not None}
    settings_of(merged, SETTINGS_FILE)
    table = read_domains(folder) if domains is None else domains
    lines = [f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in merged.items()]
    lines += [f"\n[{_DOMAINS}]\n"] if table else []
    lines += [f"{json.dumps(name)} = {json.dumps(url)}\n" for name, url in table.items()]
    replace_file(folder / SETTINGS_FILE, "".join(lines).encode())
