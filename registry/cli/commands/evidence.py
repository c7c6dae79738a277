"""``evidence``: what a file says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from registry.cli.app import command, group
from registry.cli.commands import evidence_shred
from registry.cli.context import Context
from registry.cli.options import SENDING, SIGNING, WALLET, AcceptRisk, EvidenceFile, accepted_risks
from registry.cli.ui.linked import is_link, read_request
from registry.cli.ui.receipts import leaving, print_anchored, receipt_json, receipt_rows
from registry.client import pending as use_case
from registry.client.import_evidence import import_evidence, shredded_by
from registry.client.notary_config import ending_party, pending_party
from registry.client.pending_store import PendingFolder
from registry.client.wallets import typed_address
from registry.core.evidence.file import Evidence, canonical_evidence, parse_evidence, write_evidence
from registry.core.scalars import to_hex
from registry.core.statements.messages import Grant
from registry.fs.files import replace_file
from registry.present.text import Line, table
from registry.present.wording import evidence_rows, open_lines

evidence = group("evidence", "consent evidence show grant.json")
evidence_shred.add_to(evidence)
_EXAMPLE = "consent evidence show grant.json\nconsent evidence show grant.json --html grant.html"
_SHOWN = "This is what the file says; `consent verify` says whether it holds."


@command(evidence, "show", _EXAMPLE, options=("force",))
def show(
    ctx: Context,
    file: EvidenceFile,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a page to read and print.")] = None,
    language: Annotated[str, typer.Option(metavar="TAG", help="The page's own words: en or fr.")] = "en",
) -> None:
    """Show what a file says, or the request behind a brand's link, in words.

    Nothing of it is checked against the chain: that is `consent verify`.
    """
    raw = write_evidence(read_request(ctx, file)) if is_link(file) else ctx.home.find(file)
    found = parse_evidence(raw)
    if html is not None:
        _write_page(ctx, found, raw, html, language)
        return
    warnings = list(open_lines(found))
    lines: list[str | Line] = [*warnings, *[""] * bool(warnings), *table(evidence_rows(found)), "", _SHOWN]
    ctx.out.result(json.loads(raw), lines)


def _write_page(ctx: Context, found: Evidence, raw: bytes, file: Path, language: str) -> None:
    from registry.present.evidence_html import evidence_page

    ctx.check_out(file)
    page = evidence_page(found, raw, language)
    replace_file(file, page)
    lines: list[str | Line] = [*open_lines(found), f"{file}  {len(page):,} bytes", _SHOWN]
    ctx.out.result({"file": str(file), "bytes": len(page)}, lines)


@command(evidence, "import", "consent evidence import grant.json", options=WALLET)
def import_(ctx: Context, file: EvidenceFile) -> None:
    """Keep a file that came from elsewhere in your home, once it is checked.

    After a loss, or when a brand sends a grant back. It is kept too where it has ended, and you are told.
    """
    raw = ctx.home.find(file)
    with ctx.working("checking it"):
        shredded = shredded_by(ctx.home, ctx.session.vault)
        done = import_evidence(ctx.network, ctx.home.evidence, raw, ctx.session.is_own, shredded)
    digest, ended = to_hex(done.evidence.digest), done.ended
    state = "holds" if ended is None else f"{type(ended).__name__}: {ended}"
    document = {"kind": done.evidence.kind, "digest": digest, "file": done.kept, "known": done.known, "state": state}
    rows = [(done.evidence.kind, digest), ("State", state), ("Kept before" if done.known else "Kept in", done.kept)]
    ctx.out.result(document, table(rows))


@command(evidence, "canonical", "consent evidence canonical pretty.json > grant.json", options=("force",))
def canonical(
    ctx: Context,
    file: EvidenceFile,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where to write it; standard output by default.")
    ] = None,
) -> None:
    """Bring a re-formatted file back to its one encoding (RFC 8785).

    White space and order are corrected; a changed value stays changed, and its signature stays wrong.
    """
    ctx.check_out(out)
    raw = canonical_evidence(ctx.home.find(file))
    if out is None:
        typer.echo(raw, nl=False)
        return
    replace_file(out, raw)
    ctx.out.result({"file": str(out), "bytes": len(raw)}, [f"{out}  {len(raw):,} bytes"])


@command(evidence, "calldata", "consent evidence calldata grant.json --purpose dpv:Personalisation")
def calldata(
    ctx: Context,
    file: EvidenceFile,
    purpose: Annotated[str | None, typer.Option(metavar="TERM", help="The purpose to ask for.")] = None,
    data: Annotated[str | None, typer.Option(metavar="TERM", help="The kind of data to ask for.")] = None,
    controller: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Who would use the data; by default the grant's brand.")
    ] = None,
    argument: Annotated[
        bool, typer.Option("--argument", help="Only the evidence, for a function of your own that takes Evidence.")
    ] = False,
) -> None:
    """Write evidence as call data, for a contract.

    It calls ConsentVerifier.check, by default for the grant's first purpose and kind of data.
    """
    from registry.ledger.calldata import check_calldata, evidence_argument

    found = parse_evidence(ctx.home.find(file))
    asked_by = None if controller is None else typed_address(controller)
    if argument:
        encoded = evidence_argument(found)
    else:
        message = found.statement.message
        asked = (message.purposes[0], message.data[0]) if isinstance(message, Grant) else ("", "")
        encoded = check_calldata(found, purpose=purpose or asked[0], data=data or asked[1], controller=asked_by)
    ctx.out.note("An eth_call publishes nothing. A transaction publishes the grant for ever; ask its person first.")
    ctx.out.result({"calldata": to_hex(encoded), "bytes": len(encoded)}, [to_hex(encoded)])


_Pending = Annotated[str, typer.Argument(metavar="DIGEST", help="What waits for its anchor; the first digits do.")]


@command(evidence, "finish", "consent evidence finish 0x3f9a2c --sender self", options=(*SENDING, "no_wait"))
def finish(ctx: Context, digest: _Pending, accept_risk: AcceptRisk = None) -> None:
    """Anchor what is signed and still waits: through a notary, or in your own transaction.

    `consent status` does it too, but waits for no block and lets nobody of yours pay.
    """
    pending = PendingFolder(ctx.home.path).find(digest)
    party = pending_party(ctx.session, pending)
    with leaving(ctx), ctx.working("anchoring"):
        done = use_case.finish(party, pending, accepted_risks(accept_risk))
    print_anchored(ctx.out, done, "Kept in")


@command(evidence, "drop", "consent evidence drop 0x3f9a2c", options=SIGNING)
def drop(ctx: Context, digest: _Pending) -> None:
    """Give up what is signed and not anchored yet, and delete what it would have handed over.

    A grant that a notary promised to anchor is ended too.
    """
    pending = PendingFolder(ctx.home.path).find(digest)
    own = pending.evidence
    ctx.out.note(f"This gives up: {getattr(own.statement.message, 'statement', own.kind)}")
    ctx.agree()
    party = ending_party(ctx.session, pending)
    with ctx.working("giving it up"):
        receipt = use_case.give_up(party, pending)
    document = {"dropped": own.digest, "transaction": receipt_json(receipt)}
    rows = [("Given up", own.digest), *(receipt_rows(receipt) if receipt is not None else [])]
    ctx.out.result(document, table(rows))
