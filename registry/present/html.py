"""HTML in which whatever is not markup of ours is escaped: nothing that a brand wrote can become markup."""

from __future__ import annotations

import html
from string import Template

from registry.present.text import visible


class Html(str):
    """Markup: the only text that goes into a page as it is."""

    __slots__ = ()


def escaped(text: str) -> Html:
    """The text as it is shown: markup and quotes escaped, control and bidirectional characters spelled out."""
    return text if isinstance(text, Html) else Html(html.escape(visible(text)))


def tag(name: str, *inside: str, **attributes: str | None) -> Html:
    """One element; an attribute that is None is left out. ``class_`` is ``class``, ``aria_label`` ``aria-label``."""
    given = {key.rstrip("_").replace("_", "-"): value for key, value in attributes.items()}
    written = {key: escaped(value) for key, value in given.items() if value is not None}
    start = "".join([name, *(f' {key}="{value}"' for key, value in written.items())])
    return Html(f"<{start}>{joined(*inside)}</{name}>")


def joined(*pieces: str) -> Html:
    """One after the other."""
    return Html("".join(map(escaped, pieces)))


def filled(words: str, **values: str) -> Html:
    """Words of ours whose ``$name`` are replaced; what is put in is not looked at again."""
    return Html(Template(escaped(words)).substitute({name: escaped(value) for name, value in values.items()}))
