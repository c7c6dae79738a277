"""A person looks at a brand's use log: what is shown, and each way in which a log can lie."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from registry.brand.counter import Counter
from registry.brand.store import Store, open_store
from registry.brand.uses import page_of
from registry.client.revoke import revoke
from registry.client.uses import SeenUses, UsesReport, judge_change, look_at_uses
from registry.core.errors import (
    BadSignature,
    BrandUnavailable,
    InvalidInput,
    LedgerUnavailable,
    LogChanged,
    Malformed,
    NotIncluded,
    WrongController,
)
from registry.core.evidence.file import Evidence, parse_evidence, write_evidence
from registry.core.scalars import to_hex
from registry.core.use_audit import ChangedLog, Shown, is_change, read_change, write_change
from registry.core.uses import LogHead, UsesPage, parse_page, write_page
from tests.support.brand_stage import BrandStage
from tests.support.brand_stores import word
from tests.support.stage import Stage
from tests.support.use_logs import log_uses

OTHERS = word("another person's grant")


@dataclass
class Shop:
    """A brand whose log is read. ``store`` is the log that it shows; ``lie`` changes each page."""

    brand: BrandStage
    grant: Evidence
    store: Store
    lie: Callable[[UsesPage], Any] = lambda page: page
    asked: list[tuple[int, int]] = field(default_factory=list)
    host: str = "shop.example"

    def uses(self, _: str, start: int, size: int) -> bytes:
        self.asked.append((start, size))
        told = self.lie(page_of(self.store, self.grant.digest, start, size))
        return told if isinstance(told, bytes) else write_page(told)

    def log(self, mine: int, others: int = 0, store: Store | None = None) -> None:
        """Note readings of Alice's data, and of others'."""
        log_uses(store or self.store, OTHERS, others)
        log_uses(store or self.store, self.grant.digest, mine)

    def next_day(self, store: Store | None = None) -> None:
        """A day passes, and the worker signs and anchors the log's head."""
        self.brand.stage.pass_time(86_401)
        counter = Counter(self.brand.stage.brand, store or self.store)
        while counter.step():
            pass

    def other_log(self, name: str) -> Store:
        """Another log of the same brand, as it would be after a rewrite."""
        folder = self.brand.folder / name
        folder.mkdir()
        return open_store(folder)

    def look(self, seen: SeenUses) -> UsesReport:
        return look_at_uses(self.brand.stage.network, seen, self, "7f" * 16, self.grant)  # type: ignore[arg-type]


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    brand = BrandStage(Stage.of(tmp_path / "parties"), tmp_path / "brand")
    return Shop(brand, brand.granted(), brand.store)


@pytest.fixture
def seen(tmp_path: Path) -> SeenUses:
    return SeenUses(tmp_path / "home" / "uses")


def changed(shop: Shop, seen: SeenUses) -> tuple[LogChanged, ChangedLog]:
    """Look, and return the error with the file that was kept, which anybody can check."""
    with pytest.raises(LogChanged, match="the brand's log has changed") as found:
        shop.look(seen)
    (note,) = found.value.__notes__
    raw = Path(note.removeprefix("Kept: ")).read_bytes()
    assert is_change(raw) and raw == found.value.file
    change, wrong = judge_change(shop.brand.stage.network, raw)
    assert not any(wrong) and all(each.author == shop.brand.stage.brand.address for each in change.heads)
    return found.value, change


def shown(report: UsesReport) -> list[tuple[int, bool]]:
    return [(each.index, report.anchored_at(each) is not None) for each in report.uses]


