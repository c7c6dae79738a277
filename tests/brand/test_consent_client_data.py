"""A brand's own code reads what people hand over: only while they allow it, logged first, and whole or not at all."""

from __future__ import annotations

import io
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from registry.brand.consent_client import AsyncConsentClient, ConsentClient
from registry.client.revoke import revoke
from registry.core.errors import CouldNotCheck, InvalidInput, PurposeNotGranted, Revoked
from registry.core.scalars import to_hex
from registry.core.sealed.bundles import View
from registry.http.serving import Server
from registry.vault.draft import Draft, FileSource
from tests.support.brand_data import DataApi, data_api
from tests.support.http_answers import Answer, answering
from tests.support.loops import in_a_loop

PURPOSE = "dpv:Personalisation"


@pytest.fixture
def data(tmp_path: Path) -> Iterator[DataApi]:
    with data_api(tmp_path) as made:
        yield made


@pytest.fixture
def url(data: DataApi) -> Iterator[str]:
    with Server(data.internal_app) as server:
        yield server.url


def test_records_while_it_is_allowed_and_not_after(data: DataApi, url: str) -> None:
    evidence = data.granted("mushrooms", "grapes")
    data.send(evidence)
    client, grant = ConsentClient(url), to_hex(evidence.digest)
    names = sorted(
        each["body"]["name"] for each in client.data(PURPOSE, grant=grant, data="pd:Purchase", system="shop")
    )
    assert names == ["grapes", "mushrooms"] and data.brand.store.use_count() == 1
    message: Any = evidence.statement.message
    assert len(list(client.data(PURPOSE, subject=message.subject))) == 2

    async def read() -> list[str]:
        return [each["id"] async for each in AsyncConsentClient(url).data(PURPOSE, grant=grant)]

    assert len(in_a_loop(read())) == 2
    with pytest.raises(PurposeNotGranted):
        list(client.data("dpv:Marketing", grant=grant))
    revoke(data.stage.alice, evidence)
    data.follow()
    with pytest.raises(Revoked):
        list(client.data(PURPOSE, grant=grant))
    with pytest.raises(Revoked):
        in_a_loop(read())
    assert data.brand.store.use_count() == 3


def test_the_file_of_a_record(data: DataApi, url: str) -> None:
    body = b"%PDF" * 100_000
    file = FileSource("bill.pdf", "application/pdf", len(body), sha256(body).hexdigest(), lambda: io.BytesIO(body))
    data.hands.vault.add([Draft("pd:Purchase", "file/1", file=file)])
    evidence = data.granted("grapes", views=[View("pd:Purchase", ("$file", "name"), continuing=True)])
    data.send(evidence)
    client = ConsentClient(url)
    records = list(client.data(PURPOSE, grant=to_hex(evidence.digest)))
    (with_file,) = [each for each in records if "file" in each]
    client.file(with_file, PURPOSE, sink := io.BytesIO())
    assert sink.getvalue() == body
    other = with_file | {"file": with_file["file"] | {"sha256": "00" * 32}}
    with pytest.raises(CouldNotCheck):
        client.file(other, PURPOSE, io.BytesIO())
    (without,) = [each for each in records if "file" not in each]
    with pytest.raises(InvalidInput):
        client.file(without, PURPOSE, io.BytesIO())


def test_a_cut_answer_is_told(url: str) -> None:
    line = b'{"grant":"0x00","category":"pd:Purchase","id":"00"}\n'
    for answer in (Answer(200, line, length=1_000), Answer(200, line[:-1]), Answer(200, line, length=-1)):
        with answering(lambda _, answer=answer: answer) as served, pytest.raises(CouldNotCheck):
            list(ConsentClient(served.url).data(PURPOSE, grant="0x" + "00" * 32))


def test_something_else_that_answers_is_no_record() -> None:
    for body in (b"<html>\n", b"[1]\n", b"\xff\n"):
        with answering(lambda _, body=body: Answer(200, body)) as served, pytest.raises(CouldNotCheck):
            list(ConsentClient(served.url).data(PURPOSE, grant="0x" + "00" * 32))


def test_what_is_no_answer_of_the_service_is_no_no() -> None:
    """A wrong key, too many questions, a proxy that is broken: none of them says what a person allows."""
    told = ((401, b'{"title":"Unauthorized"}'), (403, b"<html>"), (429, b"{}"), (500, b""), (302, b""))
    for answer in (Answer(status, body) for status, body in told):
        with answering(lambda _, answer=answer: answer) as served, pytest.raises(CouldNotCheck):
            list(ConsentClient(served.url, "a key").data(PURPOSE, grant="0x" + "00" * 32))


def test_an_acknowledgement_waits_until_the_blocks_are_gone(data: DataApi) -> None:
    evidence = data.granted()
    data.send(evidence)
    store, holding = data.brand.store, data.brand.store.by_digest([evidence.digest])[evidence.digest].id
    assert store.has_data(holding)
    erasing = data.keeper._erase
    data.keeper._erase = lambda *_: (_ for _ in ()).throw(CouldNotCheck("the store is away"))  # type: ignore[method-assign]
    revoke(data.stage.alice, evidence)
    data.follow()
    assert store.has_data(holding) and store.acknowledgement(holding) == b"" and store.signed(10) == []
    data.keeper._erase = erasing  # type: ignore[method-assign]
    wait_for(lambda: not store.has_data(holding))
    data.follow()
    assert store.acknowledgement(holding) != b""


def wait_for(condition: Any) -> None:
    import time

    ends = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.05)
