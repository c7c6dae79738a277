"""The index and the book open for their owner alone, in their one form, and hold nothing twice."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest
from rich.pretty import pretty_repr

from registry.core.age.recipients import recipient_of
from registry.core.age.stream import open_bytes
from registry.core.crypto.seeds import owner_identity, vault_key
from registry.core.errors import ConsentError, DamagedSeal, Malformed, NotARecipient, SealedDataError, WrongCapsule
from registry.core.ipld.cid import cid_of_block
from registry.core.sealed.documents import open_document, public_key_of, seal_document, signed
from registry.core.sealed.frame import unpack
from registry.core.sealed.index import (
    Account,
    Bundle,
    OwnSchema,
    OwnStream,
    Restricted,
    Spent,
    VaultBook,
    VaultIndex,
    Writer,
)
from tests.support.builders import CONTROLLER, SEED, SUBJECT, word
from tests.support.memory import memory_peaks_below
from tests.support.sealed_builders import (
    EMAILS,
    HOME,
    OTHER_VAULT,
    PURCHASES,
    SIGNER,
    STREAM,
    VAULT,
    identity,
    resealed,
    sealed,
    view,
)

CID = cid_of_block(b"head")


def own_stream(number: int = 1, **changes: Any) -> OwnStream:
    members: dict[str, Any] = {
        "stream": f"{number:032x}",
        "category": PURCHASES,
        "identity": identity("stream"),
        "head": cid_of_block(b"head %d" % number),
        "number": 5,
    }
    return OwnStream(**members | changes)


def index(**changes: Any) -> VaultIndex:
    members: dict[str, Any] = {"home": HOME, "counter": 9, "streams": (own_stream(), own_stream(2)), "book": CID}
    return VaultIndex(**members | changes)


def bundle(number: int = 1, **changes: Any) -> Bundle:
    members: dict[str, Any] = {
        "name": f"{number:032x}",
        "subject": SUBJECT,
        "controller": CONTROLLER,
        "view": view(),
        "secret": "5e" * 32,
        "identity": identity("bundle"),
        "number": 2,
        "head": cid_of_block(b"head %d" % number),
        "locks": (word(1), word(2)),
        "ended": False,
        "writers": (Writer(HOME, 1),),
    }
    return Bundle(**members | changes)


def book(**changes: Any) -> VaultBook:
    members: dict[str, Any] = {
        "bundles": (bundle(), bundle(2, ended=True)),
        "accounts": (Account(CONTROLLER, 0), Account(CONTROLLER, 1, SUBJECT)),
        "schemas": (OwnSchema("walk/1", '{"type":"object"}'),),
        "spent": (Spent(word(3), "0.5"),),
        "shredded": ("ab" * 32, "cd" * 32),
        "restricted": (Restricted("0197f3a1-2b3c-7d4e-8f50-000000000007", 1, "2027-01-31", "a court asked"),),
    }
    return VaultBook(**members | changes)


def plain(document: Any) -> dict[str, Any]:
    members: dict[str, Any] = msgspec.to_builtins(document)
    return members


def opened(kind: Any, raw: bytes) -> Any:
    return open_document(kind, raw, identity("stream"), SIGNER)


def test_there_and_back() -> None:
    for made in (index(), index(streams=(), book=None), book(), VaultBook()):
        assert opened(type(made), sealed(made)) == signed(made, VAULT)


def test_the_seed_and_the_index_are_enough() -> None:
    raw = seal_document(signed(index(), vault_key(SEED)), recipient_of(owner_identity(SEED)))
    assert (
        open_document(VaultIndex, raw, owner_identity(SEED), public_key_of(vault_key(SEED))).streams == index().streams
    )


def test_their_json() -> None:
    raw = unpack(open_bytes(sealed(index(streams=(), book=None)), [identity("stream")]), 1000)
    made = signed(index(streams=(), book=None), VAULT)
    assert raw.decode() == (
        f'{{"book":null,"counter":9,"home":"{HOME}","signature":"{made.signature}","streams":[],'
        '"type":"VaultIndex","version":1}'
    )
    names = "accounts bundles restricted schemas shredded signature spent type version"
    assert sorted(plain(book())) == names.split()
    names = "controller ended head identity locks name number secret subject view writers"
    assert sorted(plain(bundle())) == names.split()
    assert [sorted(one) for one in plain(book())["accounts"]] == [
        ["controller", "generation"],
        ["address", "controller", "generation"],
    ]


def test_two_streams_of_one_category_may_stand_there() -> None:
    assert {one.category for one in opened(VaultIndex, sealed(index())).streams} == {PURCHASES}


def test_a_small_index_is_short() -> None:
    categories = tuple(own_stream(n, category=f"pd:Category{n}", identity=identity(f"s{n}")) for n in range(1, 41))
    assert len(sealed(index(streams=categories))) < 12_000


@pytest.mark.parametrize("made", [index(), book()])
def test_of_another_vault(made: Any) -> None:
    with pytest.raises(WrongCapsule, match="not signed by the vault"):
        opened(type(made), sealed(made, by=OTHER_VAULT))
    with pytest.raises(NotARecipient):
        opened(type(made), sealed(made, to="stranger"))
    changed = msgspec.structs.replace(signed(made, VAULT), **({"counter": 10} if made == index() else {"spent": ()}))
    with pytest.raises(WrongCapsule, match="not signed by the vault"):
        opened(type(made), seal_document(changed, recipient_of(identity("stream"))))


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (index(streams=(own_stream(), own_stream())), "a stream"),
        (index(streams=(own_stream(), own_stream(2, stream=own_stream().stream, category=EMAILS))), "a stream"),
        (index(streams=(own_stream(), own_stream(2, head=own_stream().head))), "a head"),
        (book(bundles=(bundle(), bundle(2), bundle(3, name=bundle().name))), "a bundle"),
        (book(bundles=(bundle(), bundle(2, head=bundle().head))), "a head"),
        (book(bundles=(bundle(locks=(word(1), word(1))),)), "a lock"),
        (book(accounts=(Account(CONTROLLER, 0), Account(CONTROLLER, 0, SUBJECT))), "an account"),
        (book(schemas=(OwnSchema("walk/1", "{}"), OwnSchema("walk/1", '{"type":"object"}'))), "a schema"),
        (book(spent=(Spent(word(3), "0.5"), Spent(word(3), "0.25"))), "a study"),
        (book(shredded=("ab" * 32, "ab" * 32)), "a shredded mark"),
    ],
)
def test_what_repeats_itself(made: Any, says: str) -> None:
    with pytest.raises(Malformed, match=f"repeats {says}"):
        sealed(made)
    with pytest.raises(Malformed, match=f"repeats {says}"):
        opened(type(made), resealed(plain(made)))


STREAM_1, BUNDLE_1 = plain(own_stream()), plain(bundle())


@pytest.mark.parametrize(
    "changes",
    [
        {"more": 1},
        {"version": 2},
        {"home": HOME.upper()},
        {"home": HOME + "00"},
        {"counter": 0},
        {"counter": 2**53},
        {"book": ""},
        {"book": "bafkrei"},
        {"streams": [STREAM_1 | {"more": 1}]},
        {"streams": [STREAM_1 | {"stream": STREAM[:-1]}]},
        {"streams": [STREAM_1 | {"category": "Purchase"}]},
        {"streams": [STREAM_1 | {"identity": ""}]},
        {"streams": [STREAM_1 | {"head": None}]},
        {"streams": [STREAM_1 | {"number": 0}]},
    ],
)
def test_an_index_of_another_shape(changes: dict[str, Any]) -> None:
    with pytest.raises(DamagedSeal, match="not what it should be"):
        opened(VaultIndex, resealed(plain(index()) | changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"more": 1},
        {"version": 2},
        {"bundles": [BUNDLE_1 | {"more": 1}]},
        {"bundles": [BUNDLE_1 | {"name": "0f"}]},
        {"bundles": [BUNDLE_1 | {"subject": SUBJECT.lower()}]},
        {"bundles": [BUNDLE_1 | {"controller": "0x"}]},
        {"bundles": [BUNDLE_1 | {"secret": "5e" * 31}]},
        {"bundles": [BUNDLE_1 | {"identity": "x"}]},
        {"bundles": [BUNDLE_1 | {"number": 0}]},
        {"bundles": [BUNDLE_1 | {"head": ""}]},
        {"bundles": [BUNDLE_1 | {"locks": ["0x"]}]},
        {"bundles": [BUNDLE_1 | {"ended": 0}]},
        {"accounts": [{"controller": CONTROLLER, "generation": -1}]},
        {"accounts": [{"controller": CONTROLLER, "generation": 2**32}]},
        {"accounts": [{"controller": CONTROLLER, "generation": 0, "address": None}]},
        {"accounts": [{"controller": CONTROLLER, "generation": 0, "address": SUBJECT.lower()}]},
        {"schemas": [{"name": "walk", "schema": "{}"}]},
        {"schemas": [{"name": "walk/1", "schema": {}}]},
        {"schemas": [{"name": "walk/1", "schema": " " * 65_537}]},
        {"spent": [{"request": word(1), "epsilon": 0.5}]},
        {"spent": [{"request": word(1), "epsilon": "0.50"}]},
        {"spent": [{"request": word(1), "epsilon": "-1"}]},
        {"spent": [{"request": word(1), "epsilon": "01"}]},
        {"spent": [{"request": word(1), "epsilon": "1."}]},
        {"spent": [{"request": "0x", "epsilon": "1"}]},
        {"shredded": ["AB" * 32]},
        {"shredded": ["ab" * 16]},
    ],
)
def test_a_book_of_another_shape(changes: dict[str, Any]) -> None:
    with pytest.raises(DamagedSeal, match="not what it should be"):
        opened(VaultBook, resealed(plain(book()) | changes))


@pytest.mark.parametrize("made", [index(), book()])
def test_300_mutations_give_no_other_document(made: Any) -> None:
    raw, chance = sealed(made), random.Random(10)
    for _ in range(300):
        changed = bytearray(raw)
        changed[chance.randrange(len(raw))] ^= chance.randrange(1, 256)
        with pytest.raises(SealedDataError):
            opened(type(made), bytes(changed))


@pytest.mark.parametrize(
    "make",
    [
        lambda: own_stream(identity="x"),
        lambda: bundle(secret="x"),
        lambda: index(home="x"),
        lambda: book(shredded=("x",)),
        lambda: Spent(word(1), "x"),
        lambda: Account("0x", 0),
        lambda: OwnSchema("x", "{}"),
    ],
)
def test_what_cannot_be_made(make: Any) -> None:
    with pytest.raises(ConsentError):
        make()


@pytest.mark.slow
def test_half_a_million_shredded_ids_fit() -> None:
    chance = random.Random(12)
    marks = tuple(chance.randbytes(32).hex() for _ in range(500_000))
    raw = sealed(book(shredded=marks))
    assert len(opened(VaultBook, raw).shredded) == 500_000


def test_secrets_are_in_no_repr() -> None:
    for made in (index(), book(), own_stream(), bundle()):
        for shown in (repr(made), pretty_repr(made), str((made,))):
            assert "AGE-SECRET-KEY" not in shown
            assert "5e5e" not in shown


def test_half_a_million_marks_take_little_more_than_themselves() -> None:
    marks = tuple(f"{number:064x}" for number in range(100_000))
    with memory_peaks_below(20_000_000):
        VaultBook(shredded=marks)
    for bad in ("g" * 64, "A" * 64, "0" * 63 + "\n"):
        with pytest.raises(Malformed):
            VaultBook(shredded=(*marks[:10], bad))


def test_evidence_is_restricted_by_its_digest() -> None:
    digest = "0x" + "ab" * 32
    one = Restricted(digest, 1, "2027-01-31", "a court asked")
    assert one.is_evidence and not book().restricted[0].is_evidence
    made = book(restricted=(one,))
    assert opened(VaultBook, sealed(made)) == signed(made, VAULT)
    for bad in ("0x", "0xab", digest.upper(), f"0x{'ab' * 20}", digest[2:]):
        with pytest.raises(Malformed):
            Restricted(bad, 1, "2027-01-31")
