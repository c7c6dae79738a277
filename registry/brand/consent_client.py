"""A brand's own code asks its service: may I, are these files good, and what has ended? Importing it is cheap.

``ConsentClient("http://127.0.0.1:8701").allowed(subject, purpose, data)`` is a yes or a no. Whatever keeps the service
from an answer is a ``CouldNotCheck``. Nothing is cached: each call asks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from hashlib import sha256
from typing import Any, BinaryIO, NoReturn, TypeVar

import msgspec
from msgspec import Struct

from registry.brand.data_client import DataClient
from registry.brand.event_stream import AsyncEventStream, EventStream
from registry.brand.listener import listener_at, refusal_in
from registry.brand.streams import AsyncStream
from registry.core.errors import CouldNotCheck, InvalidInput
from registry.net.http import Response, TooLarge, Unreachable, fetch

SECONDS, VERIFY_SECONDS = 5.0, 60.0
MOST_FILES = 1_000
# Questions of one asynchronous client at once; more of them wait.
MOST_AT_ONCE = 32
RECORDS_AT_ONCE = 256
_MAX_ANSWER = 8 << 20
_MAX_FILE = 1 << 20
T = TypeVar("T")


class View(Struct, frozen=True):
    """The chain as the service knew it: a block, its time (unix seconds), and how old that knowledge is (seconds)."""

    block: int
    time: int
    age: int


class Permission(Struct, frozen=True, omit_defaults=True):
    """The answer to "may I?". It is true in a condition only where every datum is allowed.

    ``grants`` has the digest (0x hex) of a grant for each datum that is allowed, ``missing`` the data that are not.
    """

    allowed: bool
    grants: dict[str, str]
    view: View
    missing: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self.allowed


class Verdict(Struct, frozen=True, rename="camel"):
    """What the service says of one file: ``answer`` is "yes", "no" or "unknown".

    ``error`` names the step of a no, ``step`` is its number, and ``advice`` says what to do. ``anchored_at`` is in unix
    seconds.
    """

    answer: str
    digest: str = ""
    kind: str = ""
    anchored_at: int = 0
    acceptance: str | None = None
    error: str = ""
    detail: str = ""
    advice: str = ""
    step: int | None = None

    def __bool__(self) -> bool:
        return self.answer == "yes"


class _Verdicts(Struct, frozen=True):
    answers: list[Verdict]


class ConsentClient:
    """Asks the internal listener of the brand's service. Safe for threads. ``key`` is what its ``internal.key`` holds.

    ``seconds`` bounds a question. ``InvalidInput`` for a URL that is none.
    """

    def __init__(self, url: str, key: str | None = None, *, seconds: float = SECONDS) -> None:
        self._listener, self._seconds = listener_at(url, key), seconds
        self._data = partial(DataClient, url, key)

    def __repr__(self) -> str:
        return f"ConsentClient({self._listener.url!r})"

    def allowed(self, subject: str, purpose: str, data: str | Collection[str], *, fresh: bool = False) -> Permission:
        """Tell whether the brand may use these data of a person (checksummed address) for this purpose, now.

        The service answers by what it knows of the chain, which is never older than its ``view_seconds``; ``fresh``
        makes it ask the node. ``CouldNotCheck`` where it gives no answer, ``InvalidInput`` for a question of no sense.
        """
        wanted = sorted({data} if isinstance(data, str) else set(data))
        question = {"subject": subject, "purpose": purpose, "data": wanted, "fresh": fresh}
        raw = self._post("/v1/allowed", msgspec.json.encode(question), self._seconds)
        found = _decoded(raw, Permission)
        missing = tuple(datum for datum in wanted if datum not in found.grants)
        if found.allowed is not (not missing) or not wanted:
            raise CouldNotCheck("the consent service contradicts itself", "Look at which program answers at its URL.")
        return Permission(found.allowed, found.grants, found.view, missing)

    def verify(
        self,
        files: Sequence[bytes],
        *,
        purposes: Collection[str] = (),
        data: Collection[str] = (),
        fresh: bool = False,
    ) -> list[Verdict]:
        """Verify evidence files, 1 to 1,000, as this brand's, by one reading of the chain; return verdicts in order.

        The service answers by the chain's log as it followed it; ``fresh`` makes it ask the node about all of them.
        The files may be whatever strangers sent: none of them changes another one's verdict.
        """
        if not 1 <= len(files) <= MOST_FILES:
            raise InvalidInput(f"there are {len(files):,} files", f"Send 1 to {MOST_FILES:,} at once.")
        named = {"purposes": sorted(set(purposes)), "data": sorted(set(data)), "fresh": fresh}
        asked = {name: value for name, value in named.items() if value}
        lines = [each for each in files if _is_a_line(each)]
        found = iter(self._verified(msgspec.json.encode(asked), lines) if lines else [])
        return [next(found) if _is_a_line(each) else _NO_FILE for each in files]

    def _verified(self, asked: bytes, lines: Sequence[bytes]) -> list[Verdict]:
        raw = self._post("/v1/verify", b"\n".join((asked, *lines)), VERIFY_SECONDS, "application/jsonl")
        found = _decoded(raw, _Verdicts).answers
        if len(found) != len(lines):
            raise CouldNotCheck("the consent service answered another number of files", "Ask again.")
        return found

    def events(self, since: int = 0, *, patience: float = 60.0) -> EventStream:
        """Return what becomes of grants, from the event after ``since`` on, without an end.

        It connects again by itself. After ``patience`` seconds without a sign of life it raises ``CouldNotCheck``; go
        on after its ``last`` then.
        """
        return EventStream(f"{self._listener.url}/v1/events", self._listener.headers, since, patience)

    def data(
        self,
        purpose: str,
        *,
        grant: str = "",
        subject: str = "",
        data: str | Collection[str] = (),
        system: str = "",
    ) -> Iterator[dict[str, Any]]:
        """Yield the records that a ``grant`` (0x hex), or all live grants of a ``subject``, hand over for a purpose.

        The service notes the reading before the first one, with the ``system`` that reads, in the log that the person
        sees. A `NotConsented` where nothing allows it; ``CouldNotCheck`` where the answer was cut off: use none of it.
        """
        wanted = (data,) if isinstance(data, str) else data
        return self._data(system=system).records(purpose, grant=grant, subject=subject, data=wanted)

    def file(self, record: dict[str, Any], purpose: str, sink: BinaryIO, *, system: str = "") -> None:
        """Write the file of a record into ``sink``. ``CouldNotCheck`` where it is not the one that the record names."""
        if "file" not in record:
            raise InvalidInput("this record has no file", "Look for its member `file` first.")
        checked = _Checked(sink)
        self._data(system=system).file(purpose, record["grant"], record["id"], checked)  # type: ignore[arg-type]
        if (checked.size, checked.hash.hexdigest()) != (record["file"]["bytes"], record["file"]["sha256"]):
            raise CouldNotCheck("the file is another one than its record names", "Read the record again.")

    def _post(self, path: str, body: bytes, seconds: float, media_type: str = "application/json") -> bytes:
        url, headers = self._listener.url + path, {"Content-Type": media_type, **self._listener.headers}
        try:
            answer = fetch("POST", url, body=body, headers=headers, seconds=seconds, max_bytes=_MAX_ANSWER)
        except (Unreachable, TimeoutError, TooLarge) as error:
            why = str(error) or f"no answer within {seconds:g} seconds"
            raise CouldNotCheck(f"the consent service: {why}", "Look whether it runs, then ask again.") from None
        return answer.body if answer.status == 200 else _refused(answer)


_NO_FILE = Verdict(
    "no",
    error="Malformed",
    detail="this is no evidence file",
    advice="Send the file as it was written: one line, which begins with {.",
    step=0,
)


def _is_a_line(file: bytes) -> bool:
    """Whether it may stand as a line of its own. An evidence file is RFC 8785 JSON, which has no line feed."""
    return file.startswith(b"{") and b"\n" not in file and len(file) <= _MAX_FILE


def _refused(answer: Response) -> NoReturn:
    """Raise what an answer without a success means. Only a question of no sense is the caller's fault."""
    problem = refusal_in(answer.body)
    detail = problem.detail or f"the consent service answered {answer.status}"
    if answer.status in (413, 422) and problem.title in ("Malformed", "TooLarge"):
        raise InvalidInput(detail, problem.advice or None)
    advice = {404: "Name its internal listener, and not the public one."}.get(answer.status, problem.advice)
    raise CouldNotCheck(detail, advice or "Ask again soon.")


