"""Which blocks a capsule and its updates lead to: heads, lists, segments and the files of records.

A walk goes as far as blocks are there, and goes on later. It opens every segment once, so what was walked can be read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from typing import Literal, NamedTuple

from msgspec import Struct

from registry.core.errors import DamagedSeal, InvalidInput, WrongCapsule
from registry.core.ipld.cid import digest_of_cid, is_leaf
from registry.core.ipld.unixfs import children
from registry.core.sealed.bundles import FILE, BundleKey
from registry.core.sealed.files import Budget
from registry.core.sealed.heads import SegmentList, SegmentRef, StreamHead, StreamReader

RefKind = Literal["head", "list", "segment", "file"]


class Ref(Struct, frozen=True, array_like=True):
    """A file of the stream of this name. ``records`` is how many versions its list says that a segment holds."""

    kind: RefKind
    stream: str
    cid: str
    records: int = 0


class Tally(NamedTuple):
    """What the newest heads lead to: whether all of it was walked, and the versions of each category."""

    complete: bool
    versions: dict[str, int]


class BundleWalk:
    """One walk. ``keys`` open its streams by name, ``vault_key`` must have signed their lists.

    ``get`` returns a block, and ``has`` tells whether it is there. ``walked`` are the files (SHA-256) of earlier walks.
    After `go`, ``reached`` has the SHA-256 of every block that was met, ``done`` the files that were walked now, and
    ``pending`` those whose blocks are not all there.
    """

    def __init__(
        self,
        keys: Mapping[str, BundleKey],
        vault_key: str,
        get: Callable[[str], bytes],
        has: Callable[[str], bool],
        walked: Set[bytes] = frozenset(),
        budget: Budget | None = None,
    ) -> None:
        self._keys, self._get, self._has, self._walked = keys, get, has, walked
        budget = budget or Budget()
        self._readers = {name: StreamReader(name, key.identity, vault_key, get, budget) for name, key in keys.items()}
        self.reached, self.done = set[bytes](), set[bytes]()
        self.pending = list[Ref]()

    def go(self, refs: Iterable[Ref]) -> None:
        """Walk from these files. ``DamagedSeal``, ``WrongCapsule`` or ``Malformed`` for what no such file may be."""
        left, pending = list(dict.fromkeys(refs)), dict[Ref, None]()
        while left:
            ref = left.pop()
            digest = digest_of_cid(ref.cid)
            if digest in self._walked or digest in self.done:
                self.reached.add(digest)
            elif not self._has_tree(ref.cid):
                pending[ref] = None
            else:
                left.extend(self._named_by(ref))
                self.done.add(digest)
        self.pending = list(pending)

    def tally(self, newest: Iterable[BundleKey]) -> Tally:
        """Tell what these heads lead to, once `go` has walked from them."""
        versions, known = dict[str, int](), self.done | self._walked
        for key in newest:
            if digest_of_cid(key.head) not in known:
                return Tally(False, {})
            reader = self._readers[key.stream]
            count = 0
            for part in reader.parts(reader.head(key.head)):
                if not all(digest_of_cid(ref.cid) in known for ref in _refs_of(key.stream, part)):
                    return Tally(False, {})
                count += sum(segment.records for segment in part.segments)
            versions[key.category] = versions.get(key.category, 0) + count
        return Tally(not any(ref.kind == "file" for ref in self.pending), versions)

    def _has_tree(self, root: str) -> bool:
        """Note the blocks of a file that are there; tell whether all are."""
        left, met, is_whole = [root], {root}, True
        while left:
            cid = left.pop()
            if not self._has(cid):
                is_whole = False
                continue
            self.reached.add(digest_of_cid(cid))
            # A hostile node may name one child many times.
            new = dict.fromkeys([] if is_leaf(cid) else self._below(cid)).keys() - met
            met |= new
            left.extend(new)
        return is_whole

    def _below(self, cid: str) -> list[str]:
        data = self._get(cid)
        try:
            return children(data)
        except InvalidInput as error:
            raise DamagedSeal(f"{cid} is no sealed file of ours: {error}") from None

    def _named_by(self, ref: Ref) -> Iterator[Ref]:
        reader = self._readers.get(ref.stream)
        if reader is None:
            raise WrongCapsule("a file belongs to a stream that was not handed over")
        if ref.kind == "head":
            yield from _refs_of(ref.stream, reader.head(ref.cid))
        elif ref.kind == "list":
            yield from _refs_of(ref.stream, reader.older(ref.cid))
        elif ref.kind == "segment":
            yield from self._files_of(reader, ref)

    def _files_of(self, reader: StreamReader, ref: Ref) -> Iterator[Ref]:
        shows_files = FILE in self._keys[ref.stream].view.members
        for record in reader.records(SegmentRef(ref.cid, ref.records)):
            if shows_files and record.file is not None and record.file.cid is not None:
                yield Ref("file", ref.stream, record.file.cid)


def heads_of(keys: Iterable[BundleKey]) -> list[Ref]:
    """Return the heads that these keys name, from which a walk begins."""
    return [Ref("head", key.stream, key.head) for key in keys]


def _refs_of(stream: str, part: StreamHead | SegmentList) -> Iterator[Ref]:
    if part.older is not None:
        yield Ref("list", stream, part.older)
    for segment in part.segments:
        yield Ref("segment", stream, segment.cid, segment.records)
