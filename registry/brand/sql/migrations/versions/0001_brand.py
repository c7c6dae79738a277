"""Requests, answers, what they allow and hand over, own statements, uses, messages, events, and what the log showed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")

_UNACKNOWLEDGED = "acknowledged_at = 0 AND kind = 'Grant' AND state = 'ended' AND why = 'Revoked'"


def upgrade() -> None:
    """Make the tables."""
    _make_requests()
    _make_answers()
    _make_pairs()
    _make_holdings()
    _make_own_statements()
    _make_uses()
    _make_acknowledgements()
    _make_messages()
    _make_mail_files()
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
        *_columns(sa.LargeBinary(), "answered_by notice"),
    )
    op.create_index("requests_notice", "requests", ["notice"])
    op.create_table(
        "unasked",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("digest", sa.LargeBinary, nullable=False, unique=True),
        *_columns(sa.Text(), "kind why"),
        *_columns(sa.LargeBinary(), "subject"),
        *_columns(_ID, "at"),
        sqlite_autoincrement=True,
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
        *_columns(_ID, "anchored_at seen_block ended_at ended_block accepted_at check_at acknowledged_at"),
        *_columns(sa.Text(), "why"),
        *_columns(_ID, "looked"),
        *_columns(sa.LargeBinary(), "content"),
    )
    op.create_index("answers_subject", "answers", ["subject"])
    op.create_index("answers_handle", "answers", ["handle"])
    op.create_index("answers_seen", "answers", ["seen_block"])
    op.create_index("answers_expiry", "answers", ["state", "expires_at"])
    for name, columns, words in (
        ("answers_content", ("content",), "length(content) > 0"),
        ("answers_check", ("check_at",), "check_at > 0"),
        ("answers_ended", ("ended_block",), "ended_block > 0"),
        ("answers_unacknowledged", ("id",), _UNACKNOWLEDGED),
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


def _make_holdings() -> None:
    op.create_table(
        "holdings",
        _key("answer"),
        *_columns(_ID, "number"),
        *_columns(sa.LargeBinary(), "update_digest"),
        *_columns(sa.Text(), "pending versions"),
        *_columns(_ID, "blocks bytes changed_at"),
        *_columns(sa.Boolean(), "complete leaving"),
    )
    words = sa.text("leaving")
    op.create_index("holdings_leaving", "holdings", ["leaving"], sqlite_where=words, postgresql_where=words)
    op.create_table(
        "held",
        _key("answer"),
        sa.Column("digest", sa.LargeBinary, primary_key=True),
        *_columns(_ID, "size"),
        *_columns(sa.Boolean(), "walked"),
        sqlite_with_rowid=False,
    )
    op.create_index("held_digest", "held", ["digest"])
    size = op.create_table("data_size", _key("id"), *_columns(_ID, "bytes"))
    op.bulk_insert(size, [{"id": 1, "bytes": 0}])
    op.create_table(
        "arriving",
        sa.Column("id", _ID, primary_key=True),
        *_columns(sa.Text(), "kind"),
        *_columns(sa.LargeBinary(), "content blocks"),
        *_columns(_ID, "at"),
        *_columns(sa.Boolean(), "ready lost"),
        *_columns(sa.Text(), "verdict"),
        sqlite_autoincrement=True,
    )


def _make_own_statements() -> None:
    op.create_table(
        "own_statements",
        sa.Column("kind", sa.Text, primary_key=True),
        _key("about"),
        *_columns(sa.LargeBinary(), "file root"),
        *_columns(sa.Boolean(), "tried"),
    )
    op.create_index("own_statements_root", "own_statements", ["root"])


def _make_uses() -> None:
    op.create_table("uses", _key("position"), *_columns(sa.LargeBinary(), "grant entry"))
    op.create_index("uses_grant", "uses", ["grant", "position"])
    op.create_table("use_nodes", _key("place"), *_columns(sa.LargeBinary(), "hash"))
    op.create_table("use_heads", _key("size"), *_columns(sa.LargeBinary(), "file"))
    use_log = op.create_table("use_log", _key("id"), *_columns(_ID, "size"))
    op.bulk_insert(use_log, [{"id": 1, "size": 0}])


def _make_acknowledgements() -> None:
    op.create_table(
        "acknowledgements",
        _key("answer"),
        *_columns(sa.LargeBinary(), "file"),
        *_columns(_ID, "ended_at signed_at anchored_at seen_block check_at"),
    )
    op.create_index("acknowledgements_anchored", "acknowledgements", ["anchored_at"])
    op.create_index("acknowledgements_seen", "acknowledgements", ["seen_block"])
    words = sa.text("check_at > 0")
    op.create_index(
        "acknowledgements_check", "acknowledgements", ["check_at"], sqlite_where=words, postgresql_where=words
    )


def _make_messages() -> None:
    op.create_table(
        "messages",
        sa.Column("id", _ID, primary_key=True),
        *_columns(_ID, "answer"),
        *_columns(sa.LargeBinary(), "content draft sealed"),
        *_columns(_ID, "number issued_at queued_at"),
        *_columns(sa.Text(), "why"),
        sqlite_autoincrement=True,
    )
    op.create_index("messages_content", "messages", ["answer", "content"], unique=True)
    op.create_index("messages_number", "messages", ["answer", "number"])
    for name, column, some in (
        ("messages_unsent", "id", "number = 0 AND why = ''"),
        ("messages_readable", "answer", "length(draft) > 0"),
    ):
        op.create_index(name, "messages", [column], sqlite_where=sa.text(some), postgresql_where=sa.text(some))


def _make_mail_files() -> None:
    op.create_table(
        "mail_files",
        sa.Column("id", _ID, primary_key=True),
        *_columns(_ID, "answer"),
        *_columns(sa.LargeBinary(), "tag cid ref"),
        *_columns(_ID, "bytes at"),
        *_columns(sa.Boolean(), "used"),
        sqlite_autoincrement=True,
    )
    op.create_index("mail_files_tag", "mail_files", ["answer", "tag"], unique=True)
    op.create_index("mail_files_at", "mail_files", ["used", "at"])
    op.create_table(
        "mail_blocks",
        _key("file"),
        sa.Column("digest", sa.LargeBinary, primary_key=True),
        sqlite_with_rowid=False,
    )
    op.create_index("mail_blocks_digest", "mail_blocks", ["digest"])


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
