"""Send a brand what a live grant's bundles got since: the sealed update, and the blocks that it lacks."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, structs

from registry.client.deliver import NOT_NEWER
from registry.client.deliveries import Delivery, Reached, Trouble
from registry.client.delivering import courier_of
from registry.client.granted_blocks import granted_blocks
from registry.client.party import Person
from registry.core.errors import BrandUnavailable
from registry.core.evidence.file import Evidence
from registry.core.scalars import to_hex
from registry.core.statements.messages import Grant


def deliver_update(
    person: Person, evidence: Evidence, number: int, update: bytes, *, merged: bool = False
) -> Delivery | None:
    """Note an update as the one that waits, and go on with the delivery; None where the grant is not delivered.

    An empty ``update`` adds nothing. Once the homes are ``merged``, a brand that has this very ``number`` lacks nothing
    of it: another home sent it. What could not be sent waits. A brand that refused the grant is asked once more.
    """
    courier, digest = courier_of(person), to_hex(evidence.digest)
    if courier is None or courier.deliveries.find(digest) is None:
        return None
    try:
        with courier.deliveries.holding(digest):
            one = courier.deliveries.find(digest)
            if one is not None and update:
                courier.deliveries.keep(_noted(person, evidence, one, number, update))
            done = courier.go_on_held(digest)
            if merged and done is not None and was_overtaken(done) and _number_at(done) == number:
                courier.deliveries.keep(structs.replace(done, update=UNSET, number=number))
                done = courier.go_on_held(digest)
            return done
    except BrandUnavailable:
        return courier.deliveries.find(digest)  # another process delivers it


def was_overtaken(one: Delivery) -> bool:
    """Whether the brand has a newer update than the one that waits."""
    return isinstance(one.trouble, Trouble) and one.trouble.name == NOT_NEWER


def _number_at(one: Delivery) -> int | None:
    """Return the number of the update that the brand said it has."""
    number = one.trouble.number if isinstance(one.trouble, Trouble) else UNSET
    return number if isinstance(number, int) else None


def _noted(person: Person, evidence: Evidence, one: Delivery, number: int, update: bytes) -> Delivery:
    grant = evidence.statement.message
    assert isinstance(grant, Grant)
    current = granted_blocks(person, grant)
    sent = set(one.sent).intersection(current)
    left = tuple(cid for cid in current if cid not in sent)
    waits: dict[str, Any] = {"update": update, "update_number": number} if number > one.number else {}
    if one.stage in (Reached.REFUSED, Reached.CLOSED):
        waits["stage"] = Reached.WAITING  # the chain says that it lives
    return structs.replace(one, blocks=left, sent=tuple(cid for cid in current if cid in sent), **waits)
