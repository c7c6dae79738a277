"""Backups: everything comes back, in another place too; what is not a backup writes nothing."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from registry.client import backup
from registry.client.accept import open_data
from registry.client.backup import back_up, restore
from registry.client.deliveries import Delivery
from registry.client.grant import grant
from registry.client.handing_over import sweep
from registry.client.home import Home
from registry.client.network import Network
from registry.client.revoke import revoke
from registry.core.age.recipients import Passphrase
from registry.core.age.stream import open_bytes, seal_bytes
from registry.core.errors import (
    DamagedSeal,
    InvalidInput,
    NotARecipient,
    Rejected,
    SealedDataError,
    StorageUnavailable,
    WrongPassphrase,
)
from registry.core.evidence.file import write_evidence
from registry.core.ipld.cid import Block, cid_from_digest, cid_of_block
from registry.core.scalars import to_hex
from registry.core.sealed.records import Record
from registry.storage.sqlite_store import SqliteBlocks
from registry.vault.database import Database
from registry.vault.draft import Draft
from registry.wallets import keystore
from registry.wallets.keywallet import KeyWallet
from tests.support.fake_storage import MemoryBlocks
from tests.support.stage import PURCHASES, Stage, files_in

PHRASE = "correct horse battery staple"
_OWN = {"lock", "next.lock", "home", "homes", "copy"}


@pytest.fixture(autouse=True)
def _light(monkeypatch: pytest.MonkeyPatch) -> None:
    # What a passphrase costs is tested with sealing and keystore; here it would only be waited for.
    monkeypatch.setattr(keystore, "STANDARD", keystore.LIGHT)
    monkeypatch.setattr(backup, "Passphrase", lambda text: Passphrase(text, work_factor=10))


@pytest.fixture
def home(tmp_path: Path, stage: Stage) -> Home:
    """Alice's home with a vault, a granted file and an ended one."""
    home = Home(tmp_path / "homes" / "alice")
    home.create("")
    stage.alice = stage.person_of(home)
    stage.keep(b"bought before")
    home.evidence.keep(stage.granted().evidence)
    ended = stage.granted().evidence
    home.evidence.keep(ended)
    inbox = "https://aurelle.example/v1/evidence"
    named = {"brand": "Maison Aurelle", "domain": "aurelle.example", "inbox": inbox, "capability": "7f" * 16}
    home.deliveries().keep(Delivery(digest=to_hex(ended.digest), kind="Grant", since=1, **named))
    revoke(stage.alice, ended)
    stage.keep(b"bought after" * 50_000)
    return home


@pytest.fixture
def file(home: Home, stage: Stage, tmp_path: Path) -> Path:
    path = tmp_path / "backups" / "alice.age"
    back_up(home, stage.alice.vault, stage.store, path, PHRASE)
    return path


def elsewhere(stage: Stage) -> tuple[Network, MemoryBlocks]:
    """The same chain seen from another network folder, whose store is empty."""
    store = MemoryBlocks()
    return replace(stage.network, store=store), store


def records(vault: Database) -> list[Record]:
    return list(vault.versions())


def plain_files(home: Home) -> dict[str, bytes]:
    """But for what is a copy's own: its lock, its name, its working copy, and from which number its accounts go on."""
    return {
        path.relative_to(home.path).as_posix(): path.read_bytes()
        for path in home.path.rglob("*")
        if path.is_file() and path.parent.name != "cache" and path.name.split(".db")[0] not in _OWN
    }


