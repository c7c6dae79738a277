"""Segments hold what was put in, within their limits; whatever else is sealed in one is refused."""

from __future__ import annotations

import random
import tracemalloc
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.core.age.recipients import parse_identity
from registry.core.age.stream import open_bytes, seal_bytes
from registry.core.errors import DamagedSeal, InvalidInput, Malformed, NotARecipient, SealedDataError
from registry.core.sealed import segments
from registry.core.sealed.frame import unpack
from registry.core.sealed.records import MAX_LINE, Record, write_record
from registry.core.sealed.segments import MAX_FRAME, MAX_RECORDS, MAX_SEGMENT, Segment, make_segments, read_segment
from tests.support.sealed_builders import bomb, framed, identity, recipient, record, records

STREAM = identity("stream")


def made_of(*versions: Record) -> list[Segment]:
    return list(make_segments(versions, recipient("stream")))


def read_all(made: list[Segment]) -> list[Record]:
    return [version for one in made for version in read_segment(one.sealed, STREAM)]


def of_lines(*lines: bytes) -> bytes:
    return seal_bytes(framed(b"".join(one + b"\n" for one in lines)), [recipient("stream")])


@settings(max_examples=40)
@given(st.lists(records, max_size=12, unique_by=lambda one: (one.id, one.version)))
def test_there_and_back(versions: list[Record]) -> None:
    made = made_of(*versions)
    assert read_all(made) == versions
    assert sum(one.records for one in made) == len(versions)
    assert len(made) <= 1


def test_none_for_no_versions() -> None:
    assert made_of() == []


def test_versions_of_one_record_lie_together() -> None:
    versions = [
        record(1),
        record(1, counter=2),
        record(1, home="f" * 16),
        Record(id=record(1).id, counter=3, home="0" * 16, deleted=True),
    ]
    assert read_all(made_of(*versions)) == versions


def test_at_most_16384_records() -> None:
    made = list(make_segments(map(record, range(MAX_RECORDS + 1)), recipient("stream")))
    assert [one.records for one in made] == [MAX_RECORDS, 1]
    assert sum(1 for _ in read_segment(made[0].sealed, STREAM)) == MAX_RECORDS


