"""What all routes of the notary share: its stores and account, what pays, and whether it may promise."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from threading import BoundedSemaphore
from typing import Protocol

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from registry.core.eip712 import Domain
from registry.core.errors import Malformed
from registry.core.scalars import read_hex
from registry.http.limits import Allowance, TokenBuckets
from registry.http.problems import Problem, malformed
from registry.notary.arrivals import Promised, sign_promise
from registry.notary.draws import Draws
from registry.notary.gate import Gate
from registry.notary.payments import Till
from registry.notary.protocols import ChainBook, Intake, Signer
from registry.notary.records import Arrival, Payment, Times, Unpaid
from registry.notary.settings import NotarySettings
from registry.notary.token_keys import TokenKeys

# Searches through the requests that wait, for one network prefix; and how many of all prefixes go on at once.
SEARCHES_PER_SECOND, SEARCHES_AT_ONCE, MOST_SEARCHING = 2, 100, 2


class Taking(Protocol):
    """Takes requests durably, many in one commit."""

    def submit(self, arrival: Arrival) -> Future[Times | Unpaid]:
        """Return the future of what `Intake.take` returns."""


@dataclass(frozen=True)
class Api:
    """What the API needs. ``clock`` returns unix seconds."""

    intake: Intake
    book: ChainBook
    ingest: Taking
    signer: Signer
    domain: Domain
    settings: NotarySettings
    keys: TokenKeys
    clock: Callable[[], float] = time.time


class Desk:
    """One app's own state: allowances, the remembered sponsors, the worker's note. All of it is in memory."""

    def __init__(self, api: Api) -> None:
        self.api, settings = api, api.settings
        self.till = Till(api.intake, api.keys, api.clock)
        self.draws = Draws(api.intake)
        self.gate = Gate(api.book, settings, api.clock)
        self.commitments = Allowance(settings.free_commitments, api.clock)
        self.endings = Allowance(settings.free_endings, api.clock)
        self.tokens = Allowance(settings.free_tokens, api.clock)
        self.searches = TokenBuckets(SEARCHES_PER_SECOND, SEARCHES_AT_ONCE)
        self.searching = BoundedSemaphore(MOST_SEARCHING)

    @property
    def now(self) -> int:
        """Unix seconds, at which a promise begins."""
        return self.gate.now

    async def payment(self, request: Request) -> Payment:
        """Return what the request pays with. Ask before the body is read: what pays for nothing costs no work."""
        authorization = request.headers.get("authorization", "")
        payment = self.till.payment_at_once(authorization)
        if payment is None:
            payment = await run_in_threadpool(self.till.payment, authorization)
        return payment

    def sign(self, promised: Promised) -> bytes:
        """Return the signed promise as JSON."""
        return sign_promise(self.api.domain, self.api.signer, promised)


def check_count(payment: Payment, count: int) -> None:
    """A token pays for one item, so more are refused."""
    if payment.token is not None and count > 1:
        detail = f"a token pays for one item, and the request holds {count:,}"
        raise Problem(400, "OneItemAToken", detail, "Send each in a request of its own.")


def read_word(text: str) -> bytes:
    """Read the 32 bytes in a path."""
    try:
        word = read_hex(text, "the path's last part")
    except Malformed as error:
        raise malformed(error) from None
    if len(word) != 32:
        raise malformed("the path's last part is not 32 bytes")
    return word