class TestRoundTrip:
    def test_every_file_and_every_block(self, home: Home, file: Path, stage: Stage, tmp_path: Path) -> None:
        network, store = elsewhere(stage)
        again = Home(tmp_path / "restored" / "alice")
        saved = restore(file, again, store, PHRASE)
        assert plain_files(again) == plain_files(home)
        assert (saved.files, saved.blocks) == (len(plain_files(home)), len(store.kept))
        assert saved.size == file.stat().st_size
        assert stage.store.kept.items() >= store.kept.items()
        assert records(again.open_vault(network, "")) == records(stage.alice.vault) != []
        assert files_in(tmp_path / "restored") == ["alice", *(f"alice/{name}" for name in files_in(again.path))]

    def test_accounts_come_back(self, home: Home, stage: Stage, tmp_path: Path) -> None:
        person = home.person(stage.network, stage.brand.address, "")
        grant(person, stage.request())
        back_up(home, person.vault, stage.store, tmp_path / "b.age", PHRASE)
        network, store = elsewhere(stage)
        again = Home(tmp_path / "again")
        restore(tmp_path / "b.age", again, store, PHRASE)
        for brand in (stage.brand.address, stage.person("new").address):
            addresses = {each.person(network, brand, "").address for each in (home, again)}
            assert len(addresses) == 1
        assert again.open_vault(network, "").accounts() == person.vault.accounts()

    def test_life_goes_on_with_what_was_restored(self, home: Home, file: Path, stage: Stage, tmp_path: Path) -> None:
        network, store = elsewhere(stage)
        again = Home(tmp_path / "again")
        restore(file, again, store, PHRASE)
        stage.network, stage.store = network, store
        stage.alice = replace(stage.person_of(again), network=network, vault=again.open_vault(network, ""))
        stage.brand = replace(stage.brand, network=network)
        stage.keep(b"bought later")
        done = grant(stage.alice, stage.request())
        opened = open_data(stage.brand, write_evidence(done.evidence), tmp_path / "out")
        assert [(one.records, one.files) for one in opened] == [(3, 3)]
        revoke(stage.alice, done.evidence)
        assert stage.holds(done.evidence) == "Revoked"

    def test_what_was_granted_before_still_opens(self, home: Home, file: Path, stage: Stage, tmp_path: Path) -> None:
        network, store = elsewhere(stage)
        again = Home(tmp_path / "again")
        restore(file, again, store, PHRASE)
        (evidence, *_ended) = [e for e in again.evidence.all() if stage.holds(e) == "VerifiedGrant"]
        opened = open_data(replace(stage.brand, network=network), write_evidence(evidence), tmp_path / "out")
        assert [(one.records, one.files) for one in opened] == [(1, 1)]

    def test_into_a_real_store(self, file: Path, stage: Stage, tmp_path: Path) -> None:
        again = Home(tmp_path / "again")
        with SqliteBlocks(tmp_path / "blocks.sqlite") as store:
            restore(file, again, store, PHRASE)
            vault = again.open_vault(replace(stage.network, store=store), "")
            assert records(vault) == records(stage.alice.vault)

    def test_any_age_and_tar_open_it(self, home: Home, file: Path) -> None:
        raw = open_bytes(file.read_bytes(), [Passphrase(PHRASE)])
        with tarfile.open(fileobj=io.BytesIO(raw)) as archive:
            names = archive.getnames()
            assert all(member.isfile() and member.mode == 0o600 for member in archive)
        assert {name for name in names if not name.startswith("blocks/")} == plain_files(home).keys()

    def test_only_what_belongs_to_a_home(self, home: Home, stage: Stage, tmp_path: Path) -> None:
        files = len(plain_files(home))
        for name in ("notes.txt", "keys/.main.json.part", "evidence/mine.json"):
            (home.path / name).write_text("{}")
        again = Home(tmp_path / "again")
        assert back_up(home, stage.alice.vault, stage.store, tmp_path / "b.age", PHRASE).files == files
        restore(tmp_path / "b.age", again, MemoryBlocks(), PHRASE)
        assert len(plain_files(again)) == files

    def test_which_account_paid_for_which_brand(self, home: Home, stage: Stage, tmp_path: Path) -> None:
        """(item 6) A restored home must still warn before that account pays for a second brand."""
        home.evidence.keep_payment(stage.alice.address, stage.brand.address)
        back_up(home, stage.alice.vault, stage.store, tmp_path / "b.age", PHRASE)
        restore(tmp_path / "b.age", again := Home(tmp_path / "again"), MemoryBlocks(), PHRASE)
        assert again.evidence.paid_for(stage.alice.address) == {stage.brand.address}
        assert again.evidence.paid_for(stage.brand.address) == frozenset()

    def test_what_was_seen_of_a_brands_use_log(self, home: Home, stage: Stage, tmp_path: Path) -> None:
        """A restored home must still notice a log that was changed."""
        brand = f"heads-{stage.network.domain.chain_id}-{stage.network.domain.verifying_contract}-{stage.brand.address}"
        names = {f"{brand}-0.json", f"0x{'c1' * 32}-12.json", f"changed-{'93' * 8}.json"}
        (home.path / "uses").mkdir()
        for name in (*names, "LOCK"):
            (home.path / "uses" / name).write_text(name)
        back_up(home, stage.alice.vault, stage.store, tmp_path / "b.age", PHRASE)
        restore(tmp_path / "b.age", again := Home(tmp_path / "again"), MemoryBlocks(), PHRASE)
        assert {path.name: path.read_text() for path in (again.path / "uses").iterdir()} == {n: n for n in names}

    def test_a_home_without_a_vault(self, stage: Stage, tmp_path: Path) -> None:
        bare = Home(tmp_path / "bare")
        bare.create("")
        saved = back_up(bare, bare.open_vault(stage.network, ""), stage.store, tmp_path / "bare.age", PHRASE)
        assert (saved.files, saved.blocks) == (2, 0)
        restore(tmp_path / "bare.age", Home(tmp_path / "again"), MemoryBlocks(), PHRASE)
        assert plain_files(Home(tmp_path / "again")) == plain_files(bare)


