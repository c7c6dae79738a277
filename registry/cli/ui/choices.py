"""Parameters that several commands declare in the same way."""

from __future__ import annotations

from typing import Annotated

import typer

Purposes = Annotated[
    list[str] | None, typer.Option("--purpose", metavar="IRI", help="This purpose; repeat. By default all of them.")
]
Data = Annotated[
    list[str] | None, typer.Option("--data", metavar="IRI", help="This kind of data; repeat. By default all.")
]
Language = Annotated[
    str | None, typer.Option(metavar="TAG", help="The notice's language that you read and sign, as en.")
]
EvidenceFile = Annotated[
    str, typer.Argument(metavar="FILE", help="An evidence file, or the digest of one that is kept here.")
]
Account = Annotated[
    str | None,
    typer.Option("--account", metavar="ADDRESS", help="One account of your seed: its address, or its brand's."),
]
