"""``notice``: what a brand tells people before it asks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from registry.cli.app import command, group
from registry.cli.context import Context
from registry.client.request import check_notice, fill_notice, parse_draft, publish_notice
from registry.client.wallets import typed_address
from registry.core.age.recipients import recipient_of
from registry.core.crypto.seeds import owner_identity
from registry.core.errors import InvalidInput, Malformed
from registry.core.ipld.cid import cid_of_block
from registry.core.notices.document import MAX_NOTICE, parse_notice
from registry.fs.files import read_bounded, replace_file
from registry.present.text import YES, Line, table
from registry.present.wording import notice_lines

notice = group("notice", "consent notice new draft.json --out notice.json")
File = Annotated[Path, typer.Argument(metavar="NOTICE", help="A notice document.")]


@command(notice, "new", "consent notice new draft.json --out notice.json", options=("key", "force"))
def new(
    ctx: Context,
    draft: Annotated[Path, typer.Argument(metavar="DRAFT", help="The notice as JSON, in any layout.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where to write the canonical notice.")],
    account: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="The brand's account, where no key file here has it.")
    ] = None,
) -> None:
    """Make a notice of this brand from a draft.

    Fills in the brand's account and recipient, checks all of it and writes its one canonical form.
    """
    ctx.check_out(out)
    source = read_bounded(draft, MAX_NOTICE)
    with _advising():
        document = parse_draft(source)
    own = typed_address(account) if account else ctx.home.account(ctx.wallets.key_name).address
    recipient = recipient_of(owner_identity(ctx.session.seed))
    with _advising():
        raw = fill_notice(document, own, recipient)
    replace_file(out, raw)
    cid = cid_of_block(raw)
    ctx.out.result({"file": str(out), "cid": cid, "bytes": len(raw)}, table([("Notice", cid), ("File", out)]))


@command(notice, "check", "consent notice check notice.json")
def check(ctx: Context, file: File) -> None:
    """Check that people's wallets will accept a notice."""
    raw = read_bounded(file, MAX_NOTICE)
    with _advising():
        found = check_notice(raw)
    document = {"cid": cid_of_block(raw), "languages": sorted(found.text), "maxDays": found.max_days}
    rows = [("Notice", document["cid"]), ("Languages", ", ".join(sorted(found.text)))]
    ctx.out.result(document, [Line("Yes: wallets accept this notice.", 0, YES), *table(rows)])


@command(notice, "publish", "consent notice publish notice.json")
def publish(ctx: Context, file: File) -> None:
    """Store a notice where anyone finds it by its CID.

    Notices are public; what people answer is not.
    """
    raw = read_bounded(file, MAX_NOTICE)
    with _advising():
        check_notice(raw)
    cid = publish_notice(ctx.network, raw)
    ctx.out.result({"cid": cid, "bytes": len(raw)}, table([("Published", cid), ("Bytes", f"{len(raw):,}")]))


@command(notice, "show", "consent notice show notice.json --language fr")
def show(
    ctx: Context,
    file: File,
    language: Annotated[str | None, typer.Option(metavar="TAG", help="One of the notice's languages, as en.")] = None,
) -> None:
    """Show a notice in words."""
    raw = read_bounded(file, MAX_NOTICE)
    with _advising():
        found = parse_notice(raw)
    chosen = language or ("en" if "en" in found.text else min(found.text))
    if chosen not in found.text:
        raise InvalidInput(f"it is not written in {chosen!r}", f"It has: {', '.join(sorted(found.text))}.")
    ctx.out.result(json.loads(raw), notice_lines(found, chosen, cid_of_block(raw)))


@contextmanager
def _advising() -> Iterator[None]:
    """Advise the brand to correct its draft, rather than to ask for the original file."""
    try:
        yield
    except Malformed as error:
        if error.advice != Malformed.advice:
            raise
        raise Malformed(str(error), "Correct the draft, then write it with `consent notice new`.") from None
