"""A page of ours: its frame, its style and its words, which lie under registry/data/pages by the page's name.

``NAME.html``, ``NAME.css`` and ``NAME.json`` (the words by language). The style is named by its hash in the page's
Content-Security-Policy, which allows nothing else: no script, no font, no image, no request.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from functools import lru_cache
from hashlib import sha256
from importlib.resources import files
from string import Template

from registry.core.errors import InvalidInput
from registry.present.html import Html, filled, joined, tag


class Sheet:
    """One page in one language of ours; ``InvalidInput`` for a language that it is not written in."""

    def __init__(self, name: str, language: str) -> None:
        words = _words(name)
        if language not in words:
            raise InvalidInput(f"this page is not written in {language!r}", f"Choose one of {', '.join(words)}.")
        self.name, self.language, self._words = name, language, words[language]

    def say(self, key: str, **values: str) -> Html:
        """Our words for ``key``."""
        return filled(self._words[key], **values)

    def section(self, key: str, *inside: str) -> Html:
        """A part of the page under its heading."""
        return tag("section", tag("h2", self.say(key)), *inside)

    def rows(self, rows: Iterable[tuple[str, str]]) -> Html:
        """Names of ours, each with its value."""
        return tag("dl", *(joined(tag("dt", self.say(key)), tag("dd", value)) for key, value in rows))

    def whole(self, title: Html, *parts: Html) -> bytes:
        """The page, in UTF-8."""
        style = _part(f"{self.name}.css")
        policy = base64.b64encode(sha256(style.encode()).digest()).decode()
        frame = Template(_part(f"{self.name}.html"))
        body = "\n".join(parts)
        return frame.substitute(language=self.language, hash=policy, title=title, style=style, body=body).encode()


@lru_cache(maxsize=4)
def _words(name: str) -> dict[str, dict[str, str]]:
    words: dict[str, dict[str, str]] = json.loads(_part(f"{name}.json"))
    return words


def _part(name: str) -> str:
    return (files("registry") / "data" / "pages" / name).read_text("utf-8")
