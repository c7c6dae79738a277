"""A brand's draft becomes a notice. Every fault of a draft is told at once, by the rules of the parser itself."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import msgspec

from registry.core import codec
from registry.core.errors import ConsentError, InvalidInput, Malformed
from registry.core.file_kinds import DRAFT, NOTICE, kind_of_file
from registry.core.notices.document import MAX_NOTICE, Controller, Notice, Scope, Text, parse_notice
from registry.present.notice_templates import template
from registry.present.vocabulary import fault_of, vocabulary

CORRECT = "Correct the draft, then write it with `consent notice new`."
KIND_OF = {"purposes": "purpose", "data": "data", "processing": "processing"}
# What stands where a text is still to be written.
_UNWRITTEN = re.compile(
    r"[\W_]*|(?i:todo|tbd|tba|fixme|xxx|placeholder)[\W_]*|(?:TODO|TBD|FIXME):.*|(?i:lorem ipsum).*"
    r"|.*\[(?:name|contact)\].*",
    re.DOTALL,
)
_PLACE = re.compile(r"^not valid: | - at `[^`]*`$")

Path = tuple[str | int, ...]


def parse_draft(raw: bytes) -> dict[str, Any]:
    """Return a draft notice from JSON in any layout; ``Malformed`` where it is not one object."""
    document = json.loads(codec.canonical(raw, MAX_NOTICE))
    if not isinstance(document, dict) or not isinstance(document.get("controller", {}), dict):
        raise Malformed("the draft is not a notice", "A notice is a JSON object; see docs/formats.md.")
    return document


def complete_draft(draft: dict[str, Any], account: str, recipient: str) -> dict[str, Any]:
    """Return the draft with the brand's account and recipient, and with sorted terms."""
    controller = draft.get("controller", {}) | {"account": account, "recipient": recipient}
    scopes = draft.get("scopes")
    if isinstance(scopes, list):
        draft = draft | {"scopes": [_sorted(scope) for scope in scopes]}
    return draft | {"controller": controller}


def _sorted(scope: Any) -> Any:
    if not isinstance(scope, dict):
        return scope
    lists = {name: scope[name] for name in KIND_OF if _is_texts(scope.get(name))}
    return scope | {name: sorted(set(terms)) for name, terms in lists.items()}


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def faults_of(document: dict[str, Any]) -> list[str]:
    """Return what is missing or wrong in a notice's JSON, each member by itself; see `member_fault`."""
    return [*_faults(document, ()), *_unlabelled(document)]


def member_fault(path: Path, value: Any) -> str | None:
    """What is wrong with one member of a notice, as ``("controller", "domain")``; None if the rest decides.

    The parser judges it inside a good notice. Terms must be known, and a text must be written.
    """
    unknown = [_with_advice(fault) for term in _terms_at(path, value) if (fault := fault_of(*term)) is not None]
    if unknown:
        return "; ".join(unknown)
    if isinstance(value, str) and path[-1] not in ("schema", "terms") and _UNWRITTEN.fullmatch(value):
        return f"is still to be written: {value[:40]!r}" if value else "is empty"
    try:
        parse_notice(codec.dump(_good_notice_with(path, value)))
    except Malformed as error:
        return _PLACE.sub("", _PLACE.sub("", str(error)))
    return None


def unwritten(notice: Notice) -> list[str]:
    """The names of texts that still stand for something to be written: only dots, TODO, lorem ipsum."""
    document = msgspec.to_builtins(notice)
    said = {f"controller.{name}": document["controller"][name] for name in ("name", "contact")}
    for tag, text in document["text"].items():
        said |= {f"text.{tag}.{name}": value for name, value in text.items() if name != "labels"}
        said |= {f"text.{tag}.labels.{term}": value for term, value in text["labels"].items()}
    return [name for name, value in said.items() if _UNWRITTEN.fullmatch(value)]


def _terms_at(path: Path, value: Any) -> list[tuple[str, str]]:
    if path == ("terms",) and isinstance(value, str):
        return [(value, "agreement")]
    if path[0] == "scopes" and _is_texts(value):
        return [(term, KIND_OF[str(path[-1])]) for term in value]
    return []


def _with_advice(fault: ConsentError) -> str:
    return f"{fault} ({fault.advice.split('?')[0]}?)" if "?" in fault.advice else str(fault)


