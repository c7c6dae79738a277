"""``status``: every consent that is kept here."""

from __future__ import annotations

from typing import Any

from registry.cli.app import app, command
from registry.cli.context import Context
from registry.cli.ui.left import left_json, left_lines
from registry.client.unfinished import go_on
from registry.client.verify import Answer, verify_many
from registry.core.errors import NotConsented
from registry.core.evidence.file import Evidence
from registry.core.scalars import format_utc, to_hex
from registry.core.verify.judge import VerifiedStatement
from registry.present.text import NAME, Line, table
from registry.present.wording import holds


@command(app, "status", "consent status", options=("notary",))
def status(ctx: Context) -> None:
    """Show every consent that is kept here, and whether it holds now.

    First completes what waits for its anchor, and sends the endings that are due.
    """
    network, domain = ctx.network, ctx.network.domain
    with ctx.working("completing what waits"):
        left = go_on(network, ctx.home.evidence, ctx.session.notaries)
    kept = list(ctx.home.evidence.all())
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
    }
    rows = [
        ("Home", ctx.home.path),
        ("Network", ctx.configuration.network_path),
        ("Registry", f"{domain.verifying_contract} on chain {domain.chain_id}"),
        ("Head", f"block {head.number}, {format_utc(head.time)}"),
    ]
    states = [_state_line(evidence, answer) for evidence, answer in judged] or [Line("No consent is kept here yet.")]
    ctx.out.result(document, [*table(rows), "", *states, *left_lines(left)])


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
    who = evidence.parsed_notice.controller.name if evidence.parsed_notice else message.controller
    digest = f"{to_hex(evidence.digest)[:14]}  "
    return Line(f"{digest}{evidence.kind} to {who}: {_state(answer)}", len(digest), NAME)


def _state(answer: Answer) -> str:
    if isinstance(answer, VerifiedStatement):
        return holds(answer)
    return f"{'' if isinstance(answer, NotConsented) else 'not checked: '}{type(answer).__name__}: {answer}"
