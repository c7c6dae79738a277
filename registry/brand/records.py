"""What the brand's service keeps, as frozen types. `registry.brand.store` has the store."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple


class Asked(NamedTuple):
    """A request that the brand published. ``file`` is its evidence.

    ``answered_by`` holds the 20 bytes of the person who answered a ``single`` one, and is empty before. Times are unix
    seconds; ``withdrawn_at`` is 0 while it stands. ``notice`` is the SHA-256 of its notice.
    """

    digest: bytes
    file: bytes
    single: bool
    created_at: int
    expires_at: int
    withdrawn_at: int = 0
    answered_by: bytes = b""
    notice: bytes = b""

    @property
    def is_open(self) -> bool:
        """Whether it can still be answered, whatever the time is."""
        return not (self.withdrawn_at or (self.single and self.answered_by))


class State(StrEnum):
    """How an answer stands.

    ``WAITING``: the chain does not show it, so it counts for nothing. ``LIVE``: it was verified. ``UNSURE``: the chain
    changed, and it is about to be verified again. ``ENDED`` by the person, and ``EXPIRED`` by itself.
    """

    WAITING = "waiting"
    LIVE = "live"
    UNSURE = "unsure"
    ENDED = "ended"
    EXPIRED = "expired"


STANDING = (State.LIVE, State.UNSURE)
"""The states in which a grant is looked for when the brand asks whether it may."""
OVER = (State.ENDED, State.EXPIRED)
"""The states in which a grant's data must go."""


class Answer(NamedTuple):
    """A Grant or a Refusal as it is kept; members that a Refusal lacks are empty. Hashes and addresses are bytes.

    ``capability`` is the random name (16 bytes) under which its author finds it. ``commitment`` recognises a repeat.
    ``file`` is its evidence, or the pending file while it has no anchor. ``anchored_at`` is the anchor's time, and
    ``seen_block`` a block in which the anchor stood. ``ended_block`` is the one that showed the end, 0 for none.
    ``ended_at`` is when it ended; one that is ``UNSURE`` keeps it, because that end was told. ``accepted_at`` is when
    ``file`` got the anchored Acceptance, 0 before, and ``acknowledged_at`` the time of the end's anchored
    Acknowledgement. Once the chain's log was read up to the block ``check_at``, it is verified again; 0 stands for
    never. ``looked`` is the last root that was searched for it. ``content`` is the SHA-256 of the capsule that a grant
    hands over, empty for none.
    """

    kind: str
    digest: bytes
    capability: bytes
    commitment: bytes
    subject: bytes
    controller: bytes
    request: bytes
    supersedes: bytes
    purposes: tuple[str, ...]
    data: tuple[str, ...]
    issued_at: int
    not_before: int
    expires_at: int
    lock: bytes
    handle: bytes
    file: bytes
    received_at: int
    state: State
    anchored_at: int = 0
    seen_block: int = 0
    ended_at: int = 0
    ended_block: int = 0
    why: str = ""
    accepted_at: int = 0
    check_at: int = 0
    acknowledged_at: int = 0
    looked: int = 0
    id: int = 0
    content: bytes = b""

    @property
    def is_complete(self) -> bool:
        """Whether nothing more is waited for: it is anchored, and a grant is accepted or over."""
        if self.state in OVER:
            return True
        return self.state is State.LIVE and (self.accepted_at > 0 or self.kind != "Grant")


class Unasked(NamedTuple):
    """A grant or refusal that was sent, holds, and answers nothing that the brand asked. Nothing else is kept of it.

    ``digest`` has 32 bytes, ``subject`` 20. ``why`` is what its sender was told; ``at`` is in unix seconds.
    """

    digest: bytes
    kind: str
    subject: bytes
    why: str
    at: int


class EventKind(StrEnum):
    """What an event tells of an answer.

    ``GRANTED`` and ``REFUSED``: it counts from now on. ``SUPERSEDED``: a newer grant replaces it, and ends it later.
    ``ENDED`` and ``EXPIRED``: stop. ``RESTORED``: a reorganisation took its end back. ``REMOVED``: one took its anchor.
    """

    GRANTED = "granted"
    REFUSED = "refused"
    SUPERSEDED = "superseded"
    ENDED = "ended"
    EXPIRED = "expired"
    RESTORED = "restored"
    REMOVED = "removed"


