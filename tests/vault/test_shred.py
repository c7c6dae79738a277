"""Shredded records leave nothing behind: looked for in every file, page and block, with every key that ever was."""

from __future__ import annotations

import hashlib
import io
import os
import random
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from registry.core import codec
from registry.core.crypto.seeds import vault_key
from registry.core.errors import InvalidInput, Malformed, StorageDown, StorageUnavailable, WrongCapsule
from registry.core.ipld.cid import Block
from registry.core.sealed.bundles import FILE, View
from registry.core.sealed.certificate import parse_certificate
from registry.core.sealed.documents import public_key_of
from registry.storage.sqlite_store import SqliteBlocks
from registry.vault.bundles import held_by_brand
from registry.vault.database import Database
from registry.vault.draft import Draft, FileSource
from registry.vault.importers.export_zip import ExportImporter
from registry.vault.shred import selection_of
from tests.support.builders import CONTROLLER, SEED, SUBJECT, account, word
from tests.support.leftovers import Witness, words_of

NOW = 1_790_000_000.0  # 2026-09-21
VIEW = View("pd:Purchase", (FILE, "name"), continuing=True)
OTHER = account("other brand").address
SECRET, KEPT = "zqxvwkjyplanted", "wvutsrqpkept"


class Stage(NamedTuple):
    """A vault with a secret purchase: two versions, a large file, a live bundle, an ended one; and a kept record."""

    vault: Database
    store: SqliteBlocks
    witness: Witness
    home: Path
    secret: str
    kept: str
    file: list[bytes]
    clock: list[float]

    def leftovers(self) -> list[str]:
        words = words_of(SECRET, self.secret)
        return self.witness.leftovers(self.home, self.home.parent / "blocks.db", words, self.file)


def purchase(name: str, **more: object) -> Draft:
    return Draft("pd:Purchase", "purchase/1", body={"name": name, "orderDate": "2026-01-31"}, **more)  # type: ignore[arg-type]


def scan(body: bytes) -> FileSource:
    sha256 = hashlib.sha256(body).hexdigest()
    return FileSource("scan.pdf", "application/pdf", len(body), sha256, lambda: io.BytesIO(body))


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    with ExitStack() as stack:
        store, clock = stack.enter_context(SqliteBlocks(tmp_path / "blocks.db")), [NOW]
        witness = Witness(store, SEED, monkeypatch)
        vault = stack.enter_context(Database(tmp_path / "home" / "vault", SEED, store, lambda: clock[0]))
        (kept,) = vault.add([purchase(f"{KEPT} coat", tags=("gift",))])
        before = set(witness.blocks)
        (secret,) = vault.add([purchase(f"{SECRET} from the clinic", file=scan(os.urandom(3_000_000)))])
        file = [data for cid, data in witness.blocks.items() if cid not in before and len(data) > 100_000]
        vault.edit(secret, tags=(f"{SECRET} tag",), source=f"{SECRET} source")
        vault.shares.begin(SUBJECT, CONTROLLER, [VIEW], word(1))
        vault.shares.begin(SUBJECT, OTHER, [VIEW], word(2))
        vault.shares.end(word(2))
        assert len(file) == 12
        yield Stage(vault, store, witness, tmp_path / "home", secret, kept, file, clock)


def test_nothing_of_a_shredded_record_is_left(stage: Stage) -> None:
    assert {"decrypted copy", "block"} <= set(stage.leftovers()), "it would be found"
    certificate = stage.vault.shred(selection_of([stage.secret]))
    assert stage.leftovers() == []
    assert stage.vault.search("coat").records[0].id == stage.kept and stage.vault.search("clinic").records == ()
    with pytest.raises(InvalidInput, match="there is no record"):
        stage.vault.history(stage.secret)
    assert certificate.is_complete and (certificate.records, certificate.versions) == (1, 2)
    assert certificate.places[0].blocks >= len(stage.file)
    assert [(one.controller, one.records, one.erased) for one in certificate.taken_back] == [
        (CONTROLLER, 1, False),
        (OTHER, 0, True),
    ]
    stage.vault._folder.copy().check()  # type: ignore[union-attr]


