"""The brand's side: counter-sign, open what was handed over, all files or none."""

from __future__ import annotations

import inspect
import io
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest

from registry.client.accept import MAX_OPENED, Opened, accept, open_data
from registry.client.grant import grant, propose, refuse, sign_and_anchor
from registry.client.revoke import revoke
from registry.client.verify import verify
from registry.core import codec
from registry.core.age.recipients import generate_identity, recipient_of
from registry.core.age.stream import seal_bytes
from registry.core.capsules import (
    Capsule,
    RecordRef,
    StreamHead,
    StreamKey,
    open_capsule,
    public_key_of,
    seal_capsule,
    seal_head,
    signed,
)
from registry.core.errors import (
    BlockMismatch,
    DamagedSeal,
    InvalidInput,
    LedgerUnavailable,
    Malformed,
    NotARecipient,
    NotIncluded,
    Revoked,
    SealedDataError,
    StorageUnavailable,
    WrongCapsule,
    WrongController,
)
from registry.core.evidence.file import Evidence, parse_evidence, write_evidence
from registry.core.ipld.cid import Block, cid_from_digest, cid_of_block, digest_of_cid
from registry.core.ipld.unixfs import LEAF_BYTES, file_blocks
from registry.core.scalars import to_hex, unhex
from registry.core.statements.messages import Acceptance, Grant
from registry.vault.index import Stream
from registry.vault.vault import Vault
from tests.support.builders import NOW, notice_document
from tests.support.stage import EMAILS, PURCHASES, Stage, files_in

MARKETING = {"purposes": ["dpv:Marketing"], "processing": ["dpv:Use"]}


def message_of(evidence: Evidence) -> Any:
    return evidence.statement.message


def handed_over(stage: Stage, *bodies: bytes) -> bytes:
    """The file of a grant that hands over these purchases."""
    for body in bodies or (b"bought",):
        stage.keep(body)
    return write_evidence(stage.granted().evidence)


class TestAccepting:
    def test_both_sides_hold_the_same_bytes(self, stage: Stage) -> None:
        file = write_evidence(stage.granted().evidence)
        stage.pass_time(60)
        done = accept(stage.brand, file)
        completed = parse_evidence(write_evidence(done.evidence))
        policy = stage.network.policy(controllers=frozenset({stage.brand.address}), accepted=True)
        assert verify(stage.network, completed, policy).acceptance == "verified"
        assert [function for function, _ in stage.ledger.calls] == ["anchor", "anchor"]
        part = completed.acceptance
        assert part is not msgspec.UNSET
        assert isinstance(part.statement.message, Acceptance)
        assert part.statement.message.grant == to_hex(parse_evidence(file).digest)
        assert part.statement.message.issued_at >= NOW + 60

    def test_the_grant_in_it_is_untouched(self, stage: Stage) -> None:
        file = write_evidence(stage.granted().evidence)
        completed = accept(stage.brand, file).evidence
        assert write_evidence(msgspec.structs.replace(completed, acceptance=msgspec.UNSET)) == file

    def test_again_costs_nothing(self, stage: Stage) -> None:
        """(item 11) Neither with the completed file nor with the person's, of which the brand keeps the completed."""
        file = write_evidence(stage.granted().evidence)
        once = accept(stage.brand, file)
        sent = len(stage.ledger.calls)
        for given in (file, write_evidence(once.evidence)):
            again = accept(stage.brand, given)
            assert again.receipt is None and again.evidence == once.evidence and again.kept == once.kept
        assert len(stage.ledger.calls) == sent

    def test_again_where_the_first_was_lost_on_chain(self, stage: Stage) -> None:
        file = write_evidence(stage.granted().evidence)
        accept(stage.brand, file)
        stage.ledger.reorg(1)
        assert accept(stage.brand, file).receipt is not None

    def test_by_another_brand(self, stage: Stage) -> None:
        file = write_evidence(stage.granted().evidence)
        for stranger in (stage.another_brand("other brand"), stage.alice):
            with pytest.raises(WrongController, match=stage.brand.address):
                accept(stranger, file)
        assert len(stage.ledger.calls) == 1

    def test_what_was_revoked(self, stage: Stage) -> None:
        done = stage.granted()
        revoke(stage.alice, done.evidence)
        with pytest.raises(Revoked):
            accept(stage.brand, write_evidence(done.evidence))

    def test_what_is_no_grant(self, stage: Stage) -> None:
        for file in (stage.request(), write_evidence(refuse(stage.alice, stage.request()).evidence)):
            with pytest.raises(InvalidInput, match="not a Grant"):
                accept(stage.brand, file)
        with pytest.raises(Malformed):
            accept(stage.brand, b"{}")

    def test_a_chain_that_is_down(self, stage: Stage) -> None:
        file = write_evidence(stage.granted().evidence)
        stage.ledger.down = True
        with pytest.raises(LedgerUnavailable):
            accept(stage.brand, file)


