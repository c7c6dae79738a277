"""``/v1/grants/{capability}/uses``: what the brand read of this grant's data, with proofs that its log only grows."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import FastAPI, Query
from starlette.responses import Response

from registry.brand.desk import Desk
from registry.brand.routes import schemas
from registry.brand.routes.grants import Capability, found_at
from registry.brand.uses import page_of
from registry.core.uses import write_page
from registry.http.openapi import COUNT, JSON, TEXT, TIME, WORD, an_object, answer

_LARGEST = 2**53 - 1
_From = Annotated[int, Query(alias="from", ge=0, le=_LARGEST, description="Entries from this number on.", examples=[0])]
_Size = Annotated[int, Query(ge=0, le=_LARGEST, description="Heads of more entries than these.", examples=[0])]
_PROOF: dict[str, Any] = {"type": "array", "items": WORD}
_USE = an_object(
    ["at", "count", "data", "grant", "purpose", "salt", "system", "type", "version"],
    at=TIME,
    count=COUNT,
    data={"type": "array", "items": TEXT},
    grant=WORD,
    purpose=TEXT,
    salt=WORD,
    system=TEXT,
    type={"const": "ConsentUse"},
    version={"const": 1},
)
_PAGE = an_object(
    ["grant", "heads", "more", "type", "uses", "version"],
    grant=WORD,
    heads={
        "type": "array",
        "items": an_object(["before", "evidence", "proof"], before=COUNT, evidence=schemas.FILE, proof=_PROOF),
    },
    more={"type": "boolean"},
    type={"const": "ConsentUses"},
    uses={"type": "array", "items": an_object(["index", "use"], index=COUNT, use=_USE, head=COUNT, proof=_PROOF)},
    version={"const": 1},
)
_EXAMPLE_USE = {
    "at": 1_790_000_000,
    "count": 207,
    "data": ["pd:Purchase"],
    "grant": schemas.DIGEST,
    "purpose": "dpv:Personalisation",
    "salt": schemas.DIGEST,
    "system": "shop",
    "type": "ConsentUse",
    "version": 1,
}
_EXAMPLE = {
    "grant": schemas.DIGEST,
    "heads": [{"before": 0, "evidence": schemas.EXAMPLE_FILE, "proof": []}],
    "more": False,
    "type": "ConsentUses",
    "uses": [{"head": 2, "index": 1, "proof": [schemas.DIGEST], "use": _EXAMPLE_USE}],
    "version": 1,
}


def add(app: FastAPI, desk: Desk) -> None:
    """Add the route."""

    @app.get(
        "/v1/grants/{capability}/uses",
        tags=["uses"],
        response_class=Response,
        responses={**answer(200, "A page of up to 100 entries and 100 heads.", _PAGE, _EXAMPLE), **schemas.READING},
    )
    def uses(capability: Capability, start: _From = 0, size: _Size = 0) -> Response:
        """Show the readings of this grant alone, each with its inclusion proof under the head that first covers it.

        A head is a signed and anchored UseLog, with the consistency proof to the head before it.
        """
        page = page_of(desk.store, found_at(desk, capability).digest, start, size)
        return Response(write_page(page), media_type=JSON)
