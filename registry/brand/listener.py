"""The internal listener as those who ask it know it: where it is, and what an answer without a success says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta, Struct

from registry.core.errors import InvalidInput

_Words = Annotated[str, Meta(max_length=4_096)]


@dataclass(frozen=True)
class Listener:
    """A listener at ``url``, and the ``headers`` of each question, which hold its key."""

    url: str
    headers: Mapping[str, str] = field(repr=False)


class Refusal(Struct, frozen=True):
    """The listener's words (RFC 9457), each empty where it says nothing that can be read."""

    title: _Words = ""
    detail: _Words = ""
    advice: _Words = ""


def listener_at(url: str, key: str | None) -> Listener:
    """Return the listener at ``url``; ``key`` is what its ``internal.key`` holds. ``InvalidInput`` for no such URL."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise InvalidInput("this is no URL of a service", "Write it as http://127.0.0.1:8701.")
    if "@" in parts.netloc:
        raise InvalidInput("the URL holds a name or a password", "Give the key as `key`.")
    return Listener(url.rstrip("/"), {"Authorization": f"Bearer {key}"} if key else {})


def refusal_in(body: bytes) -> Refusal:
    """Return what an answer without a success says."""
    try:
        return msgspec.json.decode(body, type=Refusal)
    except msgspec.MsgspecError:
        return Refusal()
