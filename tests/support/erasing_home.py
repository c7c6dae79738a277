"""A person's home with grants and refusals in it, all that a home keeps of them, and what looks for any of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from msgspec import UNSET

from registry.client.deliveries import Deliveries, Delivery, Reached
from registry.client.evidence_erasure import EvidenceErasure
from registry.client.grant import grant
from registry.client.home import Home
from registry.client.mail_folder import MailFolder, Seen
from registry.client.party import Person
from registry.client.pending_store import LaterEnding, PendingFolder
from registry.client.request import request
from registry.client.revoke import opening_of, revoke
from registry.core.crypto.seeds import search_key
from registry.core.endings import Opening
from registry.core.evidence.file import Evidence, acceptance_evidence, commitment_of, write_evidence
from registry.core.ipld.cid import cid_from_digest
from registry.core.scalars import to_hex, unhex
from registry.vault.draft import Draft
from tests.support.builders import word
from tests.support.stage import PURCHASES, Stage
from tests.support.working_copies import decrypted_pages

FIELDS = [{"category": PURCHASES, "members": ["name"], "continuing": True}]


class ErasingHome:
    """Alice's home, which signs with its key file, on the stage's network."""

    def __init__(self, stage: Stage, folder: Path, other: ErasingHome | None = None) -> None:
        self.stage, self.home = stage, Home(folder)
        if other is None:
            self.home.create("", guessable=True)
        else:
            self.home.recover(other.home.seed(""), "", guessable=True)
            (folder / "keys").mkdir()
            for key in other.home.keys.iterdir():
                (folder / "keys" / key.name).write_bytes(key.read_bytes())
        self.person: Person = stage.person_of(self.home)

    @property
    def erasure(self) -> EvidenceErasure:
        return EvidenceErasure(self.home, self.stage.network, self.person.vault)

    def bought(self, *names: str) -> None:
        body = {"price": "12.50", "orderDate": "2026-01-15"}
        self.person.vault.add(Draft(PURCHASES, "purchase/1", body=body | {"name": name}) for name in names)

    def request(self, **notice: Any) -> bytes:
        """The brand asks. The notice is not published: a store of the person's own does not hold it."""
        return write_evidence(request(self.stage.brand, self.stage.notice(more={"fields": FIELDS}, **notice)))

    def granted(self, asked: bytes | None = None, **how: Any) -> Evidence:
        return grant(self.person, self.request() if asked is None else asked, again=True, **how).evidence

    def ended(self, asked: bytes | None = None, **how: Any) -> Evidence:
        evidence = self.granted(asked, **how)
        revoke(self.person, evidence)
        return evidence

    def leave_everything(self, one: Evidence) -> list[Path]:
        """Leave all kinds of files that a home may have of a grant; return them."""
        digest, home = to_hex(one.digest), self.home.path
        domain, message = one.statement.domain, one.statement.message
        Deliveries(home).keep(
            Delivery(
                digest=digest,
                kind="Grant",
                brand="Maison Aurelle",
                domain="aurelle.example",
                inbox="https://aurelle.example/v1/evidence",
                since=1,
                stage=Reached.TAKEN,
                capability="ab" * 16,
                sent=(capsule_of(one),),
            )
        )
        MailFolder(home).keep(digest, Seen(True, (word(7),)))
        folder = PendingFolder(home)
        opening = Opening(*opening_of(self.person, one))
        folder.keep_later(LaterEnding(name=digest, due=1, opening=opening))
        folder.keep_later(LaterEnding(name=digest, due=1, opening=opening, after=word(8)))
        chain = f"{domain.chain_id}-{domain.verifying_contract}"
        notice: Any = one.parsed_notice
        made = {
            f"uses/{digest}-0.json": "[]",
            f"uses/heads-{chain}-{message.controller}-0.json": "[]",
            "uses/changed-0123456789abcdef.json": json.dumps({"grant": digest}),
            f"confirmed/{chain}-{notice.controller.domain}.json": "{}",
            f"promises/{to_hex(commitment_of(one))}-{message.controller}.json": "{}",
            f"tokens/abc.{one.handle}": "token",
            f"vault/granting/{message.revocation}": f"{digest} {message.content}\n",
            f"evidence/.{'0' * 32}.x.part": write_evidence(one).decode()[:3000],
        }
        for name, text in made.items():
            (home / name).parent.mkdir(exist_ok=True)
            (home / name).write_text(text)
        names = [f"{folder}/{digest}.json" for folder in ("evidence", "deliveries", "mail", "endings")]
        names += [f"endings/{digest}-{word(8)}.json"]
        return [home / name for name in (*names, *made)]

    def left_of(self, one: Evidence, *texts: str) -> list[str]:
        """Where a value of this statement is left: in a file's name or bytes, the decrypted copy, or the store."""
        found, words = list[str](), values_of(one, *texts)
        for path in sorted(path for path in self.home.path.rglob("*") if path.is_file()):
            raw = path.read_bytes() + str(path.relative_to(self.home.path)).encode()
            found += [f"{path.relative_to(self.home.path)} {name}" for name, word in words if word in raw]
        pages = decrypted_pages(self.home.vault / "copy.db", search_key(self.home.seed("")))
        found += [f"decrypted copy {name}" for name, word in words if word in pages]
        kept = b"".join((*self.stage.store.kept, *self.stage.store.kept.values()))
        return found + [f"store {name}" for name, word in words if word in kept]

    def bundle_blocks(self, one: Evidence) -> set[str]:
        """The files of the bundles that a grant hands over, and its capsule."""
        message: Any = one.statement.message
        shares = self.person.vault.shares
        files = [cid for bundle in shares.of(message.revocation) for cid in shares.files_left(bundle)]
        return {*files, capsule_of(one)}


def capsule_of(one: Evidence) -> str:
    message: Any = one.statement.message
    return cid_from_digest(unhex(message.content))


def values_of(one: Evidence, *texts: str) -> list[tuple[str, bytes]]:
    """All by which a statement can be known, as hex and as bytes, by their names."""
    message: Any = one.statement.message
    values = {
        "digest": to_hex(one.digest),
        "signature": one.signature,
        "salt": message.salt,
        "commitment": to_hex(commitment_of(one)),
    }
    if one.kind == "Grant":
        values |= {"lock": message.revocation, "content": message.content, "handle": str(one.handle)}
    if one.acceptance is not UNSET:
        accepted: Any = acceptance_evidence(one)
        values |= {"accepted": to_hex(accepted.digest), "counter": accepted.signature}
    found = [(name, form) for name, value in values.items() for form in (value[2:].encode(), unhex(value))]
    if one.kind == "Grant":
        found.append(("CID", capsule_of(one).encode()))
    return found + [(text, text.encode()) for text in texts]
