"""What is worked out once stays true of every copy, however it is made."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import msgspec
import pytest

from registry.core import codec
from registry.core.evidence.file import parse_evidence, quoted, write_evidence
from registry.core.kept import kept
from registry.core.notices.document import notice_digest, read_notice
from registry.core.scalars import unhex
from tests.support.builders import evidence_of, grant_message, notice_bytes

RAW = write_evidence(evidence_of(grant_message()))


@pytest.mark.parametrize(
    "copied",
    [lambda one: one, copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one)), msgspec.structs.replace],
    ids=["itself", "copy", "deepcopy", "pickle", "replace"],
)
def test_a_copy_knows_what_was_read_of_the_first(copied: Any) -> None:
    first = parse_evidence(RAW)
    one, anchor, message = copied(first), copied(first.anchor), copied(first.statement.message)
    assert one.signature_bytes == unhex(first.signature)
    assert (one.digest, one.handle, one.author_bytes) == (first.digest, first.handle, unhex(first.author))
    assert anchor.words == tuple(map(unhex, (anchor.transaction, anchor.root, *anchor.proof)))
    assert message.read == first.statement.message.read


def test_it_is_worked_out_once_and_under_its_own_name() -> None:
    class Counter:
        calls = 0

        def _count(self) -> int:
            self.calls += 1
            return self.calls

        count = kept(_count)

    one = Counter()
    assert [one.count, one.count, Counter().count] == [1, 1, 1]
    assert vars(one) == {"calls": 1, "count": 1}


def test_a_notice_is_only_ever_found_by_its_own_digest() -> None:
    """Each file names the first notice; one holds another. Whichever is read first, each has what lies in it."""
    first, other = notice_bytes(), notice_bytes(maxDays=7)
    named = grant_message(first)
    for text in (first, other, first, other, first):
        notice, its_digest = read_notice(quoted(text), named.notice)
        assert (notice.max_days, its_digest) == (json.loads(text)["maxDays"], notice_digest(text))


def test_a_notice_that_was_read_does_not_keep_its_file() -> None:
    file = bytearray(codec.encode(notice_bytes(maxDays=8).decode()))
    digest = notice_digest(notice_bytes(maxDays=8))
    found = read_notice(msgspec.Raw(memoryview(file)), digest)
    file[:] = b" " * len(file)
    assert read_notice(quoted(notice_bytes(maxDays=8)), digest) == found
