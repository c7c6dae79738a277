"""The working copy keeps versions in any order, and shows the newest of each record."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import InvalidOperation
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.core.errors import InvalidInput
from registry.core.sealed.records import FileRef, Record
from registry.vault.copy import working_copy
from registry.vault.copy.query import Query, Term, parse
from registry.vault.copy.working_copy import WorkingCopy
from tests.support.working_copies import HOME, KEY, OTHER_HOME, facts_of, record, record_id, tombstone


@pytest.fixture
def copy(tmp_path: Path) -> Iterator[WorkingCopy]:
    with WorkingCopy.create(tmp_path / "copy.db", KEY, facts_of) as made:
        yield made


def found(copy: WorkingCopy, text: str) -> list[str]:
    return [str(each.body["name"]) for each in copy.search(parse(text)).records if each.body]


class TestOneRecord:
    def test_it_comes_back_as_it_was(self, copy: WorkingCopy) -> None:
        file = FileRef("a.pdf", "application/pdf", 3, sha256(b"abc").hexdigest(), data="YWJj")
        body = {"nested": [{"a": 1.5}, None, True], "price": "12.50", "priceCurrency": "EUR"}
        put = record(1, "Straße", tags=("a", "b"), source="by hand", body=body, file=file)
        assert copy.put([put], "root") == 1
        assert copy.newest(put.id) == put == copy.search(parse("strasse")).records[0]

    def test_an_unknown_one_is_none(self, copy: WorkingCopy) -> None:
        assert copy.newest(record_id(5)) is None and copy.history(record_id(5)) == []

    @pytest.mark.parametrize("wrong", ["", "12", "zz" * 16, "00" * 17])
    def test_what_is_no_id_is_refused(self, copy: WorkingCopy, wrong: str) -> None:
        with pytest.raises(InvalidInput, match="no id of a record"):
            copy.newest(wrong)

    def test_ids_of_a_bundle_have_no_hyphens_and_versions_no_home(self, copy: WorkingCopy) -> None:
        shared = Record(
            "ab" * 16, 1, category="pd:Purchase", schema="purchase/1", time="2026-01-31", body={"name": "x"}
        )
        copy.put([shared], "root")
        assert copy.newest("ab" * 16) == shared

    def test_an_edit_is_found_at_its_new_words_only(self, copy: WorkingCopy) -> None:
        copy.put([record(1, "old")], "a")
        copy.put([record(1, "new", counter=2, time="2020-01-01")], "b")
        assert (found(copy, "old"), found(copy, "new"), found(copy, "before:2021")) == ([], ["new"], ["new"])
        assert [each.counter for each in copy.history(record_id(1))] == [1, 2]

    def test_an_older_version_that_comes_late_is_history(self, copy: WorkingCopy) -> None:
        copy.put([record(1, "new", counter=2)], "a")
        assert copy.put([record(1, "old")], "b") == 1
        assert (found(copy, "old"), found(copy, "new")) == ([], ["new"])

    def test_of_equal_counters_the_larger_home_is_newer(self, copy: WorkingCopy) -> None:
        copy.put([record(1, "theirs", home=OTHER_HOME), record(1, "ours", home=HOME)], "a")
        assert found(copy, "tag:x") == [] and found(copy, "category:pd:Purchase") == ["theirs"]

    def test_a_deleted_one_is_not_found_and_comes_back_with_a_newer_version(self, copy: WorkingCopy) -> None:
        copy.put([record(1, "word"), tombstone(1)], "a")
        assert found(copy, "word") == [] and copy.newest(record_id(1)) == tombstone(1)
        copy.put([record(1, "word", counter=3)], "b")
        assert found(copy, "word") == ["word"]

    def test_the_same_again_changes_nothing(self, copy: WorkingCopy) -> None:
        both = [record(1, "word"), record(2, "word", counter=2)]
        assert [copy.put(both, "a"), copy.put(both, "b"), copy.put(both * 2, "c")] == [2, 0, 0]
        assert len(copy.search(parse("word")).records) == 2


class TestManyRecords:
    """Records come in several transactions, and the root says when all are there."""

    def test_the_root_is_empty_until_all_are_there(self, copy: WorkingCopy, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(working_copy, "MAX_PART", 10)

        def broken() -> Iterator[Record]:
            yield from (record(number, "word") for number in range(25))
            raise OSError("the store went away")

        copy.put([], "before")
        with pytest.raises(OSError, match="went away"):
            copy.put(broken(), "after")
        assert copy.root == ""
        assert copy.put((record(number, "word") for number in range(25)), "after") < 25
        assert copy.root == "after" and copy.stats().records == 25

    def test_one_transaction_changes_all_or_nothing(self, copy: WorkingCopy) -> None:
        copy.put([record(1, "kept")], "before")
        with pytest.raises(InvalidOperation):
            copy.put([record(2, "word"), record(3, "word", body={"price": "not a number"})], "after")
        assert copy.root == "before" and copy.stats().versions == 1 and found(copy, "word") == []

    def test_nothing_to_put_still_sets_the_root(self, copy: WorkingCopy) -> None:
        assert copy.put([], "root") == 0 and copy.root == "root"

    def test_large_records_are_committed_by_their_bytes(
        self, copy: WorkingCopy, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(working_copy, "MAX_PART_BYTES", 1000)
        assert copy.put((record(number, "word " * 100) for number in range(10)), "root") == 10

    def test_a_second_with_more_records_than_places(self, copy: WorkingCopy) -> None:
        for first in range(0, 1000, 250):
            copy.put([record(number, "word") for number in range(first, first + 250)], "root")
        copy.put([record(1000, "word", time="2026-01-30"), record(1001, "word", time="2026-02-01")], "root")
        every = [each.id for each in copy.select(parse("word"))]
        assert len(every) == 1002 == len(set(every))
        assert (every[0], every[-1]) == (record_id(1001), record_id(1000))
        day = parse("word after:2026-01-31 before:2026-01-31T00:00:01Z")
        assert copy.search(day).total == 1000 == len(list(copy.select(day)))

    def test_very_many_records_of_one_day_fill_the_seconds_after_it(self, copy: WorkingCopy) -> None:
        for first in range(0, 20_000, 5_000):
            copy.put([record(number, "word") for number in range(first, first + 5_000)], "root")
        assert int(copy._meta("spill")) == 20_000 // 256
        assert len({each.id for each in copy.select(parse("before:2026-02-01"))}) == 20_000

    def test_the_first_and_the_last_year(self, copy: WorkingCopy) -> None:
        copy.put([record(1, "a", time="0001-01-01"), record(2, "b", time="9999-12-31T23:59:59.999999+00:00")], "root")
        assert found(copy, "before:0002") == ["a"] and found(copy, "after:9999") == ["b"]
        assert list(copy.stats().by_year) == [1, 9999]

    def test_all_versions_are_listed(self, copy: WorkingCopy) -> None:
        versions = [record(1, "a"), record(1, "b", counter=2), tombstone(2, 1), record(3, "c")]
        copy.put(versions, "root")
        assert list(copy.versions()) == sorted(versions, key=lambda one: (one.id, one.version))


class TestKeys:
    def test_known_keys_name_their_record(self, copy: WorkingCopy) -> None:
        copy.put([record(1, key="01" * 16), record(2, key="02" * 16)], "root")
        assert copy.known([b"\1" * 16, b"\3" * 16]) == {b"\1" * 16: record_id(1)}
        assert len(copy.known(bytes([7, n % 256, n // 256]) for n in range(2000))) == 0

    def test_erasing_a_record_forgets_its_keys(self, copy: WorkingCopy) -> None:
        copy.put([record(1, key="01" * 16), record(2, key="02" * 16)], "root")
        copy.erase([record_id(1)], "root")
        assert copy.known([b"\1" * 16, b"\2" * 16]) == {b"\2" * 16: record_id(2)}

    def test_a_thing_is_known_by_its_identity_and_its_newest_state(self, copy: WorkingCopy) -> None:
        thing, first, second = "01" * 16, "02" * 16, "03" * 16
        copy.put([record(1, key=thing + first), record(1, counter=2, key=thing + second)], "root")
        wanted = [bytes.fromhex(each) for each in (thing, first, second)]
        assert copy.known(wanted) == {wanted[0]: record_id(1), wanted[2]: record_id(1)}
        copy.put([record(1, counter=3, key=thing + first)], "root")
        assert copy.known(wanted) == {wanted[0]: record_id(1), wanted[1]: record_id(1)}

    def test_a_tombstone_keeps_its_key(self, copy: WorkingCopy) -> None:
        copy.put([record(1, key="01" * 16), msgspec.structs.replace(tombstone(1), key="01" * 16)], "root")
        assert copy.known([b"\1" * 16]) == {b"\1" * 16: record_id(1)}


class TestSegments:
    def test_those_that_were_put_are_lacking_no_more(self, copy: WorkingCopy) -> None:
        assert copy.lacking(["a", "b"]) == ["a", "b"]
        copy.put([record(1)], "", ["a"])
        assert copy.lacking(["b", "a"]) == ["b"]

    def test_a_segment_that_the_vault_has_no_more_is_forgotten(self, copy: WorkingCopy) -> None:
        copy.put([record(1)], "", ["a", "b"])
        assert copy.lacking(["b"]) == [] and copy.lacking(["a", "b"]) == ["a"]

    def test_a_segment_that_fails_half_way_is_lacking(self, copy: WorkingCopy) -> None:
        def broken() -> Iterator[Record]:
            yield record(1)
            raise OSError("the store went away")

        with pytest.raises(OSError, match="went away"):
            copy.put(broken(), "", ["a"])
        assert copy.lacking(["a"]) == ["a"]


def test_stats(copy: WorkingCopy) -> None:
    some = [record(n, "x", time=f"202{n}-01-01", source="shop" if n else None) for n in range(3)]
    copy.put([*some, record(7, "y", category="pd:Health", source="shop", time="2021-01-01"), tombstone(9)], "root")
    stats = copy.stats()
    assert (stats.records, stats.versions) == (4, 5)
    assert stats.by_category == {"pd:Purchase": 3, "pd:Health": 1}
    assert stats.by_source == {"shop": 3, "": 1}
    assert stats.by_year == {2020: 1, 2021: 2, 2022: 1}


versions = st.builds(
    lambda number, counter, home, text, time, is_deleted: (
        tombstone(number, counter, home)
        if is_deleted
        else record(number, f"{text} n{number}c{counter}h{home}", counter=counter, home=home, time=time)
    ),
    st.integers(0, 5),
    st.integers(1, 4),
    st.sampled_from([HOME, OTHER_HOME]),
    st.sampled_from(["coffee", "Müller", "东京"]),
    st.sampled_from(["2026-01-31", "2020-01-01T00:00:00Z", "2026-01-31T00:00:00.5+00:00"]),
    st.booleans(),
)


@settings(max_examples=50)
@given(st.lists(st.lists(versions, max_size=8), max_size=5))
def test_any_order_of_versions_gives_what_a_plain_model_has(batches: list[list[Record]]) -> None:
    model = dict[tuple[str, int, str], Record]()
    with TemporaryDirectory() as folder, WorkingCopy.create(Path(folder) / "c", KEY, facts_of) as copy:
        for batch in batches:
            before = len(model)
            for each in batch:
                model.setdefault((each.id, each.counter, each.home), each)
            assert copy.put(batch, "root") == len(model) - before
        newest = {key[0]: model[key] for key in sorted(model)}
        shown = [each for each in newest.values() if not each.deleted]
        assert {id_: copy.newest(id_) for id_ in newest} == newest
        assert sorted(each.id for each in copy.select(Query())) == sorted(each.id for each in shown)
        for word in ("coffee", "muller", "东"):
            hits = copy.select(Query(terms=(Term(word),)))
            spelled = {"muller": "Müller"}.get(word, word)
            assert {each.id for each in hits} == {each.id for each in shown if spelled in str(each.body)}
