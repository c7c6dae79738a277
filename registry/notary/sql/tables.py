"""The tables of the intake and of the chain book. ``migrations/`` makes them; a test compares the two.

Hashes and keys are blobs of 32 bytes, times are unix seconds, and wei are decimal text: they exceed 64 bits.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, MetaData, Table, Text

ID = BigInteger().with_variant(Integer, "sqlite")
intake, chain = MetaData(), MetaData()


def _id() -> Column[int]:
    return Column("id", ID, primary_key=True)


def _number(name: str) -> Column[int]:
    return Column(name, ID, nullable=False)


def _text(name: str, *, unique: bool = False) -> Column[str]:
    return Column(name, Text, nullable=False, unique=unique)


def _blob(name: str, *, unique: bool = False) -> Column[bytes]:
    return Column(name, LargeBinary, nullable=False, unique=unique)


# ``batch`` marks a request as taken on PostgreSQL. On SQLite the batches say which requests they took.
requests = Table(
    "requests",
    intake,
    _id(),
    _blob("key", unique=True),
    _number("received_at"),
    _number("due"),
    _blob("commitments"),
    Column("batch", ID),
    sqlite_autoincrement=True,
)
tokens = Table(
    "tokens", intake, Column("token", LargeBinary, primary_key=True), _number("ends"), Index("tokens_ends", "ends")
)
sponsors = Table(
    "sponsors",
    intake,
    _id(),
    _text("name", unique=True),
    _blob("key_hash", unique=True),
    _number("budget"),
    _number("used"),
    _number("created_at"),
    sqlite_autoincrement=True,
)
# ``mark`` is the SHA-256 of key and body. ``without_token`` sorts those with a token first, in the index.
endings = Table(
    "endings",
    intake,
    _id(),
    _blob("mark", unique=True),
    _blob("key"),
    _text("kind"),
    _blob("body"),
    _number("received_at"),
    _number("due"),
    Column("without_token", Boolean, nullable=False),
    _text("state"),
    _number("transaction"),
    _text("why"),
    Index("endings_key", "key"),
    Index("endings_state", "state", "without_token", "id"),
    sqlite_autoincrement=True,
)

batches = Table(
    "batches",
    chain,
    _id(),
    _blob("root", unique=True),
    _blob("manifest"),
    _number("size"),
    _number("closed_at"),
    _number("due"),
    _text("state"),
    _text("transaction"),
    _number("block"),
    _number("time"),
    Column("first_request", ID),
    Column("last_request", ID),
    Index("batches_state", "state", "due", "id"),
    sqlite_autoincrement=True,
)
# A batch's commitments in ascending order.
manifests = Table("manifests", chain, Column("batch", ID, primary_key=True), _blob("commitments"))
# The nodes of its tree, root first, in parts. The id is PARTS times the batch, plus the number of the part from 0.
# PostgreSQL has one part: it reads a slice of a long blob at once. SQLite would follow a chain of up to 500 pages to
# the slice, so there a part fits into one page (4,096 bytes).
PARTS = 1024
nodes = Table("nodes", chain, Column("id", ID, primary_key=True), _blob("data"))
# SQLite keeps the beginnings of their leaves alone, which several may share.
places = Table(
    "places",
    chain,
    Column("commitment", LargeBinary, primary_key=True),
    Column("batch", ID, primary_key=True),
    Column("place", ID, primary_key=True),
    sqlite_with_rowid=False,
)
# SQLite: every request up to this one is in a batch, or holds nothing that is not.
taken = Table("taken", chain, _number("last_request"))
transactions = Table(
    "transactions",
    chain,
    _id(),
    _text("account"),
    _number("nonce"),
    _text("kind"),
    _blob("call"),
    _number("batch"),
    _text("endings"),
    _text("state"),
    _number("signed_at"),
    _text("mined_hash"),
    _number("block"),
    _text("block_hash"),
    _number("gas_used"),
    _text("cost"),
    Index("transactions_signed", "signed_at"),
    Index("transactions_state", "state", "nonce"),
    sqlite_autoincrement=True,
)
_is_live = transactions.c.state != "lost"
Index(
    "transactions_live",
    transactions.c.account,
    transactions.c.nonce,
    unique=True,
    sqlite_where=_is_live,
    postgresql_where=_is_live,
)
versions = Table(
    "versions",
    chain,
    _id(),
    _number("transaction"),
    _text("hash", unique=True),
    _blob("raw"),
    _text("tx"),
    _number("signed_at"),
    _text("limit"),
    Index("versions_transaction", "transaction"),
    sqlite_autoincrement=True,
)
events = Table(
    "events",
    chain,
    _id(),
    _text("kind"),
    _blob("word"),
    _blob("manifest"),
    _number("block"),
    _number("time"),
    Index("events_word", "word", "id"),
    sqlite_autoincrement=True,
)
notes = Table("notes", chain, Column("name", Text, primary_key=True), _text("value"))
