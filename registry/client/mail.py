"""Pull what brands sent: fetch, verify each message, take its records into the vault with the brand as their source.

Nothing of a message is taken unless the grant's controller signed it, for this grant and this mailbox, while the
grant lived. A page is taken as one change of the vault, so an interruption leaves no half of a message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from time import monotonic
from typing import Literal, NamedTuple

from registry.client.mail_files import AskFile, NoFile, fetched, file_draft
from registry.client.mail_folder import MAX_SEEN, MailFolder, Seen
from registry.client.mail_page import Page, parse_page
from registry.client.party import Person
from registry.client.sign import is_signed_by
from registry.client.verify import verify
from registry.core.age.recipients import Identity, parse_identity
from registry.core.errors import Expired, NotConsented, Revoked, SealedDataError
from registry.core.evidence.file import Evidence
from registry.core.facts import HandleQuery
from registry.core.instants import utc_text
from registry.core.scalars import CLOCK_SKEW, ZERO_WORD, format_utc, to_hex, unhex
from registry.core.sealed.mail import MailContent, OpenedMail, open_mail
from registry.core.sealed.origin import Origin
from registry.core.sealed.records import FileRef
from registry.core.statements.messages import Grant
from registry.vault.draft import Draft, FileSource
from registry.vault.importers.base import Refused
from registry.vault.received import Delivery, identity_of, order_of

MESSAGE_SCHEMA, MESSAGE_CATEGORY = "message/1", "pd:Communication"
# What one pull takes of one grant: more waits for the next one, so that no brand fills a vault unseen.
MAX_MESSAGES, MAX_RECORDS, MAX_BYTES = 1_000, 20_000, 64 << 20
MAX_SECONDS = 120.0  # a brand that drips its pages keeps the person from no other brand's mail

Ask = Callable[[int], bytes]


class Message(NamedTuple):
    """A message that was taken. ``issued_at`` is in unix seconds, ``records`` and ``files`` how many it held."""

    number: int
    issued_at: int
    text: str
    records: int
    files: int = 0


@dataclass
class Pulled:
    """What came of one grant's mail.

    ``state``: how the grant stands. ``refused`` has what was not taken, with where it stood. ``missing`` are numbers
    that the brand does not show. ``waits``: there is more than one pull takes.
    """

    digest: str
    brand: str
    domain: str = ""
    state: Literal["live", "ended"] = "live"
    messages: list[Message] = field(default_factory=list)
    delivery: Delivery = field(default_factory=lambda: Delivery([], []))
    refused: list[Refused] = field(default_factory=list)
    missing: list[int] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    waits: bool = False


_Whole = tuple[OpenedMail, dict[str, FileRef | FileSource]]


class _Refusal(Exception):
    """Why a message is not taken. ``digest`` is its digest, where it opened and was signed."""

    def __init__(self, why: str, digest: str = "") -> None:
        super().__init__(why)
        self.digest = digest


class Pull:
    """Pulls the mail of one grant. ``ask`` returns the brand's page after a number, and raises what keeps it from it.

    ``ask_file`` returns the sealed bytes of a file by its CID, None where the brand has it not. With ``dry``, nothing
    is written. With ``again``, everything is read again from the first message: what was refused
    before, because its schema was not known, is then taken. ``told`` hears the number of each message.
    """

    def __init__(
        self,
        person: Person,
        evidence: Evidence,
        ask: Ask,
        folder: MailFolder,
        *,
        dry: bool = False,
        again: bool = False,
        told: Callable[[int], object] = lambda _: None,
        ask_file: AskFile = lambda _: None,
    ) -> None:
        grant, notice = evidence.statement.message, evidence.parsed_notice
        assert isinstance(grant, Grant) and notice is not None
        self._person, self._evidence, self._grant = person, evidence, grant
        self._ask, self._folder, self._told = ask, folder, told
        self._dry, self._again, self._ask_file = dry, again, ask_file
        self._known_live: set[int] = set()
        self._dead_from = 2**62
        self._counted = [0, 0, 0]  # messages, records, bytes
        self._until = 0.0
        self.pulled = Pulled(to_hex(evidence.digest), notice.controller.name, notice.controller.domain)

    def run(self) -> Pulled:
        """Take what is new. ``CouldNotCheck`` where the brand or the chain is away: what was taken before stays.

        A ``NotConsented`` where the grant does not count, other than by its end.
        """
        self._until = monotonic() + MAX_SECONDS
        seen = self._folder.seen(self.pulled.digest)
        self._judge_grant()
        if self.pulled.state == "ended" and seen.closed and not self._again:
            return self.pulled
        identity = parse_identity(self._person.vault.mailbox_identity(self._grant.subject, self._grant.controller))
        cutoff = self._cutoff()
        at = 0 if self._again else max(0, seen.last - 1)
        while True:
            page = parse_page(self._ask(at), at)
            asked_at = at
            seen, at = self._take(page, identity, cutoff, at, seen)
            self.pulled.waits = at < page.last
            if at == asked_at or not self.pulled.waits or self._is_full:
                break
        self._compare(page.last, at, seen)
        if self.pulled.state == "ended" and not (self._dry or self.pulled.waits):
            self._folder.keep(self.pulled.digest, Seen(True, seen.digests))
        return self.pulled

    @property
    def _is_full(self) -> bool:
        return monotonic() > self._until or any(
            a >= b for a, b in zip(self._counted, (MAX_MESSAGES, MAX_RECORDS, MAX_BYTES), strict=True)
        )

    def _judge_grant(self) -> None:
        network = self._person.network
        try:
            verify(network, self._evidence, network.policy(controllers=None))
        except (Revoked, Expired):
            self.pulled.state = "ended"

    def _cutoff(self) -> int:
        """Return until when the brand's account took back all that it signed."""
        query = HandleQuery(ZERO_WORD, ZERO_WORD, self._grant.controller)
        return self._person.network.ledger.facts([query]).anchors[query].cutoff

    def _take(self, page: Page, identity: Identity, cutoff: int, after: int, seen: Seen) -> tuple[Seen, int]:
        """Verify a page, take what is good of it as one change, then note what was seen, and up to which message."""
        good, last = list[_Whole](), after
        for number, sealed in page.messages:
            if good and self._counted[2] >= MAX_BYTES:
                break  # files are large: what comes after these waits
            self._told(number)
            self._counted[0] += 1
            self._counted[2] += len(sealed)
            if number > MAX_SEEN:
                self.pulled.told.append(f"the brand numbers a message {number:,}, and {MAX_SEEN:,} is the most")
                break
            self.pulled.missing += range(max(last, seen.last) + 1, number)
            last = number
            before = seen.of(number)
            try:
                opened = self._opened(number, sealed, identity, cutoff)
                digest = to_hex(opened.mail.digest)
                good += self._whole(opened, digest, before)
            except _Refusal as why:
                digest = why.digest
                if self._again or before or number > seen.last:
                    self.pulled.refused.append(Refused(f"message {number}", None, str(why)))
            seen = seen.with_message(number, before or digest)
        self._keep(good)
        if not self._dry and page.messages:
            self._folder.keep(self.pulled.digest, seen)
        return seen, last

    def _whole(self, opened: OpenedMail, digest: str, before: str) -> list[_Whole]:
        """Return a message that is new with its files; one of which a file is not whole is not taken."""
        if before and before != digest:
            raise _Refusal(f"the brand signed another message with this number before ({before})", digest)
        if before and not self._again:
            return []
        self._counted[2] += sum(each.file.bytes for each in opened.content.files)
        try:
            return [(opened, {each.id: fetched(self._ask_file, each) for each in opened.content.files})]
        except NoFile as why:
            raise _Refusal(str(why), digest) from None

    def _keep(self, good: Sequence[_Whole]) -> None:
        drafts = [draft for opened, files in good for draft in self._drafts(opened, files)]
        self._counted[1] += len(drafts)
        if drafts:
            mail = self._person.vault.mail
            found = mail.preview(drafts) if self._dry else mail.take(drafts)
            self.pulled.delivery.received.extend(found.received)
            self.pulled.delivery.refused.extend(found.refused)
        for opened, _ in good:
            signed, content = opened.mail.message, opened.content
            counts = len(content.records), len(content.files)
            self.pulled.messages.append(Message(signed.number, signed.issued_at, content.text, *counts))

    def _opened(self, number: int, sealed: bytes, identity: Identity, cutoff: int) -> OpenedMail:
        network, grant = self._person.network, self._grant
        try:
            opened = open_mail(sealed, identity, network.domain, self.pulled.digest, grant.controller)
        except SealedDataError as error:
            raise _Refusal(str(error)) from None
        signed = opened.mail.message
        if signed.number != number:
            raise _Refusal(f"it was signed as message {signed.number}")
        if not is_signed_by(network, grant.controller, opened.mail.digest, unhex(opened.mail.signature)):
            raise _Refusal(f"it is not signed by the brand's account {grant.controller}")
        if signed.issued_at <= cutoff:
            raise _Refusal("the brand's account has taken back all that it had signed until then")
        if why := self._wrong_time(signed.issued_at):
            raise _Refusal(why)
        return opened

    def _wrong_time(self, time: int) -> str:
        """Say why a message of this time (unix seconds) does not count; nothing where the grant lived then."""
        if time < self._grant.issued_at - CLOCK_SKEW:
            return f"it is dated {format_utc(time)}, before the grant"
        if time > self._person.network.clock() + CLOCK_SKEW:
            return f"it is dated in the future ({format_utc(time)})"
        if self.pulled.state == "live" or self._lived_at(time):
            return ""
        return f"it is dated {format_utc(time)}, after the grant had ended"

    def _lived_at(self, time: int) -> bool:
        """Whether the grant, which has ended, lived then. It lived at every time before one at which it did."""
        if any(time <= each for each in self._known_live):
            return True
        if time >= self._dead_from:
            return False
        network = self._person.network
        try:
            verify(network, self._evidence, network.policy(controllers=None), at=time)
        except (Revoked, Expired):
            self._dead_from = time
            return False
        except NotConsented:
            return False
        self._known_live.add(time)
        return True

    def _compare(self, last: int, at: int, seen: Seen) -> None:
        """Tell where the brand's own count is not what it shows. Some time after an end it may show nothing."""
        if self.pulled.state == "ended":
            return
        if last < seen.last:
            why = f"the brand shows {last} messages, and {seen.last} were seen here: it has lost some, or hides them"
            self.pulled.told.append(why)
        elif at < last and not self._is_full:
            self.pulled.told.append(f"the brand counts {last} messages, and shows none after {at}")

    def _drafts(self, opened: OpenedMail, files: dict[str, FileRef | FileSource]) -> Iterator[Draft]:
        """Yield what a message becomes in the vault: itself where it has a text, its records, and its files."""
        signed, content = opened.mail.message, opened.content
        order = order_of(signed.issued_at, signed.number)
        if content.text:
            yield self._text_draft(content, signed.number, signed.issued_at, order)
        for record in content.records:
            origin = Origin(self._grant.controller, record.id)
            yield Draft(
                record.category,
                record.schema,
                record.time,
                self.pulled.brand,
                body=record.body,
                key=order,
                identity=identity_of(origin),
                origin=origin,
                at=f"message {signed.number}, record {record.id}",
            )

        yield from (file_draft(each, signed, self.pulled.brand, files[each.id]) for each in content.files)

    def _text_draft(self, content: MailContent, number: int, issued_at: int, order: bytes) -> Draft:
        named = b"ConsentRegistry/1/message" + self._evidence.digest + number.to_bytes(8)
        body = {"text": content.text, "sender": self.pulled.brand, "dateSent": utc_text(issued_at * 1_000_000)}
        body["identifier"] = content.id or f"{self.pulled.digest}/{number}"
        return Draft(
            MESSAGE_CATEGORY,
            MESSAGE_SCHEMA,
            source=self.pulled.brand,
            body=body,
            key=order,
            identity=sha256(named).digest()[:16],
            at=f"message {number}",
        )
