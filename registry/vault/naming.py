"""Which record a person means: by its id, by the beginning or the end of its id, or by the name of its file."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice

from registry.core.errors import InvalidInput
from registry.vault.copy.folding import pieces
from registry.vault.copy.query import Query, Term
from registry.vault.copy.working_copy import WorkingCopy

MIN_DIGITS = 6
# So many are listed where several are meant, and so many records with the words of a file's name are looked at.
_SHOWN, _LOOKED_AT = 10, 10_000
_HEX = re.compile(rf"[0-9a-f]{{{MIN_DIGITS},32}}")
_ADVICE = "`consent vault search WORDS` finds records with their ids."


def find_id(copy: WorkingCopy | None, name: str) -> str:
    """Return the id of the record, which may be deleted. ``InvalidInput`` unless it is exactly one."""
    found = [] if copy is None else list(dict.fromkeys(_candidates(copy, name)))
    if not found:
        what = f"no record is named {name[:80]!r}"
        raise InvalidInput(f"{what}, nor has an id that begins or ends so", _ADVICE)
    if len(found) > 1:
        some = ", ".join(found[:_SHOWN]) + (" and more" if len(found) > _SHOWN else "")
        raise InvalidInput(f"more than one record is meant by {name[:80]!r}", f"Write the id of one: {some}.")
    return found[0]


def _candidates(copy: WorkingCopy, name: str) -> Iterable[str]:
    digits = name.lower().replace("-", "")
    if _HEX.fullmatch(digits):
        yield from copy.ids_like(digits, _SHOWN + 1)
    yield from islice(_by_file(copy, name), _SHOWN + 1)


def _by_file(copy: WorkingCopy, name: str) -> Iterable[str]:
    # A name without letters and digits has no words to be found by.
    if pieces(name):
        for record in islice(copy.select(Query(terms=(Term(name),))), _LOOKED_AT):
            if record.file is not None and record.file.name == name:
                yield record.id