class TestOpening:
    def test_what_was_kept_comes_out(self, stage: Stage, tmp_path: Path) -> None:
        big = bytes(range(256)) * 3000
        file = handed_over(stage, b"first", big)
        stage.keep(b"mail", EMAILS, "text/plain")
        out = tmp_path / "deeper" / "out"
        opened = open_data(stage.brand, file, out)
        assert [one.path.read_bytes() for one in opened] == [b"first", big]
        assert opened[0] == Opened(out / "Purchase-1-1.csv", 5, PURCHASES)
        assert files_in(out.parent) == ["out", "out/Purchase-1-1.csv", "out/Purchase-1-2.csv"]
        assert out.stat().st_mode & 0o077 == 0

    def test_the_persons_own_file_names_are_not_told(self, stage: Stage, tmp_path: Path) -> None:
        opened = open_data(stage.brand, handed_over(stage), tmp_path / "out")
        assert not any("alice" in one.path.name for one in opened)

    def test_into_an_empty_folder(self, stage: Stage, tmp_path: Path) -> None:
        out = tmp_path / "out"
        out.mkdir()
        assert open_data(stage.brand, handed_over(stage), out)[0].path.read_bytes() == b"bought"

    @pytest.mark.parametrize("kind", ["folder", "file"])
    def test_into_what_is_there_already(self, stage: Stage, tmp_path: Path, kind: str) -> None:
        file, out = handed_over(stage), tmp_path / "out"
        if kind == "folder":
            out.mkdir()
            (out / "mine").write_text("keep")
        else:
            out.write_text("keep")
        before = files_in(tmp_path)
        with pytest.raises(InvalidInput, match="not an empty folder"):
            open_data(stage.brand, file, out)
        assert files_in(tmp_path) == before

    def test_categories_of_one_local_name_do_not_overwrite_each_other(self, stage: Stage, tmp_path: Path) -> None:
        theirs = ["https://one.example/Loyalty", "https://two.example/Loyalty"]
        texts = notice_document()["text"]
        for text in texts.values():
            text["labels"] |= {term: f"loyalty {number}" for number, term in enumerate(theirs)}
        notice = stage.notice(text=texts, scopes=[{**MARKETING, "data": theirs}])
        for category in theirs:
            stage.keep(category.encode(), category, "text/plain")
        stage.notice = lambda **_: notice  # type: ignore[method-assign]
        opened = open_data(stage.brand, write_evidence(stage.granted().evidence), tmp_path / "out")
        assert {one.category: one.path.read_bytes().decode() for one in opened} == {one: one for one in theirs}
        assert len(files_in(tmp_path / "out")) == 2

    def test_names_that_the_person_chose_do_not_overwrite_each_other(self, stage: Stage, tmp_path: Path) -> None:
        """The second name that a file would get may be a name that the person gave to another one (item 12)."""
        theirs = [f"https://{host}.example/Loyalty" for host in ("a", "b", "c")]
        texts = notice_document()["text"]
        for text in texts.values():
            text["labels"] |= {term: f"loyalty {number}" for number, term in enumerate(theirs)}
        notice = stage.notice(text=texts, scopes=[{**MARKETING, "data": theirs}])
        stage.notice = lambda **_: notice  # type: ignore[method-assign]
        for between in ("x-2", "x-3"):
            fresh = tmp_path / between
            vault = Vault(fresh / "vault", between.encode().rjust(32), stage.network.store)
            for category, name in zip(theirs, ("x", between, "x"), strict=True):
                told = {"category": category, "name": name, "media_type": "text/plain"}
                vault.add(io.BytesIO(category.encode()), now=NOW, **told)
            alice = replace(stage.alice, vault=vault)
            done = grant(alice, stage.request(), names=True, again=True)
            opened = open_data(stage.brand, write_evidence(done.evidence), fresh / "out")
            assert {one.category: one.path.read_bytes().decode() for one in opened} == {one: one for one in theirs}

    def test_a_very_long_category_still_has_a_name(self, stage: Stage, tmp_path: Path) -> None:
        theirs = "https://one.example/" + "a" * 500
        texts = notice_document()["text"]
        for text in texts.values():
            text["labels"][theirs] = "something"
        notice = stage.notice(text=texts, scopes=[{**MARKETING, "data": [theirs]}])
        stage.keep(b"long", theirs)
        stage.notice = lambda **_: notice  # type: ignore[method-assign]
        (opened,) = open_data(stage.brand, write_evidence(stage.granted().evidence), tmp_path / "out")
        assert opened.path.read_bytes() == b"long"

    def test_records_of_earlier_epochs_too(self, stage: Stage, tmp_path: Path) -> None:
        stage.keep(b"before")
        stage.granted()
        stage.keep(b"after")
        opened = open_data(stage.brand, write_evidence(stage.granted().evidence), tmp_path / "out")
        assert [(one.path.name, one.path.read_bytes()) for one in opened] == [
            ("Purchase-1-1.csv", b"before"),
            ("Purchase-2-1.csv", b"after"),
        ]

    def test_not_for_me(self, stage: Stage, tmp_path: Path) -> None:
        file = handed_over(stage)
        for stranger in (stage.another_brand("other brand"), stage.alice):
            with pytest.raises(WrongController):
                open_data(stranger, file, tmp_path / "out")
        # The same account with another vault: somebody moved the key but not the seed.
        moved = stage.another_brand("other brand", wallet=stage.brand.wallet)
        with pytest.raises(NotARecipient):
            open_data(moved, file, tmp_path / "out")
        assert not (tmp_path / "out").exists()

    def test_without_stored_data(self, stage: Stage, tmp_path: Path) -> None:
        with pytest.raises(InvalidInput, match="no stored data"):
            open_data(stage.brand, write_evidence(stage.granted().evidence), tmp_path / "out")

    def test_after_it_was_revoked(self, stage: Stage, tmp_path: Path) -> None:
        file = handed_over(stage)
        revoke(stage.alice, parse_evidence(file))
        with pytest.raises(Revoked):
            open_data(stage.brand, file, tmp_path / "out")
        assert not (tmp_path / "out").exists()

    def test_what_was_not_anchored_so(self, stage: Stage, tmp_path: Path) -> None:
        evidence = parse_evidence(handed_over(stage))
        assert evidence.anchor is not msgspec.UNSET
        anchor = msgspec.structs.replace(evidence.anchor, proof=("0x" + "11" * 32,))
        with pytest.raises(NotIncluded):
            open_data(stage.brand, write_evidence(msgspec.structs.replace(evidence, anchor=anchor)), tmp_path / "out")