class Event(NamedTuple):
    """One event of the outbox. ``id`` rises by one with each. ``at`` is in unix seconds; ``block`` is 0 for none.

    ``why`` is the error's name for an end, and the newer grant's digest (0x hex) where one supersedes this.
    """

    id: int
    kind: EventKind
    digest: bytes
    subject: bytes
    at: int
    block: int = 0
    why: str = ""


class View(NamedTuple):
    """How far the chain's log was read: the block, its time, and when that was the node's newest (unix seconds).

    ``seen_at`` is 0 before the log was read to its end for the first time. ``turns`` counts reorganisations. ``behind``
    is 1 from a reorganisation on until the log was read to its end again, else 0.
    """

    blocks: tuple[tuple[int, str], ...] = ()
    head_time: int = 0
    seen_at: int = 0
    turns: int = 0
    behind: int = 0

    @property
    def number(self) -> int:
        """The last block that was read; -1 before the first."""
        return self.blocks[-1][0] if self.blocks else -1


class Root(NamedTuple):
    """A root that the chain's log showed, with the SHA-256 of its manifest. ``time`` is its block's."""

    root: bytes
    manifest: bytes
    block: int
    time: int
    id: int = 0


class Ending(NamedTuple):
    """An end that the log shows: of a handle (32 bytes), or of all that a subject (20 bytes) issued ``until``."""

    block: int
    time: int
    handle: bytes = b""
    subject: bytes = b""
    until: int = 0


class Known(NamedTuple):
    """What the log showed up to ``view`` of the roots, handles and accounts that were asked for; others are absent.

    ``anchored`` has block and time of a root's first anchor, ``revoked`` the time of a handle's end, ``cutoffs`` the
    largest ``issuedUntil`` of an account. All are unix seconds.
    """

    view: View
    anchored: Mapping[bytes, tuple[int, int]]
    revoked: Mapping[bytes, int]
    cutoffs: Mapping[bytes, int]


class Change(NamedTuple):
    """What became of an answer, with the events that tell it. None leaves a member as it is.

    ``before`` names the states in which the change applies: another process may have been faster.
    """

    id: int
    before: tuple[State, ...]
    state: State
    events: tuple[Event, ...] = ()
    file: bytes | None = None
    anchored_at: int | None = None
    seen_block: int | None = None
    ended_at: int | None = None
    ended_block: int | None = None
    why: str | None = None
    accepted_at: int | None = None
    check_at: int | None = None
    acknowledged_at: int | None = None


class Acknowledged(NamedTuple):
    """The anchored Acknowledgement of the end of the grant with the id ``answer``.

    ``ended_at``, ``signed_at`` and ``anchored_at`` are unix seconds: the end's block, the signature, and the anchor's
    block. The anchor was seen in block ``seen_block``; once the log was read up to ``check_at``, it is looked up again.
    """

    answer: int
    file: bytes
    ended_at: int
    signed_at: int
    anchored_at: int
    seen_block: int
    check_at: int


class Letter(NamedTuple):
    """A message to the grant with the id ``answer``. ``content`` is the SHA-256 of what it says, 32 bytes.

    ``number`` and ``issued_at`` (unix seconds) are 0 until it is signed. ``why`` is the name of the error because of
    which it never will be. ``draft`` is its content, sealed to the brand itself; empty where that was not read.
    """

    id: int
    answer: int
    content: bytes
    number: int
    issued_at: int
    queued_at: int
    why: str = ""
    draft: bytes = b""


class MailedFile(NamedTuple):
    """A file for messages to the grant with the id ``answer``. ``tag`` (32 bytes) recognises the same file again.

    ``cid`` is that of its sealed bytes (binary), ``bytes`` how many the blocks have, and ``ref`` the FileRef that opens
    them, sealed to the brand. ``at`` is in unix seconds.
    """

    answer: int
    tag: bytes
    cid: bytes
    ref: bytes
    bytes: int
    at: int
    used: bool = False
    id: int = 0


class OwnStatement(NamedTuple):
    """A statement that the brand signed by itself, from the moment it is signed until it stands where it belongs.

    ``kind`` is its primary type, and ``about`` what it is of: the id of a grant's answer, or the size of the use log.
    ``file`` is a pending file. ``root`` (32 bytes) is that of the batch in which the brand anchors it, empty before.
    """

    kind: str
    about: int
    file: bytes
    root: bytes = b""
    tried: bool = False
