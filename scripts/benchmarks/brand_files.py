"""Evidence files of many people for one brand, all anchored in one batch."""

from __future__ import annotations

import random
from collections.abc import Sequence

import msgspec
from coincurve import PrivateKey

from registry.core.anchor import Anchor
from registry.core.crypto.keccak import keccak256
from registry.core.eip712 import Domain
from registry.core.evidence.file import STATEMENTS, Evidence, commitment_of, quoted, write_evidence
from registry.core.merkle import build_tree, manifest_digest
from registry.core.scalars import ZERO_WORD, checksum, to_hex
from registry.core.statements.messages import Grant
from registry.core.statements.typed_data import digest
from tests.support.builders import grant_message, notice_bytes, notice_document

DAY = 86_400
_NOT_YET = Anchor(root=ZERO_WORD, proof=(), transaction=ZERO_WORD, block=1)


def a_notice(account: str, recipient: str) -> bytes:
    """Return the notice of a brand."""
    return notice_bytes(controller=notice_document()["controller"] | {"account": account, "recipient": recipient})


def grants(domain: Domain, account: str, notice: bytes, count: int, now: int) -> list[Evidence]:
    """Return signed grants of as many people, not anchored yet."""
    chance = random.Random(1)  # noqa: S311 - the same files each time, and no secret in them
    return [_grant(chance, domain, account, notice, now) for _ in range(count)]


def _grant(chance: random.Random, domain: Domain, account: str, notice: bytes, now: int) -> Evidence:
    key = PrivateKey(chance.randbytes(32))
    issued = now - chance.randrange(60, 600)
    message = grant_message(
        notice,
        subject=checksum(keccak256(key.public_key.format(compressed=False)[1:])[12:]),
        controller=account,
        request=ZERO_WORD,
        salt=to_hex(chance.randbytes(32)),
        issued_at=issued,
        not_before=issued,
        expires_at=issued + 300 * DAY,
    )
    signed = key.sign_recoverable(digest(domain, message), hasher=None)
    signature = to_hex(signed[:64] + bytes([signed[64] + 27]))
    return Evidence(STATEMENTS[Grant](domain=domain, message=message), signature, _NOT_YET, quoted(notice))


def in_one_batch(given: Sequence[Evidence]) -> tuple[bytes, bytes, list[bytes]]:
    """Return the root and the manifest's hash of a batch of these, and the files with their proofs."""
    commitments = [commitment_of(each) for each in given]
    tree = build_tree(commitments)
    proofs, root = tree.proofs(), to_hex(tree.root)
    anchors = [Anchor(root, proofs[each], ZERO_WORD, 1) for each in commitments]
    made = [msgspec.structs.replace(each, anchor=anchor) for each, anchor in zip(given, anchors, strict=True)]
    return tree.root, manifest_digest(commitments), [write_evidence(each) for each in made]
