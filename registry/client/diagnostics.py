"""Health checks: what is installed, configured and reachable. The command ``doctor`` and services show them."""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, NamedTuple

from registry.client.network_config import open_kubo, place_of
from registry.client.session import Session
from registry.config.configuration import read_credentials
from registry.config.network_file import NAMES, read_toml
from registry.core.errors import ConsentError, CouldNotCheck
from registry.storage.sqlite_store import SqliteBlocks
from registry.vault.place import noted_place
from registry.wallets.keyfiles import list_keys

if TYPE_CHECKING:
    from registry.client.notary import NotaryClient
    from registry.storage.kubo import KuboBlocks

OK, MISSING, PROBLEM = "ok", "missing", "problem"
WRONG, UNREACHABLE = 2, 3
SECONDS = 5.0
FULL = 0.95
_OLDEST, _NEWEST = (3, 11), (3, 14)
_PARTS = {
    "coincurve": ("fast", "recovering signers takes 20 times as long"),
    "safe-pysha3": ("fast", "hashing takes six times as long"),
    "ipfshttpclient": ("ipfs", "no IPFS node can be used"),
}


class Check(NamedTuple):
    """One answer. ``code`` is 2 (the configuration is wrong), 3 (something cannot be reached), or else 0."""

    name: str
    state: str
    detail: str
    advice: str = ""
    code: int = 0


Checker = Callable[[Session], Iterator[Check]]


def answers(session: Session, name: str, checker: Checker) -> Iterator[Check]:
    """Yield the checker's answers; an error of this package becomes the last of them."""
    try:
        yield from checker(session)
    except ConsentError as error:
        code = UNREACHABLE if isinstance(error, CouldNotCheck) else WRONG
        yield Check(name, PROBLEM, str(error), error.advice, code)


def _package(_: Session) -> Iterator[Check]:
    supported = _OLDEST <= sys.version_info[:2] < _NEWEST
    state, advice = (OK, "") if supported else (PROBLEM, "Use Python 3.11, 3.12 or 3.13.")
    yield Check("Python", state, platform.python_version(), advice, 0 if supported else WRONG)
    yield Check("consent-registry", OK, version("consent-registry"))
    for name, (extra, without) in _PARTS.items():
        try:
            yield Check(name, OK, version(name))
        except PackageNotFoundError:
            yield Check(name, MISSING, f"without it {without}", f"pip install 'consent-registry[{extra}]'")


def _home(session: Session) -> Iterator[Check]:
    home = session.home
    if not home.exists:
        yield Check("home", MISSING, f"none at {home.path}", "Only signing needs one: `consent init` makes it.")
        return
    read_toml(home.path / "config.toml")
    count = len(list_keys(home.keys))
    yield Check("home", OK, f"{home.path}, {count} key file{'' if count == 1 else 's'}")
    private = (home.path, home.path / "seed.json", *home.keys.glob("*"))
    readable = [path for path in private if os.name == "posix" and path.stat().st_mode & 0o077]
    if readable:
        advice = f"Run: chmod -R go-rwx {home.path}."
        yield Check("home", PROBLEM, f"other users may read {readable[0]}", advice, WRONG)


def _network(session: Session) -> Iterator[Check]:
    configuration = session.configuration
    folder, named = configuration.network_path, configuration.source("network")
    where = f"{folder}{f' (from {named})' if named else ''}"
    if (folder / "deployment.json").exists() or configuration.settings.rpc_url is not None:
        yield Check("network", OK, where)
    elif named:
        yield Check("network", PROBLEM, f"there is no network at {where}", "Check the path.", WRONG)
    else:
        yield Check("network", MISSING, f"none at {where}", "`consent init` makes it; or name one with --network.")
    for name in NAMES:
        if source := configuration.source(name):
            yield Check(name, OK, f"{_shown(name, getattr(configuration.settings, name))} (from {source})")
    if configuration.credentials is not None:
        (kind,) = read_credentials(configuration.credentials)
        yield Check("credentials", OK, f"{kind}, in {configuration.credentials}")


def _shown(name: str, value: object) -> str:
    """Return a setting in words; of a URL only the host, because the rest may hold a key."""
    from registry.ledger.rpc import name_of

    if isinstance(value, tuple):
        return ", ".join(_shown(name, each) for each in value)
    if not isinstance(value, str) or (name == "ipfs" and value.startswith("/")):
        return str(value)
    return name_of(value)


