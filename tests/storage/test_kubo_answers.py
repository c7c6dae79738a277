"""Refusals and nonsense from a proxy or another server at a node's address; test_kubo_failures.py has real nodes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from registry.core.errors import (
    BlockMismatch,
    StorageDown,
    StorageFull,
    StorageLimited,
    StorageRefused,
    StorageSlow,
    StorageUnavailable,
)
from registry.storage import kubo_transport
from registry.storage.kubo import KuboBlocks
from tests.support.http_answers import Answer, Asked, answering
from tests.support.kubo_calls import ONE, refused

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("short_pauses")]

VERSION = Answer(body=b'{"Version":"0.42.0"}')


def saying(answer: Answer) -> Callable[[Asked], Answer]:
    return lambda asked: VERSION if asked.path.startswith("/api/v0/version") else answer


def error_answer(words: str) -> Answer:
    body = json.dumps({"Message": words, "Code": 0, "Type": "error"}).encode()
    return Answer(500, body, (("Content-Type", "application/json"),))


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (Answer(401), StorageUnavailable, "refuses the credentials"),
        (Answer(403, b"403 - Forbidden"), StorageUnavailable, "refuses the credentials"),
        (Answer(404, b"404 page not found"), StorageUnavailable, "does not know the request"),
        (Answer(413), StorageLimited, "of that size"),
        (Answer(429), StorageLimited, "over its limit"),
        (Answer(502), StorageDown, "is down"),
        (Answer(503), StorageLimited, "overloaded"),
        (Answer(504), StorageSlow, "in time"),
        (Answer(500, b"oops"), StorageUnavailable, "status 500"),
        (Answer(307, headers=(("Location", "http://127.0.0.1:1/"),)), StorageUnavailable, "redirects"),
        (error_answer("write /blocks: no space left on device"), StorageFull, "is full"),
        (error_answer("something\nnew \x1b[31m"), StorageRefused, "refused: something new  [31m"),
        (Answer(200, b"<html>hello</html>"), StorageUnavailable, "like an IPFS node"),
        (Answer(200, b"[1, 2"), StorageUnavailable, "like an IPFS node"),
    ],
)
def test_what_stands_before_a_node_says_no(answer: Answer, kind: type[StorageUnavailable], words: str) -> None:
    with answering(saying(answer)) as served, KuboBlocks(served.url) as store:
        error = refused(lambda: store.announces(), kind)
    assert words in str(error)
    assert str(error).isprintable()


@pytest.mark.parametrize(("status", "times"), [(429, 3), (503, 3), (403, 1), (404, 1), (504, 1)])
def test_only_what_may_pass_is_asked_again(status: int, times: int) -> None:
    with answering(saying(Answer(status))) as served, KuboBlocks(served.url) as store:
        with pytest.raises(StorageUnavailable):
            store.announces()
        assert len([each for each in served.asked if "version" not in each.path]) == times


@pytest.mark.parametrize("body", [b"", b"{}", b'{"Version":5}', b'{"Version":"new"}', b"[]", b"<html>"])
def test_what_is_no_node(body: bytes) -> None:
    with answering(lambda asked: Answer(body=body)) as served, KuboBlocks(served.url) as store:
        assert "IPFS node at" in str(refused(lambda: store.stat()))


def test_an_answer_without_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kubo_transport, "MAX_ANSWER_BYTES", 1 << 20)
    endless = Answer(body=b"[" + b"1," * 50_000, repeat=10_000, length=1 << 30)
    with answering(saying(endless)) as served, KuboBlocks(served.url) as store:
        assert "longer answer" in str(refused(lambda: store.announces()))


def test_a_block_without_an_end() -> None:
    endless = Answer(body=bytes(100_000), repeat=1000, length=100_000_000)
    with answering(saying(endless)) as served, KuboBlocks(served.url) as store, pytest.raises(BlockMismatch):
        store.get(ONE.cid)


def test_a_node_that_took_fewer_blocks() -> None:
    def respond(asked: Asked) -> Answer:
        if "repo/stat" in asked.path:
            return Answer(body=b'{"RepoSize":1,"StorageMax":100000000}')
        return saying(Answer(body=b'{"Stats":{"BlockCount":1}}'))(asked)

    with answering(respond) as served, KuboBlocks(served.url) as store:
        assert "took 1 of 2" in str(refused(lambda: store.put([ONE], public=True)))


@pytest.mark.parametrize("kind", ["basic", "bearer"])
def test_credentials_are_sent_and_never_said(kind: str, tmp_path: Path) -> None:
    with answering(lambda asked: Answer(403)) as served:
        store = (
            KuboBlocks(served.url, basic=("ann", "hunter2"))
            if kind == "basic"
            else KuboBlocks(served.url, bearer="hunter2")
        )
        with store:
            error: BaseException | None = refused(lambda: store.has(ONE.cid))
    assert {each.headers["Authorization"] for each in served.asked} <= {"Bearer hunter2", "Basic YW5uOmh1bnRlcjI="}
    assert isinstance(error, StorageUnavailable)
    assert "hunter2" not in f"{error!r} {error.advice} {error.__cause__!r}"