def test_at_most_4_mebibytes() -> None:
    chance = random.Random(4)
    versions = [record(n, body={"noise": chance.randbytes(50_000).hex()}) for n in range(300)]
    made = made_of(*versions)
    assert len(made) > 2
    assert all(MAX_FRAME // 2 < len(one.sealed) <= MAX_SEGMENT for one in made[:-1])
    assert read_all(made) == versions


def test_at_most_64_mebibytes_unpacked() -> None:
    text = "the same again " * 60_000
    versions = [record(n, body={"text": text}) for n in range(80)]
    made = made_of(*versions)
    assert [one.records for one in made] == [74, 6]
    assert all(len(unpack(open_bytes(one.sealed, [STREAM]), 64 << 20)) <= 64 << 20 for one in made)
    assert sum(1 for one in made for _ in read_segment(one.sealed, STREAM)) == 80


def test_records_of_the_largest_size() -> None:
    chance = random.Random(5)
    versions = [record(n, body={"noise": chance.randbytes(520_000).hex()}) for n in range(9)]
    assert read_all(made_of(*versions)) == versions


def test_a_parsed_identity_serves_many() -> None:
    parsed, (made,) = parse_identity(STREAM), made_of(record())
    assert [*read_segment(made.sealed, parsed)] == [record()]


def test_what_is_read_is_counted() -> None:
    counts: list[int] = []
    versions = [record(n) for n in range(2000)]
    (made,) = made_of(*versions)
    list(read_segment(made.sealed, STREAM, counts.append))
    assert sum(counts) == sum(len(write_record(one)) + 1 for one in versions)


GOOD = write_record(record())


@pytest.mark.parametrize(
    ("sealed", "says"),
    [
        (of_lines(), "no record"),
        (of_lines(b""), "line 1 of a segment is no record"),
        (of_lines(GOOD, b""), "line 2 of a segment is no record"),
        (of_lines(GOOD, b"", write_record(record(2))), "line 2"),
        (of_lines(GOOD, b"{}"), "line 2"),
        (of_lines(GOOD, GOOD[:-1]), "line 2"),
        (of_lines(GOOD + b"\r", b"\x00"), "line 2"),
        (of_lines(GOOD.replace(b'"price"', b'"name"')), "line 1"),
        (seal_bytes(framed(GOOD), [recipient("stream")]), "line feed"),
        (seal_bytes(framed(GOOD + b"\n" + GOOD[:9]), [recipient("stream")]), "line feed"),
        (of_lines(b" " * MAX_LINE + GOOD), "longer than 3,145,728|line 1"),
        (of_lines(b" " * (MAX_LINE * 5)), "longer than 3,145,728"),
        (seal_bytes(GOOD + b"\n", [recipient("stream")]), "not the length"),
        (seal_bytes(b"", [recipient("stream")]), "not the length"),
        (seal_bytes(bomb(65), [recipient("stream")]), "longer than 3,145,728"),
        (bytes(MAX_SEGMENT + 1), "longer than 4,210,688"),
        (b"", "header"),
    ],
)
def test_what_is_no_segment(sealed: bytes, says: str) -> None:
    with pytest.raises(DamagedSeal, match=says):
        list(read_segment(sealed, STREAM))


def test_a_segment_is_read_in_little_memory() -> None:
    versions = (record(n, body={"text": "the same again " * 60_000}) for n in range(70))
    (made,) = make_segments(versions, recipient("stream"))
    tracemalloc.start()
    count = sum(1 for _ in read_segment(made.sealed, STREAM))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 70
    assert peak < 16 << 20


def test_more_than_64_mebibytes() -> None:
    lines = [write_record(record(n, body={"text": "the same again " * 60_000})) for n in range(80)]
    with pytest.raises(DamagedSeal, match="unpacks to more than 67,108,864"):
        for _ in read_segment(of_lines(*lines), STREAM):
            pass


def test_more_than_16384_records() -> None:
    lines = [write_record(record(n)) for n in range(MAX_RECORDS + 1)]
    with pytest.raises(DamagedSeal, match="more than 16,384"):
        list(read_segment(of_lines(*lines), STREAM))


def test_a_version_that_stands_twice() -> None:
    for other in (GOOD, write_record(record(body={"name": "other"}))):
        with pytest.raises(Malformed, match="repeats a version") as caught:
            list(read_segment(of_lines(GOOD, other), STREAM))
        assert "canonical" not in caught.value.advice
    with pytest.raises(Malformed, match="repeats a version"):
        made_of(record(), record())


def test_a_record_that_cannot_be_written() -> None:
    with pytest.raises(Malformed, match="cannot"):
        made_of(record(body={"n": float("nan")}))


def test_for_somebody_else() -> None:
    (made,) = made_of(record())
    with pytest.raises(NotARecipient):
        list(read_segment(made.sealed, identity("stranger")))


def test_a_budget_ends_the_reading() -> None:
    def count(_: int) -> None:
        raise InvalidInput("enough")

    (made,) = made_of(record())
    with pytest.raises(InvalidInput, match="enough"):
        list(read_segment(made.sealed, STREAM, count))


def mutated(sealed: bytes, chance: random.Random) -> bytes:
    """One of: a byte altered, a part cut out, a part doubled, two parts swapped, the end cut, something appended."""
    start, end = sorted(chance.sample(range(len(sealed) + 1), 2))
    part, kind = sealed[start:end], chance.randrange(6)
    flipped = bytes([sealed[start] ^ chance.randrange(1, 256)]) if start < len(sealed) else b"x"
    return [
        sealed[:start] + flipped + sealed[start + 1 :],
        sealed[:start] + sealed[end:],
        sealed[:end] + part + sealed[end:],
        sealed[end:] + sealed[:end],
        sealed[:start],
        sealed + part,
    ][kind]


def test_300_mutations_give_no_wrong_plaintext() -> None:
    versions = [record(n) for n in range(3000)]
    (made,) = made_of(*versions)
    chance, refused = random.Random(6), 0
    for _ in range(300):
        changed = mutated(made.sealed, chance)
        if changed == made.sealed:
            continue
        with pytest.raises(SealedDataError):
            list(read_segment(changed, STREAM))
        refused += 1
    assert refused > 290


def test_mutations_below_the_seal_are_seen_too() -> None:
    versions = [record(n) for n in range(300)]
    (made,) = made_of(*versions)
    frame, chance = open_bytes(made.sealed, [STREAM]), random.Random(7)
    for _ in range(300):
        changed = seal_bytes(mutated(frame, chance), [recipient("stream")])
        with suppress(DamagedSeal, Malformed):
            assert list(read_segment(changed, STREAM)) == versions  # the two free bytes of the header


def test_the_limits_are_those_of_the_design(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (MAX_FRAME, MAX_RECORDS, segments.MAX_UNPACKED) == (4 * 1024**2, 16_384, 64 * 1024**2)
    monkeypatch.setattr(segments, "MAX_RECORDS", 3)
    assert [one.records for one in made_of(*map(record, range(7)))] == [3, 3, 1]


def test_no_two_seals_of_one_segment_are_equal() -> None:
    one, other = made_of(record())[0], made_of(record())[0]
    assert one.sealed != other.sealed
    assert len(one.sealed) == len(other.sealed)