class TestNames:
    @staticmethod
    def opened(stage: Stage, name: str, folder: Path, media_type: str = "text/csv", **chosen: Any) -> str:
        body = io.BytesIO(b"bought")
        stage.alice.vault.add(body, category=PURCHASES, name=name, media_type=media_type, now=NOW)
        file = write_evidence(stage.granted(**chosen).evidence)
        return open_data(stage.brand, file, folder)[0].path.name

    def test_they_stay_with_the_person(self, stage: Stage, tmp_path: Path) -> None:
        """(item 5) Only the type's extension is told; .bin took the place of many that this machine knows."""
        name = self.opened(stage, "lisa's diary.parquet", tmp_path / "out", "application/vnd.apache.parquet")
        assert name == "Purchase-1-1.parquet"

    def test_they_go_with_the_data_if_the_person_says_so(self, stage: Stage, tmp_path: Path) -> None:
        """(item 5)"""
        assert self.opened(stage, "orders 2026.csv", tmp_path / "out", names=True) == "Purchase-1-1-orders-2026.csv"

    @pytest.mark.parametrize(
        ("name", "opened"),
        [
            ("../../.ssh/id", "Purchase-1-1-..-..-.ssh-id"),
            ("a\\b\0c\x1b[2J\u202e.csv", "Purchase-1-1-a-b-c--2J-.csv"),
            ("x" * 300 + ".csv", "Purchase-1-1" + "x" * 116 + ".csv"),
            ("é" * 300, "Purchase-1-1" + "é" * 60),
        ],
    )
    def test_a_hostile_name_stays_in_the_folder(self, stage: Stage, tmp_path: Path, name: str, opened: str) -> None:
        assert self.opened(stage, name, tmp_path / "out", names=True) == opened

    def test_what_leaves_is_told_before(self, stage: Stage) -> None:
        """(item 5) The person read "what your vault holds of it", neither which nor how much."""
        for body in (b"1", b"22"):
            stage.keep(body)
        stage.keep(b"mail", EMAILS)
        proposal = propose(stage.alice, stage.request(data=[PURCHASES]))
        (records,) = proposal.records
        assert (records.category.term, records.count) == (PURCHASES, 2)
        assert records.names == ("alice's own name 1", "alice's own name 2")
        assert not proposal.names_given and propose(stage.alice, stage.request(), names=True).names_given


