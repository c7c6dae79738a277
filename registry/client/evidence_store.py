"""Where a party keeps its evidence: a protocol, and the folder that implements it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Protocol

import msgspec

from registry.core.errors import InvalidInput, Malformed
from registry.core.evidence.file import MAX_EVIDENCE, Evidence, parse_evidence, write_evidence
from registry.core.scalars import to_hex
from registry.fs.files import move_file, read_bounded, replace_file

# The first digits do where they name one file.
DIGEST = re.compile(r"0x[0-9a-f]{4,64}")
MAX_CANDIDATES = 10
SHORT = 14  # characters of a digest, as lists show it
MAX_CUTOFF = 20  # digits
MAX_NAMED = 10
_MAX_INDEX = 64 * 1024 * 1024


class Entry(msgspec.Struct, frozen=True):
    """What a store knows of one piece of evidence without reading it: addresses, the brand's name, unix seconds."""

    kind: str
    author: str
    controller: str
    brand: str
    issued_at: int


class EvidenceStore(Protocol):
    """The evidence of one party, by digest. A store keeps each file whole or not at all."""

    def keep(self, evidence: Evidence) -> str:
        """Store evidence durably under its digest, over an older file; return where it lies, in words."""

    def entries(self) -> dict[str, Entry]:
        """Return all but requests, oldest first, by their digests (0x hex)."""

    def digests(self) -> frozenset[str]:
        """Return the digests of all but requests (0x hex), without reading a file."""

    def all(self) -> Iterator[Evidence]:
        """Read all but requests, oldest first."""

    def keep_cutoff(self, account: str, until: int) -> None:
        """Remember durably that this account signs an end of everything until then (unix seconds)."""

    def cutoff_of(self, account: str) -> int:
        """Return the largest time that `keep_cutoff` was given for this account; 0 where there is none.

        ``InvalidInput`` where it cannot be read.
        """

    def keep_payment(self, payer: str, controller: str) -> None:
        """Remember durably that this account pays for something that this controller can recognise."""

    def paid_for(self, payer: str) -> frozenset[str]:
        """Return the controllers that `keep_payment` was given for this account."""

    def is_restricted(self, digest: str) -> bool:
        """Whether evidence with exactly this digest (0x hex) is kept and not used: only `find` has it besides."""

    def find(self, digest: str) -> bytes:
        """Return the file whose digest begins so (`DIGEST`); ``InvalidInput`` unless it is one.

        Requests and restricted evidence are found too.
        """


