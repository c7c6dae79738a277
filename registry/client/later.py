"""Endings that are sent later, each at a random time, so that nobody sees by the time what belongs together.

Each is kept durably before it is due, and needs no seed any more: `consent status` goes on after an interruption.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

from msgspec import structs

from registry.client.evidence_store import EvidenceStore
from registry.client.network import Network
from registry.client.notary_anchor import Notaries, present
from registry.client.party import Party, Person
from registry.client.pending_store import LaterEnding, PendingFolder, random_seconds
from registry.client.relay import deliver, is_done
from registry.client.revoke import Endings, opening_of, signed_until
from registry.core.endings import Opening
from registry.core.errors import ConsentError, InvalidInput, NotYetAnchored
from registry.core.evidence.file import Evidence
from registry.core.scalars import CLOCK_SKEW, to_hex
from registry.ledger.base import Payer, Receipt

HOUR = 3_600
MAX_HOURS = 24 * 7


class Waiting(NamedTuple):
    """An ending that is due later, or that waits until the evidence ``after`` is kept."""

    name: str
    due: int


def note_superseded(person: Person, old: Evidence, after: str) -> None:
    """Keep the ending of ``old`` durably; it is sent only once the grant with the digest ``after`` is anchored."""
    assert person.notaries is not None
    opening = Opening(*opening_of(person, old))
    person.notaries.folder.keep_later(LaterEnding(name=to_hex(old.digest), due=0, opening=opening, after=after))


def end_superseded(party: Party, after: str) -> Receipt | None:
    """Send the ending that waited for this grant, at its own time; None where it was sent before, or is left for later.

    A party that does not wait leaves it to `send_due`.
    """
    notaries, receipt = party.notaries, None
    assert notaries is not None
    if not notaries.waits:
        return None
    for later in [each for each in notaries.folder.later() if each.after == after]:
        wait_until(party.network, notaries, later.due)
        with suppress(NotYetAnchored):  # another process sends it
            receipt = _send(party.network, notaries, notaries.folder, party.sender, later)
    return receipt


def spread_grants(grants: Sequence[tuple[Person, Evidence]], folder: PendingFolder, hours: float) -> None:
    """Keep the private endings of these grants, each for a random time within ``hours``; the first is due at once."""
    endings = [(to_hex(e.digest), Opening(*opening_of(person, e))) for person, e in grants]
    times = _times(grants[0][0].network, len(endings), hours)
    for (name, opening), due in zip(endings, times, strict=True):
        _keep(folder, LaterEnding(name=name, due=due, opening=opening))


def spread_accounts(parties: Sequence[Party], folder: PendingFolder, hours: float) -> None:
    """Keep the end of everything that each account issued until now, each for a random time within ``hours``."""
    network = parties[0].network
    # Signed now: what the person issues meanwhile goes on.
    until = min(present(network), network.ledger.head().time + CLOCK_SKEW)
    for party, due in zip(parties, _times(network, len(parties), hours), strict=True):
        _keep(folder, LaterEnding(name=party.address, due=due, signed=signed_until(party, until)))


def _keep(folder: PendingFolder, later: LaterEnding) -> None:
    """Keep it in place of an older one of its name, which was due in time: it is sent no later than that."""
    dues = [each.due for each in folder.later() if each.key == later.key]
    folder.keep_later(structs.replace(later, due=min([later.due, *dues])))


def _times(network: Network, count: int, hours: float) -> list[int]:
    if not 0 < hours <= MAX_HOURS:
        raise InvalidInput(f"{hours} hours are not possible", f"Spread over more than 0 and at most {MAX_HOURS} hours.")
    now = network.clock()
    return [now, *(now + random_seconds(1, max(1, int(hours * HOUR))) for _ in range(count - 1))]


def send_due(
    network: Network,
    notaries: Notaries | None,
    folder: PendingFolder,
    store: EvidenceStore,
    sender: Payer | None = None,
) -> tuple[Endings, list[Waiting]]:
    """Send the endings that are due now; return them, and those that wait on."""
    endings, waiting = Endings([], []), []
    kept, now = store.digests(), network.clock()
    for later in folder.later():
        if later.due > now or (isinstance(later.after, str) and later.after not in kept):
            waiting.append(Waiting(later.name, later.due))
            continue
        try:
            endings.ended.append((later.name, _send(network, notaries, folder, sender, later)))
        except NotYetAnchored:
            waiting.append(Waiting(later.name, later.due))
        except ConsentError as error:
            endings.failed.append((later.name, error))
    return endings, waiting


def send_all(
    network: Network, notaries: Notaries, folder: PendingFolder, store: EvidenceStore, sender: Payer | None = None
) -> Iterator[tuple[Endings, list[Waiting]]]:
    """Send what is due, then wait for the next, until nothing waits for its time; yield what each round did."""
    by = notaries if notaries.clients else None
    for _ in range(len(folder.later()) + 1):
        endings, waiting = send_due(network, by, folder, store, sender)
        yield endings, waiting
        times = [each.due for each in waiting if each.due > network.clock()]
        if not times:
            return
        wait_until(network, notaries, min(times))


def wait_until(network: Network, notaries: Notaries, due: int) -> None:
    """Wait until then (unix seconds), and show for how long it is waited."""
    for _ in notaries.pauses("waiting, so that the ending stands apart"):
        if network.clock() >= due:
            return


def _send(
    network: Network, notaries: Notaries | None, folder: PendingFolder, sender: Payer | None, later: LaterEnding
) -> Receipt | None:
    """Send an ending, unless that is done; ``NotYetAnchored`` where another process is at it."""
    with folder.holding_later(later):
        # It may have ended since, or been sent by a process that was killed. A newer one may have taken its place.
        newest = folder.later_now(later)
        if newest is None:
            return None
        is_over = is_done(network, newest.ending)
        receipt = None if is_over else deliver(network, notaries, sender, newest.ending)
        folder.drop_later(newest)
        return receipt
