"""docs/architecture.svg is fresh and legible, and docs/architecture.md names what exists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree import ElementTree

import pytest

from scripts import architecture
from scripts.imports import HEIGHT, ROOT, package_imports

PAGE = (ROOT / "docs" / "architecture.md").read_text()
SVG = "{http://www.w3.org/2000/svg}"
# Pixels that a character takes at most on average, in the widest of the usual fonts.
CHARACTER = {"title": 11.0, "name": 8.5, "label": 8.0, "quiet": 6.7, "file": 7.3}
Box = tuple[float, float, float, float]


@pytest.fixture(scope="module")
def picture() -> ElementTree.Element:
    return ElementTree.fromstring(architecture.draw())


def test_the_picture_is_fresh() -> None:
    assert architecture.PICTURE.read_text("utf-8") == architecture.draw(), "run `make architecture`"


def test_every_package_is_in_the_picture_and_on_the_page(picture: ElementTree.Element) -> None:
    shown = {text.text for text in picture.iter(f"{SVG}text") if text.get("class") == "name"}
    packages = package_imports().keys() - {"__main__"}
    assert packages <= shown
    assert {package for package in packages if f"`{package}" not in PAGE} == set()


def test_the_page_gives_each_package_its_level() -> None:
    told = {package: int(level) - 1 for level, package in re.findall(r"^\| (\d+) \| `(\w+)` \|", PAGE, re.M)}
    assert told == {package: HEIGHT[package] for package in package_imports().keys() - {"__main__"}}


def test_no_text_leaves_its_box(picture: ElementTree.Element) -> None:
    boxes = [box_of(rect) for rect in picture.iter(f"{SVG}rect")]
    for text in picture.iter(f"{SVG}text"):
        x, y, width = float(text.get("x", 0)), float(text.get("y", 0)), width_of(text)
        inside = [box for box in boxes if box[0] <= x <= box[2] and box[1] <= y <= box[3]]
        assert x + width <= min(box[2] for box in inside), text.text


def test_no_boxes_overlap(picture: ElementTree.Element) -> None:
    boxes = [box_of(rect) for rect in picture.iter(f"{SVG}rect") if rect.get("class") == "box"]
    for number, (left, top, right, bottom) in enumerate(boxes):
        for other in boxes[:number]:
            assert right < other[0] or other[2] < left or bottom < other[1] or other[3] < top


def test_no_text_is_smaller_than_12_pixels() -> None:
    assert all(float(size) >= 12 for size in re.findall(r"([\d.]+)px", architecture.STYLE))


def test_the_paths_on_the_page_exist() -> None:
    paths = re.findall(r"`((?:registry|contracts|scripts|tests|docs)/[\w/.-]+)`", PAGE)
    assert len(paths) > 20
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_the_page_is_short() -> None:
    assert len(PAGE.splitlines()) < 150


def box_of(rect: ElementTree.Element) -> Box:
    """Return left, top, right and bottom."""
    x, y, width, height = (float(rect.get(name, 0)) for name in ("x", "y", "width", "height"))
    return x, y, x + width, y + height


def width_of(text: ElementTree.Element) -> float:
    """Return an estimate of the text's width, from its characters."""
    return sum(CHARACTER[style] * len(words) + dx for style, words, dx in parts_of(text))


def parts_of(text: ElementTree.Element) -> Iterator[tuple[str, str, float]]:
    yield text.get("class", ""), text.text or "", 0
    for part in text:
        yield part.get("class", ""), part.text or "", float(part.get("dx", 0))