def parts_of(stage: Stage, file: bytes) -> dict[str, str]:
    """The CIDs of what a grant hands over: its capsule, a head, a record."""
    grant = message_of(parse_evidence(file))
    capsule = cid_from_digest(unhex(grant.content))
    stream = stage.alice.vault.index().streams[0]
    return {"capsule": capsule, "head": stream.head, "record": stream.records[-1].cid}


class TestBrokenBlocks:
    @pytest.mark.parametrize("part", ["capsule", "head", "record"])
    def test_missing(self, stage: Stage, tmp_path: Path, part: str) -> None:
        file = handed_over(stage, b"one", b"two")
        stage.store.delete([parts_of(stage, file)[part]])
        self.check_nothing_left(stage, file, tmp_path / "out", StorageUnavailable)

    @pytest.mark.parametrize("part", ["capsule", "head", "record"])
    @pytest.mark.parametrize(
        "change",
        [
            lambda data: data[:-1],
            lambda data: data + b"\0",
            lambda data: data[:-1] + bytes([data[-1] ^ 1]),
            lambda data: b"",
        ],
        ids=["cut", "longer", "altered", "empty"],
    )
    def test_altered_behind_the_stores_back(
        self, stage: Stage, tmp_path: Path, part: str, change: Callable[[bytes], bytes]
    ) -> None:
        file = handed_over(stage, b"one", b"two")
        digest = digest_of_cid(parts_of(stage, file)[part])
        stage.store.kept[digest] = change(stage.store.kept[digest])
        self.check_nothing_left(stage, file, tmp_path / "out", BlockMismatch)

    @pytest.mark.parametrize(("one", "other"), [("capsule", "head"), ("head", "record"), ("record", "capsule")])
    def test_swapped(self, stage: Stage, tmp_path: Path, one: str, other: str) -> None:
        file = handed_over(stage)
        parts, kept = parts_of(stage, file), stage.store.kept
        first, second = digest_of_cid(parts[one]), digest_of_cid(parts[other])
        kept[first], kept[second] = kept[second], kept[first]
        self.check_nothing_left(stage, file, tmp_path / "out", BlockMismatch)

    def test_a_store_that_is_down(self, stage: Stage, tmp_path: Path) -> None:
        file = handed_over(stage)
        stage.store.down = True
        self.check_nothing_left(stage, file, tmp_path / "out", StorageUnavailable)

    def test_a_part_of_a_large_record_is_missing(self, stage: Stage, tmp_path: Path) -> None:
        file = handed_over(stage, b"small", b"x" * 700_000)
        largest = max(stage.store.kept, key=lambda digest: len(stage.store.kept[digest]))
        del stage.store.kept[largest]
        self.check_nothing_left(stage, file, tmp_path / "out", StorageUnavailable)

    def check_nothing_left(self, stage: Stage, file: bytes, out: Path, error: type[Exception]) -> None:
        before = files_in(out.parent)
        with pytest.raises(error) as caught:
            open_data(stage.brand, file, out)
        assert getattr(caught.value, "advice", "")
        assert files_in(out.parent) == before


