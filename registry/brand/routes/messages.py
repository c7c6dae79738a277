"""The way back: the brand's own systems write to people, and people's software fetches what is sealed to it."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import accumulate
from threading import BoundedSemaphore
from typing import Annotated, Any

import msgspec
from fastapi import FastAPI, Path, Query, Request
from msgspec import Struct
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from registry.brand.attachments import UnknownFile, attach, sealed_file
from registry.brand.desk import Desk
from registry.brand.letters import DoesNotFit, Enclosed, NoMailbox, UnknownGrant, addressee, write
from registry.brand.records import Letter
from registry.brand.routes import schemas
from registry.brand.routes.grants import Capability, found_at
from registry.brand.routes.handed import OCTETS
from registry.brand.sql.holdings import DataFull
from registry.brand.sql.mail import Sealed
from registry.brand.verdicts import brand_full, problem_for
from registry.core import codec
from registry.core.errors import ConsentError, Expired, InvalidInput, Malformed, Revoked
from registry.core.ipld.cid import binary_cid
from registry.core.scalars import MAX_SAFE_INTEGER, Address, Bytes32, check_address, read_words, to_hex
from registry.core.sealed.mail import MAX_FILE, MAX_FILES, MAX_PLAIN, MAX_RECORDS, MailContent, MailFile, MailRecord
from registry.http.bodies import JSON, read_body
from registry.http.openapi import COUNT, TEXT, TIME, WORD, WORD_PATTERN, an_object, answer
from registry.http.problems import Problem, busy, documented, malformed

# Messages of one page, and the bytes of sealed ones after which a page ends.
MOST, MOST_BYTES = 64, 4 << 20
_After = Annotated[int, Query(ge=0, le=MAX_SAFE_INTEGER, description="Only messages with larger numbers.")]
_Grant = Annotated[
    str, Query(pattern=f"^$|{WORD_PATTERN}", description="The grant's digest.", examples=[schemas.DIGEST])
]
_Subject = Annotated[str, Query(max_length=42, description="In its place, the person: their newest grant is meant.")]
_RECORD = an_object(
    ["id", "category", "schema", "body"], id=TEXT, category=TEXT, schema=TEXT, body={"type": "object"}, time=TEXT
)
_ENCLOSED = an_object(
    ["id", "category", "name", "mediaType", "file"],
    id=TEXT,
    category=TEXT,
    name=TEXT,
    mediaType=TEXT,
    file=WORD,
    time=TEXT,
)
_MESSAGE = an_object(
    [],
    grant=WORD,
    subject=TEXT,
    id=TEXT,
    text={"type": "string", "maxLength": 4_000},
    records={"type": "array", "items": _RECORD, "maxItems": MAX_RECORDS},
    files={"type": "array", "items": _ENCLOSED, "maxItems": MAX_FILES},
)
_EXAMPLE = {
    "grant": schemas.DIGEST,
    "text": "Your order has left our house.",
    "records": [
        {
            "id": "order-17",
            "category": "pd:Purchase",
            "schema": "purchase/1",
            "body": {"name": "coat", "orderDate": "2026-01-31"},
        }
    ],
}
_KEPT = an_object(["content", "state"], content=WORD, state={"enum": ["waiting", "sent"]}, number=COUNT, issuedAt=TIME)
_SENT = answer(
    201, "It is signed, and the person can fetch it.", _KEPT, {"content": schemas.DIGEST, "state": "sent", "number": 1}
)
_WAITS = answer(202, "It is kept, and waits for the worker.", _KEPT, {"content": schemas.DIGEST, "state": "waiting"})
_ONE = an_object(["number", "sealed"], number=COUNT, sealed={"type": "string", "description": "Base64 of an age file."})
_PAGE = answer(
    200,
    "Messages in the order of their numbers, which begin at 1 and have no gap. `last` is the newest number there is: "
    "ask again with `after` while it is larger than yours.",
    an_object(["messages", "last"], messages={"type": "array", "items": _ONE, "maxItems": MOST}, last=COUNT),
    {"messages": [{"number": 1, "sealed": "YWdlLWVuY3J5cHRpb24ub3JnL3YxCg=="}], "last": 1},
)
_REFUSALS = documented(
    Unauthorized=401, UnknownGrant=404, Revoked=410, Expired=410, NoMailbox=422, DoesNotFit=422, UnknownFile=422
)
_ATTACHED = answer(
    201,
    "It is held durably, sealed. Messages to this grant may name it by `file`; one that none names goes after a day.",
    an_object(["file", "bytes", "sha256", "grant"], file=WORD, bytes=COUNT, sha256=TEXT, grant=WORD),
    {"file": schemas.DIGEST, "bytes": 3, "sha256": "ab" * 32, "grant": schemas.DIGEST},
)
_SEALED = answer(200, "The file, as an age file. The message that names it holds what opens it.", TEXT, "..", OCTETS)
_Cid = Annotated[
    str, Path(pattern="^b[a-z2-7]{58}$", description="As the message names it.", examples=["b" + "a" * 58])
]
# Files that one process seals at once: each is in memory whole, twice.
MOST_SEALING = 2
# What a judged no is over HTTP; another one is 422.
_STATUS: dict[type[ConsentError], int] = {
    UnknownGrant: 404,
    Revoked: 410,
    Expired: 410,
    NoMailbox: 422,
    UnknownFile: 422,
}


class _Enclosed(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    id: str
    category: str
    name: str
    media_type: str
    file: Bytes32
    time: str | None = None

    def __post_init__(self) -> None:
        read_words((self.file,))


class _Asked(Struct, frozen=True, forbid_unknown_fields=True):
    grant: Bytes32 = ""
    subject: Address = ""
    id: str = ""
    text: str = ""
    records: tuple[MailRecord, ...] = ()
    files: tuple[_Enclosed, ...] = ()

    def __post_init__(self) -> None:
        _check_named(self.grant, self.subject)

    @property
    def enclosed(self) -> list[Enclosed]:
        """The files."""
        if len(self.files) > MAX_FILES:
            raise Malformed(f"it holds more than {MAX_FILES} files")
        return [
            Enclosed(each.id, each.category, each.name, each.media_type, each.file, each.time) for each in self.files
        ]

    def content(self, files: tuple[MailFile, ...]) -> MailContent:
        """What is sent, with these files; ``Malformed`` where it holds nothing, or more than its bounds."""
        if len(self.records) > MAX_RECORDS:
            raise Malformed(f"it holds more than {MAX_RECORDS:,} records")
        return MailContent(id=self.id, text=self.text, records=self.records, files=files)


_asked = msgspec.json.Decoder(_Asked)


def _check_named(grant: str, subject: str) -> None:
    """``Malformed`` unless one of them is named, and well written."""
    if bool(grant) == bool(subject):
        raise Malformed("name either the grant or its subject")
    if grant:
        read_words((grant,))
    if subject:
        check_address(subject)


def add_public(app: FastAPI, desk: Desk) -> None:
    """Add the route of people's software."""

    @app.get(
        "/v1/grants/{capability}/messages",
        tags=["messages"],
        response_class=Response,
        responses={**_PAGE, **schemas.READING},
    )
    def fetch(capability: Capability, after: _After = 0) -> Response:
        """Give what the brand sent, sealed to the grant's mailbox. After the end of a grant, for 30 days more."""
        found = found_at(desk, capability)
        last = desk.store.last_sent(found.id)
        page = _bounded(desk.store.sealed_after(found.id, after, MOST))
        told = [{"number": each.number, "sealed": base64.b64encode(each.sealed).decode()} for each in page]
        return Response(codec.encode({"messages": told, "last": last.number if last else 0}), media_type=JSON)

    @app.get(
        "/v1/grants/{capability}/files/{cid}",
        tags=["messages"],
        response_class=Response,
        responses={**_SEALED, **schemas.READING, **documented(StorageUnavailable=503)},
    )
    def fetch_file(capability: Capability, cid: _Cid) -> Response:
        """Give the sealed bytes of a file that a message to this grant has. It goes when the message does."""
        found = found_at(desk, capability)
        try:
            pieces = sealed_file(desk, found, binary_cid(cid))
        except InvalidInput:
            pieces = None
        if pieces is None:
            raise Problem(404, "NotFound", "no message to this grant has this file", "Read the messages first.")
        return StreamingResponse(pieces, media_type=OCTETS)


