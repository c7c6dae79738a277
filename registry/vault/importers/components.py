"""Splits iCalendar and vCard files into their components without reading them whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from registry.vault.importers.text import MAX_LINE

MAX_COMPONENT = 4 * 1024 * 1024
_MAX_DEPTH = 16


class Component(NamedTuple):
    """One component with its BEGIN and END lines, or why there is none; ``line`` is its first line's number."""

    name: str
    raw: bytes
    line: int
    fault: str = ""


def split_components(source: BinaryIO, around: str = "") -> Iterator[Component]:
    """Yield the outermost components, or those right inside of the component ``around``."""
    open_names: list[str] = []
    kept: list[bytes] = []
    size = first = number = opened = 0
    while line := source.readline(MAX_LINE):
        number += 1
        word, _, name = line.strip().decode("latin-1").upper().partition(":")
        if word == "BEGIN" and (open_names or name != around):
            first, size = (first, size) if open_names else (number, 0)
            open_names.append(name)
        if not open_names:
            opened += (word == "BEGIN") - (word == "END") if name == around else 0
            continue
        size += len(line)
        if size <= MAX_COMPONENT:
            kept.append(line)
        if word == "END" and name in open_names:
            # What is still open inside was never closed; then the component as a whole does not parse.
            del open_names[open_names.index(name) :]
        if not open_names or len(open_names) > _MAX_DEPTH:
            yield _component(name, kept, first, size, len(open_names))
            open_names, kept = [], []
    if open_names or opened > 0:
        yield Component(open_names[0] if open_names else around, b"", first, "the file ends inside it; was it cut?")


def _component(name: str, kept: list[bytes], line: int, size: int, depth: int) -> Component:
    if depth:
        return Component(name, b"", line, f"it nests more than {_MAX_DEPTH} deep")
    if size > MAX_COMPONENT:
        return Component(name, b"", line, f"it is longer than {MAX_COMPONENT:,} bytes")
    return Component(name, b"".join(kept), line)
