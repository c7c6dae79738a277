"""A notary's folder: what is made for it once, and where its parts lie.

``notary.toml`` holds the settings, ``keys/account.json`` the account's key, ``token_keys/`` the keys for tokens, one
for each year. On SQLite the databases lie beside them.
"""

from __future__ import annotations

import time
from importlib.util import find_spec
from pathlib import Path

from registry.config.service_file import ServiceFile
from registry.core.errors import InvalidInput
from registry.notary.settings import DAY, NOTARY_FILE, NotarySettings

ACCOUNT = "account"
INSTALL = "Install it: pip install 'consent-registry[notary]'."
_LIBRARIES = ("alembic", "fastapi", "gmpy2", "prometheus_client", "sqlalchemy", "sse_starlette", "uvicorn")

_HEAD = """\
# How this notary works. Each line that begins with "# name =" shows a default; remove the "# " to change it.
# The chain, the registry and IPFS are those of the network (network.toml). Times are seconds.
"""
# The comment of each setting, in the order of the file.
COMMENTS = {
    "database": "Empty: two SQLite files in this folder. Or postgresql://USER@HOST/NAME, without a password (libpq\n"
    "reads that from ~/.pgpass); several machines then share the work.",
    "host": "The address that the API listens on. Keep loopback, and put a proxy with TLS before it.",
    "port": "Its port; 0 takes any free one.",
    "batch_items": "A batch closes after so many commitments ...",
    "batch_seconds": "... or when one of them has waited for so long.",
    "promise_seconds": "A commitment is promised to be on the chain within this time. Leave room for slow blocks.",
    "relay_seconds": "An ending is promised to be on the chain within this time.",
    "confirmations": "So many blocks lie above a transaction before it is final.",
    "replace_seconds": "A transaction that new blocks leave out for so long gets higher fees.",
    "max_fee_gwei": "The most that a unit of gas may cost. While it costs more, nothing is sent.",
    "spend_per_day": "The most that transactions of a day may cost, in the chain's currency. At this ceiling the\n"
    "notary stops promising and sends nothing more.",
    "free_commitments": "What each network prefix (IPv4 /24, IPv6 /48) may have anchored in a day without a token ...",
    "free_endings": "... how many endings it may have relayed ...",
    "free_tokens": "... and how many tokens it may draw.",
    "requests_per_second": "The most requests of one network prefix.",
    "connections": "The most connections of one network prefix at once. Your proxies' do not count;\n"
    "behind them it bounds the requests of a prefix at once.",
    "proxies": "Addresses of your own proxies. Only their X-Forwarded-For is believed.",
}
FILE = ServiceFile(NOTARY_FILE, NotarySettings, _HEAD, COMMENTS)


def is_installed() -> bool:
    """Tell whether the libraries of the extra ``notary`` are there."""
    return all(find_spec(name) for name in _LIBRARIES)


def keys_folder(folder: Path) -> Path:
    """Return the folder that holds the key of the notary's account, in the file ``account.json``."""
    return folder / "keys"


def make_token_keys(folder: Path, now: float) -> list[Path]:
    """Make the key for this year's tokens, and in December for the next year's; return their files, old ones too."""
    from registry.notary.token_keys import new_token_key  # cryptography takes a while to load

    years = sorted({time.gmtime(moment).tm_year for moment in (now, now + 31 * DAY)})
    return [new_token_key(folder, year) for year in years]


def require_folder(folder: Path) -> NotarySettings:
    """Return the settings of a notary's folder; ``InvalidInput`` where there is none."""
    if not (folder / NOTARY_FILE).is_file():
        advice = "Make one with `consent notary init`, or name its folder with --dir."
        raise InvalidInput(f"there is no notary in {folder}", advice)
    return FILE.read(folder)
