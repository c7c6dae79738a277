"""A brand's link at the terminal: the request behind it, where the answer goes, and how its delivery stands."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from msgspec import UNSET

from registry.cli.context import Context
from registry.cli.ui.receipts import print_anchored
from registry.client.deliveries import Delivery, Reached, Trouble
from registry.client.grant import Proposal
from registry.client.links import fetch_request, foreign_host, is_link
from registry.client.sign import Anchored
from registry.core.evidence.file import Evidence, parse_evidence
from registry.core.scalars import format_utc
from registry.present.text import NAME, NO, YES, Line, Row, visible

__all__ = [
    "delivery_json",
    "delivery_lines",
    "delivery_rows",
    "is_link",
    "print_answer",
    "read_request",
    "say_delivery",
]
_SHORT = 14
# What each step of the verification looks at (docs/formats.md, "Verification").
_STEPS = (
    "the form of the file",
    "the chain and the registry",
    "the signature",
    "the proof",
    "the anchor",
    "whether it was ended",
    "the time",
    "the notice, and what the brand asks for",
)


def read_request(ctx: Context, reference: str) -> Evidence:
    """Return the request behind a link, or that a file or a digest names. A foreign link is said plainly."""
    if not is_link(reference):
        return parse_evidence(ctx.home.find(reference))
    with ctx.working("fetching the request"):
        asked = fetch_request(ctx.home.deliveries(ctx.configuration.network_path).web, reference)
    if host := foreign_host(reference, asked):
        notice = asked.parsed_notice
        assert notice is not None  # the parser refuses a request without one
        ctx.out.note(f"The link is on {host}, which is not the domain of the brand, {notice.controller.domain}.")
    return asked


def say_delivery(ctx: Context, proposal: Proposal) -> None:
    """Tell where the answer goes, before the person agrees; nothing where they hand it over themselves."""
    if not proposal.delivers:
        return
    if not proposal.inbox:
        ctx.out.note("Nobody confirms who asks, so nothing is sent to them: you hand the file over yourself.")
    else:
        host, domain = urlsplit(proposal.inbox).netloc, proposal.notice.controller.domain
        ctx.out.note(f"It is delivered to {host}, which {domain} names.")
    ctx.out.note("")


def print_answer(ctx: Context, done: Anchored, purpose: str, file: Path | None) -> None:
    """Print what was anchored, and how its delivery stands."""
    if done.delivery is None:
        return print_anchored(ctx.out, done, purpose, file)
    more = {"delivery": delivery_json(done.delivery)}
    return print_anchored(ctx.out, done, "Kept in", file, more, delivery_rows(done.delivery))


def delivery_json(one: Delivery) -> dict[str, Any]:
    """Return how a delivery stands, for programs. Its capability is a secret, and stays out."""
    trouble = one.trouble if isinstance(one.trouble, Trouble) else None
    told: dict[str, Any] = {"digest": one.digest, "brand": one.brand, "domain": one.domain, "state": _state(one)}
    told |= {"since": one.since, "blocksLeft": len(one.blocks), "updateWaits": one.update is not UNSET}
    if trouble is not None:
        step = trouble.step if isinstance(trouble.step, int) else None
        told["why"] = {"error": trouble.name, "detail": trouble.detail, "advice": trouble.advice, "step": step}
        told["nextTry"] = one.next_try or None
    return told


def delivery_rows(one: Delivery) -> list[Row]:
    """Return how a delivery stands, as rows of a table."""
    name = {"refused": "Refused", "waiting": "Waits"}.get(_state(one), "Delivered")
    return [(name, _said(one))]


def delivery_line(one: Delivery) -> Line:
    """Return how a delivery stands, as a line of a list."""
    start = f"{one.digest[:_SHORT]}  "
    style = {"refused": NO, "delivered": YES}.get(_state(one), NAME)
    return Line(f"{start}{visible(one.full_name)}: {_said(one)}", len(start), style)


def delivery_lines(every: list[Delivery]) -> Iterator[Line]:
    """Return the deliveries as lines, with a heading; nothing where there is none."""
    if every:
        yield Line("")
        yield Line("With the brands")
    yield from map(delivery_line, every)


def _state(one: Delivery) -> str:
    if one.stage in (Reached.REFUSED, Reached.CLOSED):
        return str(one.stage)
    return "waiting" if one.waits else "delivered"


def _said(one: Delivery) -> str:
    where = urlsplit(one.inbox).netloc
    trouble = one.trouble if isinstance(one.trouble, Trouble) else None
    why = "" if trouble is None else visible(trouble.detail)
    if one.stage is Reached.REFUSED:
        return f"refused{_at_step(trouble)}: {why}. {visible(trouble.advice) if trouble else ''}".rstrip()
    if one.stage is Reached.CLOSED:
        return "ended before the brand had it"
    if one.waits:
        when = f", not before {format_utc(one.next_try)}" if one.next_try else ""
        return f"{_left(one)} since {format_utc(one.since)}{f': {why}' if why else ''}{when}"
    return f"to {where}{', which was told of its end' if one.told else ''}{f'. {why}' if why else ''}"


def _at_step(trouble: Trouble | None) -> str:
    if trouble is None or not isinstance(trouble.step, int) or trouble.step >= len(_STEPS):
        return ""
    return f" at step {trouble.step}, {_STEPS[trouble.step]}"


def _left(one: Delivery) -> str:
    if one.stage is Reached.WAITING:
        return "waiting"
    if one.stage is Reached.PROMISED:
        return "the brand has the promise; the evidence is waiting"
    parts = ["an update"] * (one.update is not UNSET) + [f"{len(one.blocks):,} blocks"] * bool(one.blocks)
    return f"the brand has it; {' and '.join(parts)} waiting"
