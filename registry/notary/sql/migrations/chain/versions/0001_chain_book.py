"""Batches with their trees, transactions, events and notes."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _columns(kind: Any, *names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, kind, nullable=False) for name in names]


def upgrade() -> None:
    """Make the tables."""
    _make_batches()
    _make_transactions()
    op.create_table(
        "events",
        sa.Column("id", _ID, primary_key=True),
        *_columns(sa.Text, "kind"),
        *_columns(sa.LargeBinary, "word", "manifest"),
        *_columns(_ID, "block", "time"),
        sqlite_autoincrement=True,
    )
    op.create_index("events_word", "events", ["word", "id"])
    op.create_table("notes", sa.Column("name", sa.Text, primary_key=True), *_columns(sa.Text, "value"))


def _make_batches() -> None:
    is_sqlite = op.get_context().dialect.name == "sqlite"
    op.create_table(
        "batches",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("root", sa.LargeBinary, nullable=False, unique=True),
        *_columns(sa.LargeBinary, "manifest"),
        *_columns(_ID, "size", "closed_at", "due"),
        *_columns(sa.Text, "state", "transaction"),
        *_columns(_ID, "block", "time"),
        sa.Column("first_request", _ID),
        sa.Column("last_request", _ID),
        sqlite_autoincrement=True,
    )
    op.create_index("batches_state", "batches", ["state", "due", "id"])
    op.create_table("manifests", sa.Column("batch", _ID, primary_key=True), *_columns(sa.LargeBinary, "commitments"))
    op.create_table("nodes", sa.Column("id", _ID, primary_key=True), *_columns(sa.LargeBinary, "data"))
    op.create_table(
        "places",
        sa.Column("commitment", sa.LargeBinary, primary_key=True),
        *(sa.Column(name, _ID, primary_key=is_sqlite, nullable=False) for name in ("batch", "place")),
        sqlite_with_rowid=False,
    )
    op.create_table("taken", *_columns(_ID, "last_request"))
    op.execute("INSERT INTO taken (last_request) VALUES (0)")
    if op.get_context().dialect.name == "postgresql":
        # Uncompressed, so that a proof reads its nodes alone.
        op.execute("ALTER TABLE nodes ALTER COLUMN data SET STORAGE EXTERNAL")
        op.execute("ALTER TABLE manifests ALTER COLUMN commitments SET STORAGE EXTERNAL")


def _make_transactions() -> None:
    op.create_table(
        "transactions",
        sa.Column("id", _ID, primary_key=True),
        *_columns(sa.Text, "account"),
        *_columns(_ID, "nonce"),
        *_columns(sa.Text, "kind"),
        *_columns(sa.LargeBinary, "call"),
        *_columns(_ID, "batch"),
        *_columns(sa.Text, "endings", "state"),
        *_columns(_ID, "signed_at"),
        *_columns(sa.Text, "mined_hash"),
        *_columns(_ID, "block"),
        *_columns(sa.Text, "block_hash"),
        *_columns(_ID, "gas_used"),
        *_columns(sa.Text, "cost"),
        sqlite_autoincrement=True,
    )
    op.create_index("transactions_signed", "transactions", ["signed_at"])
    op.create_index("transactions_state", "transactions", ["state", "nonce"])
    is_live = sa.text("state != 'lost'")
    op.create_index(
        "transactions_live",
        "transactions",
        ["account", "nonce"],
        unique=True,
        sqlite_where=is_live,
        postgresql_where=is_live,
    )
    _make_versions()


def _make_versions() -> None:
    op.create_table(
        "versions",
        sa.Column("id", _ID, primary_key=True),
        *_columns(_ID, "transaction"),
        sa.Column("hash", sa.Text, nullable=False, unique=True),
        *_columns(sa.LargeBinary, "raw"),
        *_columns(sa.Text, "tx"),
        *_columns(_ID, "signed_at"),
        *_columns(sa.Text, "limit"),
        sqlite_autoincrement=True,
    )
    op.create_index("versions_transaction", "versions", ["transaction"])
