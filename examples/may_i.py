"""A web server that answers "may I use this data for this?": 200 yes, 403 no, 503 could not check.

Its process needs ``CONSENT_RPC_URL``, ``CONSENT_REGISTRY`` and ``CONSENT_CONTROLLER``, the address of the brand:
``uvicorn --factory examples.may_i:from_environment``.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache

from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from registry import Network, open_network, verify
from registry.core.errors import ConsentError, CouldNotCheck, InvalidInput, NotConsented
from registry.core.evidence.file import MAX_EVIDENCE


def make_app(network: Callable[[], Network], controller: str) -> FastAPI:
    """Return the application of this brand. ``network`` is called for each answer, so the server starts without it."""
    app = FastAPI(title="May I?")

    @app.post("/may-i")
    async def may_i(request: Request, purpose: str, data: str) -> JSONResponse:
        """Judge the evidence file in the body, now."""
        file = bytearray()
        async for part in request.stream():
            file += part
            if len(file) > MAX_EVIDENCE:
                return JSONResponse({"title": "too large for an evidence file", "status": 413}, 413)
        # Reading the chain waits; other requests go on meanwhile.
        return await run_in_threadpool(answer, network, controller, bytes(file), purpose, data)

    return app


def answer(network: Callable[[], Network], controller: str, file: bytes, purpose: str, data: str) -> JSONResponse:
    """Return the answer to one question."""
    try:
        known = network()
        question = known.policy(controllers={controller}, purposes={purpose}, data={data})
        message = verify(known, file, question).evidence.statement.message
    except NotConsented as no:
        return _problem(403, no)
    except CouldNotCheck as unknown:
        return _problem(503, unknown, {"Retry-After": "5"})
    except InvalidInput as error:
        return _problem(400, error)
    return JSONResponse({"may": True, "until": getattr(message, "expires_at", None)})


def _problem(status: int, error: ConsentError, headers: dict[str, str] | None = None) -> JSONResponse:
    name = type(error).__name__
    problem = {"type": f"urn:consent:{name}", "title": name, "status": status}
    problem |= {"detail": str(error), "advice": error.advice}
    return JSONResponse(problem, status, headers, "application/problem+json")


def from_environment() -> FastAPI:
    """Return the application that the environment configures. A node that is away is asked again next time."""
    url, registry = os.environ["CONSENT_RPC_URL"], os.environ["CONSENT_REGISTRY"]

    @cache
    def network() -> Network:
        return open_network(rpc_url=url, registry=registry, max_facts_age=600)

    return make_app(network, os.environ["CONSENT_CONTROLLER"])
