"""``/v1/commitments`` and ``/v1/batches`` over real stores: durable promises, repeats, states, proofs, manifests."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core.eip712 import Domain
from registry.core.merkle import build_tree, root_from
from registry.core.promises import Promise, parse_signed_promise
from registry.core.scalars import to_hex
from registry.notary import desk as shared
from registry.notary.arrivals import Promised, sign_promise
from registry.notary.records import Batch, BatchState, Times
from registry.notary.sql import intake
from registry.notary.stores import open_stores
from tests.support.notary_api import DOMAIN, NOW, Desk, KeySigner, notary_api

PATH = "/v1/commitments"


def word(number: int) -> str:
    return to_hex(sha256(number.to_bytes(4, "big")).digest())


def words(count: int, start: int = 0) -> list[str]:
    return [word(number) for number in range(start, start + count)]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with notary_api(tmp_path / "notary") as made:
        yield made


def close(desk: Desk, state: BatchState = BatchState.CLOSED) -> Batch:
    made = desk.api.book.close_batch(NOW + 1, items=1, seconds=1, at_once=True)
    assert made is not None
    desk.api.book.set_batch(made.id, state, transaction=word(9), block=17, time=NOW + 60)
    return made


@pytest.mark.parametrize("count", [1, 2, 1_000, 10_000])
def test_commitments_are_kept_before_they_are_promised(desk: Desk, tmp_path: Path, count: int) -> None:
    answer = desk.client.post(PATH, json={"commitments": words(count)})
    assert answer.status_code == 202
    signed = parse_signed_promise(answer.content)
    assert signed.notary == desk.api.signer.address and signed.statement.domain == DOMAIN
    assert signed.message == Promise(tuple(words(count)), NOW, NOW + 900)
    # Another process sees them.
    stores = open_stores(tmp_path / "notary", desk.api.settings)
    assert stores.intake.waiting().commitments == count


def test_a_repeat_gets_the_same_bytes_whenever_it_comes(desk: Desk) -> None:
    for count in (1, 3):
        body = {"commitments": words(count)}
        first = desk.client.post(PATH, json=body)
        desk.clock.now += 10
        desk.say("ok")
        assert desk.client.post(PATH, json=body).content == first.content
    close(desk, BatchState.FINAL)
    desk.clock.now += 10
    desk.say("ok")
    assert desk.client.post(PATH, json={"commitments": words(3)}).content == first.content


def test_different_requests_that_overlap_each_get_a_promise(desk: Desk) -> None:
    for body in (words(2), words(2, 1), words(1)):
        answer = desk.client.post(PATH, json={"commitments": body})
        assert parse_signed_promise(answer.content).message.items == tuple(body)
    assert close(desk).size == 3


def test_a_commitment_is_followed_until_it_is_final(desk: Desk) -> None:
    sent = words(5)
    desk.client.post(PATH, json={"commitments": sent})
    assert desk.client.get(f"{PATH}/{sent[2]}").json() == {"state": "waiting"}
    batch = close(desk)
    for state, shown in ((BatchState.CLOSED, "closed"), (BatchState.PINNED, "closed"), (BatchState.SENT, "sent")):
        desk.api.book.set_batch(batch.id, state, transaction=word(9))
        assert desk.client.get(f"{PATH}/{sent[2]}").json() == {"state": shown}
    for state in (BatchState.ANCHORED, BatchState.FINAL):
        desk.api.book.set_batch(batch.id, state, transaction=word(9), block=17, time=NOW + 60)
        told = desk.client.get(f"{PATH}/{sent[2]}").json()
        proof = [bytes.fromhex(one[2:]) for one in told["anchor"]["proof"]]
        assert told["state"] == state and told["anchoredAt"] == NOW + 60
        assert {**told["anchor"], "proof": 0} == {
            "root": to_hex(batch.root), "proof": 0, "transaction": word(9), "block": 17
        }  # fmt: skip
        assert root_from(bytes.fromhex(sent[2][2:]), proof) == batch.root
    unknown = desk.client.get(f"{PATH}/{word(77)}")
    assert (unknown.status_code, unknown.json()["title"]) == (404, "UnknownCommitment")


def test_one_that_waits_among_others_is_found(desk: Desk) -> None:
    body = {"commitments": words(3)}
    assert desk.client.post("/v1/commitments", json=body).status_code == 202
    assert [desk.client.get(f"/v1/commitments/{word}").json() for word in words(3)] == [{"state": "waiting"}] * 3
    assert desk.client.get(f"/v1/commitments/{word(9)}").status_code == 404
    close(desk)
    assert desk.client.get(f"/v1/commitments/{words(3)[1]}").json() == {"state": "closed"}


def test_unknown_commitments_may_be_asked_for_only_so_often(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "SEARCHES_AT_ONCE", 3)
    with notary_api(tmp_path / "notary") as desk:
        known = word(1)
        assert desk.client.post("/v1/commitments", json={"commitments": [known]}).status_code == 202
        answers = [desk.client.get(f"/v1/commitments/{word(number)}") for number in range(2, 6)]
        assert [answer.status_code for answer in answers] == [404, 404, 404, 429]
        assert answers[-1].json()["title"] == "TooManyRequests" and "retry-after" in answers[-1].headers
        # What is found by its key, waiting or in a batch, costs nothing and is not counted.
        assert desk.client.get(f"/v1/commitments/{known}").json() == {"state": "waiting"}
        close(desk)
        assert desk.client.get(f"/v1/commitments/{known}").json() == {"state": "closed"}
        other = desk.from_address("198.51.100.1")
        assert other.get(f"/v1/commitments/{word(2)}").status_code == 404


def test_only_so_many_search_at_once_and_only_through_so_much(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go_on, answers = threading.Barrier(3), threading.Event(), list[int]()

    def slow(commitment: bytes) -> None:
        begun.wait(10)
        go_on.wait(10)

    def ask(number: int) -> None:
        answers.append(desk.client.get(f"/v1/commitments/{word(number)}").status_code)

    monkeypatch.setattr(desk.api.intake, "times_among", slow)
    threads = [threading.Thread(target=ask, args=(number,)) for number in (1, 2)]
    for thread in threads:
        thread.start()
    begun.wait(10)
    answer = desk.client.get(f"/v1/commitments/{word(3)}")
    assert (answer.status_code, answer.json()["title"]) == (503, "Busy") and "retry-after" in answer.headers
    go_on.set()
    for thread in threads:
        thread.join(10)
    assert answers == [404, 404]
    monkeypatch.undo()
    monkeypatch.setattr(intake, "MOST_BULK", 1)
    assert desk.client.post("/v1/commitments", json={"commitments": words(3, 10)}).status_code == 202
    answer = desk.client.get(f"/v1/commitments/{word(3)}")
    assert (answer.status_code, answer.json()["title"]) == (503, "Busy")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"commitments":[]}',
        json.dumps({"commitments": [word(1), word(1)]}).encode(),
        json.dumps({"commitments": words(10_001)}).encode(),
        json.dumps({"commitments": [word(1)[2:]]}).encode(),
        json.dumps({"commitments": [word(1).upper().replace("X", "x")]}).encode(),
        json.dumps({"commitments": [word(1) + "\n"]}).encode(),
        json.dumps({"commitments": [7]}).encode(),
        json.dumps({"commitments": words(1), "more": 1}).encode(),
        b'{"commitments":' + b"[" * 500_000,
    ],
)
def test_other_bodies_are_malformed_and_nothing_is_kept(desk: Desk, body: bytes) -> None:
    answer = desk.client.post(PATH, content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["title"]) == (422, "Malformed")
    assert desk.api.intake.waiting().commitments == 0


def test_a_body_over_a_mebibyte_is_not_read(desk: Desk) -> None:
    answer = desk.client.post(PATH, content=b" " * (2**20 + 1), headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["title"]) == (413, "TooLarge")


def test_a_manifest_rebuilds_the_root_and_may_be_kept_for_ever(desk: Desk) -> None:
    desk.client.post(PATH, json={"commitments": words(7)})
    batch = close(desk)
    path = f"/v1/batches/{to_hex(batch.root)}"
    answer = desk.client.get(path)
    parts = [answer.content[start : start + 32] for start in range(0, len(answer.content), 32)]
    assert build_tree(parts).root == batch.root and parts == sorted(parts)
    assert sha256(answer.content).digest() == batch.manifest
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    again = desk.client.get(path, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert desk.client.get(path, headers={"If-None-Match": '"other"'}).status_code == 200
    unknown = desk.client.get(f"/v1/batches/{word(1)}")
    assert (unknown.status_code, unknown.json()["title"]) == (404, "UnknownBatch")


@pytest.mark.parametrize("path", ["/v1/commitments/", "/v1/batches/", "/v1/revocations/"])
@pytest.mark.parametrize("part", ["0x12", word(1)[2:], word(1) + "0", word(1) + "%0a", word(1).upper()])
def test_paths_hold_32_bytes(desk: Desk, path: str, part: str) -> None:
    answer = desk.client.get(path + part)
    assert (answer.status_code, answer.json()["title"]) == (422, "Malformed")


@given(
    st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=20, unique=True),
    st.integers(0, 2**40),
    st.integers(0, 86_400),
    st.booleans(),
)
def test_signed_promises_are_those_that_clients_check(raw: list[bytes], at: int, span: int, relay: bool) -> None:
    signer, domain = KeySigner(), Domain("ConsentRegistry", "1", 7, DOMAIN.verifying_contract)
    promised = Promised([to_hex(one) for one in raw], b"".join(raw), Times(at, at + span), relay)
    signed = parse_signed_promise(sign_promise(domain, signer, promised))
    assert signed.notary == signer.address and signed.message.items == tuple(promised.words)
    assert (signed.message.received_at, signed.message.due) == (at, at + span)


@pytest.mark.parametrize("order", [1, -1])
def test_the_hash_of_a_request_is_a_commitment_like_any_other(desk: Desk, order: int) -> None:
    """A request of several must not be taken for a repeat of that one, nor the other way round."""
    several = [word(number) for number in range(900, 903)]
    hashed = "0x" + sha256(b"".join(bytes.fromhex(each[2:]) for each in several)).hexdigest()
    for body in [several, [hashed]][::order]:
        assert desk.client.post("/v1/commitments", json={"commitments": body}).status_code == 202
    assert desk.api.intake.waiting().commitments == 4
