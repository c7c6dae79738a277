"""What the book says of evidence: restricted by its digest, marked once it is shredded, and its bundles with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from registry.core.errors import InvalidInput
from registry.core.ipld.cid import Block, cid_of_block
from registry.core.sealed.bundles import View
from registry.core.sealed.index import VaultBook
from registry.vault.database import Database
from registry.vault.evidence_marks import Answered
from registry.vault.holds import marked_bytes, without_grants, without_shredded
from registry.vault.shred import selection_of
from tests.core.sealed.test_sealed_index import bundle
from tests.support.builders import CONTROLLER, SEED, SUBJECT, word
from tests.support.bundle_grants import purchase
from tests.support.fake_storage import MemoryBlocks

VIEW = View("pd:Purchase", ("name",), continuing=True)


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Database]:
    with Database(tmp_path / "vault", SEED, MemoryBlocks()) as made:
        made.add([purchase("coat")])
        yield made


def test_restricted_evidence_is_no_record(vault: Database) -> None:
    vault.marks.restrict([word(1)], "2099-01-01", "a dispute")
    assert vault.marks.restrictions()[word(1)].reason == "a dispute" and vault.marks.held()
    assert vault.erasure.restrictions() == () and len(list(vault.select(""))) == 1
    vault.shred(selection_of(["ALL"]))
    assert word(1) in vault.marks.restrictions(), "records went, and evidence is none"
    assert vault.marks.release([word(1), word(2)]) == {word(1)} and not vault.marks.restrictions()


def test_a_hold_is_kept_by_the_vault_too(vault: Database) -> None:
    vault.marks.restrict([word(1)], "2099-01-01", "a dispute")
    with pytest.raises(InvalidInput, match="on a legal hold until 2099-01-01"):
        vault.marks.shred([Answered(word(1))])
    assert not vault.marks.is_shredded()(word(1))


def test_a_bundle_goes_with_its_last_grant(vault: Database) -> None:
    vault.shares.begin(SUBJECT, CONTROLLER, [VIEW], word(1))
    vault.shares.begin(SUBJECT, CONTROLLER, [VIEW], word(2), continued=word(1))
    files = vault.shares.files_left(vault.shares.all()[0])
    vault.marks.shred([Answered(word(11), word(1))])
    (left,) = vault.shares.all()
    assert left.locks == (word(2),) and vault.shares.files_left(left) == files
    blocks = vault.marks.shred([Answered(word(12), word(2))])
    assert vault.shares.all() == () and set(files) <= set(blocks)
    assert not any(vault._folder.store.has(one) for one in files)
    is_gone = vault.marks.is_shredded()
    assert is_gone(word(11)) and is_gone(word(12)) and not is_gone(word(13))
    assert vault.marks.traces_in_book([word(1)[2:].encode(), word(12)[2:].encode()]) == set()


def test_it_may_be_repeated(vault: Database) -> None:
    vault.marks.shred([Answered(word(11), word(1))])
    index = vault.index
    assert vault.marks.shred([Answered(word(11), word(1))]) == [] and vault.index == index


def test_what_is_marked_leaves_a_book() -> None:
    both, one = bundle(), bundle(2, locks=(word(1),))
    left = without_grants(VaultBook(bundles=(both, one)), {word(1)}.__contains__)
    assert [each.locks for each in left.bundles] == [(word(2),)]
    marked = VaultBook(bundles=(both, one), shredded=("ab" * 32,))
    assert without_shredded(marked, lambda raw: "ab" * 32 if raw == marked_bytes(word(1)) else "") == left_with(marked)
    assert without_shredded(marked, lambda raw: "cd" * 32) == marked


def left_with(book: VaultBook) -> VaultBook:
    return without_grants(book, {word(1)}.__contains__)


@pytest.mark.slow
def test_a_real_node_unpins_and_collects(tmp_path: Path) -> None:
    from registry.storage.kubo import KuboBlocks
    from tests.support.kubo_node import running

    capsule = b"a capsule that was handed over" * 10
    with running() as node, KuboBlocks(node.address) as store, Database(tmp_path / "vault", SEED, store) as vault:
        vault.add([purchase("coat")])
        store.put([Block(cid_of_block(capsule), capsule)])
        vault.shares.begin(SUBJECT, CONTROLLER, [VIEW], word(1))
        files = [*vault.shares.files_left(vault.shares.all()[0]), cid_of_block(capsule)]
        raw = [store.get(one) for one in files]
        assert len(raw) == 3 and all(held(node.repo, one) for one in raw)
        vault.marks.shred([Answered(word(11), word(1), files[-1])])
        places = vault.marks.look_into_stores(files, "the vault's store", {})
        assert places[0].absent == 3 and not any(held(node.repo, one) for one in raw)
        assert len(list(vault.select(""))) == 1


def held(repo: Path, data: bytes) -> bool:
    """Whether a file of the node's repository holds these bytes."""
    return any(data in path.read_bytes() for path in repo.rglob("*.data"))
