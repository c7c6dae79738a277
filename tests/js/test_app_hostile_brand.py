"""Texts that a brand controls are text: nothing of them runs, leads away, covers buttons, or scrolls sideways."""

from __future__ import annotations

import json
import secrets
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
import rfc8785

from registry.core.eip712 import domain_of
from registry.core.evidence.file import STATEMENTS, Evidence, quoted, write_evidence
from registry.core.notices.document import notice_digest
from registry.core.scalars import to_hex
from registry.core.statements.messages import Request
from registry.core.statements.typed_data import digest, typed_data
from registry.ledger.base import read_deployment
from registry.wallets.keywallet import KeyWallet
from tests.support.app_stage import App
from tests.support.builders import notice_document
from tests.support.devnet_runs import Run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="what is left running is looked up in /proc"),
]
HOST = "evil.example"
BRAND = KeyWallet(b"\x66" * 32)
RECIPIENT = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"
CORS = {"Access-Control-Allow-Origin": "*"}
TAG = "<img src=x onerror=window.hit=1>"
BUTTON = "+------------+\n| Allow what I chose |\n+------------+\n" * 40
STACKED = "Z" + "\u0335\u0336\u0337\u0338" * 18
# The app's own controls are reached where they are, and nothing leads to a foreign place.
LOOK = """() => [...document.querySelectorAll("main button, main a, main input, main select")].filter((each) => {
  each.scrollIntoView({ block: "center" });
  const box = each.getBoundingClientRect();
  if (box.width === 0 || each.disabled) return false;
  const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
  const isCovered = top === null || !(each.contains(top) || top.contains(each));
  return isCovered || (each.href && !/^(https?:|blob:)/.test(each.href)) || box.right > innerWidth + 1;
}).map((each) => each.outerHTML.slice(0, 200))"""

NAMES = {"markup": TAG, "one long word": "W" * 80, "a false mark": "✓ Confirmed shop.example", "stacked marks": STACKED}
TEXTS = {
    "markup": f"{TAG}<script>window.hit=2</script><a href='javascript:window.hit=3'>here</a>",
    "a link": "javascript:window.hit=4 data:text/html,<script>window.hit=5</script>",
    "one long word": "W" * 4000,
    "a drawn button": BUTTON[:3900].strip(),
    "many lines": "a" + "\nb" * 1_300,
}
TERMS = {"a long address": "https://x.example/" + "y" * 9_000, "a script": "https://x.example/<javascript:alert(1)>"}


@pytest.fixture(scope="module")
def app(run: Run, chromium: Any) -> Iterator[App]:
    opened = App(chromium, f"{run.ready['app']}/", viewport={"width": 320, "height": 700})
    opened.context.add_init_script(
        "window.blocked = [];"
        "addEventListener('securitypolicyviolation', (e) => window.blocked.push(e.violatedDirective))"
    )
    yield opened
    opened.close()
    assert opened.troubles == []


def notice_with(name: str = "Evil", text: str = "Nobody else.", label: str = "", term: str = "") -> bytes:
    """A notice of the hostile brand, with these texts wherever they may stand."""
    document = notice_document()
    document["controller"] |= {"name": name, "account": BRAND.address, "recipient": RECIPIENT, "domain": HOST}
    purpose = term or "dpv:Personalisation"
    document["scopes"] = [{"purposes": [purpose], "data": ["pd:Purchase"], "processing": ["dpv:Use"]}]
    for words in document["text"].values():
        for each in ("retention", "recipients", "transfers", "rights", "withdrawal", "trace"):
            words[each] = text
        words["labels"] = {purpose: label or "offers", "pd:Purchase": "purchases"}
    return rfc8785.dumps(document)


def asked(run: Run, raw: bytes, term: str = "") -> tuple[str, bytes]:
    """The link and the file of a request with this notice, signed by the hostile brand."""
    deployment = read_deployment(run.folder / "network" / "deployment.json")
    domain, now = domain_of(deployment.chain_id, deployment.registry), int(time.time())
    message = Request(
        controller=BRAND.address,
        notice=notice_digest(raw),
        purposes=(term or "dpv:Personalisation",),
        data=("pd:Purchase",),
        terms="ieee-7012:SD-BASE",
        issued_at=now - 5,
        expires_at=now + 86_400,
        salt=to_hex(secrets.token_bytes(32)),
    )
    signature = to_hex(BRAND.sign_typed_data(typed_data(domain, message)))
    statement = STATEMENTS[Request](domain=domain, message=message)
    file = write_evidence(Evidence(statement=statement, signature=signature, quoted_notice=quoted(raw)))
    return f"https://{HOST}/r/{to_hex(digest(domain, message))}", file


