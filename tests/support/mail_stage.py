"""A brand that writes to Alice, who pulls: over the ledger in memory, or with messages that a hostile brand makes."""

from __future__ import annotations

import base64
import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from registry.brand.mailing import Mailer
from registry.client.grant import grant
from registry.client.mail import Pull, Pulled
from registry.client.mail_folder import MailFolder
from registry.core.evidence.file import Evidence, write_evidence
from registry.core.scalars import to_hex
from registry.core.sealed.mail import (
    Mail,
    MailContent,
    MailRecord,
    MailStatement,
    content_hash,
    seal_mail,
    write_content,
)
from registry.core.statements.messages import MailboxMessage
from registry.core.statements.typed_data import typed_data
from tests.support.brand_api import BrandApi, brand_api
from tests.support.stage import PURCHASES, Stage

FIELDS = [{"category": PURCHASES, "members": ["name", "orderDate", "price"], "continuing": True}]


def order(number: int, name: str = "coat", **more: Any) -> dict[str, Any]:
    """A record as a brand's own system sends it."""
    body = {"name": name, "orderDate": "2026-01-15", "price": "12.50"} | more
    return {"id": f"order-{number}", "category": PURCHASES, "schema": "purchase/1", "body": body}


def content(text: str = "", *records: dict[str, Any], **more: Any) -> MailContent:
    return MailContent(text=text, records=tuple(MailRecord(**one) for one in records), **more)


def page(*sealed: tuple[int, bytes], last: int | None = None) -> bytes:
    """What a brand's server answers."""
    found = [{"number": number, "sealed": base64.b64encode(raw).decode()} for number, raw in sealed]
    return json.dumps({"messages": found, "last": max([0, *(n for n, _ in sealed)]) if last is None else last}).encode()


class MailStage:
    """Alice's live grant to a brand. ``folder`` is what her home remembers of mail."""

    def __init__(self, stage: Stage, folder: Path) -> None:
        self.stage, self.folder = stage, MailFolder(folder)
        self.evidence = self.granted()

    def granted(self, **chosen: Any) -> Evidence:
        """One more grant of Alice's, which opens the mailbox."""
        if not self.stage.alice.vault.search("").records:
            self.stage.bought("what Alice has")
        return grant(self.stage.alice, self.stage.asked(FIELDS), **chosen).evidence

    @property
    def mailbox(self) -> str:
        return self.stage.alice.vault.mailbox(self.stage.alice.address, self.stage.brand.address)

    def mail(self, number: int, what: MailContent, *, by: Any = None, raw: bytes = b"", **changes: Any) -> bytes:
        """A sealed message. ``changes`` are to what is signed, ``raw`` takes the content's place, ``by`` signs."""
        plain = raw or write_content(what)
        members: dict[str, Any] = {
            "grant": to_hex(self.evidence.digest),
            "controller": self.stage.brand.address,
            "number": number,
            "content": content_hash(plain),
            "issued_at": self.stage.clock(),
        }
        to = changes.pop("to", self.mailbox)
        message = MailboxMessage(**members | changes)
        domain = self.stage.network.domain
        signature = (by or self.stage.brand).wallet.sign_typed_data(typed_data(domain, message))
        return seal_mail(Mail(MailStatement(domain, message), to_hex(signature), plain.decode()), to)

    def pull(self, *pages: bytes, **how: Any) -> Pulled:
        """Pull from a brand that answers with these pages."""
        answers = iter(pages)
        return self.pull_from(lambda _: next(answers), **how)

    def pull_from(self, ask: Any, **how: Any) -> Pulled:
        return Pull(self.stage.alice, how.pop("evidence", self.evidence), ask, self.folder, **how).run()


class Correspondence(MailStage):
    """The same with the brand's real service between."""

    def __init__(self, api: BrandApi, folder: Path) -> None:
        self.api = api
        super().__init__(api.stage, folder)
        self.place = self.deliver(self.evidence)

    def deliver(self, evidence: Evidence) -> str:
        place: str = self.api.send(write_evidence(evidence)).headers["location"]
        self.api.follow()
        return place

    def send(self, text: str = "", *records: dict[str, Any], **more: Any) -> Any:
        """Let the brand's own system write; return the answer."""
        named = {} if "subject" in more or "grant" in more else {"grant": to_hex(self.evidence.digest)}
        body = named | more | ({"text": text} if text else {}) | ({"records": list(records)} if records else {})
        return self.api.internal.post("/v1/messages", json=body)

    def sent(self, text: str = "", *records: dict[str, Any], **more: Any) -> Any:
        """The same, and the worker signs."""
        answer = self.send(text, *records, **more)
        assert answer.status_code == 202, answer.text
        self.api.follow()
        return answer

    def ask(self, after: int, place: str = "") -> bytes:
        answer = self.api.public.get(f"{place or self.place}/messages", params={"after": after})
        assert answer.status_code == 200, answer.text
        return bytes(answer.content)

    def fetch(self, **how: Any) -> Pulled:
        """Pull what the service has."""
        return self.pull_from(self.ask, **{"ask_file": self.ask_file} | how)

    def ask_file(self, cid: str) -> bytes | None:
        answer = self.api.public.get(f"{self.place}/files/{cid}")
        return bytes(answer.content) if answer.status_code == 200 else None

    def attached(self, raw: bytes, grant: str = "") -> Any:
        """Let the brand's own system hand over a file."""
        named = {"grant": grant or to_hex(self.evidence.digest)}
        headers = {"Content-Type": "application/octet-stream"}
        return self.api.internal.post("/v1/files", params=named, content=raw, headers=headers)

    @property
    def answer(self) -> int:
        """The id of the grant in the brand's store."""
        return self.api.brand.store.by_digest({self.evidence.digest})[self.evidence.digest].id

    def mailer(self, **changes: Any) -> Mailer:
        brand = self.stage.brand
        parts: dict[str, Any] = {
            "party": brand,
            "store": self.api.brand.store,
            "identity": brand.identity,
            "get": self.stage.store.get,
        }
        return Mailer(**parts | changes)


def correspondence(stack: ExitStack, folder: Path, **how: Any) -> Correspondence:
    """Open a brand's service with Alice's grant in it."""
    api = stack.enter_context(brand_api(folder, **how))
    api.follow()
    return Correspondence(api, folder / "alice's home")


def bodies(stage: Stage, category: str = PURCHASES) -> list[str]:
    """The names of Alice's records of a category, sorted."""
    return sorted(str((one.body or {}).get("name")) for one in stage.alice.vault.shares.records(category))
