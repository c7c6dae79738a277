"""js/core reads use logs as the package does: the published vectors, ours, and whatever is damaged at random."""

from __future__ import annotations

import json
from base64 import b64decode
from collections import Counter
from functools import partial
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.core.codec import dump
from registry.core.errors import ConsentError, LogChanged, Malformed, NotIncluded
from registry.core.merkle_log import (
    check_consistency,
    check_inclusion,
    consistency_ranges,
    inclusion_ranges,
    inner_hash,
    leaf_hash,
)
from registry.core.scalars import to_hex, unhex
from registry.core.statements.messages import members
from registry.core.use_audit import ChangedLog, beyond, check_entries, joined_heads, read_change, write_change
from registry.core.uses import LoggedUse, UsesPage, parse_page, parse_use, write_page, write_use
from tests.support.builders import NOW, grant_message, word
from tests.support.hand_logs import MINE, Log, sizes_of_logs, use
from tests.support.mutations import files, outcome
from tests.support.nodejs import b64, js_uses
from tests.support.paths import DATA
from tests.support.soak import examples
from tests.support.vectors import Case, read_cases

PUBLISHED: dict[str, dict[str, Any]] = json.loads((DATA / "merkle_logs" / "vectors.json").read_bytes())
OURS = read_cases("uses")
LOG = Log([3, 7, 20])
PAGE = UsesPage(MINE, tuple(LOG.heads), tuple(LOG.entries(30)), more=False)
CHANGES = [
    ChangedLog((LOG.heads[0].evidence, Log([3], salt=1).heads[0].evidence)),
    ChangedLog((LOG.heads[0].evidence,), LOG.entries()[0]),
    ChangedLog((), LOG.entries()[-1]),
]
DAY, SKEW = 86_400, 900


def plain(value: Any) -> Any:
    """A value of msgspec as the JSON that travels to the script."""
    return json.loads(msgspec.json.encode(value))


class TestPublishedVectors:
    def test_hashes(self) -> None:
        # rfc6962_test.go of transparency-dev/merkle.
        leaf = "0x395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56"
        node = "0xaa217fe888e47007fa15edab33c2b492a722cb106c64667fc2b044444de66bbb"
        assert js_uses().ask("hashes", b64(b"L123456"), b64(b"N123"), b64(b"N456")) == [leaf, node]

    def test_inclusion_and_consistency(self) -> None:
        seen = Counter[bool]()
        for name, told in PUBLISHED.items():
            proof = told["proof"] or []
            if name.startswith("inclusion/"):
                asked = [
                    "inclusion",
                    told["leafIdx"],
                    told["treeSize"],
                    told["leafHash"] or "",
                    proof,
                    told["root"] or "",
                ]
            else:
                asked = ["consistency", told["size1"], told["size2"], proof, told["root1"] or "", told["root2"] or ""]
            assert js_uses().ask(*asked) == ("NotIncluded" if told["wantErr"] else "fits"), name
            seen[told["wantErr"]] += 1
        assert seen == {True: 184, False: 12}


def ours(kind: str) -> pytest.MarkDecorator:
    cases = {name: case for name, case in OURS.items() if name.startswith(kind)}
    return pytest.mark.parametrize("case", cases.values(), ids=cases.keys())


class TestOurVectors:
    @ours("entry")
    def test_entries(self, case: Case) -> None:
        wanted = case["leaf"] if case["error"] == "Valid" else case["error"]
        assert js_uses().ask("leaf", b64(case["entry"].encode())) == wanted

    @ours("tree")
    def test_trees(self, case: Case) -> None:
        leaves, roots = ([b64(unhex(each)) for each in case[name]] for name in ("leaves", "roots"))
        size = len(leaves)
        for index, told in enumerate(case["inclusion"]):
            proof = [b64(unhex(each)) for each in told]
            asked = [(index, leaves[index], roots[-1]), (index, leaves[index - 1], roots[-1])]
            answers = [js_uses().ask("inclusion", at, size, leaf, proof, root) for at, leaf, root in asked]
            assert answers == ["fits", "fits" if size == 1 else "NotIncluded"]
        for first, told in enumerate(case["consistency"], 1):
            proof = [b64(unhex(each)) for each in told]
            assert js_uses().ask("consistency", first, size, proof, roots[first - 1], roots[-1]) == "fits"
            forged = b64(leaf_hash(b"forged"))
            assert js_uses().ask("consistency", first, size, proof, forged, roots[-1]) == "NotIncluded"

    @ours("page")
    def test_pages(self, case: Case) -> None:
        wanted = "fits" if case["error"] == "Valid" else case["error"]
        assert js_uses().ask("pageFits", b64(case["page"].encode())) == wanted

    @ours("changed")
    def test_files_of_changed_logs(self, case: Case) -> None:
        raw = b64(case["file"].encode())
        wanted = {"written": raw, "shown": case["shown"]} if case["error"] == "Valid" else case["error"]
        assert js_uses().ask("change", raw) == wanted


