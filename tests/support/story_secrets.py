"""What a person and a brand signed, as names and values that a notary must not know."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import msgspec
from msgspec import UNSET

from registry.core.evidence.file import Evidence
from registry.core.ipld.cid import cid_from_digest
from registry.core.scalars import unhex
from registry.core.sealed.documents import public_key_of
from registry.core.sealed.records import id_bytes
from registry.core.statements.typed_data import digest
from registry.vault.database import Database


def signed(files: list[Evidence]) -> Iterator[tuple[str, Any, bytes, bytes]]:
    """What was signed and anchored: its kind, message, digest and signature."""
    for evidence in files:
        parts: list[Any] = [evidence] if evidence.acceptance is UNSET else [evidence, evidence.acceptance]
        for one in parts:
            message = one.statement.message
            yield type(message).__name__, message, digest(one.statement.domain, message), unhex(one.signature)


def handed_over(vault: Database) -> dict[str, bytes | str]:
    """What a vault hands over, and what only its owner and the brand may know of that."""
    found: dict[str, bytes | str] = {}
    for number, bundle in enumerate(vault.shares.all()):
        ends = (bundle.subject, bundle.controller)
        found |= {
            f"bundle {number} name": f"0x{bundle.name}",
            f"bundle {number} secret": f"0x{bundle.secret}",
            f"bundle {number} identity": bundle.identity,
            f"bundle {number} head": bundle.head,
            f"bundle {number} mailbox": vault.mailbox(*ends),
            f"bundle {number} vaultKey": public_key_of(vault.shares.key_for(*ends)),
        }
        for place, record in enumerate(islice(vault.shares.preview(bundle.view), 20)):
            body = record.body or {}
            found |= {f"record {place} {name}": text for name, text in body.items() if len(str(text)) > 12}
    found |= {
        f"own record {place}": f"0x{id_bytes(one.id).hex()}" for place, one in enumerate(islice(vault.select(""), 20))
    }
    return found | {"index": vault.index}


def secrets_of(files: list[Evidence]) -> dict[str, bytes | str]:
    """All that these files say, but for commitments, which are the notary's business."""
    found: dict[str, bytes | str] = {}
    for kind, message, hashed, signature in signed(files):
        found |= {f"{kind} digest": hashed, f"{kind} signature": signature}
        for name, value in msgspec.to_builtins(message).items():
            for place, one in enumerate(value if isinstance(value, list | tuple) else [value]):
                if isinstance(one, str) and one.strip("0x"):
                    found[f"{kind} {name} {place}"] = one
    for name in [name for name in found if name.endswith((" notice 0", " content 0"))]:
        found[f"{name} CID"] = cid_from_digest(unhex(str(found[name])))
    return found
