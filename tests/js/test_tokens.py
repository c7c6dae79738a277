"""The tokens of js/style: text and controls have the contrast that WCAG 2.2 AA asks for, light and dark."""

from __future__ import annotations

import re

import pytest

from scripts.node_packages import JS_FOLDER

TOKENS = (JS_FOLDER / "style" / "tokens.css").read_text("utf-8")
BASE = (JS_FOLDER / "style" / "base.css").read_text("utf-8")
SURFACES = ("paper", "surface", "sunken")
TEXT = [
    (text, ground) for text in ("ink", "quiet", "accent", "accent-hover", "good", "warn", "bad") for ground in SURFACES
]
TEXT += [("on-accent", "accent"), ("on-accent", "accent-hover"), ("on-bad", "bad"), ("ink", "accent-soft")]
TEXT += [("accent", "accent-soft")]
TEXT += [(text, f"{state}-soft") for state in ("good", "warn", "bad") for text in (state, "ink")]
# Edges of controls and the ring of focus (WCAG 1.4.11).
SHAPES = [(shape, ground) for shape in ("edge", "focus", "accent", "bad") for ground in SURFACES]


def colours(scheme: str) -> dict[str, str]:
    light, dark = TOKENS.split("@media screen and (prefers-color-scheme: dark)", 1)
    found = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", light))
    return found if scheme == "light" else found | dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", dark))


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Return the ratio of WCAG 2.2, from 1 to 21."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_the_ratio_is_that_of_the_standard() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read(scheme: str) -> None:
    known = colours(scheme)
    weak = {pair: round(contrast(known[pair[0]], known[pair[1]]), 2) for pair in TEXT}
    assert {pair: ratio for pair, ratio in weak.items() if ratio < 4.5} == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_controls_can_be_seen(scheme: str) -> None:
    known = colours(scheme)
    weak = {pair: round(contrast(known[pair[0]], known[pair[1]]), 2) for pair in SHAPES}
    assert {pair: ratio for pair, ratio in weak.items() if ratio < 3} == {}


def test_directions_are_logical_so_that_right_to_left_holds() -> None:
    physical = (
        r"\b(margin|padding|border|inset)-(left|right|top|bottom)\b|(?<![\w-])(left|right|top|bottom|width|height)\s*:"
    )
    assert re.findall(physical, TOKENS + BASE) == []
    assert not re.search(r"text-align:\s*(left|right)", TOKENS + BASE)


def test_lengths_lie_on_a_grid_of_four_pixels() -> None:
    steps = re.findall(r"--s(\d+): ([\d.]+)rem;", TOKENS)
    assert len(steps) >= 10 and all(float(rem) * 16 == 4 * int(number) for number, rem in steps)