def test_a_live_bundle_gets_a_tombstone_and_keeps_the_rest(stage: Stage) -> None:
    stage.vault.shred(selection_of([stage.secret]))
    (bundle,) = stage.vault.shares.of(word(1))
    held = held_by_brand(stage.store, stage.vault.shares.party(bundle), bundle)
    assert sorted((one.deleted, one.counter) for one in held.values()) == [(False, 1), (True, 2)]
    assert stage.vault.shares.bring_up_to_date(word(1))[0].head == bundle.head, "nothing is left to tell"
    assert stage.vault.shares.of(word(2)) == ()


def test_a_certificate_is_signed_and_names_no_record(stage: Stage) -> None:
    raw = codec.encode(stage.vault.shred(selection_of([stage.secret])))
    assert not any(trace in raw for trace in (stage.secret.encode(), SECRET.encode()))
    assert parse_certificate(raw).owner == public_key_of(vault_key(SEED))
    with pytest.raises(WrongCapsule):
        parse_certificate(raw.replace(b'"versions":2', b'"versions":1'))


def test_300_mutations_give_no_other_certificate(stage: Stage) -> None:
    raw, dice = codec.encode(stage.vault.shred(selection_of([stage.secret]))), random.Random(3)
    for _ in range(300):
        changed = bytearray(raw)
        changed[dice.randrange(len(raw))] ^= 1 << dice.randrange(8)
        with pytest.raises((Malformed, InvalidInput, WrongCapsule)):
            parse_certificate(bytes(changed))


def test_planted_leftovers_are_found(stage: Stage) -> None:
    """The test of the tests above: each of five leftovers, one at a time."""
    own = stage.witness.holding([SECRET.encode()])
    stage.vault.shred(selection_of([stage.secret]))
    cid, data = next(iter(own.items()))
    other = next(iter(set(own) - {cid}))
    stage.store.put([Block(cid, data)])
    assert stage.leftovers() == ["block"]
    stage.store.delete([cid])
    stage.store.put([Block(other, own[other])])
    assert stage.leftovers() == ["block"]
    stage.store.delete([other])
    piece = next(one for one in stage.witness.blocks.items() if one[1] == stage.file[1])
    stage.store.put([Block(*piece)])
    assert stage.leftovers() == ["block"]
    stage.store.delete([piece[0]])
    (stage.home / "vault" / "drafts.txt").write_text(SECRET)
    assert stage.leftovers() == ["drafts.txt"]
    (stage.home / "vault" / "drafts.txt").unlink()
    copy = stage.vault._folder.copy()
    assert copy is not None
    with copy._db.writing() as db:
        db.execute("INSERT INTO segments VALUES (?)", (SECRET,))
    assert stage.leftovers() == ["decrypted copy"]


