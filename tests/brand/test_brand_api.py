"""The brand's listeners: what people send and get, what the brand's own systems ask, and who may ask."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from registry.brand.records import Asked
from registry.brand.routes.schemas import EVIDENCE
from registry.client.grant import grant
from registry.client.request import request
from registry.client.revoke import revoke
from registry.client.verify import verify
from registry.core.errors import DatabaseUnavailable
from registry.core.evidence.file import Evidence, parse_evidence, write_evidence
from registry.core.profiles import parse_profile, why_unconfirmed
from registry.core.scalars import to_hex
from registry.http.serving import Server
from tests.support.brand_api import BrandApi, brand_api
from tests.support.builders import notice_document

SECRET = "k" * 64


@pytest.fixture(params=["sqlite", "postgres"])
def api(request: Any, tmp_path: Path) -> Iterator[BrandApi]:
    """A brand's service on each database in turn."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else ""
    with brand_api(tmp_path, database=url) as made:
        made.follow()
        yield made


def subject_of(evidence: Evidence) -> str:
    message: Any = evidence.statement.message
    return str(message.subject)


class TestIntake:
    def test_a_grant_from_its_first_file_to_the_completed_one(self, api: BrandApi) -> None:
        evidence = api.brand.granted()
        first = api.send(write_evidence(evidence))
        assert first.status_code == 202 and first.json()["state"] == "accepting"
        place = first.headers["location"]
        assert place.startswith("/v1/grants/") and len(place.rsplit("/", 1)[1]) == 32
        assert api.public.get(f"{place}/evidence").status_code == 202
        api.follow()
        done = api.send(write_evidence(evidence), **{"Content-Type": EVIDENCE})
        assert (done.status_code, done.headers["location"]) == (201, place)
        fetched = api.public.get(f"{place}/evidence")
        assert (fetched.status_code, fetched.content) == (200, done.content)
        assert fetched.headers["content-type"] == EVIDENCE
        policy = api.stage.network.policy(controllers=None, accepted=True)
        verify(api.stage.network, parse_evidence(done.content), policy)
        assert api.public.get(place).json()["state"] == "complete"

    def test_one_that_ended_before_it_was_accepted_waits_for_nothing(self, api: BrandApi) -> None:
        raw = write_evidence(evidence := api.brand.granted())
        place = api.send(raw).headers["location"]
        revoke(api.stage.alice, evidence)
        api.follow()
        fetched = api.public.get(f"{place}/evidence")
        assert (fetched.status_code, fetched.content) == (200, raw)
        assert api.public.get(place).json()["why"] == "Revoked"
        assert api.send(raw).json()["title"] == "Revoked"

    def test_a_file_whose_anchor_is_unsure_is_not_given_as_complete(self, api: BrandApi) -> None:
        raw = write_evidence(api.brand.granted())
        place = api.send(raw).headers["location"]
        api.follow()
        api.brand.store.take_back(api.brand.store.view(), 0)
        assert api.public.get(f"{place}/evidence").status_code == 202
        assert (api.send(raw).status_code, api.send(raw).json()["state"]) == (202, "unsure")

    def test_a_refusal_is_complete_at_once(self, api: BrandApi) -> None:
        raw = write_evidence(api.brand.refused())
        answer = api.send(raw)
        assert (answer.status_code, answer.content) == (201, raw)

    def test_a_promise_then_the_anchor(self, api: BrandApi) -> None:
        evidence = api.brand.granted()
        api.stage.ledger.reorg(1)
        answer = api.send(api.brand.promised(evidence))
        assert (answer.status_code, answer.json()["state"]) == (202, "waiting")
        api.brand.anchor(evidence)
        api.follow()
        api.follow()
        assert api.public.get(answer.headers["location"]).json()["state"] == "complete"

    def test_what_is_refused_names_its_step(self, api: BrandApi) -> None:
        evidence = api.brand.granted()
        revoke(api.stage.alice, evidence)
        answer = api.send(write_evidence(evidence))
        assert (answer.status_code, answer.json()["title"], answer.json()["step"]) == (422, "Revoked", 5)
        answer = api.send(b"{}")
        assert (answer.status_code, answer.json()["title"], answer.json()["step"]) == (422, "Malformed", 0)

    def test_another_brands_evidence(self, api: BrandApi) -> None:
        other = api.stage.another_brand("other")
        object.__setattr__(api.desk.inbox, "controllers", frozenset({other.address}))
        answer = api.send(write_evidence(api.brand.granted()))
        assert (answer.status_code, answer.json()["title"], answer.json()["step"]) == (422, "WrongController", 7)

    def test_what_cannot_be_checked_is_503(self, api: BrandApi, monkeypatch: pytest.MonkeyPatch) -> None:
        raw = write_evidence(api.brand.granted())
        api.stage.ledger.down = True
        for answer in (api.send(raw), api.send(b'{"files":[' + raw + b"]}", "/v1/evidence:batch")):
            assert (answer.status_code, answer.json()["title"]) == (503, "LedgerUnavailable")
            assert "retry-after" in answer.headers
        api.stage.ledger.down = False

        def away(*_: object) -> None:
            raise DatabaseUnavailable("postgresql://secret@host/db is away")

        monkeypatch.setattr(api.brand.store, "take", away)
        answer = api.send(raw)
        assert (answer.status_code, answer.json()["title"]) == (503, "DatabaseUnavailable")
        assert "secret" not in answer.text

    def test_the_same_file_at_once(self, api: BrandApi) -> None:
        raw, places = write_evidence(api.brand.granted()), []
        threads = [threading.Thread(target=lambda: places.append(api.send(raw).headers["location"])) for _ in range(8)]
        for each in threads:
            each.start()
        for each in threads:
            each.join(30)
        assert len(places) == 8 and len(set(places)) == 1

    def test_a_batch(self, api: BrandApi) -> None:
        good, bad = write_evidence(api.brand.granted()), b'{"type":"ConsentEvidence"}'
        answer = api.send(b'{"files":[' + b",".join([good, bad, good]) + b"]}", "/v1/evidence:batch")
        first, second, third = answer.json()["answers"]
        assert answer.status_code == 200 and first == third
        assert (first["status"], first["state"]) == (202, "accepting")
        assert (second["status"], second["title"], second["step"]) == (422, "Malformed", 0)

    @pytest.mark.parametrize("body", [b"", b"{}", b'{"files":[]}', b'{"files":{}}', b"[" * 10_000])
    def test_a_batch_of_another_form(self, api: BrandApi, body: bytes) -> None:
        assert api.send(body, "/v1/evidence:batch").status_code == 422

    def test_a_batch_of_too_many(self, api: BrandApi) -> None:
        answer = api.send(b'{"files":[' + b",".join([b"{}"] * 1_001) + b"]}", "/v1/evidence:batch")
        assert answer.status_code == 422 and "1,001" in answer.json()["detail"]

    def test_a_body_that_is_too_long(self, api: BrandApi) -> None:
        assert api.send(b" " * (2 * 1024 * 1024 + 1)).status_code == 413
        assert api.send(b"x", **{"Content-Type": "text/plain"}).status_code == 415

    def test_a_guessed_name_and_a_digest_open_nothing(self, api: BrandApi, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.WARNING, "httpx")  # the test's own client
        caplog.set_level(logging.INFO, "registry.http")  # last: the handler has the level of the last call
        evidence = api.brand.granted()
        place = api.send(write_evidence(evidence)).headers["location"]
        api.public.get(place)
        assert api.public.get("/v1/grants/" + "00" * 16).status_code == 404
        for guess in (to_hex(evidence.digest), "00" * 15, "..", "0" * 31 + "G"):
            assert api.public.get(f"/v1/grants/{guess}").status_code in (404, 422)
        assert "/v1/grants" in caplog.text
        assert place.rsplit("/", 1)[1] not in caplog.text and subject_of(evidence) not in caplog.text

    def test_any_origin_without_credentials(self, api: BrandApi) -> None:
        for path in ("/v1/grants/" + "00" * 16, "/.well-known/consent.json", "/r/0x" + "00" * 32):
            headers = api.public.get(path, headers={"Origin": "https://wallet.example"}).headers
            assert headers["access-control-allow-origin"] == "*"
            assert "access-control-allow-credentials" not in headers
            assert api.public.options(path).status_code == 204


