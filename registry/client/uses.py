"""What a brand read of a person's data: fetch its use log, check all of it, and remember what was seen.

The home keeps, for each brand, the heads that it signed, and for each grant the entries. So a log that is changed later
is noticed; the note of `LogChanged` then names the file that shows it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from itertools import count, takewhile
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec
from msgspec import UNSET

from registry.client.brand_client import BrandClient
from registry.client.network import Network
from registry.client.verify import verify_many
from registry.core import codec
from registry.core.errors import (
    BrandUnavailable,
    CouldNotCheck,
    InvalidInput,
    LogChanged,
    Malformed,
    NotAnchored,
    NotConsented,
)
from registry.core.evidence.file import Evidence
from registry.core.facts import FactQuery
from registry.core.scalars import ZERO_WORD, to_hex
from registry.core.statements.messages import Grant
from registry.core.use_audit import (
    Beyond,
    ChangedLog,
    beyond,
    check_entries,
    is_change,
    joined_heads,
    missing_head,
    read_change,
)
from registry.core.uses import LoggedUse, LogHead, UsesPage, parse_page
from registry.core.verify.judge import VerifiedStatement
from registry.fs.files import file_lock, make_folder, read_bounded, replace_file

__all__ = ["SeenUses", "UsesReport", "is_change", "judge_change", "look_at_uses"]
T = TypeVar("T")
# A page has 100 entries and heads at most. A head may come while pages are read, and they are read again.
MOST_PAGES, _TRIES = 500, 3
# So a file is at most 12 MiB, whatever a brand signs, and fits into a backup.
_IN_A_FILE, _MAX_KEPT = 500, 16 * 1024 * 1024
_LOCK_SECONDS = 10.0
_heads = msgspec.json.Decoder(tuple[LogHead, ...])
_uses = msgspec.json.Decoder(tuple[LoggedUse, ...])


class UsesReport(NamedTuple):
    """What a brand shows of its readings, checked. ``heads`` are all heads of its log that were seen, in order.

    ``anchored`` has the time (unix seconds) of each head's anchor, by size; a head that the chain does not show now is
    not in it. ``ended_at`` is when the person ended the grant (unix seconds), and 0 where the chain shows no such time.
    """

    grant: Evidence
    uses: tuple[LoggedUse, ...]
    heads: tuple[LogHead, ...]
    anchored: Mapping[int, int]
    ended_at: int = 0

    def beyond(self, use: LoggedUse) -> tuple[Beyond, ...]:
        """Return how an entry goes beyond the grant."""
        grant = self.grant.statement.message
        assert isinstance(grant, Grant)  # `look_at_uses` refuses the others
        return beyond(use.use, grant, self.ended_at, self.anchored_at(use))

    def anchored_at(self, use: LoggedUse) -> int | None:
        """Return when an entry's head was anchored; None for an entry that nothing proves yet."""
        return self.anchored.get(use.head) if isinstance(use.head, int) else None


