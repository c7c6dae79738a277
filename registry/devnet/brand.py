"""The devnet's brand: a shop that asks by a link, with an account of play money and SQLite in the devnet's folder."""

from __future__ import annotations

import json
import re
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

from registry.brand.settings import BRAND_FILE, FILE, make_internal_key, require_brand
from registry.client.drafts import complete_draft, parse_draft
from registry.client.home import Home
from registry.client.network_config import open_network
from registry.client.request import publish_notice
from registry.config.network_file import read_domains, write_settings
from registry.core import codec
from registry.core.scalars import to_hex
from registry.devnet.folders import Folder
from registry.fs.files import make_folder

NAME, DOMAIN = "The devnet's shop", "shop.example"
DATUM, PURPOSE = "pd:Purchase", "dpv:Personalisation"
# A link is used again while it can be answered for so long.
_LEFT_SECONDS = 86_400
_LISTENING = re.compile(r"^(Public|Internal) on (http://127\.0\.0\.1:\d+)$", re.MULTILINE)


def home_of(folder: Path) -> Path:
    """Return the home that holds the brand's key and seed, below its folder."""
    return folder / "home"


def make(folder: Path) -> str:
    """Make the brand's home if it is not there; return the address of its account, whose passphrase is empty."""
    make_folder(folder)
    home = Home(home_of(folder))
    if not home.exists:
        home.create("")
    return home.account("main").address


def forget_chain(folder: Path) -> None:
    """Delete the brand's database: it tells of a chain that is no more."""
    for file in (*folder.glob("*.sqlite"), *folder.glob("*.sqlite-*")):
        file.unlink()


def settle(folder: Folder, ports: tuple[int, int], notary: str) -> str:
    """Write the brand's settings for this run, publish its request, and return its link.

    ``ports`` are those of the public and the internal listener, ``notary`` is URL#ACCOUNT or nothing.
    """
    network, home = open_network(folder.network), Home(home_of(folder.brand))
    party = home.brand(network, "")
    (folder.brand / BRAND_FILE).unlink(missing_ok=True)
    FILE.make(folder.brand, **_settings(party.address, party.recipient, ports, notary, network.clock()))
    make_internal_key(folder.brand)
    link = _published(folder, party)
    domains = read_domains(folder.network) | {DOMAIN: f"http://127.0.0.1:{ports[0]}"}
    write_settings(folder.network, domains)
    return link


def withdraw(folder: Folder) -> None:
    """Forget the brand's name in ``network.toml``: none runs."""
    if DOMAIN in (domains := read_domains(folder.network)):
        write_settings(folder.network, {name: url for name, url in domains.items() if name != DOMAIN})


def _settings(account: str, recipient: str, ports: tuple[int, int], notary: str, now: int) -> dict[str, Any]:
    return {
        "account": account,
        "recipients": [recipient],
        "domain": DOMAIN,
        "name": NAME,
        "contact": f"privacy@{DOMAIN}",
        "url": f"http://127.0.0.1:{ports[0]}",
        "issued_at": now,
        "port": ports[0],
        "internal_port": ports[1],
        "requests_per_second": 10_000,
        **({"notaries": [notary]} if notary else {}),
    }


def _published(folder: Folder, party: Any) -> str:
    """Return the link of the brand's request; sign one where none can be answered for a day longer."""
    from registry.brand.asking import publish  # it needs the libraries of the extra
    from registry.brand.store import open_store

    settings, store = require_brand(folder.brand), open_store(folder.brand)
    until = party.network.clock() + _LEFT_SECONDS
    for asked in store.all_asked():
        if asked.is_open and asked.expires_at > until:
            return settings.link(to_hex(asked.digest))
    notice = codec.dump(complete_draft(parse_draft(_draft()), party.address, party.recipient))
    publish_notice(party.network, notice)
    _, link = publish(party, settings, store, notice, purposes=[PURPOSE], data=[DATUM])
    return link


def _draft() -> bytes:
    draft = json.loads((files("registry") / "data" / "demo_notice.json").read_bytes())
    draft["controller"] = {"name": NAME, "domain": DOMAIN, "contact": f"privacy@{DOMAIN}"}
    return json.dumps(draft).encode()


def command(folder: Folder, rpc_url: str, ipfs: str) -> list[str]:
    """Return the command line that serves it on this network, whatever the user's own settings say."""
    serve = [sys.executable, "-P", "-m", "registry", "brand", "serve", "--dir", str(folder.brand)]
    network = ["--home", str(home_of(folder.brand)), "--network", str(folder.network)]
    return [*serve, *network, "--rpc-url", rpc_url, "--ipfs", ipfs]


def urls_in(log: str) -> tuple[str, str] | None:
    """Return the URLs of the public and the internal listener that the brand logged last; None before both listen."""
    found = dict(_LISTENING.findall(log))
    return (found["Public"], found["Internal"]) if len(found) == 2 else None
