"""Which answers the brand asked for: those to its own requests, and those with the notice of one of them.

Anybody can write a notice that names the brand. Its worker counter-signs what it took, so it takes no stranger's text.
"""

from __future__ import annotations

from collections.abc import Mapping

from registry.brand.given import Given
from registry.brand.records import Unasked
from registry.brand.store import Store
from registry.core.errors import ConsentError
from registry.core.scalars import unhex


class NotAsked(ConsentError):
    """The answer holds, and answers nothing that this brand asked."""

    advice = "Answer one of the brand's links, or ask the brand to publish its request. What you signed stays with you."


def not_asked(store: Store, given: Mapping[int, Given]) -> dict[int, NotAsked]:
    """Return why some of these were not asked for, by their keys.

    A request that was withdrawn is the brand's own: people may have answered it before.
    """
    if not given:
        return {}
    named = {n: (unhex(each.message.request), unhex(each.message.notice)) for n, each in given.items()}
    notices = store.notices_of({request for request, _ in named.values() if any(request)})
    own = store.own_notices({notice for request, notice in named.values() if not any(request)})
    found = {n: _why(request, notice, notices, own) for n, (request, notice) in named.items()}
    return {n: NotAsked(why) for n, why in found.items() if why}


def unasked_of(given: Given, why: NotAsked, now: int) -> Unasked:
    """Return what is kept of such an answer."""
    return Unasked(given.digest, given.evidence.kind, unhex(given.message.subject), str(why), now)


def _why(request: bytes, notice: bytes, notices: Mapping[bytes, bytes], own: set[bytes]) -> str:
    if any(request):
        if request not in notices:
            return "it answers a request that this brand has not published"
        return "" if notices[request] == notice else "its notice is not that of the request that it answers"
    return "" if notice in own else "it answers no request, and its notice is none of this brand's"
