"""The internal questions, ``/v1/allowed`` and ``/v1/verify``: from the store, or from the node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from fastapi import FastAPI, Request
from msgspec import UNSET, Meta, Struct, UnsetType
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from registry.brand.desk import Desk
from registry.brand.permission import Permission, Question, ask, ask_node
from registry.brand.routes import schemas
from registry.brand.routes.intake import MAX_BATCH_BODY, MOST_FILES, check_files, refusal
from registry.brand.verifying import verify_files, verify_fresh
from registry.client.verify_by_log import Verdict
from registry.core import codec
from registry.core.errors import ConsentError, CouldNotCheck
from registry.core.scalars import Address, check_address, check_terms
from registry.core.verify.judge import VerifiedStatement
from registry.http.bodies import JSON, decoded, media_type_of, read_body
from registry.http.openapi import TEXT, WORD, an_object, answer
from registry.http.problems import documented

MAX_QUESTION = 64 * 1_024
_LINES = "application/jsonl"
_Terms = Annotated[tuple[str, ...], Meta(min_length=1, max_length=100)]
_TERMS = {"type": "array", "items": TEXT, "minItems": 1, "maxItems": 100}
_QUESTION = an_object(
    ["subject", "purpose", "data"], subject=TEXT, purpose=TEXT, data=_TERMS, fresh={"type": "boolean"}
)
_EXAMPLE = {"subject": schemas.ADDRESS, "purpose": "dpv:Personalisation", "data": ["pd:Purchase"]}
_GRANTS = {"type": "object", "additionalProperties": WORD}
_ALLOWED = answer(
    200,
    "`allowed` is true where a live grant allows each datum for the purpose. `grants` names one for each datum that is "
    "allowed. `view` is the block that was known, its time, and how old that knowledge is in seconds.",
    an_object(["allowed", "grants", "view"], allowed={"type": "boolean"}, grants=_GRANTS, view=schemas.VIEW),
    {
        "allowed": True,
        "grants": {"pd:Purchase": schemas.DIGEST},
        "view": {"block": 17, "time": 1_790_000_000, "age": 1},
    },
)
_FILES = an_object(
    ["files"],
    files={"type": "array", "items": schemas.FILE, "minItems": 1, "maxItems": MOST_FILES},
    purposes=_TERMS,
    data=_TERMS,
    fresh={"type": "boolean"},
)
_YES = {"answer": "yes", "by": "log", "digest": schemas.DIGEST, "kind": "Grant", "anchoredAt": 1_790_000_000}
_ONE = {
    "type": "object",
    "required": ["answer", "by"],
    "properties": {"answer": {"enum": ["yes", "no", "unknown"]}, "by": {"enum": ["log", "node"]}},
}
_VERIFIED = answer(
    200,
    "One answer for each file, in order: `yes`, `no` with the step that failed, or `unknown`. `by` tells who was "
    "asked, the chain's log as it was read up to `view`, or the node, which is asked where the log does not show the "
    "anchor, and about signatures of contract accounts.",
    an_object(["answers", "view"], answers={"type": "array", "items": _ONE}, view=schemas.VIEW),
    {"answers": [_YES], "view": {"block": 17, "time": 1_790_000_000, "age": 1}},
)


class _Asked(Struct, frozen=True, forbid_unknown_fields=True):
    subject: Address
    purpose: str
    data: _Terms
    fresh: bool = False

    def __post_init__(self) -> None:
        check_address(self.subject)
        check_terms((self.purpose,), "purpose")
        check_terms(tuple(sorted(self.data)), "data")


class _Conditions(Struct, frozen=True, forbid_unknown_fields=True):
    purposes: _Terms | UnsetType = UNSET
    data: _Terms | UnsetType = UNSET
    fresh: bool = False

    def __post_init__(self) -> None:
        for name in ("purposes", "data"):
            if terms := getattr(self, name):
                check_terms(tuple(sorted(terms)), name)


class _ToVerify(_Conditions, frozen=True, forbid_unknown_fields=True, kw_only=True):
    files: list[msgspec.Raw]


_asked, _to_verify = msgspec.json.Decoder(_Asked), msgspec.json.Decoder(_ToVerify)
_conditions = msgspec.json.Decoder(_Conditions)


def add(app: FastAPI, desk: Desk) -> None:
    """Add the routes."""

    @app.post(
        "/v1/allowed",
        tags=["questions"],
        response_class=Response,
        responses={**_ALLOWED, **schemas.BODIES, **documented(Unauthorized=401)},
        openapi_extra=schemas.takes(_QUESTION, _EXAMPLE),
    )
    async def allowed(request: Request) -> Response:
        """Tell whether the brand may use these data of a person for this purpose, now.

        503 where the view of the chain is too old; `fresh` asks the node about the grants that it rests on.
        """
        asked = decoded(await read_body(request, MAX_QUESTION), _asked, MAX_QUESTION)
        question = Question(asked.subject, asked.purpose, asked.data)
        return Response(codec.encode(await _permission(desk, question, asked.fresh)), media_type=JSON)

    @app.post(
        "/v1/verify",
        tags=["questions"],
        response_class=Response,
        responses={**_VERIFIED, **schemas.BODIES, **documented(Unauthorized=401)},
        openapi_extra=_takes_files(),
    )
    async def verify(request: Request) -> Response:
        """Verify up to 1,000 evidence files for this brand as the controller.

        As `application/jsonl`, the first line is `{}` or has the other members, and each line after it is a file. That
        is faster: nobody has to look for the end of a file.
        The store answers, by one reading of the chain's log. 503 where its view of the chain is too old; `fresh` asks
        the node about all of them.
        """
        body = await read_body(request, MAX_BATCH_BODY, (JSON, _LINES))
        asked, files = _from_lines(body) if media_type_of(request) == _LINES else _from_document(body)
        check_files(files)
        return Response(await run_in_threadpool(_verified, desk, asked, files), media_type=JSON)


async def _permission(desk: Desk, question: Question, fresh: bool) -> Permission:
    if fresh:
        return await run_in_threadpool(ask_node, desk, question)
    if desk.store.is_instant:
        return ask(desk, question)  # to hand it to a thread takes longer than to answer it
    return await run_in_threadpool(ask, desk, question)


def _takes_files() -> dict[str, Any]:
    extra = schemas.takes(_FILES, {"files": [schemas.EXAMPLE_FILE]})
    lines = f"{{}}\n{codec.dump(schemas.EXAMPLE_FILE).decode()}"
    extra["requestBody"]["content"][_LINES] = {"schema": TEXT, "examples": {"one": {"value": lines}}}
    return extra


def _from_document(body: bytes) -> tuple[_Conditions, list[bytes]]:
    asked: _ToVerify = decoded(body, _to_verify, MAX_BATCH_BODY)
    return asked, [bytes(each) for each in asked.files]


def _from_lines(body: bytes) -> tuple[_Conditions, list[bytes]]:
    first, *files = body.removesuffix(b"\n").split(b"\n", MOST_FILES + 1)
    return decoded(first, _conditions, MAX_QUESTION), files


def _verified(desk: Desk, asked: _Conditions, files: Sequence[bytes]) -> bytes:
    conditions = {
        name: frozenset(terms) if terms else None
        for name, terms in (("purposes", asked.purposes), ("data", asked.data))
    }
    policy = desk.network.policy(controllers=desk.inbox.controllers, **conditions)
    verified = verify_fresh if asked.fresh else verify_files
    verdicts, view = verified(desk, files, policy)
    return codec.encode({"answers": [_told(each) for each in verdicts], "view": view})


def _told(verdict: Verdict) -> dict[str, Any]:
    judged, by = verdict.answer, "node" if verdict.asked else "log"
    if isinstance(judged, VerifiedStatement):
        told: dict[str, Any] = {"answer": "yes", "by": by, "digest": judged.digest, "kind": judged.evidence.kind}
        told["acceptance"] = judged.acceptance
        if judged.anchored_at is not None:
            told["anchoredAt"] = judged.anchored_at
        return told
    assert isinstance(judged, ConsentError)
    problem = refusal(judged)
    answer = "unknown" if isinstance(judged, CouldNotCheck) else "no"
    told = {"answer": answer, "by": by, "error": problem.name, "detail": problem.detail, "advice": problem.advice}
    return told | problem.more
