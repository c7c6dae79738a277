"""The two files between a person and a fiduciary: a mandate with its details, and the report of what was done under it.

Neither is for a brand: the details are the person's instructions, and a secret in a report ends a grant.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Annotated, Literal, NamedTuple

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from registry.core import codec
from registry.core.crypto.revocation import lock_of
from registry.core.errors import Malformed
from registry.core.evidence.file import Evidence, signed_mandate
from registry.core.file_kinds import MANDATE, REPORT, as_another
from registry.core.scalars import ZERO_WORD, Bytes32, check_distinct, read_words, to_hex, unhex
from registry.core.statements.details import Details, Limits, details_digest, parse_details
from registry.core.statements.messages import Grant, Mandate

MAX_MANDATE = 2 * 1024 * 1024
MAX_REPORT = 64 * 1024 * 1024
MAX_ACTS = 10_000
_DAY = 86_400


class MandateFile(Struct, frozen=True, forbid_unknown_fields=True):
    """A mandate with the document that its ``details`` name, for the delegate, the person and an auditor."""

    mandate: Evidence
    details: str
    type: Literal["ConsentMandate"] = "ConsentMandate"
    version: Literal[1] = 1

    def __post_init__(self) -> None:
        signed_mandate(self.mandate)
        if details_digest(self.details.encode()) != self.message.details:
            raise Malformed("the details are not those that were signed (their SHA-256 differs)")
        _ = self.terms

    @property
    def message(self) -> Mandate:
        """The mandate's message."""
        message = self.mandate.statement.message
        assert isinstance(message, Mandate)
        return message

    @property
    def terms(self) -> Details:
        """The limits and instructions."""
        return parse_details(self.details.encode())


class Act(Struct, frozen=True, forbid_unknown_fields=True):
    """One act under a mandate, with the secret that ends it where it can be ended."""

    evidence: Evidence
    secret: Bytes32 | UnsetType = UNSET

    def __post_init__(self) -> None:
        message = self.evidence.statement.message
        if (self.secret is UNSET) == isinstance(message, Grant):
            raise Malformed("a Grant in a report has its secret, and nothing else has one")
        if self.secret is UNSET or not isinstance(message, Grant):
            return
        read_words((self.secret,))
        if lock_of(unhex(self.secret)) != message.revocation:
            raise Malformed("a secret in the report does not open the lock of its grant")


class Report(Struct, frozen=True, forbid_unknown_fields=True):
    """Every act under one mandate, named by its digest."""

    mandate: Bytes32
    acts: Annotated[tuple[Act, ...], Meta(max_length=MAX_ACTS)]
    type: Literal["ConsentMandateReport"] = "ConsentMandateReport"
    version: Literal[1] = 1

    def __post_init__(self) -> None:
        check_distinct([act.evidence.digest for act in self.acts], "an act")
        for act in self.acts:
            under = act.evidence.under
            if under is None or to_hex(under.digest) != self.mandate:
                raise Malformed("an act in the report was not done under its mandate")


class Done(NamedTuple):
    """An act that was judged: when it was anchored (unix seconds), and for how many seconds it lasts, or 0."""

    evidence: Evidence
    anchored_at: int

    @property
    def seconds(self) -> int:
        """How long a Grant lasts; 0 for anything else."""
        message = self.evidence.statement.message
        return message.expires_at - message.issued_at if isinstance(message, Grant) else 0


class Breach(NamedTuple):
    """A duty that a delegate broke by one act: "acts", "perDay", "days", or "twice" for a request answered before."""

    evidence: Evidence
    duty: str


def breaches(limits: Limits, acts: Sequence[Done]) -> list[Breach]:
    """Return what goes past the limits of a mandate, in the order of the anchors. The acts hold all the same."""
    ordered = sorted(acts, key=lambda act: (act.anchored_at, act.evidence.digest))
    return [Breach(act.evidence, duty) for place, act in enumerate(ordered) for duty in _broken(limits, ordered, place)]


def _broken(limits: Limits, ordered: Sequence[Done], place: int) -> Iterator[str]:
    act, before = ordered[place], ordered[:place]
    if limits.acts is not UNSET and place >= limits.acts:
        yield "acts"
    same_day = Counter(each.anchored_at // _DAY for each in before)[act.anchored_at // _DAY]
    if limits.per_day is not UNSET and same_day >= limits.per_day:
        yield "perDay"
    if limits.days is not UNSET and act.seconds > limits.days * _DAY:
        yield "days"
    answered = {_request_of(each.evidence) for each in before} - {ZERO_WORD}
    if _request_of(act.evidence) in answered:
        yield "twice"


def _request_of(evidence: Evidence) -> str:
    return getattr(evidence.statement.message, "request", ZERO_WORD)


_mandates, _reports = msgspec.json.Decoder(MandateFile), msgspec.json.Decoder(Report)


def parse_mandate(raw: bytes) -> MandateFile:
    """Parse a mandate's file; everything else is ``Malformed``, and named if known."""
    try:
        file = codec.decode(raw, _mandates, MAX_MANDATE)
    except Malformed as error:
        raise as_another(error, raw, MANDATE) from None
    _check_notices(file.mandate)
    return file


def parse_report(raw: bytes) -> Report:
    """Parse a report; everything else is ``Malformed``, and named if known."""
    try:
        report = codec.decode(raw, _reports, MAX_REPORT)
    except Malformed as error:
        raise as_another(error, raw, REPORT) from None
    for act in report.acts:
        _check_notices(act.evidence)
    return report


def write_file(file: MandateFile | Report) -> bytes:
    """Encode either file as RFC 8785 bytes."""
    return codec.encode(file)


def _check_notices(evidence: Evidence) -> None:
    """Refuse a malformed notice here, not later."""
    _ = evidence.notice_and_digest, evidence.under
