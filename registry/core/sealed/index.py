"""The index and the book: what a vault's owner needs besides the seed (docs/formats.md, "The personal database").

The index is small and changes with every record. The book changes when something is shared, signed or shredded.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Literal

from msgspec import Meta, Struct

from registry.core.errors import Malformed
from registry.core.scalars import Address, Bytes32, check_address, check_distinct, check_term, read_words
from registry.core.sealed.bundles import View
from registry.core.sealed.documents import Signed, check_hex
from registry.core.sealed.records import OWN_ID, Count, check_cid, check_identity, check_schema, check_time

MAX_INDEX = 4 << 20
MAX_BOOK = 64 << 20
MAX_SCHEMA = 64 * 1024
MAX_GENERATION = 2**32 - 1
MARK_BYTES = 32
MAX_REASON = 200

_EPSILON = re.compile(r"(?:0|[1-9][0-9]{0,8})(?:\.[0-9]{0,8}[1-9])?")


class OwnStream(Struct, frozen=True, forbid_unknown_fields=True):
    """One stream of the owner: its name, category and identity, and its newest head."""

    stream: str
    category: str
    identity: str
    head: str
    number: Count

    def __post_init__(self) -> None:
        check_hex(self.stream, 16, "the stream's name")
        check_term(self.category, "category")
        check_identity(self.identity)
        check_cid(self.head)

    def __repr__(self) -> str:
        return f"OwnStream(stream={self.stream!r}, category={self.category!r}, number={self.number})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        # msgspec's default would show the identity.
        return [("stream", self.stream), ("category", self.category), ("number", self.number)]


class VaultIndex(Signed, frozen=True, kw_only=True):
    """A home's newest state of the vault. ``counter`` is the home's own, and only ever grows."""

    MAX_SEALED: ClassVar[int] = MAX_INDEX
    MAX_PLAIN: ClassVar[int] = MAX_INDEX

    home: str
    counter: Count
    streams: tuple[OwnStream, ...]
    book: str | None = None
    type: Literal["VaultIndex"] = "VaultIndex"
    version: Literal[1] = 1

    def __post_init__(self) -> None:
        check_hex(self.home, 8, "the home")
        if self.book is not None:
            check_cid(self.book)

    def check_lists(self) -> None:
        check_distinct([one.stream for one in self.streams], "a stream")
        check_distinct([one.head for one in self.streams], "a head")


class Writer(Struct, frozen=True, forbid_unknown_fields=True):
    """The number of the last head that a home made of a bundle, or that a head takes account of."""

    home: str
    number: Count

    def __post_init__(self) -> None:
        check_hex(self.home, 8, "the home")


class Branch(Struct, frozen=True, forbid_unknown_fields=True):
    """A head that another home made apart. A brand may have read it, so the next head must outdo what it says."""

    head: str
    number: Count
    writers: tuple[Writer, ...]

    def __post_init__(self) -> None:
        check_cid(self.head)


class Bundle(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One bundle: for whom, what it shows, its secrets, and the locks of the grants that hand it over.

    ``writers`` say which heads the newest one takes account of. ``apart`` are those of which it does not yet.
    """

    name: str
    subject: Address
    controller: Address
    view: View
    secret: str
    identity: str
    number: Count
    head: str
    locks: tuple[Bytes32, ...]
    ended: bool
    writers: tuple[Writer, ...]
    apart: tuple[Branch, ...] = ()

    def __post_init__(self) -> None:
        check_hex(self.name, 16, "the bundle's name")
        check_address(self.subject)
        check_address(self.controller)
        check_hex(self.secret, 32, "the bundle's secret")
        check_identity(self.identity)
        check_cid(self.head)
        read_words(self.locks)

    @property
    def branches(self) -> tuple[Branch, ...]:
        """The newest head, and then those that were made apart."""
        return (Branch(self.head, self.number, self.writers), *self.apart)

    def __repr__(self) -> str:
        return f"Bundle(name={self.name!r}, controller={self.controller!r}, view={self.view!r}, ended={self.ended})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        # msgspec's default would show the secret and the identity.
        return [("name", self.name), ("controller", self.controller), ("view", self.view), ("ended", self.ended)]


