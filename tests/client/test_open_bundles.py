"""A brand opens the bundles that a grant hands over: all of them, or none."""

from __future__ import annotations

import hashlib
import inspect
import io
import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from registry.client.accept import MAX_OPENED, open_data
from registry.client.grant import refuse
from registry.client.open_bundles import FILE_BYTES
from registry.client.revoke import revoke
from registry.core import codec
from registry.core.age.recipients import generate_identity, recipient_of
from registry.core.age.stream import seal_bytes
from registry.core.errors import (
    BlockMismatch,
    ConsentError,
    DamagedSeal,
    InvalidInput,
    Malformed,
    NotARecipient,
    NotIncluded,
    Revoked,
    SealedDataError,
    StorageUnavailable,
    WrongCapsule,
    WrongController,
)
from registry.core.evidence.file import Evidence, write_evidence
from registry.core.ipld.cid import cid_from_digest, digest_of_cid
from registry.core.ipld.unixfs import LEAF_BYTES, file_blocks
from registry.core.scalars import unhex
from registry.core.sealed.bundles import FILE, NAME, BundleKey, View
from registry.core.sealed.capsule import Capsule
from registry.core.sealed.documents import signed
from registry.core.sealed.frame import pack
from registry.core.sealed.heads import StreamHead
from registry.core.sealed.records import FileRef, Record
from registry.core.statements.messages import Grant
from registry.vault.draft import Draft, FileSource
from registry.vault.streams import Streams, new_stream
from tests.support.bundle_grants import VIEW, Handover, purchase
from tests.support.stage import EMAILS, PURCHASES, Stage, files_in

WITH_FILES = View(PURCHASES, (FILE, NAME, "name"))


@pytest.fixture
def handover(stage: Stage, tmp_path: Path) -> Iterator[Handover]:
    made = Handover(stage, tmp_path / "database")
    yield made
    made.vault.close()


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "place" / "out"


def lines_in(folder: Path, name: str = "Purchase-1.jsonl") -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / name).read_bytes().splitlines()]


def file_of(body: bytes, name: str = "scan.pdf") -> FileSource:
    digest = hashlib.sha256(body).hexdigest()
    return FileSource(name, "application/pdf", len(body), digest, lambda: io.BytesIO(body))


def email(number: int) -> Draft:
    return Draft(EMAILS, "contact/1", body={"email": f"a{number}@example.org", "name": f"mail {number}"})