class TestRequests:
    def test_a_program_gets_the_file(self, api: BrandApi) -> None:
        raw, path = asked(api)
        for accept in ("*/*", "application/json", EVIDENCE, "application/json, text/html"):
            answer = api.public.get(path, headers={"Accept": accept})
            assert (answer.content, answer.headers["content-type"]) == (raw, EVIDENCE)
            assert "Accept" in answer.headers["vary"]

    def test_a_browser_gets_a_page_without_a_script(self, api: BrandApi) -> None:
        _, path = asked(api)
        answer = api.public.get(path, headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
        assert answer.headers["content-type"].startswith("text/html")
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; style-src 'sha256-") and "script" not in policy
        assert "<script" not in answer.text and "consent grant https://consent.aurelle.example/r/0x" in answer.text
        assert "Maison Aurelle" in answer.text and "purchases" in answer.text

    def test_markup_in_names_stays_text(self, api: BrandApi) -> None:
        controller = notice_document()["controller"] | {
            "name": "<script>alert</script> & Co",
            "account": api.stage.brand.address,
            "recipient": api.stage.brand.recipient,
        }
        raw = write_evidence(request(api.stage.brand, api.stage.notice(controller=controller)))
        _, path = asked(api, raw)
        page = api.public.get(path, headers={"Accept": "text/html"}).text
        assert "<script" not in page and "&lt;script&gt;" in page

    def test_it_is_gone(self, api: BrandApi) -> None:
        raw, path = asked(api, single=True)
        digest = parse_evidence(raw).digest
        api.send(write_evidence(grant(api.stage.alice, raw).evidence))
        assert (api.public.get(path).status_code, api.public.get(path).json()["title"]) == (410, "Answered")
        theirs = grant(api.stage.person("bob"), raw).evidence
        assert api.send(write_evidence(theirs)).status_code == 409
        api.brand.store.withdraw(digest, api.stage.clock())
        assert (api.public.get(path).status_code, api.public.get(path).json()["title"]) == (410, "Withdrawn")
        other = asked(api)[1]
        api.stage.pass_time(40 * 86_400)
        assert (api.public.get(other).status_code, api.public.get(other).json()["title"]) == (410, "Expired")
        assert api.public.get("/r/0x" + "00" * 32).status_code == 404

    @pytest.mark.parametrize("guess", ["0x" + "00" * 32, "0x12", "0X" + "AB" * 32, "%0a", "0x" + "00" * 32 + "%0a"])
    def test_an_unknown_link_is_a_problem_to_a_program_and_a_page_to_a_browser(self, api: BrandApi, guess: str) -> None:
        told = api.public.get(f"/r/{guess}")
        assert (told.status_code, told.json()["title"]) == (404, "NotFound")
        assert told.headers["content-type"] == "application/problem+json" and "Accept" in told.headers["vary"]
        shown = api.public.get(f"/r/{guess}", headers={"Accept": "text/html", "Accept-Language": "fr"})
        assert (shown.status_code, shown.headers["content-language"]) == (404, "fr")
        assert "Ce lien ne mène à aucune demande" in shown.text and "Maison Aurelle" in shown.text
        assert shown.headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")

    def test_what_is_over_is_a_page_with_the_same_status(self, api: BrandApi) -> None:
        raw, path = asked(api)
        api.brand.store.withdraw(parse_evidence(raw).digest, api.stage.clock())
        shown = api.public.get(path, headers={"Accept": "text/html", "Accept-Language": "zh"})
        assert shown.status_code == 410 and "此请求已撤回" in shown.text and "<script" not in shown.text

    def test_the_profile_confirms_the_account(self, api: BrandApi) -> None:
        raw, _ = asked(api)
        profile = parse_profile(api.public.get("/.well-known/consent.json").content)
        domain = api.stage.network.domain
        assert why_unconfirmed(profile, domain, parse_evidence(raw), api.stage.clock()) is None
        assert profile.inbox == "https://consent.aurelle.example/v1/evidence"


def asked(api: BrandApi, raw: bytes = b"", *, single: bool = False) -> tuple[bytes, str]:
    """Publish a request; return its file and its path."""
    raw = raw or api.stage.request()
    evidence = parse_evidence(raw)
    message: Any = evidence.statement.message
    api.brand.store.publish(Asked(evidence.digest, raw, single, api.stage.clock(), message.expires_at))
    return raw, f"/r/{to_hex(evidence.digest)}"


class TestMayI:
    def test_yes_with_the_grant_and_the_view(self, api: BrandApi) -> None:
        evidence = api.brand.granted()
        api.send(write_evidence(evidence))
        api.follow()
        for fresh in (False, True):
            answer = api.ask(subject_of(evidence), fresh=fresh)
            told = answer.json()
            assert answer.status_code == 200 and told["allowed"] is True
            assert told["grants"] == {"pd:Purchase": to_hex(evidence.digest)}
            assert told["view"] == {
                "block": api.stage.ledger.head().number,
                "time": api.stage.ledger.head().time,
                "age": 0,
            }

    def test_no(self, api: BrandApi) -> None:
        evidence = api.brand.granted()
        api.send(write_evidence(evidence))
        api.follow()
        subject = subject_of(evidence)
        assert api.ask(api.stage.brand.address).json()["allowed"] is False
        assert api.ask(subject, purpose="dpv:Marketing").json()["grants"] == {}
        part = api.ask(subject, data=["pd:Purchase", "pd:Name"]).json()
        assert (part["allowed"], list(part["grants"])) == (False, ["pd:Purchase"])

    def test_no_once_it_has_ended_and_fresh_knows_it_first(self, api: BrandApi) -> None:
        evidence = api.brand.granted()
        api.send(write_evidence(evidence))
        api.follow()
        revoke(api.stage.alice, evidence)
        subject = subject_of(evidence)
        assert [api.ask(subject, fresh=fresh).json()["allowed"] for fresh in (False, True)] == [True, False]
        api.follow()
        assert api.ask(subject).json()["allowed"] is False

    def test_two_grants_together(self, api: BrandApi) -> None:
        one, two = (api.brand.granted(data=[datum], again=True) for datum in ("pd:Purchase", "pd:EmailAddress"))
        for each in (one, two):
            api.send(write_evidence(each))
        api.follow()
        found = api.ask(subject_of(one), data=["pd:Purchase", "pd:EmailAddress"]).json()
        assert found["allowed"] is True and len(set(found["grants"].values())) == 2

    def test_an_old_view_is_503_and_never_yes(self, api: BrandApi) -> None:
        evidence = api.brand.granted()
        api.send(write_evidence(evidence))
        api.follow()
        api.stage.clock.now += api.desk.settings.view_seconds + 1
        api.look()
        answer = api.ask(subject_of(evidence))
        assert (answer.status_code, answer.json()["title"]) == (503, "LedgerUnavailable")
        assert api.internal.get("/readyz").status_code == 503
        assert api.ask(subject_of(evidence), fresh=True).status_code == 200

    def test_a_node_that_is_away_is_503(self, api: BrandApi) -> None:
        evidence = api.brand.granted()
        api.send(write_evidence(evidence))
        api.follow()
        api.stage.ledger.down = True
        assert api.ask(subject_of(evidence), fresh=True).status_code == 503
        assert api.ask(subject_of(evidence)).json()["allowed"] is True

    def test_a_grant_that_is_unsure_is_503(self, api: BrandApi) -> None:
        evidence = api.brand.granted()
        api.send(write_evidence(evidence))
        api.follow()
        store = api.brand.store
        store.take_back(store.view(), 0)
        assert api.ask(subject_of(evidence)).status_code == 503

    def test_before_the_log_was_read_it_is_503(self, tmp_path: Path) -> None:
        with brand_api(tmp_path) as api:
            assert api.ask(api.stage.brand.address).status_code == 503

    def test_a_question_of_another_form(self, api: BrandApi) -> None:
        changes: list[dict[str, Any]] = [{"subject": "0x00"}, {"data": []}, {"purpose": "x y"}, {"more": 1}]
        changes += [{"data": ["pd:Purchase"] * 101}, {"fresh": "yes"}, {"subject": None}]
        for change in changes:
            assert api.ask(**{"subject": api.stage.alice.address, **change}).status_code == 422, change

    def test_verify_many(self, api: BrandApi) -> None:
        good, ended = api.brand.granted(), api.brand.granted("bob")
        revoke(api.stage.person("bob"), ended)
        files = b",".join(map(write_evidence, (good, ended)))
        answer = api.internal.post(
            "/v1/verify", content=b'{"files":[' + files + b",{}]}", headers={"Content-Type": "application/json"}
        )
        yes, no, malformed = answer.json()["answers"]
        assert (yes["answer"], yes["digest"], yes["kind"]) == ("yes", to_hex(good.digest), "Grant")
        assert (no["answer"], no["error"], no["step"]) == ("no", "Revoked", 5)
        assert (malformed["answer"], malformed["error"]) == ("no", "Malformed")


class TestTheInternalListener:
    def test_without_a_key_only_this_machine_by_its_name(self, api: BrandApi) -> None:
        question = {"subject": api.stage.alice.address, "purpose": "dpv:Personalisation", "data": ["pd:Purchase"]}
        for host in ("http://127.0.0.1", "http://localhost:8701", "http://[::1]"):
            assert TestClient(api.internal_app, host).post("/v1/allowed", json=question).status_code == 200
        rebound = TestClient(api.internal_app, "http://shop.example").post("/v1/allowed", json=question)
        assert (rebound.status_code, rebound.json()["title"]) == (401, "Unauthorized")
        for host in ("", "[::1", "127.0.0.1.shop.example", "shop.example/127.0.0.1", "127.0.0.1@shop.example"):
            assert api.internal.post("/v1/allowed", json=question, headers={"Host": host}).status_code == 401, host

    def test_no_page_of_another_origin_may_call(self, api: BrandApi) -> None:
        answer = api.internal.options("/v1/allowed", headers={"Origin": "https://evil.example"})
        assert "access-control-allow-origin" not in answer.headers and answer.status_code != 204

    def test_with_a_key(self, tmp_path: Path) -> None:
        with brand_api(tmp_path, key=SECRET) as api:
            api.follow()
            for given in ("", "Bearer ", f"Bearer {SECRET}x", f"Basic {SECRET}"):
                assert api.internal.get("/v1/events", headers={"Authorization": given}).status_code == 401
            api.internal.headers["Authorization"] = f"Bearer {SECRET}"
            assert api.ask(api.stage.alice.address).status_code == 200
            assert api.internal.get("/healthz", headers={"Authorization": ""}).status_code == 200

    def test_nothing_of_it_is_public(self, api: BrandApi) -> None:
        assert api.public.post("/v1/allowed", json={}).status_code == 404
        assert api.public.post("/v1/verify", json={}).status_code == 404
        assert api.public.get("/v1/events").status_code == 404

    def test_events_go_on_after_the_last_one(self, api: BrandApi) -> None:
        evidences = [api.brand.granted(name) for name in ("a", "b")]
        for each in evidences:
            api.send(write_evidence(each))
        with Server(api.internal_app) as server:
            seen = []
            for last in ("0", "1"):
                with httpx.stream(
                    "GET", f"{server.url}/v1/events", headers={"Last-Event-ID": last}, timeout=20
                ) as told:
                    lines = (line for line in told.iter_lines() if line)
                    seen.append([next(lines) for _ in range(3)])
        assert [one[0] for one in seen] == ["id: 1", "id: 2"] and seen[0][1] == "event: granted"
        data = json.loads(seen[1][2].removeprefix("data: "))
        assert (data["digest"], data["subject"]) == (to_hex(evidences[1].digest), subject_of(evidences[1]))
