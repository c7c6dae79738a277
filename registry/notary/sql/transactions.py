"""The transactions of the notary's account. Of one nonce, one lives: the database holds that."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

from sqlalchemy import Row, func, insert, select, update

from registry.db.engine import retrying, writing
from registry.db.errors import Conflict
from registry.db.part import StorePart
from registry.db.statements import InsertNew
from registry.notary.records import NewTransaction, NonceTaken, Transaction, TxKind, TxState, Version
from registry.notary.sql.tables import batches, versions
from registry.notary.sql.tables import transactions as table

_IN_A_BLOCK = (TxState.MINED, TxState.FINAL)
_OPEN = (TxState.SIGNED, TxState.SENT, TxState.MINED)
_NOT_MINED: dict[str, Any] = {"mined_hash": "", "block": 0, "block_hash": "", "gas_used": 0, "cost": "0"}
_insert_version = InsertNew(versions)


class TransactionTables(StorePart):
    """The part of the chain book that keeps transactions."""

    def add_transaction(self, new: NewTransaction) -> Transaction:
        """See `ChainBook`. The same signed version again is no other transaction."""
        return retrying(self._engine, lambda: self._add_or_find(new))

    def _add_or_find(self, new: NewTransaction) -> Transaction:
        try:
            with writing(self._engine) as connection:
                values = {"account": new.account, "nonce": new.nonce, "kind": new.kind, "call": new.call}
                more = {"batch": new.batch, "endings": json.dumps(new.endings), "signed_at": new.version.signed_at}
                row = values | more | {"state": TxState.SIGNED} | _NOT_MINED
                id = connection.execute(insert(table).values(row).returning(table.c.id)).scalar_one()
                connection.execute(insert(versions).values(_version_row(id, new.version)))
        except Conflict:
            return self._same_live(new)
        return self._transactions_where(table.c.id == id)[0]

    def _same_live(self, new: NewTransaction) -> Transaction:
        found = self._transactions_where(
            table.c.account == new.account, table.c.nonce == new.nonce, table.c.state != TxState.LOST
        )
        for each in found:
            if new.version.hash in {version.hash for version in each.versions}:
                return each
        raise NonceTaken(f"nonce {new.nonce}")

    def add_version(self, transaction: int, version: Version) -> None:
        """See `ChainBook`."""
        retrying(self._engine, lambda: self._add_version_once(transaction, version))

    def _add_version_once(self, transaction: int, version: Version) -> None:
        with writing(self._engine) as connection:
            _insert_version(connection, _version_row(transaction, version))
            # It may cost more now, so it counts from now.
            change = update(table).where(table.c.id == transaction).values(signed_at=version.signed_at)
            connection.execute(change)

    def transactions(self) -> list[Transaction]:
        """See `ChainBook`."""
        return self._transactions_where(table.c.state.in_(_OPEN))

    def transaction(self, id: int) -> Transaction | None:
        """See `ChainBook`."""
        found = self._transactions_where(table.c.id == id)
        return found[0] if found else None

    def set_transaction(
        self,
        id: int,
        state: TxState,
        *,
        mined_hash: str = "",
        block: int = 0,
        block_hash: str = "",
        gas_used: int = 0,
        cost: int = 0,
    ) -> None:
        """See `ChainBook`. `NonceTaken` where a lost one would live again beside another."""
        where = {"mined_hash": mined_hash, "block": block, "block_hash": block_hash}
        values = {"state": state, "gas_used": gas_used, "cost": str(cost)} | where
        try:
            self._change(update(table).where(table.c.id == id).values(values))
        except Conflict:
            raise NonceTaken(f"transaction {id}") from None

    def spent_since(self, moment: int) -> int:
        """See `ChainBook`. A transaction counts from its newest version, and at the price of its dearest one."""
        query = select(table.c.id, table.c.state, table.c.cost, versions.c.limit)
        query = query.join(versions, versions.c.transaction == table.c.id)
        most = defaultdict[int, int](int)
        for id, state, cost, limit in self._rows(query.where(table.c.signed_at >= moment)):
            if state != TxState.LOST:
                most[id] = max(most[id], int(cost if state in _IN_A_BLOCK else limit))
        return sum(most.values())

    def totals(self) -> tuple[int, int]:
        """See `ChainBook`."""
        query = select(func.sum(table.c.gas_used), func.sum(batches.c.size)).join(
            batches, batches.c.id == table.c.batch
        )
        rows = self._rows(query.where(table.c.kind == TxKind.ANCHOR, table.c.state.in_(_IN_A_BLOCK)))
        ((gas, commitments),) = rows
        return int(gas or 0), int(commitments or 0)

    def _transactions_where(self, *conditions: Any) -> list[Transaction]:
        rows = self._rows(select(table).where(*conditions).order_by(table.c.nonce, table.c.id))
        ids = [row.id for row in rows]
        found = defaultdict[int, list[Version]](list)
        for row in self._rows(select(versions).where(versions.c.transaction.in_(ids)).order_by(versions.c.id)):
            found[row.transaction].append(Version(row.hash, row.raw, json.loads(row.tx), row.signed_at))
        return [_transaction(row, tuple(found[row.id])) for row in rows]


def _transaction(row: Row[Any], signed: tuple[Version, ...]) -> Transaction:
    what = row.account, row.nonce, TxKind(row.kind), row.call, row.batch, tuple(json.loads(row.endings))
    where = row.mined_hash, row.block, row.block_hash, row.gas_used, int(row.cost)
    return Transaction(row.id, *what, TxState(row.state), signed, *where)


def _version_row(transaction: int, version: Version) -> dict[str, Any]:
    tx = version.tx
    limit = tx.get("gas", 0) * tx.get("maxFeePerGas", tx.get("gasPrice", 0)) + tx.get("value", 0)
    values = {"hash": version.hash, "raw": version.raw, "tx": json.dumps(tx), "signed_at": version.signed_at}
    return values | {"transaction": transaction, "limit": str(limit)}
