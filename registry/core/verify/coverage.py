"""What a mandate covers: the powers, purposes, data and controllers of an act that a delegate signed."""

from __future__ import annotations

from collections.abc import Collection

from registry.core.errors import BadMandate
from registry.core.evidence.file import Evidence
from registry.core.statements.mandate import ANY_CONTROLLER
from registry.core.statements.messages import Mandate


def check_covers(mandate: Evidence, act: Evidence) -> None:
    """Raise ``BadMandate``, naming what is not covered, unless this mandate covers the act by what both say.

    Signature, anchor, time and revocation of the mandate are `judge`'s.
    """
    message, under = act.statement.message, mandate.statement.message
    assert isinstance(under, Mandate)
    if under.subject != act.author:
        raise BadMandate(f"the mandate was given by {under.subject}, and the {act.kind} is of {act.author}")
    check_bounds(under, act.kind, getattr(message, "purposes", ()), getattr(message, "data", ()), message.controller)


def check_bounds(
    mandate: Mandate, power: str, purposes: Collection[str], data: Collection[str], controller: str | None
) -> None:
    """Raise ``BadMandate`` unless ``power`` and all that it is used for is listed; None stands for no controller."""
    if power not in mandate.powers:
        raise BadMandate(f"the mandate gives no power to sign a {power}")
    for what, asked, listed in (("purpose", purposes, mandate.purposes), ("datum", data, mandate.data)):
        if missing := sorted(set(asked).difference(listed)):
            raise BadMandate(f"the mandate does not list the {what} {missing[0]}")
    if controller is not None and mandate.controllers != ANY_CONTROLLER and controller not in mandate.controllers:
        raise BadMandate(f"the mandate is not for {controller}")
