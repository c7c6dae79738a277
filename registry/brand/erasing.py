"""Erase blocks of the brand's store that nobody needs, also while another worker judges and listeners put blocks."""

from __future__ import annotations

from collections.abc import Collection

from registry.brand.custody import Custody
from registry.brand.holding import Brought
from registry.brand.store import Store
from registry.core.ipld.cid import binary_cid, cid_from_digest


def erase(
    store: Store, custody: Custody, digests: Collection[bytes], now: int, *, judged: int = 0, answer: int = 0
) -> None:
    """Erase those of these blocks that nobody else holds or brings; ``now`` is in unix seconds.

    ``judged`` is the arrival whose verdict is known already, and ``answer`` the grant that lets them go.
    """
    if not digests:
        return
    # While the note stands no worker holds one of these for a grant; what is held already stays.
    note = store.note_erasing([Brought(binary_cid(cid_from_digest(digest)), 0) for digest in digests], now)
    free = store.unheld(digests, judged, answer)
    custody.erase(free)
    if free:
        # A listener that put one of these just now found it there, and wrote nothing: its blocks must come again.
        store.lose_arrivals(set(store.bringing(free)) - {judged})
    store.forget_arrival(note)