def add_internal(app: FastAPI, desk: Desk) -> None:
    """Add the routes of the brand's own systems."""
    _add_files(app, desk)

    @app.post(
        "/v1/messages",
        tags=["messages"],
        status_code=201,
        response_class=Response,
        responses={**_SENT, **_WAITS, **schemas.BODIES, **_REFUSALS},
        openapi_extra=schemas.takes(_MESSAGE, _EXAMPLE),
    )
    async def send(request: Request) -> Response:
        """Send text and records to a person, into the mailbox of a live grant.

        The same content again is the same message; an `id` of yours tells two equal ones apart. Ask again with the
        same body to see whether it was sent.
        """
        raw = await read_body(request, MAX_PLAIN)
        return await run_in_threadpool(_kept, desk, raw)


def _add_files(app: FastAPI, desk: Desk) -> None:
    room = BoundedSemaphore(MOST_SEALING)

    def attached(raw: bytes, grant: str, subject: str) -> Response:
        if not room.acquire(blocking=False):
            raise busy("Busy", "too many files are sealed at once", "Send it again soon.", 2)
        try:
            with _refusing():
                _check_named(grant, subject)
                done = attach(desk, addressee(desk, grant=grant, subject=subject), raw)
        finally:
            room.release()
        return Response(codec.encode(done._asdict()), 201, media_type=JSON)

    @app.post(
        "/v1/files",
        tags=["messages"],
        status_code=201,
        response_class=Response,
        responses={**_ATTACHED, **schemas.BODIES, **_REFUSALS, **documented(BrandFull=507)},
        openapi_extra=schemas.takes({"type": "string", "format": "binary"}, "the bytes", OCTETS),
    )
    async def send_file(request: Request, grant: _Grant = "", subject: _Subject = "") -> Response:
        """Seal a file for messages to this grant. The same bytes again are the same file."""
        return await run_in_threadpool(attached, await read_body(request, MAX_FILE, OCTETS), grant, subject)


