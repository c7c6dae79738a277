"""Counter-sign live grants: sign, keep, and only then send, so that a crash at any moment loses and doubles nothing.

Notaries anchor acceptances one by one. The brand's own account, or a play-money network's relay, anchors many at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import NoReturn

import msgspec

from registry.brand.records import STANDING, Answer, Change, SignedAcceptance, State
from registry.brand.store import Store
from registry.client.anchoring import OwnAnchorer
from registry.client.notary_anchor import Notaries, NotaryAnchorer
from registry.client.party import Party
from registry.client.sign import fresh_salt, sign, unanchored
from registry.core.anchor import Anchor
from registry.core.errors import CouldNotCheck, NotaryUnavailable
from registry.core.evidence.file import parse_evidence, with_acceptance, write_evidence
from registry.core.evidence.pending import PendingFile, parse_pending, write_pending
from registry.core.facts import HandleQuery
from registry.core.merkle import build_tree, manifest_digest
from registry.core.promises import SignedPromise
from registry.core.scalars import ZERO_WORD, to_hex
from registry.core.statements.messages import Acceptance

# Acceptances of one batch, and those that notaries are asked about in one round.
MOST_AT_ONCE, MOST_ASKED = 1_024, 50


@dataclass(frozen=True)
class Counter:
    """The brand's side of grants. ``party`` signs; its ``notaries`` anchor, else its ``sender`` or the relay.

    ``pays`` tells whether the party may pay itself. ``settles_after`` blocks, a completed grant is verified once more.
    """

    party: Party
    store: Store
    pays: bool = True
    settles_after: int = field(default=16)

    def step(self) -> bool:
        """Sign what is live, and bring what is signed further; tell whether anything was done."""
        signed = self._sign(self.store.unsigned(MOST_AT_ONCE))
        sent = self._ask_notaries() if self._asks_notaries else self._send_batch()
        return signed or sent

    @property
    def _asks_notaries(self) -> bool:
        return self.party.asks_notaries

    def _sign(self, grants: Sequence[Answer]) -> bool:
        if not grants:
            return False
        date = self.party.network.date_for(self.party.address)
        signed = []
        for grant in grants:
            message = Acceptance(
                grant=to_hex(grant.digest), controller=self.party.address, issued_at=date, salt=fresh_salt()
            )
            own = unanchored(self.party, message, sign(self.party, message))
            signed.append(SignedAcceptance(grant.id, write_pending(PendingFile(own))))
        self.store.keep_signed(signed)
        return True

    def _send_batch(self) -> bool:
        waiting = self.store.signed(MOST_AT_ONCE)
        if not waiting:
            return False
        # A batch that was begun before a crash goes first, with the same members.
        begun = next((each.root for each in waiting if each.root), b"")
        batch = self.store.batch(begun) if begun else waiting
        commitments = [parse_pending(each.file).evidence.commitment for each in batch]
        tree = build_tree(commitments)
        if not begun:
            self.store.put_under(tree.root, [each.answer for each in batch])
        if (anchor := self._anchored(tree.root, commitments)) is None:
            return False
        proofs = tree.proofs()
        anchors = [msgspec.structs.replace(anchor, proof=proofs[each]) for each in commitments]
        self._complete(batch, anchors)
        return True

    def _anchored(self, root: bytes, commitments: Sequence[bytes]) -> Anchor | None:
        """Return the anchor of a root without its proof; anchor it where the chain does not show it."""
        network, query = self.party.network, HandleQuery(to_hex(root), ZERO_WORD)
        if network.ledger.facts([query]).anchors[query].anchored_at:
            return Anchor(to_hex(root), (), ZERO_WORD, 0)
        if not self.pays:
            return None
        manifest = to_hex(manifest_digest(commitments))
        receipt = network.ledger.transact("anchor", to_hex(root), manifest, sender=self.party.sender)
        return Anchor(to_hex(root), (), receipt.transaction, receipt.block)

    def _ask_notaries(self) -> bool:
        done = False
        for each in self.store.signed(MOST_ASKED):
            # One that is not anchored yet, or that no notary takes now, waits for the next round.
            with suppress(CouldNotCheck):
                self._complete([each], [self._notarised(each)])
                done = True
        return done

    def _notarised(self, signed: SignedAcceptance) -> Anchor:
        file, notaries = parse_pending(signed.file), self.party.notaries
        assert notaries is not None  # `asks_notaries` says so
        network, commitment = self.party.network, file.evidence.commitment
        own = OwnAnchorer(network.ledger, self.party.sender)
        keep = partial(self._keep_promise, signed.answer, file)
        may_pay = _may if self.pays else _may_not
        anchorer = NotaryAnchorer(network, _without_waiting(notaries), own, may_pay=may_pay, keep=keep)
        promise = file.promise if isinstance(file.promise, SignedPromise) else None
        if signed.tried:
            return anchorer.resume(commitment, promise).wait()[0]
        self.store.keep_promise(signed.answer, b"")
        return anchorer.submit(commitment).wait()[0]

    def _keep_promise(self, answer: int, file: PendingFile, promise: SignedPromise) -> None:
        self.store.keep_promise(answer, write_pending(msgspec.structs.replace(file, promise=promise)))

    def _complete(self, batch: Sequence[SignedAcceptance], anchors: Sequence[Anchor]) -> None:
        network = self.party.network
        now, block = network.clock(), network.ledger.head().number
        grants = {each.id: each for each in self.store.by_id([each.answer for each in batch])}
        changes = []
        for each, anchor in zip(batch, anchors, strict=True):
            grant = grants[each.answer]
            if grant.state is not State.LIVE:
                continue  # what ended meanwhile needs no counter-signature
            acceptance = parse_pending(each.file).evidence.anchored(anchor)
            file = write_evidence(with_acceptance(parse_evidence(grant.file), acceptance))
            check_at = block + self.settles_after
            changes.append(Change(grant.id, STANDING, grant.state, file=file, accepted_at=now, check_at=check_at))
        self.store.change(changes)
        self.store.drop_signed([each.answer for each in batch])


def _without_waiting(notaries: Notaries) -> Notaries:
    return replace(notaries, waits=False)


def _may() -> None:
    """The brand pays itself."""


def _may_not() -> NoReturn:
    advice = "It is tried again; or let the brand's own account pay (`pays` in brand.toml)."
    raise NotaryUnavailable("no notary anchors the acceptance now", advice)
