"""The use log's entries, the hashes of its tree, and its heads. Appending and each proof read O(log n) rows."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, insert, select, update

from registry.brand.sql.answers import chunks
from registry.brand.sql.tables import use_heads, use_log, use_nodes, uses
from registry.core.merkle_log import Node, appended, leaf_hash, nodes_of
from registry.db.engine import retrying, writing
from registry.db.part import StorePart


class UseEntry(NamedTuple):
    """An entry of the log: the digest of its grant (32 bytes) and its bytes, which hold a random salt.

    ``position`` is its number in the log, from 0; an entry that is not in it yet has -1.
    """

    grant: bytes
    entry: bytes
    position: int = -1


class UseHead(NamedTuple):
    """A signed and anchored head: the number of entries that it covers, and its evidence file."""

    size: int
    file: bytes


class UseTables(StorePart):
    """The part of the store that keeps the use log."""

    def add_uses(self, entries: Sequence[UseEntry]) -> int:
        """Append entries durably, in one transaction and in this order; return the number of the first.

        Numbers have no gap, however many processes append. `DatabaseUnavailable` where the database is away.
        """
        began: list[int] = []

        def once() -> int:
            with writing(self._engine) as connection:
                # A lost connection does not say whether the first attempt was committed.
                if began and (kept := _find(connection, entries[0], began[0])) is not None:
                    return kept
                size = _lock(connection, len(entries))
                began[:] = began or [size]
                _append(connection, size, entries)
                return size

        return retrying(self._engine, once) if entries else self.use_count()

    def use_count(self) -> int:
        """Return the number of entries in the log."""
        return int(self._rows(select(use_log.c.size))[0][0])

    def uses_of(self, grant: bytes, start: int, limit: int) -> list[UseEntry]:
        """Return the entries of a grant (its digest) from the number ``start`` on, in order."""
        query = select(uses).where(uses.c.grant == grant, uses.c.position >= start)
        rows = self._rows(query.order_by(uses.c.position).limit(limit))
        return [UseEntry(row.grant, row.entry, row.position) for row in rows]

    def use_nodes(self, nodes: Collection[Node]) -> dict[Node, bytes]:
        """Return the hashes of these complete subtrees of the log."""
        return {
            node: hash_
            for part in chunks(nodes)
            for node, hash_ in _hashes({_number(each): each for each in part}, self._rows(_select(part)))
        }

    def add_head(self, head: UseHead) -> None:
        """Keep an anchored head; a second one of its size takes the place of the first."""
        retrying(self._engine, lambda: self._add_head(head))

    def _add_head(self, head: UseHead) -> None:
        with writing(self._engine) as connection:
            done = connection.execute(update(use_heads).where(use_heads.c.size == head.size).values(file=head.file))
            if not done.rowcount:
                connection.execute(insert(use_heads), head._asdict())

    def heads_after(self, size: int, limit: int) -> list[UseHead]:
        """Return the heads of more than ``size`` entries, the smallest first."""
        query = select(use_heads).where(use_heads.c.size > size).order_by(use_heads.c.size).limit(limit)
        return [UseHead(row.size, row.file) for row in self._rows(query)]

    def head_up_to(self, size: int) -> UseHead | None:
        """Return the largest head of at most ``size`` entries."""
        query = select(use_heads).where(use_heads.c.size <= size).order_by(use_heads.c.size.desc()).limit(1)
        return next((UseHead(row.size, row.file) for row in self._rows(query)), None)

    def newest_head(self) -> UseHead | None:
        """Return the largest head."""
        return self.head_up_to(2**62)

    def head_sizes(self, first: int, last: int) -> list[int]:
        """Return the sizes of the heads that cover the entries ``first`` to ``last``, in order."""
        covering = select(use_heads.c.size).where(use_heads.c.size > last).order_by(use_heads.c.size).limit(1)
        below = select(use_heads.c.size).where(use_heads.c.size > first, use_heads.c.size <= last)
        return [row.size for query in (below.order_by(use_heads.c.size), covering) for row in self._rows(query)]


def _lock(connection: Connection, count: int) -> int:
    """Take ``count`` numbers, and with them the lock until the commit; return the size before."""
    moved = update(use_log).values(size=use_log.c.size + count).returning(use_log.c.size)
    return int(connection.execute(moved).scalar_one()) - count


def _append(connection: Connection, size: int, entries: Sequence[UseEntry]) -> None:
    edge = nodes_of([(0, size)])
    rows = connection.execute(_select(edge)).all()
    known = dict(_hashes({_number(each): each for each in edge}, rows))
    new = appended(size, known, [leaf_hash(each.entry) for each in entries])
    connection.execute(
        insert(uses), [each._replace(position=number)._asdict() for number, each in enumerate(entries, size)]
    )
    connection.execute(insert(use_nodes), [{"place": _number(node), "hash": hash_} for node, hash_ in new.items()])


def _find(connection: Connection, entry: UseEntry, since: int) -> int | None:
    query = select(uses.c.position).where(uses.c.position >= since, uses.c.grant == entry.grant)
    return connection.execute(query.where(uses.c.entry == entry.entry)).scalar()


def _number(node: Node) -> int:
    """Return the in-order number of a node: one integer for each, as SQLite's and PostgreSQL's indexes like best."""
    return (node.place << node.level + 1) + (1 << node.level) - 1


def _select(nodes: Collection[Node]) -> Any:
    return select(use_nodes).where(use_nodes.c.place.in_([_number(each) for each in nodes]))


def _hashes(nodes: dict[int, Node], rows: Iterable[Any]) -> Iterator[tuple[Node, bytes]]:
    for row in rows:
        yield nodes[row.place], row.hash