@settings(max_examples=examples(100, 10_000), deadline=None)
@given(st.integers(1, 2**53 - 1), st.data())
def test_any_inclusion_in_a_large_log_is_judged_alike(size: int, data: st.DataObject) -> None:
    """Places beyond 32 bits: the other hashes are made up, and the root follows from them."""
    index = data.draw(st.integers(0, size - 1))
    ranges = inclusion_ranges(index, size)
    root = leaf = leaf_hash(b"leaf")
    proof = [leaf_hash(bytes([n])) for n in range(len(ranges))]
    for (start, _), sibling in zip(ranges, proof, strict=True):
        root = inner_hash(root, sibling) if start > index else inner_hash(sibling, root)
    for given_proof in (proof, proof[1:], [*proof, leaf]):
        wanted = outcome(partial(check_inclusion, index, size, leaf, given_proof, root)) or "fits"
        asked = [b64(each) for each in given_proof]
        assert js_uses().ask("inclusion", index, size, b64(leaf), asked, b64(root)) == wanted
    check_inclusion(index, size, leaf, proof, root)


@settings(max_examples=examples(100, 10_000), deadline=None)
@given(st.integers(2, 2**53 - 1), st.data())
def test_any_consistency_of_large_logs_is_judged_alike(second: int, data: st.DataObject) -> None:
    first = data.draw(st.integers(1, second - 1) | st.sampled_from([2**n for n in range(53) if 2**n < second]))
    ranges = consistency_ranges(first, second)
    proof = [leaf_hash(bytes([n])) for n in range(len(ranges))]
    start = 0 if first & (first - 1) == 0 else 1
    old = new = proof[0] if start else leaf_hash(b"old")
    for (left, _), sibling in list(zip(ranges, proof, strict=True))[start:]:
        new = inner_hash(new, sibling) if left >= first else inner_hash(sibling, new)
        old = old if left >= first else inner_hash(sibling, old)
    check_consistency(first, second, proof, old, new)
    for given_proof in (proof, proof[1:], [*proof, old]):
        wanted = outcome(partial(check_consistency, first, second, given_proof, old, new)) or "fits"
        asked = [b64(each) for each in given_proof]
        assert js_uses().ask("consistency", first, second, asked, b64(old), b64(new)) == wanted


def test_a_changed_page_is_read_or_refused_alike() -> None:
    seen = Counter[bool]()

    @settings(max_examples=examples(150, 10_000), deadline=None)
    @given(files(json.loads(write_page(PAGE))))
    def agree(raw: bytes) -> None:
        wanted = outcome(lambda: b64(write_page(parse_page(raw))))
        assert js_uses().ask("page", b64(raw)) == wanted
        seen[wanted == "Malformed"] += 1

    agree()
    assert min(seen[True], seen[False]) >= sum(seen.values()) // 20, seen


@settings(max_examples=examples(150, 10_000), deadline=None)
@given(files(json.loads(write_use(use(3)))))
def test_a_changed_entry_is_read_or_refused_alike(raw: bytes) -> None:
    assert js_uses().ask("leaf", b64(raw)) == outcome(lambda: to_hex(parse_use(raw).leaf))


@settings(max_examples=examples(150, 10_000), deadline=None)
@given(st.sampled_from(CHANGES).flatmap(lambda change: files(json.loads(write_change(change)))))
def test_a_changed_file_of_a_changed_log_is_read_or_refused_alike(raw: bytes) -> None:
    def read() -> dict[str, str]:
        change = read_change(raw)
        return {"written": b64(write_change(change)), "shown": str(change.shown)}

    assert js_uses().ask("change", b64(raw)) == outcome(read)


def test_of_two_faults_the_form_is_told_first() -> None:
    document = json.loads(write_change(CHANGES[1]))
    document["use"]["use"]["salt"] = to_hex(b"\x01" * 32)
    assert js_uses().ask("change", b64(dump(document))) == "NotIncluded"
    with pytest.raises(NotIncluded):
        read_change(dump(document))
    del document["heads"][0]["type"]
    assert js_uses().ask("change", b64(dump(document))) == "Malformed"
    with pytest.raises(Malformed):
        read_change(dump(document))


