"""The person's app for everybody: each screen by axe, small and large, right to left, printed, and by keyboard."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from itertools import pairwise, product
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.support.app_screens import LANGUAGES, PHRASE, WORDS, Walk
from tests.support.app_stage import App
from tests.support.devnet_runs import Run
from tests.support.soak import SOAK

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="what is left running is looked up in /proc"),
]
LOOKS = list(product(LANGUAGES, ("light", "dark")))
NARROW, WIDE = {"width": 320, "height": 640}, {"width": 1280, "height": 800}


@pytest.fixture
def walk(run: Run, chromium: Any) -> Iterator[Walk]:
    """A new person's way through the app; no page of it may fail."""
    # Without motion no colour is measured in the middle of a change.
    app = App(chromium, f"{run.ready['app']}/", viewport=WIDE, reduced_motion="reduce")
    yield Walk(app, run.ready["request"], run.ready["notary"])
    app.close()
    assert app.troubles == []


def speak(app: App, language: str, scheme: str) -> None:
    app.page.emulate_media(color_scheme=scheme)
    app.page.locator("header select").select_option(language)
    app.page.wait_for_function("tag => document.documentElement.lang === tag", arg=language)


def too_wide(app: App) -> list[str]:
    """What reaches over the right or the left edge of the window."""
    found: list[str] = app.page.evaluate(_TOO_WIDE)
    return found


_TOO_WIDE = """() => [...document.querySelectorAll("body *")].filter((each) => {
  const box = each.getBoundingClientRect();
  return box.width > 1 && (box.right > document.documentElement.clientWidth + 1 || box.left < -1);
}).map((each) => each.outerHTML.slice(0, 120))"""
# Text that is cut by the box that it is in, and boxes of controls that lie on each other.
_CUT = """() => [...document.querySelectorAll("main *, header *")].filter((each) => {
  const style = getComputedStyle(each);
  const hides = style.overflowX !== "visible" && style.clipPath === "none" && style.textOverflow !== "ellipsis";
  return hides && (each.scrollWidth > each.clientWidth + 1 || each.scrollHeight > each.clientHeight + 1);
}).map((each) => each.outerHTML.slice(0, 120))"""
_LYING_ON_EACH_OTHER = """() => {
  const all = [...document.querySelectorAll("a, button, input, select, summary, textarea, label, h1, h2, p, dd")]
    .filter((each) => each.checkVisibility() && !each.closest(".skip, .unseen") && !each.matches(".unseen"));
  const boxes = all.map((each) => [each, each.getBoundingClientRect()])
    .filter(([, box]) => box.width > 1 && box.height > 1);
  const over = (one, other) => Math.min(one.right, other.right) - Math.max(one.left, other.left) > 1
    && Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top) > 1;
  return boxes.flatMap(([one, box], at) => boxes.slice(at + 1)
    .filter(([other, its]) => !one.contains(other) && !other.contains(one) && over(box, its))
    .map(([other]) => `${one.outerHTML.slice(0, 80)} lies on ${other.outerHTML.slice(0, 80)}`));
}"""
_CONTROLS = "button, a[href], input, select, textarea, summary"


def resized(app: App, size: dict[str, int], percent: int = 100) -> None:
    app.page.set_viewport_size(size)
    app.page.evaluate("size => void (document.documentElement.style.fontSize = size)", f"{percent}%")


def right_to_left(app: App, direction: str) -> None:
    app.page.evaluate("direction => void (document.documentElement.dir = direction)", direction)


def nameless(app: App) -> list[str]:
    """Controls without a name in what a screen reader gets."""
    tree = app.page.locator("body").aria_snapshot()
    roles = "button|link|textbox|checkbox|radio|combobox|searchbox|heading"
    return [line for line in tree.splitlines() if re.match(rf"\s*- (?:{roles})(?! \")\b", line)]


def outline(app: App) -> list[str]:
    """The headings and landmarks, as a screen reader lists them."""
    return str(app.page.evaluate(_OUTLINE)).split()


_OUTLINE = """() => [...document.querySelectorAll("header, nav, main, h1, h2, h3")]
  .filter((each) => each.checkVisibility()).map((each) => each.tagName.toLowerCase()).join(" ")"""