def test_a_certificate_tells_what_was_left(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    (stage.home / "vault" / "notes.txt").write_text(f"see {stage.secret}")
    (stage.home.parent / "second").mkdir()
    with SqliteBlocks(stage.home.parent / "second" / "blocks.db") as second:
        second.put([Block(*one) for one in stage.witness.blocks.items()])
        monkeypatch.setattr(second, "delete", _away)
        certificate = stage.vault.shred(selection_of([stage.secret]), {"a second node": second})
    ours, theirs = certificate.places
    assert ours.absent == ours.blocks == theirs.there and theirs.absent == 0
    assert certificate.files == ("notes.txt",) and not certificate.is_complete


def test_a_store_that_cannot_erase_now_is_told_and_erases_later(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(stage.store, "delete", _away)
        certificate = stage.vault.shred(selection_of([stage.secret]))
    assert certificate.places[0].there == certificate.places[0].blocks and not certificate.is_complete
    stage.vault.edit(stage.kept, tags=("later",))
    assert stage.leftovers() == []


def test_a_store_that_answers_nothing_is_neither_yes_nor_no(stage: Stage) -> None:
    class Down(SqliteBlocks):
        def delete(self, cids: object) -> None:
            raise StorageDown("down")

        def has(self, cid: str) -> bool:
            raise StorageDown("down")

    with Down(stage.home.parent / "down.db") as down:
        certificate = stage.vault.shred(selection_of([stage.secret]), {"another node": down})
    theirs = certificate.places[1]
    assert theirs.unknown == theirs.blocks and not certificate.is_complete


def test_a_store_that_is_away_leaves_everything(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(stage.store, "put", _away)
        with pytest.raises(StorageUnavailable):
            stage.vault.shred(selection_of([stage.secret]))
    assert len(stage.vault.history(stage.secret)) == 2 and stage.vault.search("clinic").records
    assert stage.vault.erasure.restrictions() == ()


def _away(*_: object, **__: object) -> None:
    raise StorageUnavailable("away")


def test_a_category_goes_with_its_stream_and_key(stage: Stage) -> None:
    (note,) = stage.vault.add([Draft("pd:PersonalDocuments", "note/1", body={"text": "stays"})])
    certificate = stage.vault.shred(selection_of(["pd:Purchase"]))
    index = stage.vault._folder.index()
    assert index is not None and [one.category for one in index.streams] == ["pd:PersonalDocuments"]
    assert certificate.records == 2 and stage.vault.get(note).body == {"text": "stays"}
    assert stage.leftovers() == [] and stage.vault.stats().records == 1


def test_all_leaves_an_empty_vault_that_can_be_used(stage: Stage) -> None:
    certificate = stage.vault.shred(selection_of(["ALL"]))
    assert certificate.is_complete and certificate.records == 2
    assert stage.leftovers() == []
    held = stage.witness.holding([KEPT.encode()])
    assert held and not any(stage.store.has(cid) for cid in held)
    assert stage.store.stat().blocks == 2, "an index and a book"
    assert stage.vault.shares.of(word(1)) == () and stage.vault.stats().versions == 0
    stage.vault.add([purchase("hat")])
    assert stage.vault.stats().records == 1


def test_a_legal_hold_keeps_a_record_out_of_use_until_its_day(stage: Stage) -> None:
    vault, chosen = stage.vault, selection_of([stage.secret])
    assert vault.erasure.withdraw(chosen, "2026-12-31", "tax law") == 1
    assert vault.search("clinic").records == () and vault.stats().records == 1
    assert [one.body for one in vault.shares.preview(VIEW)] == [{"name": f"{KEPT} coat"}]
    assert [one.id for one in vault.versions()] == [stage.kept] and len(vault.history(stage.secret)) == 2
    for act in (vault.get, vault.edit):
        with pytest.raises(InvalidInput, match="kept and not used"):
            act(stage.secret)
    with pytest.raises(InvalidInput, match="on a legal hold"):
        vault.shred(chosen)
    certificate = vault.shred(selection_of(["pd:Purchase"]))
    assert certificate.records == 1 and [(one.until, one.reason) for one in certificate.kept] == [
        ("2026-12-31", "tax law")
    ]
    with pytest.raises(InvalidInput, match="whose day has come"):
        vault.shred(selection_of(["DUE"]))
    stage.clock[0] += 200 * 86_400
    assert vault.shred(selection_of(["DUE"])).records == 1 and stage.leftovers() == []
    assert vault.erasure.restrictions() == ()


def test_what_was_withdrawn_can_come_back(stage: Stage) -> None:
    vault, chosen = stage.vault, selection_of([stage.secret])
    vault.erasure.withdraw(chosen, "2026-12-31")
    (bundle,) = vault.shares.of(word(1))
    held = held_by_brand(stage.store, vault.shares.party(bundle), bundle)
    assert sorted(one.deleted for one in held.values()) == [False, True]
    assert vault.erasure.release(chosen) == 1
    assert vault.search("clinic").records[0].id == stage.secret and vault.get(stage.secret).tags
    vault.shares.bring_up_to_date(word(1))
    (bundle,) = vault.shares.of(word(1))
    held = held_by_brand(stage.store, vault.shares.party(bundle), bundle)
    assert sorted((one.deleted, one.counter) for one in held.values()) == [(False, 1), (False, 3)]


def test_a_withdrawn_record_may_be_shredded_before_its_day(stage: Stage) -> None:
    stage.vault.erasure.withdraw(selection_of([stage.secret]), "2026-12-31")
    assert stage.vault.shred(selection_of([stage.secret])).is_complete and stage.leftovers() == []


def test_a_copy_that_is_made_again_withholds_too(stage: Stage) -> None:
    stage.vault.erasure.withdraw(selection_of([stage.secret]), "2026-12-31", "tax law")
    stage.vault.close()
    (stage.home / "vault" / "copy.db").unlink()
    assert stage.vault.search("clinic").records == () and stage.vault.search("coat").records


def test_a_copy_that_missed_a_shredding_erases_too(stage: Stage) -> None:
    """Another process, or another home, shredded: the copy learns it from the marks in the book."""
    (stage.home / "other").mkdir()
    (stage.home / "other" / "index").write_bytes((stage.home / "vault" / "index").read_bytes())
    with Database(stage.home / "other", SEED, stage.store) as other:
        assert other.search("clinic").records
        stage.vault.shred(selection_of([stage.secret]))
        (stage.home / "other" / "index").write_bytes((stage.home / "vault" / "index").read_bytes())
        assert other.search("clinic").records == () and other.stats().versions == 1
    assert stage.leftovers() == []


def test_an_export_of_before_brings_no_shredded_record_back(stage: Stage, tmp_path: Path) -> None:
    with (tmp_path / "export.zip").open("wb") as sink:
        stage.vault.export(sink, tmp_path)
    stage.vault.shred(selection_of([stage.secret]))
    with (tmp_path / "export.zip").open("rb") as source:
        stage.vault.take(ExportImporter().items(source))
    assert stage.vault.stats().versions == 1 and stage.leftovers() == []


def test_a_file_that_another_record_names_too_stays(stage: Stage) -> None:
    file = stage.vault.get(stage.secret).file
    assert file is not None
    stage.vault.edit(stage.kept, file=file)
    stage.vault.shred(selection_of([stage.secret]))
    assert sum(map(len, stage.vault._folder.content(file, stage.home))) == 3_000_000


def test_it_tells_how_far_it_is(stage: Stage) -> None:
    heard = list[tuple[str, int, int]]()
    stage.vault.erasure.shred(selection_of(["ALL"]), told=lambda *step: heard.append(step))
    assert [what for what, *_ in heard] == ["segments"] * heard[0][2] + ["copy", "stores"]
    assert [at for what, at, _ in heard if what == "segments"] == list(range(1, heard[0][2] + 1))


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ([], "nothing was selected"),
        (["01900000-0000-7000-8000-000000000009"], "there is no record"),
        (["pd:Health"], "no record of pd:Health"),
        (["DUE"], "no record whose day has come"),
    ],
)
def test_a_selection_of_nothing_is_refused(stage: Stage, words: list[str], why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        stage.vault.shred(selection_of(words))


@pytest.mark.parametrize(
    ("until", "why"), [("2026-13-01", "is no day"), ("soon", "is no day"), ("2026-01-01", "not in the")]
)
def test_a_restriction_needs_a_day_in_the_future(stage: Stage, until: str, why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        stage.vault.erasure.withdraw(selection_of([stage.secret]), until)


def test_an_empty_vault_has_nothing_to_shred_and_is_not_made(tmp_path: Path) -> None:
    with SqliteBlocks(tmp_path / "blocks.db") as store, Database(tmp_path / "vault", SEED, store) as vault:
        with pytest.raises(InvalidInput, match="the vault is empty"):
            vault.erasure.plan(selection_of(["ALL"]))
        assert not (tmp_path / "vault").exists()


class TestHomes:
    """Two homes of one seed on one store."""

    @pytest.fixture
    def other(self, stage: Stage) -> Iterator[Database]:
        with Database(stage.home / "other", SEED, stage.store, lambda: stage.clock[0]) as made:
            made.merge()
            yield made

    def test_what_came_since_the_person_read_the_plan_is_not_shredded(self, stage: Stage, other: Database) -> None:
        agreed = stage.vault.erasure.plan(selection_of(["ALL"])).ids
        (hat,) = other.add([purchase("hat")])
        with pytest.raises(InvalidInput, match="has changed since you read what goes"):
            stage.vault.erasure.shred(selection_of(["ALL"]), agreed=agreed)
        assert stage.vault.stats().records == len(agreed) + 1 and stage.vault.get(hat)
        assert stage.vault.erasure.shred(selection_of(["ALL"]), agreed={*agreed, hat}).records == len(agreed) + 1

    def test_what_one_home_shreds_the_other_erases_too(self, stage: Stage, other: Database) -> None:
        stage.vault.merge()
        certificate = other.shred(selection_of([stage.secret]))
        assert certificate.places[0].there and not certificate.is_complete, "the first home's stream still has it"
        assert other.search("clinic").records == () and stage.vault.search("clinic").records
        for one in (stage.vault, other, stage.vault, other):
            one.merge()
        assert stage.vault.search("clinic").records == () and stage.leftovers() == []
        with pytest.raises(InvalidInput, match="there is no record"):
            stage.vault.history(stage.secret)

    def test_a_bundle_that_another_home_goes_on_with_loses_the_record_too(self, stage: Stage, other: Database) -> None:
        stage.vault.merge()
        other.shred(selection_of([stage.secret]))
        # Later and more often than the tombstone: its head is the newer one.
        for number in range(3):
            with pytest.MonkeyPatch.context() as patched:
                patched.setattr(stage.vault._folder, "_merge", lambda: stage.vault._folder.journal.settle())
                stage.vault.add([purchase(f"hat {number}")])
                stage.vault.shares.bring_up_to_date(word(1))
        for one in (stage.vault, other, stage.vault, other):
            one.merge()
        for one in (stage.vault, other):
            (bundle,) = one.shares.of(word(1))
            held = held_by_brand(stage.store, one.shares.party(bundle), bundle).values()
            assert sorted(record.deleted for record in held) == [False] * 4 + [True]
        assert stage.leftovers() == []

    def test_restrictions_and_their_ends_are_everywhere(self, stage: Stage, other: Database) -> None:
        chosen = selection_of([stage.secret])
        stage.vault.erasure.withdraw(chosen, "2026-12-31", "tax law")
        other.merge()
        assert other.search("clinic").records == () and other.erasure.restrictions()
        assert other.erasure.release(chosen) == 1
        for one in (stage.vault, other, stage.vault):
            one.merge()
        assert stage.vault.search("clinic").records and not stage.vault.erasure.restrictions()

    def test_compaction_leaves_to_another_home_what_is_its_own(self, stage: Stage, other: Database) -> None:
        (hat,) = other.add([purchase("hat")])
        stage.vault.merge()
        stage.vault.remove([hat])
        before = {(one.id, one.version) for one in stage.vault.versions()}
        for one in (stage.vault, other, stage.vault, other):
            one.upkeep.compact()
            one.merge()
        after = {(one.id, one.version) for one in stage.vault.versions()}
        assert {one for one in before if one[0] != hat} <= after and stage.vault.upkeep.check().is_sound
        assert other.upkeep.check().is_sound and other.stats().records == 2
