"""A service without any proof: it looks a consent's row up, and says yes if there is one. It is a yardstick.

python -m scripts.benchmarks.brand_plain FOLDER [DATABASE]
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from registry.brand.store import FILE
from registry.db.engine import open_engine
from registry.db.quick import QuickReader
from registry.http.connections import Door
from registry.http.serving import Server

_QUERY = "SELECT answer FROM pairs WHERE subject = {0} AND purpose = {0} AND datum = {0}"


def plain_app(folder: Path, database: str) -> Starlette:
    """Return the app. Its HTTP server and its way to the database are those of the brand's service."""
    reader = QuickReader(open_engine(database or folder / FILE))
    query = _QUERY.format("%s" if database else "?")

    def has_row(asked: dict[str, str]) -> bool:
        return bool(reader.rows(query, (bytes.fromhex(asked["subject"][2:]), asked["purpose"], asked["data"][0])))

    async def allowed(request: Request) -> Response:
        asked = json.loads(await request.body())
        found = await run_in_threadpool(has_row, asked) if database else has_row(asked)
        return Response(json.dumps({"allowed": found}), media_type="application/json")

    app = Starlette(routes=[Route("/v1/allowed", allowed, methods=["POST"])])
    app.state.at_stop, app.state.door = list[Callable[[], None]](), Door(10**6)
    return app


if __name__ == "__main__":
    server = Server(plain_app(Path(sys.argv[1]), sys.argv[2]))  # type: ignore[arg-type]  # it needs no FastAPI
    print(server.url, flush=True)
    server.run()
