"""``accept``: a brand counter-signs a grant."""

from __future__ import annotations

from registry.cli.app import app, command
from registry.cli.context import Context
from registry.cli.options import SENDING
from registry.cli.ui.answers import anchored_json, anchored_rows
from registry.cli.ui.choices import EvidenceFile
from registry.client import accept as use_case
from registry.client.party import Party
from registry.core.evidence.file import Evidence, parse_evidence
from registry.present.summary import summary_of_acceptance
from registry.present.text import table
from registry.present.wording import evidence_rows


@command(app, "accept", "consent accept grant.json", options=SENDING)
def accept(ctx: Context, file: EvidenceFile) -> None:
    """Counter-sign a grant to this brand.

    Verifies it first, then signs and writes the completed file: both sides hold the same bytes.
    """
    evidence = parse_evidence(ctx.home.find(file))
    brand = ctx.session.brand(evidence.statement.message.controller)
    ctx.say_place()
    _show(ctx, evidence, brand)
    ctx.say_payer(brand)
    with ctx.working("verifying and counter-signing"):
        done = use_case.accept(brand, evidence)
    ctx.out.result(anchored_json(done), table([*anchored_rows(done), ("Send back", done.kept)]))


def _show(ctx: Context, grant: Evidence, party: Party) -> None:
    """Show what is counter-signed: the wallet shows the grant's hash alone, and a person may have to confirm it."""
    ctx.wallets.show(summary_of_acceptance(grant, party.payer))
    asks = any(not name.startswith("key:") for name in ctx.wallets.named)
    if asks and not ctx.wallets.ask_on_pages(party.wallet):
        for line in table(evidence_rows(grant)):
            ctx.out.note(line)