class TestHostileVaults:
    """A person's software may hand over anything: the brand opens what the vault signed for this grant, or nothing."""

    def granted_with(self, stage: Stage, change: Callable[[Capsule], bytes]) -> bytes:
        """A grant whose capsule was exchanged before it was signed, so that the grant itself is good."""
        proposal = propose(stage.alice, stage.request())
        assert proposal.capsule is not None
        assert isinstance(proposal.message, Grant)
        capsule = open_capsule(proposal.capsule, stage.brand.identity, proposal.message)
        sealed = change(capsule)
        stage.store.put([Block(cid_of_block(sealed), sealed)])
        message = msgspec.structs.replace(proposal.message, content=to_hex(sha256(sealed).digest()))
        return write_evidence(sign_and_anchor(stage.alice, replace(proposal, message=message, capsule=sealed)).evidence)

    def seal(self, stage: Stage, capsule: Capsule, by: Any = None) -> bytes:
        return seal_capsule(signed(capsule, by or stage.alice.vault.key), stage.brand.recipient)

    @pytest.mark.parametrize("name", ["subject", "controller", "lock"])
    def test_a_capsule_for_somebody_else(self, stage: Stage, tmp_path: Path, name: str) -> None:
        stage.keep(b"bought")
        other = {"subject": stage.brand.address, "controller": stage.alice.address, "lock": "0x" + "22" * 32}[name]
        file = self.granted_with(stage, lambda c: self.seal(stage, msgspec.structs.replace(c, **{name: other})))
        with pytest.raises(WrongCapsule, match=f"another {name}"):
            open_data(stage.brand, file, tmp_path / "out")

    def test_another_vaults_capsule_in_place_of_ones_own(self, stage: Stage, tmp_path: Path) -> None:
        stage.keep(b"bought")
        bob = stage.person("bob")
        file = self.granted_with(stage, lambda c: self.seal(stage, c, by=bob.vault.key))
        with pytest.raises(WrongCapsule, match="not signed"):
            open_data(stage.brand, file, tmp_path / "out")

    def test_another_vaults_streams_under_ones_own_name(self, stage: Stage, tmp_path: Path) -> None:
        stage.keep(b"bought")
        bob = stage.person("bob")
        bob.vault.add(io.BytesIO(b"bob's"), category=PURCHASES, name="n", media_type="text/csv", now=NOW)
        stolen = tuple(stream.key() for stream in bob.vault.streams_of([PURCHASES]))
        file = self.granted_with(stage, lambda c: self.seal(stage, msgspec.structs.replace(c, streams=stolen)))
        with pytest.raises(WrongCapsule, match="not signed"):
            open_data(stage.brand, file, tmp_path / "out")
        assert not (tmp_path / "out").exists()
        assert public_key_of(bob.vault.key) != public_key_of(stage.alice.vault.key)

    def test_swapped_heads(self, stage: Stage, tmp_path: Path) -> None:
        stage.keep(b"bought")
        stage.keep(b"mail", EMAILS)

        def swap(capsule: Capsule) -> bytes:
            one, other = capsule.streams
            heads = (
                msgspec.structs.replace(one, head=other.head),
                msgspec.structs.replace(other, head=one.head),
            )
            return self.seal(stage, msgspec.structs.replace(capsule, streams=heads))

        with pytest.raises(SealedDataError):
            open_data(stage.brand, self.granted_with(stage, swap), tmp_path / "out")
        assert not (tmp_path / "out").exists()

    def test_a_small_tree_that_repeats_a_block_a_million_times(
        self, stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Four blocks that name each other made a record of a tebibyte, and the brand fetched all of it before
        opening any. A record is opened while it is fetched, so the first wrong chunk ends it."""
        identity = generate_identity()
        # The leaf is valid once: only its second use shows what the tree is.
        leaf = seal_bytes(bytes(2 * LEAF_BYTES), [recipient_of(identity)])[:LEAF_BYTES]
        blocks = list(file_blocks(io.BytesIO(leaf * 174)))
        reference = RecordRef(blocks[-1].cid, "consent-file/1", "text/csv")
        head = signed(StreamHead(PURCHASES, 1, 1, None, (reference,)), stage.alice.vault.key)
        sealed = seal_head(head, recipient_of(identity))
        stage.store.put([*blocks, Block(cid_of_block(sealed), sealed)])

        class Hostile(Vault):
            def streams_of(self, _categories: object) -> tuple[Stream, ...]:
                return (Stream(PURCHASES, 1, identity, cid_of_block(sealed), 1, (), shared=True),)

        alice = replace(stage.alice, vault=Hostile(tmp_path / "hostile", stage.seed("alice"), stage.store))
        done = grant(alice, stage.request()).evidence
        fetched, get = list[str](), stage.store.get
        monkeypatch.setattr(stage.store, "get", lambda cid: fetched.append(cid) or get(cid))
        with pytest.raises(DamagedSeal):
            open_data(stage.brand, write_evidence(done), tmp_path / "opened")
        assert fetched.count(cid_of_block(leaf)) <= 3
        assert not any("opened" in name for name in files_in(tmp_path))

    def granted_streams(self, stage: Stage, *streams: StreamKey) -> bytes:
        """A grant that hands over these streams, by a vault that checks no lists of its own."""
        stage.keep(b"in their place")

        def exchange(capsule: Capsule) -> bytes:
            changed = msgspec.structs.replace(capsule, streams=streams)
            return seal_bytes(codec.encode(signed(changed, stage.alice.vault.key)), [stage.brand.recipient])

        return self.granted_with(stage, exchange)

    def stream_of(self, stage: Stage, identity: str, *cids: str) -> StreamKey:
        """The key of a stream, in the store, whose head lists these records, and may list one twice."""
        records = tuple(RecordRef(cid, "consent-file/1", "text/csv") for cid in cids)
        head = signed(StreamHead(PURCHASES, 1, 1, None, records), stage.alice.vault.key)
        sealed = seal_bytes(codec.encode(head), [recipient_of(identity)])
        stage.store.put([Block(cid_of_block(sealed), sealed)])
        return StreamKey(PURCHASES, 1, identity, cid_of_block(sealed))

    def check_refused(self, stage: Stage, file: bytes, out: Path, error: type[Exception], **how: int) -> str:
        """Nothing is left, and each record is fetched at most once; return the message."""
        before = files_in(out.parent)
        with pytest.raises(error) as caught:
            open_data(stage.brand, file, out, **how)
        assert files_in(out.parent) == before
        return str(caught.value)

    def test_a_stream_handed_over_twice(self, stage: Stage, tmp_path: Path) -> None:
        """A capsule that repeats a stream 2,000 times made 100 MB out of one (item 14)."""
        stage.keep(bytes(100_000))

        def repeat(capsule: Capsule) -> bytes:
            twice = signed(msgspec.structs.replace(capsule, streams=capsule.streams * 2), stage.alice.vault.key)
            return seal_bytes(codec.encode(twice), [stage.brand.recipient])

        file = self.granted_with(stage, repeat)
        assert "repeats a stream" in self.check_refused(stage, file, tmp_path / "out", Malformed)

    def test_a_record_listed_twice(self, stage: Stage, tmp_path: Path) -> None:
        """A head that repeats a record fills the disk like a capsule that repeats a stream (item 14)."""
        identity = generate_identity()
        sealed = seal_bytes(bytes(100_000), [recipient_of(identity)])
        stage.store.put([Block(cid_of_block(sealed), sealed)])
        key = self.stream_of(stage, identity, *[cid_of_block(sealed)] * 100)
        file = self.granted_streams(stage, key)
        assert "repeats a record" in self.check_refused(stage, file, tmp_path / "out", Malformed)

    @pytest.mark.parametrize("size", [1_000_000, 8_000_000])
    def test_more_than_the_limit(self, stage: Stage, tmp_path: Path, size: int) -> None:
        """All that is fetched, and all that is written, is counted together, before it is written (item 14)."""
        file = handed_over(stage, bytes(400_000), bytes(size), b"small")
        said = self.check_refused(stage, file, tmp_path / "out", InvalidInput, max_bytes=1_000_000)
        assert "more than 1,000,000 bytes" in said
        opened = open_data(stage.brand, file, tmp_path / "out", max_bytes=2 * size)
        assert [one.size for one in opened] == [400_000, size, 5]

    def test_what_is_fetched_stays_below_the_limit(
        self, stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The limit ends the fetching: it is not found out afterwards (item 14)."""
        file, fetched = handed_over(stage, bytes(8_000_000)), list[int]()
        get = stage.store.get
        monkeypatch.setattr(stage.store, "get", lambda cid: fetched.append(len(get(cid))) or get(cid))
        self.check_refused(stage, file, tmp_path / "out", InvalidInput, max_bytes=1_000_000)
        assert sum(fetched) < 1_000_000 + 2 * LEAF_BYTES + 100_000  # the person's index is read too

    def test_many_empty_files_count_too(self, stage: Stage, tmp_path: Path) -> None:
        """A file takes room on a disk however short it is: thousands of records may be empty (item 14)."""
        identity = generate_identity()
        sealed = [seal_bytes(b"", [recipient_of(identity)]) for _ in range(30)]
        stage.store.put([Block(cid_of_block(each), each) for each in sealed])
        key = self.stream_of(stage, identity, *map(cid_of_block, sealed))
        file = self.granted_streams(stage, key)
        self.check_refused(stage, file, tmp_path / "out", InvalidInput, max_bytes=30 * 4096 - 1)
        assert len(open_data(stage.brand, file, tmp_path / "out", max_bytes=30 * 4096)) == 30

    def test_a_limit_of_a_gibibyte_by_default(self) -> None:
        assert MAX_OPENED == 2**30
        assert inspect.signature(open_data).parameters["max_bytes"].default == MAX_OPENED

    @pytest.mark.parametrize("raw", [b"", b"age-encryption.org/v1\n", b"{}", b"\x00" * 1000])
    def test_rubbish(self, stage: Stage, tmp_path: Path, raw: bytes) -> None:
        stage.keep(b"bought")
        with pytest.raises(SealedDataError):
            open_data(stage.brand, self.granted_with(stage, lambda _: raw), tmp_path / "out")
