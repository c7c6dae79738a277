"""``demo``: play the whole story."""

from __future__ import annotations

import shlex
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from registry.cli.app import app, command
from registry.cli.commands.devnet import running
from registry.cli.context import Context
from registry.cli.options import STANDS_ALONE
from registry.client.network import Network
from registry.client.network_config import open_network, place_of
from registry.config.network_file import Settings
from registry.core.errors import InvalidInput
from registry.demo.scenario import STEPS, Step, Story
from registry.devnet.folders import Folder, default_folder
from registry.devnet.ports import Ports
from registry.devnet.stopping import Stop
from registry.ledger.embedded import EmbeddedLedger
from registry.present.text import Line, table
from registry.storage.sqlite_store import SqliteBlocks
from registry.wallets.keyfiles import relay_key


class Place(NamedTuple):
    """A network and its folder. ``is_over`` tells that the demo was asked to end; ``again`` is the command that starts
    the network again later."""

    network: Network
    path: Path
    is_over: Callable[[], bool] = lambda: False
    again: str = ""


# The party that acts next, after each step.
_ACTORS = {"parties": "alice", "sealed": "alice", "asked": "alice", "attempted": "alice"}


@command(app, "demo", "consent demo --until granted", without=STANDS_ALONE)
def demo(
    ctx: Context,
    until: Annotated[
        str | None, typer.Option(metavar="STEP", help="Stop after this step and leave everything in place.")
    ] = None,
    directory: Annotated[
        Path | None,
        typer.Option("--dir", metavar="FOLDER", help="Its folder; with --until ./consent-demo by default."),
    ] = None,
    network: Annotated[
        str | None,
        typer.Option("--network", metavar="devnet|FOLDER", help="On anvil and Kubo, or on the network of a folder."),
    ] = None,
) -> None:
    """Play the whole story: a person grants, a brand verifies, the person revokes.

    It runs on a real chain in this process; nothing has to be installed or started. With --network devnet it runs on
    the devnet that runs already, or on one that it starts. The steps are parties, sealed, asked, granted, verified,
    accepted, opened, attempted, revoked and checked.
    """
    names = [step.name for step in STEPS]
    if until is not None and until not in names:
        raise InvalidInput(f"there is no step {until!r}", f"The steps are: {', '.join(names)}.")
    stays = directory or (Path("consent-demo") if until else None)
    with ExitStack() as stack:
        folder = stays or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="consent-demo-")))
        folder = folder.absolute()
        if folder.exists() and any(folder.iterdir()):
            raise InvalidInput(f"{folder} is not empty", "Remove it, or choose another with --dir.")
        place = stack.enter_context(_place(ctx, folder, network))
        story = Story(folder, place.network)
        stack.callback(story.close)
        started = time.perf_counter()
        for number, step in enumerate(STEPS, 1):
            _play(ctx, story, number, step)
            if step.name == until:
                break
            if place.is_over():
                raise KeyboardInterrupt
        _end(ctx, story, step, time.perf_counter() - started, place if stays else None)


@contextmanager
def _place(ctx: Context, folder: Path, named: str | None) -> Iterator[Place]:
    if named is None:
        yield _embedded(ctx, folder / "network")
    elif named != "devnet":
        yield _shared(Path(named).expanduser().absolute())
    else:
        found = default_folder()
        if (there := found.running()) and there.ready:
            ctx.tell(f"On the devnet that runs already, in {found.path}: Ethereum {there.rpc_url}, IPFS {there.ipfs}.")
            yield _shared(found.network)
        else:
            with _own_devnet(ctx, folder / "devnet") as place:
                yield place


def _embedded(ctx: Context, path: Path) -> Place:
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    with ctx.working("making a chain"):
        ledger = EmbeddedLedger(path, relay_key)
    store, name = SqliteBlocks(path / "blocks.sqlite"), place_of(path, Settings())
    return Place(Network(ledger, store, place=name), path)


def _shared(path: Path) -> Place:
    if not (path / "deployment.json").exists():
        raise InvalidInput(f"there is no network at {path}", "Name the folder of one, or `devnet`.")
    return Place(open_network(path), path)


@contextmanager
def _own_devnet(ctx: Context, path: Path) -> Iterator[Place]:
    """Run a devnet on free ports for as long as the demo takes."""
    folder = Folder(path)
    with Stop() as stop, running(ctx, folder, Ports(0, 0), stop):
        line = f"consent devnet --dir {shlex.quote(str(path))} --detach"
        yield Place(open_network(folder.network), folder.network, lambda: stop.asked, line)


def _play(ctx: Context, story: Story, number: int, step: Step) -> None:
    started = time.perf_counter()
    with ctx.working(step.title):
        told = step.act(story)
    elapsed = time.perf_counter() - started
    if ctx.out.as_json:
        ctx.out.json_line({"step": step.name, "seconds": round(elapsed, 3)} | told.figures)
        return
    ctx.out.line(f"{number:>2}  {step.title}  ({elapsed:.1f} s)", style="bold")
    for line in table(told.rows, indent=4):
        ctx.out.line(line)


def _end(ctx: Context, story: Story, step: Step, elapsed: float, place: Place | None) -> None:
    """Print the end; ``place`` is where the story can go on, None if nothing stays."""
    if ctx.out.as_json:
        ctx.out.json_line({"step": "end", "seconds": round(elapsed, 3), "dir": str(story.folder) if place else None})
        return
    ctx.out.line()
    ctx.out.line(f"Done in {elapsed:.1f} s.")
    if place is not None:
        for line in _next(story, step, place):
            ctx.out.line(line)


def _next(story: Story, step: Step, place: Place) -> list[Line]:
    quoted: dict[str, Any] = {"dir": shlex.quote(str(story.folder)), "file": shlex.quote(str(story.file))}
    actor = _ACTORS.get(step.name, "aurelle")
    network = shlex.quote(str(place.path))
    commands = (
        *([f"  {place.again}"] if place.again else []),
        f"  export CONSENT_NETWORK={network} CONSENT_HOME={quoted['dir']}/{actor}",
        f"  consent {step.next.format(**quoted)}",
    )
    # A hang at the line's end keeps it whole, so that it can be copied.
    whole = [Line(text, len(text)) for text in commands]
    return [Line("Everything stays in place, under empty passphrases. To go on by hand:"), *whole]
