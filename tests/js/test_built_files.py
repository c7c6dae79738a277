"""What ships for browsers is what `make js` makes of the sources, and runs under a strict policy."""

from __future__ import annotations

import gzip
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from scripts import build_js
from scripts.node_packages import JS_FOLDER

BUILT = build_js.files_below(build_js.OUTPUT)
PAGES = [name for name in BUILT if name.endswith(".html")]
FIRST_LOAD = 110_000
BUTTON = 15_000
WALLET = 68_000


def packed(name: str) -> int:
    return len(gzip.compress(BUILT[name], 9))


class Seen(HTMLParser):
    """What a page loads, and what it holds that the policy forbids."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.loads, self.forbidden, self._open = list[str](), list[str](), ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self._open = tag
        self.forbidden += [f"{name}=" for name in given if name == "style" or name.startswith("on")]
        if tag == "style":
            self.forbidden.append(tag)
        if tag == "script" or given.get("rel") in ("stylesheet", "modulepreload"):
            self.loads.append(given.get("src") or given.get("href") or "")

    def handle_data(self, data: str) -> None:
        if self._open == "script" and data.strip():
            self.forbidden.append("script")


def test_what_ships_is_fresh(tmp_path: Path) -> None:
    build_js.check()
    build_js.build(tmp_path)
    made = build_js.files_below(tmp_path)
    stale = [name for name in made.keys() | BUILT.keys() if made.get(name) != BUILT.get(name)]
    assert sorted(stale) == [], "run `make js`"


def test_two_builds_are_equal_wherever_the_sources_lie(tmp_path: Path) -> None:
    """No path of a machine and no time is in what ships."""
    for name, raw in BUILT.items():
        assert str(JS_FOLDER).encode() not in raw and b"/tmp/" not in raw and b"node_modules" not in raw, name


@pytest.mark.parametrize("page", PAGES)
def test_a_page_holds_no_script_and_no_style_of_its_own(page: str) -> None:
    seen = Seen(BUILT[page].decode())
    assert seen.forbidden == []
    folder = page.rpartition("/")[0]
    for each in seen.loads:
        assert re.fullmatch(r"\./(assets/)?[\w.-]+", each), each
        assert f"{folder}/{each.removeprefix('./')}" in BUILT


@pytest.mark.parametrize("name", [name for name in BUILT if name.endswith(".js")])
def test_no_script_makes_code_from_text(name: str) -> None:
    script = BUILT[name].decode()
    for made in (r"\beval\(", r"\bnew Function\(", r"\bimport\(`?\"?data:", r"\bdocument\.write\("):
        assert not re.search(made, script), made


def test_licences_of_others_ship_with_their_code() -> None:
    assert b"Svelte" in BUILT["app/LICENSES.md"] or b"svelte" in BUILT["app/LICENSES.md"]


def test_the_wallet_page_is_three_files() -> None:
    """Its server lists them, and asks for no other."""
    names = {name.removeprefix("wallet/") for name in BUILT if name.startswith("wallet/")}
    assert names == {"index.html", "page.js", "page.css", "LICENSES.md"}
    assert b"import(" not in BUILT["wallet/page.js"]
    assert packed("wallet/page.js") + packed("wallet/page.css") < WALLET


def test_the_app_loads_little_at_first() -> None:
    loads = Seen(BUILT["app/index.html"].decode()).loads
    names = ["app/index.html", *(f"app/{each.removeprefix('./')}" for each in loads)]
    assert len(names) > 2 and sum(map(packed, names)) < FIRST_LOAD


def test_the_button_is_one_small_file() -> None:
    code = [name for name in BUILT if name.startswith("button/") and name.endswith((".js", ".css"))]
    assert code == ["button/consent-button.js"]
    assert packed(code[0]) < BUTTON
    assert b"import" not in re.sub(rb"important", b"", BUILT[code[0]])
