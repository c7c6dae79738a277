"""A notary as its client sees it: over HTTP, each request on a connection of its own, and nothing taken on its word."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Annotated, NamedTuple, TypeVar
from urllib.parse import SplitResult, urlsplit

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from registry.client.pace import MAX_PAUSE, Pace, pause_of
from registry.client.tokens import Tokens
from registry.client.wallets import typed_address
from registry.core import codec
from registry.core.anchor import Anchor
from registry.core.eip712 import Domain
from registry.core.endings import Opening, SignedEnding
from registry.core.errors import ConsentError, InvalidInput, Malformed, NotaryUnavailable
from registry.core.promises import MAX_PROMISE, Promise, RelayPromise, SignedPromise
from registry.core.scalars import CLOCK_SKEW, Address, Bytes32, UInt64, to_hex
from registry.net.http import Response, TooLarge, Unreachable, fetch

T = TypeVar("T")
_Kind = type[Promise] | type[RelayPromise]
SECONDS = 15.0
# A promise for later helps nobody; and who is asked for an ending might have reason to keep it waiting.
MAX_SPAN, MAX_RELAY_SPAN = 86_400, 3_600
MAX_SHOWN = 300
NONE = "none"
_ACCEPTED = (200, 202)
_UNPAID = (401, 402)
# So many tokens at most are tried for one item, should the notary refuse them.
MAX_TOKENS = 3
# A request is sent again so often at most, should the notary ask to wait.
TRIES = 2
_GRAMMAR = "Write https://HOST or https://HOST#ACCOUNT, with the account that you know it by."


class NotaryName(NamedTuple):
    """Where a notary is, and the account (checksummed) that it is known by; None where nobody told it."""

    url: str
    account: str | None = None


def parse_notary(text: str) -> NotaryName:
    """Read URL or URL#ACCOUNT. ``InvalidInput`` unless it is https, or http on this machine."""
    url, _, account = text.partition("#")
    try:
        parts = urlsplit(url)
        usable = bool(parts.hostname) and parts.port != 0 and (parts.scheme == "https" or is_local(parts))
    except ValueError:
        usable = False
    if not usable or parts.username is not None or parts.query or not re.fullmatch(r"[!-~]{1,2048}", url):
        raise InvalidInput("that does not name a notary", _GRAMMAR)
    return NotaryName(url.rstrip("/"), typed_address(account) if account else None)


def parse_notaries(texts: tuple[str, ...]) -> tuple[NotaryName, ...]:
    """Read all of them; "none" alone stands for no notary."""
    if NONE in texts and len(texts) > 1:
        raise InvalidInput("none stands beside a notary", "Name notaries, or none.")
    return () if texts == (NONE,) else tuple(map(parse_notary, texts))


def is_local(parts: SplitResult) -> bool:
    """Tell whether a URL is plain HTTP on this machine, the only kind without TLS that anything is sent to."""
    if parts.scheme != "http":
        return False
    try:
        return parts.hostname == "localhost" or ipaddress.ip_address(str(parts.hostname)).is_loopback
    except ValueError:
        return False


class _TokenKey(Struct, frozen=True):
    id: Bytes32
    key: str = ""


class Info(Struct, frozen=True, rename="camel"):
    """What ``GET /v1/info`` tells, as far as a client needs it."""

    chain_id: UInt64
    registry: Address
    account: Address
    max_seconds: Annotated[int, Meta(ge=1)]
    token_keys: tuple[_TokenKey, ...] = ()
    challenge: str = ""


class State(Struct, frozen=True):
    """How far the notary says that something is. Only the chain shows whether that is so."""

    state: Annotated[str, Meta(max_length=40)]
    anchor: Anchor | UnsetType | None = UNSET
    why: Annotated[str, Meta(max_length=1_000)] = ""
    transaction: Bytes32 | None = None
    block: UInt64 | None = None


class _Problem(Struct, frozen=True):
    title: str = ""
    detail: str = ""


class _Relayed(Struct, frozen=True):
    promise: SignedPromise | UnsetType | None = UNSET