def _kept(desk: Desk, raw: bytes) -> Response:
    with _refusing():
        asked = codec.loads(raw, _asked, MAX_PLAIN)
        named: dict[str, Any] = {"grant": asked.grant, "subject": asked.subject, "files": asked.enclosed}
        return _told(write(desk, asked.content, **named))


@contextmanager
def _refusing() -> Iterator[None]:
    """Tell what keeps a message or a file from being taken as the problem that it is."""
    try:
        yield
    except DoesNotFit as error:
        faults = [each._asdict() for each in error.faults]
        raise Problem(422, "DoesNotFit", str(error), error.advice, more={"faults": faults}) from None
    except Malformed as error:
        raise malformed(error) from None
    except InvalidInput as error:
        raise Problem(413, "TooLarge", str(error), error.advice) from None
    except (UnknownGrant, UnknownFile, NoMailbox, Revoked, Expired) as error:
        raise Problem(_STATUS[type(error)], type(error).__name__, str(error), error.advice) from None
    except DataFull:
        raise problem_for(brand_full()) from None


def _told(letter: Letter) -> Response:
    told: dict[str, Any] = {"content": to_hex(letter.content), "state": "sent" if letter.number else "waiting"}
    if letter.number:
        told |= {"number": letter.number, "issuedAt": letter.issued_at}
    return Response(codec.encode(told), 201 if letter.number else 202, media_type=JSON)


def _bounded(found: list[Sealed]) -> list[Sealed]:
    """Return the first of these: one at least, and no more bytes than a page may have."""
    sizes = accumulate(len(each.sealed) for each in found)
    return [each for n, (each, size) in enumerate(zip(found, sizes, strict=True)) if not n or size <= MOST_BYTES]
