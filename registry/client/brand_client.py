"""A brand's service as a person's software sees it. Nothing is taken on its word, and its addresses are built here.

Of a ``Location`` the random name alone is used: a brand that names another server gets nothing sent there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

import msgspec

from registry.client.deliveries import INBOX_PATH
from registry.client.links import EVIDENCE_TYPE, problem_in
from registry.client.mail_page import MAX_MAIL_PAGE
from registry.client.web import Web, parse_url, place_of
from registry.core import codec
from registry.core.errors import BrandRefused, BrandUnavailable, InvalidInput, Malformed
from registry.core.evidence.file import MAX_EVIDENCE
from registry.core.ipld.car import car_parts
from registry.core.ipld.cid import Block, binary_cid
from registry.core.sealed.mail import MAX_SEALED_FILE
from registry.core.uses import MAX_PAGE
from registry.net.http import Response

JSON, CAR_TYPE, UPDATE_TYPE = "application/json", "application/vnd.ipld.car", "application/octet-stream"
# A statement; and an archive, which the brand waits for for half a minute.
SECONDS, CAR_SECONDS, FILE_SECONDS = 15.0, 60.0, 600.0
MAX_CAR, MAX_CAR_BLOCKS = 32 << 20, 8_192
_MAX_SMALL = 64 * 1024
_DONE, _LATER = (200, 201, 204), 202
# The brand has looked at what it got, and does not take it.
_JUDGED = (409, 410, 413, 422)
# The caller came too early, too often, or too slowly: it is sent again.
_AGAIN = (408, 425, 429)
_ON_CONFLICT = 409
_NAMED = re.compile(r".*/v1/grants/([0-9a-f]{32})")
# What a no may become by itself: the chain, or the brand, is not so far yet.
UNKNOWN_GRANT, TOO_SLOW, NOT_HEARD = "UnknownGrant", "TooSlow", "NotHeard"
NOT_YET = ("NotAnchored", "NotYetValid", "BlocksMissing", UNKNOWN_GRANT)
_DAY = 86_400.0


class Taken(NamedTuple):
    """A brand's answer to a file: its capability, and the completed file, empty where the brand is not done with it."""

    capability: str
    file: bytes = b""


class NotNewer(Exception):
    """The brand has an update with this number or a larger one: another home sent it. ``number`` is what it has."""

    def __init__(self, number: int) -> None:
        super().__init__(f"the brand has update {number} already")
        self.number = number


