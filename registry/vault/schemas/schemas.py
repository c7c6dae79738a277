"""All schemas that a vault knows: the built-in ones, which ship with the package, and the person's own."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from importlib.resources import files
from itertools import islice
from typing import Any

from registry.core.errors import InvalidInput, Malformed
from registry.core.instants import microseconds
from registry.core.sealed.records import MAX_SOURCE, MAX_TAG, MAX_TAGS, Record
from registry.present.vocabulary import fault_of as term_fault
from registry.present.vocabulary import vocabulary
from registry.vault.draft import Draft
from registry.vault.schemas import words
from registry.vault.schemas.bodies import body_fault
from registry.vault.schemas.documents import MAX_DOCUMENT, read_document
from registry.vault.schemas.schema import Facts, Schema, plain_facts
from registry.vault.schemas.words import Fault

MAX_OWN = 256
MAX_FAULTS = 20
_SEE = "`Schemas.names` lists them."


class Schemas:
    """Checks drafts and reads the facts of records. ``own`` are documents that `add` once took.

    A schema is never replaced, because records say which version they fit; `add` takes the next version.
    """

    def __init__(self, own: Iterable[Mapping[str, Any]] = ()) -> None:
        self._own: dict[str, Schema] = {}
        for document in own:
            schema = Schema(dict(document))
            self._own[schema.name] = schema

    def names(self) -> list[str]:
        """All names, the built-in ones first."""
        return list(dict.fromkeys([*builtin_names(), *sorted(self._own, key=_split)]))

    def get(self, name: str) -> Schema:
        """Return a schema; ``InvalidInput`` if there is none of this name."""
        found = self._find(name)
        if found is None:
            near = difflib.get_close_matches(name, self.names(), n=1)
            advice = f"Did you mean {near[0]}? {_SEE}" if near else _SEE
            raise InvalidInput(f"there is no schema {name[:80]!r}", advice)
        return found

    def _find(self, name: str) -> Schema | None:
        # A later package may ship a schema whose name the person took before: records of theirs mean their own.
        return self._own.get(name) or (_builtin(name) if name in _builtin_set() else None)

    def own(self) -> tuple[Schema, ...]:
        """The person's own schemas, sorted by name and version: what the book keeps."""
        return tuple(self._own[name] for name in sorted(self._own, key=_split))

    def add(self, raw: bytes, name: str | None = None) -> Schema:
        """Add a JSON document as a schema of the person's, and return it; ``InvalidInput`` says why not.

        ``name`` ("running/1") takes the place of a name in the document's ``x-vault``.
        """
        document = read_document(raw)
        if name is not None:
            profile = document.get("x-vault", {})
            document["x-vault"] = {**profile, "name": name} if isinstance(profile, dict) else profile
        schema = Schema(document)
        self._check_name(schema.name)
        _check_category(schema.category)
        if len(schema.text) > MAX_DOCUMENT:
            raise InvalidInput(f"the schema has more than {MAX_DOCUMENT:,} characters with its numbers written out")
        self._own[schema.name] = schema
        return schema

    def join(self, raw: bytes) -> bool:
        """Add a schema that an export brings, unless it is known already; return whether it was added.

        ``InvalidInput`` for another one of the same name, and for what `add` refuses.
        """
        document = read_document(raw)
        known = self._find(Schema(document).name)
        if known is None:
            self.add(raw)
        elif known.document != document:
            advice = "Records say which schema they fit, so none is replaced. Import the export into another vault."
            raise InvalidInput(f"the vault has another schema {known.name} than the export", advice)
        return known is None

    def copy(self) -> Schemas:
        """Return schemas to which others can be added without a change of these."""
        return Schemas(one.document for one in self.own())

    def _check_name(self, name: str) -> None:
        family, version = _split(name)
        newest = max((_split(each)[1] for each in self._own if _split(each)[0] == family), default=0)
        if not newest and any(_split(each)[0] == family for each in builtin_names()):
            raise InvalidInput(f"{family} is a built-in schema", "Choose another name.")
        if version <= newest:
            advice = f"A schema is never replaced: add it as {family}/{newest + 1}."
            raise InvalidInput(f"there is a schema {family}/{newest} already", advice)
        if version != newest + 1:
            raise InvalidInput(f"{name} is not the next version", f"Add it as {family}/{newest + 1}.")
        if len(self._own) >= MAX_OWN:
            raise InvalidInput(f"there are {MAX_OWN} schemas of your own already, the most that a vault keeps")

    def check(self, draft: Draft) -> None:
        """Return if the draft can become a record; ``InvalidInput`` with all faults (the first 20) in ``details``."""
        faults = self.faults(draft)
        if faults:
            where = f"{draft.at}: " if draft.at else ""
            more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
            advice = "Correct it and try again; nothing was kept."
            raise InvalidInput(f"{where}{faults[0]}{more}", advice, [f"{where}{fault}" for fault in faults])

    def faults(self, draft: Draft) -> list[Fault]:
        """Say everything that keeps the draft from becoming a record, at most 20 faults; nothing for a valid one."""
        schema = self._find(draft.schema)
        found = [] if draft.category in _categories() else [Fault("category", _category_words(draft.category))]
        if draft.source is not None or draft.tags:
            found += _label_faults(draft.source, draft.tags)
        if schema is None:
            return [*found, Fault("schema", f"there is no schema {draft.schema[:80]!r}")]
        return (found + _content_faults(draft, schema))[:MAX_FAULTS]

    def facts(self, record: Record) -> Facts:
        """Read what is ordered, compared and searched of a record; one that is deleted has no facts."""
        schema = self._find(record.schema or "")
        return plain_facts(record) if schema is None else schema.facts(record)