class TestWhatComesOut:
    def test_each_record_is_a_line_with_what_the_view_shows(self, handover: Handover, out: Path) -> None:
        handover.vault.add([purchase("late", 20), purchase("coat", tags=("gift",))])
        (opened,) = open_data(handover.stage.brand, write_evidence(handover.grant()), out)
        assert (opened.path, opened.category, opened.records) == (out / "Purchase-1.jsonl", PURCHASES, 2)
        assert opened.size == opened.path.stat().st_size
        first, second = lines_in(out)
        assert first["body"] == {"name": "coat", "price": "12.50"} and second["body"]["name"] == "late"
        assert list(first) == ["id", "schema", "time", "body"] and first["time"] == "2026-01-15"
        assert files_in(out) == ["Purchase-1.jsonl", "opened.json"]
        assert out.stat().st_mode & 0o077 == 0

    def test_source_and_tags_where_the_view_has_them(self, handover: Handover, out: Path) -> None:
        handover.vault.add([purchase("coat", tags=("gift",))])
        open_data(handover.stage.brand, handover.grant([View(PURCHASES, ("name",), source=True, tags=True)]), out)
        assert lines_in(out)[0]["source"] == "by hand" and lines_in(out)[0]["tags"] == ["gift"]

    def test_lines_are_sorted_by_the_moment_and_the_id(self, handover: Handover, out: Path) -> None:
        times = ["2026-01-15T01:00:00+09:00", "2026-01-14T23:00:00Z", "2026-01-15"]
        handover.vault.add([purchase(at, time=at) for at in times] + [purchase("same", 15) for _ in range(5)])
        open_data(handover.stage.brand, handover.grant(), out)
        lines = lines_in(out)
        assert [line["body"]["name"] for line in lines[:2]] == times[:2]
        assert [line["id"] for line in lines[2:]] == sorted(line["id"] for line in lines[2:])

    def test_only_the_newest_version_of_what_is_alive(self, handover: Handover, out: Path) -> None:
        names = handover.vault.add([purchase("coat"), purchase("hat")])
        handover.grant()
        handover.vault.edit(names[0], body={"name": "blue coat", "orderDate": "2026-01-15"})
        handover.vault.remove([names[1]])
        handover.update()
        (opened,) = open_data(handover.stage.brand, granted(handover, handover.keys), out)
        assert opened.records == 1 and lines_in(out)[0]["body"] == {"name": "blue coat"}

    def test_every_bundle_has_a_file_of_its_own(self, handover: Handover, out: Path) -> None:
        handover.vault.add([purchase("coat", 1), purchase("hat", 20), email(1)])
        views = [
            View(PURCHASES, ("name",), until="2026-01-10"),
            View(PURCHASES, ("name",), from_="2026-01-10"),
            View(EMAILS, ("email",)),
        ]
        opened = open_data(handover.stage.brand, handover.grant(views), out)
        assert [one.path.name for one in opened] == ["Purchase-1.jsonl", "Purchase-2.jsonl", "EmailAddress-1.jsonl"]
        assert [lines_in(out, one.path.name)[0]["body"] for one in opened] == [
            {"name": "coat"},
            {"name": "hat"},
            {"email": "a1@example.org"},
        ]

    def test_what_was_read_is_noted(self, handover: Handover, out: Path) -> None:
        handover.vault.add([purchase("coat")])
        evidence = handover.grant()
        open_data(handover.stage.brand, evidence, out)
        noted = json.loads((out / "opened.json").read_bytes())
        (bundle,) = noted["bundles"]
        assert (noted["grant"], noted["update"]) == ("0x" + evidence.digest.hex(), 0)
        assert (bundle["head"], bundle["number"], len(bundle["read"])) == (handover.keys[0].head, 1, 1)
        assert "AGE-SECRET-KEY" not in (out / "opened.json").read_text(), "the key stays in the capsule"

    def test_a_grant_of_no_bundle(self, handover: Handover, out: Path) -> None:
        assert open_data(handover.stage.brand, handover.grant([]), out) == []
        assert files_in(out) == ["opened.json"]

    def test_into_an_empty_folder_and_not_into_a_full_one(self, handover: Handover, out: Path) -> None:
        handover.vault.add([purchase("coat")])
        evidence = handover.grant()
        out.mkdir(parents=True)
        open_data(handover.stage.brand, evidence, out)
        before = files_in(out)
        with pytest.raises(InvalidInput, match="not an empty folder"):
            open_data(handover.stage.brand, evidence, out)
        assert files_in(out) == before

    def test_categories_of_one_local_name_do_not_overwrite_each_other(self, stage: Stage, tmp_path: Path) -> None:
        theirs = ["https://one.example/Loyalty", "https://two.example/Loyalty"]
        handover = Handover(stage, tmp_path / "database", theirs)
        keys = tuple(stored(handover, [bundle_record(category=one)], View(one, ("name",))) for one in theirs)
        opened = open_data(stage.brand, granted(handover, keys), tmp_path / "out")
        assert [(one.category, one.path.name) for one in opened] == list(
            zip(theirs, ["Loyalty-1.jsonl", "Loyalty-2.jsonl"], strict=True)
        )

    def test_a_very_long_category_still_has_a_name(self, stage: Stage, tmp_path: Path) -> None:
        theirs = "https://one.example/" + "a" * 500
        handover = Handover(stage, tmp_path / "database", [theirs])
        key = stored(handover, [bundle_record(category=theirs)], View(theirs, ("name",)))
        (opened,) = open_data(stage.brand, granted(handover, [key]), tmp_path / "out")
        assert opened.records == 1 and len(opened.path.name) < 100


