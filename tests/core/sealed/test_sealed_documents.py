"""Every document that can be made comes back as it was, with the signature of its maker, whatever it holds."""

from __future__ import annotations

import json
import random
from operator import attrgetter
from typing import Any

import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.core import codec
from registry.core.age.stream import open_bytes
from registry.core.errors import SealedDataError
from registry.core.ipld.cid import cid_of_block
from registry.core.scalars import MAX_SAFE_INTEGER, unhex
from registry.core.sealed.bundles import BundleKey, View
from registry.core.sealed.capsule import Capsule, StreamUpdate
from registry.core.sealed.documents import Signed, open_document, seal_document, signed
from registry.core.sealed.frame import unpack
from registry.core.sealed.heads import SegmentList, SegmentRef, StreamHead
from registry.core.sealed.index import (
    Account,
    Branch,
    Bundle,
    OwnSchema,
    OwnStream,
    Spent,
    VaultBook,
    VaultIndex,
    Writer,
)
from tests.support.sealed_builders import SIGNER, VAULT, identity, recipient, times
from tests.support.strategies import addresses, terms, words


def _hex(size: int) -> st.SearchStrategy[str]:
    return st.binary(min_size=size, max_size=size).map(bytes.hex)


cids = st.binary(max_size=8).map(cid_of_block)
counts = st.integers(1, MAX_SAFE_INTEGER)
identities = st.sampled_from(["one", "two", "three"]).map(identity)
schemas = st.from_regex(r"[a-z0-9-]{1,40}/[1-9][0-9]{0,3}", fullmatch=True)
_names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200)
members = st.lists(_names, unique=True, max_size=5).map(sorted).map(tuple)
maybe = st.none() | times
views = st.builds(View, terms, members, st.none() | schemas, maybe, maybe, st.booleans(), st.booleans(), st.booleans())


@st.composite
def keys(draw: st.DrawFn) -> BundleKey:
    view = draw(views)
    return BundleKey(draw(_hex(16)), view.category, view, draw(identities), draw(cids))


def lists(of: st.SearchStrategy[Any], *by: str) -> st.SearchStrategy[tuple[Any, ...]]:
    """Lists that repeat none of these members."""
    each = tuple(map(attrgetter, by))
    return st.lists(of, max_size=4, unique_by=each).map(tuple)


def _have_distinct_heads(some: tuple[Bundle, ...]) -> bool:
    heads = [branch.head for one in some for branch in one.branches]
    return len(heads) == len(set(heads))


refs = st.builds(SegmentRef, cids, st.integers(1, 16_384))
own_streams = st.builds(OwnStream, _hex(16), terms, identities, cids, counts)
locks = st.lists(words, unique=True, max_size=3).map(tuple)
writers = st.lists(st.builds(Writer, _hex(8), counts), max_size=3, unique_by=attrgetter("home")).map(tuple)
branches = st.lists(st.builds(Branch, cids, counts, writers), max_size=2, unique_by=attrgetter("head")).map(tuple)
bundles = st.builds(
    Bundle,
    _hex(16),
    addresses,
    addresses,
    views,
    _hex(32),
    identities,
    counts,
    cids,
    locks,
    st.booleans(),
    writers,
    branches,
)
accounts = st.builds(Account, addresses, st.integers(0, 2**32 - 1), st.none() | addresses)
own_schemas = st.builds(OwnSchema, schemas, st.text(st.characters(exclude_categories=["Cs"]), max_size=50))
spent = st.builds(Spent, words, st.integers(0, 999_999_999).map(str) | st.just("0.000000001"))
older = st.none() | st.just(cid_of_block(b"a list of older ones"))
documents: st.SearchStrategy[Signed] = st.one_of(
    st.builds(StreamHead, stream=_hex(16), segments=lists(refs, "cid"), older=older, number=counts),
    st.builds(SegmentList, stream=_hex(16), segments=lists(refs, "cid").filter(bool), older=older),
    st.builds(
        VaultIndex,
        home=_hex(8),
        counter=counts,
        streams=lists(own_streams, "stream", "head"),
        book=st.none() | cids,
    ),
    st.builds(
        VaultBook,
        bundles=lists(bundles, "name", "head").filter(_have_distinct_heads),
        accounts=lists(accounts, "controller"),
        schemas=lists(own_schemas, "name"),
        spent=lists(spent, "request"),
        shredded=st.lists(_hex(32), unique=True, max_size=3).map(tuple),
    ),
    st.builds(
        Capsule,
        subject=addresses,
        controller=addresses,
        lock=words,
        vault_key=words,
        mailbox=st.just(recipient("mailbox")),
        streams=lists(keys(), "stream", "head", "view"),
    ),
    st.builds(StreamUpdate, grant=words, number=counts, streams=lists(keys(), "stream", "head", "view")),
)


@settings(max_examples=150)
@given(documents)
def test_there_and_back(document: Signed) -> None:
    made = signed(document, VAULT)
    raw = seal_document(made, recipient("stream"))
    assert open_document(type(made), raw, identity("stream"), SIGNER) == made
    plain = unpack(open_bytes(raw, [identity("stream")]), type(made).MAX_PLAIN)
    assert plain == codec.encode(made) == codec.canonical(plain, len(plain))


@settings(max_examples=50)
@given(documents)
def test_the_signature_is_over_all_but_itself(document: Signed) -> None:
    plain = codec.encode(signed(document, VAULT))
    unsigned: dict[str, Any] = json.loads(plain)
    signature = unhex(unsigned.pop("signature"))
    Ed25519PublicKey.from_public_bytes(unhex(SIGNER)).verify(signature, rfc8785.dumps(unsigned))


@pytest.mark.parametrize("kind", [StreamHead, SegmentList, StreamUpdate])
def test_300_mutations_of_each_kind(kind: Any) -> None:
    segments = tuple(SegmentRef(cid_of_block(b"%d" % number), 1) for number in range(40))
    made = {
        StreamHead: StreamHead(stream="0f" * 16, segments=segments, number=1),
        SegmentList: SegmentList(stream="0f" * 16, segments=segments),
        StreamUpdate: StreamUpdate(grant="0x" + "00" * 32, number=1, streams=()),
    }[kind]
    raw, chance = seal_document(signed(made, VAULT), recipient("stream")), random.Random(14)
    for _ in range(300):
        changed = bytearray(raw)
        changed[chance.randrange(len(raw))] ^= chance.randrange(1, 256)
        with pytest.raises(SealedDataError):
            open_document(kind, bytes(changed), identity("stream"), SIGNER)
