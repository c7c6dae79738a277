"""What pays for a request: a token, a sponsor's key, or the free allowance of the caller's network prefix."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from hashlib import sha256
from threading import Lock

from registry.core.crypto.privacy_pass import authenticate_value, is_token_of, read_authorization
from registry.core.errors import Malformed
from registry.http.limits import Allowance
from registry.http.problems import Problem
from registry.notary.protocols import Intake
from registry.notary.records import FREE, Payment, Unpaid
from registry.notary.sponsors import sponsor_key_hash
from registry.notary.token_keys import TokenKeys

_MAX_SPONSORS = 1_024
_SECONDS = 30  # for which a sponsor is remembered; the intake still refuses one that was removed


def _is_token(authorization: str) -> bool:
    """Tell whether a request says that it brings a token."""
    return authorization[:13].lower() == "privatetoken "


class Till:
    """Reads what a request brings, and refuses what pays for nothing. Safe for threads."""

    def __init__(self, intake: Intake, keys: TokenKeys, clock: Callable[[], float]) -> None:
        self._intake, self._keys, self._clock = intake, keys, clock
        self._sponsors: OrderedDict[bytes, tuple[int, float]] = OrderedDict()
        self._lock = Lock()

    def payment(self, authorization: str) -> Payment:
        """Return what the ``Authorization`` header pays with; ``FREE`` where there is none. May read the intake."""
        scheme, _, rest = authorization.partition(" ")
        if _is_token(authorization):
            return self._token(authorization)
        if scheme.lower() == "bearer":
            return Payment(sponsor=self._sponsor(sponsor_key_hash(rest.strip())))
        if authorization:
            raise self.refuse(401, "UnknownScheme", "neither a token nor a key", "Send a PrivateToken or a Bearer key.")
        return FREE

    def payment_at_once(self, authorization: str) -> Payment | None:
        """Do as `payment`, but return None where that would read the intake, for a sponsor that is not remembered."""
        is_sponsor = authorization[:7].lower() == "bearer "
        if is_sponsor and self._remembered(sponsor_key_hash(authorization[7:].strip())) is None:
            return None
        return self.payment(authorization)

    def brings_token(self, authorization: str) -> bool:
        """Tell whether a request brings a token that this notary signed, spent or not."""
        try:
            return _is_token(authorization) and self._token(authorization).token is not None
        except Problem:
            return False

    def refuse(self, status: int, name: str, detail: str, advice: str, wait: int = 0) -> Problem:
        """Return a problem that asks for a token (RFC 9577, section 2.1)."""
        headers = {"WWW-Authenticate": authenticate_value(self._keys.issuing().key)}
        return Problem(status, name, detail, advice, headers | ({"Retry-After": str(wait)} if wait else {}))

    def unpaid(self, why: Unpaid) -> Problem:
        """Return the problem that tells why a payment was not taken."""
        if why is Unpaid.TOKEN_SPENT:
            return self.refuse(401, why, "this token paid for another item", "Send another token.")
        if why is Unpaid.BUDGET_SPENT:
            detail = "the sponsor's budget does not hold as many items"
            return self.refuse(402, why, detail, "Ask the notary's operator for a larger budget.")
        with self._lock:
            self._sponsors.clear()
        return self._no_sponsor()

    def spent(self, allowance: Allowance) -> Problem:
        """Return the problem that tells that the free allowance is spent."""
        detail = "the free allowance of this network is spent for today"
        advice = "Send a token, wait until tomorrow, or anchor and end it by a transaction of your own."
        return self.refuse(401, "AllowanceSpent", detail, advice, allowance.seconds_left())

    def _token(self, authorization: str) -> Payment:
        try:
            token = read_authorization(authorization)
        except Malformed as error:
            raise self.refuse(401, "BadToken", str(error), error.advice) from None
        found = self._keys.find(token.key_id)
        if found is None or not is_token_of(found.key, token):
            raise self.refuse(401, "BadToken", "no key of this notary signed the token", "Draw one from /v1/tokens.")
        return Payment(token=sha256(token.nonce).digest(), token_ends=found.ends)

    def _sponsor(self, key_hash: bytes) -> int:
        if (known := self._remembered(key_hash)) is not None:
            return known
        sponsor = self._intake.sponsor_of(key_hash)
        if sponsor is None:
            raise self._no_sponsor()
        with self._lock:
            self._sponsors[key_hash] = (sponsor.id, self._clock())
            if len(self._sponsors) > _MAX_SPONSORS:
                self._sponsors.popitem(last=False)
        return sponsor.id

    def _remembered(self, key_hash: bytes) -> int | None:
        known = self._sponsors.get(key_hash)
        return known[0] if known is not None and 0 <= self._clock() - known[1] < _SECONDS else None

    def _no_sponsor(self) -> Problem:
        return self.refuse(401, Unpaid.NO_SPONSOR, "no sponsor has this key", "Ask the notary's operator for a key.")