def _faults(value: Any, path: Path) -> Iterator[str]:
    """The faults of a member: of each of its own members, where it has such."""
    match path:
        case () | ("controller",) | ("scopes", int()) | ("text", str()):
            yield from _struct_faults(value, _STRUCTS[path[0] if path else ""], path)
        case ("scopes",) if isinstance(value, list) and value:
            for number, scope in enumerate(value):
                yield from _faults(scope, (*path, number))
        case ("text",) | ("text", str(), "labels") if isinstance(value, dict) and value:
            for name, member in value.items():
                yield from _faults(member, (*path, name))
        case _:
            if (fault := member_fault(path, value)) is not None:
                yield _named(path, fault)


_STRUCTS: dict[str | int, type[Any]] = {"": Notice, "controller": Controller, "scopes": Scope, "text": Text}


def _struct_faults(value: Any, struct: type[Any], path: Path) -> Iterator[str]:
    if not isinstance(value, dict):
        yield _named(path, "is not an object")
        return
    fields = {field.encode_name: field for field in msgspec.structs.fields(struct)}
    yield from (_named((*path, name), "is no member of a notice") for name in value if name not in fields)
    if path[:1] == ("text",) and (fault := member_fault(path, _good_text())) is not None:
        yield _named(path, fault)
    for name, field in fields.items():
        if name in value:
            yield from _faults(value[name], (*path, name))
        elif field.required:
            yield _named((*path, name), "is missing")


def _unlabelled(document: dict[str, Any]) -> Iterator[str]:
    """The labels that are missing; nothing where the scopes or the texts themselves are unreadable."""
    scopes, texts = document.get("scopes"), document.get("text")
    if not isinstance(scopes, list) or not isinstance(texts, dict):
        return
    parts = [scope.get(name) for scope in scopes if isinstance(scope, dict) for name in ("purposes", "data")]
    written = {term for part in parts if isinstance(part, list) for term in part if isinstance(term, str)}
    terms = sorted(term for term in written if term in vocabulary()["terms"] or term.startswith("https://"))
    for tag, text in texts.items():
        labels = text.get("labels") if isinstance(text, dict) else None
        if isinstance(labels, dict):
            yield from (_named(("text", tag, "labels", term), "is missing") for term in terms if term not in labels)


def _named(path: Path, fault: str) -> str:
    """The fault with the place where it is, unless it names that itself."""
    name = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")[:120]
    if fault.startswith(name):
        return fault
    return f"{name} {fault}" if fault.startswith("is ") else f"{name}: {fault}"


def _good_text() -> dict[str, Any]:
    text: dict[str, Any] = _good_notice()["text"]["en"]
    return text


def _good_notice() -> dict[str, Any]:
    draft = template("newsletter", name="Name", domain="name.example", contact="contact")
    own = {"account": f"0x{'0' * 40}", "recipient": "age1x"}
    return draft | {"controller": draft["controller"] | own, "text": {"en": draft["text"]["en"]}}


def _good_notice_with(path: Path, value: Any) -> dict[str, Any]:
    """A good notice with this one member; what follows from it is made good too."""
    notice = _good_notice()
    match path:
        case (member,):
            return notice | {str(member): value}
        case ("controller", member):
            return notice | {"controller": notice["controller"] | {str(member): value}}
        case ("scopes", _, member):
            labels = {str(term): f"label {n}" for n, term in enumerate(value)} if isinstance(value, list) else {}
            notice["text"]["en"]["labels"] |= labels
            return notice | {"scopes": [notice["scopes"][0] | {str(member): value}]}
        case ("text", tag):
            return notice | {"text": {str(tag): value}}
        case ("text", _, "labels", term):
            return notice | {"text": {"en": _good_text() | {"labels": _good_text()["labels"] | {str(term): value}}}}
        case ("text", _, member):
            return notice | {"text": {"en": _good_text() | {str(member): value}}}
        case _:
            return notice | {str(path[0]): value}


def known_labels(terms: Sequence[str]) -> dict[str, str]:
    """The vocabulary's own words for these terms, to begin with."""
    known = vocabulary()["terms"]
    return {term: str(known[term]["label"]).lower() for term in terms if term in known}


def refuse_faults(faults: Sequence[str]) -> None:
    """Raise ``Malformed`` for these faults of a notice, if there are any; several are its details."""
    if len(faults) == 1:
        raise Malformed(faults[0], CORRECT)
    if faults:
        raise Malformed(f"it has {len(faults)} faults", CORRECT, faults)


def parse_wholly(raw: bytes) -> Notice:
    """Do as `parse_notice` does, but tell a brand all faults of its notice, and not only the first."""
    try:
        return parse_notice(raw)
    except Malformed as error:
        if kind_of_file(raw) not in (NOTICE, DRAFT, None):
            raise
        first = str(error)
    with suppress(InvalidInput):
        refuse_faults(faults_of(parse_draft(raw)))
    raise Malformed(first, CORRECT)
