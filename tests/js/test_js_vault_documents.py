"""Records, documents, segments, capsules and mail: one side writes, the other one reads, and both refuse the same."""

from __future__ import annotations

import json
from base64 import b64decode
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.core import codec
from registry.core.crypto.seeds import owner_identity, relationship_key, vault_key
from registry.core.crypto.signatures import recover_address
from registry.core.scalars import checksum, to_hex, unhex
from registry.core.sealed.capsule import StreamUpdate, open_capsule, open_update
from registry.core.sealed.documents import Signed, open_document, public_key_of
from registry.core.sealed.heads import SegmentList, SegmentRef, StreamHead
from registry.core.sealed.homes import HomeName
from registry.core.sealed.index import OwnStream, VaultBook, VaultIndex
from registry.core.sealed.mail import MailContent, open_mail, seal_mail, write_content
from registry.core.sealed.records import parse_record, write_record
from registry.core.sealed.segments import make_segments, read_segment
from registry.wallets.derived import account_for
from tests.core.sealed.test_sealed_mail import BOX, BRAND, DOMAIN, GRANT, mail
from tests.core.sealed.test_sealed_mail import record as mail_record
from tests.support.builders import CONTROLLER, SEED, SUBJECT, grant_message, word
from tests.support.sealed_builders import (
    HOME,
    SIGNER,
    STREAM,
    bundle_key,
    head,
    identity,
    own_records,
    recipient,
    record,
    records,
    resealed,
    sealed,
    tombstones,
)  # fmt: skip
from tests.support.vault_answers import asked, asked_bytes, b64, outcome, text_lines
from tests.support.vectors import read_cases

SEED_HEX = to_hex(SEED)
CID = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"
LINES = [case["line"] for case in read_cases("vault").values() if case["kind"] == "record" and "fill" not in case]
GRANTED = grant_message(revocation=word(5))


@settings(max_examples=150)
@given(records)
def test_js_records_go_both_ways(version: Any) -> None:
    line = write_record(version)
    written = asked("line", b64(line))
    assert parse_record(written.encode()) == version
    assert asked("line", b64(written.encode())) == written


@settings(max_examples=300)
@given(st.data())
def test_js_takes_and_refuses_the_same_lines(data: st.DataObject) -> None:
    line = data.draw(st.sampled_from(LINES) | records.map(lambda one: write_record(one).decode()))
    for _ in range(data.draw(st.integers(0, 2))):
        place = data.draw(st.integers(0, len(line)))
        more = data.draw(
            st.sampled_from(
                ["", '"', "0", "1", "9", ".", "e9", "-", " ", "\n", "{", "}", ",", "null", "a", "\\u0041", "é", "🦊"]
            )
        )
        line = line[:place] + more + line[place + data.draw(st.integers(0, 3)) :]
    raw = line.encode("utf-8", "surrogatepass")
    expected, found = outcome(lambda: parse_record(raw)), asked("line", b64(raw))
    assert found == "Malformed" if expected == "Malformed" else parse_record(found.encode()) == expected


@pytest.mark.parametrize("change", [-1, 0, 1])
@pytest.mark.parametrize("layout", ["ours", "spaced"])
def test_js_bounds_a_body_as_it_stands(change: int, layout: str) -> None:
    line = write_record(record(body={"a": "x"}))
    body = b'{"a":"x"}' if layout == "ours" else b'{ "\\u0061" : "x" , "b":[{ }] }'
    body = body.replace(b'"x"', b'"' + b"x" * ((1 << 20) - len(body) + 1 + change) + b'"')
    raw = line.replace(b'{"a":"x"}', b"\n " + body + b" ") if layout == "spaced" else line.replace(b'{"a":"x"}', body)
    expected, found = outcome(lambda: parse_record(raw)), asked("line", b64(raw))
    assert (found == "Malformed") == (expected == "Malformed") == (change > 0)


@settings(max_examples=30)
@given(st.lists(own_records | tombstones, min_size=1, max_size=20, unique_by=lambda one: (one.id, one.counter)))
def test_js_segments_go_both_ways(versions: list[Any]) -> None:
    lines = text_lines(map(write_record, versions))
    [[made, count]] = asked("segments", lines, recipient("stream"))
    assert count == len(versions) and list(read_segment(b64decode(made), identity("stream"))) == versions
    [segment] = make_segments(versions, recipient("stream"))
    found = asked("segment", b64(segment.sealed), identity("stream"))
    assert [parse_record(one.encode()) for one in found] == versions


