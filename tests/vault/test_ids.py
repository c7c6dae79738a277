"""Ids of records rise strictly, whatever the clock does, and are UUIDs of version 7."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor

from hypothesis import given
from hypothesis import strategies as st

from registry.vault.ids import RecordIds

MILLISECOND = 1_000_000
clocks = st.lists(st.integers(0, (2**47) * MILLISECOND), min_size=1, max_size=50)


@given(clocks)
def test_ids_rise_whatever_the_clock_says(times: list[int]) -> None:
    ids = RecordIds(clock=iter(times).__next__)
    made = [ids.new() for _ in times]
    assert made == sorted(set(made))


@given(clocks, st.sampled_from([lambda bits: 0, lambda bits: 2**bits - 1]))
def test_the_bits_of_version_7_stay_where_they_belong(times: list[int], random: object) -> None:
    ids = RecordIds(iter(times).__next__, random)  # type: ignore[arg-type]
    for text in [ids.new() for _ in times]:
        read = uuid.UUID(text)
        assert (read.version, read.variant, str(read)) == (7, uuid.RFC_4122, text)


def test_an_id_tells_its_millisecond() -> None:
    assert uuid.UUID(RecordIds(lambda: 1_700_000_000_123_456_789).new()).int >> 80 == 1_700_000_000_123


def test_the_example_of_the_rfc() -> None:
    # RFC 9562, appendix A.6: rand_a is 0xCC3, rand_b is 0x18C4DC0C0C07398F.
    random = 0xCC3 << 62 | 0x18C4DC0C0C07398F
    assert RecordIds(lambda: 0x017F22E279B0 * MILLISECOND, lambda bits: random).new() == (
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"
    )


def test_a_full_counter_carries_into_the_milliseconds() -> None:
    ids = RecordIds(lambda: 5 * MILLISECOND, lambda bits: 2**74 - 1)
    first, second = ids.new(), ids.new()
    assert uuid.UUID(first).int >> 80 == 5
    assert uuid.UUID(second).int >> 80 == 6 and first < second


def test_threads_never_get_the_same_id() -> None:
    ids = RecordIds()
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: ids.new(), range(20_000)))
    assert len(set(made)) == 20_000


def test_two_homes_do_not_meet() -> None:
    clock = lambda: 5 * MILLISECOND  # noqa: E731
    assert len({RecordIds(clock).new()[14:] for _ in range(1_000)}) == 1_000
