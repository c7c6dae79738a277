"""The worker's part of the way back: it signs what is queued, and seals it to the mailbox of its grant.

The queue holds contents that are sealed to the brand itself. A number is given to a message in the commit that lets
the person fetch it, so a crash at any moment loses none, and no number stands for two.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from registry.brand.handed import capsule_of
from registry.brand.records import OVER, Answer, Letter, State
from registry.brand.store import Store
from registry.client.party import Party
from registry.client.sign import sign
from registry.core.errors import ConsentError, SealedDataError
from registry.core.scalars import to_hex
from registry.core.sealed.mail import Mail, MailStatement, open_content, seal_mail
from registry.core.statements.messages import MailboxMessage

MOST_AT_ONCE = 50
# Seconds after which it is tried again to get a capsule that was not there.
RETRY_SECONDS = 60
# After its grant has ended, what was sent can be fetched for so long.
KEPT_SECONDS = 30 * 86_400
# A file that no message names goes after so long.
UNUSED_SECONDS = 86_400
_FORGET_EVERY = 60
# Mailboxes that are kept in memory, of 2 KB each.
_MOST_KNOWN = 10_000


@dataclass
class Mailer:
    """Sends what is queued. One worker at a time may use it.

    ``party`` signs. ``identity`` is the brand's secret age identity; ``get`` returns the block of a CID. The view of
    the chain may be ``view_seconds`` old; ``settled`` blocks below it, an end is believed for good.
    """

    party: Party
    store: Store
    identity: str = field(repr=False)
    get: Callable[[str], bytes] = field(repr=False)
    view_seconds: int = 60
    settled: int = 16
    _after: int = 0
    _forgot_at: int = 0
    _mailboxes: dict[int, str] = field(default_factory=dict, repr=False)
    _missing: dict[int, int] = field(default_factory=dict, repr=False)

    def step(self) -> bool:
        """Send some of what is queued, and forget what is over; tell whether anything was sent or given up."""
        view, now = self.store.view(), self.party.network.clock()
        if now - view.seen_at > self.view_seconds:
            return False  # a grant may have ended since
        if now - self._forgot_at >= _FORGET_EVERY:
            self.store.forget_mail(view.number - self.settled, now - KEPT_SECONDS)
            self.store.forget_files(now - UNUSED_SECONDS, now - KEPT_SECONDS)
            self._forgot_at = now
        waiting = self.store.unsent(self._after, MOST_AT_ONCE)
        # In turns: messages that wait for a capsule hold up no others.
        self._after = waiting[-1].id if len(waiting) == MOST_AT_ONCE else 0
        return self._send_all(waiting, max(now, view.head_time))

    def _send_all(self, waiting: Sequence[Letter], now: int) -> bool:
        grants = {each.id: each for each in self.store.by_id({letter.answer for letter in waiting})}
        # A grant may have been erased since its letters were read.
        there = [each for each in waiting if each.answer in grants]
        handled = [self._handle(letter, grants[letter.answer], now) for letter in there]
        return any(handled)

    def _handle(self, letter: Letter, grant: Answer, now: int) -> bool:
        if grant.state in OVER:
            self.store.give_up(letter.id, grant.why or "Revoked")
            return True
        if grant.state is not State.LIVE or not grant.not_before <= now < grant.expires_at:
            return False
        if self._missing.get(grant.id, 0) > now:
            return False
        try:
            return self._send(letter, grant)
        except SealedDataError as error:
            self.store.give_up(letter.id, type(error).__name__)
            return True
        except ConsentError:
            # The capsule is not there yet, the chain is away, or the account must not sign just now.
            self._missing = {id: until for id, until in self._missing.items() if until > now}
            self._missing[grant.id] = now + RETRY_SECONDS
            return False

    def _send(self, letter: Letter, grant: Answer) -> bool:
        mailbox = self._mailbox(grant)
        text = open_content(letter.draft, self.identity).decode()
        last = self.store.last_sent(grant.id)
        date = max(self.party.network.date_for(self.party.address), last.issued_at if last else 0)
        message = MailboxMessage(
            grant=to_hex(grant.digest),
            controller=self.party.address,
            number=last.number + 1 if last else 1,
            content=to_hex(letter.content),
            issued_at=date,
        )
        signature = to_hex(sign(self.party, message))
        mail = Mail(MailStatement(self.party.network.domain, message), signature, text)
        done = letter._replace(number=message.number, issued_at=date)
        return self.store.keep_sealed(done, seal_mail(mail, mailbox))

    def _mailbox(self, answer: Answer) -> str:
        if answer.id not in self._mailboxes:
            if len(self._mailboxes) >= _MOST_KNOWN:
                self._mailboxes.clear()
            self._mailboxes[answer.id] = capsule_of(answer, self.identity, self.get).mailbox
        return self._mailboxes[answer.id]
