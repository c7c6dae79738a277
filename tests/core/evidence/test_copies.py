"""A copy of evidence, however it is made, gives the same derived bytes as its original."""

from __future__ import annotations

import copy as copying
import pickle
from typing import Any

import msgspec
import pytest

from registry.core.evidence.file import parse_evidence, write_evidence
from registry.core.scalars import unhex
from tests.support.builders import evidence_of, grant_message

RAW = write_evidence(evidence_of(grant_message()))


@pytest.mark.parametrize(
    "copied",
    [
        lambda one: one,
        copying.copy,
        copying.deepcopy,
        lambda one: pickle.loads(pickle.dumps(one)),
        msgspec.structs.replace,
    ],
    ids=["itself", "copy", "deepcopy", "pickle", "replace"],
)
def test_a_copy_gives_the_same_bytes(copied: Any) -> None:
    first = parse_evidence(RAW)
    copy, anchor, message = copied(first), copied(first.anchor), copied(first.statement.message)
    assert copy.signature_bytes == unhex(first.signature)
    assert (copy.digest, copy.handle, copy.signer_bytes) == (first.digest, first.handle, unhex(first.author))
    assert anchor.words == tuple(map(unhex, (anchor.transaction, anchor.root, *anchor.proof)))
    assert message.read == first.statement.message.read
