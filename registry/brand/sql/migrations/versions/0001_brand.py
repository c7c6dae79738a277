"""Requests, answers, what they allow, acceptances, what the log showed, and events."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the tables."""
    _make_requests()
    _make_answers()
    _make_pairs()
    _make_acceptances()
    _make_log()
    _make_known()


def _columns(kind: Any, names: str) -> Iterable[sa.Column[Any]]:
    return (sa.Column(name, kind, nullable=False) for name in names.split())


def _key(name: str) -> sa.Column[int]:
    return sa.Column(name, _ID, primary_key=True, autoincrement=False)


def _make_requests() -> None:
    op.create_table(
        "requests",
        sa.Column("digest", sa.LargeBinary, primary_key=True),
        *_columns(sa.LargeBinary(), "file"),
        *_columns(sa.Boolean(), "single"),
        *_columns(_ID, "created_at expires_at withdrawn_at"),
        *_columns(sa.LargeBinary(), "answered_by"),
    )


def _make_answers() -> None:
    op.create_table(
        "answers",
        _key("id"),
        *_columns(sa.Text(), "kind"),
        sa.Column("digest", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("capability", sa.LargeBinary, nullable=False, unique=True),
        *_columns(sa.LargeBinary(), "commitment subject controller request supersedes"),
        *_columns(sa.Text(), "purposes data"),
        *_columns(_ID, "issued_at not_before expires_at"),
        *_columns(sa.LargeBinary(), "lock handle"),
        *_columns(_ID, "received_at"),
        *_columns(sa.Text(), "state"),
        *_columns(_ID, "anchored_at seen_block ended_at ended_block accepted_at check_at"),
        *_columns(sa.Text(), "why"),
        *_columns(_ID, "looked"),
    )
    op.create_index("answers_subject", "answers", ["subject"])
    op.create_index("answers_handle", "answers", ["handle"])
    op.create_index("answers_seen", "answers", ["seen_block"])
    op.create_index("answers_expiry", "answers", ["state", "expires_at"])
    for name, columns, words in (
        ("answers_check", ("check_at",), "check_at > 0"),
        ("answers_ended", ("ended_block",), "ended_block > 0"),
        ("answers_unaccepted", ("accepted_at", "id"), "accepted_at = 0 AND kind = 'Grant' AND state = 'live'"),
    ):
        op.create_index(name, "answers", list(columns), sqlite_where=sa.text(words), postgresql_where=sa.text(words))
    op.create_table("files", _key("answer"), *_columns(sa.LargeBinary(), "file"))


def _make_pairs() -> None:
    op.create_table(
        "pairs",
        sa.Column("subject", sa.LargeBinary, primary_key=True),
        sa.Column("purpose", sa.Text, primary_key=True),
        sa.Column("datum", sa.Text, primary_key=True),
        sa.Column("answer", _ID, primary_key=True),
        sqlite_with_rowid=False,
    )
    op.create_index("pairs_answer", "pairs", ["answer"])


def _make_acceptances() -> None:
    op.create_table(
        "acceptances",
        _key("answer"),
        *_columns(sa.LargeBinary(), "file root"),
        *_columns(sa.Boolean(), "tried"),
    )
    op.create_index("acceptances_root", "acceptances", ["root"])


def _make_log() -> None:
    op.create_table(
        "roots",
        sa.Column("id", _ID, primary_key=True),
        *_columns(sa.LargeBinary(), "root manifest"),
        *_columns(_ID, "block time"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "events",
        _key("id"),
        *_columns(sa.Text(), "kind"),
        *_columns(sa.LargeBinary(), "digest subject"),
        *_columns(_ID, "at block"),
        *_columns(sa.Text(), "why"),
    )
    progress = op.create_table(
        "progress",
        _key("id"),
        *_columns(sa.Text(), "blocks"),
        *_columns(_ID, "head_time seen_at turns behind last_event last_answer"),
    )
    numbers = dict.fromkeys(("head_time", "seen_at", "turns", "behind", "last_event", "last_answer"), 0)
    op.bulk_insert(progress, [{"id": 1, "blocks": "[]", **numbers}])


def _make_known() -> None:
    for table, word in (("anchored", "root"), ("revoked", "handle")):
        key = sa.Column(word, sa.LargeBinary, primary_key=True)
        op.create_table(table, key, *_columns(_ID, "block time"), sqlite_with_rowid=False)
        op.create_index(f"{table}_block", table, ["block"])
    op.create_table(
        "cutoffs",
        sa.Column("account", sa.LargeBinary, primary_key=True),
        sa.Column("until", _ID, primary_key=True, autoincrement=False),
        *_columns(_ID, "block"),
        sqlite_with_rowid=False,
    )
    op.create_index("cutoffs_block", "cutoffs", ["block"])
