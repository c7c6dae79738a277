"""``status``: every consent that is kept here."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from registry.cli.app import app, command
from registry.cli.context import Context
from registry.cli.ui.left import left_json, left_lines
from registry.cli.ui.linked import delivery_json, delivery_lines
from registry.client.brand_view import BrandView, deliveries_to, look
from registry.client.deliver import Courier
from registry.client.evidence_traces import is_unfinished
from registry.client.unfinished import Left, go_on
from registry.client.verify import Answer, verify_many
from registry.core.errors import CouldNotCheck, NotConsented
from registry.core.evidence.file import Evidence
from registry.core.scalars import format_utc, to_hex
from registry.core.verify.judge import VerifiedStatement
from registry.present.text import NAME, NO, Line, table, visible
from registry.present.wording import holds

OfBrand = Annotated[
    str | None,
    typer.Option(metavar="BRAND", help="Ask this brand how it stands: its name, domain or account, a digest, all."),
]


@command(app, "status", "consent status", options=("notary",))
def status(
    ctx: Context,
    brand: OfBrand = None,
) -> None:
    """Show every consent that is kept here, and whether it holds now.

    First completes what waits for its anchor, sends the endings that are due, and delivers what waits. --brand fetches
    the brand's counter-signature, and its acknowledgement of an end.
    """
    network, deliveries = ctx.network, ctx.home.deliveries(ctx.configuration.network_path)
    with ctx.working("completing what waits"):
        left = go_on(network, ctx.home.evidence, ctx.session.notaries, deliveries)
    if brand is not None:
        _show_brand(ctx, Courier(network, ctx.home.evidence, deliveries, ctx.session.notaries.folder), brand)
    else:
        _show_all(ctx, left)
    for damaged in left.damaged[:1]:
        raise damaged


def _show_all(ctx: Context, left: Left) -> None:
    network, domain = ctx.network, ctx.network.domain
    # An acknowledgement is told of with `--brand`: by itself it allows nothing.
    kept = [each for each in ctx.home.evidence.all() if each.kind != "Acknowledgement"]
    with ctx.working("reading the chain"):
        head = network.ledger.head()
        judged = list(zip(kept, verify_many(network, kept), strict=True))
    document = {
        "home": str(ctx.home.path),
        "network": str(ctx.configuration.network_path),
        "chainId": domain.chain_id,
        "registry": domain.verifying_contract,
        "block": head.number,
        "evidence": [_state_json(evidence, answer) for evidence, answer in judged],
        **left_json(left),
        "deliveries": [delivery_json(each) for each in left.deliveries],
        "damaged": [str(each) for each in left.damaged],
        "restricted": len(restricted := ctx.home.evidence.restricted()),
        "unfinishedErasure": is_unfinished(ctx.home),
    }
    rows = [
        ("Home", ctx.home.path),
        ("Network", ctx.configuration.network_path),
        ("Registry", f"{domain.verifying_contract} on chain {domain.chain_id}"),
        ("Head", f"block {head.number}, {format_utc(head.time)}"),
    ]
    states = [_state_line(evidence, answer) for evidence, answer in judged] or [Line("No consent is kept here yet.")]
    told = [*delivery_lines(left.deliveries), *_erasure_lines(len(restricted), is_unfinished(ctx.home))]
    damaged = [Line(str(each), 0, NO) for each in left.damaged]
    ctx.out.result(document, [*table(rows), "", *states, *left_lines(left), *told, *damaged])


def _erasure_lines(restricted: int, is_left: bool) -> list[Line]:
    lines = [Line(f"Kept and not used: {restricted:,}. `consent evidence release` brings one back.")] * (restricted > 0)
    return lines + [Line("An erasure of evidence was interrupted: `consent evidence shred DUE` finishes it.")] * is_left


def _show_brand(ctx: Context, courier: Courier, brand: str) -> None:
    """Show how each answer stands with its brand. An error tells that one could not be asked."""
    with ctx.working("asking the brand"):
        views = [look(courier, one) for one in deliveries_to(courier, brand)]
    for view in views:
        ctx.out.result(_view_json(view), [_view_line(view)])
    if (why := next((view.why for view in views if isinstance(view.why, CouldNotCheck)), None)) is not None:
        raise why


def _view_json(view: BrandView) -> dict[str, Any]:
    told = delivery_json(view.delivery) | {"brandSays": view.state or None, "accepted": view.accepted}
    told["acknowledged"] = None if view.acknowledged is None else to_hex(view.acknowledged.digest)
    return told | {"acknowledgedAfter": view.took, "notKnown": None if view.why is None else str(view.why)}


def _view_line(view: BrandView) -> Line:
    start = f"{view.delivery.digest[:14]}  "
    parts = [_WORDS[view.state]] if view.state else []
    parts += ["its counter-signature is kept here"] * view.accepted
    if view.acknowledged is not None:
        after = "" if view.took is None else f" {view.took:,} s after it"
        parts.append(f"it acknowledged the end{after}, signed and anchored")
    parts += [f"not known: {visible(str(view.why))}"] * (view.why is not None)
    return Line(f"{start}{visible(view.delivery.full_name)}: {'; '.join(parts)}", len(start), NAME)


_WORDS = {
    "waiting": "the brand waits for its anchor",
    "accepting": "the brand has it, and has yet to counter-sign",
    "complete": "the brand has it",
    "unsure": "the brand looks at it again, because the chain changed",
    "ended": "the brand knows that it ended",
    "expired": "the brand knows that it expired",
}


def _state_json(evidence: Evidence, answer: Answer) -> dict[str, Any]:
    state = "Valid" if isinstance(answer, VerifiedStatement) else type(answer).__name__
    message: Any = evidence.statement.message
    return {
        "digest": to_hex(evidence.digest),
        "kind": evidence.kind,
        "controller": message.controller,
        "purposes": list(message.purposes),
        "state": state,
        "expiresAt": getattr(message, "expires_at", None),
        "accepted": answer.acceptance == "verified" if isinstance(answer, VerifiedStatement) else None,
    }


def _state_line(evidence: Evidence, answer: Answer) -> Line:
    message: Any = evidence.statement.message
    who = evidence.parsed_notice.controller.full_name if evidence.parsed_notice else message.controller
    digest = f"{to_hex(evidence.digest)[:14]}  "
    return Line(f"{digest}{evidence.kind} to {who}: {_state(answer)}", len(digest), NAME)


def _state(answer: Answer) -> str:
    if isinstance(answer, VerifiedStatement):
        return holds(answer)
    return f"{'' if isinstance(answer, NotConsented) else 'not checked: '}{type(answer).__name__}: {answer}"