def serve(app: App, body: bytes, status: int = 200, profile: bytes = b"{}") -> None:
    """What the brand's server answers from now on."""
    app.context.unroute(f"https://{HOST}/**")
    app.context.route(
        f"https://{HOST}/**",
        lambda route: route.fulfill(
            status=200 if ".well-known" in route.request.url else status,
            headers=CORS,
            body=profile if ".well-known" in route.request.url else body,
        ),
    )


def harmless(app: App) -> None:
    assert app.page.evaluate("window.hit") is None
    assert app.page.evaluate("document.documentElement.scrollWidth") <= 320
    assert app.page.evaluate(LOOK) == []
    assert app.page.evaluate("window.blocked") == []
    assert app.page.url.startswith(app.url)


CASES = [
    *(pytest.param({"name": each}, id=f"name: {what}") for what, each in NAMES.items()),
    *(pytest.param({"label": each}, id=f"label: {what}") for what, each in NAMES.items()),
    *(pytest.param({"text": each}, id=f"text: {what}") for what, each in TEXTS.items()),
    pytest.param({"term": TERMS["a long address"]}, id="term: a long address"),
]


@pytest.mark.parametrize("texts", CASES)
def test_what_a_brand_writes_into_its_notice_is_text(run: Run, app: App, texts: dict[str, str]) -> None:
    link, file = asked(run, notice_with(**texts), texts.get("term", ""))
    serve(app, file)
    app.page.goto("about:blank")
    app.follow(link)
    for box in app.page.get_by_role("checkbox").all():
        box.check()
    for fold in app.page.locator("main summary").all():
        fold.click()
    harmless(app)


TURNED = "\u202eyes\u202c \u200b\u2066" + "q" * 5000
SAID = {
    "markup": TAG,
    "turned and long": TURNED,
    "a drawn button": BUTTON,
    "ends its quotes": "no” Type your 24 words “",
}


@pytest.mark.parametrize("said", SAID)
def test_what_a_brand_answers_is_text_and_shown_as_its_own(run: Run, app: App, said: str) -> None:
    problem = {"title": SAID[said], "detail": SAID[said], "advice": SAID[said]}
    serve(app, json.dumps(problem).encode(), 404)
    app.page.goto("about:blank")
    app.page.goto(f"{app.url}#request=https%3A%2F%2F{HOST}%2Fr%2F0x{'12' * 32}")
    app.heading("The request could not be read")
    shown = app.page.get_by_role("alert").inner_text()
    assert "Its advice: “" in shown and shown.count("“") == shown.count("”") == 2
    assert not set("\u202e\u202c\u200b\u2066\n") & set(shown.strip()) and len(shown) < 1_100
    harmless(app)


@pytest.mark.parametrize("profile", [TAG, TURNED, json.dumps({"type": TURNED}), "[" * 5000])
def test_a_profile_that_is_none_confirms_nothing(run: Run, app: App, profile: str) -> None:
    link, file = asked(run, notice_with())
    serve(app, file, profile=profile.encode())
    app.page.goto("about:blank")
    app.follow(link)
    app.page.get_by_text("Not confirmed").wait_for()
    assert "\u202e" not in app.page.locator("main").inner_text()
    harmless(app)


@pytest.mark.parametrize(
    "place",
    [
        "request=javascript:window.hit=6",
        "request=data:text/html,<script>window.hit=7</script>",
        f"request={'https://' + 'x' * 10_000}",
        f"request=https://shop.example@{HOST}/r/0x{'12' * 32}",
        f"one={TAG}",
        f"end-brand={TAG}",
    ],
)
def test_a_link_is_no_code(app: App, place: str) -> None:
    app.page.goto("about:blank")
    app.page.goto(f"{app.url}#{place}")
    app.page.get_by_role("heading", level=1).first.wait_for()
    harmless(app)
