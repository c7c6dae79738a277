"""``vocabulary``: the terms that statements are made of."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from registry.cli.app import app, command
from registry.cli.context import Context
from registry.cli.options import STANDS_ALONE
from registry.core.errors import InvalidInput
from registry.present.text import Line
from registry.present.vocabulary import search_terms, term_json

Kind = Literal["purpose", "data", "processing", "agreement"]
_INDENT = 2


@command(app, "vocabulary", "consent vocabulary photo\nconsent vocabulary --kind purpose", without=STANDS_ALONE)
def vocabulary(
    ctx: Context,
    words: Annotated[
        list[str] | None, typer.Argument(metavar="WORD", help="What the term is about, in English.")
    ] = None,
    kind: Annotated[
        Kind | None, typer.Option(metavar="KIND", help="Only this: purpose, data, processing or agreement.")
    ] = None,
) -> None:
    """Find the terms for purposes, kinds of data and processing.

    Searches the labels and definitions of DPV, the nearest term first. Without a word it lists all terms.
    """
    asked = " ".join(words or ())
    found = search_terms(asked, kind)
    if not found:
        raise InvalidInput(f"no term has to do with {asked[:80]!r}", "Try another word, or list all: leave it out.")
    terms = [term_json(iri) for iri in found]
    lines = [_line(term) for term in terms]
    ctx.out.result({"terms": terms}, lines)


def _line(term: dict[str, object]) -> Line:
    special = ", special category" if term["special"] else ""
    head = f"{term['iri']}  "
    return Line(f"{head}{term['label']} ({term['kind']}{special}): {term['definition']}", _INDENT)