def test_any_two_logs_fit_together_or_not_alike() -> None:
    """Heads that are known, and heads that are served: of one log or of two, from any place on, with any gap."""
    seen = Counter[str]()

    @settings(max_examples=examples(150, 5_000), deadline=None)
    @given(sizes_of_logs, sizes_of_logs, st.booleans(), st.integers(-20, 20), st.data())
    def agree(sizes: list[int], others: list[int], same: bool, since: int, data: st.DataObject) -> None:
        one = Log(sizes)
        other = one if same else Log(others, salt=data.draw(st.integers(0, 1)), since=NOW + since)
        known = one.heads[: data.draw(st.integers(0, len(sizes)))]
        served = other.heads[data.draw(st.integers(0, len(other.heads))) :]
        found = js_uses().answer("joined", plain(known), plain(served))
        try:
            wanted = [each.message.root for each in joined_heads(known, served).values()]
            assert found == {"ok": wanted}
            seen["fits"] += 1
        except LogChanged as changed:
            # The file that tells of it is the same, byte for byte.
            assert (found["error"], b64decode(found["advice"])) == ("LogChanged", changed.file)
            seen["changed"] += 1
        except ConsentError as error:
            assert found["error"] == type(error).__name__
            seen["else"] += 1

    agree()
    assert all(seen[name] >= 5 for name in ("fits", "changed", "else")), seen


def test_a_head_that_was_anchored_anew_dates_what_follows() -> None:
    known, anew = Log([5]).heads, Log([5, 9], since=NOW - 1).heads
    wanted = [each.message.root for each in joined_heads(known, anew).values()]
    assert js_uses().answer("joined", plain(known), plain(anew)) == {"ok": wanted}


def test_entries_are_judged_alike() -> None:
    seen = Counter[str]()

    @settings(max_examples=examples(150, 5_000), deadline=None)
    @given(sizes_of_logs, st.data())
    def agree(sizes: list[int], data: st.DataObject) -> None:
        log = Log(sizes)
        heads, entries = joined_heads((), log.heads), log.entries()
        known = entries[: data.draw(st.sampled_from([0, len(entries) // 2, len(entries)]))]
        served = data.draw(changed_entries(entries))
        found = js_uses().answer("checked", plain(log.heads), plain(known), plain(served))
        try:
            check_entries(heads, known, served)
            assert found == {"ok": "fits"}
            seen["fits"] += 1
        except LogChanged as changed:
            assert (found["error"], b64decode(found["advice"])) == ("LogChanged", changed.file)
            seen["changed"] += 1
        except ConsentError as error:
            assert found["error"] == type(error).__name__
            seen["else"] += 1

    agree()
    assert all(seen[name] >= 5 for name in ("fits", "changed", "else")), seen


@st.composite
def changed_entries(draw: st.DrawFn, entries: list[LoggedUse]) -> list[LoggedUse]:
    """The entries as they are, or with one that is gone, altered, moved or without its proof."""
    place = draw(st.integers(0, len(entries) - 1))
    one, rest = entries[place], entries[:place] + entries[place + 1 :]
    altered = msgspec.structs.replace(one, use=msgspec.structs.replace(one.use, count=one.use.count + 1))
    bare = LoggedUse(one.index, one.use)
    choices = [entries, entries, rest, rest, [*rest, one], [*entries[:place], altered, *entries[place + 1 :]]]
    return draw(st.sampled_from([*choices, [*entries[:place], bare, *entries[place + 1 :]]]))


@settings(max_examples=examples(100, 5_000), deadline=None)
@given(
    st.sampled_from(["dpv:Personalisation", "dpv:Marketing"]),
    st.sampled_from([("pd:Purchase",), ("pd:EmailAddress",), ("pd:HealthRecord", "pd:Purchase")]),
    st.sampled_from([NOW - 1000 - SKEW - 1, NOW - 1000 - SKEW, NOW, NOW + DAY, NOW + 30 * DAY + SKEW, NOW + 90 * DAY]),
    st.sampled_from([0, NOW, NOW + DAY - SKEW - 1, NOW + DAY - SKEW, NOW + 60 * DAY]),
    st.sampled_from([None, NOW - SKEW, NOW, NOW + 91 * DAY]),
)
def test_what_goes_beyond_the_grant_is_told_alike(
    purpose: str, data: tuple[str, ...], at: int, ended_at: int, anchored_at: int | None
) -> None:
    one = msgspec.structs.replace(use(3), purpose=purpose, data=data, at=at, salt=word(5))
    wanted = [str(how) for how in beyond(one, grant_message(), ended_at, anchored_at)]
    assert js_uses().ask("beyond", plain(one), members(grant_message()), ended_at, anchored_at) == wanted
