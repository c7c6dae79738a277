"""Requests, tokens, sponsors and endings."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the tables."""
    _make_requests()
    op.create_table(
        "tokens", sa.Column("token", sa.LargeBinary, primary_key=True), sa.Column("ends", _ID, nullable=False)
    )
    op.create_index("tokens_ends", "tokens", ["ends"])
    op.create_table(
        "sponsors",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        sa.Column("key_hash", sa.LargeBinary, nullable=False, unique=True),
        *(sa.Column(name, _ID, nullable=False) for name in ("budget", "used", "created_at")),
        sqlite_autoincrement=True,
    )
    _make_endings()


def _make_requests() -> None:
    op.create_table(
        "requests",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("key", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("received_at", _ID, nullable=False),
        sa.Column("due", _ID, nullable=False),
        sa.Column("commitments", sa.LargeBinary, nullable=False),
        sa.Column("batch", _ID),
        sqlite_autoincrement=True,
    )
    if op.get_context().dialect.name == "postgresql":
        op.execute("ALTER TABLE requests ALTER COLUMN commitments SET STORAGE EXTERNAL")
        op.execute("CREATE INDEX requests_waiting ON requests (id) WHERE batch IS NULL")
        op.execute("CREATE INDEX requests_batch ON requests (batch) WHERE batch IS NOT NULL")


def _make_endings() -> None:
    op.create_table(
        "endings",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("mark", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("key", sa.LargeBinary, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("received_at", _ID, nullable=False),
        sa.Column("due", _ID, nullable=False),
        sa.Column("without_token", sa.Boolean, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("transaction", _ID, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("endings_key", "endings", ["key"])
    op.create_index("endings_state", "endings", ["state", "without_token", "id"])