class TestWriting:
    def test_nothing_is_in_the_clear(self, home: Home, file: Path) -> None:
        raw = file.read_bytes()
        for secret in (b"seed.json", b"bought", b"ustar", b"ConsentEvidence", PHRASE.encode()):
            assert secret not in raw
        assert file.stat().st_mode & 0o077 == 0

    def test_never_over_another(self, home: Home, stage: Stage, file: Path) -> None:
        before = file.read_bytes()
        with pytest.raises(InvalidInput, match="exists already"):
            back_up(home, stage.alice.vault, stage.store, file, PHRASE)
        assert file.read_bytes() == before

    def test_not_over_one_that_appeared_meanwhile(self, home: Home, stage: Stage, tmp_path: Path) -> None:
        target = tmp_path / "b.age"

        class Slow(Database):
            @contextmanager
            def still(self) -> Iterator[Iterator[Block]]:
                target.write_bytes(b"another backup")
                with super().still() as blocks:
                    yield blocks

        slow = Slow(home.path / "vault", home.seed(""), stage.store)
        with pytest.raises(InvalidInput, match="exists already"):
            back_up(home, slow, stage.store, target, PHRASE)
        assert target.read_bytes() == b"another backup"
        assert [path for path in files_in(tmp_path) if "b.age" in path] == ["b.age"]

    @pytest.mark.parametrize("trouble", ["down", "lies"])
    def test_half_of_one_is_never_left(self, home: Home, stage: Stage, tmp_path: Path, trouble: str) -> None:
        before = files_in(home.path)
        setattr(stage.store, trouble, True)
        with pytest.raises(StorageUnavailable):
            back_up(home, stage.alice.vault, stage.store, tmp_path / "new" / "b.age", PHRASE)
        assert files_in(tmp_path / "new") == []
        assert files_in(home.path) == before

    def test_a_record_is_missing(self, home: Home, stage: Stage, tmp_path: Path) -> None:
        with stage.alice.vault.still() as blocks:
            stage.store.delete([next(blocks).cid])
        with pytest.raises(StorageUnavailable, match="does not hold"):
            back_up(home, stage.alice.vault, stage.store, tmp_path / "b.age", PHRASE)
        assert not (tmp_path / "b.age").exists()

    def test_a_capsule_that_was_erased_is_missed_by_nobody(self, stage: Stage, tmp_path: Path) -> None:
        shop = Home(tmp_path / "shop")
        shop.create("")
        stage.keep(b"bought")
        shop.evidence.keep(stage.granted().evidence)
        vault = shop.open_vault(stage.network, "")
        assert back_up(shop, vault, stage.store, tmp_path / "with.age", PHRASE).blocks == 1
        assert back_up(shop, vault, MemoryBlocks(), tmp_path / "without.age", PHRASE).blocks == 0


def archive_of(*members: tuple[str, bytes] | tarfile.TarInfo) -> bytes:
    """A tar of these members: names with their bytes, or whatever a hostile maker would write."""
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as archive:
        for member in members:
            info = member if isinstance(member, tarfile.TarInfo) else tarfile.TarInfo(member[0])
            data = b"" if isinstance(member, tarfile.TarInfo) else member[1]
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return sink.getvalue()


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


