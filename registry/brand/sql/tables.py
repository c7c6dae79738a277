"""The tables of the brand's store. ``migrations/`` makes them; a test compares the two.

Hashes are blobs of 32 bytes, addresses of 20, times are unix seconds. Lists of terms are text, a term a line.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, MetaData, Table, Text, text

# The numbers of an answer that change.
NUMBERS = ("anchored_at", "seen_block", "ended_at", "ended_block", "accepted_at", "check_at", "acknowledged_at")
ID = BigInteger().with_variant(Integer, "sqlite")
tables = MetaData()


def _id() -> Column[int]:
    return Column("id", ID, primary_key=True)


def _number(name: str) -> Column[int]:
    return Column(name, ID, nullable=False)


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


def _blob(name: str, *, unique: bool = False) -> Column[bytes]:
    return Column(name, LargeBinary, nullable=False, unique=unique)


def _flag(name: str) -> Column[bool]:
    return Column(name, Boolean, nullable=False)


requests = Table(
    "requests",
    tables,
    Column("digest", LargeBinary, primary_key=True),
    _blob("file"),
    _flag("single"),
    *(_number(name) for name in ("created_at", "expires_at", "withdrawn_at")),
    *(_blob(name) for name in ("answered_by", "notice")),
    Index("requests_notice", "notice"),
)
# The newest answers that hold, and that answer nothing which the brand asked. They count for nothing.
unasked = Table(
    "unasked",
    tables,
    _id(),
    _blob("digest", unique=True),
    *(_text(name) for name in ("kind", "why")),
    _blob("subject"),
    _number("at"),
    sqlite_autoincrement=True,
)
# Grants and refusals. Evidence stands in a table of its own, so that rows are small where only the state is read.
answers = Table(
    "answers",
    tables,
    Column("id", ID, primary_key=True, autoincrement=False),
    _text("kind"),
    _blob("digest", unique=True),
    _blob("capability", unique=True),
    *(_blob(name) for name in ("commitment", "subject", "controller", "request", "supersedes")),
    *(_text(name) for name in ("purposes", "data")),
    *(_number(name) for name in ("issued_at", "not_before", "expires_at")),
    *(_blob(name) for name in ("lock", "handle")),
    _number("received_at"),
    _text("state"),
    *(_number(name) for name in NUMBERS),
    _text("why"),
    _number("looked"),
    _blob("content"),
    Index("answers_subject", "subject"),
    Index("answers_handle", "handle"),
    Index("answers_seen", "seen_block"),
    Index("answers_expiry", "state", "expires_at"),
)
# Indexes of the few answers that something is still to be done with. A query uses them only with these very words.
MUST_CHECK, ENDED_BY_BLOCK = text("check_at > 0"), text("ended_block > 0")
UNACCEPTED = text("accepted_at = 0 AND kind = 'Grant' AND state = 'live'")
UNACKNOWLEDGED = text("acknowledged_at = 0 AND kind = 'Grant' AND state = 'ended' AND why = 'Revoked'")
UNSETTLED = MUST_CHECK
Index("answers_unacknowledged", answers.c.id, sqlite_where=UNACKNOWLEDGED, postgresql_where=UNACKNOWLEDGED)
HANDS_OVER = text("length(content) > 0")
Index("answers_content", answers.c.content, sqlite_where=HANDS_OVER, postgresql_where=HANDS_OVER)
Index("answers_check", answers.c.check_at, sqlite_where=MUST_CHECK, postgresql_where=MUST_CHECK)
Index("answers_ended", answers.c.ended_block, sqlite_where=ENDED_BY_BLOCK, postgresql_where=ENDED_BY_BLOCK)
Index("answers_unaccepted", answers.c.accepted_at, answers.c.id, sqlite_where=UNACCEPTED, postgresql_where=UNACCEPTED)
files = Table("files", tables, Column("answer", ID, primary_key=True, autoincrement=False), _blob("file"))
# For "may I?": each pair that a grant which stands allows. A grant means every purpose with every datum.
pairs = Table(
    "pairs",
    tables,
    Column("subject", LargeBinary, primary_key=True),
    *(Column(name, Text, primary_key=True) for name in ("purpose", "datum")),
    Column("answer", ID, primary_key=True),
    Index("pairs_answer", "answer"),
    sqlite_with_rowid=False,
)
# What grants handed over: how far their sealed blocks have come, and which ones they are. `registry.brand.holding` has
# the meaning of the columns. A block of two grants, of which one replaces the other, has a row for each.
holdings = Table(
    "holdings",
    tables,
    Column("answer", ID, primary_key=True, autoincrement=False),
    _number("number"),
    _blob("update_digest"),
    *(_text(name) for name in ("pending", "versions")),
    *(_number(name) for name in ("blocks", "bytes", "changed_at")),
    *(_flag(name) for name in ("complete", "leaving")),
)
LEAVING = text("leaving")
Index("holdings_leaving", holdings.c.leaving, sqlite_where=LEAVING, postgresql_where=LEAVING)
held = Table(
    "held",
    tables,
    Column("answer", ID, primary_key=True, autoincrement=False),
    Column("digest", LargeBinary, primary_key=True),
    _number("size"),
    _flag("walked"),
    Index("held_digest", "digest"),
    sqlite_with_rowid=False,
)
# One row: the bytes of all that is held. Whoever locks it admits blocks, or notes what is to be erased, alone.
data_size = Table("data_size", tables, Column("id", ID, primary_key=True, autoincrement=False), _number("bytes"))
# What was sent and waits for the worker's verdict. Its blocks lie in the brand's own store already.
arriving = Table(
    "arriving",
    tables,
    _id(),
    _text("kind"),
    *(_blob(name) for name in ("content", "blocks")),
    _number("at"),
    *(_flag(name) for name in ("ready", "lost")),
    _text("verdict"),
    sqlite_autoincrement=True,
)
# What the brand sends back, each to one grant. `draft` is the content, sealed to the brand itself; `sealed` is what the
# person fetches, and `number` its number: empty and 0 until the worker has signed it.
messages = Table(
    "messages",
    tables,
    _id(),
    _number("answer"),
    *(_blob(name) for name in ("content", "draft", "sealed")),
    *(_number(name) for name in ("number", "issued_at", "queued_at")),
    _text("why"),
    Index("messages_content", "answer", "content", unique=True),
    Index("messages_number", "answer", "number"),
    sqlite_autoincrement=True,
)
UNSENT, READABLE = text("number = 0 AND why = ''"), text("length(draft) > 0")
Index("messages_unsent", messages.c.id, sqlite_where=UNSENT, postgresql_where=UNSENT)
Index("messages_readable", messages.c.answer, sqlite_where=READABLE, postgresql_where=READABLE)
# Files that messages send: their sealed blocks lie in the brand's own store. `tag` recognises the same file, and `ref`
# names it and holds what opens it, sealed to the brand. One that no message has `used` goes after a while.
mail_files = Table(
    "mail_files",
    tables,
    _id(),
    _number("answer"),
    *(_blob(name) for name in ("tag", "cid", "ref")),
    *(_number(name) for name in ("bytes", "at")),
    _flag("used"),
    Index("mail_files_tag", "answer", "tag", unique=True),
    Index("mail_files_at", "used", "at"),
    sqlite_autoincrement=True,
)
mail_blocks = Table(
    "mail_blocks",
    tables,
    Column("file", ID, primary_key=True, autoincrement=False),
    Column("digest", LargeBinary, primary_key=True),
    Index("mail_blocks_digest", "digest"),
    sqlite_with_rowid=False,
)
# What the brand signs by itself, from its signature until the chain shows it. `about` says what it is of: the answer of
# an Acceptance, the number of entries of a UseLog.
own_statements = Table(
    "own_statements",
    tables,
    Column("kind", Text, primary_key=True),
    Column("about", ID, primary_key=True, autoincrement=False),
    _blob("file"),
    _blob("root"),
    _flag("tried"),
    Index("own_statements_root", "root"),
)
# The anchored acknowledgements of ends: `registry.brand.records.Acknowledged` has the meaning of the columns.
acknowledgements = Table(
    "acknowledgements",
    tables,
    Column("answer", ID, primary_key=True, autoincrement=False),
    _blob("file"),
    *(_number(name) for name in ("ended_at", "signed_at", "anchored_at", "seen_block", "check_at")),
    Index("acknowledgements_anchored", "anchored_at"),
    Index("acknowledgements_seen", "seen_block"),
)
Index("acknowledgements_check", acknowledgements.c.check_at, sqlite_where=UNSETTLED, postgresql_where=UNSETTLED)
# The use log (docs/formats.md, "Uses"): entries, the hashes of complete subtrees by their in-order number, the anchored
# heads by their size, and one row with the number of entries. Whoever locks that row appends alone.
uses = Table(
    "uses",
    tables,
    Column("position", ID, primary_key=True, autoincrement=False),
    *(_blob(name) for name in ("grant", "entry")),
    Index("uses_grant", "grant", "position"),
)
use_nodes = Table("use_nodes", tables, Column("place", ID, primary_key=True, autoincrement=False), _blob("hash"))
use_heads = Table("use_heads", tables, Column("size", ID, primary_key=True, autoincrement=False), _blob("file"))
use_log = Table("use_log", tables, Column("id", ID, primary_key=True, autoincrement=False), _number("size"))
roots = Table(
    "roots",
    tables,
    _id(),
    _blob("root"),
    _blob("manifest"),
    _number("block"),
    _number("time"),
    sqlite_autoincrement=True,
)
# What the log showed of everybody, from the registry's first block on, so that any file can be verified. The block is
# the first one that showed it: the contract keeps the first time, too.
anchored = Table(
    "anchored",
    tables,
    Column("root", LargeBinary, primary_key=True),
    *(_number(name) for name in ("block", "time")),
    Index("anchored_block", "block"),
    sqlite_with_rowid=False,
)
revoked = Table(
    "revoked",
    tables,
    Column("handle", LargeBinary, primary_key=True),
    *(_number(name) for name in ("block", "time")),
    Index("revoked_block", "block"),
    sqlite_with_rowid=False,
)
cutoffs = Table(
    "cutoffs",
    tables,
    Column("account", LargeBinary, primary_key=True),
    Column("until", ID, primary_key=True, autoincrement=False),
    _number("block"),
    Index("cutoffs_block", "block"),
    sqlite_with_rowid=False,
)
# What is left of erased evidence: salted hashes. `registry.brand.erased.Erased` has the meaning of the columns.
erased = Table(
    "erased",
    tables,
    Column("mark", LargeBinary, primary_key=True),
    _blob("capability"),
    _text("kind"),
    _blob("acknowledgement"),
    _number("day"),
    _flag("certified"),
    Index("erased_capability", "capability"),
)
# Evidence that must not be erased before a time (unix seconds).
evidence_holds = Table(
    "evidence_holds",
    tables,
    Column("answer", ID, primary_key=True, autoincrement=False),
    _number("until"),
    _text("reason"),
)
events = Table(
    "events",
    tables,
    Column("id", ID, primary_key=True, autoincrement=False),
    _text("kind"),
    *(_blob(name) for name in ("digest", "subject")),
    *(_number(name) for name in ("at", "block")),
    _text("why"),
)
# One row: how far the chain's log was read, and the last numbers of answers and events. Whoever locks it changes
# answers and events alone until the commit, so numbers become visible in their order.
progress = Table(
    "progress",
    tables,
    Column("id", ID, primary_key=True, autoincrement=False),
    _text("blocks"),
    *(_number(name) for name in ("head_time", "seen_at", "turns", "behind", "last_event", "last_answer")),
)