def _decoded(raw: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.MsgspecError:
        raise CouldNotCheck("the consent service answered something else", "Look at its URL.") from None


class _Checked:
    """Passes bytes on, and knows their number and hash."""

    def __init__(self, sink: BinaryIO) -> None:
        self._sink, self.size, self.hash = sink, 0, sha256()

    def write(self, piece: bytes) -> int:
        self.size += len(piece)
        self.hash.update(piece)
        return self._sink.write(piece)


class AsyncConsentClient:
    """The same questions for asynchronous code. Each waits in a thread, and a slow service blocks no other work."""

    def __init__(self, url: str, key: str | None = None, *, seconds: float = SECONDS) -> None:
        self._client, self._seconds = ConsentClient(url, key, seconds=seconds), seconds
        # Threads of its own: a service that hangs must not use up those of the whole program.
        self._threads = ThreadPoolExecutor(MOST_AT_ONCE, "consent")

    def __repr__(self) -> str:
        return f"Async{self._client!r}"

    async def allowed(
        self, subject: str, purpose: str, data: str | Collection[str], *, fresh: bool = False
    ) -> Permission:
        """Ask as `ConsentClient.allowed` does."""
        return await self._run(partial(self._client.allowed, subject, purpose, data, fresh=fresh), self._seconds)

    async def verify(
        self,
        files: Sequence[bytes],
        *,
        purposes: Collection[str] = (),
        data: Collection[str] = (),
        fresh: bool = False,
    ) -> list[Verdict]:
        """Ask as `ConsentClient.verify` does."""
        asked = partial(self._client.verify, files, purposes=purposes, data=data, fresh=fresh)
        return await self._run(asked, VERIFY_SECONDS)

    def events(self, since: int = 0, *, patience: float = 60.0) -> AsyncEventStream:
        """Return an asynchronous iterator of what `ConsentClient.events` yields."""
        return AsyncEventStream(self._client.events(since, patience=patience))

    def data(
        self,
        purpose: str,
        *,
        grant: str = "",
        subject: str = "",
        data: str | Collection[str] = (),
        system: str = "",
    ) -> AsyncStream[dict[str, Any]]:
        """Return an asynchronous iterator of what `ConsentClient.data` yields."""
        found = self._client.data(purpose, grant=grant, subject=subject, data=data, system=system)
        return AsyncStream(found, RECORDS_AT_ONCE)

    async def _run(self, ask: Callable[[], T], seconds: float) -> T:
        asked = asyncio.get_running_loop().run_in_executor(self._threads, ask)
        try:
            # Twice: a question may wait for a thread before it has its own time.
            return await asyncio.wait_for(asked, 2 * seconds)
        except TimeoutError:
            why = "the consent service is too slow for so many questions"
            raise CouldNotCheck(why, "Look whether it runs, then ask again.") from None
