"""The terms that may be signed: the Data Privacy Vocabulary and the IEEE 7012 agreements, shipped as data.

Signing refuses unknown terms. Verifying does not, because evidence outlives vocabularies.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Any

from msgspec import Struct

from registry.core.errors import InvalidInput

_KINDS = {"data": "kind of data", "processing": "processing operation"}


class Term(Struct, frozen=True):
    """A term for a person to read: ``words`` are the vocabulary's English ones, ``label`` is the brand's.

    ``words`` is empty for a term that has no definition of ours. ``special`` marks special categories of data.
    """

    term: str
    words: str
    label: str = ""
    special: bool = False


def described(terms: Iterable[str], labels: Mapping[str, str] | None = None) -> tuple[Term, ...]:
    """Return each term with the vocabulary's words and the brand's label, if it has one."""
    return tuple(_described(term, (labels or {}).get(term, "")) for term in terms)


def _described(term: str, label: str) -> Term:
    entry = vocabulary()["terms"].get(term, {})
    return Term(term, entry.get("label", ""), label, entry.get("special", False))


@lru_cache(maxsize=1)
def vocabulary() -> dict[str, Any]:
    """The shipped document: ``namespaces``, ``version``, and ``terms`` by compact IRI."""
    document: dict[str, Any] = json.loads((files("registry") / "data" / "vocabulary.json").read_bytes())
    return document


def check_known(terms: Iterable[str], kind: str) -> None:
    """Raise ``InvalidInput`` unless each is a known term of this kind: "purpose", "data", "processing" or "agreement".

    A full ``https://`` IRI outside the shipped namespaces belongs to another vocabulary and is allowed. Inside them it
    would be a second spelling of a compact IRI.
    """
    for term in terms:
        if term.startswith("https://"):
            _check_foreign(term)
        elif vocabulary()["terms"].get(term, {}).get("kind") != kind:
            version = vocabulary()["version"]
            raise InvalidInput(f"{term} is not a known {_KINDS.get(kind, kind)} of DPV {version}", _advice(term, kind))


def _check_foreign(term: str) -> None:
    for prefix, namespace in vocabulary()["namespaces"].items():
        if term.startswith(namespace):
            raise InvalidInput(f"{term} has a compact form", f"Write {prefix}:{term.removeprefix(namespace)}.")


def _advice(term: str, kind: str) -> str:
    known = [name for name, entry in vocabulary()["terms"].items() if entry["kind"] == kind]
    near = difflib.get_close_matches(term, known, n=3, cutoff=0.5)
    return f"Did you mean {', '.join(near)}?" if near else "Look the term up at https://w3id.org/dpv."
