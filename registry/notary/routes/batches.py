"""``/v1/batches``: the manifests, from which anybody rebuilds every proof."""

from __future__ import annotations

from hashlib import sha256

from fastapi import FastAPI, Request
from starlette.responses import Response

from registry.http.problems import Problem, documented
from registry.notary.desk import Desk, read_word
from registry.notary.routes import schemas
from registry.notary.routes.schemas import Answers, Word

_BYTES = "application/octet-stream"
_MANIFEST: Answers = {
    200: {
        "description": "The commitments in ascending order, 32 bytes each. `ETag` is the SHA-256 of it.",
        "content": {_BYTES: {"schema": {"type": "string", "format": "binary"}, "example": "32 bytes each"}},
    },
    304: {"description": "The caller has it already."},
}
# What a root stands for never changes.
_FOREVER = "public, max-age=31536000, immutable"


def add(app: FastAPI, desk: Desk) -> None:
    """Add the route."""

    @app.get(
        "/v1/batches/{root}",
        tags=["batches"],
        response_class=Response,
        responses={**_MANIFEST, **schemas.READING, **documented(UnknownBatch=404)},
    )
    def manifest(root: Word, request: Request) -> Response:
        """Return the manifest of a batch by its Merkle root."""
        found = desk.api.book.manifest(read_word(root))
        if found is None:
            advice = "Look for it on IPFS: the chain names its manifest."
            raise Problem(404, "UnknownBatch", "this notary does not have the batch", advice)
        headers = {"ETag": f'"{sha256(found).hexdigest()}"', "Cache-Control": _FOREVER}
        if headers["ETag"] in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(found, headers=headers, media_type=_BYTES)
