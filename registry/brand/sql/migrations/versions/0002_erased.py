"""Marks of erased evidence, and legal holds."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "erased",
        sa.Column("mark", sa.LargeBinary, primary_key=True),
        sa.Column("capability", sa.LargeBinary, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("acknowledgement", sa.LargeBinary, nullable=False),
        sa.Column("day", _ID, nullable=False),
        sa.Column("certified", sa.Boolean, nullable=False),
    )
    op.create_index("erased_capability", "erased", ["capability"])
    op.create_table(
        "evidence_holds",
        sa.Column("answer", _ID, primary_key=True, autoincrement=False),
        sa.Column("until", _ID, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
    )
