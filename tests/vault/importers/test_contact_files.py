"""Contacts: vCard 2.1, 3.0 and 4.0 with the traps of each; a broken card is refused by its number."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.core.sealed.records import FileRef
from registry.vault.importers.base import Defaults, Item
from registry.vault.importers.vcard_files import VcardImporter
from tests.support.importing import bodies, drafts, read_all, refused, told

SAID = Defaults("contact/1", "pd:Contact", "my phone")
PHOTO = base64.b64encode(b"\xff\xd8\xff\xe0 a photo").decode()


def card(*lines: str, version: str = "3.0") -> bytes:
    return "\r\n".join(["BEGIN:VCARD", f"VERSION:{version}", *lines, "END:VCARD", ""]).encode()


def imported(raw: bytes) -> list[Item]:
    return read_all(VcardImporter(SAID), raw)


def test_version_21_with_quoted_printable() -> None:
    raw = card(
        "N;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:M=C3=BCller;J=C3=B6rg",
        "TEL;HOME;VOICE:+49 1",
        "NOTE;ENCODING=QUOTED-PRINTABLE:two=",
        "lines=3D1",
        "PHOTO;JPEG;ENCODING=BASE64:",
        f" {PHOTO}",
        "",
        version="2.1",
    )
    (draft,) = drafts(imported(raw))
    assert draft.body == {
        "familyName": "Müller",
        "givenName": "Jörg",
        "name": "Jörg Müller",
        "telephone": ["+49 1"],
        "description": "twolines=1",
    }
    assert isinstance(draft.file, FileRef) and base64.b64decode(draft.file.data or "") == b"\xff\xd8\xff\xe0 a photo"


def test_version_3() -> None:
    raw = card(
        "FN:Jo Doe",
        "N:Doe;Jo;Q.;Dr.;Jr.",
        "EMAIL;TYPE=INTERNET,WORK:x@y.z",
        "EMAIL:q@y.z",
        "item1.URL:https://x.example",
        "ADR;TYPE=HOME:;;1 Rue\\, bis;Paris;IDF;75001;France",
        "BDAY:1996-04-15",
        "ORG:Acme;Sales",
        "CATEGORIES:a,b",
        "NICKNAME:Jojo",
        "TITLE:Boss",
        "X-SKYPE:jo",
        "UID:u1",
        "REV:20260101T000000Z",
        f"PHOTO;ENCODING=b;TYPE=PNG:{PHOTO}",
    )
    (draft,) = drafts(imported(raw))
    assert draft.body == {
        "name": "Jo Doe",
        "familyName": "Doe",
        "givenName": "Jo",
        "additionalName": "Q.",
        "honorificPrefix": "Dr.",
        "honorificSuffix": "Jr.",
        "email": ["x@y.z", "q@y.z"],
        "contactPoint": [{"email": "x@y.z", "contactType": "work"}],
        "url": ["https://x.example"],
        "birthDate": "1996-04-15",
        "organization": ["Acme, Sales"],
        "keywords": ["a", "b"],
        "address": [
            {
                "streetAddress": "1 Rue, bis",
                "addressLocality": "Paris",
                "addressRegion": "IDF",
                "postalCode": "75001",
                "addressCountry": "France",
            }
        ],
        "alternateName": ["Jojo"],
        "jobTitle": "Boss",
        "more": {"x-skype": "jo"},
        "uid": "u1",
    }
    assert draft.file is not None and (draft.file.name, draft.file.media_type) == ("photo.png", "image/png")


def test_version_4_with_quoted_types_and_uris() -> None:
    raw = card(
        'TEL;VALUE=uri;TYPE="voice,home":tel:+33-1',
        "FN:Jo",
        "BDAY:--0415",
        "UID:urn:uuid:1",
        f"PHOTO:data:image/png;base64,{PHOTO}",
        version="4.0",
    )
    (draft,) = drafts(imported(raw))
    assert draft.body == {
        "name": "Jo",
        "telephone": ["+33-1"],
        "birthDate": "--04-15",
        "uid": "urn:uuid:1",
        "contactPoint": [{"telephone": "+33-1", "contactType": "home, voice"}],
    }
    assert isinstance(draft.file, FileRef) and base64.b64decode(draft.file.data or "").endswith(b" a photo")


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("19960415", "1996-04-15"),
        ("1996-04-15T00:00:00Z", "1996-04-15"),
        ("1996", "1996"),
        ("1996-04", "1996-04"),
        ("--0229", "--02-29"),
        ("20000229", "2000-02-29"),
        ("1996-02-30", None),
        ("19010229", None),
        ("soon", None),
        ("---15", None),
    ],
)
def test_birth_dates(written: str, read: str | None) -> None:
    (body,) = bodies(imported(card("FN:Jo", f"BDAY:{written}", version="4.0")))
    assert body == ({"name": "Jo", "birthDate": read} if read else {"name": "Jo", "more": {"bday": written}})


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (card(), "no name"),
        (card("UID:1", "REV:2"), "no name"),
        (b"BEGIN:VCARD\r\nFN:Jo\r\n", "was it cut"),
        (card("N;CHARSET=none;ENCODING=QUOTED-PRINTABLE:M=C3", version="2.1"), "cannot be read"),
        (card("FN:Jo", "NOTE:" + "x" * 300_000).replace(b"xxx\r\n", b"xx\xff\r\n"), "not UTF-8"),
        (b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n", "only contacts"),
        (b"", "no contact"),
    ],
)
def test_a_broken_card_is_refused(raw: bytes, why: str) -> None:
    items = imported(raw)
    assert why in refused(items)[0].why and not drafts(items)
    items = imported(card("FN:Before") + raw)
    assert drafts(items)[0].at == "contact 1 (line 1)" and (not raw or refused(items)[0].at.startswith("contact 2"))


def test_a_photo_that_is_a_link_is_told() -> None:
    items = imported(card("FN:Jo", "PHOTO;VALUE=uri:https://x.example/jo.jpg"))
    assert bodies(items)[0]["more"] == {"photo": "https://x.example/jo.jpg"} and "photo" in told(items)[0]


def test_a_changed_contact_is_an_edit_of_the_same() -> None:
    before, changed, nameless = (
        drafts(imported(card(*lines)))[0] for lines in (["FN:Jo", "UID:1", "REV:1"], ["FN:Joe", "UID:1"], ["FN:Jo"])
    )
    assert before.identity == changed.identity and before.key != changed.key and nameless.identity is None
    assert drafts(imported(card("FN:Jo", "UID:1", "REV:2")))[0].key == before.key


def test_contacts_cut_at_any_byte() -> None:
    raw = card("FN:Jö", "UID:1") + card("FN:Bo", "UID:2")
    whole = bodies(imported(raw))
    for end in range(len(raw) - 2):
        assert all(body in whole for body in bodies(imported(raw[:end])))


_LINES = st.sampled_from(
    [
        "FN:a",
        "N:;;;;",
        "N:a;b;c;d;e;f",
        "ADR:1",
        "TEL;TYPE=",
        "EMAIL;;:",
        ":",
        ";",
        "X",
        " fold",
        "PHOTO;ENCODING=b:!",
        "ORG:",
        "BEGIN:VCARD",
        "END:VCARD",
        "BDAY:",
        "item.:x",
        "NOTE;ENCODING=QUOTED-PRINTABLE:=",
        "CATEGORIES:,",
        "VERSION:9",
        "FN;CHARSET=utf-7:+AGE-",
        "UID:\x00",
    ]
)


@settings(max_examples=100)
@given(st.lists(_LINES, max_size=8), st.sampled_from(["2.1", "3.0", "4.0"]))
def test_any_lines_give_items_and_no_contact_error(lines: list[str], version: str) -> None:
    assert isinstance(imported(card(*lines, version=version)), list)
