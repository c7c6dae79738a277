"""A shop that greets personally only with consent, and forgets what it derived once a consent ends.

``uvicorn --factory examples.shop.app:from_environment``; README.md beside this says what the environment holds.
"""

from __future__ import annotations

import asyncio
import os
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from html import escape
from pathlib import Path
from urllib.parse import parse_qs

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.responses import Response

from registry.brand.button import button_script, has_privacy_control
from registry.brand.consent_client import AsyncConsentClient
from registry.brand.require_consent import require_consent
from registry.core.errors import CouldNotCheck, InvalidInput

PURPOSE, DATUM = "dpv:Personalisation", "pd:Purchase"
COOKIE = "customer"
# After one of these, nothing that was derived from a person's data may stay.
STOPS = {"ended", "expired", "removed"}
# An address has 42 characters and no space: without this it would be wider than the window.
_STYLE = (
    "body{max-width:40rem;margin:2rem auto;padding:0 1rem;font:1rem/1.5 system-ui,sans-serif;overflow-wrap:anywhere}"
    "h1{font-size:1.6rem;line-height:1.25}input{max-width:100%;box-sizing:border-box}"
)
_HASH = b64encode(sha256(_STYLE.encode()).digest()).decode()
_POLICY = {
    "Content-Security-Policy": f"default-src 'none'; script-src 'self'; style-src 'sha256-{_HASH}'; form-action 'self'",
    "Cache-Control": "no-store",
    "Vary": "Sec-GPC",
}
# The person is back from where they decided; the page asks its server anew.
_SCRIPT = 'addEventListener("consent-return", () => location.reload());\n'


@dataclass
class Shop:
    """What the shop knows. ``bought`` is its own record of orders; ``taste`` it derived, and only with consent.

    Both are by the customer's address.
    """

    client: AsyncConsentClient
    link: str
    app: str = ""
    bought: dict[str, list[str]] = field(default_factory=dict)
    taste: dict[str, str] = field(default_factory=dict)

    async def obey(self) -> None:
        """Follow the brand's events for ever, and forget each person who stops."""
        stream = self.client.events()
        while True:
            try:
                async for event in stream:
                    if event.kind in STOPS:
                        self.taste.pop(event.subject, None)
            except CouldNotCheck:
                # We may have missed an end: derive nothing from memory until the service is back.
                self.taste.clear()

    def recommend(self, customer: str) -> str:
        """Return what a customer may like. Call it only where they allow it."""
        if customer not in self.taste:
            bought = self.bought.get(customer, [])
            self.taste[customer] = f"more like {bought[-1]}" if bought else "our newest teas"
        return self.taste[customer]


def make_shop(client: AsyncConsentClient, link: str, app_url: str = "") -> FastAPI:
    """Return the shop. ``link`` is the brand's request, and ``app_url`` the person's app, where a person decides."""
    shop = Shop(client, link, app_url)

    @asynccontextmanager
    async def running(_: FastAPI) -> AsyncIterator[None]:
        obeying = asyncio.create_task(shop.obey())
        yield
        obeying.cancel()
        with suppress(asyncio.CancelledError):
            await obeying

    app = FastAPI(title="Shop", lifespan=running)
    app.state.shop = shop

    @app.get("/")
    async def home(request: Request) -> HTMLResponse:
        """Greet: personally with consent, and else everybody alike."""
        may_ask = not has_privacy_control(request)
        return HTMLResponse(await _page(shop, _customer(request), may_ask), headers=_POLICY)

    @app.post("/sign-in")
    async def sign_in(request: Request) -> Response:
        """Remember who is here. It proves nothing: a real shop has accounts with passwords or wallets."""
        form = parse_qs((await request.body()).decode("ascii", "replace"))
        answer = RedirectResponse("/", 303)
        answer.set_cookie(COOKIE, form.get("address", [""])[0].strip()[:64], httponly=True, samesite="strict")
        return answer

    @app.post("/sign-out")
    async def sign_out() -> Response:
        """Forget who is here, on this machine."""
        answer = RedirectResponse("/", 303)
        answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
        return answer

    @app.get("/recommendations")
    @require_consent(PURPOSE, DATUM, subject=_customer, client=client, link=link)
    async def recommendations(request: Request) -> dict[str, str]:
        """Answer the shop's own programs. Without consent it is 403, and 503 where nobody knows."""
        return {"for": str(_customer(request)), "try": shop.recommend(str(_customer(request)))}

    _add_scripts(app)
    return app


def _add_scripts(app: FastAPI) -> None:
    @app.get("/consent-button.js")
    async def button() -> Response:
        """Give the button's script: it comes with the package, so that nobody else learns who visits the shop."""
        return Response(button_script(), media_type="text/javascript")

    @app.get("/shop.js")
    async def script() -> Response:
        """Give the shop's own script."""
        return Response(_SCRIPT, media_type="text/javascript")


def _customer(request: Request) -> str | None:
    return request.cookies.get(COOKIE)


async def _page(shop: Shop, customer: str | None, may_ask: bool) -> str:
    if customer is None:
        return _html(
            "Welcome to the shop.",
            '<form method="post" action="/sign-in">'
            '<label>Your address <input name="address" size="44"></label> <button>Sign in</button></form>',
        )
    title, body = await _greeting(shop, customer, may_ask)
    return _html(title, f'{body}<form method="post" action="/sign-out"><button>Sign out</button></form>')


async def _greeting(shop: Shop, customer: str, may_ask: bool) -> tuple[str, str]:
    """Return the heading and the text for who is signed in."""
    try:
        may = await shop.client.allowed(customer, PURPOSE, DATUM)
    except CouldNotCheck:
        return "Welcome to the shop.", "<p>We greet everybody alike just now.</p>"
    except InvalidInput:
        return "Welcome to the shop.", "<p>That is no address.</p>"
    if may:
        return f"Welcome back, {customer}.", f"<p>You may like {escape(shop.recommend(customer))}.</p>"
    return "Welcome to the shop.", _question(shop, may_ask)


def _question(shop: Shop, may_ask: bool) -> str:
    """Return the button, and the question before it unless the person's browser says that nobody should ask."""
    question = "<p>May we use your purchases for personal offers?</p>" if may_ask else ""
    link, app = escape(shop.link), f' app="{escape(shop.app)}"' if shop.app else ""
    button = f'<consent-button request="{link}"{app}></consent-button>'
    return f'{question}{button}<noscript><a href="{link}">Read, and decide.</a></noscript>'


def _html(title: str, body: str) -> str:
    head = '<!DOCTYPE html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    scripts = '<script type="module" src="/consent-button.js"></script><script type="module" src="/shop.js"></script>'
    return (
        f"{head}<title>Shop</title><style>{_STYLE}</style>{scripts}<main><h1>{escape(title)}</h1>{body}</main></html>"
    )


def from_environment() -> FastAPI:
    """Return the shop that the environment configures."""
    key_file = os.environ.get("CONSENT_INTERNAL_KEY_FILE")
    key = Path(key_file).read_text().strip() if key_file else None
    client = AsyncConsentClient(os.environ.get("CONSENT_INTERNAL", "http://127.0.0.1:8701"), key)
    return make_shop(client, os.environ["CONSENT_REQUEST"], os.environ.get("CONSENT_APP", ""))
