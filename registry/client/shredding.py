"""Shred records, and the capsules of the grants that handed them over: these hold the keys of bundles."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from registry.client.accounts import made_lock
from registry.client.evidence_store import EvidenceStore
from registry.core.ipld.cid import cid_from_digest
from registry.core.scalars import ZERO_WORD, unhex
from registry.core.sealed.certificate import ShredCertificate
from registry.core.statements.messages import Grant
from registry.storage.base import BlockStore
from registry.vault.database import Database
from registry.vault.rewriting import Told
from registry.vault.shred import Selection


def shred(
    vault: Database,
    kept: EvidenceStore,
    selection: Selection,
    others: Mapping[str, BlockStore] | None = None,
    agreed: Collection[str] | None = None,
    told: Told = lambda *_: None,
) -> ShredCertificate:
    """Erase records as `Erasure.shred` does, and the capsules of the kept grants whose bundles went with them.

    Evidence stays: a person ends a live grant with it.
    """
    return vault.erasure.shred(selection, others, agreed, told, _capsules(vault, kept))


def _capsules(vault: Database, kept: EvidenceStore) -> dict[str, str]:
    """Return the CIDs of the capsules that this vault made, by the locks of their grants."""
    found: dict[str, str] = {}
    for evidence in kept.all():
        grant = evidence.statement.message
        if isinstance(grant, Grant) and grant.content != ZERO_WORD and made_lock(vault, evidence):
            found[grant.revocation] = cid_from_digest(unhex(grant.content))
    return found
