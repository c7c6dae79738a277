"""docs/vault.md says of the built-in schemas what their documents say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from registry.vault.schemas.documents import MAX_COMPILED_PATTERN, MAX_DOCUMENT, MAX_PATTERN, MAX_SUBSCHEMAS
from registry.vault.schemas.formats import _AMOUNT, _CURRENCY
from registry.vault.schemas.schema import Schema
from registry.vault.schemas.schemas import Schemas, builtin_names

PAGE = (Path(__file__).parents[3] / "docs" / "vault.md").read_text()


def needs(schema: Schema) -> str:
    """What the last column says."""
    required = ", ".join(f"`{name}`" for name in schema.document.get("required", ()))
    branches = [" and ".join(f"`{name}`" for name in one["required"]) for one in schema.document.get("anyOf", ())]
    return required or (f"one of {', '.join(branches)}" if branches else "nothing")


@pytest.mark.parametrize("name", builtin_names())
def test_each_has_its_row(name: str) -> None:
    schema = Schemas().get(name)
    dated = [*(f"`{member}`" for member in schema.profile.time), *["when it was recorded"] * schema.profile.undated]
    assert f"\n| `{name}` | `{schema.category}` | {', '.join(dated)} | {needs(schema)} |\n" in PAGE


def test_the_page_has_no_others() -> None:
    assert sorted(re.findall(r"^\| `([a-z-]+/\d)`", PAGE, re.M)) == builtin_names()


def test_the_limits_are_the_codes() -> None:
    for bound in (f"{MAX_DOCUMENT >> 10} KiB", f"{MAX_SUBSCHEMAS} subschemas", f"{MAX_PATTERN} characters"):
        assert bound in PAGE
    assert f"{MAX_COMPILED_PATTERN >> 10} KiB when it is compiled" in PAGE
    for pattern in (_AMOUNT.pattern, _CURRENCY.pattern):
        assert f"`{pattern.replace('?:', '')}`" in PAGE or pattern.replace("?:", "") in PAGE
