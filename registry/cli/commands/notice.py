"""``notice``: what a brand tells people before it asks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from registry.cli.app import command, group
from registry.cli.context import Context
from registry.cli.ui.notice_form import ask_draft
from registry.client.drafts import parse_draft, parse_wholly
from registry.client.request import check_notice, fill_notice, publish_notice
from registry.client.wallets import typed_address
from registry.core.age.recipients import recipient_of
from registry.core.crypto.seeds import owner_identity
from registry.core.errors import InvalidInput
from registry.core.ipld.cid import cid_of_block
from registry.core.notices.document import MAX_NOTICE, chosen_language
from registry.fs.files import read_bounded, replace_file
from registry.present.notice_templates import cases
from registry.present.text import YES, Line, table
from registry.present.wording import notice_lines

notice = group("notice", "consent notice new --template shop --out notice.json")
File = Annotated[Path, typer.Argument(metavar="NOTICE", help="A notice document.")]


_NEW = "consent notice new --out notice.json\nconsent notice new --template shop --out notice.json\n"
_NEW += "consent notice new draft.json --out notice.json"


@command(notice, "new", _NEW, options=("key", "force"))
def new(
    ctx: Context,
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where to write the canonical notice.")],
    draft: Annotated[
        Path | None, typer.Argument(metavar="DRAFT", help="The notice as JSON, in any layout; else you are asked.")
    ] = None,
    case: Annotated[
        str | None, typer.Option("--template", metavar="CASE", help=f"Begin with: {', '.join(cases())}.")
    ] = None,
    name: Annotated[str | None, typer.Option(metavar="NAME", help="The brand's name, for a template.")] = None,
    domain: Annotated[str | None, typer.Option(metavar="HOST", help="Its domain, as shop.example.")] = None,
    contact: Annotated[str | None, typer.Option(metavar="TEXT", help="Where people reach it, as an email.")] = None,
    account: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="The brand's account, where no key file here has it.")
    ] = None,
) -> None:
    """Make a notice of this brand: by asking you, from a template, or from a draft.

    Fills in the brand's account and recipient, sorts the terms, checks all of it and writes its one canonical form. A
    template is a complete notice in English and French. It promises what the brand must keep: read it first.
    """
    ctx.check_out(out)
    answers = {"name": name, "domain": domain, "contact": contact}
    if draft is not None and (case or any(answers.values())):
        raise InvalidInput("a draft says all of it", "Leave --template, --name, --domain and --contact out.")
    source = None if draft is None else parse_draft(read_bounded(draft, MAX_NOTICE))
    own = typed_address(account) if account else ctx.home.account(ctx.wallets.key_name).address
    recipient = recipient_of(owner_identity(ctx.session.seed))
    document = source or ask_draft(case, {key: value for key, value in answers.items() if value is not None})
    raw = fill_notice(document, own, recipient)
    replace_file(out, raw)
    cid = cid_of_block(raw)
    ctx.out.result({"file": str(out), "cid": cid, "bytes": len(raw)}, table([("Notice", cid), ("File", out)]))


@command(notice, "check", "consent notice check notice.json")
def check(ctx: Context, file: File) -> None:
    """Check that people's wallets will accept a notice."""
    raw = read_bounded(file, MAX_NOTICE)
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
    found = parse_wholly(raw)
    chosen = chosen_language(found, language)
    ctx.out.result(json.loads(raw), notice_lines(found, chosen, cid_of_block(raw)))
