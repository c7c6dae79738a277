"""Write registry/data/vocabulary.json from the Turtle files of the W3C Data Privacy Vocabulary (DPV).

    pip install rdflib
    python scripts/make_vocabulary.py DIRECTORY

DIRECTORY holds ai.ttl, dpv.ttl, ieee-7012.ttl and pd.ttl of one DPV version. Only a refresh needs this script and
rdflib; the package reads the JSON. The same sources always give the same bytes, one term a line, so a new DPV version
makes a readable diff.

A term is everything below a root (``dpv:Purpose``, ``dpv:PersonalData``, ``dpv:Processing``, ``ieee-7012:Agreement``)
by ``skos:broader``, ``rdfs:subClassOf`` or ``rdf:type``, the relations of the taxonomies in DPV 2.3. The roots
themselves are left out, because "any purpose" and "all personal data" are not specific (GDPR, article 5(1)(b) and (c)).
Organisational measures are left out too. DPV puts ``dpv:DataGovernance`` below a purpose, but nobody asks a person for
data to keep metadata tidy. Of the AI extension only ``ai:ModelTraining`` is taken, with what is below it. Its other
terms are techniques, and a technique would be a second word for training (docs/decisions/0010-plain-text.md).
"""

from __future__ import annotations

import hashlib
import importlib
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

_OUTPUT = Path(__file__).parent.parent / "registry" / "data" / "vocabulary.json"
_NAMESPACES = {
    "ai": "https://w3id.org/dpv/ai#",
    "dpv": "https://w3id.org/dpv#",
    "ieee-7012": "https://w3id.org/dpv/standards/ieee/7012#",
    "pd": "https://w3id.org/dpv/pd#",
}
_SOURCES = ("ai.ttl", "dpv.ttl", "ieee-7012.ttl", "pd.ttl")
_ROOTS = {
    "agreement": "ieee-7012:Agreement",
    "data": "dpv:PersonalData",
    "processing": "dpv:Processing",
    "purpose": "dpv:Purpose",
}
_SPECIAL = "dpv:SpecialCategoryPersonalData"
_MEASURE = "dpv:OrganisationalMeasure"
_TRAINING = "ai:ModelTraining"

_TYPE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"
_SUBCLASS = "http://www.w3.org/2000/01/rdf-schema#subClassOf"
_SKOS = "http://www.w3.org/2004/02/skos/core#"
_BROADER, _LABEL, _DEFINITION = f"{_SKOS}broader", f"{_SKOS}prefLabel", f"{_SKOS}definition"
_ONTOLOGY = "http://www.w3.org/2002/07/owl#Ontology"
_VERSION = "http://www.w3.org/2002/07/owl#versionInfo"
_LICENCE, _MODIFIED = "http://purl.org/dc/terms/license", "http://purl.org/dc/terms/modified"

Term = dict[str, object]


class Triple(NamedTuple):
    """Subject and predicate as full IRIs; the object as an IRI or the plain text of an English literal."""

    subject: str
    predicate: str
    object: str


class Graph:
    """The triples, indexed both ways, with IRIs compacted where a namespace is known."""

    def __init__(self, triples: Iterable[Triple]) -> None:
        self._objects: dict[tuple[str, str], set[str]] = {}
        self._subjects: dict[tuple[str, str], set[str]] = {}
        for subject, predicate, value in triples:
            left, right = _compact(subject), _compact(value)
            self._objects.setdefault((left, predicate), set()).add(right)
            self._subjects.setdefault((predicate, right), set()).add(left)

    def objects(self, subject: str, *predicates: str) -> set[str]:
        return set().union(*(self._objects.get((subject, each), set()) for each in predicates))

    def subjects(self, value: str, *predicates: str) -> set[str]:
        return set().union(*(self._subjects.get((each, value), set()) for each in predicates))

    def below(self, root: str) -> set[str]:
        """Return everything below ``root``, without it. A cycle in the source ends the walk, not the script."""
        found: set[str] = set()
        waiting = [root]
        while waiting:
            new = self.subjects(waiting.pop(), _BROADER, _SUBCLASS, _TYPE) - found - {root}
            found |= new
            waiting.extend(new)
        return found

    def only(self, subject: str, predicate: str) -> str:
        """Return the only value. Two labels, or none, stop the script, because it must not choose."""
        values = self.objects(subject, predicate)
        if len(values) != 1:
            raise SystemExit(f"{subject} has {len(values)} values of {predicate}; expected exactly one.")
        return values.pop()


