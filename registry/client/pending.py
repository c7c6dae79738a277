"""What is signed and not yet anchored: kept before anything is sent, completed later, or given up."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from msgspec import UNSET, structs

from registry.client.anchoring import OwnAnchorer
from registry.client.evidence_store import EvidenceStore, kept_by_digest
from registry.client.later import end_superseded, note_superseded
from registry.client.network import Network
from registry.client.notary_anchor import Notaries, NotaryAnchorer
from registry.client.party import Party, Person
from registry.client.pending_store import PendingFolder, random_seconds
from registry.client.relay import said_of_payer
from registry.client.revoke import revoke
from registry.client.risks import LINKS_BRANDS, check_paid, linked_brands, names_of, note_payment
from registry.client.sign import Anchored, check_counts, noting
from registry.core.anchor import Anchor
from registry.core.errors import (
    ConsentError,
    InvalidInput,
    LedgerUnavailable,
    NotaryUnavailable,
    NotYetAnchored,
    Rejected,
    StorageUnavailable,
)
from registry.core.evidence.file import Evidence, with_acceptance
from registry.core.evidence.pending import PendingFile, Unanchored
from registry.core.ipld.cid import Block, cid_from_digest
from registry.core.promises import SignedPromise
from registry.core.scalars import ZERO_WORD, to_hex, unhex
from registry.core.statements.messages import Acceptance, Grant
from registry.ledger.base import Receipt
from registry.wallets.base import AbsentWallet

# After a grant is anchored, the grant that it replaces is ended so many seconds later: later and apart.
LATER = (20, 90)


class Outcome(NamedTuple):
    """What became of one pending statement: it is evidence now, or why it still waits."""

    pending: PendingFile
    done: Anchored | None
    why: ConsentError | None = None


def publish(
    party: Party,
    own: Unanchored,
    blocks: Sequence[Block] = (),
    accepted: Collection[str] = (),
    old: Evidence | None = None,
) -> Anchored:
    """Keep a signed statement durably, store what it hands over, anchor it, and keep the evidence.

    Then, at a time of its own, the grant ``old`` ends. ``accepted`` and the errors are as for `finish`.
    """
    folder, pending = notaries_of(party).folder, PendingFile(own)
    with folder.holding(own.digest):
        folder.keep(pending)
        _store(party, pending, blocks)
        if old is None or not isinstance(party, Person):
            return _finish(party, pending, accepted, first=True)
        note_superseded(party, old, own.digest)
        done = _finish(party, pending, accepted, first=True)
    left = f"The new grant is anchored, but the one before it may stand too: `consent revoke {to_hex(old.digest)}`."
    with noting(left):
        if party.asks_notaries:
            return done._replace(superseded=end_superseded(party, own.digest))
        ended = revoke(party, old)
        _drop_endings(folder, own.digest)
        return done._replace(superseded=ended)


def _store(party: Party, pending: PendingFile, blocks: Sequence[Block]) -> None:
    try:
        party.network.store.put(blocks)
    except BaseException:
        # Nothing was promised and nothing anchored, so nothing is lost.
        with suppress(StorageUnavailable):
            _forget(party, pending)
        raise


def finish(party: Party, pending: PendingFile, accepted: Collection[str] = ()) -> Anchored:
    """Anchor a pending statement through the party's notaries, or its own transaction, and keep the evidence.

    It may have been sent before, by a process that was killed: the chain is read first. ``accepted`` has the risks
    that the person accepts, should the party have to pay. ``NotYetAnchored`` where nothing more is waited for now, or
    another process is at it, and ``NotaryUnavailable`` where no notary took it and nobody pays; then the statement
    stays pending. ``InvalidInput`` where it was given up meanwhile.
    """
    folder, digest = notaries_of(party).folder, pending.evidence.digest
    with _named(digest), folder.holding(digest):
        # Another process may have completed it since it was read, or have got a promise for it.
        if (now := folder.now(digest)) is not None:
            return _finish(party, now, accepted)
        if (done := _kept(party, pending)) is None:
            raise InvalidInput(f"{digest[:14]} was given up meanwhile", "See `consent status`.")
        return done


@contextmanager
def _named(digest: str) -> Iterator[None]:
    try:
        yield
    except NotYetAnchored as error:
        error.digest = digest
        raise


def _finish(party: Party, pending: PendingFile, accepted: Collection[str], *, first: bool = False) -> Anchored:
    """Do as `finish`, for the process that holds the statement.

    The ``first`` time, what the payer declines or the contract refuses is forgotten: no notary has seen it.
    """
    notaries, own = notaries_of(party), pending.evidence
    if own.statement.domain != party.network.domain:
        raise NotYetAnchored("it belongs to another chain or registry", "Name its own network with --network.")
    if done := _kept(party, pending):
        return done
    anchorer = NotaryAnchorer(
        party.network,
        notaries,
        OwnAnchorer(party.network.ledger, party.sender),
        may_pay=partial(_may_pay, party, pending, accepted),
        keep=partial(_keep_promise, notaries, pending),
    )
    promise = pending.promise if isinstance(pending.promise, SignedPromise) else None
    if promise is None:
        _check_stored(party, pending)
    try:
        with _named(own.digest), noting(f"It is signed and kept as {own.digest[:14]}: `consent status` completes it."):
            # A new one was handed to nobody, so no notary but the one that anchors it hears of it.
            start = anchorer.submit(own.commitment) if first else anchorer.resume(own.commitment, promise)
            anchor, receipt = start.wait()
    except (InvalidInput, Rejected):
        if first and not party.asks_notaries:
            _forget(party, pending)
        raise
    return _complete(party, pending, anchor, receipt)


def finish_all(network: Network, store: EvidenceStore, notaries: Notaries) -> list[Outcome]:
    """Try to complete each pending statement, without waiting for a block. Without a notary the relay pays, if any."""
    outcomes = []
    for pending in notaries.folder.all():
        wallet = AbsentWallet(pending.evidence.signer)
        party = Party(network=network, wallet=wallet, evidence=store, notaries=replace(notaries, waits=False))
        try:
            outcomes.append(Outcome(pending, finish(party, pending)))
        except ConsentError as error:
            outcomes.append(Outcome(pending, None, error))
    return outcomes


def give_up(party: Party, pending: PendingFile) -> Receipt | None:
    """End a pending statement before it is anchored, delete its capsule, and keep it no longer.

    A grant that a notary has promised to anchor is revoked by its `Person`, because the notary may anchor it still. The
    ending's receipt is returned, and None where there is nothing to end. ``NotYetAnchored`` where another process is at
    it, or has gone on with it since ``pending`` was read.
    """
    folder, digest = notaries_of(party).folder, pending.evidence.digest
    with _named(digest), folder.holding(digest):
        if folder.now(digest) != pending:
            raise NotYetAnchored("another process has gone on with it", "See `consent status`, and do it again.")
        receipt = None
        if must_be_ended(pending):
            assert isinstance(party, Person)
            receipt = revoke(party, pending.evidence.as_if_anchored)
        _forget(party, pending)
        return receipt


def must_be_ended(pending: PendingFile) -> bool:
    """Whether giving it up takes an ending: of a grant that was handed to a notary."""
    return pending.evidence.kind == "Grant" and pending.promise is not UNSET


def notaries_of(party: Party) -> Notaries:
    """Return the party's notaries; only callers that know of some ask."""
    assert party.notaries is not None
    return party.notaries