class Account(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An account that was used: the controller that it is for, and its generation (see ``account_number``)."""

    controller: Address
    generation: Annotated[int, Meta(ge=0, le=MAX_GENERATION)]
    address: Address | None = None

    def __post_init__(self) -> None:
        check_address(self.controller)
        if self.address is not None:
            check_address(self.address)


class OwnSchema(Struct, frozen=True, forbid_unknown_fields=True):
    """A schema that the person added: its name with the version, and the JSON Schema as a text."""

    name: str
    schema: Annotated[str, Meta(max_length=MAX_SCHEMA)]

    def __post_init__(self) -> None:
        check_schema(self.name)


class Spent(Struct, frozen=True, forbid_unknown_fields=True):
    """The epsilon that a study was given, as a decimal text; ``request`` is the digest of its Request."""

    request: Bytes32
    epsilon: str

    def __post_init__(self) -> None:
        read_words((self.request,))
        if not _EPSILON.fullmatch(self.epsilon):
            raise Malformed(f"an epsilon is malformed: {self.epsilon[:80]!r}")


class Restricted(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A record that is kept and not used until a day (``until``, UTC), when it may be shredded.

    ``record`` is its id, or the digest (0x hex) of evidence that is kept so. A ``reason`` makes it a legal hold: it is
    not shredded before that day. Without a day the record is in use again. Of what two homes wrote, the larger
    ``counter`` stays.
    """

    record: str
    counter: Count
    until: str | None = None
    reason: str | None = None

    def __post_init__(self) -> None:
        if self.is_evidence:
            read_words((self.record,))
        elif not OWN_ID.fullmatch(self.record):
            raise Malformed(f"a restricted record is malformed: {self.record[:80]!r}")
        if self.until is None and self.reason is not None:
            raise Malformed("a restriction without a day has no reason")
        if self.until is not None and "T" in check_time(self.until):
            raise Malformed(f"a restriction ends on a day, not at a time: {self.until}")
        if self.reason is not None and not 0 < len(self.reason) <= MAX_REASON:
            raise Malformed(f"a reason has 1 to {MAX_REASON} characters")

    @property
    def is_evidence(self) -> bool:
        """Whether it is evidence, and no record of the vault."""
        return self.record.startswith("0x")


class VaultBook(Signed, frozen=True, kw_only=True):
    """All that a vault knows besides its records. ``shredded`` marks ids that a merge must never bring back."""

    MAX_SEALED: ClassVar[int] = MAX_BOOK
    MAX_PLAIN: ClassVar[int] = MAX_BOOK

    bundles: tuple[Bundle, ...] = ()
    accounts: tuple[Account, ...] = ()
    schemas: tuple[OwnSchema, ...] = ()
    spent: tuple[Spent, ...] = ()
    shredded: tuple[str, ...] = ()
    restricted: tuple[Restricted, ...] = ()
    type: Literal["VaultBook"] = "VaultBook"
    version: Literal[1] = 1

    def __post_init__(self) -> None:
        # All at once: there may be half a million.
        if any(len(mark) != 2 * MARK_BYTES for mark in self.shredded):
            raise Malformed(f"a shredded mark has not {MARK_BYTES} bytes")
        if self.shredded:
            check_hex("".join(self.shredded), MARK_BYTES * len(self.shredded), "a shredded mark")

    def check_lists(self) -> None:
        check_distinct([one.name for one in self.bundles], "a bundle")
        heads = [branch.head for one in self.bundles for branch in one.branches]
        check_distinct(heads, "a head")
        for bundle in self.bundles:
            check_distinct(bundle.locks, "a lock")
            for branch in bundle.branches:
                check_distinct([one.home for one in branch.writers], "a writer")
        check_distinct([(one.controller, one.generation) for one in self.accounts], "an account")
        check_distinct([one.name for one in self.schemas], "a schema")
        check_distinct([one.request for one in self.spent], "a study")
        check_distinct(self.shredded, "a shredded mark")
        check_distinct([one.record for one in self.restricted], "a restricted record")
