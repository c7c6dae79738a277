"""The page in Chromium makes no request and logs no error, on a phone, a desktop and A4 paper, light and dark."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from registry.core.evidence.file import Evidence
from tests.support.builders import evidence_of, grant_message
from tests.support.page_cases import CASES, MARKUP, branded, page

pytestmark = pytest.mark.slow

LONG = "Donaudampfschifffahrtsgesellschaft" * 20
ARABIC = "أسمح لكم"
WHITE, INK = "rgb(255, 255, 255)", "rgb(29, 36, 40)"


class _Handler(SimpleHTTPRequestHandler):
    asked: list[str]

    def log_message(self, *_: object) -> None:
        self.asked.append(self.path)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str, list[str]]]:
    """A served folder, its address, and the requests that it got."""
    asked: list[str] = []
    handler = partial(type("Handler", (_Handler,), {"asked": asked}), directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield tmp_path, f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join(10)


@contextmanager
def opened(chromium: Any, served: tuple[Path, str, list[str]], evidence: Evidence, **context: Any) -> Iterator[Any]:
    """Open the page of this evidence in a new window; any further request or console message fails the test."""
    folder, address, asked = served
    (folder / "page.html").write_text(page(evidence), "utf-8")
    window = chromium.new_context(**context)
    shown, complaints = window.new_page(), []
    shown.on("console", lambda message: complaints.append(message.text))
    shown.on("pageerror", lambda error: complaints.append(str(error)))
    shown.on("dialog", lambda dialog: (complaints.append(dialog.message), dialog.dismiss()))
    shown.on("request", lambda request: asked.append(request.url))
    shown.goto(f"{address}/page.html")
    try:
        yield shown
        assert sorted(asked) == ["/page.html", f"{address}/page.html"] and complaints == []
    finally:
        window.close()


def style(shown: Any, selector: str, name: str) -> str:
    found: str = shown.evaluate("([s, n]) => getComputedStyle(document.querySelector(s))[n]", [selector, name])
    return found


@pytest.mark.parametrize("name", CASES)
def test_it_draws_itself_alone(chromium: Any, served: Any, name: str) -> None:
    with opened(chromium, served, CASES[name]) as shown:
        assert style(shown, "main", "backgroundColor") == WHITE
        assert shown.title() == shown.locator("h1").inner_text()
        assert shown.locator("details[open]").count() == 0 and shown.locator("section").count() >= 6


@pytest.mark.parametrize("width", [320, 375, 768, 1280])
@pytest.mark.parametrize("case", ["accepted", "long"])
def test_nothing_sticks_out(chromium: Any, served: Any, width: int, case: str) -> None:
    evidence = branded(LONG) if case == "long" else CASES[case]
    with opened(chromium, served, evidence, viewport={"width": width, "height": 700}) as shown:
        assert shown.evaluate("document.documentElement.scrollWidth") <= width
        for box in shown.evaluate("[...document.querySelectorAll('main *')].map(e => e.getBoundingClientRect().right)"):
            assert box <= width


def test_dark_on_screen_and_light_on_paper(chromium: Any, served: Any) -> None:
    with opened(chromium, served, CASES["accepted"], color_scheme="dark") as shown:
        assert style(shown, "main", "backgroundColor") != WHITE and style(shown, "main", "color") != INK
        shown.emulate_media(media="print", color_scheme="dark")
        assert (style(shown, "main", "backgroundColor"), style(shown, "main", "color")) == (WHITE, INK)


def test_on_paper_all_is_open_and_it_is_a4(chromium: Any, served: Any) -> None:
    with opened(chromium, served, CASES["accepted"]) as shown:
        assert not shown.locator("pre").first.is_visible()
        shown.emulate_media(media="print")
        for pre in shown.locator("pre").all():
            assert pre.bounding_box()["height"] > 100
        paper = shown.pdf(prefer_css_page_size=True)
    sizes = [tuple(map(float, size.split())) for size in re.findall(rb"/MediaBox \[([^\]]+)\]", paper)]
    assert 2 <= len(sizes) <= 6
    for size in sizes:
        assert size == pytest.approx((0, 0, 595.3, 841.9), abs=1)


@pytest.mark.parametrize("statement", [None, MARKUP], ids=["notice", "sentence"])
def test_markup_of_a_brand_is_shown_as_it_is_written(chromium: Any, served: Any, statement: str | None) -> None:
    evidence = branded(MARKUP) if statement is None else evidence_of(grant_message(statement=statement))
    with opened(chromium, served, evidence) as shown:
        assert MARKUP in shown.locator("blockquote").inner_text()
        assert shown.locator("script, img, a, iframe, form, [onclick], [onerror], main style").count() == 0


def test_arabic_runs_from_right_to_left(chromium: Any, served: Any) -> None:
    with opened(chromium, served, branded(ARABIC, "ar")) as shown:
        assert style(shown, "blockquote p", "direction") == "rtl"
        assert style(shown, "dd[lang=ar]", "direction") == "rtl" and style(shown, "h1", "direction") == "ltr"


def test_the_keyboard_opens_what_is_folded(chromium: Any, served: Any) -> None:
    with opened(chromium, served, CASES["request"]) as shown:
        shown.keyboard.press("Tab")
        shown.keyboard.press("Enter")
        assert shown.locator("details[open]").count() == 1
