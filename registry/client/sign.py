"""Sign a statement, anchor its commitment, and make evidence of both."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec import UNSET

from registry.client.network import Network
from registry.client.party import Party
from registry.core.crypto.signatures import recover_address
from registry.core.eip712 import Domain
from registry.core.errors import InvalidInput, LedgerUnavailable, Rejected
from registry.core.evidence.file import STATEMENTS, Evidence, quoted, signed_mandate
from registry.core.evidence.pending import Unanchored
from registry.core.facts import SignatureQuery
from registry.core.scalars import CLOCK_SKEW, MAX_SIGNATURE, format_utc, to_hex, unhex
from registry.core.statements.messages import ENDINGS, Acceptance, Grant, Message, Refusal, Request
from registry.core.statements.typed_data import digest, typed_data
from registry.core.verify.judge import advice_on
from registry.ledger.base import Receipt
from registry.present.vocabulary import check_known
from registry.wallets.base import Wallet, with_usual_v

if TYPE_CHECKING:
    from registry.client.deliveries import Delivery


class Anchored(NamedTuple):
    """Evidence, the receipt of its anchor, where it is kept, and the ending of the grant that it replaced.

    ``receipt`` is None where it was anchored before, and ``superseded`` where nothing was replaced or had to be ended.
    ``delivery`` says what the brand has of it, where it is delivered.
    """

    evidence: Evidence
    receipt: Receipt | None
    kept: str = ""
    superseded: Receipt | None = None
    delivery: Delivery | None = None


def fresh_salt() -> str:
    """Return 32 random bytes as 0x hex. With it, nothing that is anchored can be guessed."""
    return to_hex(secrets.token_bytes(32))


@contextmanager
def noting(done: str) -> Iterator[None]:
    """Add what is already done to any error or interruption from inside, so that the person learns of it."""
    try:
        yield
    except BaseException as error:
        error.add_note(done)
        raise


def check_signable(message: Message, now: int) -> None:
    """``InvalidInput`` for unknown terms, or a date more than 15 minutes after ``now`` (unix seconds)."""
    dated = _date_of(message)
    if dated > now + CLOCK_SKEW:
        name = "issuedAt" if hasattr(message, "issued_at") else "issuedUntil"
        raise InvalidInput(f"{name} is in the future ({format_utc(dated)})", "Ask for a statement with today's date.")
    check_known(getattr(message, "purposes", ()), "purpose")
    check_known(getattr(message, "data", ()), "data")
    check_known([message.terms] if hasattr(message, "terms") else [], "agreement")


def sign(party: Party, message: Message) -> bytes:
    """Return the wallet's signature of this message.

    ``InvalidInput`` where `check_signable` refuses it; ``Rejected`` where another account signed. The contract of a
    contract account is asked: ``LedgerUnavailable`` where the chain cannot be read.
    """
    network = party.network
    now = network.clock()
    if _date_of(message) > now + CLOCK_SKEW:
        # The kill-switch follows the chain where this machine's clock is behind it.
        now = max(now, network.ledger.head().time)
    check_signable(message, now)
    _check_past_cutoff(party, message)
    domain = network.domain
    signature = _signature_of(party.wallet, domain, message)
    if not is_signed_by(network, party.address, digest(domain, message), signature):
        advice = advice_on(signature) or "Choose that account in the wallet; a contract account needs its owners' keys."
        raise Rejected(f"the wallet's signature is not that of {party.address}", advice)
    return signature


def _check_past_cutoff(party: Party, message: Message) -> None:
    """Refuse to sign while the end of everything that this account signed could still end it too."""
    if isinstance(message, ENDINGS):
        return
    until, now = party.evidence.cutoff_of(party.address), party.network.clock()
    if now > until or party.network.ledger.head().time > until:
        return
    advice = f"Wait {until + 1 - now} seconds, then do it again."
    raise InvalidInput(f"this account has just ended everything until {format_utc(until)}", advice)


def sign_alone(wallet: Wallet, domain: Domain, message: Message, now: int, network: Network | None = None) -> bytes:
    """Return the wallet's signature of one statement; nothing is anchored, sent or kept.

    ``InvalidInput`` where `check_signable` refuses it at ``now``; ``Rejected`` where a contract on ``network`` does.
    """
    check_signable(message, now)
    signature = _signature_of(wallet, domain, message)
    if network is not None and not is_signed_by(network, wallet.address, digest(domain, message), signature):
        why = f"the contract at {wallet.address} does not accept its owners' signature"
        raise Rejected(why, "Find out who its owners are.")
    return signature


def _signature_of(wallet: Wallet, domain: Domain, message: Message) -> bytes:
    signature = wallet.sign_typed_data(typed_data(domain, message))
    plain = with_usual_v(signature)
    # A contract's signature stays as it is: a Safe reads another meaning from a v of 1.
    return plain if recover_address(digest(domain, message), plain) == unhex(wallet.address) else signature


def is_signed_by(network: Network, account: str, hashed: bytes, signature: bytes) -> bool:
    """Tell whether this account signed the 32 bytes ``hashed``, by its key or by its contract as it is now."""
    if recover_address(hashed, signature) == unhex(account):
        return True
    if not 1 <= len(signature) <= MAX_SIGNATURE:
        return False
    query = SignatureQuery(account, hashed, signature)
    return network.ledger.facts([], [query]).signatures[query]


def sign_evidence(party: Party, message: Request, notice: bytes) -> Evidence:
    """Return a signed Request with its notice. Requests are not anchored."""
    return _evidence(party, message, sign(party, message), quoted_notice=quoted(notice))


def anchor(
    party: Party, message: Grant | Refusal | Acceptance, signature: bytes, notice: bytes | None = None
) -> Anchored:
    """Put the commitment on chain in the party's own transaction, and return the evidence."""
    own = unanchored(party, message, signature, notice)
    anchored, receipt = party.anchorer.submit(own.commitment).wait()
    check_counts(party, receipt)
    return Anchored(own.anchored(anchored), receipt)


def unanchored(
    party: Party, message: Message, signature: bytes, notice: bytes | None = None, mandate: Evidence | None = None
) -> Unanchored:
    """Return the signed statement, with the mandate under which it was signed; an anchor makes evidence of it."""
    statement = STATEMENTS[type(message)](domain=party.network.domain, message=message)
    under = UNSET if mandate is None else signed_mandate(mandate)
    return Unanchored(statement, to_hex(signature), UNSET if notice is None else quoted(notice), under)


def check_counts(party: Party, receipt: Receipt) -> None:
    """``LedgerUnavailable`` where the anchor is not past the last end of everything that this account signed."""
    if receipt.time <= party.evidence.cutoff_of(party.address):
        # Anybody could send the signed end of everything again, with a later block, and it would end this too.
        advice = "Do it again: the chain's clock must be past the time until which you ended everything."
        raise LedgerUnavailable(f"{receipt.transaction} anchored it too early to count", advice)


def keep(party: Party, done: Anchored) -> Anchored:
    """Keep the evidence in the party's store; an error tells that it is already anchored."""
    with noting("It is anchored. If `consent status` does not list it, its evidence is lost: do it again."):
        return done._replace(kept=party.evidence.keep(done.evidence))


def _date_of(message: Message) -> int:
    return getattr(message, "issued_at", getattr(message, "issued_until", 0))


def _evidence(party: Party, message: Message, signature: bytes, **parts: Any) -> Evidence:
    statement = STATEMENTS[type(message)](domain=party.network.domain, message=message)
    return Evidence(statement=statement, signature=to_hex(signature), **parts)