class TestFiles:
    def opened(self, handover: Handover, out: Path, body: bytes, name: str = "scan.pdf") -> dict[str, Any]:
        handover.vault.add([purchase("coat", file=file_of(body, name))])
        (opened,) = open_data(handover.stage.brand, handover.grant([WITH_FILES]), out)
        assert opened.files == 1
        return dict(lines_in(out)[0]["file"])

    @pytest.mark.parametrize("size", [0, 9, 1_500_000])
    def test_a_file_lies_beside_its_line(self, handover: Handover, out: Path, size: int) -> None:
        body = os.urandom(size)
        file = self.opened(handover, out, body)
        assert (file["name"], file["mediaType"], file["bytes"]) == ("scan.pdf", "application/pdf", size)
        assert (out / file["path"]).read_bytes() == body and file["path"].startswith("Purchase-1/")

    @pytest.mark.parametrize(
        ("name", "ends"),
        [
            ("..ssh id", "-..ssh-id"),
            ("a b\u202ec\u200b.csv", "-a-b-c-.csv"),
            ("x" * 200 + ".csv", "-" + "x" * 116 + ".csv"),
            ("é" * 200, "-" + "é" * 60),
        ],
    )
    def test_a_hostile_name_stays_in_the_folder(self, handover: Handover, out: Path, name: str, ends: str) -> None:
        file = self.opened(handover, out, b"body", name)
        assert (out / file["path"]).read_bytes() == b"body"
        assert file["path"].removeprefix("Purchase-1/")[32:] == ends

    def test_a_file_that_is_not_as_its_record_says(self, handover: Handover, out: Path) -> None:
        """The same record in another file's place: it opens, and is another one."""
        handover.vault.add([purchase("coat", file=file_of(os.urandom(1_200_000)))])
        handover.vault.add([purchase("hat", file=file_of(os.urandom(1_200_000)))])
        first, second = (record.file for record in handover.vault.select(""))
        assert first is not None and second is not None
        swapped = msgspec.structs.replace(first, cid=second.cid, identity=second.identity)
        evidence = hand_over(handover, [bundle_record(file=swapped, body=None)], WITH_FILES)
        with pytest.raises(DamagedSeal, match="not the one"):
            open_data(handover.stage.brand, evidence, out)
        assert files_in(out.parent) == []


class TestWhoMay:
    def test_not_for_me(self, handover: Handover, out: Path) -> None:
        handover.vault.add([purchase("coat")])
        stage, evidence = handover.stage, handover.grant()
        for stranger in (stage.another_brand("other brand"), stage.alice):
            with pytest.raises(WrongController):
                open_data(stranger, evidence, out)
        # The same account with another vault: somebody moved the key but not the seed.
        moved = stage.another_brand("other brand", wallet=stage.brand.wallet)
        with pytest.raises(NotARecipient) as caught:
            open_data(moved, evidence, out)
        assert "CONSENT_HOME" in caught.value.advice and not out.exists()

    def test_without_stored_data(self, handover: Handover, out: Path) -> None:
        evidence = handover.grant([], lambda capsule: None)
        with pytest.raises(InvalidInput, match="no stored data"):
            open_data(handover.stage.brand, evidence, out)

    def test_after_it_was_revoked(self, handover: Handover, out: Path) -> None:
        handover.vault.add([purchase("coat")])
        evidence = handover.grant()
        revoke(handover.stage.alice, evidence)
        with pytest.raises(Revoked):
            open_data(handover.stage.brand, evidence, out)
        assert not out.exists()

    def test_what_was_not_anchored_so(self, handover: Handover, out: Path) -> None:
        evidence = handover.grant([])
        assert evidence.anchor is not msgspec.UNSET
        anchor = msgspec.structs.replace(evidence.anchor, proof=("0x" + "11" * 32,))
        with pytest.raises(NotIncluded):
            open_data(handover.stage.brand, msgspec.structs.replace(evidence, anchor=anchor), out)

    def test_what_is_no_grant(self, handover: Handover, out: Path) -> None:
        with pytest.raises(InvalidInput, match="not a Grant"):
            open_data(handover.stage.brand, refuse(handover.stage.alice, handover.stage.request()).evidence, out)


CHANGES: list[Callable[[bytes], bytes]] = [
    lambda data: data[:-1],
    lambda data: data + b"\0",
    lambda data: data[:-1] + bytes([data[-1] ^ 1]),
    lambda data: b"",
]


