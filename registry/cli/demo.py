"""``demo``: the whole story in one command."""

from __future__ import annotations

import shlex
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from registry.cli.app import STANDS_ALONE, START, app, command
from registry.cli.output import Line, table
from registry.cli.session import Session
from registry.core.errors import InvalidInput

if TYPE_CHECKING:
    from registry.cli.story import Step, Story

# Who acts next, after each step.
_ACTORS = {"parties": "alice", "sealed": "alice", "asked": "alice", "attempted": "alice"}


@command(app, "demo", "consent demo --until granted", panel=START, without=STANDS_ALONE)
def demo(
    session: Session,
    until: Annotated[
        str | None, typer.Option(metavar="STEP", help="Stop after this step and leave everything in place.")
    ] = None,
    directory: Annotated[
        Path | None,
        typer.Option("--dir", metavar="FOLDER", help="Where to play it; ./consent-demo by default with --until."),
    ] = None,
) -> None:
    """The whole story: a person grants, a brand verifies, the person revokes.

    On a real chain, in this process; nothing has to be installed or started. The steps are parties, sealed, asked,
    granted, verified, accepted, opened, attempted, revoked and checked.
    """
    from registry.cli.story import STEPS

    names = [step.name for step in STEPS]
    if until is not None and until not in names:
        raise InvalidInput(f"there is no step {until!r}", f"The steps are: {', '.join(names)}.")
    stays = directory or (Path("consent-demo") if until else None)
    with tempfile.TemporaryDirectory(prefix="consent-demo-") if stays is None else nullcontext(stays) as folder:
        story = _begin(session, Path(folder).absolute())
        started = time.perf_counter()
        for number, step in enumerate(STEPS, 1):
            _play(session, story, number, step)
            if step.name == until:
                break
        _end(session, story, step, time.perf_counter() - started, stays is not None)


def _begin(session: Session, folder: Path) -> Story:
    from registry.cli.story import Story
    from registry.client.parties import Network
    from registry.ledger.embedded import EmbeddedLedger
    from registry.storage.blocks import SqliteBlocks

    if folder.exists() and any(folder.iterdir()):
        raise InvalidInput(f"{folder} is not empty", "Remove it, or choose another with --dir.")
    network = folder / "network"
    network.mkdir(mode=0o700, parents=True, exist_ok=True)
    with session.out.working("making a chain"):
        ledger = EmbeddedLedger(network)
    return Story(folder, Network(ledger, SqliteBlocks(network / "blocks.sqlite")))


def _play(session: Session, story: Story, number: int, step: Step) -> None:
    started = time.perf_counter()
    with session.out.working(step.title):
        told = step.act(story)
    elapsed = time.perf_counter() - started
    if session.out.as_json:
        session.out.json_line({"step": step.name, "seconds": round(elapsed, 3)} | told.figures)
        return
    session.out.line(f"{number:>2}  {step.title}  ({elapsed:.1f} s)", style="bold")
    for line in table(told.rows, indent=4):
        session.out.line(line)


def _end(session: Session, story: Story, step: Step, elapsed: float, stays: bool) -> None:
    if session.out.as_json:
        session.out.json_line(
            {"step": "end", "seconds": round(elapsed, 3), "dir": str(story.folder) if stays else None}
        )
        return
    session.out.line()
    session.out.line(f"Done in {elapsed:.1f} s.")
    if stays:
        for line in _next(story, step):
            session.out.line(line)


def _next(story: Story, step: Step) -> list[Line]:
    quoted: dict[str, Any] = {"dir": shlex.quote(str(story.folder)), "file": shlex.quote(str(story.file))}
    actor = _ACTORS.get(step.name, "aurelle")
    commands = (
        f"  export CONSENT_NETWORK={quoted['dir']}/network CONSENT_HOME={quoted['dir']}/{actor}",
        f"  consent {step.next.format(**quoted)}",
    )
    # Hanging at their ends: what is to be copied is not wrapped.
    whole = [Line(text, len(text)) for text in commands]
    return [Line("Everything is left in place, under empty passphrases. To go on by hand:"), *whole]
