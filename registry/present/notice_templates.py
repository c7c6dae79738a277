"""Complete notices to begin with, in English and French: `registry/data/notice_templates.json`."""

from __future__ import annotations

import json
from functools import lru_cache
from importlib.resources import files
from typing import Any

from registry.core.errors import InvalidInput

LANGUAGES = ("en", "fr")


@lru_cache(maxsize=1)
def _shipped() -> dict[str, Any]:
    document: dict[str, Any] = json.loads((files("registry") / "data" / "notice_templates.json").read_bytes())
    return document


def cases() -> list[str]:
    """The names of the templates."""
    return list(_shipped()["cases"])


def template(case: str, *, name: str, domain: str, contact: str) -> dict[str, Any]:
    """Return the draft of a complete notice for a brand; ``InvalidInput`` for an unknown case.

    Its texts promise what a brand must then keep: read them before you publish.
    """
    if case not in cases():
        raise InvalidInput(f"there is no template {case[:40]!r}", f"Choose one of {', '.join(cases())}.")
    chosen = _shipped()["cases"][case]
    texts = {tag: _shipped()["common"][tag] | chosen["text"][tag] for tag in LANGUAGES}
    draft = chosen | {"schema": "consent-notice/1", "more": {}, "text": texts}
    filled: dict[str, Any] = json.loads(json.dumps(draft), object_hook=lambda each: _filled(each, name, contact))
    return filled | {"controller": {"name": name, "domain": domain, "contact": contact}}


def _filled(members: dict[str, Any], name: str, contact: str) -> dict[str, Any]:
    return {
        key: value.replace("[name]", name).replace("[contact]", contact) if isinstance(value, str) else value
        for key, value in members.items()
    }
