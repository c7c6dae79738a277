"""``request``: a brand asks for consent."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from registry.cli.app import app, command
from registry.cli.context import Context
from registry.cli.options import WALLET, Data, EvidenceOut, Purposes
from registry.cli.ui.receipts import write_copy
from registry.client import request as use_case
from registry.core.evidence.file import write_evidence
from registry.core.notices.document import MAX_NOTICE
from registry.core.scalars import format_utc
from registry.fs.files import read_bounded
from registry.present.text import table
from registry.present.wording import terms


@command(app, "request", "consent request --notice notice.json --out request.json", options=(*WALLET, "force"))
def request(
    ctx: Context,
    notice: Annotated[Path, typer.Option(metavar="FILE", help="This brand's notice.")],
    purpose: Purposes = None,
    data: Data = None,
    days: Annotated[int, typer.Option(metavar="N", help="How long it can be answered; 30 by default.")] = 30,
    out: EvidenceOut = None,
) -> None:
    """Ask for consent.

    Writes a signed request with its notice. Carry it to people by any means.
    """
    ctx.check_out(out)
    document = read_bounded(notice, MAX_NOTICE)
    brand = ctx.session.brand(use_case.check_notice(document).controller.account)
    ctx.say_chain()
    evidence = use_case.request(brand, document, purposes=purpose, data=data, days=days)
    raw, kept = write_evidence(evidence), brand.evidence.keep(evidence)
    write_copy(out, raw, kept)
    file = out or kept
    message: Any = evidence.statement.message
    figures = {"file": str(file), "bytes": len(raw), "purposes": message.purposes, "data": message.data}
    rows = [("Request", file), ("What for", terms(message.purposes)), ("Which data", terms(message.data))]
    rows.append(("Answer by", format_utc(message.expires_at)))
    ctx.out.result(figures | {"expiresAt": message.expires_at}, table(rows))
