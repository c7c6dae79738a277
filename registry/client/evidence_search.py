"""Look for what was erased wherever it could be: the files of the home, the vault's book and copy, and the store."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from registry.client.evidence_traces import Going, Rest, look_into, traces_of
from registry.client.home import Home
from registry.core.evidence.certificate import EvidenceCertificate, HomeSearched, Removed
from registry.core.instants import utc_text
from registry.core.scalars import ZERO_WORD
from registry.storage.base import BlockStore
from registry.vault.database import Database

_STORE = "the vault's store"
_ALWAYS = (
    "backups of this home and of its stores, and what file systems and disks keep of removed files",
    "files and pages that were written outside of this home",
    "what brands, notaries and others were given: each of them erases it, and a copy proves the statement as before",
    "copies that gateways and other people's IPFS nodes made of sealed blocks",
    "other homes of this seed: they erase it when they read this one's book, and blocks that they name wait",
    "on the chain: salted hashes, which name nothing once no copy is left",
    "in the vault: records and their large files, the account, and what it paid for",
)


class Search(NamedTuple):
    """The traces of statements that go, and where they are looked for. ``rest`` are the statements that stay."""

    home: Home
    vault: Database
    rest: Rest
    traces: Sequence[bytes]
    remains: tuple[str, ...]

    @classmethod
    def of(cls, home: Home, vault: Database, going: Sequence[Going], rest: Rest) -> Search:
        """Return the search for what goes; ``rest`` are all other statements of the home."""
        spent = vault.marks.studies()
        return cls(home, vault, rest, traces_of(going, rest, spent), tuple(_remains(going, rest, spent)))

    def left_parts(self) -> Iterator[Path]:
        """Yield the files of the home that a killed process had half written, and that hold a trace."""
        looked = look_into(self.home, self.traces, self.rest)
        yield from (path for path in looked.found if path.name.startswith(".") and path.suffix == ".part")

    def certificate(
        self,
        going: Sequence[Going],
        removed: tuple[Removed, ...],
        blocks: Sequence[str],
        others: Mapping[str, BlockStore],
    ) -> tuple[EvidenceCertificate, list[Path]]:
        """Look everywhere; return the certificate, and the files that still hold a trace or could not be read."""
        looked = look_into(self.home, self.traces, self.rest)
        at, marks = utc_text(self.vault.marks.now() * 1_000_000), self.vault.marks
        remains = [*_ALWAYS, *self.remains]
        if marks.is_logged:
            remains.append("a log of the store, which another program was reading: the next change empties it")
        made = EvidenceCertificate(
            day=at[:10],
            grants=sum(one.evidence.kind == "Grant" for one in going),
            refusals=sum(one.evidence.kind == "Refusal" for one in going),
            removed=removed,
            places=marks.look_into_stores(blocks, _STORE, others),
            home=HomeSearched(
                files=looked.files,
                looked_for=len(self.traces),
                found=len(looked.found),
                unknown=len(looked.unread),
                book=len(marks.traces_in_book(self.traces)),
            ),
            copy=marks.look_into_copy(self.traces),
            remains=tuple(remains),
        )
        return made, [*looked.found, *looked.unread]


def _remains(going: Sequence[Going], rest: Rest, spent: Collection[str]) -> Iterator[str]:
    digests = {one.digest for one in going}
    asked = {getattr(one.message, "request", ZERO_WORD) for one in going} - {ZERO_WORD}
    if sum(getattr(one, "supersedes", "") in digests for one in rest.messages):
        yield "newer grants, which name one of these as the grant that they replaced"
    if any(getattr(one, "request", "") in asked for one in rest.messages):
        yield "requests that other statements answer too"
    if asked & set(spent):
        yield "in the vault: what a study was given, by the digest of its request"
