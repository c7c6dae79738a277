"""Ask the internal listener for what people handed over. Importing it is cheap: it needs no service's libraries."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, NoReturn

import msgspec
from msgspec import Struct

from registry.brand.listener import listener_at, refusal_in
from registry.core import errors
from registry.core.errors import CouldNotCheck, InvalidInput, Malformed, NotConsented, SealedDataError
from registry.net.http import CutOff, TooLarge, Unreachable, fetch
from registry.net.streamed import Streamed

LIST_SECONDS, SILENCE = 15.0, 120.0
_MAX_LIST = 16 << 20
# All else, a wrong key too, says nothing of what people allow.
_OF_THE_CALLER = (404, 413, 422)
_NOES = (NotConsented, SealedDataError)
_LOOK = "Look whether the brand's service runs, then ask again."


class HeldCategory(Struct, frozen=True):
    """A kind of data that is held, and how many versions of records there are."""

    category: str
    versions: int


class HeldData(Struct, frozen=True, rename="camel"):
    """What the brand holds of one grant (docs/formats.md, "A brand over HTTP"). ``changed_at`` is in unix seconds."""

    grant: str
    subject: str
    state: str
    data: tuple[str, ...]
    categories: tuple[HeldCategory, ...]
    update: int
    blocks: int
    bytes: int
    complete: bool
    changed_at: int


class _Page(Struct, frozen=True):
    grants: tuple[HeldData, ...]
    next: int | None = None


class DataClient:
    """Reads by the internal listener at ``url``. ``key`` is what its ``internal.key`` holds; None on loopback.

    ``system`` names who reads, in the log of uses. A no is the `NotConsented` that tells why. What could not be checked
    or read to its end is a ``CouldNotCheck``: what was read until then must not be used. ``InvalidInput`` for a
    question of no sense, and for a URL that is none.
    """

    def __init__(self, url: str, key: str | None = None, *, system: str = "") -> None:
        self._listener, self._system = listener_at(url, key), system

    def __repr__(self) -> str:
        return f"DataClient({self._listener.url!r})"

    def held(self) -> Iterator[HeldData]:
        """Yield what the brand holds, in the order of its arrival. That is no use of any data."""
        after: int | None = 0
        while after is not None:
            page = self._page(after)
            yield from page.grants
            after = page.next

    def records(
        self, purpose: str, *, grant: str = "", subject: str = "", data: Collection[str] = ()
    ) -> Iterator[dict[str, Any]]:
        """Yield the records of a grant (0x hex), or of all that a person (an address) allows for this purpose."""
        asked: dict[str, Any] = {"purpose": purpose, "grant": grant, "subject": subject, "data": sorted(set(data))}
        yield from self._lines("/v1/data", asked)

    def changes(
        self, purpose: str, *, grant: str = "", subject: str = "", data: Collection[str] = ()
    ) -> Iterator[dict[str, Any]]:
        """Yield what people changed of the records that the brand sent them: its values beside theirs."""
        asked: dict[str, Any] = {"purpose": purpose, "grant": grant, "subject": subject, "data": sorted(set(data))}
        yield from self._lines("/v1/data/changes", asked)

    def file(self, purpose: str, grant: str, record: str, sink: BinaryIO) -> None:
        """Write the file of a record into ``sink``."""
        with self._posted("/v1/data/file", {"purpose": purpose, "grant": grant, "record": record}) as answer:
            for piece in answer.pieces():
                sink.write(piece)

    def _lines(self, path: str, asked: dict[str, Any]) -> Iterator[dict[str, Any]]:
        with self._posted(path, asked) as answer:
            for line in answer.lines():
                yield _record(line)

    @contextmanager
    def _posted(self, path: str, asked: dict[str, Any]) -> Iterator[Streamed]:
        named = {name: value for name, value in (asked | {"system": self._system}).items() if value}
        headers = {"Content-Type": "application/json", **self._listener.headers}
        try:
            with Streamed(self._listener.url + path, msgspec.json.encode(named), headers, SILENCE) as answer:
                if answer.status != 200:
                    _refuse(answer.status, b"".join(answer.pieces()))
                yield answer
        except CutOff as error:
            raise CouldNotCheck(str(error), "Use nothing of what came; ask again.") from None
        except Unreachable as error:
            raise CouldNotCheck(f"the brand's service is {error}", _LOOK) from None

    def _page(self, after: int) -> _Page:
        try:
            url = f"{self._listener.url}/v1/data/held?after={after}"
            answer = fetch("GET", url, headers=self._listener.headers, seconds=LIST_SECONDS, max_bytes=_MAX_LIST)
        except (Unreachable, TimeoutError, TooLarge) as error:
            raise CouldNotCheck(f"the brand's service: {error or 'no answer in time'}", _LOOK) from None
        if answer.status != 200:
            _refuse(answer.status, answer.body)
        try:
            return msgspec.json.decode(answer.body, type=_Page)
        except msgspec.MsgspecError:
            raise CouldNotCheck("the brand's service answered something else", "Look at its URL.") from None


def _record(line: str | bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(line, type=dict[str, Any])
    except msgspec.MsgspecError:
        raise CouldNotCheck("the brand's service answered something else", "Look at its URL.") from None


def _refuse(status: int, body: bytes) -> NoReturn:
    """Raise what an answer without a success means, as the error of the same name."""
    problem = refusal_in(body)
    detail = problem.detail or f"the brand's service answered {status}"
    kind = getattr(errors, problem.title, None)
    if status in (403, 410, 422) and isinstance(kind, type) and issubclass(kind, _NOES) and kind is not Malformed:
        raise kind(detail, problem.advice or None)
    if status in _OF_THE_CALLER:
        raise InvalidInput(detail, problem.advice or None)
    raise CouldNotCheck(detail, problem.advice or "Ask again soon.")