SEED_FILE = ("seed.json", b"{}")
HOSTILE: dict[str, tuple[str, bytes] | tarfile.TarInfo] = {
    "parent": ("../escaped.json", b"x"),
    "deep parent": ("keys/../../escaped.json", b"x"),
    "absolute": ("/escaped.json", b"x"),
    "dot": ("./config.toml", b"x"),
    "backslash": ("keys\\..\\x.json", b"x"),
    "another file": ("notes.txt", b"x"),
    "another folder": ("keys/sub/x.json", b"x"),
    "hidden": ("keys/.x.json", b"x"),
    "line feed": ("config.toml\n", b"x"),
    "upper case": ("evidence/0x" + "AB" * 32 + ".json", b"x"),
    "short digest": ("evidence/0xab.json", b"x"),
    "folder": special("keys", tarfile.DIRTYPE),
    "symlink": special("config.toml", tarfile.SYMTYPE, "/etc/passwd"),
    "symlink out": special("keys/main.json", tarfile.SYMTYPE, "../../../escaped"),
    "hard link": special("config.toml", tarfile.LNKTYPE, "seed.json"),
    "fifo": special("config.toml", tarfile.FIFOTYPE),
    "device": special("config.toml", tarfile.CHRTYPE),
    "another block": (f"blocks/{cid_of_block(b'one')}", b"other"),
    "no block": ("blocks/bafkrei", b"x"),
    "block above": (f"blocks/../{cid_of_block(b'one')}", b"one"),
    "large block": (f"blocks/{cid_of_block(bytes(1 << 20 | 1))}", bytes(1 << 20 | 1)),
}


def bad_seal(raw: bytes) -> bytes:
    return raw[:-1] + bytes([raw[-1] ^ 1])


