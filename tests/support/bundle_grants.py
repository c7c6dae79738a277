"""Grants that hand over bundles of a database, made by hand, so that a test can hand over anything."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from registry.client.request import publish_notice, request
from registry.client.sign import anchor, fresh_salt, sign
from registry.client.verify import read
from registry.core.age.recipients import recipient_of
from registry.core.crypto.revocation import lock_of
from registry.core.crypto.seeds import mailbox_identity, relationship_key, revocation_secret
from registry.core.evidence.file import Evidence, write_evidence
from registry.core.ipld.cid import Block, cid_of_block
from registry.core.notices.document import chosen_language
from registry.core.notices.rendering import DAY, render
from registry.core.scalars import ZERO_WORD, to_hex
from registry.core.sealed.bundles import BundleKey, View
from registry.core.sealed.capsule import Capsule, StreamUpdate
from registry.core.sealed.documents import public_key_of, seal_document, signed
from registry.core.sealed.heads import StreamHead, StreamReader
from registry.core.statements.messages import Grant, Request
from registry.vault.database import Database
from registry.vault.draft import Draft
from tests.support.builders import notice_document
from tests.support.stage import PURCHASES, Stage

VIEW = View(PURCHASES, ("name", "price"), continuing=True)


def purchase(name: str, day: int = 15, **more: Any) -> Draft:
    body = {"name": name, "price": "12.50", "orderDate": f"2026-01-{day:02d}", "seller": "Maison Aurelle"}
    return Draft("pd:Purchase", "purchase/1", body=body, source="by hand", **more)


class Handover:
    """Alice's database, and a grant to the stage's brand that hands over bundles of it."""

    def __init__(self, stage: Stage, folder: Path, categories: Sequence[str] = (), seed: bytes | None = None) -> None:
        self.stage, self.seed, self.categories = stage, seed or stage.seed("alice"), categories
        self.vault = Database(folder, self.seed, stage.store)
        self.key = relationship_key(self.seed, stage.alice.address, stage.brand.address)
        self.evidence: Evidence
        self.keys: tuple[BundleKey, ...] = ()
        self._lock, self._number = "", 0

    def grant(self, views: Iterable[View] = (VIEW,), change: Callable[[Capsule], Any] | None = None) -> Evidence:
        """Grant all that the brand asks for; ``change`` may exchange the capsule, or its sealed bytes."""
        asked = read(self._request())
        draft = self._draft(asked)
        alice, brand = self.stage.alice.address, self.stage.brand.address
        self._lock = draft.revocation
        keys = self.vault.shares.begin(alice, brand, list(views), self._lock) if views else ()
        self.keys = keys or self.keys
        capsule: Any = Capsule(
            subject=alice,
            controller=brand,
            lock=self._lock,
            vault_key=public_key_of(self.key),
            mailbox=recipient_of(mailbox_identity(self.seed, alice, brand)),
            streams=keys,
        )
        if change is not None:
            capsule = change(capsule)
        message = draft if capsule is None else msgspec.structs.replace(draft, content=self._stored(capsule))
        signature = sign(self.stage.alice, message)
        self.evidence = anchor(self.stage.alice, message, signature, str(asked.notice).encode()).evidence
        return self.evidence

    def update(self, **changes: Any) -> bytes:
        """Bring the bundles up to date, and return the sealed update; ``changes`` are to the update itself."""
        self.keys = self.vault.shares.bring_up_to_date(self._lock)
        self._number += 1
        members: dict[str, Any] = {"grant": to_hex(self.evidence.digest), "number": self._number, "streams": self.keys}
        return self.seal(StreamUpdate(**members | changes))

    def head(self) -> StreamHead:
        """The newest head of the first bundle."""
        key = self.keys[0]
        return StreamReader(key.stream, key.identity, public_key_of(self.key), self.stage.store.get).head(key.head)

    def _stored(self, capsule: Any) -> str:
        sealed = capsule if isinstance(capsule, bytes) else self.seal(capsule)
        self.stage.store.put([Block(cid_of_block(sealed), sealed)])
        return to_hex(sha256(sealed).digest())

    def _request(self) -> bytes:
        if not self.categories:
            return self.stage.request()
        texts = notice_document()["text"]
        for text in texts.values():
            text["labels"] |= {term: f"loyalty {number}" for number, term in enumerate(self.categories)}
        scope = {"purposes": ["dpv:Marketing"], "processing": ["dpv:Use"], "data": list(self.categories)}
        notice = self.stage.notice(text=texts, scopes=[scope])
        publish_notice(self.stage.network, notice)
        return write_evidence(request(self.stage.brand, notice))

    def seal(self, document: Any, by: Any = None) -> bytes:
        """Sign a document for the relationship, and seal it to the brand."""
        return seal_document(signed(document, by or self.key), self.stage.brand.recipient)

    def _draft(self, asked: Evidence) -> Grant:
        request, notice = asked.statement.message, asked.parsed_notice
        assert isinstance(request, Request) and notice is not None
        now, salt = self.stage.network.date_for(self.stage.alice.address), fresh_salt()
        draft = Grant(
            statement="",
            subject=self.stage.alice.address,
            controller=request.controller,
            request=to_hex(asked.digest),
            purposes=request.purposes,
            data=request.data,
            terms=request.terms,
            notice=request.notice,
            content=ZERO_WORD,
            supersedes=ZERO_WORD,
            issued_at=now,
            not_before=now,
            expires_at=now + notice.max_days * DAY,
            revocation=lock_of(revocation_secret(self.seed, salt)),
            salt=salt,
        )
        return msgspec.structs.replace(draft, statement=render(notice, chosen_language(notice, None), draft))
