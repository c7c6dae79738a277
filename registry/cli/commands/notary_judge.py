"""``notary judge``: whether a notary kept its promise."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from registry.cli.app import command
from registry.cli.context import Context
from registry.cli.exit_codes import NO, UNKNOWN
from registry.client.promises import judge_file, with_proof
from registry.core.errors import InvalidInput, NotConsented
from registry.core.evidence.file import parse_evidence
from registry.core.promises import MAX_PROMISE, PromiseFile, PromiseState, RelayPromise, parse_promise_file
from registry.core.scalars import format_utc
from registry.fs.files import read_bounded
from registry.present.text import table

MEANINGS = {
    PromiseState.KEPT: "The chain shows it in time: the notary did what it promised.",
    PromiseState.LATE: "The chain shows that it was not ended in time. This file proves it to anybody.",
    PromiseState.OPEN: "The chain's time has not reached it yet: ask again later.",
    PromiseState.UNSHOWN: "Its time is past, and no proof of an anchor is known. It is for the notary to show one.",
}
# Whoever has a commitment can anchor it once more, and later. So only an earlier proof settles it.
LATE_ANCHOR = "The known anchor is later than promised. Only the proof of an earlier one would clear the notary."
_CODES = {PromiseState.KEPT: 0, PromiseState.LATE: NO, PromiseState.OPEN: UNKNOWN, PromiseState.UNSHOWN: UNKNOWN}
_EXAMPLE = "consent notary judge promises/0x3f9a2c-0x6e0E.json"


def add_to(notary: typer.Typer) -> None:
    """Add this command to the group."""
    command(notary, "judge", _EXAMPLE)(judge)


def judge(
    ctx: Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The promise, as `promises/` in a home keeps it.")],
    evidence: Annotated[
        str | None, typer.Option("--evidence", metavar="FILE", help="The evidence that shows when it was anchored.")
    ] = None,
) -> None:
    """Tell whether a notary kept its promise, by the chain's time.

    Exit code 0: it did. 1: it did not. 2: a file is not what it should be. 3: that is not known, or not yet.
    """
    promise, state = _judged(ctx, file, evidence)
    message = promise.promise.message
    is_relay = isinstance(message, RelayPromise)
    what = "Handle" if is_relay else "Commitment"
    meaning = LATE_ANCHOR if state is PromiseState.LATE and not is_relay else MEANINGS[state]
    document: dict[str, Any] = {"state": str(state), "meaning": meaning, "notary": promise.notary}
    document |= {
        "item": promise.item,
        "kind": type(message).__name__,
        "receivedAt": message.received_at,
        "due": message.due,
    }
    rows = [("Promise", f"{state}: {meaning}"), ("Notary", promise.notary), (what, promise.item)]
    rows += [("Received", format_utc(message.received_at)), ("Due", format_utc(message.due))]
    ctx.out.result(document, table(rows))
    raise typer.Exit(_CODES[state])


def _judged(ctx: Context, file: Path, evidence: str | None) -> tuple[PromiseFile, PromiseState]:
    try:
        promise = parse_promise_file(read_bounded(file, MAX_PROMISE))
        if evidence is not None:
            promise = with_proof(promise, parse_evidence(ctx.home.find(evidence)))
        with ctx.working("reading the chain"):
            return promise, judge_file(ctx.network, promise)
    except NotConsented as error:
        # Exit code 1 says that the notary broke its promise. A wrong or forged file does not show that.
        raise InvalidInput(str(error), error.advice) from None
