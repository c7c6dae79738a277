"""``signer``: show who signed a statement."""

from __future__ import annotations

import re
from typing import Annotated, Any, NamedTuple

import typer

from registry.cli.app import app, command
from registry.cli.context import Context
from registry.cli.exit_codes import UNKNOWN
from registry.cli.ui.typed_data import author_of, read_json, statement_in
from registry.core.codec import dump
from registry.core.crypto.signatures import recover_address
from registry.core.errors import InvalidInput, LedgerUnavailable
from registry.core.evidence.file import parse_evidence
from registry.core.scalars import checksum, to_hex, unhex
from registry.core.statements.typed_data import digest
from registry.core.verify.judge import advice_on
from registry.present.text import YES, Line

_SIGNATURE = re.compile(r"0x(?:[0-9a-fA-F]{2}){1,8192}")


class _Signed(NamedTuple):
    digest: bytes
    author: str
    kind: str
    signature: bytes


@command(app, "signer", "consent signer statement.json --signature 0x5f9a\nconsent signer grant.json")
def signer(
    ctx: Context,
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="Typed data with --signature, or evidence: a file or its digest.")
    ],
    signature: Annotated[
        str | None, typer.Option(metavar="0x...", help="Of the typed data; evidence carries its own.")
    ] = None,
) -> None:
    """Show who signed this.

    Yes (exit 0) if it was the author that the statement names. No chain is asked: another key's signature may be one
    that the author's contract accepts, and whether a consent holds is for `consent verify`.
    """
    signed = _signed(read_json(ctx, file), signature)
    found = recover_address(signed.digest, signed.signature)
    if found is None:
        why = "it is no plain signature; only the chain can tell whether a contract accepts it (ERC-1271)"
        raise LedgerUnavailable(why, advice_on(signed.signature) or "Check the evidence with `consent verify`.")
    who, author = checksum(found), signed.author
    document = {"signer": who, "author": author, "isAuthor": who == author, "digest": to_hex(signed.digest)}
    said = f"Signed by {who}, its author." if who == author else f"Signed by {who}; the {signed.kind} is of {author}."
    ctx.out.result(document | {"kind": signed.kind}, [Line(said, 0, YES if who == author else "")])
    if who != author:
        ctx.out.note("If that address is a contract, only the chain can tell whether it accepts this.")
        raise typer.Exit(UNKNOWN)


def _signed(document: Any, signature: str | None) -> _Signed:
    if isinstance(document, dict) and document.get("type") == "ConsentEvidence":
        if signature is not None:
            raise InvalidInput("evidence carries its own signature", "Leave --signature out.")
        evidence = parse_evidence(dump(document))
        return _Signed(evidence.digest, evidence.author, evidence.kind, evidence.signature_bytes)
    domain, message = statement_in(document)
    if signature is None or _SIGNATURE.fullmatch(signature) is None:
        raise InvalidInput("typed data needs its signature", "Add --signature 0x..., in hex.")
    return _Signed(digest(domain, message), author_of(message), type(message).__name__, unhex(signature))
