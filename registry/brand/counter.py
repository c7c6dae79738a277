"""Sign what the brand owes: sign, keep, and only then send, so that a crash at any moment loses and doubles nothing.

Notaries anchor statements one by one. The brand's own account, or a play-money network's relay, anchors many at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import NoReturn

import msgspec

from registry.brand.acceptances import Acceptances
from registry.brand.acknowledgements import Acknowledgements
from registry.brand.owed import Done, Kind
from registry.brand.records import OwnStatement
from registry.brand.store import Store
from registry.brand.use_heads import DAY, UseHeads
from registry.client.anchoring import OwnAnchorer
from registry.client.notary_anchor import Notaries, NotaryAnchorer
from registry.client.party import Party
from registry.client.sign import sign, unanchored
from registry.core.anchor import Anchor
from registry.core.errors import CouldNotCheck, NotaryUnavailable
from registry.core.evidence.pending import PendingFile, parse_pending, write_pending
from registry.core.facts import HandleQuery
from registry.core.merkle import build_tree, manifest_digest
from registry.core.promises import SignedPromise
from registry.core.scalars import ZERO_WORD, to_hex

# Statements of one batch, and those that notaries are asked about in one round.
MOST_AT_ONCE, MOST_ASKED = 1_024, 50


@dataclass(frozen=True)
class Counter:
    """The brand's own statements. ``party`` signs; its ``notaries`` anchor, else its ``sender`` or the relay.

    ``pays`` tells whether the party may pay itself. ``settles_after`` blocks, a completed grant is verified once more.
    ``head_seconds`` lie between two heads of the use log at least.
    """

    party: Party
    store: Store
    pays: bool = True
    settles_after: int = 16
    head_seconds: int = DAY

    @cached_property
    def kinds(self) -> dict[str, Kind]:
        """What the brand signs by itself, by the statements' primary types."""
        network, address = self.party.network, self.party.address
        acceptances = Acceptances(network, self.store, address, self.settles_after)
        acknowledgements = Acknowledgements(network, self.store, address, self.settles_after)
        return {
            "Acceptance": acceptances,
            "Acknowledgement": acknowledgements,
            "UseLog": UseHeads(network, self.store, address, self.head_seconds),
        }

    def step(self) -> bool:
        """Sign what is owed, and bring what is signed further; tell whether anything was done."""
        signed = [self._sign(name, kind) for name, kind in self.kinds.items()]
        sent = self._ask_notaries() if self.party.asks_notaries else self._send_batch()
        return any(signed) or sent

    def _sign(self, name: str, kind: Kind) -> bool:
        if not (owed := kind.owed(MOST_AT_ONCE)):
            return False
        date = self.party.network.date_for(self.party.address)
        signed = []
        for each in owed:
            message = each.message(date)
            own = unanchored(self.party, message, sign(self.party, message))
            signed.append(OwnStatement(name, each.about, write_pending(PendingFile(own))))
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
            self.store.put_under(tree.root, batch)
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

    def _notarised(self, signed: OwnStatement) -> Anchor:
        file, notaries = parse_pending(signed.file), self.party.notaries
        assert notaries is not None  # `asks_notaries` says so
        network, commitment = self.party.network, file.evidence.commitment
        own = OwnAnchorer(network.ledger, self.party.sender)
        keep = partial(self._keep_promise, signed, file)
        may_pay = _may if self.pays else _may_not
        anchorer = NotaryAnchorer(network, _without_waiting(notaries), own, may_pay=may_pay, keep=keep)
        promise = file.promise if isinstance(file.promise, SignedPromise) else None
        if signed.tried:
            return anchorer.resume(commitment, promise).wait()[0]
        self.store.keep_promise(signed, b"")
        return anchorer.submit(commitment).wait()[0]

    def _keep_promise(self, signed: OwnStatement, file: PendingFile, promise: SignedPromise) -> None:
        self.store.keep_promise(signed, write_pending(msgspec.structs.replace(file, promise=promise)))

    def _complete(self, batch: Sequence[OwnStatement], anchors: Sequence[Anchor]) -> None:
        done: dict[str, list[Done]] = {}
        for each, anchor in zip(batch, anchors, strict=True):
            evidence = parse_pending(each.file).evidence.anchored(anchor)
            done.setdefault(each.kind, []).append(Done(each.about, evidence))
        for name, these in done.items():
            self.kinds[name].complete(these)
        self.store.drop_signed(batch)


def _without_waiting(notaries: Notaries) -> Notaries:
    return replace(notaries, waits=False)


def _may() -> None:
    """The brand pays itself."""


def _may_not() -> NoReturn:
    advice = "It is tried again; or let the brand's own account pay (`pays` in brand.toml)."
    raise NotaryUnavailable("no notary anchors the brand's statements now", advice)
