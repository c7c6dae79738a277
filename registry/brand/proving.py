"""Find the anchors of promised statements: whole manifests are fetched, so nobody learns which statement is meant."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256

from registry.brand.given import kept_statement
from registry.brand.inbox import Inbox
from registry.brand.records import Answer, Change, Root, State
from registry.client.anchoring import own_root
from registry.core.anchor import Anchor
from registry.core.errors import CouldNotCheck, InvalidInput, Malformed
from registry.core.evidence.file import write_evidence
from registry.core.evidence.pending import Unanchored
from registry.core.ipld.cid import cid_from_digest
from registry.core.merkle import MAX_BATCH, build_tree
from registry.core.scalars import ZERO_WORD, to_hex
from registry.ledger.follower import read_manifest
from registry.net.http import TooLarge, Unreachable, fetch

WAIT_SECONDS = 2 * 86_400
_SECONDS = 15.0
_ROOTS, _WAITING = 20, 500
# root, manifest's SHA-256 -> its bytes
Fetch = Callable[[Root], bytes]


class Prover:
    """Completes promised statements from the roots of the chain's log. One worker at a time may use it."""

    def __init__(self, inbox: Inbox, fetched: Fetch) -> None:
        self._inbox, self._store, self._fetched = inbox, inbox.store, fetched

    def step(self) -> bool:
        """Look through some roots for what waits; tell whether there was any root to look through."""
        waiting = self._store.waiting(self._inbox.network.clock() - WAIT_SECONDS, _WAITING)
        if not waiting:
            return False
        # They come in the order of what was searched: the first ones lag behind.
        behind = [each for each in waiting if each.looked == waiting[0].looked]
        roots = self._store.roots_after(waiting[0].looked, _ROOTS)
        if not roots:
            return False
        statements = {each.id: kept_statement(each) for each in behind}
        for root in roots:
            self._look(root, behind, statements)
        self._store.searched([each.id for each in behind], roots[-1].id)
        return True

    def _look(self, root: Root, waiting: Sequence[Answer], statements: dict[int, Unanchored]) -> None:
        """Take the statements that are under this root."""
        commitments = self._commitments(root, [each.commitment for each in waiting])
        tree = None
        for each in waiting:
            if each.commitment not in commitments:
                continue
            tree = tree or build_tree(list(commitments))
            proof = tuple(map(to_hex, tree.proof(each.commitment)))
            anchor = Anchor(to_hex(root.root), proof, ZERO_WORD, root.block)
            self._take(each, write_evidence(statements[each.id].anchored(anchor)), root)

    def _take(self, waiting: Answer, file: bytes, root: Root) -> None:
        """Verify it as any file that comes in. What does not hold now is verified again later, as other answers are.

        Else it would be found here for ever, and what waits behind it would never be looked for.
        """
        (taken,) = self._inbox.take([file])
        if not isinstance(taken, Answer):
            deep = max(1, root.block + self._inbox.policy.confirmations)
            same = (State.WAITING,)
            self._store.change(
                [Change(waiting.id, same, State.WAITING, file=file, seen_block=root.block, check_at=deep)]
            )

    def _commitments(self, root: Root, waiting: Sequence[bytes]) -> frozenset[bytes]:
        alone = [each for each in waiting if own_root(each) == to_hex(root.root)]
        if alone:
            return frozenset(alone)
        try:
            return frozenset(read_manifest(root.root, root.manifest, lambda _: self._fetched(root)))
        except Malformed:  # somebody anchored what is no batch
            return frozenset()
        except (CouldNotCheck, InvalidInput):
            # Anybody may anchor a root whose manifest nobody has. The person's software sends the completed file.
            return frozenset()


def manifest_source(inbox: Inbox, urls: Sequence[str]) -> Fetch:
    """Return what fetches a manifest from the notaries at these URLs, and then from the content store."""

    def fetched(root: Root) -> bytes:
        for url in urls:
            if (found := _from_notary(url, root)) is not None:
                return found
        return inbox.network.store.get(cid_from_digest(root.manifest))

    return fetched


def _from_notary(url: str, root: Root) -> bytes | None:
    try:
        answer = fetch("GET", f"{url}/v1/batches/{to_hex(root.root)}", seconds=_SECONDS, max_bytes=32 * MAX_BATCH)
    except (Unreachable, TimeoutError, TooLarge):
        return None
    is_it = answer.status == 200 and sha256(answer.body).digest() == root.manifest
    return answer.body if is_it else None
