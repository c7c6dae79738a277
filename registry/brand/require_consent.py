"""Let a web server's own code run only with consent: a decorator for endpoints, and a middleware for whole paths.

A yes goes on. A no is 403, with what is missing and where consent can be given. "Could not check" is 503, and never a
yes. Nothing is cached: each request asks the brand's service.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable, Collection, Sequence
from posixpath import normpath
from typing import Any, get_type_hints

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from registry.brand.consent_client import AsyncConsentClient
from registry.core.errors import CouldNotCheck, InvalidInput, Malformed
from registry.core.scalars import check_address, check_terms
from registry.http.problems import Problem, problem_of

# Returns the person's checksummed address; None where nobody is known.
SubjectOf = Callable[[Request], "str | Awaitable[str | None] | None"]
LinkOf = Callable[[Request], str]
# RFC 6455, 7.4.1: a policy forbids it. Before its acceptance a server answers 403.
_FORBIDDEN = 1008
_OURS = "consent_request"


def require_consent(
    purpose: str,
    data: str | Collection[str],
    *,
    subject: SubjectOf,
    client: AsyncConsentClient,
    link: str | LinkOf = "",
    fresh: bool = False,
) -> ConsentGuard:
    """Return a decorator for endpoints of FastAPI and Starlette; its `middleware` guards whole paths.

    ``subject`` finds the person of a request, ``link`` is where they can consent, such as a request's ``/r/DIGEST``.
    ``fresh`` asks the node each time. ``Malformed`` for a purpose or a datum that is no term.
    """
    wanted = tuple(sorted({data} if isinstance(data, str) else set(data)))
    check_terms((purpose,), "purpose")
    check_terms(wanted, "data")
    return ConsentGuard(purpose, wanted, subject, client, link, fresh)


class ConsentGuard:
    """Answers in the place of what it guards, unless the person allows it. `require_consent` makes it."""

    def __init__(
        self,
        purpose: str,
        data: tuple[str, ...],
        subject: SubjectOf,
        client: AsyncConsentClient,
        link: str | LinkOf,
        fresh: bool,
    ) -> None:
        self._purpose, self._data, self._subject = purpose, data, subject
        self._client, self._link, self._fresh = client, link, fresh

    async def refusal(self, request: Request) -> Response | None:
        """Return the answer that refuses this request, or None where the person allows it."""
        found = self._subject(request)
        subject = await found if inspect.isawaitable(found) else found
        if subject is None:
            return self._no(request, self._data, "nobody is known here, so nobody has consented")
        try:
            answer = await self._client.allowed(subject, self._purpose, self._data, fresh=self._fresh)
        except CouldNotCheck as unknown:
            return problem_of(unknown).response()
        except InvalidInput as fault:
            if not _is_address(subject):
                return self._no(request, self._data, "what names the person is no address")
            # The question itself is wrong, which says nothing about the person.
            refused = CouldNotCheck(f"the consent service takes no such question: {fault}", fault.advice)
            return problem_of(refused).response()
        return None if answer.allowed else self._no(request, answer.missing, "this person does not allow it")

    def _no(self, request: Request, missing: Sequence[str], detail: str) -> Response:
        link = self._link if isinstance(self._link, str) else self._link(request)
        advice = "Let the person decide at `link`." if link else "Ask the person first."
        more = {"purpose": self._purpose, "missing": list(missing), **({"link": link} if link else {})}
        return Problem(403, "NotConsented", detail, advice, {"Cache-Control": "no-store"}, more).response()

    def __call__(self, endpoint: Callable[..., Any]) -> Callable[..., Any]:
        """Guard one endpoint, asynchronous or not. It need not take the request itself."""
        signature = _resolved(endpoint)
        takes_it = any(_is_request(each.annotation) for each in signature.parameters.values())

        @functools.wraps(endpoint)
        async def guarded(*args: Any, **named: Any) -> Any:
            ours = named.pop(_OURS, None)
            refused = await self.refusal(ours or _request_in((*args, *named.values())))
            if refused is not None:
                return refused
            if inspect.iscoroutinefunction(endpoint):
                return await endpoint(*args, **named)
            return await run_in_threadpool(endpoint, *args, **named)

        # FastAPI must not look at the endpoint behind: it may be no coroutine, and lacks our parameter.
        del guarded.__wrapped__
        guarded.__signature__ = signature if takes_it else _with_request(signature)  # type: ignore[attr-defined]
        return guarded

    def middleware(self, app: ASGIApp, paths: Collection[str] = ("/",)) -> ASGIApp:
        """Guard all that lies at or below these paths: ``app.add_middleware(guard.middleware, paths=("/mine",))``.

        A web socket there is refused; guard what it does by its own question.
        """
        below = tuple(path.rstrip("/") for path in paths)

        async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "lifespan" or not _is_below(scope["path"], below):
                return await app(scope, receive, send)
            if scope["type"] != "http":
                return await send({"type": "websocket.close", "code": _FORBIDDEN})
            refused = await self.refusal(Request(scope))
            return await (refused or app)(scope, receive, send)

        return guarded


def _is_below(path: str, below: Sequence[str]) -> bool:
    # Servers of files read //a and /b/../a as /a.
    plain = normpath(f"/{path.lstrip('/')}")
    return any(name == one or name.startswith(f"{one}/") for name in (path, plain) for one in below)


def _is_address(text: str) -> bool:
    try:
        check_address(text)
    except Malformed:
        return False
    return True


def _resolved(endpoint: Callable[..., Any]) -> inspect.Signature:
    """Return the signature with types in the place of their names: ours has other names in reach."""
    signature = inspect.signature(endpoint)
    hints = get_type_hints(endpoint, include_extras=True)
    every = [each.replace(annotation=hints.get(each.name, each.annotation)) for each in signature.parameters.values()]
    return signature.replace(parameters=every, return_annotation=hints.get("return", signature.return_annotation))


def _with_request(signature: inspect.Signature) -> inspect.Signature:
    ours = inspect.Parameter(_OURS, inspect.Parameter.KEYWORD_ONLY, annotation=Request)
    every = list(signature.parameters.values())
    named = [each for each in every if each.kind is inspect.Parameter.VAR_KEYWORD]
    return signature.replace(parameters=[*(each for each in every if each not in named), ours, *named])


def _is_request(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Request)


def _request_in(values: Sequence[Any]) -> Request:
    return next(each for each in values if isinstance(each, Request))