def pending_answer(party: Party, kind: str, member: str, digest: str) -> PendingFile | None:
    """Return the pending statement of this kind, by this party, whose ``member`` (request or grant) is the digest."""
    if party.notaries is None:
        return None
    for pending in party.notaries.folder.all():
        own = pending.evidence
        named = getattr(own.statement.message, member, "")
        if (own.kind, own.author, named) == (kind, party.address, digest):
            return pending
    return None


def _complete(party: Party, pending: PendingFile, anchor: Anchor, receipt: Receipt) -> Anchored:
    folder = notaries_of(party).folder
    try:
        check_counts(party, receipt)
    except LedgerUnavailable:
        _forget(party, pending)
        raise
    # Set first: once the new evidence is kept, another process may send the old grant's ending.
    for later in folder.later():
        if later.after == pending.evidence.digest:
            apart = random_seconds(*LATER) if party.asks_notaries else 0
            folder.keep_later(structs.replace(later, due=party.network.clock() + apart))
    with noting("It is anchored, and what you signed is kept: `consent status` makes the evidence of it."):
        evidence = _whole(party, pending.evidence.anchored(anchor))
        kept = party.evidence.keep(evidence)
    folder.drop(pending.evidence.digest)
    return Anchored(evidence, receipt, kept)


def _whole(party: Party, evidence: Evidence) -> Evidence:
    """Return the file that is kept: of an acceptance, the grant with the acceptance in it."""
    message = evidence.statement.message
    if not isinstance(message, Acceptance):
        return evidence
    grant = kept_by_digest(party.evidence, message.grant)
    if grant is None:
        raise InvalidInput(f"the accepted grant {message.grant[:14]} is not kept here", "Accept it again.")
    return with_acceptance(grant, evidence)