class TestBrokenBlocks:
    @pytest.fixture
    def evidence(self, handover: Handover) -> Evidence:
        handover.vault.add([purchase("coat", file=file_of(os.urandom(1_200_000)))])
        return handover.grant([WITH_FILES])

    def parts(self, handover: Handover) -> dict[str, str]:
        """The CIDs of what a grant hands over."""
        message = handover.evidence.statement.message
        assert isinstance(message, Grant)
        head = handover.head()
        (record,) = handover.vault.select("")
        assert record.file is not None and record.file.cid is not None
        capsule = cid_from_digest(unhex(message.content))
        return {
            "capsule": capsule,
            "head": handover.keys[0].head,
            "segment": head.segments[0].cid,
            "file": record.file.cid,
        }

    @pytest.mark.parametrize("part", ["capsule", "head", "segment", "file"])
    def test_missing(self, handover: Handover, evidence: Evidence, out: Path, part: str) -> None:
        handover.stage.store.delete([self.parts(handover)[part]])
        self.check_nothing_left(handover, evidence, out, StorageUnavailable)

    @pytest.mark.parametrize("part", ["capsule", "head", "segment", "file"])
    @pytest.mark.parametrize("change", CHANGES, ids=["cut", "longer", "altered", "empty"])
    def test_altered_behind_the_stores_back(
        self, handover: Handover, evidence: Evidence, out: Path, part: str, change: Callable[[bytes], bytes]
    ) -> None:
        digest = digest_of_cid(self.parts(handover)[part])
        kept = handover.stage.store.kept
        kept[digest] = change(kept[digest])
        self.check_nothing_left(handover, evidence, out, BlockMismatch)

    @pytest.mark.parametrize(("one", "other"), [("capsule", "head"), ("head", "segment"), ("segment", "file")])
    def test_swapped(self, handover: Handover, evidence: Evidence, out: Path, one: str, other: str) -> None:
        parts, kept = self.parts(handover), handover.stage.store.kept
        first, second = digest_of_cid(parts[one]), digest_of_cid(parts[other])
        kept[first], kept[second] = kept[second], kept[first]
        self.check_nothing_left(handover, evidence, out, BlockMismatch)

    def test_a_store_that_is_down(self, handover: Handover, evidence: Evidence, out: Path) -> None:
        handover.stage.store.down = True
        self.check_nothing_left(handover, evidence, out, StorageUnavailable)

    def check_nothing_left(self, handover: Handover, evidence: Evidence, out: Path, error: type[ConsentError]) -> None:
        with pytest.raises(error) as caught:
            open_data(handover.stage.brand, evidence, out)
        assert caught.value.advice and files_in(out.parent) == []


def bundle_record(number: int = 1, **members: Any) -> Record:
    given = {"category": PURCHASES, "schema": "purchase/1", "time": "2026-01-15", "body": {"name": "coat"}} | members
    return Record(id=f"{number:032x}", counter=1, **given)


def stored(handover: Handover, records: list[Record], view: View) -> BundleKey:
    """Store a bundle with these records, by a vault that checks nothing."""
    stream = new_stream(view.category, "bb" * 8)
    streams = Streams(handover.key, handover.stage.store.get, handover.stage.store.put)
    head = streams.grow(stream, list(streams.store(stream, records))).stream.head
    return BundleKey(stream.stream, view.category, view, stream.identity, head)


def granted(handover: Handover, keys: Sequence[BundleKey]) -> Evidence:
    """A grant that hands over these bundles."""
    handover.keys = tuple(keys)
    return handover.grant([], lambda capsule: msgspec.structs.replace(capsule, streams=handover.keys))


def hand_over(handover: Handover, records: list[Record], view: View = VIEW) -> Evidence:
    return granted(handover, [stored(handover, records, view)])


