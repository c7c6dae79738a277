"""Deliver beside the use cases: an answer once it is anchored, and the news that a grant ended."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from time import monotonic
from typing import Any, NamedTuple

from registry.client.deliver import Courier, is_away
from registry.client.deliveries import Delivery
from registry.client.party import Party, Person
from registry.core.errors import ConsentError, NotYetAnchored
from registry.core.notices.document import Notice
from registry.core.scalars import to_hex
from registry.core.statements.messages import Grant, Refusal
from registry.core.statements.typed_data import digest

# A person who ends their grants waits so long at most for the brands that are told.
TELL_SECONDS = 30.0


class Sent(NamedTuple):
    """Where `delivering` leaves what became of the delivery; empty where nothing is delivered."""

    deliveries: list[Delivery]

    @property
    def delivery(self) -> Delivery | None:
        """The delivery, as it stands."""
        return self.deliveries[0] if self.deliveries else None


def courier_of(party: Party) -> Courier | None:
    """Return what delivers for this party; None for one that delivers nothing."""
    if party.deliveries is None:
        return None
    folder = None if party.notaries is None else party.notaries.folder
    return Courier(party.network, party.evidence, party.deliveries, folder)


@contextmanager
def delivering(party: Party, new: Delivery | None) -> Iterator[Sent]:
    """Note a delivery before its statement is kept, and go on with it once the block has anchored that.

    Where the block raises, the note stays only if the statement is kept or waits. ``NotYetAnchored`` sends the promise.
    No failure of the delivery is raised: it waits.
    """
    sent, courier = Sent([]), courier_of(party)
    if new is None or courier is None:
        yield sent
        return
    with courier.deliveries.holding(new.digest):
        courier.deliveries.keep(new)
        try:
            yield sent
        except BaseException as error:
            if courier.is_nothing(new):
                courier.deliveries.drop(new.digest)
            elif isinstance(error, NotYetAnchored):
                courier.go_on_held(new.digest)
            raise
        with suppress(ConsentError):
            # It is anchored and kept. What the delivery could not note must not look like a failure of that.
            if (done := courier.go_on_held(new.digest)) is not None:
                sent.deliveries.append(done)


def tell_ended(party: Party, grants: Collection[Grant]) -> None:
    """Tell the brands that have these grants that they ended, as the chain says. What cannot be told waits.

    A brand that is away is asked once, and all brands together get `TELL_SECONDS`; `consent status` tells the others.
    """
    if (courier := courier_of(party)) is None:
        return
    until, away = monotonic() + TELL_SECONDS, set[tuple[str, str]]()
    for name in (to_hex(digest(party.network.domain, grant)) for grant in grants):
        with suppress(ConsentError):
            one = courier.deliveries.find(name)
            if one is None or one.place in away or monotonic() > until:
                continue
            if (now := courier.go_on(name)) is not None and is_away(now):
                away.add(one.place)


def new_delivery(party: Party, message: Grant | Refusal, notice: Notice, inbox: str) -> Delivery | None:
    """Return what is to be delivered to ``inbox`` of a statement that is about to be kept; None for no inbox."""
    if not inbox:
        return None
    given: dict[str, Any] = {}
    if isinstance(party, Person) and isinstance(message, Grant):
        from registry.client.granted_blocks import granted_blocks  # slow to load

        numbers = [one.number for one in party.vault.shares.of(message.revocation)]
        given = {"blocks": granted_blocks(party, message), "number": sum(numbers)}
    return Delivery(
        digest=to_hex(digest(party.network.domain, message)),
        kind="Grant" if isinstance(message, Grant) else "Refusal",
        brand=notice.controller.name,
        domain=notice.controller.domain,
        inbox=inbox,
        since=party.network.clock(),
        **given,
    )
