"""The shared vectors of the use log; what wrote them is JavaScript, with the tree by the recursive text of RFC 9162."""

from __future__ import annotations

from typing import Any

import pytest

from registry.core import errors
from registry.core.merkle_log import (
    appended,
    check_consistency,
    check_inclusion,
    consistency_ranges,
    hashes_of,
    inclusion_ranges,
    root_of,
)
from registry.core.scalars import to_hex, unhex
from registry.core.use_audit import check_entries, joined_heads, read_change, write_change
from registry.core.uses import parse_page, parse_use, write_page, write_use
from tests.support.vectors import Case, read_cases


def cases_of(kind: str) -> pytest.MarkDecorator:
    cases = {name: case for name, case in read_cases("uses").items() if name.startswith(kind)}
    return pytest.mark.parametrize("case", cases.values(), ids=cases.keys())


def is_refused(case: Case, parse: Any, raw: bytes) -> bool:
    """Whether the case must be refused; it is, by the error that the case names."""
    if case["error"] == "Valid":
        return False
    with pytest.raises(getattr(errors, case["error"])):
        parse(raw)
    return True


@cases_of("entry")
def test_entries(case: Case) -> None:
    raw = case["entry"].encode()
    if not is_refused(case, parse_use, raw):
        use = parse_use(raw)
        assert write_use(use) == raw and to_hex(use.leaf) == case["leaf"]


@cases_of("tree")
def test_trees(case: Case) -> None:
    leaves, roots = ([unhex(each) for each in case[name]] for name in ("leaves", "roots"))
    size, nodes = len(leaves), appended(0, {}, leaves)
    assert [root_of(n, nodes) for n in range(1, size + 1)] == roots
    for index, told in enumerate(case["inclusion"]):
        proof = [unhex(each) for each in told]
        assert hashes_of(inclusion_ranges(index, size), nodes) == proof
        check_inclusion(index, size, leaves[index], proof, roots[-1])
    for first, told in enumerate(case["consistency"], 1):
        proof = [unhex(each) for each in told]
        assert hashes_of(consistency_ranges(first, size), nodes) == proof
        check_consistency(first, size, proof, roots[first - 1], roots[-1])


@cases_of("page")
def test_pages(case: Case) -> None:
    raw = case["page"].encode()
    if not is_refused(case, parse_page, raw):
        page = parse_page(raw)
        assert write_page(page) == raw
        check_entries(joined_heads((), page.heads), page.uses, page.uses)


@cases_of("changed")
def test_files_of_changed_logs(case: Case) -> None:
    raw = case["file"].encode()
    if not is_refused(case, read_change, raw):
        change = read_change(raw)
        assert write_change(change) == raw and change.shown == case["shown"]
