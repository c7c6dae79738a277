"""``notice``: what a brand tells people before it asks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from registry.cli.app import BRANDS, Key, command, group
from registry.cli.context import Session
from registry.cli.wallets import typed_address
from registry.core.errors import InvalidInput, Malformed
from registry.present.text import YES, Line, table
from registry.present.wording import notice_lines

notice = group(
    "notice", "What people are shown before they sign.", BRANDS, "consent notice new draft.json --out notice.json"
)
File = Annotated[Path, typer.Argument(metavar="NOTICE", help="A notice document.")]


@command(notice, "new", "consent notice new draft.json --out notice.json")
def new(
    session: Session,
    draft: Annotated[Path, typer.Argument(metavar="DRAFT", help="The notice as JSON, in any layout.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where to write the canonical notice.")],
    key: Key = None,
    account: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="The brand's account, where no key file here has it.")
    ] = None,
) -> None:
    """Make a notice of this brand from a draft.

    Fills in the brand's account and recipient, checks all of it and writes its one canonical form.
    """
    from registry.client.request import check_notice
    from registry.core import codec
    from registry.core.age.recipients import recipient_of
    from registry.core.crypto.seeds import owner_identity
    from registry.core.ipld.cid import cid_of_block
    from registry.fs.files import replace_file

    document = _draft(draft)
    controller = document.setdefault("controller", {})
    own = typed_address(account) if account else session.home.account(session.key_name).address
    controller["account"] = own
    controller["recipient"] = recipient_of(owner_identity(session.unlock(session.home.seed)))
    raw = codec.dump(document)
    with _advising():
        check_notice(raw)
    replace_file(out, raw)
    cid = cid_of_block(raw)
    session.out.result({"file": str(out), "cid": cid, "bytes": len(raw)}, table([("Notice", cid), ("File", out)]))


@command(notice, "check", "consent notice check notice.json")
def check(session: Session, file: File) -> None:
    """Is it a notice that people's wallets will accept?"""
    from registry.client.request import check_notice
    from registry.core.ipld.cid import cid_of_block

    raw = _read(file)
    with _advising():
        found = check_notice(raw)
    document = {"cid": cid_of_block(raw), "languages": sorted(found.text), "maxDays": found.max_days}
    rows = [("Notice", document["cid"]), ("Languages", ", ".join(sorted(found.text)))]
    session.out.result(document, [Line("Yes: wallets accept this notice.", 0, YES), *table(rows)])


@command(notice, "publish", "consent notice publish notice.json")
def publish(session: Session, file: File) -> None:
    """Store a notice where anyone finds it by its CID.

    Notices are public; what people answer is not.
    """
    from registry.client.request import check_notice, publish_notice

    raw = _read(file)
    with _advising():
        check_notice(raw)
    cid = publish_notice(session.network, raw)
    session.out.result({"cid": cid, "bytes": len(raw)}, table([("Published", cid), ("Bytes", f"{len(raw):,}")]))


@command(notice, "show", "consent notice show notice.json --language fr")
def show(
    session: Session,
    file: File,
    language: Annotated[str | None, typer.Option(metavar="TAG", help="One of the notice's languages, as en.")] = None,
) -> None:
    """A notice in words."""
    from registry.core.ipld.cid import cid_of_block
    from registry.core.notices.document import parse_notice

    raw = _read(file)
    with _advising():
        found = parse_notice(raw)
    chosen = language or ("en" if "en" in found.text else min(found.text))
    if chosen not in found.text:
        raise InvalidInput(f"it is not written in {chosen!r}", f"It has: {', '.join(sorted(found.text))}.")
    session.out.result(json.loads(raw), notice_lines(found, chosen, cid_of_block(raw)))


@contextmanager
def _advising() -> Iterator[None]:
    """A notice is put right by its brand, not by asking somebody for the original."""
    try:
        yield
    except Malformed as error:
        raise Malformed(str(error), "Put the draft right, then write it with `consent notice new`.") from None


def _read(file: Path) -> bytes:
    from registry.client.home import read_bounded
    from registry.core.notices.document import MAX_NOTICE

    return read_bounded(file, MAX_NOTICE)


def _draft(file: Path) -> dict[str, Any]:
    from registry.core import codec
    from registry.core.notices.document import MAX_NOTICE

    with _advising():
        document = json.loads(codec.canonical(_read(file), MAX_NOTICE))
    if not isinstance(document, dict) or not isinstance(document.get("controller", {}), dict):
        raise Malformed(f"{file} is not a notice", "A notice is a JSON object; see docs/formats.md.")
    return document
