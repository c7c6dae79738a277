"""``/v1/data``, internal: what the brand holds of people's data, and the reading of it."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import FastAPI, Query, Request
from msgspec import Meta, Struct
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from registry.brand.corrections import Corrections
from registry.brand.desk import Desk
from registry.brand.holding import HeldGrant
from registry.brand.reading import Reader, Wanted
from registry.brand.routes import schemas
from registry.brand.routes.allowed import MAX_QUESTION
from registry.brand.routes.handed import OCTETS
from registry.brand.verdicts import NotTaken, problem_for
from registry.core import codec
from registry.core.errors import Malformed
from registry.core.notices.plain_text import SENTENCE, find_fault
from registry.core.scalars import Address, Bytes32, check_address, check_terms, checksum, read_words, to_hex, unhex
from registry.http.bodies import JSON, decoded, read_body
from registry.http.openapi import ADDRESS, COUNT, TEXT, TIME, WORD, an_object, answer
from registry.http.problems import documented

LINES = "application/x-ndjson"
MOST_LISTED = 1_000
_RECORD_ID = "^[0-9a-f]{32}$"
_Terms = Annotated[tuple[str, ...], Meta(max_length=100)]
_System = Annotated[str, Meta(max_length=100)]
_SYSTEM = {"type": "string", "maxLength": 100, "description": "Who reads; it stands in the log of uses."}
_MEMBERS = {"purpose": TEXT, "grant": WORD, "subject": ADDRESS, "data": {"type": "array", "items": TEXT}}
_WANTED = an_object(["purpose"], **_MEMBERS, system=_SYSTEM)
_FILE_WANTED = an_object(
    ["purpose", "grant", "record"],
    purpose=TEXT,
    grant=WORD,
    record={"type": "string", "pattern": _RECORD_ID},
    system=_SYSTEM,
)
_ID = "5d" * 16
_EXAMPLE = {"grant": schemas.DIGEST, "purpose": "dpv:Personalisation", "system": "shop"}
_READ = answer(
    200,
    "One record a line, in no certain order. `version` counts its edits.",
    TEXT,
    f'{{"body":{{"name":"grapes"}},"category":"pd:Purchase","grant":"{schemas.DIGEST}","id":"{_ID}",'
    '"schema":"purchase/1","time":"2026-01-15","version":1}\n',
    LINES,
)
_CHANGES = answer(
    200,
    "One changed record a line. `old` and `new` hold the members that differ, of those that the grant shows. `id` is "
    "your own, `sent` the newest message that held it, `takenAt` when the newest state came. `removed`: it was "
    "taken back.",
    TEXT,
    f'{{"category":"pd:Purchase","grant":"{schemas.DIGEST}","id":"order-17","new":{{"name":"blue coat"}},'
    '"old":{"name":"coat"},"removed":false,"sent":{"at":1790000000,"number":1},"takenAt":1790000600,"version":2}\n',
    LINES,
)
_FILE = answer(200, "The file's bytes, whatever it calls itself.", TEXT, "the bytes", OCTETS)
_PROBLEMS = documented(
    Unauthorized=401,
    PurposeNotGranted=403,
    DataNotGranted=403,
    NotAnchored=403,
    NotYetValid=403,
    UnknownGrant=404,
    NothingHeld=404,
    Revoked=410,
    Expired=410,
    Malformed=422,
    DamagedSeal=422,
    DatabaseUnavailable=503,
    LedgerUnavailable=503,
    StorageUnavailable=503,
)
_CATEGORY = an_object(["category", "versions"], category=TEXT, versions=COUNT)
_GRANT = an_object(
    ["grant", "subject", "state", "data", "categories", "update", "blocks", "bytes", "complete", "changedAt"],
    grant=WORD,
    subject=ADDRESS,
    state=TEXT,
    data={"type": "array", "items": TEXT},
    categories={"type": "array", "items": _CATEGORY},
    update=COUNT,
    blocks=COUNT,
    bytes=COUNT,
    complete={"type": "boolean"},
    changedAt=TIME,
)
_LISTED = answer(
    200,
    "What the brand holds of each grant, in the order of their arrival. `update` is the newest one's number, "
    "`versions` counts edits too, and `next` goes on after this page.",
    an_object(["grants"], grants={"type": "array", "items": _GRANT}, next=COUNT),
    {"grants": []},
)


class _Wanted(Struct, frozen=True, forbid_unknown_fields=True):
    purpose: str
    grant: Bytes32 = ""
    subject: Address = ""
    data: _Terms = ()
    system: _System = ""

    def __post_init__(self) -> None:
        _check(self.purpose, self.grant, self.system)
        if bool(self.grant) == bool(self.subject):
            raise Malformed("name either a grant or a subject")
        if self.subject:
            check_address(self.subject)
        if self.data:
            check_terms(tuple(sorted(self.data)), "data")


class _FileWanted(Struct, frozen=True, forbid_unknown_fields=True):
    purpose: str
    grant: Bytes32
    record: Annotated[str, Meta(pattern=r"\A[0-9a-f]{32}\Z")]
    system: _System = ""

    def __post_init__(self) -> None:
        _check(self.purpose, self.grant, self.system)


_wanted, _file_wanted = msgspec.json.Decoder(_Wanted), msgspec.json.Decoder(_FileWanted)
_After = Annotated[int, Query(ge=0, le=2**53, description="Go on after this number.")]
_Limit = Annotated[int, Query(ge=1, le=MOST_LISTED, description="So many at most.")]


def add(app: FastAPI, desk: Desk) -> None:
    """Add the routes."""
    _add_list(app, desk)
    _add_reading(app, Reader(desk))
    _add_changes(app, Corrections(desk))


def _add_list(app: FastAPI, desk: Desk) -> None:
    @app.get(
        "/v1/data/held",
        tags=["data"],
        response_class=Response,
        responses={**schemas.READING, **_LISTED, **documented(Unauthorized=401)},
    )
    def listed(after: _After = 0, limit: _Limit = 100) -> Response:
        """Tell what the brand holds. That reads no data, so it is no use of any."""
        found = desk.store.held_grants(after, limit)
        more = {"next": found[-1].holding.answer} if len(found) == limit else {}
        return Response(codec.dump({"grants": [_told(each) for each in found], **more}), media_type=JSON)


def _add_reading(app: FastAPI, reader: Reader) -> None:
    @app.post(
        "/v1/data",
        tags=["data"],
        response_class=StreamingResponse,
        responses={**schemas.BODIES, **_READ, **_PROBLEMS},
        openapi_extra=schemas.takes(_WANTED, _EXAMPLE),
    )
    async def read(request: Request) -> Response:
        """Read the records that live grants hand over for this purpose. The use is logged before the first byte."""
        wanted = _read_wanted(await read_body(request, MAX_QUESTION))
        lines = await run_in_threadpool(_answered, lambda: reader.records(wanted))
        return StreamingResponse(lines, media_type=LINES)

    @app.post(
        "/v1/data/file",
        tags=["data"],
        response_class=StreamingResponse,
        responses={**schemas.BODIES, **_FILE, **_PROBLEMS},
        openapi_extra=schemas.takes(_FILE_WANTED, {**_EXAMPLE, "record": _ID}),
    )
    async def read_file(request: Request) -> Response:
        """Read the file of one record. The use is logged before the first byte."""
        asked = decoded(await read_body(request, MAX_QUESTION), _file_wanted, MAX_QUESTION)
        wanted = Wanted(asked.purpose, unhex(asked.grant), system=asked.system)
        pieces = await run_in_threadpool(_answered, lambda: reader.file(wanted, asked.record))
        # A browser must never show what a stranger wrote as if it were the brand's.
        return StreamingResponse(pieces, headers={"Content-Disposition": "attachment"}, media_type=OCTETS)


def _add_changes(app: FastAPI, corrections: Corrections) -> None:
    @app.post(
        "/v1/data/changes",
        tags=["data"],
        response_class=StreamingResponse,
        responses={**schemas.BODIES, **_CHANGES, **_PROBLEMS},
        openapi_extra=schemas.takes(_WANTED, _EXAMPLE),
    )
    async def read_changes(request: Request) -> Response:
        """Read what people changed of the records that you sent them. The use is logged before the first byte."""
        wanted = _read_wanted(await read_body(request, MAX_QUESTION))
        lines = await run_in_threadpool(_answered, lambda: corrections.changes(wanted))
        return StreamingResponse(lines, media_type=LINES)


def _read_wanted(raw: bytes) -> Wanted:
    asked = decoded(raw, _wanted, MAX_QUESTION)
    return Wanted(asked.purpose, unhex(asked.grant) if asked.grant else b"", asked.subject, asked.data, asked.system)


def _answered(work: Any) -> Any:
    try:
        return work()
    except NotTaken as no:
        raise problem_for(no.verdict) from None


def _check(purpose: str, grant: str, system: str) -> None:
    check_terms((purpose,), "purpose")
    if grant:
        read_words((grant,))
    if system and (fault := find_fault(system, SENTENCE)):
        raise Malformed(f"the system's name {fault}")


def _told(held: HeldGrant) -> dict[str, Any]:
    holding = held.holding
    return {
        "grant": to_hex(held.digest),
        "subject": checksum(held.subject),
        "state": held.state,
        "data": list(held.data),
        "categories": [{"category": name, "versions": count} for name, count in sorted(holding.versions.items())],
        "update": holding.number,
        "blocks": holding.blocks,
        "bytes": holding.bytes,
        "complete": holding.complete,
        "changedAt": holding.changed_at,
    }