class EvidenceFolder(NamedTuple):
    """A store in a folder: ``evidence/<digest>.json``, ``requests/<digest>.json``, ``cutoffs/<account>``.

    ``restricted/<digest>.json`` is evidence that is kept and not used. ``payers/<account>/`` has an empty file for each
    controller that this account paid for. ``cache/`` may be deleted.
    """

    path: Path

    def keep(self, evidence: Evidence) -> str:
        folder = "requests" if evidence.kind == "Request" else "evidence"
        path = self.path / folder / f"{to_hex(evidence.digest)}.json"
        replace_file(path, write_evidence(evidence))
        if folder == "evidence":
            # The evidence is safe already, and a cache that cannot be written is no reason to call that an error.
            with suppress(InvalidInput):
                self.clean_index({path.stem: _entry(evidence)})
        return str(path)

    def clean_index(self, new: Mapping[str, Entry] | None = None) -> None:
        """Write the cache anew: what is kept and was known, and what is ``new``, by their digests."""
        digests = self.digests()
        known = {name: entry for name, entry in self._indexed().items() if name in digests}
        replace_file(self._index, msgspec.json.encode(known | dict(new or {})))

    def restrict(self, digest: str) -> None:
        """Keep evidence with exactly this digest on, and use it no more: only `find` has it then."""
        move_file(self.path / "evidence" / f"{digest}.json", self._restricted(digest))
        self.clean_index()

    def release(self, digest: str) -> None:
        """Use restricted evidence again."""
        move_file(self._restricted(digest), self.path / "evidence" / f"{digest}.json")

    def restricted(self) -> frozenset[str]:
        """Return the digests of what is kept and not used."""
        return frozenset(path.stem for path in (self.path / "restricted").glob("0x*.json"))

    def is_restricted(self, digest: str) -> bool:
        return self._restricted(digest).is_file()

    def entries(self) -> dict[str, Entry]:
        indexed = self._indexed()
        found = {path.stem: indexed.get(path.stem) or _entry(_read_own(path)) for path in self._files()}
        return dict(sorted(found.items(), key=lambda item: (item[1].issued_at, item[0])))

    def digests(self) -> frozenset[str]:
        return frozenset(path.stem for path in self._files())

    def all(self) -> Iterator[Evidence]:
        found = [(path.name, _read_own(path)) for path in self._files()]
        yield from (e for _, e in sorted(found, key=lambda pair: (pair[1].statement.message.issued_at, pair[0])))

    def find(self, digest: str) -> bytes:
        if DIGEST.fullmatch(digest) is None:
            raise InvalidInput(f"{digest[:80]!r} is not a digest", "Write 0x and four hex digits at least.")
        # What waits for its anchor is found too, so that the parser can say what it is.
        folders = (self.path / name for name in ("pending", "requests", "restricted", "evidence"))
        named = {path.name: path for folder in folders for path in folder.glob(f"{digest}*.json")}
        found = sorted(named.values())
        if not found:
            raise InvalidInput(f"no evidence {digest} is kept in {self.path}", "List what is kept: `consent status`.")
        if len(found) > 1:
            raise InvalidInput(f"{len(found)} digests begin with {digest}", f"Write one of {_candidates(found)}.")
        return read_bounded(found[0], MAX_EVIDENCE)

    def keeps_request(self, digest: str) -> bool:
        """Whether the request with exactly this digest (0x hex) is kept."""
        return (self.path / "requests" / f"{digest}.json").is_file()

    def keep_cutoff(self, account: str, until: int) -> None:
        # A folder that cannot be written must not keep anybody from ending everything.
        with suppress(InvalidInput):
            replace_file(self.path / "cutoffs" / account, b"%d" % max(until, self.cutoff_of(account)))

    def cutoff_of(self, account: str) -> int:
        file = self.path / "cutoffs" / account
        try:
            return int(read_bounded(file, MAX_CUTOFF)) if file.exists() else 0
        except ValueError:
            raise InvalidInput(f"{file} is damaged: it holds no time", "Restore it from a backup.") from None

    def keep_payment(self, payer: str, controller: str) -> None:
        # A file for each pair: two processes may keep payments at once.
        if controller not in self.paid_for(payer):
            replace_file(self.path / "payers" / payer / controller, b"")

    def paid_for(self, payer: str) -> frozenset[str]:
        return frozenset(file.name for file in (self.path / "payers" / payer).glob("0x*"))

    def _restricted(self, digest: str) -> Path:
        return self.path / "restricted" / f"{digest}.json"

    @property
    def _index(self) -> Path:
        return self.path / "cache" / "evidence.json"

    def _files(self) -> list[Path]:
        return list((self.path / "evidence").glob("0x*.json"))

    def _indexed(self) -> dict[str, Entry]:
        try:
            return msgspec.json.decode(read_bounded(self._index, _MAX_INDEX), type=dict[str, Entry])
        except (InvalidInput, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return {}  # absent or damaged: it is only a cache


def kept_grants(store: EvidenceStore, *, controller: str) -> list[Evidence]:
    """Read the grants to this controller (a checksummed address), oldest first."""
    mine = [digest for digest, e in store.entries().items() if (e.kind, e.controller) == ("Grant", controller)]
    return [parse_own(store.find(digest), digest) for digest in mine]


def kept_copy(store: EvidenceStore, evidence: Evidence) -> Evidence | None:
    """Read the store's own copy of this evidence, which may be more or less complete; None if it keeps none."""
    return kept_by_digest(store, to_hex(evidence.digest))


def kept_by_digest(store: EvidenceStore, digest: str) -> Evidence | None:
    """Read the evidence with exactly this digest (0x hex); None if the store keeps none."""
    return parse_own(store.find(digest), digest) if digest in store.digests() else None


def controller_of(store: EvidenceStore, brand: str) -> str:
    """Return the address of a brand that is named by its address or its name. ``InvalidInput`` unless it is one."""
    entries = [entry for entry in store.entries().values() if entry.kind == "Grant"]
    found = {e.controller for e in entries if brand.casefold() in (e.brand.casefold(), e.controller.casefold())}
    if not found:
        known = sorted({entry.brand or entry.controller for entry in entries})
        advice = f"Grants are kept to: {', '.join(known[:MAX_NAMED])}." if known else "None is kept here at all."
        raise InvalidInput(f"no grant to {brand[:80]!r} is kept here", advice)
    if len(found) > 1:
        # A name is only what a brand calls itself, so two brands may have one name.
        raise InvalidInput(f"{len(found)} brands call themselves {brand!r}", f"Name one: {', '.join(sorted(found))}.")
    return found.pop()


def _entry(evidence: Evidence) -> Entry:
    message, notice = evidence.statement.message, evidence.parsed_notice
    brand = "" if notice is None else notice.controller.name
    return Entry(evidence.kind, evidence.author, message.controller, brand, message.issued_at)


def _candidates(files: list[Path]) -> str:
    """The digests as far as they differ, each with what its file is."""
    shown = next(n for n in range(SHORT, 67) if len({path.stem[:n] for path in files}) == len(files))
    named = [f"{path.stem[:shown]} ({_told(path)})" for path in files[:MAX_CANDIDATES]]
    return ", ".join(named) + (f" and {len(files) - len(named)} more" if len(files) > len(named) else "")


def _told(path: Path) -> str:
    try:
        entry = _entry(_read_own(path))
    except InvalidInput:
        return "damaged"
    return f"{entry.kind}, {entry.brand or entry.controller}"


def _read_own(path: Path) -> Evidence:
    return parse_own(read_bounded(path, MAX_EVIDENCE), str(path))


def parse_own(raw: bytes, name: str) -> Evidence:
    """Parse a file of the party's own. ``InvalidInput`` where it is damaged: no consent is judged here."""
    try:
        return parse_evidence(raw)
    except Malformed as error:
        raise InvalidInput(f"{name} is damaged: {error}", "Restore it from a backup, or move it away.") from None
