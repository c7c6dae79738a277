"""The demo's notice, registry/data/demo_notice.json, is a valid notice once account and recipient are filled in."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import pytest

from registry.core import codec
from registry.core.notices.document import notice_digest, parse_notice
from registry.core.notices.rendering import fits, render
from registry.core.scalars import ZERO_WORD
from registry.core.statements.messages import Grant, Refusal

DATA = files("registry") / "data"
ADDRESS = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
ISSUED = 1_793_491_200  # 2026-11-01
DAY = 86_400


def shipped(name: str) -> str:
    return (DATA / name).read_bytes().decode()


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, member in value.items():
            yield name
            yield from strings(member)
    elif isinstance(value, list):
        for member in value:
            yield from strings(member)
    elif isinstance(value, str):
        yield value


class TestDemoNotice:
    GRANTS = (
        (
            "de",
            "Ich erlaube Maison Aurelle (aurelle.example), meine E-Mail-Adresse und meine Einkäufe bis zum 2027-11-01 "
            "zu nutzen, und zwar für persönlich ausgewählte Angebote und einen auf mich abgestimmten Service. "
            "Ich kann das jederzeit beenden.",
        ),
        (
            "en",
            "I allow Maison Aurelle (aurelle.example) to use my email address and purchases for personalising its "
            "offers and adapting its service to me, until 2027-11-01. I can stop at any time.",
        ),
        (
            "fr",
            "J’autorise Maison Aurelle (aurelle.example) à utiliser mon adresse e-mail et mes achats pour "
            "personnaliser ses offres et adapter son service à mes besoins, jusqu’au 2027-11-01. "
            "Je peux arrêter à tout moment.",
        ),
    )
    REFUSALS = (
        (
            "de",
            "Ich erlaube Maison Aurelle (aurelle.example) nicht, meine Daten für Neuigkeiten und Angebote per E-Mail "
            "zu nutzen.",
        ),
        (
            "en",
            "I do not allow Maison Aurelle (aurelle.example) to use my data for sending me news and offers by email.",
        ),
        (
            "fr",
            "Je n’autorise pas Maison Aurelle (aurelle.example) à utiliser mes données pour m’envoyer ses nouveautés "
            "et ses offres par e-mail.",
        ),
    )

    def document(self) -> dict[str, Any]:
        read: dict[str, Any] = json.loads(shipped("demo_notice.json"))
        return read

    def raw(self) -> bytes:
        """Return the notice as the demo makes it, with account and recipient, in canonical form."""
        document = self.document()
        document["controller"] |= {"account": ADDRESS, "recipient": "age1pq1demo"}
        return codec.dump(document)

    def test_leaves_account_and_recipient_to_the_demo(self) -> None:
        assert self.document()["controller"] == {
            "name": "Maison Aurelle",
            "domain": "aurelle.example",
            "contact": "privacy@aurelle.example",
        }

    def test_is_a_notice_once_they_are_filled_in(self) -> None:
        notice = parse_notice(self.raw())
        assert sorted(notice.text) == ["de", "en", "fr"]
        assert (notice.terms, notice.max_days) == ("ieee-7012:SD-BASE", 365)
        assert len(self.raw()) < 32 * 1024

    def test_uses_terms_that_the_vocabulary_knows(self) -> None:
        terms, document = json.loads(shipped("vocabulary.json"))["terms"], self.document()
        assert terms[document["terms"]]["kind"] == "agreement"
        for scope in document["scopes"]:
            assert {terms[iri]["kind"] for iri in scope["purposes"]} == {"purpose"}
            assert {terms[iri]["kind"] for iri in scope["data"]} == {"data"}
            assert {terms[iri]["kind"] for iri in scope["processing"]} == {"processing"}
            assert not any(terms[iri].get("special") for iri in scope["data"])
        assert document["more"]["specialCategories"] is False

    @pytest.mark.parametrize(("language", "sentence"), GRANTS)
    def test_grants_read_well(self, language: str, sentence: str) -> None:
        notice = parse_notice(self.raw())
        grant = Grant(
            statement=sentence,
            subject=ADDRESS,
            controller=ADDRESS,
            request=ZERO_WORD,
            purposes=notice.scopes[0].purposes,
            data=notice.scopes[0].data,
            terms=notice.terms,
            notice=notice_digest(self.raw()),
            content=ZERO_WORD,
            supersedes=ZERO_WORD,
            issued_at=ISSUED,
            not_before=ISSUED,
            expires_at=ISSUED + 365 * DAY,
            revocation=ZERO_WORD,
            salt=ZERO_WORD,
        )
        assert render(notice, language, grant) == sentence
        fits(notice, grant.notice, grant)

    @pytest.mark.parametrize(("language", "sentence"), REFUSALS)
    def test_refusals_read_well(self, language: str, sentence: str) -> None:
        notice = parse_notice(self.raw())
        refusal = Refusal(
            statement=sentence,
            subject=ADDRESS,
            controller=ADDRESS,
            request=ZERO_WORD,
            purposes=notice.scopes[1].purposes,
            notice=notice_digest(self.raw()),
            issued_at=ISSUED,
            salt=ZERO_WORD,
        )
        assert render(notice, language, refusal) == sentence
        fits(notice, refusal.notice, refusal)

    def test_every_string_is_plain(self) -> None:
        for text in strings(self.document()):
            assert unicodedata.is_normalized("NFC", text), text
            assert not {unicodedata.category(character) for character in text} & {"Cc", "Cf", "Zl", "Zp"}, text
            assert "\u00a0" not in text

    @pytest.mark.parametrize(
        ("language", "words"),
        [
            ("de", ("30 Tage", "fünf Jahre", "Hash", "niemand löschen", "pseudonym, nicht anonym", "Wallet")),
            ("en", ("30 days", "five years", "hash", "nobody can delete", "pseudonymous, not anonymous", "wallet")),
            (
                "fr",
                (
                    "30 jours",
                    "cinq ans",
                    "hash",
                    "personne ne peut effacer",
                    "pseudonyme, et non anonyme",
                    "portefeuille",
                ),
            ),
        ],
    )
    def test_says_the_same_in_each_language(self, language: str, words: tuple[str, ...]) -> None:
        text = self.document()["text"][language]
        assert all(word in text["retention"] for word in words[:2])
        assert all(word in text["trace"] for word in words[2:])
        assert self.document()["controller"]["contact"] in text["rights"]
        assert "CNIL" in text["rights"]

    def test_has_the_fields_of_a_consent_record(self) -> None:
        # ISO/IEC TS 27560, in the terms of DPV. Retention and the rest are in the text of each language.
        more = self.document()["more"]
        assert more["basis"] == "eu-gdpr:A6-1-a"
        assert more["version"]
        assert more["jurisdiction"] == "FR"
        assert (more["storage"]["deletionDays"], more["storage"]["evidenceYears"]) == (30, 5)
        assert {"eu-gdpr:A7-3", "eu-gdpr:A15", "eu-gdpr:A17", "eu-gdpr:A77"} <= set(more["rights"])
        assert more["withdraw"]["at"].startswith("https://aurelle.example/")
        (party,) = more["parties"]
        assert party.keys() >= {"name", "role", "type", "address", "contact", "url"}
        assert party["name"] == self.document()["controller"]["name"]
