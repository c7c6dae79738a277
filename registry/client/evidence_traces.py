"""What a home holds of statements that are about to be erased: their own files, and the bytes that name them."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from msgspec import UNSET

from registry.client.evidence_store import parse_own
from registry.client.home import Home
from registry.client.pending_store import PendingFolder
from registry.core.errors import InvalidInput
from registry.core.evidence.file import MAX_EVIDENCE, Evidence, acceptance_evidence, commitment_of
from registry.core.evidence.pending import write_pending
from registry.core.ipld.cid import cid_from_digest
from registry.core.scalars import ZERO_WORD, to_hex, unhex
from registry.core.statements.messages import Acknowledgement, Grant
from registry.fs.files import read_bounded
from registry.wallets import keyfiles

# The folder where evidence lies while it is being erased; see `registry.client.evidence_erasure`.
WORK = "shredding"
_PIECE = 1 << 20


@dataclass(frozen=True)
class Going:
    """A grant or refusal that goes, and the acknowledgements of its end, which go with it."""

    evidence: Evidence
    acknowledgements: tuple[Evidence, ...] = ()

    @property
    def digest(self) -> str:
        """The statement's digest (0x hex)."""
        return to_hex(self.evidence.digest)

    @property
    def message(self) -> Any:
        """The statement itself."""
        return self.evidence.statement.message

    @property
    def capsule(self) -> str:
        """The CID of the capsule, "" where nothing was handed over."""
        content = getattr(self.message, "content", ZERO_WORD)
        return "" if content == ZERO_WORD else cid_from_digest(unhex(content))

    @property
    def items(self) -> list[str]:
        """What notaries know it by: commitments, and the handle that ends it (0x hex)."""
        found = [to_hex(commitment_of(one)) for one in (self.evidence, *self.acknowledgements)]
        return found + ([self.evidence.handle] if self.evidence.handle else [])


class Rest(NamedTuple):
    """The other statements of a home: their files with their bytes, and their messages. These stay."""

    files: Mapping[Path, bytes]
    messages: Sequence[Any]


class Looked(NamedTuple):
    """Which files hold a trace, which could not be read, and how many were read."""

    found: list[Path]
    unread: list[Path]
    files: int


def is_unfinished(home: Home) -> bool:
    """Whether a killed process left a shredding of evidence in this home."""
    return any((home.path / WORK).glob("*.json"))


def own_keys(home: Home) -> set[str]:
    """Return the addresses of the home's key files: it is the brand of what names one of them as controller."""
    return {key.address for key in keyfiles.list_keys(home.keys)}


def acknowledgements_of(home: Home, digest: str) -> tuple[Evidence, ...]:
    """Return the kept acknowledgements of the end of this grant."""
    return tuple(one for one in home.evidence.all() if getattr(one.statement.message, "grant", "") == digest)


def rest_of(home: Home, going: Collection[Going]) -> Rest:
    """Read all statements of the home but those that go. ``InvalidInput`` where one cannot be read.

    A request stays while another statement answers it, and in the home of the brand that asked.
    """
    gone = {one.digest for one in going}
    asked = {getattr(one.message, "request", "") for one in going}
    files, messages = dict[Path, bytes](), list[Any]()
    for path, raw, message in _statements(home):
        if path.stem not in gone and not (isinstance(message, Acknowledgement) and message.grant in gone):
            files[path] = raw
            messages.append(message)
    answered, keys = {getattr(one, "request", "") for one in messages}, own_keys(home)
    for path in sorted((home.path / "requests").glob("0x*.json")):
        raw = read_bounded(path, MAX_EVIDENCE)
        message = parse_own(raw, str(path)).statement.message
        if path.stem in answered or path.stem not in asked or message.controller in keys:
            files[path] = raw
            messages.append(message)
    return Rest(files, messages)


def _statements(home: Home) -> Iterator[tuple[Path, bytes, Any]]:
    for path in sorted(chain.from_iterable((home.path / one).glob("0x*.json") for one in ("evidence", "restricted"))):
        raw = read_bounded(path, MAX_EVIDENCE)
        yield path, raw, parse_own(raw, str(path)).statement.message
    for pending in PendingFolder(home.path).all():
        own = pending.evidence
        yield home.path / "pending" / f"{own.digest}.json", write_pending(pending), own.statement.message