def test_js_segments_keep_their_bounds() -> None:
    many = [write_record(record(number, body={"a": 1})).decode() for number in range(16_400)]
    made = asked("segments", many, recipient("stream"))
    assert [count for _, count in made] == [16_384, 16]
    read = [one for sealed_one, _ in made for one in read_segment(b64decode(sealed_one), identity("stream"))]
    assert text_lines(map(write_record, read)) == many
    assert asked("segments", [many[0], many[1], many[0]], recipient("stream")) == "Malformed"
    assert asked("segments", [], recipient("stream")) == []


def _refs(count: int) -> list[dict[str, Any]]:
    return [{"cid": bundle_key(number).head, "records": number} for number in range(1, count + 1)]


OWN = {"stream": STREAM, "category": "pd:Purchase", "identity": identity("a"), "head": CID, "number": 3}
BOOK = json.loads(next(one["document"] for name, one in read_cases("vault").items() if name == "book-good"))
MEMBERS: dict[type[Signed], dict[str, Any]] = {
    StreamHead: {"stream": STREAM, "number": 2, "segments": _refs(2), "older": None},
    SegmentList: {"stream": STREAM, "segments": _refs(3), "older": CID},
    VaultIndex: {"home": HOME, "counter": 4, "streams": [OWN], "book": None},
    HomeName: {"home": HOME, "counter": 1, "index": CID},
    VaultBook: {name: value for name, value in BOOK.items() if name not in {"signature", "type", "version"}},
}


@pytest.mark.parametrize("kind", MEMBERS, ids=lambda kind: kind.__name__)
def test_python_opens_documents_that_js_signs(kind: type[Signed]) -> None:
    made = asked_bytes("owned", SEED_HEX, kind.__name__, MEMBERS[kind])
    found = open_document(kind, made, owner_identity(SEED), public_key_of(vault_key(SEED)))
    members = json.loads(codec.encode(found))
    assert {name: members[name] for name in MEMBERS[kind]} == MEMBERS[kind]


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(one for name, child in inside for one in _paths(child, (*path, name)))]


ODD = [
    None,
    "",
    "x",
    0,
    1,
    -1,
    2**53,
    1.5,
    True,
    False,
    [],
    {},
    CID,
    STREAM,
    "0x" + "ab" * 32,
    SUBJECT.lower(),
    "pd:B",
    "2026-02-30",
]


def _changed(data: st.DataObject, whole: dict[str, Any]) -> dict[str, Any]:
    """The document with one value somewhere replaced, gone, added or repeated."""
    whole = json.loads(json.dumps(whole))
    path = data.draw(st.sampled_from([one for one in _paths(whole) if one]))
    place = whole
    for name in path[:-1]:
        place = place[name]
    act = data.draw(st.sampled_from(["replace", "drop", "add", "repeat", "none"]))
    if act == "replace":
        place[path[-1]] = data.draw(st.sampled_from(ODD))
    elif act == "drop":
        del place[path[-1]]
    elif act == "add" and isinstance(place, dict):
        place[data.draw(st.sampled_from(["schema", "until", "apart", "reason", "more"]))] = data.draw(
            st.sampled_from(ODD)
        )
    elif act == "repeat" and isinstance(place, list):
        place.append(place[path[-1]])
    return whole


def _compared(kind: str, raw: bytes, case: dict[str, Any], open_here: Any) -> None:
    found = asked("document", kind, b64(raw), identity("stream"), case)
    assert found == outcome(lambda: codec.encode(open_here()).decode())


@settings(max_examples=200)
@given(st.data())
def test_js_takes_and_refuses_the_same_documents(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from([VaultIndex, VaultBook, VaultBook, VaultBook, HomeName]))
    members = _changed(data, MEMBERS[kind] | {"type": kind.__name__, "version": 1})
    raw, case = resealed(members), {"signer": SIGNER, "home": HOME}
    if kind is HomeName and members.get("home") != HOME:
        return  # whose name it is, the vectors show
    _compared(kind.__name__, raw, case, lambda: open_document(kind, raw, identity("stream"), SIGNER))


