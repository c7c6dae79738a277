"""The tables of a working copy.

- ``versions`` has every version of every record; ``n`` is set for the newest version of a record that was not deleted.
- ``records`` has these newest ones by ``n``, which grows with the time of the event: the newest are found first.
- ``words`` is the full-text index, by the same ``n``. It holds no text, only where each word stands.
- ``facets`` numbers the values of fields; see `registry.vault.copy.facets`.
- ``segments`` has the CIDs of those whose versions were put.
- ``keys`` finds records by their key, which recognises what a file held when it was imported before. Two devices that
  imported one file apart made two records of one key.
- ``restricted`` has the records that are kept and not searched, ``gone`` those that are about to be erased.
- ``meta`` says what the copy mirrors.
"""

from __future__ import annotations

from registry.vault.copy.folding import TOKENIZER

FORMAT = "3"
# A second holds so many places; what finds none goes to a second after it.
PLACES = 256
# Seconds from year 1 to 1970, so that no place is negative.
SECONDS_BEFORE_1970 = 62_135_596_800
MICROSECONDS = 1_000_000

SCHEMA = (
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    """CREATE TABLE versions (v INTEGER PRIMARY KEY, id BLOB NOT NULL, counter INTEGER NOT NULL, home BLOB NOT NULL,
                              n INTEGER, line TEXT NOT NULL)""",
    "CREATE UNIQUE INDEX versions_of_a_record ON versions (id, counter, home)",
    """CREATE TABLE records (n INTEGER PRIMARY KEY, v INTEGER NOT NULL, category INTEGER NOT NULL,
                             schema INTEGER NOT NULL, source INTEGER, at INTEGER NOT NULL, amount REAL,
                             currency TEXT)""",
    """CREATE TABLE facets (f INTEGER PRIMARY KEY, kind TEXT NOT NULL, value TEXT NOT NULL, folded TEXT NOT NULL,
                            step INTEGER NOT NULL, UNIQUE (kind, value, step))""",
    "CREATE INDEX folded_facets ON facets (kind, folded)",
    "CREATE TABLE segments (cid TEXT PRIMARY KEY) WITHOUT ROWID",
    "CREATE TABLE restricted (id BLOB PRIMARY KEY) WITHOUT ROWID",
    "CREATE TABLE gone (id BLOB PRIMARY KEY) WITHOUT ROWID",
    "CREATE TABLE keys (key BLOB NOT NULL, id BLOB NOT NULL, PRIMARY KEY (key, id)) WITHOUT ROWID",
    "CREATE INDEX keys_of_a_record ON keys (id)",
    f"""CREATE VIRTUAL TABLE words USING fts5(body, content='', contentless_delete=1, prefix='2 3 4',
                                              tokenize="{TOKENIZER}")""",
)


def first_place(second: int) -> int:
    """Return the first ``n`` of a second, counted from 1970 in UTC."""
    return (second + SECONDS_BEFORE_1970) * PLACES