class TestHostileVaults:
    """A person's software may hand over anything: the brand opens what the vault signed for this grant, or nothing."""

    def check_refused(
        self, handover: Handover, evidence: Evidence, out: Path, error: type[Exception], **how: int
    ) -> str:
        with pytest.raises(error) as caught:
            open_data(handover.stage.brand, evidence, out, **how)
        assert files_in(out.parent) == []
        return str(caught.value)

    @pytest.mark.parametrize("name", ["subject", "controller", "lock"])
    def test_a_capsule_for_somebody_else(self, handover: Handover, out: Path, name: str) -> None:
        stage = handover.stage
        other = {"subject": stage.brand.address, "controller": stage.alice.address, "lock": "0x" + "22" * 32}[name]
        evidence = handover.grant([], lambda capsule: msgspec.structs.replace(capsule, **{name: other}))
        assert f"another {name}" in self.check_refused(handover, evidence, out, WrongCapsule)

    def test_a_capsule_that_another_vault_signed(self, handover: Handover, out: Path, tmp_path: Path) -> None:
        other = Handover(handover.stage, tmp_path / "bob", seed=b"\x07" * 32)
        evidence = handover.grant([], lambda capsule: handover.seal(capsule, by=other.key))
        assert "not signed" in self.check_refused(handover, evidence, out, WrongCapsule)

    def test_another_vaults_bundle_under_ones_own_name(self, handover: Handover, out: Path, tmp_path: Path) -> None:
        other = Handover(handover.stage, tmp_path / "bob", seed=b"\x07" * 32)
        other.vault.add([purchase("bob's")])
        other.grant()
        evidence = handover.grant([], lambda capsule: msgspec.structs.replace(capsule, streams=other.keys))
        assert "not signed" in self.check_refused(handover, evidence, out, WrongCapsule)
        other.vault.close()

    def test_swapped_heads(self, handover: Handover, out: Path) -> None:
        handover.vault.add([purchase("coat"), email(1)])

        def swap(capsule: Capsule) -> Capsule:
            one, other = capsule.streams
            heads = (msgspec.structs.replace(one, head=other.head), msgspec.structs.replace(other, head=one.head))
            return msgspec.structs.replace(capsule, streams=heads)

        evidence = handover.grant([VIEW, View(EMAILS, ("email",))], swap)
        self.check_refused(handover, evidence, out, SealedDataError)

    def test_a_category_that_was_not_granted(self, handover: Handover, out: Path) -> None:
        location = Draft("pd:Location", "place-visited/1", body={"name": "home", "arrivalTime": "2026-01-15"})
        handover.vault.add([location])
        evidence = handover.grant([View("pd:Location", ("name",))])
        assert "pd:Location" in self.check_refused(handover, evidence, out, WrongCapsule)

    @pytest.mark.parametrize(
        "more",
        [
            {"body": {"name": "coat", "secret": 1}},
            {"category": EMAILS},
            {"source": "elsewhere"},
            {"tags": ("gift",)},
            {"file": FileRef("a", "text/plain", 0, hashlib.sha256(b"").hexdigest(), data="")},
        ],
        ids=["member", "category", "source", "tags", "file"],
    )
    def test_a_record_with_more_than_its_view_shows(self, handover: Handover, out: Path, more: dict[str, Any]) -> None:
        evidence = hand_over(handover, [bundle_record(**more)])
        assert "its view does not show" in self.check_refused(handover, evidence, out, DamagedSeal)

    def test_a_record_outside_of_the_period(self, handover: Handover, out: Path) -> None:
        evidence = hand_over(handover, [bundle_record()], View(PURCHASES, ("name",), until="2026-01-15"))
        self.check_refused(handover, evidence, out, DamagedSeal)

    def test_an_own_record(self, handover: Handover, out: Path) -> None:
        handover.vault.add([purchase("coat")])
        (own,) = handover.vault.select("")
        evidence = hand_over(handover, [own], View(PURCHASES, tuple(sorted(own.body or ())), source=True))
        self.check_refused(handover, evidence, out, DamagedSeal)

    def test_a_bundle_handed_over_twice(self, handover: Handover, out: Path) -> None:
        """A capsule that repeats a stream 2,000 times made 100 MB out of one (item 14)."""
        handover.vault.add([purchase("coat")])

        def repeat(capsule: Capsule) -> bytes:
            twice = signed(msgspec.structs.replace(capsule, streams=capsule.streams * 2), handover.key)
            return seal_bytes(pack(codec.encode(twice), 1 << 18), [handover.stage.brand.recipient])

        said = self.check_refused(handover, handover.grant((VIEW,), repeat), out, Malformed)
        assert "a stream" in said

    def test_a_segment_listed_twice(self, handover: Handover, out: Path) -> None:
        hand_over(handover, [bundle_record()])
        head = handover.head()
        twice = StreamHead(stream=head.stream, number=1, segments=head.segments * 2)
        plain = pack(codec.encode(signed(twice, handover.key)), 1 << 16)
        sealed = seal_bytes(plain, [recipient_of(handover.keys[0].identity)])
        (block,) = file_blocks(io.BytesIO(sealed))
        handover.stage.store.put([block])
        key = msgspec.structs.replace(handover.keys[0], head=block.cid)
        self.check_refused(handover, granted(handover, [key]), out, Malformed)

    def test_a_small_tree_that_repeats_a_block_a_million_times(
        self, handover: Handover, out: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Four blocks that name each other made a file of a tebibyte, and the brand fetched all of it before opening
        any. A file is opened while it is fetched, so the first wrong chunk ends it."""
        identity, store = generate_identity(), handover.stage.store
        # The leaf is valid once: only its second use shows what the tree is.
        leaf = seal_bytes(bytes(2 * LEAF_BYTES), [recipient_of(identity)])[:LEAF_BYTES]
        blocks = list(file_blocks(io.BytesIO(leaf * 174)))
        store.put(blocks)
        file = FileRef("a", "text/plain", LEAF_BYTES * 174, "00" * 32, cid=blocks[-1].cid, identity=identity)
        evidence = hand_over(handover, [bundle_record(file=file)], WITH_FILES)
        fetched, get = list[str](), store.get
        monkeypatch.setattr(store, "get", lambda cid: fetched.append(cid) or get(cid))
        self.check_refused(handover, evidence, out, DamagedSeal)
        assert fetched.count(blocks[0].cid) <= 3

    @pytest.mark.parametrize("raw", [b"", b"age-encryption.org/v1\n", b"{}", b"\x00" * 1000])
    def test_rubbish(self, handover: Handover, out: Path, raw: bytes) -> None:
        self.check_refused(handover, handover.grant([], lambda _: raw), out, SealedDataError)


class TestLimits:
    def test_a_limit_of_a_gibibyte_by_default(self) -> None:
        assert MAX_OPENED == 2**30
        assert inspect.signature(open_data).parameters["max_bytes"].default == MAX_OPENED

    def test_more_than_the_limit(self, handover: Handover, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """What is fetched, unpacked and written is counted for all bundles together, before it is written (item 14)."""
        bodies = [os.urandom(1_400_000), os.urandom(1_400_000)]
        handover.vault.add([purchase("coat", file=file_of(body)) for body in bodies])
        evidence, store, fetched = handover.grant([WITH_FILES]), handover.stage.store, list[int]()
        get = store.get
        monkeypatch.setattr(store, "get", lambda cid: fetched.append(len(get(cid))) or get(cid))
        with pytest.raises(InvalidInput, match="more than 2,000,000 bytes") as caught:
            open_data(handover.stage.brand, evidence, out, max_bytes=2_000_000)
        assert "--max-size" in caught.value.advice and files_in(out.parent) == []
        assert sum(fetched) < 2_000_000 + 2 * LEAF_BYTES
        (opened,) = open_data(handover.stage.brand, evidence, out, max_bytes=3_000_000)
        assert opened.files == 2

    def test_lines_that_unpack_to_much(self, handover: Handover, out: Path) -> None:
        """A megabyte of one letter is sealed in a kilobyte."""
        records = [bundle_record(number, body={"name": "a" * 1_000_000}) for number in range(4)]
        evidence = hand_over(handover, records)
        with pytest.raises(InvalidInput, match="more than 3,000,000 bytes"):
            open_data(handover.stage.brand, evidence, out, max_bytes=3_000_000)
        assert files_in(out.parent) == []

    def test_many_empty_files_count_too(self, handover: Handover, out: Path) -> None:
        """A file takes room on a disk however short it is: thousands of records may be empty (item 14)."""
        handover.vault.add([purchase(f"{number}", file=file_of(b"")) for number in range(30)])
        evidence = handover.grant([WITH_FILES])
        with pytest.raises(InvalidInput, match="more than"):
            open_data(handover.stage.brand, evidence, out, max_bytes=31 * FILE_BYTES)
        assert files_in(out.parent) == []
        assert open_data(handover.stage.brand, evidence, out, max_bytes=36 * FILE_BYTES)[0].files == 30
