"""Mail: one encoding, plain text, bounds, and what is signed is what is sent."""

from __future__ import annotations

from typing import Any

import pytest

from registry.core import codec
from registry.core.age.recipients import generate_identity, recipient_of
from registry.core.eip712 import domain_of
from registry.core.errors import DamagedSeal, InvalidInput, Malformed, NotARecipient, WrongCapsule
from registry.core.scalars import to_hex
from registry.core.sealed.mail import (
    MAX_RECORDS,
    Mail,
    MailContent,
    MailRecord,
    MailStatement,
    content_hash,
    open_content,
    open_mail,
    parse_content,
    seal_content,
    seal_mail,
    write_content,
)
from registry.core.sealed.origin import Origin
from registry.core.sealed.records import Record, parse_record, write_record
from registry.core.statements.messages import MailboxMessage

BRAND = "0x8ba1f109551bD432803012645Ac136ddd64DBA72"
DOMAIN = domain_of(31_337, BRAND)
GRANT = "0x" + "c1" * 32
BOX = generate_identity()
SIGNATURE = to_hex(bytes(64) + b"\x1b")


def record(name: str = "order-17", **more: Any) -> MailRecord:
    return MailRecord(name, "pd:Purchase", "purchase/1", {"name": "coat", "price": 12.5, "ключ": [1, None]}, **more)


def mail(raw: bytes, **changes: Any) -> Mail:
    members: dict[str, Any] = {"grant": GRANT, "controller": BRAND, "number": 1, "content": content_hash(raw)}
    message = MailboxMessage(**members | {"issued_at": 1_790_000_000} | changes)
    return Mail(MailStatement(DOMAIN, message), SIGNATURE, raw.decode())


def test_a_content_and_its_mail_go_round() -> None:
    content = MailContent(text="Hello\nthere", records=(record(), record("order-18", time="2026-01-31")), id="m-1")
    raw = write_content(content)
    assert parse_content(raw) == content and codec.canonical(raw, len(raw)) == raw
    opened = open_mail(seal_mail(mail(raw), recipient_of(BOX)), BOX, DOMAIN, GRANT, BRAND)
    assert opened.content == content and opened.mail == mail(raw) and len(opened.mail.digest) == 32


@pytest.mark.parametrize(
    "raw",
    [
        b'{"text":"hi","type":"MailContent"}',
        b'{"text":"hi","version":1}',
        b'{"text": "hi","type":"MailContent","version":1}',
        b'{"records":[],"text":"hi","type":"MailContent","version":1}',
        b'{"id":"","text":"hi","type":"MailContent","version":1}',
        b'{"text":"hi","text":"hi","type":"MailContent","version":1}',
        b'{"text":"hi","type":"MailContent","version":2}',
        b'{"more":1,"text":"hi","type":"MailContent","version":1}',
        b'{"text":"\\u0068i","type":"MailContent","version":1}',
        b'{"records":[{"body":{"a":1.0},"category":"pd:Purchase","id":"1","schema":"purchase/1"}],'
        b'"type":"MailContent","version":1}',
        b"\xff",
    ],
)
def test_every_second_encoding_is_refused(raw: bytes) -> None:
    with pytest.raises(Malformed):
        parse_content(raw)


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"text": "two  spaces"},
        {"text": "\u200bhidden"},
        {"text": "x" * 4_001},
        {"records": (record(), record())},
        {"id": "with space", "text": "hi"},
    ],
)
def test_what_no_content_may_hold(members: Any) -> None:
    with pytest.raises(Malformed):
        MailContent(**members)


@pytest.mark.parametrize(
    "change",
    [
        {"id": ""},
        {"id": "é"},
        {"id": "x" * 201},
        {"category": "Purchase"},
        {"schema": "purchase"},
        {"time": "yesterday"},
        {"body": {"a": 2**60}},
        {"body": {"a": float("nan")}},
    ],
)
def test_what_no_record_may_hold(change: Any) -> None:
    members = {"id": "1", "category": "pd:Purchase", "schema": "purchase/1", "body": {"name": "coat"}}
    with pytest.raises(Malformed):
        MailRecord(**members | change)


def test_sizes_are_bounded() -> None:
    assert len(parse_content(write_content(MailContent(text="x" * 4_000))).text) == 4_000
    noise = [record(f"{n}") for n in range(MAX_RECORDS)]
    write_content(MailContent(records=tuple(noise)))
    with pytest.raises(InvalidInput, match="longer than"):
        write_content(MailContent(records=(MailRecord("1", "pd:Purchase", "purchase/1", {"a": '"' * 300_000}),)))
    many = b'{"records":[' + b",".join([b"{}"] * (MAX_RECORDS + 1)) + b'],"type":"MailContent","version":1}'
    with pytest.raises(Malformed):
        parse_content(many)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"grant": "0x" + "11" * 32}, WrongCapsule),
        ({"controller": "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"}, WrongCapsule),
        ({"content": "0x" + "22" * 32}, DamagedSeal),
    ],
)
def test_mail_for_something_else_is_refused(changes: Any, error: Any) -> None:
    sealed = seal_mail(mail(write_content(MailContent(text="hi")), **changes), recipient_of(BOX))
    with pytest.raises(error):
        open_mail(sealed, BOX, DOMAIN, GRANT, BRAND)


def test_another_chain_another_mailbox_and_noise() -> None:
    sealed = seal_mail(mail(write_content(MailContent(text="hi"))), recipient_of(BOX))
    with pytest.raises(WrongCapsule, match="another chain"):
        open_mail(sealed, BOX, domain_of(1, BRAND), GRANT, BRAND)
    with pytest.raises(NotARecipient):
        open_mail(sealed, generate_identity(), DOMAIN, GRANT, BRAND)
    for noise in (b"", b"noise", sealed[:-1], bytes(300_000)):
        with pytest.raises(DamagedSeal):
            open_mail(noise, BOX, DOMAIN, GRANT, BRAND)


def test_numbers_begin_at_one() -> None:
    with pytest.raises(Malformed, match="number is 0"):
        mail(write_content(MailContent(text="hi")), number=0)


def test_a_draft_is_sealed_to_the_brand_itself() -> None:
    raw = write_content(MailContent(text="a text of many words"))
    sealed = seal_content(raw, recipient_of(BOX))
    assert open_content(sealed, BOX) == raw and b"many words" not in sealed


def test_a_records_origin_goes_round_and_has_one_form() -> None:
    own: dict[str, Any] = {"id": "0" * 32, "counter": 1, "category": "pd:Purchase", "schema": "purchase/1"}
    made = Record(**own, time="2026-01-31", body={"a": 1}, origin=Origin(BRAND, "order-17"))
    assert parse_record(write_record(made)) == made
    for bad in ({"controller": BRAND.lower(), "id": "1"}, {"controller": BRAND, "id": "a b"}, {"controller": BRAND}):
        line = write_record(made).replace(codec.encode(made.origin), codec.dump(bad))
        with pytest.raises(Malformed):
            parse_record(line)
    with pytest.raises(Malformed, match="tombstone"):
        Record(id="0" * 32, counter=2, deleted=True, origin=Origin(BRAND, "order-17"))
