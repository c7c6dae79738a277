"""Sign a statement, anchor its commitment, and have evidence."""

from __future__ import annotations

import secrets
from typing import Any, NamedTuple

from msgspec import UNSET

from registry.client.network import Network, Party
from registry.core.crypto.signatures import recover_address
from registry.core.errors import Rejected
from registry.core.evidence.file import STATEMENTS, Anchor, Evidence, quoted
from registry.core.facts import SignatureQuery
from registry.core.merkle import build_tree, commitment, manifest_digest
from registry.core.scalars import MAX_SIGNATURE, to_hex, unhex
from registry.core.statements.messages import Acceptance, Grant, Message, Refusal, Request
from registry.core.statements.typed_data import digest, typed_data
from registry.core.verify.judge import advice_on
from registry.ledger.base import Receipt


class Anchored(NamedTuple):
    """Evidence, and the receipt of the transaction that anchored it."""

    evidence: Evidence
    receipt: Receipt


def fresh_salt() -> str:
    """32 random bytes, 0x hex: nothing that is anchored can be guessed."""
    return to_hex(secrets.token_bytes(32))


def sign(party: Party, message: Message) -> bytes:
    """The wallet's signature of this message; ``Rejected`` where it is another account's.

    A contract account's is put to the contract: ``LedgerUnavailable`` where the chain cannot be asked.
    """
    domain = party.network.domain
    signature = party.wallet.sign_typed_data(typed_data(domain, message))
    if not is_signed_by(party.network, party.address, digest(domain, message), signature):
        advice = advice_on(signature) or "Choose that account in the wallet; a contract account needs its owners' keys."
        raise Rejected(f"the wallet's signature is not that of {party.address}", advice)
    return signature


def is_signed_by(network: Network, account: str, hashed: bytes, signature: bytes) -> bool:
    """Did this account sign the 32 bytes ``hashed``, as the chain sees it now: by its key, or else by its code?"""
    if recover_address(hashed, signature) == unhex(account):
        return True
    if not 1 <= len(signature) <= MAX_SIGNATURE:
        return False
    question = SignatureQuery(account, hashed, signature)
    return network.ledger.facts([], [question]).signatures[question]


def sign_evidence(party: Party, message: Request, notice: bytes) -> Evidence:
    """A signed Request with its notice; requests are not anchored."""
    return _evidence(party, message, sign(party, message), quoted_notice=quoted(notice))


def anchor(
    party: Party, message: Grant | Refusal | Acceptance, signature: bytes, notice: bytes | None = None
) -> Anchored:
    """Put the commitment on chain as a batch of one; anyone may do it, so the network's relay does."""
    own = commitment(digest(party.network.domain, message), signature)
    tree = build_tree([own])
    receipt = party.network.ledger.transact(
        "anchor", to_hex(tree.root), to_hex(manifest_digest([own])), sender=party.sender
    )
    proved = Anchor(
        root=to_hex(tree.root),
        proof=tuple(map(to_hex, tree.proof(own))),
        transaction=receipt.transaction,
        block=receipt.block,
    )
    own_notice = UNSET if notice is None else quoted(notice)
    return Anchored(_evidence(party, message, signature, quoted_notice=own_notice, anchor=proved), receipt)


def _evidence(party: Party, message: Message, signature: bytes, **parts: Any) -> Evidence:
    statement = STATEMENTS[type(message)](domain=party.network.domain, message=message)
    return Evidence(statement=statement, signature=to_hex(signature), **parts)
