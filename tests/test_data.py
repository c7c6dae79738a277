"""The files in registry/data: their sources, their properties, and that they are what the scripts write."""

from __future__ import annotations

import csv
import io
import json
import runpy
import unicodedata
from datetime import date, time, timedelta
from decimal import Decimal
from functools import lru_cache
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from registry.core.scalars import is_term

SCRIPTS = Path(__file__).parent.parent / "scripts"
DATA = files("registry") / "data"

# DPV 2.3 as published on 2026-02-25.
SOURCES = {
    "ai.ttl": "796070d3570c5d00b14878fe9c2d728c4098500993b8bb4433db0568c484afff",
    "dpv.ttl": "97bc7ce1a4544d39b9e480eeb7990693bee1155fb094f3dd50b9eb1d0c0d578f",
    "ieee-7012.ttl": "05da9264d0dfb60439fae5216f2f91bf858f33c96d3d4a7019281d7f89403d28",
    "pd.ttl": "65d3f07a407a76c7dbf2934a386e74137e434f0b0446f93000b4fb580c641080",
}
# The agreements of IEEE 7012, with their groups.
AGREEMENTS = (
    "PDC PDC-AI PDC-GOOD PDC-INTENT SD-BASE SD-BASE-A SD-BASE-A-DP SD-BASE-AT SD-BASE-AT-DP SD-BASE-ATP "
    "SD-BASE-ATP-DP SD-BASE-ATP-S3P SD-BASE-ATP-S3P-DP SD-BASE-DP TPR TPR-IDENTITY-REF"
)


def shipped(name: str) -> str:
    return (DATA / name).read_bytes().decode()


@lru_cache
def script(name: str) -> dict[str, Any]:
    return runpy.run_path(str(SCRIPTS / name))


@lru_cache
def vocabulary() -> dict[str, Any]:
    read: dict[str, Any] = json.loads(shipped("vocabulary.json"))
    return read


@lru_cache
def purchases() -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(shipped("purchases.csv"), newline="")))


class TestUnicode:
    def test_names_its_source(self) -> None:
        """(item 1) tests/end_to_end/test_plain_text_node.py writes the file again, from npm."""
        read = json.loads(shipped("unicode.json"))
        assert (read["version"], read["licence"]) == ("17.0.0", "https://www.unicode.org/license.txt")
        assert all("17.0.0" in source for source in read["sources"])
        licence = shipped(read["licenceText"])
        assert "UNICODE LICENSE V3" in licence and "Permission is hereby granted, free of charge" in licence
        assert len(shipped("unicode.json").encode()) < 100_000


