"""Endings through notaries: the first that relays it, then the next; the chain shows it, and nothing else does."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

import msgspec

from registry.client.network import Network
from registry.client.notary import NotaryClient
from registry.client.notary_anchor import Notaries, present
from registry.client.pending_store import promise_file
from registry.core.endings import Opening, SignedEnding, SignedRetire, SignedRevoke, SignedRevokeAll, ending_digest
from registry.core.errors import NotaryUnavailable
from registry.core.facts import AnchorFacts, HandleQuery
from registry.core.promises import SignedPromise
from registry.core.scalars import MAX_SAFE_INTEGER, ZERO_WORD, format_utc, to_hex
from registry.core.statements.messages import Retire, Revoke, RevokeAll
from registry.ledger.base import Payer, Receipt

Ending = Opening | SignedEnding
# An ending without a promise is waited for so many seconds before the next notary gets it.
PATIENCE = 300
# The chain is read at each pause, and the notary at each of so many.
ASKED_EVERY = 4


class _Goal(NamedTuple):
    """What the chain shows once an ending is done, and the name of the ending at the notary."""

    query: HandleQuery
    time_of: Callable[[AnchorFacts], int]
    item: str


def call_of(ending: Ending) -> tuple[str, tuple[str | int, ...]]:
    """Return the contract's function that carries this ending, and its arguments."""
    match ending:
        case Opening():
            return "revoke", (ending.secret, ending.tag)
        case SignedRevoke():
            signed = (ending.message.subject, ending.lock, ending.salt_hash, ending.signature)
            return "revokeOpenlyFor", signed
        case SignedRevokeAll():
            return "revokeAllFor", (ending.message.subject, ending.message.issued_until, ending.signature)
        case SignedRetire():
            return "retireFor", (ending.message.subject, ending.signature)


def send(network: Network, sender: Payer | None, ending: Ending) -> Receipt:
    """Send one ending in a transaction that the party pays itself."""
    function, arguments = call_of(ending)
    return network.ledger.transact(function, *arguments, sender=sender)


def relay(network: Network, notaries: Notaries, ending: Ending) -> Receipt | None:
    """Let the notaries end it, one after another; None where none of them did in time.

    The receipt's time is the chain's, its transaction and block the notary's word.
    """
    now = present(network)
    goal = _goal_of(network, ending, now)
    for client in notaries.clients:
        try:
            promise = client.relay(ending, goal.item, now)
        except NotaryUnavailable as error:
            notaries.tell(f"{error}. {error.advice}")
            continue
        if (receipt := _wait(network, notaries, client, goal, promise)) is not None:
            return receipt
        now = present(network)
    return None


def _wait(
    network: Network, notaries: Notaries, client: NotaryClient, goal: _Goal, promise: SignedPromise | None
) -> Receipt | None:
    file = None if promise is None else promise_file(promise, goal.item)
    path = "" if file is None else notaries.folder.keep_promise(file)
    until = network.clock() + PATIENCE if promise is None else promise.message.due
    for count, _ in enumerate(notaries.pauses(f"waiting for the notary {client.host}")):
        now = present(network)
        if done := _time_of(network, goal):
            return _done(notaries, client, goal, promise, done)
        why = _refusal(client, goal.item) if count % ASKED_EVERY == ASKED_EVERY - 1 else None
        if why is not None or now > until:
            said = f"The notary {client.host} has not ended it by {format_utc(until)}." if why is None else why
            notaries.tell(said + (f" `consent notary judge {path}` tells more." if path else ""))
            return None
    return None


