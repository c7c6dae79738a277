"""Asks js/core what Python was asked, and compares: bytes travel as base64, and an error is its name."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from registry.core.errors import ConsentError
from tests.support.nodejs import js_vault


def b64(data: bytes) -> str:
    return b64encode(data).decode()


def asked(name: str, *arguments: Any) -> Any:
    """What JavaScript answers, or the name of its error."""
    return js_vault().ask(name, *arguments)


def asked_bytes(name: str, *arguments: Any) -> bytes:
    """The bytes that JavaScript answers; an error fails."""
    answer = js_vault().answer(name, *arguments)
    assert "ok" in answer, answer
    return b64decode(answer["ok"])


def outcome(call: Callable[[], Any]) -> Any:
    """What the call returns, or the name of its error. JavaScript has no name of its own for a store's wrong bytes."""
    try:
        return call()
    except ConsentError as error:
        name = type(error).__name__
        return "StorageUnavailable" if name == "BlockMismatch" else name


def sent(blocks: Mapping[str, bytes]) -> dict[str, str]:
    """A store as it travels."""
    return {cid: b64(data) for cid, data in blocks.items()}


def received(blocks: Mapping[str, str]) -> dict[str, bytes]:
    """A store that came back."""
    return {cid: b64decode(data) for cid, data in blocks.items()}


def text_lines(lines: Iterable[bytes]) -> list[str]:
    return [line.decode() for line in lines]