def _content_faults(draft: Draft, schema: Schema) -> list[Fault]:
    body = draft.body or {}
    if not body and draft.file is None:
        return [Fault("body", "holds nothing, and there is no file")]
    found = _time_faults(draft, schema)
    if fault := body_fault(body):
        return [*found, Fault(*fault)]
    if not schema.validator.is_valid(body):
        errors = islice(schema.validator.iter_errors(body), MAX_FAULTS)
        told = [words.fault_of(error, schema.document) for error in errors]
        found += told or [Fault("body", f"does not fit {schema.name}")]
    return found


def _time_faults(draft: Draft, schema: Schema) -> list[Fault]:
    if draft.time is None:
        # If a member dates it, the schema checks that member's format.
        is_dated = schema.profile.undated or schema.time_in(draft.body or {})
        return [] if is_dated else [Fault("time", _missing_time(schema))]
    try:
        microseconds(draft.time)
    except Malformed as why:
        return [Fault("time", str(why))]
    return []


def _missing_time(schema: Schema) -> str:
    names = " or ".join(schema.profile.time)
    return f"is missing: nothing says when it happened{f' (a member {names} would)' if names else ''}"


# All lines of a file have the same source and the same few tags.
@lru_cache(maxsize=1024)
def _label_faults(source: str | None, tags: tuple[str, ...]) -> tuple[Fault, ...]:
    labels = [("source", source, MAX_SOURCE)] if source is not None else []
    labels += [(f"tags[{place}]", tag, MAX_TAG) for place, tag in enumerate(tags[: MAX_TAGS + 1])]
    found = [
        Fault(member, f"must be text of 1 to {limit} characters")
        for member, label, limit in labels
        if not _is_label(label, limit)
    ]
    return (*found, Fault("tags", f"are more than {MAX_TAGS}")) if len(set(tags)) > MAX_TAGS else tuple(found)


def _is_label(text: str, limit: int) -> bool:
    # Half a character (a surrogate) cannot be encoded.
    return type(text) is str and 0 < len(text) <= limit and not re.search("[\ud800-\udfff]", text)


@cache
def _categories() -> frozenset[str]:
    return frozenset(iri for iri, term in vocabulary()["terms"].items() if term["kind"] == "data")


def _check_category(category: str) -> None:
    if category not in _categories():
        raise InvalidInput(f"the schema's category: {_category_words(category)}")


def _category_words(category: str) -> str:
    fault = term_fault(category, "data")
    return f"{fault}. {fault.advice}" if fault else f"{category[:80]} is no kind of data of DPV"


def _split(name: str) -> tuple[str, int]:
    family, _, version = name.partition("/")
    return family, int(version)


def builtin_names() -> list[str]:
    """The names of the schemas that ship with the package."""
    return sorted(_builtin_set())


@cache
def _builtin_set() -> frozenset[str]:
    names = (path.name.removesuffix(".json") for path in _folder().iterdir() if path.name.endswith(".json"))
    return frozenset("/".join(name.rsplit("-", 1)) for name in names)


@cache
def _builtin(name: str) -> Schema:
    document = json.loads((_folder() / f"{name.replace('/', '-')}.json").read_text("utf-8"))
    return Schema(document)


def _folder() -> Any:
    return files("registry") / "data" / "schemas"
