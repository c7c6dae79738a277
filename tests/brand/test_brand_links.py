"""Guessed and leaked capability URLs, hostile words on the page of a request, and an accepted anchor that goes away."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from registry.client.grant import grant
from registry.client.request import request
from registry.core.evidence.file import Evidence, parse_evidence, write_evidence
from registry.core.scalars import to_hex
from tests.support.brand_api import BrandApi, brand_api
from tests.support.builders import notice_document

MARKUP = "<img src=x onerror=alert(1)> & Co"
# Elements that run nothing and load nothing.
QUIET = frozenset(
    [
        "a",
        "abbr",
        "article",
        "aside",
        "b",
        "bdi",
        "blockquote",
        "body",
        "br",
        "caption",
        "code",
        "dd",
        "details",
        "div",
        "dl",
        "dt",
        "em",
        "figcaption",
        "figure",
        "footer",
        "g",
        "h1",
        "h2",
        "h3",
        "head",
        "header",
        "hr",
        "html",
        "i",
        "li",
        "main",
        "meta",
        "nav",
        "ol",
        "p",
        "path",
        "pre",
        "q",
        "rect",
        "section",
        "small",
        "span",
        "strong",
        "style",
        "summary",
        "svg",
        "table",
        "tbody",
        "td",
        "th",
        "thead",
        "time",
        "title",
        "tr",
        "ul",
    ]
)


@pytest.fixture(params=["sqlite", "postgres"])
def api(request: Any, tmp_path: Path) -> Iterator[BrandApi]:
    """A brand's service on each database in turn."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else ""
    with brand_api(tmp_path, database=url) as made:
        made.follow()
        yield made


def placed(api: BrandApi, evidence: Evidence) -> str:
    """Send an answer, and return its path."""
    return str(api.send(write_evidence(evidence)).headers["location"])


class TestCapabilities:
    def test_a_leaked_one_shows_one_grant_and_changes_nothing(self, api: BrandApi) -> None:
        mine, other, theirs = (api.brand.granted(name, again=True) for name in ("", "", "bob"))
        place, second, third = (placed(api, each) for each in (mine, other, theirs))
        api.follow()
        assert len({place, second, third}) == 3  # the same person's other grant has another name
        shown = api.public.get(place).text + api.public.get(f"{place}/evidence").text
        assert to_hex(mine.digest) in shown
        for each, name in ((other, second), (theirs, third)):
            assert to_hex(each.digest) not in shown and name.rsplit("/", 1)[1] not in shown
        for method in ("PUT", "PATCH", "DELETE", "POST"):
            assert api.public.request(method, place).status_code == 405
            assert api.public.request(method, f"{place}/evidence").status_code == 405
        assert api.public.get(place).json()["state"] == "complete"

    def test_one_that_is_almost_right_opens_nothing(self, api: BrandApi) -> None:
        """And it is answered as any other guess: nobody learns that a part of it was right."""
        place = placed(api, api.brand.granted())
        name = place.rsplit("/", 1)[1]
        near = [name[:-1] + ("0" if name[-1] != "0" else "1"), name[:16] + "0" * 16, name[::-1], "f" * 32]
        answers = [api.public.get(f"/v1/grants/{each}") for each in near if each != name]
        assert {each.status_code for each in answers} == {404} and len({each.text for each in answers}) == 1
        for guess in (name.upper(), f"0x{name}", name + "0", f"{name}%00", f"{name}/..", f"{name}/evidence/x"):
            if guess != name:
                assert api.public.get(f"/v1/grants/{guess}").status_code in (404, 422), guess

    def test_it_stands_in_no_log_and_no_figure_and_no_event(
        self, api: BrandApi, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.WARNING, "httpx")  # the test's own client
        caplog.set_level(logging.INFO, "registry.http")  # last: the handler has the level of the last call
        place = placed(api, api.brand.granted())
        name = place.rsplit("/", 1)[1]
        for path in (place, f"{place}/evidence", f"{place}/nothing", f"/v1/grants/{name}0"):
            api.public.get(path)
        told = api.public.get("/openapi.json").text + api.internal.get("/metrics").text + caplog.text
        told += str(api.brand.store.events_after(0))
        assert caplog.text and name not in told and name[:16] not in told


class Tags(HTMLParser):
    """The elements of a page, with their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.seen = list[tuple[str, list[tuple[str, str | None]]]]()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, attrs))


@pytest.mark.parametrize("where", ["name", "contact", "label", "sentence", "retention", "rights"])
@pytest.mark.parametrize("language", ["en", "fr", "de"])
def test_markup_in_a_notice_stays_text(tmp_path: Path, where: str, language: str) -> None:
    with brand_api(tmp_path) as api:
        check_page(api, where, language)


def check_page(api: BrandApi, where: str, language: str) -> None:
    """The page of a request whose notice has markup there."""
    controller = notice_document()["controller"] | {
        "account": api.stage.brand.address,
        "recipient": api.stage.brand.recipient,
    }
    texts = notice_document()["text"]
    if where in ("name", "contact"):
        controller[where] = "<img src=x onerror=alert> & Co" if where == "name" else MARKUP
    for text in texts.values():
        if where == "label":
            text["labels"]["pd:Purchase"] = "<img src=x onerror=alert> & Co"
        elif where == "sentence":
            text["Grant"] += f" {MARKUP}"
        elif where in text:
            text[where] = MARKUP
    raw = write_evidence(request(api.stage.brand, api.stage.notice(controller=controller, text=texts)))
    evidence = parse_evidence(raw)
    publish(api, evidence, raw)
    answer = api.public.get(
        f"/r/{to_hex(evidence.digest)}", headers={"Accept": "text/html", "Accept-Language": language}
    )
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/html")
    tags = Tags(answer.text).seen
    assert {tag for tag, _ in tags} <= QUIET
    for _, attributes in tags:
        for name, value in attributes:
            assert not name.startswith("on") and "javascript:" not in (value or "").lower()
    assert "<img" not in answer.text and "script-src" not in answer.headers["content-security-policy"]


def publish(api: BrandApi, evidence: Evidence, raw: bytes) -> None:
    """Publish a request whose notice is as it is."""
    from registry.brand.records import Asked

    message: Any = evidence.statement.message
    api.brand.store.publish(Asked(evidence.digest, raw, False, api.stage.clock(), message.expires_at))


def test_a_reorganisation_takes_an_accepted_anchor(api: BrandApi) -> None:
    """Grant and Acceptance are anchored; then the chain has neither: the brand may not, until it has both again."""
    evidence = grant(api.stage.alice, api.stage.request()).evidence
    message: Any = evidence.statement.message
    place = placed(api, evidence)
    api.follow()
    assert api.ask(message.subject).json()["allowed"] is True and api.public.get(place).json()["state"] == "complete"
    depth = api.stage.ledger.head().number - (evidence.anchor.block if evidence.anchor else 0) + 1
    api.stage.ledger.reorg(depth)
    api.brand.store.take_back(api.brand.store.view(), 0)
    assert api.ask(message.subject).status_code == 503  # unsure is neither yes nor no
    api.follow()
    assert api.ask(message.subject).json()["allowed"] is False
    assert api.public.get(f"{place}/evidence").status_code == 202
    assert evidence.anchor
    api.stage.ledger.transact("anchor", evidence.anchor.root, "0x" + "0d" * 32)
    for _ in range(3):
        api.stage.ledger.mine(count=20)
        api.follow()
    assert api.ask(message.subject).json()["allowed"] is True
    assert api.public.get(place).json()["state"] == "complete"
