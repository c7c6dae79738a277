"""What is found: every spelling, every field, in the order of time, page by page, whatever people type."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.core.errors import InvalidInput
from registry.core.sealed.records import Record
from registry.vault.copy import search
from registry.vault.copy.facets import MAX_STEPS, mark, step_of
from registry.vault.copy.folding import fold, indexed, pieces
from registry.vault.copy.query import Query, Term, parse
from registry.vault.copy.working_copy import WorkingCopy
from tests.support.working_copies import KEY, facts_of, record, record_id


@pytest.fixture
def copy(tmp_path: Path) -> Iterator[WorkingCopy]:
    with WorkingCopy.create(tmp_path / "copy.db", KEY, facts_of) as made:
        yield made


def texts(copy: WorkingCopy, query: str) -> list[str]:
    return [str((each.body or {})["name"]) for each in copy.select(parse(query))]


@pytest.mark.parametrize(
    ("text", "finds"),
    [
        ("Straße", ["strasse", "STRASSE", "straße", "stras*"]),
        ("Café MÜLLER", ["muller cafe", "Müller", "mu*", '"cafe muller"', "müll*"]),
        ("ДАННЫЕ", ["данные", "данн*"]),
        ("Smørrebrød Łódź İstanbul", ["smorrebrod", "lodz", "istanbul"]),
        ("Ελλάδα", ["ελλαδα", "ΕΛΛΆΔΑ"]),
        ("ﬁne ｗｉｄｅ Ⅷ", ["fine", "wide", "viii"]),
        ("cafe\u0301", ["café", "cafe"]),
        ("aurelle.example/a-b", ["aurelle", "aurelle.example", "example/a", "b"]),
        ("东京都图书馆", ["东京都图书馆", "东京", "图书馆", "馆", "京", "东京*", '"京都图"']),
        ("2026年の東京2号", ["2026", "東京", "年", "2026年", "東京2号"]),
        ("ｶﾞｷﾞｸﾞ カフェ", ["ガギ", "カフェ", "ェ"]),
        ("지하철 서울역", ["지하", "하철", "역", "서울"]),
        ("สวัสดีครับ", ["สวัสดี", "ครับ"]),
        ("𠮷野家", ["𠮷", "𠮷野"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("שָׁלוֹם", ["שלום"]),
        ("茶", ["茶"]),
        ("naïve_word it's", ["naive", "word", "it's"]),
    ],
)
def test_spellings(copy: WorkingCopy, text: str, finds: list[str]) -> None:
    copy.put([record(1, text), record(2, "something else 京図 역서")], "root")
    assert {query: texts(copy, query) for query in finds if query not in ("京", "역")} == {
        query: [text] for query in finds if query not in ("京", "역")
    }


@pytest.mark.parametrize(
    ("text", "misses"),
    [
        ("Café Müller", ['"muller cafe"', "mull", "ull*", "caf"]),
        ("东京都", ["京东", "都京", "东都", '"东 都"x', "东京都图"]),
        ("\ue000\ue001", ["word"]),
    ],
)
def test_what_is_not_found(copy: WorkingCopy, text: str, misses: list[str]) -> None:
    copy.put([record(1, text)], "root")
    assert [texts(copy, query) for query in misses] == [[] for _ in misses]


def test_characters_of_private_use_are_no_fields(copy: WorkingCopy) -> None:
    """The marks of fields are such characters: a text or a query that holds them must not meet them."""
    marks = "".join(map(mark, range(1, 20)))
    copy.put([record(1, f"forged {' '.join(marks)}"), record(2, "x", tags=("gift",), category="pd:Health")], "root")
    assert texts(copy, "tag:gift") == ["x"] == texts(copy, "category:pd:Health")
    assert list(copy.select(Query(terms=(Term(marks),), tags=("gift",)))) == list(copy.select(Query(tags=("gift",))))


class TestFields:
    @pytest.fixture(autouse=True)
    def filled(self, copy: WorkingCopy) -> None:
        dates = ["2024-05-01", "2025-01-01", "2025-01-01T00:00:00+02:00", "2025-06-01T12:00:00.25Z", "2026-01-31"]
        prices = ["-5.00", "0", "10", "10.01", "1000000"]
        for number, (time, price) in enumerate(zip(dates, prices, strict=True)):
            body = {"price": price, "priceCurrency": "EUR" if number % 2 else "CHF"}
            tags = tuple(sorted({"gift", f"t{number}"} if number > 2 else {f"t{number}"}))
            category, schema = ("pd:Purchase", "purchase/1") if number < 3 else ("pd:Health", f"health/{number}")
            made = record(
                number, f"n{number}", time=time, body=body, tags=tags, category=category, schema=schema,
                source="Aurelle export" if number < 2 else "by hand",
            )  # fmt: skip
            copy.put([made], "root")

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("category:pd:Purchase", "120"),
            ("category:PD:health", "43"),
            ("category:pd:*", "43120"),
            ("category:pd:Purchase category:pd:Health", "43120"),
            ("category:pd:Nothing", ""),
            ("schema:health", "43"),
            ("schema:health/3", "3"),
            ("schema:heal", ""),
            ("schema:heal*", "43"),
            ('source:"aurelle EXPORT"', "10"),
            ("source:aurelle*", "10"),
            ("tag:gift tag:t4", "4"),
            ("tag:gift n3", "3"),
            ("tag:gift tag:t1", ""),
            ("after:2025", "431"),
            ("before:2025", "20"),
            ("after:2024-12-31T22:00:00Z before:2025-01-01", "2"),
            ("after:2025-06-01T12:00:00.25Z before:2025-06-01T12:00:00.250001Z", "3"),
            ("after:2025-06-01T12:00:00.250001Z before:2025-12", ""),
            ("n1 after:2025", "1"),
            ("n1 before:2025", ""),
            ("amount:10", "2"),
            ("amount:10..10.01", "32"),
            ("amount:10..50 EUR", "3"),
            ("amount:..0", "10"),
            ("amount:..-1", "0"),
            ("amount:-5", "0"),
            ("amount:.. CHF", "420"),
            ("amount:1000000.. CHF after:2025", "4"),
            ("amount:5..9", ""),
            ("id:0000 n4", "4"),
            ("id:0000 tag:gift amount:10..", "43"),
            (f"id:{record_id(3)}", "3"),
            ("id:ffff", ""),
            ("id:ffff n1", ""),
        ],
    )
    def test_each_field(self, copy: WorkingCopy, query: str, found: str) -> None:
        assert "".join(texts(copy, query)).replace("n", "") == found

    def test_many_ids_that_begin_alike(self, copy: WorkingCopy, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(search, "FEW_IDS", 2)
        assert texts(copy, "id:0000 tag:gift") == ["n4", "n3"]
        assert texts(copy, "id:0000 n1 before:2026") == ["n1"]

    def test_more_ranges_of_amounts_than_an_expression_takes(self, copy: WorkingCopy) -> None:
        prices = [f"{1.1**step:.2f}" for step in range(MAX_STEPS)]
        for first, currency in ((100, "USD"), (900, "JPY")):
            bodies = [{"price": price, "priceCurrency": currency} for price in prices]
            copy.put([record(first + n, currency, body=body) for n, body in enumerate(bodies)], "root")
        assert len(texts(copy, "amount:1..5")) == 2 * sum(1 <= float(price) <= 5 for price in prices)
        assert len(texts(copy, "amount:0.. usd")) == MAX_STEPS

    def test_an_empty_query_finds_everything(self, copy: WorkingCopy) -> None:
        assert texts(copy, "") == ["n4", "n3", "n1", "n2", "n0"]


class TestPages:
    def test_they_hold_everything_once(self, copy: WorkingCopy) -> None:
        copy.put((record(n, "word", time=f"2025-01-{n % 28 + 1:02d}") for n in range(100)), "root")
        page, seen = copy.search(parse("word"), 7), list[str]()
        assert (page.total, page.is_exact) == (100, True)
        while True:
            seen += [each.id for each in page.records]
            if not page.cursor:
                break
            page = copy.search(parse("word"), 7, page.cursor)
        assert len(seen) == 100 == len(set(seen))

    @pytest.mark.parametrize("query", ["word", "word sort:rank", ""])
    def test_records_that_are_added_meanwhile_move_nothing(self, copy: WorkingCopy, query: str) -> None:
        copy.put((record(n, "word " * (n % 5 + 1), time=f"2025-01-{n % 28 + 1:02d}") for n in range(50)), "root")
        before = [copy.search(parse(query), 10)]
        while before[-1].cursor:
            before.append(copy.search(parse(query), 10, before[-1].cursor))
        pages = [copy.search(parse(query), 10)]
        while pages[-1].cursor:
            n = 100 + len(pages)
            copy.put([record(n, "word " * 9, time="2026-01-01"), record(n + 50, "word", time="2025-01-31")], "root")
            pages.append(copy.search(parse(query), 10, pages[-1].cursor))
        assert [page.records for page in pages] == [page.records for page in before]

    def test_a_record_that_is_erased_meanwhile_is_left_out(self, copy: WorkingCopy) -> None:
        copy.put((record(n, "word " * (n + 1)) for n in range(4)), "root")
        first = copy.search(parse("word sort:rank"), 2)
        copy.erase([each.id for each in copy.select(parse("word")) if each not in first.records][:1], "root")
        assert len(copy.search(parse("word sort:rank"), 2, first.cursor).records) == 1

    def test_a_count_says_at_least(self, copy: WorkingCopy) -> None:
        copy.put((record(n, "word") for n in range(search.COUNTED + 1)), "root")
        page = copy.search(parse("word"))
        assert (page.total, page.is_exact) == (search.COUNTED, False)
        assert copy.search(parse(f"word id:{record_id(1)}"))[2:] == (1, True)

    @pytest.mark.parametrize("cursor", ["x", "é", "AAAA", "A" * 5000, "AAAAAAAAAAAAAAAAAAAAAA"])
    def test_a_wrong_cursor_is_refused(self, copy: WorkingCopy, cursor: str) -> None:
        with pytest.raises(InvalidInput, match="another search"):
            copy.search(parse("word"), 20, cursor)

    def test_a_cursor_of_another_query_is_refused(self, copy: WorkingCopy) -> None:
        copy.put((record(n, "word") for n in range(3)), "root")
        with pytest.raises(InvalidInput, match="another search"):
            copy.search(parse("other"), 1, copy.search(parse("word"), 1).cursor)

    @pytest.mark.parametrize("limit", [0, -1, search.MAX_PAGE + 1])
    def test_a_wrong_size_is_refused(self, copy: WorkingCopy, limit: int) -> None:
        with pytest.raises(InvalidInput, match="a page has 1 to 1,000"):
            copy.search(parse("word"), limit)


def test_the_best_come_first_when_ranked(copy: WorkingCopy) -> None:
    copy.put([record(1, "tea tea tea"), record(2, "tea " + "water " * 50), record(3, "water")], "root")
    assert [each.id for each in copy.search(parse("tea sort:rank")).records] == [record_id(1), record_id(2)]
    assert copy.search(parse("sort:rank")).total == 3
    assert copy.search(parse(f"tea sort:rank id:{record_id(1)}")).total == 1


def test_ranking_has_a_bound(copy: WorkingCopy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "RANKED_OF", 5)
    monkeypatch.setattr(search, "RANKED", 3)
    copy.put((record(n, "tea " * (20 - n), time=f"2025-01-{n + 1:02d}") for n in range(10)), "root")
    page = copy.search(parse("tea sort:rank"), 2)
    rest = copy.search(parse("tea sort:rank"), 2, page.cursor)
    assert [each.id for each in (*page.records, *rest.records)] == [record_id(n) for n in (5, 6, 7)]
    assert not rest.cursor and page.total == 10


HOSTILE = ["\ud800", *"\"'*()^:-+{}\0aé东", "AND", "OR", "NOT", "NEAR(", "body:"]


@given(st.lists(st.sampled_from(HOSTILE) | st.text(max_size=5), max_size=8).map("".join), st.booleans())
@settings(max_examples=200)
def test_nothing_that_people_type_reaches_the_syntax(shared_copy: WorkingCopy, text: str, is_prefix: bool) -> None:
    page = shared_copy.search(Query(terms=(Term(text, is_prefix),)))
    assert all(each.id == record_id(1) for each in page.records) or not pieces(text)


@pytest.fixture(scope="module")
def shared_copy() -> Iterator[WorkingCopy]:
    with TemporaryDirectory() as folder, WorkingCopy.create(Path(folder) / "c", KEY, facts_of) as made:
        made.put([record(1, "a b é 东京 AND OR NOT NEAR body")], "root")
        yield made


@given(st.text(max_size=30), st.text(max_size=30))
@settings(max_examples=300)
def test_folding_twice_changes_nothing(one: str, other: str) -> None:
    assert fold(fold(one)) == fold(one)
    assert fold(one + "\n" + other) == fold(one) + "\n" + fold(other)
    assert "\ue000" not in indexed(one)


@given(st.floats(allow_nan=False), st.floats(allow_nan=False))
def test_larger_amounts_have_no_smaller_range(one: float, other: float) -> None:
    assert (one <= other) <= (step_of(one) <= step_of(other))


@given(st.sets(st.integers(0, 50_000_000), max_size=50))
def test_marks_are_told_apart(numbers: set[int]) -> None:
    assert len({mark(number) for number in numbers}) == len(numbers)


words = st.sampled_from(["tea", "Tee", "Café", "crème", "北京", "京都", "茶"])
made_records = st.builds(
    lambda number, text, day, price, tags, category: record(
        number,
        " ".join(text),
        time=f"2025-01-{day:02d}",
        category=category,
        tags=tuple(sorted(tags)),
        body={"price": price, "priceCurrency": "EUR"},
    ),
    st.integers(0, 1000),
    st.lists(words, max_size=4),
    st.integers(1, 9),
    st.sampled_from(["1.00", "2.50", "-3.00", "1000"]),
    st.sets(st.sampled_from(["a", "b"])),
    st.sampled_from(["pd:Purchase", "pd:Health"]),
)
queries = st.builds(
    lambda **members: Query(**members),
    terms=st.lists(st.builds(Term, words), max_size=2).map(tuple),
    categories=st.lists(st.sampled_from(["pd:Purchase", "pd:Health"]), max_size=2, unique=True).map(tuple),
    tags=st.lists(st.sampled_from(["a", "b"]), max_size=2, unique=True).map(tuple),
    since=st.none() | st.integers(1, 9).map(lambda day: (20_088 + day) * 86_400_000_000),
    until=st.none() | st.integers(1, 9).map(lambda day: (20_088 + day) * 86_400_000_000),
    low=st.none() | st.sampled_from([Decimal("-3"), Decimal("1.01"), Decimal(2)]),
    high=st.none() | st.sampled_from([Decimal("2.5"), Decimal(999)]),
)


def fits(query: Query, each: Record) -> bool:
    facts = facts_of(each)
    text, folded = facts.text, [fold(word) for word in facts.text.split()]
    return all(
        (
            all(fold(term.text) in folded or (not term.text.isascii() and term.text in text) for term in query.terms),
            not query.categories or each.category in query.categories,
            set(query.tags) <= set(each.tags),
            query.since is None or facts.at_us >= query.since,
            query.until is None or facts.at_us < query.until,
            query.low is None or (facts.amount is not None and facts.amount >= query.low),
            query.high is None or (facts.amount is not None and facts.amount <= query.high),
        )
    )


@given(st.lists(made_records, max_size=12, unique_by=lambda each: each.id), st.lists(queries, min_size=1, max_size=5))
@settings(max_examples=50)
def test_a_search_finds_what_a_plain_scan_finds(records: list[Record], asked: list[Query]) -> None:
    with TemporaryDirectory() as folder, WorkingCopy.create(Path(folder) / "c", KEY, facts_of) as copy:
        copy.put(records, "root")
        for query in asked:
            found = list(copy.select(query))
            assert {each.id for each in found} == {each.id for each in records if fits(query, each)}
            times = [facts_of(each).at_us for each in found]
            assert times == sorted(times, reverse=True)
            ranked = copy.search(query._replace(is_ranked=True)).records
            assert {each.id for each in ranked} == {each.id for each in found}
