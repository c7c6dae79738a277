"""Heads and entries of a use log against what was seen before: honest logs pass, and no changed one does."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from registry.core.errors import LogChanged, Malformed, NotIncluded
from registry.core.use_audit import (
    Beyond,
    ChangedLog,
    Shown,
    beyond,
    check_entries,
    is_change,
    joined_heads,
    read_change,
    write_change,
)
from registry.core.uses import LoggedUse, Use, parse_use, write_use
from tests.support.builders import NOW, account, evidence_of, grant_message, use_log_message, word
from tests.support.hand_logs import MINE, Log, sizes_of_logs, use


@settings(max_examples=40, deadline=None)
@given(sizes_of_logs, st.data())
def test_an_honest_log_continues_whatever_was_seen_of_it(sizes: list[int], data: st.DataObject) -> None:
    log = Log(sizes)
    seen = data.draw(st.integers(0, len(sizes)))
    start = data.draw(st.integers(0, seen))
    heads = joined_heads(log.heads[:seen], log.heads[start:])
    assert list(heads.values()) == log.heads
    check_entries(heads, log.entries()[: data.draw(st.integers(0, 14))], log.entries())


@settings(max_examples=40, deadline=None)
@given(sizes_of_logs, sizes_of_logs, st.integers(0, 9))
def test_another_log_never_continues_it(sizes: list[int], others: list[int], later: int) -> None:
    """Whatever its heads are, and however they name the ones before them."""
    known, other = Log(sizes), Log(others, salt=1, since=NOW + 100)
    with pytest.raises((LogChanged, Malformed)):
        joined_heads(known.heads, other.heads)
    last = msgspec.structs.replace(other.heads[-1], before=sizes[-1])
    with pytest.raises((LogChanged, Malformed)):
        joined_heads(known.heads, [last])


@settings(max_examples=40, deadline=None)
@given(sizes_of_logs, st.data())
def test_no_changed_entry_passes(sizes: list[int], data: st.DataObject) -> None:
    log = Log(sizes)
    heads, entries = joined_heads((), log.heads), log.entries()
    number = data.draw(st.integers(0, len(entries) - 1))
    one = entries[number]
    other = msgspec.structs.replace(one.use, count=one.use.count + 1)
    changes = [
        [*entries[:number], *entries[number + 1 :]],
        [*entries[:number], msgspec.structs.replace(one, use=other), *entries[number + 1 :]],
    ]
    for changed in changes:
        with pytest.raises((LogChanged, NotIncluded)):
            check_entries(heads, entries, changed)


def test_heads_that_are_not_dated_in_their_order() -> None:
    """Two honest heads would look like a log that was shortened."""
    log = Log([3, 7])
    early = Log([3, 7], since=NOW - 5).heads[1]
    with pytest.raises(Malformed, match="not dated in their order"):
        joined_heads(log.heads[:1], [early])


class TestWhatAFileShows:
    def test_each_kind(self) -> None:
        log, other = Log([3, 7]), Log([5, 7], salt=1, since=NOW + 100)
        first, second, third, fourth = (each.evidence for each in (*log.heads, *other.heads))
        entries = log.entries()
        made = {
            Shown.SPLIT: ChangedLog((second, fourth)),
            Shown.SHORTENED: ChangedLog((second, third)),
            Shown.UNSHOWN: ChangedLog((first, third)),
            Shown.MISSING: ChangedLog((first,), entries[0]),
            Shown.UNSIGNED: ChangedLog((), entries[-1]),
        }
        for shown, change in made.items():
            raw = write_change(change)
            assert is_change(raw) and read_change(raw) == change and change.shown is shown
        assert ChangedLog((first,)).shown is Shown.UNSHOWN
        # An earlier head with fewer entries is what an honest log has.
        assert ChangedLog((second, first)).shown is Shown.UNSHOWN

    def test_the_heads_are_of_one_brand(self) -> None:
        first, stranger = Log([3]).heads[0].evidence, account("a stranger")
        theirs = evidence_of(use_log_message(controller=stranger.address), signer=stranger)
        with pytest.raises(Malformed, match="two brands"):
            ChangedLog((first, theirs))

    def test_an_entry_stands_beside_its_own_head(self) -> None:
        log = Log([3, 7])
        first, second = (each.evidence for each in log.heads)
        for heads in ((second,), (first, second)):
            with pytest.raises(Malformed, match="beside its own head"):
                ChangedLog(heads, log.entries()[0])


class TestEntries:
    def test_one_encoding(self) -> None:
        raw = write_use(use(3))
        assert parse_use(raw) == use(3)
        for other in (
            raw + b" ",
            raw.replace(b'"system":""', b'"system":"","x":1'),
            raw.replace(b'"count":3', b'"count":3.0'),
        ):
            with pytest.raises(Malformed):
                parse_use(other)

    def test_the_members_are_checked(self) -> None:
        raw = write_use(use(3))
        for old, new in ((b"pd:Purchase", b"purchases"), (b"dpv:", b""), (word(1).encode(), b"0x01"), (b'""', b'" x"')):
            with pytest.raises(Malformed):
                parse_use(raw.replace(old, new))

    def test_a_head_and_a_proof_or_neither(self) -> None:
        with pytest.raises(Malformed, match="or neither"):
            LoggedUse(0, use(0), 3, UNSET)


DAY, SKEW = 86_400, 900


@pytest.mark.parametrize(
    ("changes", "ended_at", "anchored_at", "how"),
    [
        ({}, 0, None, ()),
        ({"data": ("pd:EmailAddress",)}, 0, NOW, ()),
        ({"purpose": "dpv:Marketing"}, 0, None, (Beyond.PURPOSE,)),
        ({"data": ("pd:HealthRecord", "pd:Purchase")}, 0, None, (Beyond.DATA,)),
        ({"at": NOW - 1000 - SKEW}, 0, None, ()),
        ({"at": NOW - 1001 - SKEW}, 0, None, (Beyond.BEFORE,)),
        ({"at": NOW + 30 * DAY + SKEW}, 0, None, ()),
        ({"at": NOW + 30 * DAY + SKEW + 1}, 0, None, (Beyond.AFTER,)),
        ({"at": NOW + 30 * DAY + SKEW + 1}, NOW + 60 * DAY, None, (Beyond.AFTER,)),
        ({"at": NOW + DAY}, NOW + DAY - SKEW - 1, None, (Beyond.AFTER,)),
        ({"at": NOW + DAY}, NOW + DAY - SKEW, None, ()),
        ({"at": NOW + DAY}, 0, NOW, (Beyond.AHEAD,)),
        ({"at": NOW + 90 * DAY, "purpose": "dpv:Marketing"}, 0, NOW, (Beyond.PURPOSE, Beyond.AFTER, Beyond.AHEAD)),
    ],
)
def test_what_goes_beyond_the_grant(
    changes: dict[str, Any], ended_at: int, anchored_at: int | None, how: tuple[Beyond, ...]
) -> None:
    members = {"at": NOW, "purpose": "dpv:Personalisation", "data": ("pd:Purchase",)} | changes
    one = Use(grant=MINE, count=1, system="", salt=word(5), **members)
    assert beyond(one, grant_message(), ended_at, anchored_at) == how


def test_an_entry_whose_head_was_lost_here_is_gone_without_proof() -> None:
    """Somebody removed the damaged file of the heads, as its error advises."""
    log = Log([10])
    with pytest.raises(LogChanged) as found:
        check_entries({}, log.entries(9), [])
    assert read_change(found.value.file).shown is Shown.UNSIGNED
