"""A brand's own code sends a file to a person, through the running service: bounded, told as it goes, never twice."""

from __future__ import annotations

import io
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from registry.brand import data_client
from registry.brand.data_client import DataClient
from registry.client.revoke import revoke
from registry.core.errors import CouldNotCheck, InvalidInput, Revoked
from registry.core.scalars import to_hex
from registry.core.sealed import mail
from registry.http.serving import Server
from tests.support.brand_api import brand_api
from tests.support.http_answers import Answer, answering
from tests.support.mail_stage import Correspondence

PERSONAL, KEY = "pd:PersonalDocuments", "ab" * 32
PHOTO = bytes(range(256)) * 5_000
GRANT = "0x" + "07" * 32


@pytest.fixture
def post(tmp_path: Path) -> Iterator[Correspondence]:
    with brand_api(tmp_path) as api:
        yield Correspondence(api, tmp_path / "home")


@pytest.fixture
def url(post: Correspondence) -> Iterator[str]:
    with Server(post.api.internal_app) as server:
        yield server.url


def sent(post: Correspondence, url: str, raw: bytes = PHOTO, name: str = "photo.png", **more: Any) -> Any:
    named = {} if "subject" in more or "grant" in more else {"grant": to_hex(post.evidence.digest)}
    return DataClient(url).send_file(io.BytesIO(raw), name, PERSONAL, **named | more)


def records(post: Correspondence) -> list[Any]:
    vault = post.stage.alice.vault
    return [one for one in vault.select("") if one.file is not None and one.origin is not None]


def test_a_file_arrives_with_its_name_and_its_text(post: Correspondence, url: str) -> None:
    pieces = list[int]()
    done = sent(post, url, text="Here it is.", told=pieces.append)
    assert (done.state, done.number, done.bytes) == ("waiting", 0, len(PHOTO))
    assert done.sha256 == sha256(PHOTO).hexdigest() and done.grant == to_hex(post.evidence.digest)
    assert sum(pieces) == len(PHOTO) and len(pieces) > 10  # piece by piece
    post.api.follow()
    (message,) = post.fetch().messages
    assert (message.text, message.files) == ("Here it is.", 1)
    (record,) = records(post)
    assert (record.file.name, record.file.media_type, record.origin.id) == ("photo.png", "image/png", done.id)
    assert (record.category, record.file.sha256) == (PERSONAL, done.sha256)


def test_the_same_again_is_sent_once_and_tells_that_it_was_signed(post: Correspondence, url: str) -> None:
    first = sent(post, url)
    post.api.follow()
    again = sent(post, url)
    assert (first.state, again.state, again.number) == ("waiting", "sent", 1)
    assert len(post.fetch().messages) == 1


def test_a_later_file_of_the_same_id_takes_its_place(post: Correspondence, url: str) -> None:
    for raw in (b"first", b"second"):
        sent(post, url, raw, id="invoice-17")
    post.api.follow()
    post.fetch()
    (record,) = records(post)
    assert record.file.sha256 == sha256(b"second").hexdigest()


def test_without_an_id_two_files_of_one_name_are_two_records(post: Correspondence, url: str) -> None:
    for raw in (b"first", b"second"):
        sent(post, url, raw)
    post.api.follow()
    post.fetch()
    assert len(records(post)) == 2


def test_a_person_is_named_by_their_address(post: Correspondence, url: str) -> None:
    message: Any = post.evidence.statement.message
    assert sent(post, url, subject=message.subject).grant == to_hex(post.evidence.digest)


class TestWhatIsRefused:
    @pytest.mark.parametrize("raw", [b"", bytes(data_client.MAX_FILE + 1)], ids=["empty", "large"])
    def test_before_anything_is_sent(self, raw: bytes) -> None:
        with answering(lambda _: Answer(500)) as served, pytest.raises(InvalidInput, match="a file has 1 to"):
            DataClient(served.url).send_file(io.BytesIO(raw), "x", PERSONAL, grant=GRANT)
        assert served.asked == []

    def test_the_bound_is_that_of_the_service(self) -> None:
        assert data_client.MAX_FILE == mail.MAX_FILE

    def test_a_file_that_becomes_shorter(self, post: Correspondence, url: str) -> None:
        class Shrinking(io.BytesIO):
            def seek(self, *where: Any) -> int:
                self.truncate(100_000)
                return super().seek(*where)

        with pytest.raises(InvalidInput, match="shorter"):
            DataClient(url).send_file(Shrinking(PHOTO), "x.png", PERSONAL, grant=to_hex(post.evidence.digest))
        assert post.api.brand.store.data_bytes() == 0

    @pytest.mark.parametrize(
        "more",
        [{"grant": GRANT}, {"grant": ""}, {"subject": "0x12"}, {"grant": "x"}, {"name": "../x"}, {"id": "x" * 201}],
    )
    def test_by_the_service(self, post: Correspondence, url: str, more: dict[str, Any]) -> None:
        with pytest.raises(InvalidInput):
            sent(post, url, **more)
        assert post.api.brand.store.unsent(0, 10) == []

    def test_after_the_end(self, post: Correspondence, url: str) -> None:
        revoke(post.stage.alice, post.evidence)
        post.api.follow()
        with pytest.raises(Revoked):
            sent(post, url)


class TestWhatIsNoAnswer:
    def test_a_brand_that_is_full(self, tmp_path: Path) -> None:
        with brand_api(tmp_path, data_bytes=1 << 10) as api:
            post = Correspondence(api, tmp_path / "home")
            with Server(api.internal_app) as server, pytest.raises(CouldNotCheck, match="no room"):
                sent(post, server.url)

    def test_a_wrong_key_and_nobody(self, tmp_path: Path) -> None:
        with brand_api(tmp_path, key=KEY) as api, Server(api.internal_app) as server, pytest.raises(CouldNotCheck):
            DataClient(server.url, "cd" * 32).send_file(io.BytesIO(PHOTO), "x.png", PERSONAL, grant=GRANT)
        with pytest.raises(CouldNotCheck):
            DataClient(server.url, KEY).send_file(io.BytesIO(PHOTO), "x.png", PERSONAL, grant=GRANT)

    def test_something_else_that_answers(self) -> None:
        other = Answer(201, b'{"file":"0x12","bytes":1,"sha256":"","grant":"0x12"}')
        for answer in (Answer(201, b"<html>"), other):
            with answering(lambda _, answer=answer: answer) as served, pytest.raises(CouldNotCheck):  # type: ignore[misc]
                DataClient(served.url).send_file(io.BytesIO(PHOTO), "x.png", PERSONAL, grant=GRANT)
