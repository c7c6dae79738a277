"""Reads a person's own schema strictly, and refuses what could not be checked, or not in bounded time.

JSON Schema 2020-12, less a few keywords. A schema may come from a stranger, so a record must not take long to check:
no subschema refers to itself, the subschemas with all references written out are counted, and patterns run on an
engine without backtracking. Unknown keywords are refused, because a misspelled one checks nothing.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any
from urllib.parse import unquote

from registry.core import codec
from registry.core.errors import InvalidInput, Malformed
from registry.vault.schemas.formats import OUR_FORMATS, PATTERNS, WORDS

DIALECT = "https://json-schema.org/draft/2020-12/schema"
MAX_DOCUMENT = 64 * 1024
MAX_PATTERN = 500
# With all references written out. A body of 1 MiB has at most half a million values.
MAX_SUBSCHEMAS = 500
MAX_REFERENCES = 64
# Bytes of a compiled pattern. `\p{L}{1,80}` needs more; `\w{1,200}` does not.
MAX_COMPILED_PATTERN = 256 * 1024
_ADVICE = "Correct the schema, then add it again."

Pointer = tuple[str, ...]

_ONE = {"additionalProperties", "items", "contains", "propertyNames", "not", "if", "then", "else"}
_LIST = {"allOf", "anyOf", "oneOf", "prefixItems"}
_MAP = {"properties", "patternProperties", "dependentSchemas", "$defs"}
_PLAIN = {
    "type", "enum", "const", "multipleOf", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum", "maxLength",
    "minLength", "pattern", "maxItems", "minItems", "uniqueItems", "maxContains", "minContains", "maxProperties",
    "minProperties", "required", "dependentRequired", "format", "$ref", "$comment", "title", "description", "default",
    "examples", "deprecated", "readOnly", "writeOnly", "contentEncoding", "contentMediaType",
}  # fmt: skip
_ROOT_ONLY = {"$schema", "$id", "x-vault"}
_KNOWN = _ONE | _LIST | _MAP | _PLAIN
_REFUSED = {
    "definitions": "is called $defs in 2020-12",
    "dependencies": "is called dependentRequired or dependentSchemas in 2020-12",
    "additionalItems": "is called items in 2020-12, and the older items is prefixItems",
    "$anchor": "is not supported: name the place as #/$defs/..",
    "$dynamicAnchor": "is not supported: name the place as #/$defs/..",
    "$dynamicRef": "is not supported: write $ref with #/$defs/..",
    "unevaluatedProperties": "is not supported, because its time has no bound: use additionalProperties",
    "unevaluatedItems": "is not supported, because its time has no bound: use items",
    "contentSchema": "is not supported: nothing checks it",
    "$vocabulary": "is not supported",
}


def read_document(raw: bytes) -> dict[str, Any]:
    """Return the schema. ``InvalidInput`` tells every fault that was found, each with its place."""
    try:
        document = json.loads(codec.canonical(raw, MAX_DOCUMENT))
    except Malformed as error:
        raise InvalidInput(f"the schema is no JSON of ours: {error}", _ADVICE) from None
    check_document(document)
    return dict(document)


def check_document(document: Any) -> None:
    """Check a schema that was parsed already, as `read_document` does."""
    if not isinstance(document, dict) or document.get("type") != "object":
        raise InvalidInput('a schema is an object with "type": "object", because bodies are objects', _ADVICE)
    if document.get("$schema", DIALECT) not in (DIALECT, f"{DIALECT}#"):
        raise InvalidInput(f"the schema's $schema is not {DIALECT}", _ADVICE)
    _check_meta(document)
    faults = list(_faults(document)) or list(_reference_faults(document))
    if faults:
        more = f", and {len(faults) - 1} more" if len(faults) > 1 else ""
        raise InvalidInput(f"the schema has a fault: {faults[0]}{more}", _ADVICE, faults)


def _check_meta(document: dict[str, Any]) -> None:
    import jsonschema_rs

    try:
        jsonschema_rs.meta.validate({**document, "$schema": DIALECT})
    except (jsonschema_rs.ValidationError, ValueError) as error:
        place = _shown(tuple(map(str, getattr(error, "instance_path", ()))))
        why = str(getattr(error, "message", error))[:200]
        raise InvalidInput(f"the schema is not JSON Schema 2020-12: {place}: {why}", _ADVICE) from None


def subschemas(schema: Any, here: Pointer = ()) -> Iterator[tuple[Pointer, dict[str, Any]]]:
    """Yield every subschema that is an object, with its place, this one first."""
    if isinstance(schema, dict):
        yield here, schema
        for step, inner in children(schema):
            yield from subschemas(inner, (*here, *step))


def children(schema: dict[str, Any]) -> Iterator[tuple[Pointer, Any]]:
    """Yield the subschemas right below one, with the steps that lead there."""
    for keyword, value in schema.items():
        if keyword in _ONE:
            yield (keyword,), value
        elif keyword in _LIST:
            yield from (((keyword, str(place)), inner) for place, inner in enumerate(value))
        elif keyword in _MAP:
            yield from (((keyword, name), inner) for name, inner in value.items())


def _faults(document: dict[str, Any]) -> Iterator[str]:
    for place, schema in subschemas(document):
        for keyword in schema:
            if why := _keyword_fault(keyword, is_root=not place):
                yield f"{_shown((*place, keyword))}: {why}"
        name = schema.get("format")
        if name is not None and name not in WORDS:
            yield f"{_shown((*place, 'format'))}: nothing checks the format {name!r}; {_known_formats(name)}"
        for pattern in (*schema.get("patternProperties", ()), *filter(None, [schema.get("pattern")])):
            if why := _pattern_fault(pattern):
                yield f"{_shown(place)}: the pattern {pattern[:80]!r} {why}"


def _keyword_fault(keyword: str, is_root: bool) -> str | None:
    if keyword in _KNOWN or (is_root and keyword in _ROOT_ONLY):
        return None
    if keyword in _ROOT_ONLY:
        return "may stand at the top only"
    if keyword in _REFUSED:
        return _REFUSED[keyword]
    near = difflib.get_close_matches(keyword, _KNOWN, n=1)
    return f"is no keyword of JSON Schema{f': did you mean {near[0]}?' if near else ''}"


def _known_formats(name: str) -> str:
    near = difflib.get_close_matches(str(name), WORDS, n=1)
    return f"did you mean {near[0]}?" if near else f"known are {', '.join(WORDS)}"


def _pattern_fault(pattern: str) -> str | None:
    if len(pattern) > MAX_PATTERN:
        return f"has more than {MAX_PATTERN} characters"
    try:
        compiled({"type": "string", "pattern": pattern})
    except ValueError:
        return "cannot be checked in bounded time: it looks around or back, is too large, or is no pattern"
    return None


def _reference_faults(document: dict[str, Any]) -> Iterator[str]:
    """References that leave the document, lead nowhere, in a circle, or to too much."""
    known = dict(subschemas(document))
    wrong = [place for place, schema in known.items() if "$ref" in schema and _target(schema) not in known]
    for place in wrong:
        reference = str(known[place]["$ref"])[:80]
        yield f"{_shown((*place, '$ref'))}: {reference!r} is no subschema of this document (#/$defs/..)"
    if wrong:
        return
    sizes: dict[Pointer, int] = {}
    try:
        total = max(_size(place, known, sizes, frozenset()) for place in known)
    except _TooDeep as deep:
        yield f"{deep}: refers to itself, or to places more than {MAX_REFERENCES} deep, so its time has no bound"
    else:
        if total > MAX_SUBSCHEMAS:
            yield f"it has more than {MAX_SUBSCHEMAS:,} subschemas, when each reference is written out"


def resolved(schema: Any, document: dict[str, Any]) -> dict[str, Any]:
    """Follow the references of a subschema of a document that was checked; a schema that is no object is empty."""
    for _ in range(MAX_REFERENCES):
        if not isinstance(schema, dict):
            return {}
        if "$ref" not in schema:
            return schema
        here: Any = document
        for step in _target(schema) or ():
            here = here[int(step)] if isinstance(here, list) else here.get(step, {})
        schema = here
    return {}


def _target(schema: dict[str, Any]) -> Pointer | None:
    reference = unquote(schema["$ref"])
    if reference == "#":
        return ()
    if not reference.startswith("#/"):
        return None
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in reference[2:].split("/"))


class _TooDeep(Exception):
    pass


def _size(
    place: Pointer, known: dict[Pointer, dict[str, Any]], sizes: dict[Pointer, int], above: frozenset[Pointer]
) -> int:
    """How many subschemas it is with all references written out, counted once for each place."""
    if place in above or len(above) > MAX_REFERENCES:
        raise _TooDeep(_shown(place))
    if place not in sizes:
        schema = known.get(place)
        total = 1
        if schema is not None:
            below = above | {place}
            used = [(*place, *step) for step, _ in children(schema) if step[0] != "$defs"]
            used += [target] if "$ref" in schema and (target := _target(schema)) is not None else []
            total += sum(_size(each, known, sizes, below) for each in used)
        sizes[place] = total
    return sizes[place]


def _shown(place: Pointer) -> str:
    return ("/" + "/".join(place))[:120]


def compiled(document: dict[str, Any]) -> Any:
    """Return the validator of a schema. It asks no network, checks formats, and matches patterns in linear time."""
    import jsonschema_rs

    # Without $id: a schema must not stand for another one, such as JSON Schema itself.
    bare = deepcopy({name: value for name, value in document.items() if name not in _ROOT_ONLY})
    for _, schema in subschemas(bare):
        if schema.get("format") in PATTERNS and "pattern" not in schema:
            schema["pattern"] = PATTERNS[schema.pop("format")]
    options = jsonschema_rs.RegexOptions(size_limit=MAX_COMPILED_PATTERN, dfa_size_limit=MAX_COMPILED_PATTERN)
    return jsonschema_rs.Draft202012Validator(
        bare,
        formats=OUR_FORMATS,
        validate_formats=True,
        ignore_unknown_formats=False,
        pattern_options=options,
        offline=True,
    )
