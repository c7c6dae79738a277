"""What a shop's server needs beside `require_consent`: the button's script, and Global Privacy Control."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from starlette.requests import Request


@cache
def button_script() -> bytes:
    """Return the module that defines ``<consent-button>`` (text/javascript), for a shop to serve by itself."""
    return (files("registry") / "data" / "web" / "button" / "consent-button.js").read_bytes()


def has_privacy_control(request: Request) -> bool:
    """Tell whether a person's browser says: do not sell or share my data (Global Privacy Control, ``Sec-GPC: 1``).

    It is no answer to a request for consent. Ask nobody by yourself who says it, and let them find where to decide.
    """
    return request.headers.getlist("Sec-GPC") == ["1"]
