"""Pages from the Jinja2 templates in registry/data/pages. Only template text and `Markup` can become markup.

A page has three files there: ``NAME.html``, ``NAME.css`` and ``NAME.json`` (its words by language). The pages of an
export have the style of the evidence page.
"""

from __future__ import annotations

import base64
from functools import lru_cache, partial
from hashlib import sha256
from importlib.resources import files
from itertools import chain, zip_longest
from string import Template
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup, escape

from registry.core.errors import InvalidInput
from registry.core.scalars import format_utc
from registry.present.text import DATE, visible
from registry.present.words import words_of

_NOTHING_MORE = "form-action 'none'; frame-ancestors 'none'"


def render_page(name: str, language: str, values: dict[str, Any], style: str = "") -> bytes:
    """Render the page ``name`` with our words in ``language``: UTF-8 HTML. ``style`` names a page whose style it has.

    The Content-Security-Policy names the style by its hash and allows nothing else: no script, font, image or request.
    Raises ``InvalidInput`` for a language that the page is not written in.
    """
    words = words_of(name)
    if language not in words:
        raise InvalidInput(f"this page is not written in {language!r}", f"Choose one of {', '.join(words)}.")
    look = _read(f"{style or name}.css")
    frame = {
        "language": language,
        "style": Markup(look),  # noqa: S704 - our own file
        "style_hash": _hash(look),
        "say": partial(_say, words[language]),
    }
    return _environment().get_template(f"{name}.html").render(values | frame).encode()


def style_policy(name: str) -> str:
    """Return the Content-Security-Policy, as a header, of a page with this style: nothing else is allowed."""
    return f"default-src 'none'; style-src 'sha256-{_hash(_read(f'{name}.css'))}'; base-uri 'none'; {_NOTHING_MORE}"


def _hash(style: str) -> str:
    return base64.b64encode(sha256(style.encode()).digest()).decode()


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        loader=FunctionLoader(_read),
        finalize=_escaped,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["utc"] = lambda time: _dated(format_utc(time))
    environment.filters["dated"] = _dated
    return environment


def _escaped(value: object) -> Markup:
    """Escape markup and spell out control and bidirectional characters, unless the value is markup already."""
    return value if isinstance(value, Markup) else escape(visible(str(value)))


def _dated(text: str) -> Markup:
    """Escape the text, and keep each date and time on one line: browsers break a line at a hyphen."""
    pieces = DATE.split(text)
    marked = [Markup("<time>{}</time>").format(_escaped(each)) for each in pieces[1::2]]
    return Markup("").join(chain.from_iterable(zip_longest(map(_escaped, pieces[::2]), marked, fillvalue="")))


def _say(words: dict[str, str], key: str, **values: object) -> Markup:
    """Our words for ``key``, each ``$name`` replaced by its value; values are not searched for names again."""
    text = Template(_escaped(words[key])).substitute({name: _escaped(value) for name, value in values.items()})
    return Markup(text)  # noqa: S704 - words and values are escaped


def _read(file: str) -> str:
    return (files("registry") / "data" / "pages" / file).read_text("utf-8")
