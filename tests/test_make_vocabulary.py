"""scripts/make_vocabulary.py on a small vocabulary. rdflib, which reads Turtle, is not tested here."""

from __future__ import annotations

import runpy
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

SCRIPTS = Path(__file__).parent.parent / "scripts"


@lru_cache
def script(name: str) -> dict[str, Any]:
    return runpy.run_path(str(SCRIPTS / name))


class TestMakeVocabulary:
    DPV = "https://w3id.org/dpv#"
    PD = "https://w3id.org/dpv/pd#"
    SKOS = "http://www.w3.org/2004/02/skos/core#"
    BROADER, TYPE = f"{SKOS}broader", "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"

    def term(self, iri: str, *links: tuple[str, str]) -> list[tuple[str, str, str]]:
        texts = [(iri, f"{self.SKOS}prefLabel", "A  label"), (iri, f"{self.SKOS}definition", "What it\nmeans")]
        return [*texts, *((iri, predicate, value) for predicate, value in links)]

    def terms(self, *triples: list[tuple[str, str, str]]) -> Any:
        made = script("make_vocabulary.py")
        return made["build_terms"](made["Graph"](made["Triple"](*each) for group in triples for each in group))

    def test_takes_what_lies_under_a_root(self) -> None:
        terms = self.terms(
            self.term(f"{self.DPV}Sell", (self.BROADER, f"{self.DPV}Purpose"), (self.TYPE, f"{self.DPV}Purpose")),
            self.term(f"{self.DPV}SellMore", (self.BROADER, f"{self.DPV}Sell")),
            self.term(f"{self.DPV}Fine", (self.BROADER, f"{self.DPV}Consequence")),
        )
        text = {"kind": "purpose", "label": "A label", "definition": "What it means"}
        assert terms == {
            "dpv:Sell": text | {"parents": ["dpv:Purpose"]},
            "dpv:SellMore": text | {"parents": ["dpv:Sell"]},
        }

    def test_leaves_out_measures(self) -> None:
        measure = (self.TYPE, f"{self.DPV}OrganisationalMeasure")
        assert self.terms(self.term(f"{self.DPV}Tidy", (self.BROADER, f"{self.DPV}Purpose"), measure)) == {}

    def test_takes_the_training_of_the_ai_extension_and_nothing_else(self) -> None:
        ai, use = "https://w3id.org/dpv/ai#", (self.BROADER, f"{self.DPV}Use")
        terms = self.terms(
            self.term(f"{self.DPV}Use", (self.BROADER, f"{self.DPV}Processing")),
            self.term(f"{ai}ModelTraining", use),
            self.term(f"{ai}ModelFineTuning", (self.BROADER, f"{ai}ModelTraining")),
            self.term(f"{ai}SupervisedLearning", use),
            self.term(f"{ai}BiasDetection", (self.BROADER, f"{self.DPV}Purpose")),
        )
        assert set(terms) == {"dpv:Use", "ai:ModelTraining", "ai:ModelFineTuning"}

    def test_special_is_inherited(self) -> None:
        special = f"{self.DPV}SpecialCategoryPersonalData"
        terms = self.terms(
            self.term(special, (self.BROADER, f"{self.DPV}PersonalData")),
            self.term(f"{self.PD}Health", (self.TYPE, special), (self.BROADER, f"{self.DPV}PersonalData")),
            self.term(f"{self.PD}Blood", (self.BROADER, f"{self.PD}Health")),
            self.term(f"{self.PD}Name", (self.TYPE, f"{self.DPV}PersonalData")),
        )
        assert {iri for iri, term in terms.items() if term.get("special")} == {
            "dpv:SpecialCategoryPersonalData",
            "pd:Blood",
            "pd:Health",
        }

    def test_two_labels_stop_it(self) -> None:
        sell = self.term(f"{self.DPV}Sell", (self.BROADER, f"{self.DPV}Purpose"))
        other = (f"{self.DPV}Sell", f"{self.SKOS}prefLabel", "Another")
        with pytest.raises(SystemExit, match="dpv:Sell has 2 values"):
            self.terms([*sell, other])

    def test_a_term_of_two_kinds_stops_it(self) -> None:
        links = ((self.BROADER, f"{self.DPV}Purpose"), (self.BROADER, f"{self.DPV}PersonalData"))
        with pytest.raises(SystemExit, match="dpv:Both is of two kinds"):
            self.terms(self.term(f"{self.DPV}Both", *links))

    def test_a_cycle_ends(self) -> None:
        terms = self.terms(
            self.term(f"{self.DPV}A", (self.BROADER, f"{self.DPV}Purpose"), (self.BROADER, f"{self.DPV}B")),
            self.term(f"{self.DPV}B", (self.BROADER, f"{self.DPV}A")),
        )
        assert set(terms) == {"dpv:A", "dpv:B"}