def _kept(party: Party, pending: PendingFile) -> Anchored | None:
    """Return the evidence where it is kept already: a process was killed before it dropped the pending file."""
    own = pending.evidence
    message = own.statement.message
    found = kept_by_digest(party.evidence, message.grant if isinstance(message, Acceptance) else own.digest)
    if found is None or own.signature not in (found.signature, getattr(found.acceptance, "signature", None)):
        return None
    notaries_of(party).folder.drop(own.digest)
    return Anchored(found, None, party.evidence.keep(found))


def _check_stored(party: Party, pending: PendingFile) -> None:
    """``InvalidInput`` where a process was killed before it had stored what the grant hands over."""
    message = pending.evidence.statement.message
    if not isinstance(message, Grant) or message.content == ZERO_WORD:
        return
    if not party.network.store.has(cid_from_digest(unhex(message.content))):
        advice = f"Give it up (`consent evidence drop {pending.evidence.digest[:14]}`), and grant again."
        raise InvalidInput("what it hands over was never stored", advice)


def _keep_promise(notaries: Notaries, pending: PendingFile, promise: SignedPromise) -> None:
    notaries.folder.keep(structs.replace(pending, promise=promise))


def _may_pay(party: Party, pending: PendingFile, accepted: Collection[str]) -> None:
    """Say what it shows that the party anchors by itself; ``NotaryUnavailable`` where it may not."""
    own, message = party.by_itself, pending.evidence.statement.message
    try:
        check_paid(own)
    except InvalidInput as error:
        if not party.asks_notaries:
            raise
        raise NotaryUnavailable(f"no notary anchored it, and {error}") from None
    if not isinstance(message, Acceptance):
        linked = linked_brands(own, names_of(own, [message.controller]))
        if linked and LINKS_BRANDS not in accepted:
            what = f"no notary anchored it, and {own.payer} pays only if you accept what that tells {', '.join(linked)}"
            again = f"consent evidence finish {pending.evidence.digest[:14]} --accept-risk {LINKS_BRANDS}"
            raise NotaryUnavailable(what, f"Try later, or do: `{again}`.")
        note_payment(own, message.controller)
    if party.asks_notaries:
        notaries_of(party).tell(f"No notary anchored it, so your own transaction does. {said_of_payer(own.sender)}")


def _forget(party: Party, pending: PendingFile) -> None:
    folder, message = notaries_of(party).folder, pending.evidence.statement.message
    _drop_endings(folder, pending.evidence.digest)
    folder.drop(pending.evidence.digest)
    if isinstance(message, Grant) and isinstance(party, Person):
        from registry.client.handing_over import discard  # slow to load

        discard(party, message.revocation, message.content)
    elif isinstance(message, Grant) and message.content != ZERO_WORD:
        # Its bundles need the seed: the next grant or `vault sync` erases them.
        party.network.store.delete([cid_from_digest(unhex(message.content))])


def _drop_endings(folder: PendingFolder, after: str) -> None:
    """Forget the endings that wait for this grant alone. What ends the same grants at a time of their own stays."""
    for later in folder.later():
        if later.after == after:
            folder.drop_later(later)