class TestVocabulary:
    def test_names_its_sources(self) -> None:
        read = vocabulary()
        assert read["version"] == "2.3"
        assert read["sources"] == SOURCES
        assert read["licence"] == "https://www.w3.org/copyright/document-license-2023/"
        licence = shipped(read["licenceText"])
        assert read["licence"] in licence
        assert "Permission to copy, modify, and distribute this work" in licence

    def test_was_not_edited_by_hand(self) -> None:
        read = dict(vocabulary())
        terms = read.pop("terms")
        assert read["termsSha256"] == script("make_vocabulary.py")["terms_digest"](terms)
        assert shipped("vocabulary.json") == script("make_vocabulary.py")["render"](read, terms)

    def test_is_sorted_and_small(self) -> None:
        lines = shipped("vocabulary.json").splitlines()
        terms = [line for line in lines if line.startswith(tuple(f'"{p}:' for p in vocabulary()["namespaces"]))]
        assert len(terms) == len(vocabulary()["terms"])
        assert list(vocabulary()["terms"]) == sorted(vocabulary()["terms"])
        assert len(shipped("vocabulary.json").encode()) < 250_000

    def test_every_term_can_be_signed(self) -> None:
        prefixes = set(vocabulary()["namespaces"])
        for iri in vocabulary()["terms"]:
            assert is_term(iri)
            assert iri.split(":")[0] in prefixes

    def test_every_term_is_complete(self) -> None:
        for iri, term in vocabulary()["terms"].items():
            expected = {"kind", "label", "parents", "definition"} | ({"special"} if "special" in term else set())
            assert set(term) == expected, iri
            assert term["kind"] in vocabulary()["roots"]
            assert term.get("special", True) is True
            for text in (term["label"], term["definition"]):
                assert text == " ".join(text.split()) != "", iri
                assert unicodedata.is_normalized("NFC", text)
                assert "{" not in text

    def test_counts_its_kinds(self) -> None:
        kinds = [term["kind"] for term in vocabulary()["terms"].values()]
        assert vocabulary()["counts"] == {kind: kinds.count(kind) for kind in vocabulary()["roots"]}
        assert kinds.count("purpose") == 124
        assert kinds.count("data") == 246
        assert kinds.count("processing") == 57

    def test_every_term_leads_to_the_root_of_its_kind(self) -> None:
        terms, roots = vocabulary()["terms"], vocabulary()["roots"]

        def climb(iri: str, kind: str, below: tuple[str, ...]) -> None:
            assert iri not in below, f"a cycle through {iri}"
            if iri == roots[kind]:
                return
            assert terms[iri]["kind"] == kind
            assert terms[iri]["parents"] == sorted(set(terms[iri]["parents"])) != []
            for parent in terms[iri]["parents"]:
                climb(parent, kind, (*below, iri))

        for iri, term in terms.items():
            climb(iri, term["kind"], ())

    def test_roots_are_not_terms(self) -> None:
        assert not set(vocabulary()["roots"].values()) & set(vocabulary()["terms"])

    @pytest.mark.parametrize(
        ("iri", "kind", "label", "parents"),
        [
            ("dpv:Personalisation", "purpose", "Personalisation", ["dpv:Purpose"]),
            ("dpv:DirectMarketing", "purpose", "Direct Marketing", ["dpv:Marketing"]),
            (
                "dpv:ServicePersonalisation",
                "purpose",
                "Service Personalisation",
                ["dpv:Personalisation", "dpv:ServiceManagement"],
            ),
            ("ieee-7012:ServiceDelivery", "purpose", "Service Delivery", ["dpv:RequestedServiceProvision"]),
            ("dpv:RightsFulfilment", "purpose", "Rights Fulfilment", ["dpv:Purpose"]),
            ("pd:Purchase", "data", "Purchase", ["pd:Transactional"]),
            ("pd:EmailAddress", "data", "Email Address", ["pd:Contact"]),
            ("dpv:SensitivePersonalData", "data", "Sensitive Personal Data", ["dpv:PersonalData"]),
            ("ieee-7012:SD-BASE", "agreement", "SD-BASE", ["ieee-7012:Agreement"]),
            ("dpv:Collect", "processing", "Collect", ["dpv:Obtain"]),
            ("ai:ModelTraining", "processing", "Model Training", ["dpv:Transform"]),
        ],
    )
    def test_knows(self, iri: str, kind: str, label: str, parents: list[str]) -> None:
        term = vocabulary()["terms"][iri]
        assert (term["kind"], term["label"], term["parents"]) == (kind, label, parents)

    def test_knows_the_roster_of_agreements(self) -> None:
        found = [iri for iri, term in vocabulary()["terms"].items() if term["kind"] == "agreement"]
        assert found == [f"ieee-7012:{name}" for name in AGREEMENTS.split()]

    def test_marks_special_categories(self) -> None:
        terms = vocabulary()["terms"]
        special = {iri for iri, term in terms.items() if "special" in term}
        # GDPR, article 9(1), in its order.
        named = "EthnicOrigin PoliticalOpinion ReligiousBelief PhilosophicalBelief TradeUnionMembership "
        named += "Genetic Biometric Health SexualPreference"
        assert {f"pd:{name}" for name in named.split()} <= special
        assert {"pd:Purchase", "pd:EmailAddress", "dpv:SensitivePersonalData"}.isdisjoint(special)
        assert all(iri in special for iri, term in terms.items() if special & set(term["parents"]))
        assert len(special) == 33

    def test_has_no_second_word_for_training(self) -> None:
        """DPV's techniques, such as ai:SupervisedLearning, would be other words for it."""
        found = [iri for iri in vocabulary()["terms"] if iri.startswith("ai:")]
        assert found == ["ai:ModelFineTuning", "ai:ModelTraining"]
        assert vocabulary()["terms"]["ai:ModelFineTuning"]["parents"] == ["ai:ModelTraining", "dpv:Transform"]

    def test_leaves_out_organisational_measures(self) -> None:
        assert "dpv:OrganisationGovernance" in vocabulary()["terms"]
        assert {"dpv:DataGovernance", "dpv:MetadataManagement"}.isdisjoint(vocabulary()["terms"])


