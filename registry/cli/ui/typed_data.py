"""Statements in files: EIP-712 typed data as JSON, which other wallets and tools read too."""

from __future__ import annotations

import json
from typing import Any

from registry.cli.context import Context
from registry.core.codec import canonical
from registry.core.errors import InvalidInput, Malformed
from registry.core.evidence.file import MAX_EVIDENCE
from registry.core.statements.messages import Domain, Message, domain_of
from registry.core.statements.typed_data import parse_typed_data

_ONE_STATEMENT = "Give the EIP-712 typed data of one statement, as `eth_signTypedData_v4` takes it."


def read_json(ctx: Context, file: str) -> Any:
    """Read a JSON file, or kept evidence by its digest."""
    try:
        # Reject duplicate keys: another tool might read the other value.
        return json.loads(canonical(ctx.home.find(file), MAX_EVIDENCE))
    except Malformed as error:
        raise InvalidInput(f"{file}: {error}", _ONE_STATEMENT) from None


def statement_in(document: Any) -> tuple[Domain, Message]:
    """Return the domain and the message of typed data; ``InvalidInput`` for any other type or domain."""
    try:
        domain, message = parse_typed_data(document)
    except Malformed as error:
        raise InvalidInput(str(error), _ONE_STATEMENT) from None
    if domain != domain_of(domain.chain_id, domain.verifying_contract):
        raise InvalidInput("its domain is not that of a ConsentRegistry, version 1", _ONE_STATEMENT)
    return domain, message


def author_of(message: Any) -> str:
    """Return the account that must sign this message."""
    return str(getattr(message, "subject", None) or message.controller)
