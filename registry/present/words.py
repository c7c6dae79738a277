"""Our own words by language, from the JSON files in registry/data/pages.

``words.json`` has those that the terminal, the wallet's page and the evidence page share; a page adds its own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from functools import cache
from importlib.resources import files
from string import Template

Words = dict[str, dict[str, str]]
_MAX_ACCEPT = 500


@cache
def words_of(name: str = "words") -> Words:
    """Return the words of the file ``name``, and those that all share, by language and key."""
    texts: Words = json.loads((files("registry") / "data" / "pages" / f"{name}.json").read_bytes())
    if name == "words":
        return texts
    return {language: words_of()[language] | own for language, own in texts.items()}


def best_language(accept: str, known: Collection[str]) -> str:
    """Return the one of the ``known`` languages that an Accept-Language header prefers (RFC 9110, section 12.5.4).

    A regional tag stands for its language too, as zh-Hans for zh. English where it names none of them.
    """
    ranges = list[tuple[float, str]]()
    for part in accept[:_MAX_ACCEPT].lower().split(","):
        tag, _, weight = part.strip().partition(";q=")
        language, quality = tag.strip().partition("-")[0], _quality(weight)
        if language in known and quality > 0:
            ranges.append((quality, language))
    return max(ranges, key=lambda each: each[0], default=(0.0, "en"))[1]


def _quality(weight: str) -> float:
    if not weight:
        return 1.0
    return float(weight) if re.fullmatch(r"[01](\.[0-9]{0,3})?", weight.strip()) else 0.0


def say(key: str, *, page: str = "words", language: str = "en", **values: object) -> str:
    """Return our words for ``key``, each ``$name`` replaced by its value; values are not searched for names again."""
    return Template(words_of(page)[language][key]).substitute(values)