@dataclass(frozen=True)
class NotaryClient:
    """One notary. Every error is a ``NotaryUnavailable`` that names it."""

    name: NotaryName
    domain: Domain
    token_folder: Path | None = field(default=None, repr=False)
    pace: Pace = field(default_factory=Pace, repr=False, compare=False)

    @property
    def tokens(self) -> Tokens | None:
        """The tokens that were drawn here; None where no folder has any."""
        return None if self.token_folder is None else Tokens(self.token_folder, self.name.url)

    @property
    def host(self) -> str:
        """How it is called before people."""
        return urlsplit(self.name.url).netloc

    @cached_property
    def info(self) -> Info:
        """What it tells of itself; refused where it serves another registry, or is not the account that is known."""
        found = self._decoded(self._ask("GET", "/v1/info"), Info)
        if (found.chain_id, found.registry) != (self.domain.chain_id, self.domain.verifying_contract):
            raise self._error("serves another chain or registry", "Name a notary of this network, or --notary none.")
        if self.name.account not in (None, found.account):
            raise self._error(f"is the account {found.account}, not {self.name.account}", "Do not rely on it.")
        return found

    @property
    def account(self) -> str:
        """The account whose promises count: the known one, or the one that the notary names."""
        return self.name.account or self.info.account

    def promise_to_anchor(self, commitment: bytes, now: int) -> SignedPromise:
        """Hand over one commitment (32 bytes) at the time ``now``, and return the checked promise."""
        item = to_hex(commitment)
        raw = self._paid("/v1/commitments", codec.encode({"commitments": [item]}), item, at_once=False)
        return self._checked(self._decoded(raw, SignedPromise), Promise, item, now)

    def relay(self, ending: Opening | SignedEnding, item: str, now: int) -> SignedPromise | None:
        """Hand over one ending; ``item`` is its handle or digest. Return the checked promise, None where it gave none.

        RevokeAll, Retire and the endings of contract accounts get no promise.
        """
        kind = "openings" if isinstance(ending, Opening) else "signed"
        raw = self._paid("/v1/revocations", codec.encode({kind: [ending]}), item, at_once=True)
        promise = self._decoded(raw, _Relayed).promise
        return self._checked(promise, RelayPromise, item, now) if isinstance(promise, SignedPromise) else None

    def state_of(self, commitment: bytes) -> State | None:
        """Ask how far a commitment is; None where the notary does not know it."""
        return self._state(f"/v1/commitments/{to_hex(commitment)}")

    def ending_state(self, item: str) -> State | None:
        """Ask how far an ending is, by its handle or digest; None where the notary does not know it."""
        return self._state(f"/v1/revocations/{item}")

    def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
        """Post a body as it is, once the notary is known to be the right one; return the answer's."""
        _ = self.info
        return self._body(self._exchange("POST", path, body, headers=headers))

    def _state(self, path: str) -> State | None:
        answer = self._exchange("GET", path)
        return None if answer.status == 404 else self._decoded(self._body(answer), State)

    def _checked(self, signed: SignedPromise, kind: _Kind, item: str, now: int) -> SignedPromise:
        if (fault := self._fault(signed, kind, item, now)) is not None:
            raise self._error(f"gave a promise that does not count: {fault}")
        return signed

    def _fault(self, signed: SignedPromise, kind: _Kind, item: str, now: int) -> str | None:
        message = signed.message
        try:
            signer = signed.notary
        except ConsentError as error:
            return str(error)
        what, longest = ("commitment", MAX_SPAN) if kind is Promise else ("handle", MAX_RELAY_SPAN)
        span = message.due - message.received_at
        checks = (
            (isinstance(message, kind), f"it is no {kind.__name__}"),
            (signed.statement.domain == self.domain, "it is for another chain or registry"),
            (signer == self.account, f"{signer} signed it, not {self.account}"),
            (message.items == (item,), f"it does not name this {what} alone"),
            (abs(message.received_at - now) <= CLOCK_SKEW, "it is dated more than 15 minutes from now"),
            (span <= min(self.info.max_seconds, longest), f"it takes {span:,} seconds"),
        )
        return next((fault for holds, fault in checks if not holds), None)

    def _paid(self, path: str, body: bytes, item: str, *, at_once: bool) -> bytes:
        """Post the item: with a token, ``at_once`` or where the notary asks for one."""
        _ = self.info  # the notary is the right one before it hears anything
        for _ in range(MAX_TOKENS):
            token = self._token(item) if at_once else None
            answer = self._exchange("POST", path, body, token)
            if answer.status not in _UNPAID or (at_once and token is None):
                break
            if token is not None and self.tokens is not None:
                self.tokens.spent(item)
            at_once = True
        raw = self._body(answer)
        if token is not None and self.tokens is not None:
            self.tokens.spent(item)
        return raw

    def _token(self, item: str) -> bytes | None:
        return None if self.tokens is None else self.tokens.take(item, {key.id for key in self.info.token_keys})

    def _ask(self, method: str, path: str) -> bytes:
        return self._body(self._exchange(method, path))

    def _exchange(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        token: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        if headers is None:
            headers = {"Accept": "application/json"} | ({"Content-Type": "application/json"} if body else {})
        if token is not None:
            headers = {**headers, "Authorization": _paying_with(token)}
        for _ in range(TRIES):
            self._pause(method, path)
            answer = self._fetched(method, path, body, headers)
            if not self.pace.hear(method, path, answer):
                break
        return answer

    def _pause(self, method: str, path: str) -> None:
        if (left := self.pace.left(method, path)) > MAX_PAUSE:
            raise self._error(f"asks to wait for {left:.0f} s more", "Do it again then, or name another notary.")
        if left:
            self.pace.sleep(left)

    def _fetched(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Response:
        url, most = self.name.url + path, MAX_PROMISE
        try:
            return fetch(method, url, body=body, headers=headers, needs_length=False, seconds=SECONDS, max_bytes=most)
        except TimeoutError:
            raise self._error(f"did not answer within {SECONDS:.0f} s") from None
        except (Unreachable, TooLarge) as error:
            raise self._error(f"did not answer: {error}") from None

    def _body(self, answer: Response) -> bytes:
        if answer.status in _ACCEPTED:
            return answer.body
        raise self._error(f"refused: {_told(answer)}")

    def _decoded(self, raw: bytes, kind: type[T]) -> T:
        try:
            return codec.loads(raw, msgspec.json.Decoder(kind), MAX_PROMISE)
        except ConsentError as error:
            raise self._error(f"gave an answer that cannot be read: {error}") from None

    def _error(self, what: str, advice: str | None = None) -> NotaryUnavailable:
        return NotaryUnavailable(f"the notary {self.host} {what}", advice)


def _paying_with(token: bytes) -> str:
    # Imported here: it is slow to load, and most commands have no token.
    from registry.core.crypto.privacy_pass import authorization_of

    return authorization_of(token)


def _told(answer: Response) -> str:
    """What a problem (RFC 9457) says, in bounded words; else the status."""
    try:
        problem = codec.loads(answer.body, msgspec.json.Decoder(_Problem), MAX_PROMISE)
    except Malformed:
        problem = _Problem()
    words = (problem.detail or problem.title)[:MAX_SHOWN]
    told = f"{words} (HTTP status {answer.status})" if words else f"HTTP status {answer.status}"
    pause = pause_of(answer)
    return told if pause is None else f"{told}; it asks to wait for {pause:.0f} s"
