"""What a home has left unfinished, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from registry.cli.ui.receipts import receipt_json
from registry.client.pending import Outcome
from registry.client.revoke import failure_of
from registry.client.unfinished import Left
from registry.core.promises import PromiseState
from registry.core.scalars import format_utc
from registry.present.text import NAME, NO, YES, Line

SHORT = 14


def left_json(left: Left) -> dict[str, Any]:
    """Return it for programs."""
    endings: list[dict[str, Any]] = [
        {"name": name, "state": "ended", "transaction": receipt_json(sent)} for name, sent in left.endings.ended
    ]
    endings += [{"name": name, "state": "failed", "why": str(why)} for name, why in left.endings.failed]
    endings += [{"name": name, "state": "later", "due": due} for name, due in left.waiting]
    promises = [
        {"file": str(each.path), "state": str(each.state), "notary": each.file.notary} for each in left.promises
    ]
    return {"pending": [_outcome_json(each) for each in left.outcomes], "endings": endings, "promises": promises}


def _outcome_json(outcome: Outcome) -> dict[str, Any]:
    own = outcome.pending.evidence
    state = "waiting" if outcome.done is None else "anchored"
    document = {"digest": own.digest, "kind": own.kind, "state": state}
    return document if outcome.why is None else document | {"why": str(outcome.why)}


def left_lines(left: Left) -> Iterator[Line]:
    """Return it for people; nothing where nothing is left."""
    for outcome in left.outcomes:
        own = outcome.pending.evidence
        state = "is anchored now" if outcome.why is None else f"is not anchored, and proves nothing yet: {outcome.why}"
        yield _line(own.digest, f"{own.kind} {state}", YES if outcome.why is None else NAME)
    for name, _ in left.endings.ended:
        yield _line(name, "has ended now", YES)
    for name, why in left.endings.failed:
        yield Line(failure_of(name, why), 0, NO)
    for name, due in left.waiting:
        when = f"at {format_utc(due)} or later" if due else "once the grant that replaces it is anchored"
        yield _line(name, f"ends {when}: `consent status` sends it")
    for each in left.promises:
        if each.state is not PromiseState.KEPT:
            yield _line(str(each.path), f"promise of {each.file.notary}: {each.state}", cut=False)


def _line(name: str, text: str, style: str = NAME, cut: bool = True) -> Line:
    shown = f"{name[:SHORT] if cut else name}  "
    return Line(shown + text, len(shown), style)
