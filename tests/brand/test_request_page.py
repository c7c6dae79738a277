"""The page behind a link, as the service serves it, in real Chromium: in the reader's language, with a code to scan."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import segno

from registry.brand.qr import svg_file, svg_of, text_of
from registry.brand.records import Asked
from registry.core.scalars import to_hex
from registry.present.words import best_language, words_of
from scripts.node_packages import ensure_node_modules
from tests.support.served_brand import ServedBrand, served_brand

LANGUAGES = ("de", "en", "fr", "zh")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedBrand]:
    with served_brand(tmp_path_factory.mktemp("page")) as made:
        yield made


@pytest.fixture(scope="module")
def path(served: ServedBrand) -> str:
    return served.ask()[1].removeprefix("https://aurelle.example")


@contextmanager
def opened(chromium: Any, url: str, *said: str, **context: Any) -> Iterator[Any]:
    """Open a page; a further request, or a message on the console other than these, fails the test."""
    window = chromium.new_context(**context)
    shown, complaints, asked = window.new_page(), [], []
    shown.set_default_timeout(5_000)
    shown.on("console", lambda message: complaints.append(message.text))
    shown.on("pageerror", lambda error: complaints.append(str(error)))
    shown.on("request", lambda request: asked.append(request.url))
    shown.goto(url)
    try:
        yield shown
        assert (asked, complaints) == ([url], [*said])
    finally:
        window.close()


@pytest.mark.slow
@pytest.mark.parametrize("language", LANGUAGES)
def test_it_speaks_the_readers_language(chromium: Any, served: ServedBrand, path: str, language: str) -> None:
    with opened(chromium, served.url + path, locale=f"{language}-XX") as shown:
        words = words_of("request")[language]
        assert shown.locator("html").get_attribute("lang") == language
        assert shown.locator(".kind").inner_text() == words["kind"]
        assert words["qr.text"] in shown.locator("main").inner_text()
        assert f"consent grant https://aurelle.example{path}" in shown.locator("main").inner_text()


@pytest.fixture(scope="module")
def gone(served: ServedBrand) -> dict[str, str]:
    """Paths that lead to no open request, by why."""
    asked, _ = served.ask(more={"now": "withdrawn"})
    served.api.brand.store.withdraw(asked.digest, 1)
    answered, expired = bytes([1]) * 32, bytes([2]) * 32
    for digest, until, who in ((answered, 2**40, b"\x01" * 20), (expired, 1_700_000_000, b"")):
        served.api.brand.store.publish(Asked(digest, b"file", True, 1, until, answered_by=who))
    named = {"Withdrawn": asked.digest, "Answered": answered, "Expired": expired, "NotFound": bytes(32)}
    return {why: f"/r/{to_hex(digest)}" for why, digest in named.items()}


@pytest.mark.slow
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("why", ["Withdrawn", "Answered", "Expired", "NotFound"])
def test_a_link_that_is_over_says_so(
    chromium: Any, served: ServedBrand, gone: dict[str, str], language: str, why: str
) -> None:
    script = (ensure_node_modules() / "axe-core" / "axe.min.js").read_text("utf-8")
    status = "404 (Not Found)" if why == "NotFound" else "410 (Gone)"
    said = f"Failed to load resource: the server responded with a status of {status}"
    look: Any = "light" if language in ("en", "zh") else "dark"
    how: dict[str, Any] = {"viewport": {"width": 320, "height": 800}, "color_scheme": look}
    with opened(chromium, served.url + gone[why], said, locale=f"{language}-XX", **how) as shown:
        words = words_of("gone")[language]
        assert shown.locator("html").get_attribute("lang") == language
        assert shown.locator("h1").inner_text() == words[f"title.{why}"]
        text = shown.locator("main").inner_text()
        assert "consent status" in text and ("Maison Aurelle" in text) and "$" not in text
        assert ("2023-11-14" in text) == (why == "Expired")
        assert shown.evaluate("document.documentElement.scrollWidth") <= 320
        shown.evaluate(script)
        assert shown.evaluate("axe.run().then((result) => result.violations.map((one) => one.id))") == []


@pytest.mark.slow
@pytest.mark.parametrize("width", [320, 768, 1280])
@pytest.mark.parametrize("colours", ["light", "dark"])
def test_the_code_can_be_scanned_wherever_it_is_shown(
    chromium: Any, served: ServedBrand, path: str, width: int, colours: Any
) -> None:
    how: dict[str, Any] = {"viewport": {"width": width, "height": 800}, "color_scheme": colours}
    with opened(chromium, served.url + path, **how) as shown:
        box = shown.locator("[role=img] svg").bounding_box()
        assert box["width"] == box["height"] >= 160 and box["x"] + box["width"] <= width
        paths = shown.locator("[role=img] svg path")
        ground, modules = paths.first, paths.last
        assert ground.evaluate("e => getComputedStyle(e).fill") == "rgb(255, 255, 255)"
        assert modules.evaluate("e => getComputedStyle(e).stroke") == "rgb(0, 0, 0)"
        assert shown.locator("[role=img]").get_attribute("aria-label") == words_of("request")["en"]["qr.name"]
        assert shown.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.slow
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("colours", ["light", "dark"])
def test_axe_finds_nothing(chromium: Any, served: ServedBrand, path: str, language: str, colours: Any) -> None:
    script = (ensure_node_modules() / "axe-core" / "axe.min.js").read_text("utf-8")
    with opened(chromium, served.url + path, locale=f"{language}-XX", color_scheme=colours) as shown:
        shown.evaluate(script)
        found = shown.evaluate("axe.run().then((result) => result.violations)")
        assert [f"{one['id']}: {node['html'][:120]}" for one in found for node in one["nodes"]] == []


def test_the_code_holds_the_link_and_nothing_else() -> None:
    link = "https://aurelle.example/r/0x" + "ab" * 32
    rows = [bytes(row) for row in segno.make(link, error="m", micro=False).matrix]
    assert _modules(svg_of(link), len(rows)) == rows
    assert "style" not in svg_of(link) and "script" not in svg_of(link)
    assert svg_file(link).startswith(b"<?xml") and len(text_of(link)) == (len(rows) + 4 + 1) // 2
    assert svg_of(link) != svg_of(link + "0")


def _modules(svg: str, size: int) -> list[bytes]:
    """Draw the path of a code again: rows of modules, 1 for dark."""
    grid = [bytearray(size) for _ in range(size)]
    drawn = re.findall(r' d="(M[^"]*h[^"]*)"', svg)[-1]
    x = y = 0.0
    for kind, numbers in re.findall(r"([Mmh])([-0-9. ]+)", drawn):
        values = [float(each) for each in re.findall(r"-?[0-9.]+", numbers)]
        if kind == "M":
            x, y = values
        elif kind == "m":
            x, y = x + values[0], y + values[1]
        else:
            for column in range(int(x), int(x + values[0])):
                grid[int(y) - 4][column - 4] = 1
            x += values[0]
    return [bytes(row) for row in grid]


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("", "en"),
        ("*", "en"),
        ("de", "de"),
        ("zh-Hans-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("pt-BR,fr;q=0.5,de;q=0.7", "de"),
        ("fr;q=0,en;q=0.1", "en"),
        ("FR-be", "fr"),
        ("de;q=nan,fr;q=0.1", "fr"),
        ("de;q=1e9, ,;;=", "en"),
        ("en," * 100_000, "en"),
    ],
)
def test_the_language_that_a_browser_asks_for(accept: str, chosen: str) -> None:
    assert best_language(accept, words_of("request")) == chosen


def test_another_language_is_another_answer(served: ServedBrand, path: str) -> None:
    headers = {"Accept": "text/html", "Accept-Language": "de-CH"}
    answer = served.api.public.get(path, headers=headers)
    assert answer.headers["content-language"] == "de" and "Accept-Language" in answer.headers["vary"]
    assert "bittet um Erlaubnis" in answer.text
