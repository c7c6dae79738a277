"""The vectors of a vault's sealed files through Python; JavaScript wrote them, and reads what Python writes."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from typing import Any

import msgspec
import pytest

from registry.core import codec
from registry.core.age.recipients import recipient_of
from registry.core.age.stream import seal_bytes
from registry.core.crypto import seeds
from registry.core.crypto.signatures import recover_address
from registry.core.eip712 import Domain
from registry.core.errors import ConsentError
from registry.core.scalars import checksum, to_hex, unhex
from registry.core.sealed.capsule import Capsule, StreamUpdate, open_capsule, open_update
from registry.core.sealed.certificate import ShredCertificate
from registry.core.sealed.documents import Signed, open_document, public_key_of, seal_document, signed
from registry.core.sealed.files import Budget, read_stored
from registry.core.sealed.frame import unpack
from registry.core.sealed.heads import SegmentList, StreamHead, StreamReader
from registry.core.sealed.homes import HomeName, open_name
from registry.core.sealed.index import MAX_BOOK, MAX_INDEX, OwnStream, VaultBook, VaultIndex
from registry.core.sealed.mail import open_mail, write_content
from registry.core.sealed.records import id_bytes, id_in_bundle, parse_record, write_record
from tests.support.builders import SEED, grant_message
from tests.support.nodejs import run_node
from tests.support.sealed_builders import STREAM, Blocks, framed, head, identity, record, sealed
from tests.support.vectors import Case, filled, read_cases

CASES = read_cases("vault")
KINDS = {
    kind.__name__: kind
    for kind in (StreamHead, SegmentList, VaultIndex, VaultBook, HomeName, Capsule, StreamUpdate, ShredCertificate)
}


def cases_of(kind: str) -> pytest.MarkDecorator:
    """One test for each case of the kind, named after its file."""
    found = {name: case for name, case in CASES.items() if case["kind"] == kind}
    assert found
    return pytest.mark.parametrize("case", found.values(), ids=found.keys())


def outcome(call: Any) -> Any:
    """What the call returns, or the name of its error."""
    try:
        return call()
    except ConsentError as error:
        return type(error).__name__


def test_every_kind_has_a_test() -> None:
    kinds = {"keys", "frame", "record", "document", "vault", "capsule", "mail"}
    assert {case["kind"] for case in CASES.values()} == kinds
    assert {case["type"] for case in CASES.values() if "type" in case} == set(KINDS)


@cases_of("keys")
def test_keys(case: Case) -> None:
    seed, both = unhex(case["seed"]), (case["subject"], case["controller"])
    assert seeds.owner_identity(seed) == case["owner"]
    assert recipient_of(case["owner"]) == case["ownerRecipient"]
    assert public_key_of(seeds.vault_key(seed)) == case["vaultKey"]
    assert public_key_of(seeds.relationship_key(seed, *both)) == case["relationshipKey"]
    assert seeds.mailbox_identity(seed, *both) == case["mailbox"]
    assert seeds.search_key(seed).hex() == case["search"]
    assert seeds.homes_name(seed) == case["homes"]
    assert seeds.shredded_mark(seed, id_bytes(case["id"])) == case["shreddedMark"]
    assert id_in_bundle(bytes.fromhex(case["secret"]), case["id"]) == case["idInBundle"]
    for one in case["accounts"]:
        assert seeds.account_number(seed, one["name"], one["generation"]) == one["number"]


@cases_of("frame")
def test_frame(case: Case) -> None:
    raw = bytes.fromhex(filled(case, "frame"))
    found = outcome(lambda: unpack(raw, case["limit"]))
    assert found == (b64decode(case["plain"]) if case["error"] == "Valid" else case["error"])


@cases_of("record")
def test_record(case: Case) -> None:
    line = filled(case, "line").encode()
    if case["error"] != "Valid":
        assert outcome(lambda: parse_record(line)) == case["error"]
        return
    found, wanted = parse_record(line), case.get("written", filled(case, "line"))
    assert wanted is None or write_record(found) == wanted.encode()
    assert parse_record(write_record(found)) == found


def grant_of(case: Case) -> Any:
    grant = case["grant"]
    return grant_message(subject=grant["subject"], controller=grant["controller"], revocation=grant["lock"])


def opened(case: Case) -> Signed:
    """Seal the case's document, and open it as its reader would."""
    raw, opener = seal_bytes(framed(case["document"].encode()), [recipient_of(identity("stream"))]), identity("stream")
    kind = KINDS[case["type"]]
    if kind is Capsule:
        return open_capsule(raw, opener, grant_of(case))
    if kind is StreamUpdate:
        return open_update(raw, opener, case["grant"]["digest"], case["signer"])
    if kind is HomeName:
        return open_name(raw, case["home"], opener, case["signer"])
    if kind is StreamHead or kind is SegmentList:
        store = Blocks()
        reader = StreamReader(case["stream"], opener, case["signer"], store.__getitem__)
        return (reader.head if kind is StreamHead else reader.older)(store.put(raw))
    return open_document(kind, raw, opener, case["signer"])