class TestPurchases:
    def test_are_fresh(self) -> None:
        assert shipped("purchases.csv") == script("make_purchases.py")["render"]()

    def test_cover_two_years(self) -> None:
        assert 190 <= len(purchases()) <= 210
        days = [date.fromisoformat(row["date"]) for row in purchases()]
        assert min(days) >= date(2024, 11, 1)
        assert max(days) <= date(2026, 10, 31)
        assert max(days) - min(days) > timedelta(days=700)

    def test_are_in_order_of_time(self) -> None:
        moments = [(date.fromisoformat(row["date"]), time.fromisoformat(row["time"])) for row in purchases()]
        assert moments == sorted(moments)

    def test_totals_are_quantity_times_price(self) -> None:
        for row in purchases():
            assert Decimal(row["total"]) == int(row["quantity"]) * Decimal(row["unit_price"]), row
            assert Decimal(row["unit_price"]) > 0
            decimals = 0 if row["currency"] == "JPY" else -2
            assert Decimal(row["total"]).as_tuple().exponent == decimals

    def test_every_brand_is_invented(self) -> None:
        domains = {row["brand"]: row["domain"] for row in purchases()}
        assert all(domain.endswith(".example") for domain in domains.values())
        assert all(row["domain"] == domains[row["brand"]] for row in purchases())
        assert domains["Maison Aurelle"] == "aurelle.example"
        assert len(set(domains.values())) == len(domains) > 15

    def test_groceries_are_weekly(self) -> None:
        days = [date.fromisoformat(row["date"]) for row in purchases() if row["category"] == "groceries"]
        gaps = [(after - before).days for before, after in pairwise(days)]
        assert 90 <= len(days) <= 104
        assert min(gaps) >= 2
        assert max(gaps) <= 28

    def test_gifts_of_perfume_fall_in_december(self) -> None:
        gifts = [row for row in purchases() if row["category"] == "perfume gift" and int(row["quantity"]) > 0]
        december = [row for row in gifts if row["date"][5:7] == "12"]
        assert len(december) > len(gifts) / 2
        assert {row["date"][:4] for row in december} == {"2024", "2025"}

    def test_returns_undo_a_purchase(self) -> None:
        rows = purchases()
        returns = [row for row in rows if row["returns"]]
        assert 4 <= len(returns) <= 12
        for row in returns:
            undone = [old for old in rows if old["receipt"] == row["returns"] and old["article"] == row["article"]]
            assert len(undone) == 1
            for same in ("brand", "unit_price", "currency", "payment", "loyalty_id"):
                assert undone[0][same] == row[same]
            assert (int(row["quantity"]), undone[0]["date"] < row["date"]) == (-1, True)
        assert {row["receipt"] for row in rows if int(row["quantity"]) < 1} == {row["receipt"] for row in returns}

    def test_nobody_shops_at_home_while_abroad(self) -> None:
        abroad = {row["date"] for row in purchases() if row["country"] != "FR"}
        at_home = {row["date"] for row in purchases() if row["country"] == "FR" and row["channel"] == "store"}
        assert len({row["currency"] for row in purchases()}) == 5
        assert abroad
        assert abroad.isdisjoint(at_home)

    def test_a_receipt_is_one_visit(self) -> None:
        visits = {(row["receipt"], row["date"], row["time"], row["brand"], row["payment"]) for row in purchases()}
        assert len(visits) == len({row["receipt"] for row in purchases()}) < len(purchases())
