"""How a person ends what they allowed: in private, openly, all at once, or an address for ever.

Nobody can stop any of them, and none needs a brand's or a notary's help. The private way shows nobody anything;
the others show the address, and whoever calls them says so first.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress

from registry.client.network import Network, Party
from registry.client.sign import is_signed_by, sign
from registry.core.crypto.revocation import handle_for, lock_of, revocation_secret, salt_hash, tag_of
from registry.core.errors import InvalidInput, LedgerUnavailable
from registry.core.evidence.file import Evidence
from registry.core.facts import ZERO, FactQuery
from registry.core.scalars import CLOCK_SKEW, to_hex
from registry.core.statements.messages import Grant, Retire, Revoke, RevokeAll
from registry.ledger.base import Receipt


def revoke(party: Party, evidence: Evidence, kept: Collection[str] = ()) -> Receipt:
    """End one grant in private, by revealing its secret; the network's relay sends it, and learns nothing.

    Here and below ``kept`` are the digests under which the person keeps what they signed (`check_subject`).
    """
    return _ended(party, evidence, _transact(party, "revoke", *opening_of(party, evidence, kept)))


def opening_of(party: Party, evidence: Evidence, kept: Collection[str] = ()) -> tuple[str, str]:
    """What `revoke` reveals: the secret and the tag; ``InvalidInput`` where it would not end this grant."""
    grant = _grant(evidence)
    secret = revocation_secret(party.seed, grant.salt)
    if lock_of(secret) != grant.revocation:
        raise InvalidInput(
            "this vault's seed did not make the lock of that grant",
            "If the grant names your address, end it openly: `consent revoke --open`.",
        )
    check_subject(party, evidence, kept)
    return to_hex(secret), tag_of(grant.subject, grant.salt)


def revoke_openly(party: Party, evidence: Evidence, kept: Collection[str] = ()) -> Receipt:
    """End one grant with the subject's own key, whoever made its lock. The address is seen."""
    check_subject(party, evidence, kept)
    grant = _grant(evidence)
    lock = (grant.revocation, salt_hash(grant.salt))
    if party.pays_itself:
        return _ended(party, evidence, _transact(party, "revokeOpenly", *lock))
    signature = sign(party, Revoke(party.address, handle_for(grant.subject, grant.revocation, grant.salt)))
    return _ended(party, evidence, _transact(party, "revokeOpenlyFor", party.address, *lock, to_hex(signature)))


def revoke_all(party: Party) -> Receipt:
    """The kill-switch: end everything this address issued until now. The address is seen."""
    if party.pays_itself:
        return _transact(party, "revokeAll")
    head = party.network.ledger.head().time
    # No later than now: until then anybody could send it again, and end what was granted since.
    until = max(party.network.clock(), head)
    if until > head + CLOCK_SKEW:
        # Right where the chain has long made no block. Where the clock is wrong the contract refuses, and the
        # latest that it takes must do: a wrong clock stops nobody.
        signed = _signed_until(party, until)
        with suppress(InvalidInput):
            return _transact(party, "revokeAllFor", *signed)
        until = head + CLOCK_SKEW
    return _transact(party, "revokeAllFor", *_signed_until(party, until))


def retire(party: Party) -> Receipt:
    """For a stolen key: this address is never believed again. It is seen, and there is no way back."""
    if party.pays_itself:
        return _transact(party, "retire")
    return _transact(party, "retireFor", party.address, to_hex(sign(party, Retire(party.address))))


def renew_streams(party: Party, categories: Collection[str] | None = None) -> list[str]:
    """After an ending: new keys for these categories (all by default), so that old ones open nothing later."""
    if categories is None:
        categories = {stream.category for stream in party.vault.index().streams}
    return party.vault.renew(categories)


def _signed_until(party: Party, until: int) -> tuple[str, int, str]:
    return party.address, until, to_hex(sign(party, RevokeAll(party.address, until)))


def _grant(evidence: Evidence) -> Grant:
    message = evidence.statement.message
    if not isinstance(message, Grant):
        raise InvalidInput(f"this is a {evidence.kind}, not a Grant", "Only grants are revoked.")
    return message


def check_subject(party: Party, evidence: Evidence, kept: Collection[str] = ()) -> None:
    """``InvalidInput`` unless this account signed this very grant on this network: before anybody is warned or asked.

    A handle comes from three members of the grant. Were one of them altered in the file, another handle would be
    marked, and the grant would live on while its subject believes it ended.

    A contract account may no longer accept what it once signed, because its owners changed, and nobody else can tell
    that from an altered file. So a grant whose digest is one of those ``kept`` counts as signed: the digest covers
    the whole statement. Without a copy of one's own, `revoke_all` still ends the grant.
    """
    grant = _grant(evidence)
    if grant.subject != party.address:
        raise InvalidInput(
            f"the grant is of {grant.subject}, not of {party.address}", "Choose the account that granted it."
        )
    _check_domain(party.network, evidence)
    if to_hex(evidence.digest) in kept:
        return
    if not is_signed_by(party.network, grant.subject, evidence.digest, evidence.signature_bytes):
        raise InvalidInput(
            "the file was altered, or the owners of a contract account changed since it signed: ending it might end "
            "nothing",
            "Name your own copy by its digest (`consent status` lists them), or end everything: `consent revoke-all`.",
        )


def _check_domain(network: Network, evidence: Evidence) -> None:
    # Revealing the secret on another chain would end nothing there, and let anyone end the grant where it lives.
    if evidence.statement.domain != network.domain:
        raise InvalidInput(
            "the grant lives on another chain or registry than the configured one",
            "Revoke it with that network's configuration.",
        )


def _ended(party: Party, evidence: Evidence, receipt: Receipt) -> Receipt:
    """The receipt, once the chain itself says that the grant has ended: a receipt alone is somebody's word."""
    grant = _grant(evidence)
    question = FactQuery(ZERO, grant.subject, grant.revocation, grant.salt)
    if not party.network.ledger.facts([question]).anchors[question].revoked_at:
        raise LedgerUnavailable(
            f"{receipt.transaction} was sent, but the chain does not show the grant as ended",
            "Verify the grant, and revoke it again if it still holds; that does no harm.",
        )
    return receipt


def _transact(party: Party, function: str, *args: str | int) -> Receipt:
    return party.network.ledger.transact(function, *args, sender=party.sender)