def check_structure(app: App) -> None:
    """One heading of the first rank, no rank left out, one main part, a title, and a name for all that can be used."""
    tags = outline(app)
    ranks = [int(tag[1]) for tag in tags if tag[0] == "h" and tag[1:].isdigit()]
    assert ranks[0] == 1 and ranks.count(1) == 1
    assert all(later <= rank + 1 for rank, later in pairwise(ranks))
    assert tags.count("main") == 1 and tags.index("main") < tags.index("h1")
    assert app.page.title().startswith(app.page.locator("h1").inner_text())
    assert nameless(app) == []


def check_sizes(app: App) -> None:
    """Nothing is cut or reaches over the edge: at 400 % zoom, with text at 200 %, and from right to left."""
    resized(app, NARROW)
    assert too_wide(app) == []
    right_to_left(app, "rtl")
    assert (too_wide(app), app.page.evaluate(_LYING_ON_EACH_OTHER)) == ([], [])
    right_to_left(app, "ltr")
    resized(app, WIDE, 200)
    assert (too_wide(app), app.page.evaluate(_CUT), app.page.evaluate(_LYING_ON_EACH_OTHER)) == ([], [], [])
    resized(app, WIDE)


def check_forced_colours(app: App) -> None:
    """With the reader's own colours each control that is no plain link or button still has an edge."""
    app.page.emulate_media(forced_colors="active")
    assert app.page.evaluate(_WITHOUT_EDGE) == []
    app.page.emulate_media(forced_colors="none")


_WITHOUT_EDGE = """() => [...document.querySelectorAll("button:not(.plain), .button, select, textarea, main input")]
  .filter((each) => each.checkVisibility() && !each.closest(".skip, .unseen") && !each.matches(".unseen"))
  .filter((each) => !["checkbox", "radio"].includes(each.type) && parseFloat(getComputedStyle(each).borderTopWidth) < 1)
  .map((each) => each.outerHTML.slice(0, 120))"""


def test_every_screen_can_be_read_by_everybody(walk: Walk, tmp_path: Path) -> None:
    """Each screen in one language and one pair of colours by default, in a soak in all of them."""
    app, seen = walk.app, []
    for at, name in enumerate(walk.screens()):
        seen.append(name)
        check_structure(app)
        for language, scheme in LOOKS if SOAK else [LOOKS[(3 * at) % len(LOOKS)]]:
            speak(app, language, scheme)
            assert app.faults() == [], (name, language, scheme)
            check_sizes(app)
        check_forced_colours(app)
        if name == "receipt":
            check_paper(app, tmp_path / "receipt.pdf")
        speak(app, "en", "light")
    assert len(seen) == len(set(seen)) > 20


def check_paper(app: App, path: Path) -> None:
    """A printed receipt is one page, in black, with all that identifies it and nothing to press."""
    app.page.emulate_media(media="print", color_scheme="light")
    shown = app.page.locator("body").inner_text()
    for text in (
        "0x",
        "consent verify",
        app.page.locator("h1").inner_text(),
        app.page.locator("blockquote").inner_text(),
    ):
        assert text in shown
    assert not any(each.is_visible() for each in app.page.locator("header, button, a").all())
    app.page.pdf(path=path, format="A4")
    assert len(re.findall(rb"/Type\s*/Page\b", path.read_bytes())) == 1
    app.page.emulate_media(media="null")


class Keyboard:
    """A person without a mouse."""

    def __init__(self, app: App) -> None:
        self.app, self.keys = app, app.page.keyboard

    def at_heading(self, text: str) -> None:
        """The new screen's heading has the focus."""
        self.app.heading(text)
        self.app.page.wait_for_function("() => document.activeElement?.tagName === 'H1'")

    def to(self, text: str) -> None:
        """Go on by Tab to what has this name. Each stop must be seen."""
        for _ in range(60):
            self.keys.press("Tab")
            found = self.app.page.evaluate(_FOCUSED)
            assert found["isSeen"], found
            if text in found["name"]:
                return
        raise AssertionError(f"Tab does not lead to {text}")

    def use(self, text: str, key: str = "Enter") -> None:
        self.to(text)
        self.keys.press(key)


