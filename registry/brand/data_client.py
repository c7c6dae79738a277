"""Ask the internal listener for what people handed over, and send them files.

Importing it is cheap: it needs no service's libraries.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Any, BinaryIO, NoReturn, TypeVar
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from registry.brand.listener import listener_at, refusal_in
from registry.core import errors
from registry.core.errors import CouldNotCheck, InvalidInput, Malformed, NotConsented, SealedDataError
from registry.core.media_types import media_type_of
from registry.net.http import CutOff, Response, TooLarge, Unreachable, fetch
from registry.net.streamed import Streamed

LIST_SECONDS, SILENCE, SEND_SECONDS = 15.0, 120.0, 120.0
MAX_FILE = 32 << 20
_MAX_LIST, _MAX_SMALL, _PIECE = 16 << 20, 64 << 10, 64 << 10
_OCTETS, _JSON = "application/octet-stream", "application/json"
_SENT = (201, 202)
_ID_DIGITS = 16
T = TypeVar("T")
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


class _Attached(Struct, frozen=True):
    file: str
    bytes: int
    sha256: str
    grant: str


class _Written(Struct, frozen=True):
    state: str
    number: int = 0


class SentFile(Struct, frozen=True):
    """A file that was sent to the person of a ``grant`` (0x hex); ``sha256`` is in hex.

    ``id`` is the brand's own name for it. ``state`` is "waiting" until the worker has signed the message; then it is
    "sent", and the message has its ``number`` in the person's mailbox.
    """

    grant: str
    id: str
    bytes: int
    sha256: str
    state: str
    number: int = 0


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

    def send_file(
        self,
        source: BinaryIO,
        name: str,
        category: str,
        *,
        grant: str = "",
        subject: str = "",
        id: str = "",
        media_type: str = "",
        text: str = "",
        told: Callable[[int], object] | None = None,
    ) -> SentFile:
        """Send the whole of ``source`` (up to 32 MiB) in a message to the person of a live grant, or of the newest one.

        A later file with the same ``id`` takes its place at the person; without one it is named by its hash. The media
        type is that of the ``name``. ``told`` hears the number of bytes of each piece that went out. The same call
        again sends nothing twice, and tells whether the message was signed meanwhile. ``Revoked``, ``Expired``;
        ``InvalidInput`` for what the service does not take, ``CouldNotCheck`` where it gives no answer.
        """
        size, digest = _measured(source)
        headers = {"Content-Type": _OCTETS, "Content-Length": str(size), **self._listener.headers}
        query = urlencode({key: value for key, value in (("grant", grant), ("subject", subject)) if value})
        answer = self._send(f"/v1/files?{query}", _pieces(source, size, told), headers)
        held = _read(answer.body, _Attached)
        if (held.bytes, held.sha256) != (size, digest):
            raise CouldNotCheck("the brand's service has another file than was sent", "Send it again.")
        named = {"id": id or f"file-{digest[:_ID_DIGITS]}", "category": category, "name": name, "file": held.file}
        named["mediaType"] = media_type or media_type_of(name)
        message = {"grant": held.grant, "files": [named]} | ({"text": text} if text else {})
        headers = {"Content-Type": _JSON, **self._listener.headers}
        written = _read(self._send("/v1/messages", msgspec.json.encode(message), headers).body, _Written)
        return SentFile(held.grant, named["id"], size, digest, written.state, written.number)

    def _send(self, path: str, body: bytes | Iterator[bytes], headers: dict[str, str]) -> Response:
        url, bounds = self._listener.url + path, {"seconds": SEND_SECONDS, "max_bytes": _MAX_SMALL}
        answer = _asked(lambda: fetch("POST", url, body=body, headers=headers, **bounds))  # type: ignore[arg-type]
        if answer.status not in _SENT:
            _refuse(answer.status, answer.body)
        return answer

    def _lines(self, path: str, asked: dict[str, Any]) -> Iterator[dict[str, Any]]:
        with self._posted(path, asked) as answer:
            for line in answer.lines():
                yield _read(line, dict[str, Any])

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
        url, headers = f"{self._listener.url}/v1/data/held?after={after}", self._listener.headers
        answer = _asked(lambda: fetch("GET", url, headers=headers, seconds=LIST_SECONDS, max_bytes=_MAX_LIST))
        if answer.status != 200:
            _refuse(answer.status, answer.body)
        return _read(answer.body, _Page)


def _asked(ask: Callable[[], Response]) -> Response:
    try:
        return ask()
    except (Unreachable, TimeoutError, TooLarge) as error:
        raise CouldNotCheck(f"the brand's service: {error or 'no answer in time'}", _LOOK) from None


def _read(raw: str | bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.MsgspecError:
        raise CouldNotCheck("the brand's service answered something else", "Look at its URL.") from None


def _measured(source: BinaryIO) -> tuple[int, str]:
    """Return the size and the SHA-256 (hex) of a source, and go back to its start; ``InvalidInput`` for its size."""
    size, digest = 0, sha256()
    while piece := source.read(_PIECE):
        size += len(piece)
        if size > MAX_FILE:
            break
        digest.update(piece)
    if not 0 < size <= MAX_FILE:
        raise InvalidInput(f"a file has 1 to {MAX_FILE:,} bytes", "Divide it.")
    source.seek(0, io.SEEK_SET)
    return size, digest.hexdigest()


def _pieces(source: BinaryIO, size: int, told: Callable[[int], object] | None) -> Iterator[bytes]:
    while size > 0:
        if not (piece := source.read(min(_PIECE, size))):
            raise InvalidInput("the file became shorter while it was sent", "Send it again.")
        yield piece
        size -= len(piece)
        if told is not None:
            told(len(piece))


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
