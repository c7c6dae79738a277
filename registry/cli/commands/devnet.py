"""``devnet``: run a whole local network, and ask about it."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from registry.cli.app import command, open_group
from registry.cli.context import Context
from registry.cli.exit_codes import NO, UNKNOWN
from registry.cli.options import STANDS_ALONE
from registry.cli.ui.live import counted, viewing
from registry.client.network_config import open_network
from registry.core.errors import InvalidInput
from registry.core.scalars import format_utc
from registry.devnet.devnet import POLL_SECONDS, Devnet, quick_store, starting
from registry.devnet.folders import LOGS, Folder, Running, default_folder
from registry.devnet.ports import APP_PORT, BRAND_PORT, IPFS_PORT, NOTARY_PORT, RPC_PORT, Ports, usual_or_any
from registry.devnet.processes import Child, ChildEnded, Tail, wait_until
from registry.devnet.stopping import Stop
from registry.devnet.watching import Watcher
from registry.ledger.anvil import ETHER, Anvil
from registry.ledger.base import read_deployment
from registry.notary.folder import INSTALL, is_installed
from registry.present.text import YES, Line, Row, table

DETACHED_SECONDS = 120.0
FOLLOW_SECONDS = 0.25
MAX_PORT = 65_535
LINES = 40
_ENDED = "The devnet has ended; its data stays."

Dir = Annotated[
    Path | None,
    typer.Option("--dir", metavar="FOLDER", help="Its folder; below your data folder by default."),
]


def _port(name: str, help: str) -> Any:
    return typer.Option(name, metavar="N", min=0, max=MAX_PORT, help=help, show_default=False)


@open_group("devnet", "consent devnet --fresh", without=STANDS_ALONE)
def devnet(
    ctx: Context,
    context: typer.Context,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Delete its chain, blocks and accounts first; homes stay.")
    ] = False,
    detach: Annotated[bool, typer.Option("--detach", help="Return when it is ready, and leave it running.")] = False,
    directory: Dir = None,
    rpc_port: Annotated[int | None, _port("--rpc-port", "anvil's port, 8545 by default; 0 takes a free one.")] = None,
    ipfs_port: Annotated[int | None, _port("--ipfs-port", "Kubo's port, 5001 by default; 0 takes a free one.")] = None,
    notary_port: Annotated[
        int | None, _port("--notary-port", "The notary's port, 8600 by default if it is free; 0 takes a free one.")
    ] = None,
    brand_port: Annotated[
        int | None, _port("--brand-port", "The brand's port, 8700 by default if it is free; 0 takes a free one.")
    ] = None,
    app_port: Annotated[
        int | None, _port("--app-port", "The app's port, 8900 by default if it is free; 0 takes a free one.")
    ] = None,
) -> None:
    """Run a whole network on this machine: anvil, Kubo, a notary, a brand, the app, accounts with play money.

    Only this machine reaches it, but every program here does: anvil also answers any web page that is open here, and
    such a page may rewrite the chain. So it is for play money. Its data stays for the next run. It shows blocks,
    anchors, revocations and pins as they come, until Ctrl-C ends it.
    """
    if (name := context.invoked_subcommand) is not None:
        if (
            fresh
            or detach
            or directory
            or {rpc_port, ipfs_port, notary_port, brand_port, app_port} != {None}
            or ctx.out.as_json
        ):
            raise InvalidInput("options stand after the command", f"Write `consent devnet {name} ...`.")
        return
    folder = _folder(directory)
    rpc, ipfs = RPC_PORT if rpc_port is None else rpc_port, IPFS_PORT if ipfs_port is None else ipfs_port
    app = usual_or_any(APP_PORT) if app_port is None else app_port
    ports = Ports(rpc, ipfs, *_service_ports(ctx, notary_port, brand_port), app)
    if detach:
        _detach(ctx, folder, ports, fresh)
        return
    with Stop() as stop, running(ctx, folder, ports, stop, fresh=fresh) as net:
        _report(ctx, folder, net.running)
        with viewing(ctx.out) as show:
            while not stop.asked:
                show(net.poll(), net.watcher)
                time.sleep(POLL_SECONDS)
    ctx.out.result({"event": "ended"}, [_ENDED])


def _service_ports(ctx: Context, notary: int | None, brand: int | None) -> tuple[int | None, int | None]:
    """Return the notary's port and the brand's, None where their libraries are missing."""
    if not is_installed():
        if (notary, brand) != (None, None):
            raise InvalidInput("the part for services is not installed", INSTALL)
        ctx.out.note(f"No notary and no brand run here, because their part is not installed. {INSTALL}")
        return None, None
    ports = ((notary, NOTARY_PORT), (brand, BRAND_PORT))
    first, second = (usual_or_any(usual) if named is None else named for named, usual in ports)
    return first, second


def _folder(directory: Path | None) -> Folder:
    return default_folder() if directory is None else Folder(directory.expanduser().absolute())


@contextmanager
def running(ctx: Context, folder: Folder, ports: Ports, stop: Stop, *, fresh: bool = False) -> Iterator[Devnet]:
    """Run a devnet for as long as the block lasts; show the log of a program that ends by itself."""
    try:
        # Show no spinner before the programs are launched: it is a thread, and forking with threads is unsafe.
        with starting(folder, ports, fresh=fresh) as net:
            with ctx.working("starting anvil and Kubo"):
                net.prepare(stop)
            net.launch_notary()
            with ctx.working("starting the notary"):
                net.settle(stop)
            net.launch_others()
            with ctx.working("starting the brand and the app"):
                net.complete(stop)
            yield net
    except ChildEnded as error:
        for line in error.lines:
            ctx.out.note(f"  {line}")
        raise


def _report(ctx: Context, folder: Folder, found: Running) -> None:
    anvil, deployment = Anvil(found.rpc_url), read_deployment(folder.network / "deployment.json")
    balances = {name: anvil.balance(address) for name, address in found.accounts.items()}
    # A home of its own: a person's real one must not come among play money.
    network, home = shlex.quote(str(folder.network)), shlex.quote(str(folder.path / "home"))
    export = f"export CONSENT_NETWORK={network} CONSENT_HOME={home}"
    lines = [export, "consent init", 'consent demo --network "$CONSENT_NETWORK"']
    accounts = {name: {"address": of, "wei": str(balances[name])} for name, of in found.accounts.items()}
    document = {
        "event": "ready",
        **_places(folder, found),
        "chainId": deployment.chain_id,
        "registry": deployment.registry,
        "verifier": deployment.verifier,
        "accounts": accounts,
        "paste": lines,
    }
    rows: list[Row] = [
        ("Ethereum", f"{found.rpc_url}, chain {deployment.chain_id}"),
        ("IPFS", f"{found.ipfs}, gateway {found.gateway}"),
        *_services(found),
        ("Registry", deployment.registry),
        ("Verifier", deployment.verifier),
        ("Folder", folder.path),
    ]
    money = [(name, f"{address}  {balances[name] / ETHER:,.0f} ether") for name, address in found.accounts.items()]
    shown: list[str | Line] = [Line("The devnet is ready.", style=YES), *table(rows, indent=2), ""]
    shown += [f"Accounts, all with play money (keystores with an empty passphrase, in {folder.accounts}):"]
    shown += [*table(money, indent=2), "The relay pays for everybody who names no account.", ""]
    shown += ["In another terminal:", *(Line(f"  {line}", len(line) + 2) for line in lines), ""]
    ctx.out.result(document, shown)


def _places(folder: Folder, found: Running) -> dict[str, Any]:
    places = {"folder": str(folder.path), "network": str(folder.network), "process": found.process.pid}
    return places | {
        "rpcUrl": found.rpc_url,
        "ipfs": found.ipfs,
        "gateway": found.gateway,
        "notary": found.notary or None,
        "brand": found.brand or None,
        "brandInternal": found.internal or None,
        "request": found.request or None,
        "app": found.app or None,
    }


def _services(found: Running) -> list[Row]:
    rows: list[Row] = [("Notary", found.notary or "none")]
    app = ("App", found.app or "none")
    if not found.brand:
        return [*rows, ("Brand", "none"), app]
    return [*rows, ("Brand", f"{found.brand}, internal {found.internal}"), ("Asks", found.request), app]


def _detach(ctx: Context, folder: Folder, ports: Ports, fresh: bool) -> None:
    """Run the same command in a process apart from this terminal, and wait until it is ready."""
    line = [sys.executable, "-P", "-m", "registry", "devnet", "--dir", str(folder.path)]
    flags = ("--rpc-port", "--ipfs-port", "--notary-port", "--brand-port", "--app-port")
    named = dict(zip(flags, ports, strict=True))
    line += [word for flag, port in named.items() if port is not None for word in (flag, str(port))]
    line += [*(["--fresh"] if fresh else []), *(["--json"] if ctx.out.as_json else [])]
    folder.claim()
    child = Child("devnet", line, folder.log("devnet"), outlives_us=True)
    found, code = None, 0
    try:
        with ctx.working("starting anvil and Kubo"):
            pid = child.identity.pid
            wait_until(lambda: not child.is_running() or folder.is_ready(pid), DETACHED_SECONDS)
            found = folder.read() if folder.is_ready(pid) else None
    finally:
        if found is None:
            code = child.end(DETACHED_SECONDS)
    if found is not None:
        _report(ctx, folder, found)
        return
    _relay(ctx, child.output())
    raise typer.Exit(code if code > 0 else UNKNOWN)


def _relay(ctx: Context, said: str) -> None:
    """Print the output of the other process: JSON to stdout, the rest to stderr."""
    for line in said.splitlines():
        if ctx.out.as_json and line.startswith("{"):
            sys.stdout.write(f"{line}\n")
        else:
            ctx.out.note(line)


@command(devnet, "status", "consent devnet status", without=STANDS_ALONE)
def status(ctx: Context, directory: Dir = None) -> None:
    """Show whether it runs, where, and what is on it.

    Exit code 0 if it runs, 1 if it does not, 3 if it runs and does not answer.
    """
    folder = _folder(directory)
    found = folder.running()
    if found is None or not found.ready:
        state = "no devnet runs" if found is None else "a devnet is starting"
        ctx.out.result({"running": False, "folder": str(folder.path)}, [f"{state} in {folder.path}"])
        raise typer.Exit(NO)
    _show_status(ctx, folder, found)


def _show_status(ctx: Context, folder: Folder, found: Running) -> None:
    network = open_network(folder.network)
    # The network's own store would wait for half a minute.
    with ctx.working("asking anvil and Kubo"):
        watcher = Watcher(Anvil(found.rpc_url), network.ledger.deployment, quick_store(found.ipfs))
    document = {
        "running": True,
        **_places(folder, found),
        "since": found.since,
        "block": watcher.tip.number,
        "anchors": watcher.counts["anchor"],
        "revocations": watcher.counts["revocation"],
        "revokeAlls": watcher.counts["revoke-all"],
        "pinnedBlocks": watcher.pins.blocks,
        "pinnedBytes": watcher.pins.bytes,
    }
    rows: list[Row] = [("Runs", f"since {format_utc(found.since)}, process {found.process.pid}")]
    rows += [("Ethereum", found.rpc_url), ("IPFS", f"{found.ipfs}, gateway {found.gateway}")]
    rows += _services(found)
    rows += [("Folder", folder.path), *((name.capitalize(), number) for name, number in counted(watcher))]
    rows += [("Bytes", f"{watcher.pins.bytes:,}")]
    ctx.out.result(document, table(rows))


@command(devnet, "stop", "consent devnet stop", without=STANDS_ALONE)
def stop(ctx: Context, directory: Dir = None) -> None:
    """End it, and wait until it has ended; its data stays."""
    folder = _folder(directory)
    with ctx.working("ending the devnet"):
        was_running = folder.stop()
    words = _ENDED if was_running else f"No devnet runs in {folder.path}."
    ctx.out.result({"stopped": was_running, "folder": str(folder.path)}, [words])


@command(devnet, "logs", "consent devnet logs --follow", without=STANDS_ALONE)
def logs(
    ctx: Context,
    follow: Annotated[bool, typer.Option("--follow", help="Go on with new lines, until Ctrl-C.")] = False,
    directory: Dir = None,
) -> None:
    """Show the last log lines of anvil, Kubo, the notary, the brand and a detached devnet."""
    folder = _folder(directory)
    if not any(folder.log(name).exists() for name in LOGS):
        raise InvalidInput(f"no devnet has run in {folder.path}", "Start one with `consent devnet`.")
    tails = {name: Tail(folder.log(name), LINES) for name in LOGS}
    while True:
        for name, tail in tails.items():
            for line in tail.new():
                ctx.out.result({"log": name, "line": line}, [Line(f"{name:<6} | {line}", 9)])
        sys.stdout.flush()
        if not follow:
            return
        time.sleep(FOLLOW_SECONDS)