_FOCUSED = """() => {
  const at = document.activeElement;
  const shown = at.matches(".unseen") ? at.closest("label") : at;
  const style = getComputedStyle(shown), box = shown.getBoundingClientRect();
  const isInWindow = box.width > 1 && box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
  const isRinged = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  const isSeen = at === document.body || (isRinged && isInWindow);
  const name = at === document.body ? "" : at.ariaLabel || at.labels?.[0]?.innerText || at.innerText || at.name;
  return { name, isSeen, tag: at.outerHTML.slice(0, 120) };
}"""


def stops(keyboard: Keyboard) -> int:
    """How many controls Tab reaches until it begins again."""
    seen: list[str] = []
    for _ in range(80):
        keyboard.keys.press("Tab")
        tag = keyboard.app.page.evaluate(_PLACE)
        if tag in seen:
            return len([each for each in seen if each != "-1"])
        seen.append(tag)
    raise AssertionError("Tab never comes round")


_PLACE = f"""() => String([...document.querySelectorAll("{_CONTROLS}")].indexOf(document.activeElement))"""


def test_the_whole_story_without_a_mouse(walk: Walk) -> None:
    app, keyboard = walk.app, Keyboard(walk.app)
    app.follow(walk.request)
    keyboard.at_heading("asks you")
    assert stops(keyboard) == app.page.evaluate(_HOW_MANY)
    app.page.reload()
    keyboard.at_heading("asks you")
    for box in app.page.get_by_role("checkbox").all():
        keyboard.use(app.page.locator(f"label[for={box.get_attribute('id')}]").inner_text(), "Space")
    keyboard.to(WORDS["ask.long"])
    keyboard.keys.press("ArrowUp")
    keyboard.use(WORDS["ask.allow"])
    keyboard.at_heading(WORDS["welcome.title"])
    keyboard.use(WORDS["welcome.passphrase"])
    keyboard.at_heading(WORDS["passphrase.title"])
    for label in ("passphrase.label", "passphrase.repeat"):
        keyboard.to(WORDS[label])
        keyboard.keys.insert_text(PHRASE)
    keyboard.keys.press("Enter")
    keyboard.at_heading(WORDS["words.title"])
    words = app.page.locator("ol li").all_inner_texts()
    keyboard.use(WORDS["words.done"], "Space")
    keyboard.at_heading(WORDS["words.check.title"])
    for number in re.findall(r"\d+", " ".join(app.page.locator("form label").all_inner_texts())):
        keyboard.to(WORDS["words.check.label"].replace("{number}", number))
        keyboard.keys.insert_text(words[int(number) - 1])
    keyboard.keys.press("Enter")
    keyboard.at_heading(WORDS["sign.grant"])
    keyboard.use(WORDS["sign.do"])
    keyboard.at_heading(WORDS["go.done"])
    keyboard.use(WORDS["go.toreceipt"])
    keyboard.at_heading(WORDS["receipt.title"])
    keyboard.use(WORDS["app"])
    keyboard.at_heading(WORDS["list.title"])
    assert stops(keyboard) == app.page.evaluate(_HOW_MANY)
    keyboard.use("shop.example")
    app.page.wait_for_function("() => document.activeElement?.tagName === 'H1' && location.hash.startsWith('#one')")
    keyboard.use(WORDS["one.end"])
    app.page.wait_for_function("() => document.activeElement?.tagName === 'H1' && location.hash.startsWith('#end')")
    keyboard.use(WORDS["end.do"])
    app.heading(WORDS["end.done"])


_HOW_MANY = f"""() => [...document.querySelectorAll("{_CONTROLS}")]
  .filter((each) => !each.disabled && each.checkVisibility()).length"""


def test_nothing_moves_for_who_wants_no_motion(walk: Walk) -> None:
    app = walk.app
    app.page.emulate_media(reduced_motion="reduce")
    app.page.route("**/config.json", lambda route: None)
    app.page.goto(f"{app.url}#request=" + quote(walk.request, safe=""))
    app.page.locator(".turning").wait_for()
    moving = "() => document.getAnimations().filter((each) => each.playState === 'running').length"
    assert app.page.evaluate(moving) == 0
    app.page.emulate_media(reduced_motion="no-preference")
    assert app.page.evaluate(moving) == 1