class BrandClient(NamedTuple):
    """The service behind an inbox. Every error is a ``BrandUnavailable``, a ``BrandRefused``, or ``InvalidInput``."""

    web: Web
    inbox: str

    @property
    def host(self) -> str:
        """How it is called before people."""
        return urlsplit(self.inbox).netloc

    def check(self) -> None:
        """``InvalidInput`` where the inbox is not one that this software can send to."""
        parse_url(self.inbox)
        if not self.inbox.endswith(INBOX_PATH):
            advice = "Hand the file over by hand, or ask the brand to correct its profile."
            raise InvalidInput(f"the brand's inbox does not end in {INBOX_PATH}", advice)

    def send(self, file: bytes) -> Taken:
        """Hand over evidence, or a signed statement with a notary's promise."""
        self.check()
        answer = self._ask("POST", self.inbox, body=file, media_type=EVIDENCE_TYPE, max_bytes=MAX_EVIDENCE)
        if answer.status not in (*_DONE, _LATER):
            raise self._no(answer)
        return Taken(self._capability(answer), answer.body if answer.status == 201 else b"")

    def send_blocks(self, root: str, blocks: Iterable[Block]) -> None:
        """Hand over blocks, as one archive of at most `MAX_CAR` bytes; ``root`` is the CID of the grant's capsule."""
        named = ((binary_cid(block.cid), block.data) for block in blocks)
        archive = b"".join(car_parts([binary_cid(root)], named))
        answer = self._ask("POST", self._at("/v1/blocks"), body=archive, media_type=CAR_TYPE, seconds=CAR_SECONDS)
        if answer.status not in _DONE:
            raise self._no(answer)

    def send_update(self, sealed: bytes) -> None:
        """Hand over a sealed StreamUpdate. `NotNewer` where the brand has a newer one."""
        answer = self._ask("POST", self._at("/v1/updates"), body=sealed, media_type=UPDATE_TYPE)
        if answer.status == _ON_CONFLICT and (number := problem_in(answer).number) is not None:
            raise NotNewer(number)
        if answer.status not in (*_DONE, _LATER):
            raise self._no(answer)

    def tell_ended(self, capability: str) -> None:
        """Let the brand look at the chain: the grant has ended. It believes nothing of this.

        Only a success is an answer. A service without the route, or that does not know the statement, is told again
        after a day: a proxy may have answered in its place.
        """
        answer = self._ask("POST", self._grant(capability, "/ended"), media_type=JSON)
        if answer.status in (*_DONE, _LATER):
            return
        found = problem_in(answer)
        what = f"{self.host} did not hear of the end: {found.words}"
        if _may_pass(answer.status):
            raise BrandUnavailable(what, found.advice_of(self.host), answer.retry_after)
        raise BrandUnavailable(what, found.advice_of(self.host), _DAY, NOT_HEARD)

    def state(self, capability: str) -> bytes:
        """Return the brand's words on how it stands, as JSON."""
        answer = self._ask("GET", self._grant(capability), max_bytes=_MAX_SMALL)
        if answer.status != 200:
            raise self._no(answer)
        return answer.body

    def file(self, capability: str, name: str) -> bytes | None:
        """Return a file below a capability, such as ``evidence``; None where there is none yet."""
        answer = self._ask("GET", self._grant(capability, f"/{name}"), max_bytes=MAX_EVIDENCE)
        if answer.status in (_LATER, 404):
            return None
        if answer.status != 200:
            raise self._no(answer)
        return answer.body

    def uses(self, capability: str, start: int, size: int) -> bytes:
        """Return a page of the use log: the grant's entries from ``start`` on, heads of more than ``size`` entries."""
        query = f"from={start}&size={size}"
        answer = self._ask("GET", self._grant(capability, "/uses"), query=query, max_bytes=MAX_PAGE)
        if answer.status != 200:
            raise self._no(answer)
        return answer.body

    def messages(self, capability: str, after: int) -> bytes:
        """Return the page of messages with larger numbers than ``after``; see `registry.client.mail_page`."""
        where = self._grant(capability, "/messages")
        answer = self._ask("GET", where, query=f"after={after}", max_bytes=MAX_MAIL_PAGE)
        if answer.status != 200:
            raise self._no(answer)
        return answer.body

    def mailed_file(self, capability: str, cid: str) -> bytes | None:
        """Return the sealed bytes of a file that a message names by its CID; None where the brand has none such."""
        where = self._grant(capability, f"/files/{cid}")
        answer = self._ask("GET", where, seconds=FILE_SECONDS, max_bytes=MAX_SEALED_FILE)
        if answer.status in (404, 410):
            return None
        if answer.status != 200:
            raise self._no(answer)
        return answer.body

    def _at(self, path: str) -> str:
        self.check()
        return self.inbox.removesuffix(INBOX_PATH) + path

    def _grant(self, capability: str, below: str = "") -> str:
        return self._at(f"/v1/grants/{capability}{below}")

    def _ask(
        self,
        method: str,
        url: str,
        *,
        query: str = "",
        body: bytes = b"",
        media_type: str = "",
        seconds: float = SECONDS,
        max_bytes: int = _MAX_SMALL,
    ) -> Response:
        headers = {"Accept": f"{EVIDENCE_TYPE}, {JSON}"} | ({"Content-Type": media_type} if media_type else {})
        bounds = {"seconds": seconds, "max_bytes": max_bytes}
        return self.web.ask(method, url, self.host, query=query, body=body, headers=headers, **bounds)

    def _capability(self, answer: Response) -> str:
        """Return the random name in an answer's Location; ``BrandUnavailable`` for one on another server."""
        named = answer.headers.get("Location", "")
        try:
            place = urljoin(self.inbox, named)
            found = _NAMED.fullmatch(parse_url(place).path)
            is_here = place_of(place) == place_of(self.inbox)
        except (InvalidInput, ValueError):
            found, is_here = None, False
        if found is None or not is_here:
            raise BrandUnavailable(f"{self.host} answered without a place of its own where the answer is found")
        return found[1]

    def _no(self, answer: Response) -> BrandUnavailable | BrandRefused:
        """Return the error of an answer that is no success."""
        found = problem_in(answer)
        what, advice = f"{self.host}: {found.words}", found.advice_of(self.host)
        status = answer.status
        if _may_pass(status) or found.title in NOT_YET:
            return BrandUnavailable(what, advice, answer.retry_after, found.title)
        if status in _JUDGED and found.title:
            return BrandRefused(what, advice, found.title, found.step)
        # A proxy before the service, or one that is set up wrongly, judges nothing, whatever its status.
        return BrandUnavailable(f"{self.host} answered {status}: {found.words}", advice, name=found.title)


def _may_pass(status: int) -> bool:
    """Whether the same request may get another answer soon."""
    return status >= 500 or status in _AGAIN


def parse_state(raw: bytes) -> dict[str, object]:
    """Return the members of a brand's words on a statement; ``BrandUnavailable`` where they are no such thing."""
    try:
        return codec.loads(raw, _states, _MAX_SMALL)
    except Malformed as error:
        raise BrandUnavailable(f"the brand's answer cannot be read: {error}") from None


_states = msgspec.json.Decoder(dict[str, object])