def _compact(iri: str) -> str:
    for prefix, namespace in _NAMESPACES.items():
        if iri.startswith(namespace) and len(iri) > len(namespace):
            return f"{prefix}:{iri.removeprefix(namespace)}"
    return iri


def build_terms(graph: Graph) -> dict[str, Term]:
    """Return the terms by compact IRI: kind, label, parents, definition, and ``special`` if DPV says so."""
    special = graph.below(_SPECIAL) | {_SPECIAL}
    measures, training = graph.subjects(_MEASURE, _TYPE), graph.below(_TRAINING) | {_TRAINING}
    terms: dict[str, Term] = {}
    for kind, root in _ROOTS.items():
        below = graph.below(root) - measures
        members = {iri for iri in below if iri in training or not iri.startswith("ai:")}
        for iri in members:
            if iri in terms:
                raise SystemExit(f"{iri} is of two kinds, {terms[iri]['kind']} and {kind}.")
            terms[iri] = _term(graph, iri, kind, members)
            if iri in special:
                terms[iri]["special"] = True
    return terms


def _term(graph: Graph, iri: str, kind: str, members: set[str]) -> Term:
    above = graph.objects(iri, _BROADER, _SUBCLASS) & (members | {_ROOTS[kind]}) - {iri}
    return {
        "kind": kind,
        "label": _line(graph.only(iri, _LABEL)),
        # dpv:RightsFulfilment is a purpose, but its only broader term is not. So it belongs at the top.
        "parents": sorted(above) or [_ROOTS[kind]],
        "definition": _line(graph.only(iri, _DEFINITION)),
    }


def _line(text: str) -> str:
    return " ".join(text.split())


def build_header(graph: Graph, sources: dict[str, str], terms: dict[str, Term]) -> dict[str, object]:
    """Return the origin of the terms. ``sources`` maps file names to the SHA-256 of their bytes, in hex."""
    return {
        "title": "Purposes, personal data, processing operations and agreements of the Data Privacy Vocabulary (DPV)",
        "version": _agreed(graph, _VERSION),
        "modified": _agreed(graph, _MODIFIED),
        "licence": _agreed(graph, _LICENCE),
        "licenceText": "LICENSE-DPV.txt",
        "namespaces": _NAMESPACES,
        "roots": _ROOTS,
        "counts": {kind: sum(term["kind"] == kind for term in terms.values()) for kind in _ROOTS},
        "sources": sources,
        "termsSha256": terms_digest(terms),
    }


def _agreed(graph: Graph, predicate: str) -> str:
    """Return the value that all files agree on. Files of different versions must not be mixed."""
    values = {graph.only(ontology, predicate) for ontology in graph.subjects(_ONTOLOGY, _TYPE)}
    if len(values) != 1:
        raise SystemExit(f"The files disagree on {predicate}: {sorted(values)}.")
    return values.pop()


def terms_digest(terms: dict[str, Term]) -> str:
    """Return the SHA-256 (hex) of the terms as compact JSON with sorted keys. It reveals an edit by hand."""
    text = json.dumps(terms, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def render(header: dict[str, object], terms: dict[str, Term]) -> str:
    """Return the file's text: one header member or term a line, terms sorted by the code points of their IRI."""
    head = [f"{_dump(name)}: {_dump(value)}" for name, value in header.items()]
    body = [f"{_dump(iri)}: {_dump(terms[iri])}" for iri in sorted(terms)]
    return "{\n" + ",\n".join(head) + ',\n"terms": {\n' + ",\n".join(body) + "\n}\n}\n"


def _dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def read_triples(path: Path) -> Iterator[Triple]:
    """Read the triples of one Turtle file, without blank nodes and without literals in other languages."""
    # Imported by name, because mypy's environment lacks rdflib: it is neither a runtime nor a development dependency.
    rdflib: Any = importlib.import_module("rdflib")
    for subject, predicate, value in rdflib.Graph().parse(path, format="turtle"):
        if isinstance(subject, rdflib.BNode) or isinstance(value, rdflib.BNode):
            continue
        if getattr(value, "language", None) in (None, "en"):
            yield Triple(str(subject), str(predicate), str(value))


def main(directory: Path) -> None:
    paths = [directory / name for name in _SOURCES]
    graph = Graph(triple for path in paths for triple in read_triples(path))
    terms = build_terms(graph)
    sources = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
    text = render(build_header(graph, sources, terms), terms)
    _OUTPUT.write_text(text, encoding="utf-8", newline="\n")
    print(f"{_OUTPUT.name}: {len(terms)} terms, {len(text.encode())} bytes")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("usage: python scripts/make_vocabulary.py DIRECTORY")
    main(Path(sys.argv[1]))
