"""The page behind a link that cannot be answered: what became of the request, and what to do. No script."""

from __future__ import annotations

from typing import Literal

from markupsafe import Markup

from registry.present.html import render_page

STYLE = "evidence"
Why = Literal["NotFound", "Withdrawn", "Answered", "Expired"]


def gone_html(why: Why, name: str, contact: str, until: int = 0, language: str = "en") -> bytes:
    """Return the page: UTF-8 HTML. ``name`` and ``contact`` are the brand's; it expired at ``until`` (unix seconds).

    ``language`` is that of our words; ``InvalidInput`` for one that we do not have.
    """
    command = Markup("<code>consent status</code>")
    values = {"why": why, "name": name, "contact": contact, "until": until, "command": command}
    return render_page("gone", language, values, STYLE)