class TestAnHonestLog:
    def test_what_is_proved_and_what_is_not_yet(self, shop: Shop, seen: SeenUses) -> None:
        assert shown(shop.look(seen)) == []
        shop.log(2, others=3)
        assert shown(shop.look(seen)) == [(3, False), (4, False)]
        shop.next_day()
        shop.log(1)
        report = shop.look(seen)
        assert shown(report) == [(3, True), (4, True), (5, False)]
        assert [each.message.size for each in report.heads] == [5]
        anchored = report.anchored_at(report.uses[0])
        assert anchored and anchored <= shop.brand.stage.ledger.head().time
        assert seen.heads(shop.grant) == report.heads and seen.uses(shop.grant) == report.uses

    def test_it_is_asked_from_the_last_but_one_head_that_is_known(self, shop: Shop, seen: SeenUses) -> None:
        for _ in range(4):
            shop.log(1, others=2)
            shop.next_day()
        assert [each.message.size for each in shop.look(seen).heads] == [3, 6, 9, 12]
        shop.log(1)
        shop.next_day()
        shop.asked.clear()
        assert [each.message.size for each in shop.look(seen).heads] == [3, 6, 9, 12, 13]
        assert shop.asked == [(0, 9)]

    def test_more_than_a_page(self, shop: Shop, seen: SeenUses) -> None:
        shop.log(250)
        shop.next_day()
        assert len(shop.look(seen).uses) == 250 and len(shop.asked) == 3

    def test_many_entries_are_kept_in_files_that_stay_small(
        self, shop: Shop, seen: SeenUses, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("registry.client.uses._IN_A_FILE", 10)
        shop.log(25)
        for _ in range(12):
            shop.log(1)
            shop.next_day()
        report = shop.look(seen)
        assert len(list(seen.path.glob("0x*.json"))) == 4 and len(list(seen.path.glob("heads-*.json"))) == 2
        assert (seen.uses(shop.grant), seen.heads(shop.grant)) == (report.uses, report.heads)
        shop.log(1)
        assert len(shop.look(seen).uses) == 38

    def test_a_head_that_comes_between_two_pages(self, shop: Shop, seen: SeenUses) -> None:
        shop.log(150)

        def late(page: UsesPage) -> UsesPage:
            if len(shop.asked) == 1:
                shop.next_day()
            return page

        shop.lie = late
        report = shop.look(seen)
        assert len(report.uses) == 150 and all(at for _, at in shown(report))

    def test_a_grant_that_ended_shows_its_readings(self, shop: Shop, seen: SeenUses) -> None:
        shop.log(1)
        shop.next_day()
        revoke(shop.brand.stage.alice, shop.grant)
        assert shown(shop.look(seen)) == [(0, True)]

    def test_an_anchor_that_a_reorganisation_took(self, shop: Shop, seen: SeenUses) -> None:
        shop.log(1)
        shop.next_day()
        shop.look(seen)
        shop.brand.stage.ledger.reorg(1)
        report = shop.look(seen)
        assert shown(report) == [(0, False)] and report.anchored == {}

    def test_two_looks_at_once(self, shop: Shop, seen: SeenUses) -> None:
        shop.log(3)
        shop.next_day()
        found: list[int] = []
        threads = [threading.Thread(target=lambda: found.append(len(shop.look(seen).uses))) for _ in range(4)]
        for each in threads:
            each.start()
        for each in threads:
            each.join(30)
        assert found == [3] * 4


class TestALogThatLies:
    def test_a_split_view(self, shop: Shop, seen: SeenUses) -> None:
        """Two heads of one size: another log is shown to this person than before."""
        shop.log(1, others=3)
        shop.next_day()
        shop.look(seen)
        other = shop.other_log("split")
        shop.log(1, others=3, store=other)
        shop.next_day(other)
        shop.store = other
        error, change = changed(shop, seen)
        assert change.shown is Shown.SPLIT and "two states of one length" in str(error)
        assert [each.statement.message.size for each in change.heads] == [4, 4]  # type: ignore[union-attr]
        # It stays so, and the same file tells it.
        assert changed(shop, seen)[1] == change and len(list(seen.path.glob("changed-*"))) == 1

    def test_a_shortened_log(self, shop: Shop, seen: SeenUses) -> None:
        shop.log(3, others=3)
        shop.next_day()
        shop.look(seen)
        shop.store = other = shop.other_log("short")
        shop.log(1, others=1)
        shop.next_day(other)
        _, change = changed(shop, seen)
        assert change.shown is Shown.SHORTENED

    def test_a_log_that_lost_its_last_head(self, shop: Shop, seen: SeenUses) -> None:
        shop.log(1)
        shop.next_day()
        shop.log(1)
        shop.next_day()
        shop.look(seen)
        shop.lie = lambda page: msgspec.structs.replace(page, heads=page.heads[:-1], uses=page.uses[:-1])
        error, change = changed(shop, seen)
        assert change.shown is Shown.UNSHOWN and "does not show a state" in str(error) and len(change.heads) == 1

    def test_a_rewritten_log_that_grew(self, shop: Shop, seen: SeenUses) -> None:
        shop.log(2, others=1)
        shop.next_day()
        shop.look(seen)
        first = seen.heads(shop.grant)
        shop.store = other = shop.other_log("rewritten")
        shop.log(2, others=4)
        shop.next_day(other)
        # It shows the old head too, and a proof of its own making.
        shop.lie = lambda page: msgspec.structs.replace(page, heads=(*first, _after(page.heads[0], 3)))
        error, change = changed(shop, seen)
        assert change.shown is Shown.UNSHOWN and "does not continue" in str(error)

    def test_a_head_that_is_left_out(self, shop: Shop, seen: SeenUses) -> None:
        for _ in range(2):
            shop.log(1)
            shop.next_day()
        shop.look(seen)
        shop.log(1)
        shop.next_day()
        shop.lie = lambda page: msgspec.structs.replace(page, heads=(page.heads[0], _after(page.heads[-1], 1)))
        error, _ = changed(shop, seen)
        assert "leaves out a state" in str(error)

    def test_an_entry_that_was_seen_before_is_left_out(self, shop: Shop, seen: SeenUses) -> None:
        shop.log(3)
        shop.next_day()
        shop.look(seen)
        shop.lie = lambda page: msgspec.structs.replace(page, uses=(page.uses[0], page.uses[2]))
        error, change = changed(shop, seen)
        assert change.shown is Shown.MISSING and "entry 1" in str(error) and change.use.index == 1  # type: ignore[union-attr]

    def test_an_entry_that_was_not_signed_yet_is_left_out(self, shop: Shop, seen: SeenUses) -> None:
        shop.log(2)
        shop.look(seen)
        shop.lie = lambda page: msgspec.structs.replace(page, uses=page.uses[:1])
        _, change = changed(shop, seen)
        assert change.shown is Shown.UNSIGNED and change.heads == ()

    def test_what_was_seen_stays_after_a_lie(self, shop: Shop, seen: SeenUses) -> None:
        shop.log(2)
        shop.next_day()
        honest = shop.look(seen)
        shop.lie = lambda page: msgspec.structs.replace(page, uses=())
        changed(shop, seen)
        shop.lie = lambda page: page
        assert shop.look(seen) == honest

    def test_a_forged_entry(self, shop: Shop, seen: SeenUses) -> None:
        shop.log(2)
        shop.next_day()
        shop.lie = lambda page: msgspec.structs.replace(page, uses=(_fewer(page.uses[0]), page.uses[1]))
        with pytest.raises(NotIncluded, match="entry 0 is not in the log that the brand signed"):
            shop.look(seen)
        assert seen.heads(shop.grant) == ()

    def test_a_signed_entry_without_its_proof(self, shop: Shop, seen: SeenUses) -> None:
        shop.log(2)
        shop.next_day()
        shop.lie = lambda page: msgspec.structs.replace(page, uses=tuple(map(_bare, page.uses)))
        with pytest.raises(NotIncluded, match="no proof for entry 0, which it signed"):
            shop.look(seen)

    def test_a_head_of_another_brand(self, shop: Shop, seen: SeenUses) -> None:
        shop.log(1)
        other = shop.brand.stage.another_brand("other")
        counter = Counter(other, shop.store)
        while counter.step():
            pass
        with pytest.raises(WrongController):
            shop.look(seen)

    def test_a_head_with_a_bad_signature(self, shop: Shop, seen: SeenUses) -> None:
        shop.log(1)
        shop.next_day()

        def forged(page: UsesPage) -> UsesPage:
            evidence = msgspec.structs.replace(page.heads[0].evidence, signature="0x" + "11" * 65)
            return msgspec.structs.replace(page, heads=(LogHead(evidence, 0, ()),))

        shop.lie = forged
        with pytest.raises(BadSignature):
            shop.look(seen)

    @pytest.mark.parametrize(
        "lie",
        [
            lambda page: b"{}",
            lambda page: b"[" * 100_000,
            lambda page: write_page(page) + b" ",
            lambda page: msgspec.structs.replace(page, grant=to_hex(OTHERS), uses=()),
            lambda page: msgspec.structs.replace(page, uses=page.uses[::-1]),
            lambda page: msgspec.structs.replace(page, heads=()),
            lambda page: msgspec.structs.replace(page, heads=(_after(page.heads[0], 1),)),
        ],
    )
    def test_answers_that_make_no_sense(self, shop: Shop, seen: SeenUses, lie: Any) -> None:
        shop.log(2)
        shop.next_day()
        shop.lie = lie
        with pytest.raises((BrandUnavailable, Malformed)):
            shop.look(seen)
        assert seen.heads(shop.grant) == ()

    def test_an_endless_log(self, shop: Shop, seen: SeenUses, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("registry.client.uses.MOST_PAGES", 5)
        shop.lie = lambda page: msgspec.structs.replace(page, more=True)
        with pytest.raises(BrandUnavailable, match="more than 5 pages"):
            shop.look(seen)

    def test_a_chain_that_is_away(self, shop: Shop, seen: SeenUses) -> None:
        shop.log(1)
        shop.next_day()
        shop.brand.stage.ledger.down = True
        with pytest.raises(LedgerUnavailable):
            shop.look(seen)

    def test_a_damaged_memory_is_told(self, shop: Shop, seen: SeenUses) -> None:
        shop.log(1)
        shop.look(seen)
        (file,) = seen.path.glob("0x*.json")
        file.write_bytes(b"[]" + file.read_bytes())
        with pytest.raises(InvalidInput, match="is damaged"):
            shop.look(seen)

    def test_only_a_grant_has_uses(self, shop: Shop, seen: SeenUses) -> None:
        shop.grant = shop.brand.refused()
        with pytest.raises(InvalidInput, match="a brand reads nothing by it"):
            shop.look(seen)


def _after(head: LogHead, before: int) -> LogHead:
    return msgspec.structs.replace(head, before=before)


def _fewer(use: Any) -> Any:
    return msgspec.structs.replace(use, use=msgspec.structs.replace(use.use, count=0))


def _bare(use: Any) -> Any:
    return msgspec.structs.replace(use, head=msgspec.UNSET, proof=msgspec.UNSET)


class TestTheFileOfAChangedLog:
    def test_heads_that_agree_show_nothing(self, shop: Shop, seen: SeenUses) -> None:
        shop.log(1)
        shop.next_day()
        head = shop.look(seen).heads[0].evidence
        with pytest.raises(Malformed, match="do not differ"):
            ChangedLog((head, head))
        with pytest.raises(Malformed, match="neither a head nor an entry"):
            ChangedLog(())
        with pytest.raises(Malformed, match="a UseLog"):
            ChangedLog((shop.grant,))

    def test_an_entry_that_was_never_under_the_head(self, shop: Shop, seen: SeenUses) -> None:
        shop.log(2)
        shop.next_day()
        report = shop.look(seen)
        with pytest.raises(NotIncluded):
            ChangedLog((report.heads[0].evidence,), _fewer(report.uses[0]))

    def test_a_forged_file_does_not_hold(self, shop: Shop, seen: SeenUses) -> None:
        shop.log(1)
        shop.next_day()
        head = shop.look(seen).heads[0].evidence
        raw = write_evidence(head).replace(to_hex(_root(head)).encode(), b"0x" + b"ab" * 32)
        forged = write_change(ChangedLog((head, parse_evidence(raw))))
        assert read_change(forged).shown is Shown.SPLIT
        _, wrong = judge_change(shop.brand.stage.network, forged)
        assert wrong[0] == "" and wrong[1].startswith("BadSignature")


def _root(head: Evidence) -> bytes:
    message: Any = head.statement.message
    return bytes.fromhex(message.root[2:])


def test_pages_have_one_encoding(shop: Shop) -> None:
    shop.log(1)
    shop.next_day()
    raw = shop.uses("", 0, 0)
    assert write_page(parse_page(raw)) == raw
    with pytest.raises(Malformed):
        parse_page(raw.replace(b'"more":false', b'"more":false,"extra":1'))
