"""The terms that may be signed: the Data Privacy Vocabulary and the IEEE 7012 agreements, shipped as data.

Signing refuses unknown terms. Verifying does not, because evidence outlives vocabularies.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Any

from msgspec import Struct

from registry.core.errors import InvalidInput

KINDS = {"purpose": "purpose", "data": "kind of data", "processing": "processing operation", "agreement": "agreement"}
SUGGESTED = 3
_SEARCH = "Search with `consent vocabulary WORD`, or list all: `consent vocabulary --kind {}`."

# What people say, with what DPV calls it.
_EVERYDAY = {
    "ad": "advertising",
    "advert": "advertising",
    "ai": "model",
    "birthday": "birth",
    "buy": "purchase",
    "cookie": "tracking",
    "delete": "erase",
    "gps": "location",
    "illness": "health",
    "image": "picture",
    "llm": "model",
    "loyalty": "customer relationship",
    "learning": "model",
    "mail": "email",
    "medical": "health",
    "mobile": "telephone",
    "newsletter": "marketing",
    "order": "purchase",
    "phone": "telephone",
    "photograph": "picture",
    "remove": "erase",
    "selfie": "picture",
    "shopping": "purchase",
    "spending": "purchase",
}
_FILLERS = frozenset(
    ["a", "an", "and", "for", "in", "it", "me", "my", "of", "on", "or", "our", "the", "to", "with", "your"]
)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


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
        if (fault := fault_of(term, kind)) is not None:
            raise fault


def fault_of(term: str, kind: str) -> InvalidInput | None:
    """The error that `check_known` raises for this term; None for a known one."""
    if term.startswith("https://"):
        return _foreign_fault(term)
    other = vocabulary()["terms"].get(term, {}).get("kind")
    if other == kind:
        return None
    what = f"{term[:80]} is not a known {KINDS[kind]} of DPV {vocabulary()['version']}"
    if other is not None:
        return InvalidInput(f"{what}, but a {KINDS[other]}", _SEARCH.format(kind))
    return InvalidInput(what, _advice(term, kind))


def label(term: str) -> str:
    """The vocabulary's English label, or the term itself if it has none."""
    return str(vocabulary()["terms"].get(term, {}).get("label", term))


def term_json(term: str) -> dict[str, Any]:
    """A known term as JSON values: its IRI, kind, English label, definition, parents, and whether it is special."""
    entry = vocabulary()["terms"][term]
    return {"iri": term, "special": False, **entry}


def search_terms(words: str, kind: str | None = None) -> list[str]:
    """The terms that these words are about, the nearest first: by their names, then by DPV's definitions.

    ``kind`` is one of `KINDS`; None searches all. No words find everything.
    """
    if not words.strip():
        listed = KINDS if kind is None else (kind,)
        return [iri for each in listed for iri, entry in vocabulary()["terms"].items() if entry["kind"] == each]
    every = vocabulary()["terms"].items()
    scores = {iri: _score(words, iri, entry) for iri, entry in every if kind in (None, entry["kind"])}
    best = max(scores.values(), default=0)
    # A word that names a term finds dozens of definitions beside it, which only hide the name.
    found = [iri for iri, score in scores.items() if score and score * 8 >= best]
    return sorted(found, key=lambda iri: (iri.casefold() != words.casefold(), -scores[iri], len(label(iri)), iri))


def _score(words: str, iri: str, entry: dict[str, Any]) -> float:
    names, defined = _words(f"{iri.split(':')[1]} {entry['label']}"), _words(entry["definition"])
    if words.casefold() in (iri.casefold(), entry["label"].casefold()):
        return 24
    asked = [_words(_EVERYDAY.get(word, "")) | {word} for word in _words(words.split(":")[-1]) - _FILLERS]
    each = [max((_nearness(word, names, defined) for word in meant), default=0) for meant in asked]
    # A name that holds nothing else is nearer than a longer one.
    return sum(each) * (1 + 1 / (1 + len(names)))


def _nearness(word: str, names: frozenset[str], defined: frozenset[str]) -> float:
    if word in names:
        return 8
    if len(word) >= _STEM and any(_same_stem(word, name) for name in names):
        return 5
    if word in defined:
        return 3
    return 2 if len(word) > _STEM and difflib.get_close_matches(word, names, n=1, cutoff=0.8) else 0


_STEM = 4


def _same_stem(word: str, name: str) -> bool:
    return name.startswith(word) or (len(name) >= _STEM and word.startswith(name))


@lru_cache(maxsize=2048)
def _words(text: str) -> frozenset[str]:
    """The words of a text or of a name such as ``EmailAddress``, in lower case and without the s of a plural."""
    found = (word.casefold() for word in _WORD.findall(text))
    return frozenset(word[:-1] if len(word) > 2 and word[-1] == "s" and word[-2] != "s" else word for word in found)


def _foreign_fault(term: str) -> InvalidInput | None:
    for prefix, namespace in vocabulary()["namespaces"].items():
        if term.startswith(namespace):
            return InvalidInput(f"{term} has a compact form", f"Write {prefix}:{term.removeprefix(namespace)}.")
    return None


def _advice(term: str, kind: str) -> str:
    known = [name for name, entry in vocabulary()["terms"].items() if entry["kind"] == kind]
    misspelled = difflib.get_close_matches(term, known, n=SUGGESTED, cutoff=0.8)
    near = list(dict.fromkeys([*misspelled, *search_terms(term, kind)]))[:SUGGESTED]
    near = near or difflib.get_close_matches(term, known, n=SUGGESTED, cutoff=0.5)
    if near:
        return f"Did you mean {', '.join(near)}? Search with `consent vocabulary WORD`."
    return _SEARCH.format(kind)