def _ledger(session: Session) -> Iterator[Check]:
    from registry.ledger.deploy import check_deployment
    from registry.ledger.rpc import probe

    if (url := session.configuration.settings.rpc_url) is not None:
        found = probe(url, timeout=SECONDS)
        yield Check("node", OK, f"{found.client}, chain {found.chain_id}, at {found.name}")
    elif not (session.configuration.network_path / "deployment.json").exists():
        return
    ledger = session.network.ledger
    head = ledger.head()
    if url is not None:
        check_deployment(url, ledger.deployment, timeout=SECONDS)
    domain = session.network.domain
    age = max(0, int(time.time()) - head.time)
    detail = f"registry {domain.verifying_contract} on chain {domain.chain_id}, block {head.number}, {_ago(age)}"
    limit = session.configuration.settings.max_facts_age
    if limit is not None and age > limit:
        advice = "Check whether the node follows its chain."
        yield Check("ledger", PROBLEM, f"{detail}: older than max_facts_age", advice, UNREACHABLE)
    else:
        yield Check("ledger", OK, detail)
    if url is not None:
        yield _payer(session)


def _payer(session: Session) -> Check:
    if name := session.configuration.text("sender"):
        return Check("payer", OK, f"{name} (from {session.configuration.source('sender')})")
    if (session.configuration.network_path / "relay.json").exists():
        return Check("payer", OK, "the network's relay, with play money")
    advice = "Name one with --sender; verifying needs none."
    return Check("payer", MISSING, "no account is named to pay for transactions", advice)


def _ago(seconds: int) -> str:
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit} old"
    return f"{seconds} s old"


def _vault(session: Session) -> Iterator[Check]:
    configuration = session.configuration
    if (noted := noted_place(session.home.vault)) is None:
        return
    here = place_of(configuration.network_path, configuration.settings)
    if here is None or noted.is_named_as(here):
        yield Check("vault", OK, f"in {noted}")
    else:
        advice = "If that is another store, move the vault there: `consent vault move`."
        yield Check("vault", PROBLEM, f"its blocks were put into {noted}, and {here} is configured", advice)


def _store(session: Session) -> Iterator[Check]:
    if (address := session.configuration.settings.ipfs) is not None:
        with open_kubo(address, session.configuration.credentials, SECONDS) as node:
            yield from _kubo(node, session.configuration.allow_announcing)
        return
    file = session.configuration.network_path / "blocks.sqlite"
    if not file.exists():
        yield Check("store", OK, "a file of blocks; the first command that stores anything makes it")
        return
    with SqliteBlocks(file, SECONDS) as store:
        stat = store.stat()
    yield Check("store", OK, f"{stat.blocks:,} blocks, {stat.bytes:,} bytes, in {file}")


def _kubo(node: KuboBlocks, allow_announcing: bool) -> Iterator[Check]:
    kubo, usage = node.about()
    detail = f"Kubo {kubo}, {usage.used:,} of {usage.limit:,} bytes"
    if usage.used > FULL * usage.limit:
        advice = "Raise Datastore.StorageMax, or collect garbage."
        yield Check("store", PROBLEM, f"{detail}: nearly full", advice, UNREACHABLE)
    else:
        yield Check("store", OK, detail)
    if allow_announcing:
        yield Check("store", OK, "it may announce its blocks, as you allow")
    elif node.announces():
        from registry.storage.kubo import ANNOUNCING

        yield Check("store", PROBLEM, "it announces its blocks to the public network", ANNOUNCING, WRONG)


def _gateways(session: Session) -> Iterator[Check]:
    for address in session.configuration.settings.gateways:
        yield from answers(session, "gateway", partial(_gateway, address))


def _gateway(address: str, _: Session) -> Iterator[Check]:
    from registry.storage.gateway import GatewayBlocks

    GatewayBlocks(address, seconds=SECONDS).check()
    yield Check("gateway", OK, _shown("gateways", address))


def _notaries(session: Session) -> Iterator[Check]:
    for client in session.notaries.clients:
        yield from answers(session, "notary", partial(_notary, client))


def _notary(client: NotaryClient, _: Session) -> Iterator[Check]:
    yield Check("notary", OK, f"{client.host}, account {client.info.account}")


CHECKS: dict[str, Checker] = {
    "package": _package,
    "home": _home,
    "network": _network,
    "ledger": _ledger,
    "store": _store,
    "vault": _vault,
    "gateways": _gateways,
    "notaries": _notaries,
}