class TestReadingWhatIsNoBackup:
    def refused(self, file: Path, tmp_path: Path, error: type[Exception], phrase: str = PHRASE) -> Exception:
        before, store = files_in(tmp_path), MemoryBlocks()
        with pytest.raises(error) as caught:
            restore(file, Home(tmp_path / "target"), store, phrase)
        assert files_in(tmp_path) == before
        assert store.kept == {}
        return caught.value

    def hostile(self, tmp_path: Path, raw: bytes) -> Path:
        file = tmp_path / "hostile.age"
        file.write_bytes(seal_bytes(raw, [backup.Passphrase(PHRASE)]))
        return file

    @pytest.mark.parametrize("member", HOSTILE.values(), ids=HOSTILE.keys())
    @pytest.mark.parametrize("last", [True, False])
    def test_members_that_no_backup_holds(
        self, tmp_path: Path, member: tuple[str, bytes] | tarfile.TarInfo, last: bool
    ) -> None:
        members = (SEED_FILE, member) if last else (member, SEED_FILE)
        error = self.refused(self.hostile(tmp_path, archive_of(*members)), tmp_path, DamagedSeal)
        assert "backup" in str(error)
        assert not (tmp_path.parent / "escaped.json").exists()

    def test_blocks_before_it_are_not_kept_either(self, tmp_path: Path) -> None:
        good = (f"blocks/{cid_of_block(b'one')}", b"one")
        self.refused(self.hostile(tmp_path, archive_of(SEED_FILE, good, HOSTILE["parent"])), tmp_path, DamagedSeal)
        self.refused(self.hostile(tmp_path, archive_of(good)), tmp_path, DamagedSeal)

    def test_a_member_that_is_too_large(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(backup, "MAX_HOME_FILE", 10)
        file = self.hostile(tmp_path, archive_of(SEED_FILE, ("config.toml", b"x" * 11)))
        assert "too large" in str(self.refused(file, tmp_path, DamagedSeal))

    @pytest.mark.parametrize(
        "raw", [b"not a tar at all" * 100, archive_of(SEED_FILE)[:700], archive_of(("config.toml", b""))]
    )
    def test_what_is_no_archive_of_a_home(self, tmp_path: Path, raw: bytes) -> None:
        self.refused(self.hostile(tmp_path, raw), tmp_path, DamagedSeal)

    def test_the_wrong_passphrase(self, file: Path, tmp_path: Path) -> None:
        error = self.refused(file, tmp_path, WrongPassphrase, "correct horse")
        assert isinstance(error, WrongPassphrase)
        assert PHRASE not in str(error) + error.advice

    @pytest.mark.parametrize(
        "damage",
        [bad_seal, lambda raw: raw[:-1], lambda raw: raw[: len(raw) // 2], lambda raw: raw + b"\0", lambda raw: b""],
        ids=["altered", "cut", "half", "longer", "empty"],
    )
    def test_damage(self, file: Path, tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
        damaged = tmp_path / "damaged.age"
        damaged.write_bytes(damage(file.read_bytes()))
        self.refused(damaged, tmp_path, DamagedSeal)

    def test_a_file_sealed_to_somebody(self, stage: Stage, tmp_path: Path) -> None:
        other = tmp_path / "other.age"
        other.write_bytes(seal_bytes(archive_of(SEED_FILE), [stage.brand.recipient]))
        assert isinstance(self.refused(other, tmp_path, SealedDataError), NotARecipient)

    def test_no_file(self, tmp_path: Path) -> None:
        self.refused(tmp_path / "absent.age", tmp_path, InvalidInput)


class TestTargets:
    @pytest.mark.parametrize("make", [lambda path: path.mkdir(), lambda path: path.write_text("x")])
    def test_what_exists_is_left_alone(self, file: Path, tmp_path: Path, make: Callable[[Path], object]) -> None:
        target = tmp_path / "target"
        make(target)
        before = files_in(tmp_path)
        with pytest.raises(InvalidInput, match="exists already"):
            restore(file, Home(target), MemoryBlocks(), PHRASE)
        assert files_in(tmp_path) == before

    def test_a_store_that_fails_leaves_no_home(self, file: Path, tmp_path: Path) -> None:
        store = MemoryBlocks(capacity=100_000)
        before = files_in(tmp_path)
        with pytest.raises(StorageUnavailable):
            restore(file, Home(tmp_path / "target"), store, PHRASE)
        assert files_in(tmp_path) == before

    def test_restoring_into_the_store_that_has_it_all(
        self, home: Home, file: Path, stage: Stage, tmp_path: Path
    ) -> None:
        before = dict(stage.store.kept)
        again = Home(tmp_path / "again")
        restore(file, again, stage.store, PHRASE)
        assert stage.store.kept == before
        vault = again.open_vault(stage.network, "")
        assert records(vault) == records(stage.alice.vault)


class MeanwhileBlocks(MemoryBlocks):
    """A store in which each read first runs the next of ``events``, while there are any."""

    def __init__(self, store: MemoryBlocks, *events: Callable[[], object]) -> None:
        super().__init__(kept=store.kept)
        self.events = list(events)

    def get(self, cid: str) -> bytes:
        if self.events:
            self.events.pop()()
        return super().get(cid)


class TestChangingVault:
    """A vault that changed during its backup: the backup named one index and held the blocks of another, or the
    replaced index was missing, which read like a loss. A change now waits until the backup is made."""

    @pytest.fixture
    def home(self, tmp_path: Path, stage: Stage) -> Home:
        """Alice's home with one record in its vault."""
        home = Home(tmp_path / "alice")
        home.create("")
        stage.alice = stage.person_of(home)
        stage.keep(b"bought")
        return home

    def restored(self, home: Home) -> list[Record]:
        store, again = MemoryBlocks(), Home(home.path.parent / "again")
        restore(home.path.parent / "b.age", again, store, PHRASE)
        vault = Database(again.vault, again.seed(""), store)
        with vault.still() as blocks:
            assert {block.cid for block in blocks} == {str(cid_from_digest(digest)) for digest in store.kept}
        return list(vault.select(""))

    def test_a_change_waits_until_it_is_made(self, home: Home, stage: Stage) -> None:
        store = stage.store
        other = Database(home.vault, home.seed(""), store)
        adding = Thread(target=other.add, args=([Draft(PURCHASES, "purchase/1", body=COAT)],))
        events = MeanwhileBlocks(store, adding.start)
        vault = Database(home.vault, home.seed(""), events)
        back_up(home, vault, events, home.path.parent / "b.age", PHRASE)
        adding.join(60)
        assert len(self.restored(home)) == 1 and len(list(stage.alice.vault.select(""))) == 2

    def test_a_lost_index_is_reported_as_lost(self, home: Home, stage: Stage) -> None:
        stage.store.delete([stage.alice.vault.index])
        with pytest.raises(StorageUnavailable, match="does not hold"):
            back_up(home, stage.alice.vault, stage.store, home.path.parent / "b.age", PHRASE)
        assert not (home.path.parent / "b.age").exists()

    def test_a_grant_that_is_being_made_is_undone_where_it_is_restored(self, home: Home, stage: Stage) -> None:
        """Its process may die after the backup, so nobody else would erase its bundles."""
        raw = stage.request()
        file = home.path.parent / "b.age"

        class Signing(KeyWallet):
            def sign_typed_data(self, typed_data: dict[str, Any]) -> bytes:
                back_up(home, stage.alice.vault, stage.store, file, PHRASE)
                raise Rejected("you said no")

        with pytest.raises(Rejected):
            grant(replace(stage.alice, wallet=Signing(b"\x07" * 32)), raw)
        network, store = elsewhere(stage)
        again = Home(home.path.parent / "again")
        restore(file, again, store, PHRASE)
        person = replace(stage.person_of(again), network=network, vault=again.open_vault(network, ""))
        assert len(person.vault.shares.all()) == 1
        sweep(person)
        assert person.vault.shares.all() == ()


COAT = {"name": "coat", "orderDate": "2026-01-31"}
