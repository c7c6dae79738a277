"""``brand request`` and ``brand inbox``: ask by a link, and see what people answered."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from registry.brand.records import Answer, Asked, Unasked
from registry.brand.settings import BrandSettings, require_brand
from registry.cli.app import command
from registry.cli.brand_context import Dir, folder_of, store_of
from registry.cli.context import Context
from registry.cli.options import WALLET, Data, Purposes
from registry.client.sign import noting
from registry.core.errors import InvalidInput, Malformed
from registry.core.notices.document import MAX_NOTICE
from registry.core.scalars import checksum, format_utc, read_hex, to_hex
from registry.fs.files import read_bounded, replace_file
from registry.present.text import Line, Row, table
from registry.present.wording import terms

if TYPE_CHECKING:
    from registry.brand.sql.acknowledgements import AcknowledgementTimes

_ANY_ID = 2**62
_SHORT = 14


def add_to(brand: typer.Typer) -> None:
    """Add these commands to the group."""
    command(brand, "request", "consent brand request --notice notice.json", options=(*WALLET, "force"))(request)
    command(brand, "inbox", "consent brand inbox")(inbox)


def request(
    ctx: Context,
    directory: Dir = None,
    notice: Annotated[Path | None, typer.Option(metavar="FILE", help="Ask by this notice.")] = None,
    purpose: Purposes = None,
    data: Data = None,
    days: Annotated[int, typer.Option(metavar="N", help="How long it can be answered; 30 by default.")] = 30,
    single: Annotated[bool, typer.Option("--single", help="One person may answer it.")] = False,
    qr: Annotated[bool, typer.Option("--qr", help="Show the link as a QR code too.")] = False,
    svg: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the QR code here, to print.")] = None,
    withdraw: Annotated[str | None, typer.Option(metavar="DIGEST", help="Withdraw this request.")] = None,
) -> None:
    """Ask by a link, or withdraw what was asked.

    With --notice it signs a request and prints its link. With --withdraw the link leads nowhere any more; grants stay.
    Without both it lists the requests.
    """
    folder = folder_of(directory)
    settings = require_brand(folder)
    if notice is not None and withdraw is not None:
        raise InvalidInput("--notice asks, and --withdraw ends a request", "Use one of them.")
    if notice is not None:
        ctx.check_out(svg)
        how: dict[str, Any] = {"purposes": purpose, "data": data, "days": days, "single": single}
        return _publish(ctx, folder, settings, read_bounded(notice, MAX_NOTICE), how, qr, svg)
    if qr or svg is not None:
        raise InvalidInput("a QR code is made where something is asked", "Name the notice with --notice.")
    store = store_of(folder, settings, made=False)
    if withdraw is not None:
        if not store.withdraw(_digest(withdraw), ctx.network.clock()):
            raise InvalidInput(f"{withdraw[:80]} was not published here", "See `consent brand request`.")
        return ctx.out.result({"withdrawn": withdraw}, [f"Withdrawn  {withdraw}"])
    every, now = store.all_asked(), ctx.network.clock()
    rows = [(_state(each, now), settings.link(to_hex(each.digest))) for each in every]
    return ctx.out.result({"requests": [_json(each, settings, now) for each in every]}, table(rows))


def _publish(
    ctx: Context,
    folder: Path,
    settings: BrandSettings,
    document: bytes,
    how: dict[str, Any],
    qr: bool,
    svg: Path | None,
) -> None:
    from registry.brand.asking import publish  # they need the libraries of the extra
    from registry.brand.qr import svg_file, text_of

    party = ctx.session.brand(settings.account)
    ctx.say_chain()
    store = store_of(folder, settings, made=True)
    evidence, link = publish(party, settings, store, document, **how)
    message: Any = evidence.statement.message
    digest = to_hex(evidence.digest)
    figures = {"link": link, "digest": digest, "single": how["single"], "expiresAt": message.expires_at}
    rows: list[Row] = [("Link", link), ("What for", terms(message.purposes)), ("Which data", terms(message.data))]
    rows.append(("Answer by", format_utc(message.expires_at)))
    if svg is not None:
        with noting(f"It is published: {link}"):
            replace_file(svg, svg_file(link))
        rows.append(("QR code", svg))
    code = text_of(link) if qr else []
    ctx.out.result(figures | {"svg": None if svg is None else str(svg)}, [*table(rows), *code])


def _digest(text: str) -> bytes:
    try:
        digest = read_hex(text, "the digest")
    except Malformed as error:
        raise InvalidInput(str(error), "Write 0x and 64 digits.") from None
    return digest


def _state(asked: Asked, now: int) -> str:
    if asked.withdrawn_at:
        return "withdrawn"
    if not asked.is_open:
        return "answered"
    return "open" if now < asked.expires_at else "expired"


def _json(asked: Asked, settings: BrandSettings, now: int) -> dict[str, Any]:
    digest = to_hex(asked.digest)
    told = {"digest": digest, "link": settings.link(digest), "state": _state(asked, now), "single": asked.single}
    return told | {"createdAt": asked.created_at, "expiresAt": asked.expires_at}


def inbox(
    ctx: Context,
    directory: Dir = None,
    last: Annotated[int, typer.Option("--last", metavar="N", min=1, max=1_000, help="How many; 20 by default.")] = 20,
) -> None:
    """Show what people answered: the number of each kind, and the newest ones.

    A grant is live once the chain shows it, and accepted once the brand's counter-signature is anchored. Below stands
    what was refused because the brand never asked for it: publish its request, and let the person send it again.
    """
    folder = folder_of(directory)
    settings = require_brand(folder)
    from registry.brand.acknowledgements import times_of  # it needs the libraries of the extra

    store = store_of(folder, settings, made=False)
    counts, newest, view = store.counts(), store.answers_before(_ANY_ID, last), store.view()
    unasked, not_asked = store.all_unasked(last), store.count_unasked()
    times = times_of(store, settings, ctx.network.clock())
    document = {
        "counts": [{"kind": kind, "state": state, "count": count} for (kind, state), count in sorted(counts.items())],
        "newest": [_answer_json(each) for each in newest],
        "notAsked": {"count": not_asked, "newest": [_unasked_json(each) for each in unasked]},
        "unsent": len(store.signed(1_000)),
        "view": {"block": view.number, "seenAt": view.seen_at},
        "acknowledged": times._asdict() | {"within": settings.acknowledge_seconds},
    }
    rows: list[Row] = [(f"{kind}, {state}", f"{count:,}") for (kind, state), count in sorted(counts.items())]
    seen = "never" if not view.seen_at else f"block {view.number:,}, {format_utc(view.seen_at)}"
    rows.append(("The log was read", seen))
    rows += _acknowledged(times, settings)
    rows += [("Refused, not asked for", f"{not_asked:,}")] if unasked else []
    lines: list[str | Line] = [*table(rows), "", *table(map(_answer_row, newest))]
    lines += ["", *table(map(_unasked_row, unasked))] if unasked else []
    ctx.out.result(document, lines)


def _acknowledged(times: AcknowledgementTimes, settings: BrandSettings) -> list[Row]:
    """Return how soon ends were acknowledged, once there was one."""
    rows: list[Row] = []
    if times.made:
        late = f", {times.late:,} of {times.made:,} late" if times.late else ""
        promised = f"of {settings.acknowledge_seconds:,} s that people are told{late}"
        rows.append(("Ends were acknowledged", f"within {times.slowest:,} s at most, {promised} (30 days)"))
    if times.waiting:
        rows.append(("Not acknowledged yet", f"{times.waiting:,}, since {format_utc(times.waiting_since)}"))
    return rows


def _answer_json(answer: Answer) -> dict[str, Any]:
    return {
        "kind": answer.kind,
        "digest": to_hex(answer.digest),
        "subject": checksum(answer.subject),
        "state": str(answer.state),
        "purposes": answer.purposes,
        "data": answer.data,
        "expiresAt": answer.expires_at,
        "accepted": answer.accepted_at > 0,
    }


def _unasked_json(each: Unasked) -> dict[str, Any]:
    told = {"kind": each.kind, "digest": to_hex(each.digest), "subject": checksum(each.subject)}
    return told | {"why": each.why, "at": each.at}


def _unasked_row(each: Unasked) -> tuple[str, str]:
    what = f"{each.kind} of {checksum(each.subject)}, {format_utc(each.at)}: refused, {each.why}"
    return to_hex(each.digest)[:_SHORT], what


def _answer_row(answer: Answer) -> tuple[str, str]:
    accepted = ", accepted" if answer.accepted_at else ""
    what = f"{answer.kind} of {checksum(answer.subject)}: {answer.state}{accepted}"
    return to_hex(answer.digest)[:_SHORT], what