@cases_of("document")
def test_document(case: Case) -> None:
    found = outcome(lambda: opened(case))
    if case["error"] == "Valid":
        assert codec.encode(found) == case["document"].encode()
    else:
        assert found == case["error"]


@cases_of("mail")
def test_mail(case: Case) -> None:
    opener = case.get("identity", identity("stream"))
    raw = seal_bytes(framed(case["document"].encode()), [recipient_of(opener)])
    sealed_ones = [raw, b64decode(case["sealed"])] if "sealed" in case else [raw]
    grant, domain = case["grant"], msgspec.convert(case["domain"], Domain)
    for one in sealed_ones:
        found = outcome(lambda: open_mail(one, opener, domain, grant["digest"], grant["controller"]))  # noqa: B023
        if case["error"] != "Valid":
            assert found == case["error"]
            continue
        assert codec.encode(found.mail) == case["document"].encode()
        assert to_hex(found.mail.digest) == case["digest"]
        signer = recover_address(found.mail.digest, unhex(found.mail.signature))
        assert signer is not None and checksum(signer) == case["signer"]
        assert write_content(found.content).decode() == found.mail.content


def store_of(case: Case) -> Blocks:
    return Blocks({cid: b64decode(data) for cid, data in case["blocks"].items()})


def lines_of(reader: StreamReader, cid: str) -> list[list[str]]:
    """The lines of a stream, one list for each segment, newest first."""
    found = reader.segments(reader.head(cid))
    return [[write_record(version).decode() for version in reader.records(one)] for one in found]


@cases_of("vault")
def test_a_whole_vault(case: Case) -> None:
    get, seed = store_of(case).__getitem__, unhex(case["seed"])
    owner, signer = seeds.owner_identity(seed), public_key_of(seeds.vault_key(seed))
    index = open_document(VaultIndex, read_stored(case["index"], get, MAX_INDEX, Budget()), owner, signer)
    assert index.book is not None
    book = open_document(VaultBook, read_stored(index.book, get, MAX_BOOK, Budget()), owner, signer)
    assert codec.encode(book).decode() == case["book"]
    (stream,) = index.streams
    assert lines_of(StreamReader(stream.stream, stream.identity, signer, get), stream.head) == case["records"]


@cases_of("capsule")
def test_a_whole_capsule(case: Case) -> None:
    store = store_of(case)
    capsule = open_capsule(store[case["capsule"]], case["identity"], grant_of(case))
    update = open_update(store[case["update"]], case["identity"], case["grant"]["digest"], capsule.vault_key)
    assert update.streams == capsule.streams
    (key,) = capsule.streams
    reader = StreamReader(key.stream, key.identity, capsule.vault_key, store.__getitem__)
    assert lines_of(reader, key.head) == case["records"]


@pytest.mark.slow
def test_javascript_reads_a_vault_that_python_writes() -> None:
    owner, key, store = seeds.owner_identity(SEED), seeds.vault_key(SEED), Blocks()
    made = [record(number) for number in range(2000)]
    segments = store.put_records(made[:1500]) + store.put_records(made[1500:])
    newest = store.put(sealed(head(*segments[::-1], number=2), by=key))
    stream = OwnStream(STREAM, "pd:Purchase", identity("stream"), newest, 2)
    index = VaultIndex(home="00112233aabbccdd", counter=1, streams=(stream,))
    cid = store.put(seal_document(signed(index, key), recipient_of(owner)))
    blocks = {name: b64encode(data).decode() for name, data in store.items()}
    asked = {"seed": "0x" + SEED.hex(), "index": cid, "blocks": blocks}
    answer = json.loads(run_node("read_vault.mjs", stdin=json.dumps(asked)))
    assert answer["index"] == json.loads(codec.encode(signed(index, key)))
    assert [line for part in answer["records"][::-1] for line in part] == [write_record(one).decode() for one in made]