def own_files(home: Home, going: Going, rest: Rest) -> list[Path]:
    """Return the files that the home has of a statement alone: of its evidence, all that is not in the work folder."""
    digest, root = going.digest, home.path
    names = [f"evidence/{digest}.json", f"restricted/{digest}.json"]
    names += [f"{one}/{digest}.{end}" for one in ("pending", "deliveries", "endings") for end in ("json", "lock")]
    names += [f"mail/{digest}.json", f"uses/{digest}-*.json", f"endings/{digest}-*.*"]
    names += [f"promises/{item}-*.json" for item in going.items] + [f"tokens/*.{item}" for item in going.items]
    names += [f"evidence/{to_hex(one.digest)}.json" for one in going.acknowledgements]
    if isinstance(going.message, Grant):
        names += [f"vault/granting/{going.message.revocation}*"]
    found = list(chain.from_iterable(sorted(root.glob(name)) for name in names))
    return found + list(_shared(home, going, rest))


def _shared(home: Home, going: Going, rest: Rest) -> Iterator[Path]:
    """Yield what the home has of the brand, where no other statement needs it: the request, the log, the domain."""
    request = home.path / "requests" / f"{getattr(going.message, 'request', '')}.json"
    if request.is_file() and request not in rest.files:
        yield request
    for file in sorted((home.path / "uses").glob("changed-*.json")):
        if going.digest.encode() in read_bounded(file, 1 << 26):
            yield file
    controller = going.message.controller
    if any(one.controller == controller for one in rest.messages):
        return
    domain, notice = going.evidence.statement.domain, going.evidence.parsed_notice
    chain_name = f"{domain.chain_id}-{domain.verifying_contract}"
    yield from sorted((home.path / "uses").glob(f"heads-{chain_name}-{controller}-*.json"))
    if notice is not None:
        confirmed = home.confirmed / f"{chain_name}-{notice.controller.domain}.json"
        yield from [confirmed] if confirmed.is_file() else []


def traces_of(going: Iterable[Going], rest: Rest, spent: Collection[str] = ()) -> list[bytes]:
    """Return the byte strings by which these statements can be known: hashes as hex and as bytes, and texts.

    What other statements of the home hold by right is no trace, such as a request that another one answers. The same
    goes for requests of studies whose epsilon is ``spent``.
    """
    unique, shared = set[str](), set[str]()
    for one in going:
        unique |= {one.digest, *one.items, *([one.capsule] if one.capsule else [])}
        for part in (one.evidence, acceptance_evidence(one.evidence), *one.acknowledgements):
            if part is not None:
                unique |= {to_hex(part.digest), part.signature, part.statement.message.salt}
                shared |= _of_anchor(part)
        unique |= {word for name in ("revocation", "content") if (word := getattr(one.message, name, ZERO_WORD))}
        shared |= {getattr(one.message, "request", ZERO_WORD), one.message.notice, one.message.statement}
        shared.add(cid_from_digest(unhex(one.message.notice)))
    by_right = b"".join(rest.files.values()) + " ".join(spent).encode()
    shared = {word for word in shared if not any(form in by_right for form in _forms(word))}
    return sorted({form for word in (unique | shared) - {ZERO_WORD} for form in _forms(word)})


def _of_anchor(part: Evidence) -> set[str]:
    return set() if part.anchor is UNSET else {part.anchor.root, part.anchor.transaction}


def _forms(word: str) -> list[bytes]:
    if word.startswith("0x"):
        return [word[2:].encode(), unhex(word)]
    return [word.encode(), json.dumps(word, ensure_ascii=False)[1:-1].encode()]


def look_into(home: Home, traces: Sequence[bytes], rest: Rest) -> Looked:
    """Read every file of the home, and its name, for traces.

    Left out are the evidence in the work folder, the files of other statements, and the working copy, which is sealed.
    """
    looked = Looked([], [], 0)
    count = 0
    for path in sorted(home.path.rglob("*")):
        name = path.relative_to(home.path)
        is_work = name.parts[0] == WORK and path.suffix == ".json"
        if path in rest.files or is_work or not path.is_file() or path.name.startswith("copy.db"):
            continue
        count += 1
        try:
            if _holds(path, traces) or any(one in str(name).encode(errors="surrogateescape") for one in traces):
                looked.found.append(path)
        except (OSError, InvalidInput):
            looked.unread.append(path)
    return looked._replace(files=count)


def _holds(path: Path, traces: Sequence[bytes]) -> bool:
    """Whether a file holds one of these byte strings; it is read in pieces that overlap."""
    overlap, before = max(map(len, traces), default=1) - 1, b""
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            window = before + piece
            if any(one in window for one in traces):
                return True
            before = window[-overlap:] if overlap else b""
    return False