def _done(notaries: Notaries, client: NotaryClient, goal: _Goal, promise: SignedPromise | None, done: int) -> Receipt:
    if promise is not None:
        file = promise_file(promise, goal.item)
        if done <= promise.message.due:
            notaries.folder.drop_promise(file)
        else:
            path = notaries.folder.keep_promise(file)
            due = format_utc(promise.message.due)
            notaries.tell(f"The notary ended it too late: it had promised {due}. Proof: {path}")
    transaction, block = "", 0
    with suppress(NotaryUnavailable):
        if (state := client.ending_state(goal.item)) is not None:
            transaction, block = state.transaction or "", state.block or 0
    return Receipt(transaction, block, done, 0, "", client.host)


def is_done(network: Network, ending: Ending) -> bool:
    """Whether the chain shows already what this ending does."""
    return bool(_time_of(network, _goal_of(network, ending, present(network))))


def _time_of(network: Network, goal: _Goal) -> int:
    """When it was done, in unix seconds; 0 where the chain does not show it."""
    return goal.time_of(network.ledger.facts([goal.query]).anchors[goal.query])


def _refusal(client: NotaryClient, item: str) -> str | None:
    with suppress(NotaryUnavailable):
        state = client.ending_state(item)
        if state is not None and state.state == "refused":
            return f"The notary {client.host} refuses the ending: {state.why[:200]}."
    return None


def _goal_of(network: Network, ending: Ending, now: int) -> _Goal:
    if isinstance(ending, Opening):
        return _Goal(HandleQuery(ZERO_WORD, ending.handle), _revoked_at, ending.handle)
    if isinstance(ending, SignedRevoke):
        return _Goal(HandleQuery(ZERO_WORD, ending.message.handle), _revoked_at, ending.message.handle)
    # The contract takes a time that lies ahead of the chain's for the chain's own.
    until = MAX_SAFE_INTEGER + 1
    if isinstance(ending, SignedRevokeAll):
        until = min(ending.message.issued_until, network.ledger.head().time)
    query = HandleQuery(ZERO_WORD, ZERO_WORD, ending.message.subject)
    item = to_hex(ending_digest(network.domain, ending))
    return _Goal(query, lambda facts: now if facts.cutoff >= until else 0, item)


def _revoked_at(facts: AnchorFacts) -> int:
    return facts.revoked_at


def deliver(
    network: Network,
    notaries: Notaries | None,
    sender: Payer | None,
    ending: Ending,
    before_paying: Callable[[], None] = lambda: None,
) -> Receipt:
    """End it through the notaries, if there are some, else in a transaction of one's own.

    ``before_paying`` is called before that. ``NotaryUnavailable`` where nobody is left to pay.
    """
    if notaries is not None and notaries.clients:
        if (receipt := relay(network, notaries, ending)) is not None:
            return receipt
        check_can_pay(network, notaries, sender)
    before_paying()
    return send(network, sender, ending)


def check_can_pay(network: Network, notaries: Notaries, sender: Payer | None) -> None:
    """Say what one's own transaction shows, now that no notary ended it; ``NotaryUnavailable`` where nobody pays."""
    if sender is None and not network.ledger.has_relay:
        raise NotaryUnavailable("no notary ended it, and no account pays for a transaction")
    notaries.tell(f"No notary ended it, so your own transaction does. {said_of_payer(sender)}")


def said_of_payer(sender: Payer | None) -> str:
    """Say what a transaction that the party pays itself shows for ever."""
    if sender is None:
        return "The network's relay pays: the chain shows its address as the payer, and none of yours."
    return f"The address {sender.address} pays: the chain will show it for ever."


def signed_ending(
    message: Revoke | RevokeAll | Retire, signature: bytes, lock: tuple[str, str] | None = None
) -> SignedEnding:
    """Return what a relay needs of a signed statement; ``lock`` has the lock and the salt's hash of a Revoke."""
    document: dict[str, Any] = {"primaryType": type(message).__name__, "message": msgspec.to_builtins(message)}
    document["signature"] = to_hex(signature)
    if lock is not None:
        document |= {"lock": lock[0], "saltHash": lock[1]}
    found: SignedEnding = msgspec.convert(document, SignedEnding)
    return found