@settings(max_examples=150)
@given(st.data())
def test_js_takes_and_refuses_the_same_capsules_and_updates(data: st.DataObject) -> None:
    keys = json.loads(msgspec.json.encode([bundle_key(1), bundle_key(2)]))
    whole: dict[str, Any] = {"streams": keys, "version": 1}
    grant = {
        "subject": GRANTED.subject,
        "controller": GRANTED.controller,
        "lock": GRANTED.revocation,
        "digest": word(9),
    }
    if data.draw(st.booleans()):
        members = {name: grant[name] for name in ("subject", "controller", "lock")}
        members |= {"vaultKey": SIGNER, "mailbox": recipient("a"), "type": "Capsule"}
        raw = resealed(_changed(data, whole | members))
        _compared("Capsule", raw, {"grant": grant}, lambda: open_capsule(raw, identity("stream"), GRANTED))
    else:
        raw = resealed(_changed(data, whole | {"grant": word(9), "number": 2, "type": "StreamUpdate"}))
        case = {"grant": grant, "signer": SIGNER}
        _compared("StreamUpdate", raw, case, lambda: open_update(raw, identity("stream"), word(9), SIGNER))


def test_js_another_signer_stream_or_recipient_is_told() -> None:
    good = sealed(head(SegmentRef(CID, 1)))
    case = {"signer": SIGNER, "stream": STREAM}
    assert json.loads(asked("document", "StreamHead", b64(good), identity("stream"), case))["number"] == 1
    assert (
        asked("document", "StreamHead", b64(good), identity("stream"), case | {"stream": "0e" * 16}) == "WrongCapsule"
    )
    assert asked("document", "StreamHead", b64(good), identity("stream"), case | {"signer": word(2)}) == "WrongCapsule"
    assert asked("document", "StreamHead", b64(good), identity("a"), case) == "NotARecipient"
    assert asked("document", "SegmentList", b64(good), identity("stream"), case) == "DamagedSeal"


def test_python_opens_the_capsule_and_update_that_js_makes() -> None:
    keys = [bundle_key(1), bundle_key(2)]
    plain = json.loads(msgspec.json.encode(keys))
    made = asked("capsule", SEED_HEX, SUBJECT, CONTROLLER, word(5), plain, recipient("brand"))
    capsule = open_capsule(b64decode(made["capsule"]), identity("brand"), GRANTED)
    assert capsule.streams == tuple(keys) and capsule.mailbox == made["mailbox"]
    assert capsule.vault_key == public_key_of(relationship_key(SEED, SUBJECT, CONTROLLER))
    update = open_update(b64decode(made["update"]), identity("brand"), word(5), capsule.vault_key)
    assert isinstance(update, StreamUpdate) and (update.number, update.streams) == (7, tuple(keys))
    for twice in ([plain[0], plain[0]], [plain[0], plain[1] | {"head": plain[0]["head"]}]):
        assert asked("capsule", SEED_HEX, SUBJECT, CONTROLLER, word(5), twice, recipient("brand")) == "Malformed"


def test_js_mail_goes_both_ways() -> None:
    content = MailContent(text="Hello\nthere", records=(mail_record(), mail_record("b", time="2026-01-31")), id="m-1")
    raw, plain = write_content(content), json.loads(write_content(content))
    box, domain = recipient("box"), json.loads(msgspec.json.encode(DOMAIN))
    here = b64(seal_mail(mail(raw), box))
    found = asked("openMail", here, identity("box"), domain, GRANT, BRAND)
    assert found["content"] == raw.decode() and found["isSignedByKey"] is False
    account = account_for(SEED, CONTROLLER).address
    message = {"grant": GRANT, "number": 3, "issuedAt": 1_790_000_000}
    made = asked_bytes("sentMail", SEED_HEX, CONTROLLER, domain, message, plain, box)
    opened = open_mail(made, identity("box"), DOMAIN, GRANT, account)
    signer = recover_address(opened.mail.digest, unhex(opened.mail.signature))
    assert opened.content == content and signer is not None and checksum(signer) == account
    assert asked("openMail", b64(made), identity("box"), domain, GRANT, account)["isSignedByKey"] is True
    assert asked("openMail", b64(made), BOX, domain, GRANT, account) == "NotARecipient"


@settings(max_examples=100)
@given(st.data())
def test_js_takes_and_refuses_the_same_mail(data: st.DataObject) -> None:
    content = MailContent(text="Hello", records=(mail_record(), mail_record("b", time="2026-01-31")), id="m-1")
    plain = _changed(data, json.loads(write_content(content)))
    raw = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    sent, domain = seal_mail(mail(raw), recipient("box")), json.loads(msgspec.json.encode(DOMAIN))
    found = asked("openMail", b64(sent), identity("box"), domain, GRANT, BRAND)
    expected = outcome(lambda: open_mail(sent, identity("box"), DOMAIN, GRANT, BRAND))
    assert found == expected if isinstance(expected, str) else found["mail"] == codec.encode(expected.mail).decode()


def test_an_own_stream_is_what_the_index_names() -> None:
    """The members above are those of the classes."""
    assert OwnStream(**OWN).head == CID