class SeenUses(NamedTuple):
    """What a home saw of brands' use logs, in its folder ``uses``: files of 500 heads or entries each."""

    path: Path

    def heads(self, grant: Evidence) -> tuple[LogHead, ...]:
        """The heads of the log of this grant's brand, in order."""
        return tuple(each for file in self._files(_log_of(grant)) for each in _read(file, _heads))

    def uses(self, grant: Evidence) -> tuple[LoggedUse, ...]:
        """The entries of this grant, in order."""
        return tuple(each for file in self._files(to_hex(grant.digest)) for each in _read(file, _uses))

    def keep(self, report: UsesReport) -> None:
        """Remember what was seen now."""
        self._write(_log_of(report.grant), report.heads)
        self._write(to_hex(report.grant.digest), report.uses)

    def keep_change(self, file: bytes) -> Path:
        """Keep the file of a changed log; the same one again is the same file."""
        path = self.path / f"changed-{sha256(file).hexdigest()[:16]}.json"
        replace_file(path, file)
        return path

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other processes of this home from it; ``BrandUnavailable`` where one has it."""
        make_folder(self.path)
        try:
            with file_lock(self.path / "LOCK", _LOCK_SECONDS):
                yield
        except TimeoutError:
            raise BrandUnavailable("another process looks at the brand's log", "Let it end, then try again.") from None

    def _files(self, name: str) -> Iterator[Path]:
        return takewhile(Path.exists, (self.path / f"{name}-{number}.json" for number in count()))

    def _write(self, name: str, items: Sequence[LogHead | LoggedUse]) -> None:
        for number, start in enumerate(range(0, len(items), _IN_A_FILE)):
            path, raw = self.path / f"{name}-{number}.json", codec.encode(items[start : start + _IN_A_FILE])
            if not path.exists() or read_bounded(path, _MAX_KEPT) != raw:
                replace_file(path, raw)


def _log_of(grant: Evidence) -> str:
    domain = grant.statement.domain
    return f"heads-{domain.chain_id}-{domain.verifying_contract}-{grant.statement.message.controller}"


def _read(file: Path, decoder: msgspec.json.Decoder[tuple[T, ...]]) -> tuple[T, ...]:
    try:
        return codec.decode(read_bounded(file, _MAX_KEPT), decoder, _MAX_KEPT)
    except Malformed as error:
        advice = "Restore it from a backup, or remove it: what it held cannot be compared then."
        raise InvalidInput(f"{file} is damaged: {error}", advice) from None


def look_at_uses(network: Network, seen: SeenUses, client: BrandClient, capability: str, grant: Evidence) -> UsesReport:
    """Fetch what the brand shows of this grant, check it by the chain and by what was seen before, and remember it.

    `LogChanged` where the log is no continuation of what was seen; its note names the file that is kept. Another
    ``NotConsented`` where a signature or a proof is wrong, ``CouldNotCheck`` where the brand or the chain is away.
    """
    if not isinstance(grant.statement.message, Grant):
        raise InvalidInput(f"this is a {grant.kind}, and a brand reads nothing by it", "Name a grant.")
    with seen.alone():
        try:
            report = _checked(network, seen, client, capability, grant)
        except LogChanged as changed:
            changed.add_note(f"Kept: {seen.keep_change(changed.file)}")
            raise
        seen.keep(report)
    return report


def _checked(network: Network, seen: SeenUses, client: BrandClient, capability: str, grant: Evidence) -> UsesReport:
    known = seen.heads(grant)
    # The newest head that is known must be shown again, so the brand is asked from the one before it.
    served, uses = _fetched(client, capability, grant, known[-2].message.size if len(known) > 1 else 0)
    if known and not _shows(served, known[-1]):
        served, uses = _fetched(client, capability, grant, 0)
    anchors = _anchors(network, grant, known, served)
    heads = joined_heads(known, served)
    if known and not _shows(served, known[-1]):
        raise missing_head(known[-1])
    check_entries(heads, seen.uses(grant), uses)
    every = tuple(heads[size] for size in sorted(heads))
    anchored = {each.message.size: anchors[each.evidence.digest] for each in every}
    return UsesReport(grant, uses, every, {size: at for size, at in anchored.items() if at}, _ended_at(network, grant))


def _ended_at(network: Network, grant: Evidence) -> int:
    message = grant.statement.message
    assert isinstance(message, Grant)  # `look_at_uses` refuses the others
    query = FactQuery(ZERO_WORD, message.subject, message.revocation, message.salt)
    return network.ledger.facts([query]).anchors[query].revoked_at


def _shows(served: Sequence[LogHead], head: LogHead) -> bool:
    return any(each.message.size == head.message.size for each in served)


def _anchors(
    network: Network, grant: Evidence, known: Sequence[LogHead], served: Sequence[LogHead]
) -> dict[bytes, int]:
    """Verify heads by the chain; return the times of their anchors by digest, 0 for one that it does not show now.

    A bad head that the brand serves is raised. One that held when it was seen first stays: the brand's contract may
    have new owners.
    """
    every = {each.evidence.digest: each.evidence for each in (*known, *served)}
    seen = {each.evidence.digest for each in known}
    policy = network.policy(controllers={grant.statement.message.controller})
    answers = verify_many(network, every.values(), policy) if every else []
    anchors = {}
    for digest, answer in zip(every, answers, strict=True):
        is_lost = isinstance(answer, NotAnchored)  # by a reorganisation, for a while
        if isinstance(answer, VerifiedStatement):
            anchors[digest] = answer.anchored_at or 0
        elif isinstance(answer, CouldNotCheck) or not (is_lost or digest in seen):
            raise answer
        else:
            anchors[digest] = 0
    return anchors


def _fetched(
    client: BrandClient, capability: str, grant: Evidence, size: int
) -> tuple[tuple[LogHead, ...], tuple[LoggedUse, ...]]:
    """Return all heads of more than ``size`` entries, and all entries of the grant."""
    for _ in range(_TRIES):
        heads, uses = _all_pages(client, capability, grant, size)
        newest = max((each.message.size for each in heads), default=0)
        # A head that came between two pages covers entries of the first, which was without it.
        if not any(each.head is UNSET and each.index < newest for each in uses):
            break
    return tuple(heads), tuple(uses)


def _all_pages(
    client: BrandClient, capability: str, grant: Evidence, size: int
) -> tuple[list[LogHead], list[LoggedUse]]:
    heads: list[LogHead] = []
    uses: list[LoggedUse] = []
    for _ in range(MOST_PAGES):
        page = _page(client, capability, grant, uses[-1].index + 1 if uses else 0, size)
        heads += page.heads
        uses += page.uses
        if not page.more:
            return heads, uses
        size = max([size, *(each.message.size for each in page.heads)])
    raise BrandUnavailable(f"{client.host} shows more than {MOST_PAGES:,} pages of its log", "Ask the brand.")


def _page(client: BrandClient, capability: str, grant: Evidence, start: int, size: int) -> UsesPage:
    try:
        page = parse_page(client.uses(capability, start, size))
    except Malformed as error:
        raise BrandUnavailable(f"{client.host} answered what is no use log: {error}") from None
    if page.grant != to_hex(grant.digest):
        raise BrandUnavailable(f"{client.host} showed the uses of another grant")
    return page


def judge_change(network: Network, raw: bytes) -> tuple[ChangedLog, list[str]]:
    """Verify the file of a changed log by the chain; return it with what is wrong with each of its heads, or nothing.

    ``Malformed`` or ``NotIncluded`` for a file that shows nothing, ``LedgerUnavailable`` where the chain is away.
    """
    change = read_change(raw)
    answers = verify_many(network, change.heads) if change.heads else []
    wrong = []
    for answer in answers:
        if not isinstance(answer, VerifiedStatement | NotConsented):
            raise answer
        wrong.append("" if isinstance(answer, VerifiedStatement) else f"{type(answer).__name__}: {answer}")
    return change, wrong
