"""Views and the keys of bundles, as book, capsule and update share them (docs/formats.md, "The personal database")."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field

from registry.core.errors import Malformed
from registry.core.scalars import check_distinct, check_term
from registry.core.sealed.documents import check_hex
from registry.core.sealed.records import check_cid, check_identity, check_schema, check_time

MAX_MEMBERS = 256
MAX_MEMBER = 200
# The names under which a view shows the file of a record, and that file's own name. No member of a body is meant.
FILE, NAME = "$file", "$name"


class View(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a bundle shows: the members of the bodies of one category, and from when until when.

    ``from_`` is the first moment, ``until`` the first one after. Source and tags go along only where they are true.
    Where it is ``continuing``, later records join while the grant holds.
    """

    category: str
    members: tuple[str, ...]
    schema: str | None = None
    from_: str | None = field(default=None, name="from")
    until: str | None = None
    source: bool = False
    tags: bool = False
    continuing: bool = False

    def __post_init__(self) -> None:
        check_term(self.category, "category")
        if len(self.members) > MAX_MEMBERS or not all(0 < len(name) <= MAX_MEMBER for name in self.members):
            raise Malformed(f"a view has at most {MAX_MEMBERS} members of 1 to {MAX_MEMBER} characters")
        if list(self.members) != sorted(set(self.members)):
            raise Malformed("a view's members must be sorted by their UTF-8 bytes, with no repeats")
        if self.schema is not None:
            check_schema(self.schema)
        for time in (self.from_, self.until):
            if time is not None:
                check_time(time)


class BundleKey(Struct, frozen=True, forbid_unknown_fields=True):
    """What opens one bundle: its age identity and its newest head."""

    stream: str
    category: str
    view: View
    identity: str
    head: str

    def __post_init__(self) -> None:
        check_hex(self.stream, 16, "the stream's name")
        if self.category != self.view.category:
            raise Malformed("a bundle and its view have different categories")
        check_identity(self.identity)
        check_cid(self.head)

    def __repr__(self) -> str:
        return f"BundleKey(stream={self.stream!r}, view={self.view!r}, head={self.head!r})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        # msgspec's default would show the identity.
        return [("stream", self.stream), ("view", self.view), ("head", self.head)]


def check_keys(keys: tuple[BundleKey, ...]) -> None:
    """Refuse a list that repeats a stream, a head, or a view as ``Malformed``."""
    check_distinct([key.stream for key in keys], "a stream")
    check_distinct([key.head for key in keys], "a head")
    check_distinct([key.view for key in keys], "a view")
