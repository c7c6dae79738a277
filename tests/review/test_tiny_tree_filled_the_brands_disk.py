"""Four blocks that name each other made a record of a tebibyte; the brand fetched all of it before opening any.

A record is now opened as it is fetched, so whatever is not one whole sealed file ends it at the first wrong chunk.
"""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest

from registry.client.accept import open_data
from registry.client.grant import grant
from registry.core.age.recipients import generate_identity, recipient_of
from registry.core.age.stream import seal_bytes
from registry.core.capsules import RecordRef, StreamHead, StreamKey, seal_head, signed
from registry.core.errors import DamagedSeal
from registry.core.evidence.file import write_evidence
from registry.core.ipld.cid import Block, cid_of_block
from registry.core.ipld.unixfs import LEAF_BYTES, file_blocks
from registry.vault.vault import Vault
from tests.support.stage import PURCHASES, Stage, files_in

TIMES = 174


def test_it_is_refused_at_the_first_leaf_that_does_not_follow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage.of(tmp_path / "parties")
    identity = generate_identity()
    # Good to its end, so that only the second time it is named shows what it is.
    leaf = seal_bytes(bytes(2 * LEAF_BYTES), [recipient_of(identity)])[:LEAF_BYTES]
    blocks = list(file_blocks(io.BytesIO(leaf * TIMES)))
    reference = RecordRef(blocks[-1].cid, "consent-file/1", "text/csv")
    head = signed(StreamHead(PURCHASES, 1, 1, None, (reference,)), stage.alice.vault.key)
    sealed = seal_head(head, recipient_of(identity))
    stage.store.put([*blocks, Block(cid_of_block(sealed), sealed)])

    class Hostile(Vault):
        def keys_for(self, _categories: object) -> tuple[StreamKey, ...]:
            return (StreamKey(PURCHASES, 1, identity, cid_of_block(sealed)),)

    alice = replace(stage.alice, vault=Hostile(tmp_path / "hostile", stage.seed("alice"), stage.store))
    done = grant(alice, stage.request()).evidence
    fetched: list[str] = []
    get = stage.store.get
    monkeypatch.setattr(stage.store, "get", lambda cid: fetched.append(cid) or get(cid))
    with pytest.raises(DamagedSeal):
        open_data(stage.brand, write_evidence(done), tmp_path / "opened")
    assert fetched.count(cid_of_block(leaf)) <= 3
    assert not any("opened" in name for name in files_in(tmp_path))
