"""A brand's name of 30 KB, in a notice of 100 languages, was kept 100 times over for each wording of a grant:
400 MB for 128 hostile files, each of them with less than 64 KiB of notice."""

from __future__ import annotations

import gc
import tracemalloc
from itertools import combinations

import pytest

from registry.core import codec
from registry.core.errors import NoticeMismatch
from registry.core.notices.document import notice_digest, parse_notice
from registry.core.notices.rendering import fits
from tests.support.builders import grant_message, notice_document

LANGUAGES, PURPOSES = 100, 4
MAX_KEPT = 4 * 1024 * 1024


def test_what_is_large_is_forgotten() -> None:
    purposes, data = tuple(f"p:{i}" for i in range(PURPOSES)), ("d:0",)
    small = dict.fromkeys(("and", "retention", "recipients", "transfers", "rights", "withdrawal", "trace"), "x")
    text = small | {"Grant": "{controller}{data}{purposes}{expires}", "labels": dict.fromkeys((*purposes, *data), "x")}
    document = notice_document(scopes=[{"purposes": purposes, "data": data}])
    document["controller"] |= {"name": "n" * 30_000}
    document["text"] = {f"aa-{number}": text for number in range(LANGUAGES)}
    raw = codec.dump(document)
    notice, digest = parse_notice(raw), notice_digest(raw)
    asked = [some for count in (1, 2, 3) for some in combinations(purposes, count)]
    grants = [grant_message(raw, statement="?", purposes=some, data=data) for some in asked]
    gc.collect()
    tracemalloc.start()
    try:
        for grant in grants:
            with pytest.raises(NoticeMismatch, match="not the notice's sentence"):
                fits(notice, digest, grant)
        gc.collect()
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < MAX_KEPT
