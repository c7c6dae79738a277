"""Our own words by language, from the JSON files in registry/data/pages.

``words.json`` has those that the terminal, the wallet's page and the evidence page share; a page adds its own.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from string import Template

Words = dict[str, dict[str, str]]


@cache
def words_of(name: str = "words") -> Words:
    """Return the words of the file ``name``, and those that all share, by language and key."""
    texts: Words = json.loads((files("registry") / "data" / "pages" / f"{name}.json").read_bytes())
    if name == "words":
        return texts
    return {language: words_of()[language] | own for language, own in texts.items()}


def say(key: str, *, page: str = "words", language: str = "en", **values: object) -> str:
    """Return our words for ``key``, each ``$name`` replaced by its value; values are not searched for names again."""
    return Template(words_of(page)[language][key]).substitute(values)
