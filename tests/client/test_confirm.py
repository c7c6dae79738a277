"""Confirmed, not confirmed, changed: what a person reads of the account that asks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from registry.client import confirm, web
from registry.client.confirm import Confirmations, Standing
from registry.client.grant import grant, propose, refuse
from registry.client.party import Person
from registry.client.risks import CHANGED_ACCOUNT
from registry.client.web import check_domains
from registry.core import codec
from registry.core.errors import InvalidInput
from registry.core.evidence.file import Evidence, parse_evidence
from registry.core.notices.document import notice_digest
from registry.core.profiles import MAX_PROFILE, PATH
from registry.present.wording import answer_lines
from tests.core.test_profiles import HOST, OTHER, document, request
from tests.support.builders import CONTROLLER, DOMAIN, NOW, evidence_of, notice_bytes, notice_document, request_message
from tests.support.http_answers import Answer, Served, answering
from tests.support.stage import Stage


@contextmanager
def brand(folder: Path, answer: Answer | None = None, **changes: Any) -> Iterator[tuple[Confirmations, Served]]:
    """A brand on this machine that serves this profile."""
    found = answer or Answer(body=codec.dump(document(**changes)))
    with answering(lambda asked: found if asked.path == PATH else Answer(404)) as served:
        yield Confirmations(folder, {HOST: served.url}), served


def asked(confirmations: Confirmations, evidence: Evidence | None = None) -> tuple[Standing, str]:
    found = confirmations.check(DOMAIN, evidence or request(), NOW)
    assert (found.domain, found.account) == (HOST, CONTROLLER)
    return found.standing, found.why


def test_confirmed_and_the_brand_learns_nothing_of_who_asks(tmp_path: Path) -> None:
    with brand(tmp_path / "seen") as (confirmations, served):
        assert asked(confirmations) == (Standing.CONFIRMED, "")
        (sent,) = served.asked
    assert {name.lower() for name in sent.headers} == {"host", "accept-encoding", "accept", "user-agent"}
    assert not (tmp_path / "seen").exists()  # reading creates nothing


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (Answer(302, headers=(("Location", "https://other.example/"),)), "answered 302"),
        (Answer(404), "answered 404"),
        (Answer(204), "answered 204"),
        (Answer(body=b"<html>"), "malformed"),
        (Answer(body=b""), ""),
        (Answer(body=b" " * (MAX_PROFILE + 1)), "more than"),
        (Answer(body=b"{}", length=10), "not reachable"),
        (Answer(body=codec.dump(document(domain="other.example"))), "is of other.example"),
        (Answer(body=codec.dump(document(accounts=[]))), "does not name the account"),
    ],
)
def test_everything_else_is_not_confirmed(tmp_path: Path, answer: Answer, why: str) -> None:
    with brand(tmp_path, answer) as (confirmations, _):
        standing, said = asked(confirmations)
    assert standing is Standing.NOT_CONFIRMED and why in said.lower()


def test_offline_is_not_confirmed(tmp_path: Path) -> None:
    with brand(tmp_path) as (confirmations, _):
        pass
    standing, said = asked(confirmations)
    assert standing is Standing.NOT_CONFIRMED and "not reachable" in said


def test_a_slow_one_is_not_confirmed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confirm, "SECONDS", 0.3)
    with answering(lambda _: time.sleep(2) or Answer()) as served:  # type: ignore[func-returns-value]
        standing, said = asked(Confirmations(tmp_path, {HOST: served.url}))
    assert standing is Standing.NOT_CONFIRMED and "did not answer" in said


def test_a_domain_that_names_another_account_than_last_time(tmp_path: Path) -> None:
    with brand(tmp_path) as (confirmations, _):
        last = confirmations.check(DOMAIN, request(), NOW)._replace(account=OTHER)
        confirmations.remember(DOMAIN, last, NOW - 100)
        found = confirmations.check(DOMAIN, request(), NOW)
        assert (found.standing, found.before) == (Standing.CHANGED, OTHER) and OTHER in found.why
        confirmations.remember(DOMAIN, found, NOW)
        assert asked(confirmations) == (Standing.CONFIRMED, "")


def test_what_was_not_confirmed_is_not_remembered(tmp_path: Path) -> None:
    with brand(tmp_path / "seen", accounts=[]) as (confirmations, _):
        confirmations.remember(DOMAIN, confirmations.check(DOMAIN, request(), NOW), NOW)
    assert not (tmp_path / "seen").exists()


def test_a_damaged_note_is_named(tmp_path: Path) -> None:
    with brand(tmp_path) as (confirmations, _):
        confirmations.remember(DOMAIN, confirmations.check(DOMAIN, request(), NOW), NOW)
        (file,) = tmp_path.iterdir()
        file.write_bytes(b"{}")
        with pytest.raises(InvalidInput, match=file.name):
            confirmations.check(DOMAIN, request(), NOW)


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "192.168.1.1", "169.254.169.254", "::1", "fd00::1", "::ffff:127.0.0.1", "0.0.0.0"],
)
def test_a_private_address_is_never_asked(tmp_path: Path, address: str) -> None:
    for found in ([address], ["203.0.114.7", address], []):
        confirmations = Confirmations(tmp_path, resolve=lambda host, port, found=found: found)  # type: ignore[misc]
        standing, said = asked(confirmations)
        assert standing is Standing.NOT_CONFIRMED and "no public address" in said


def test_it_connects_to_the_address_that_was_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[str, Any]] = []

    def fetched(method: str, url: str, **how: Any) -> Any:
        sent.append((url, how["resolve_to"]))
        raise TimeoutError

    monkeypatch.setattr(web, "fetch", fetched)
    asked(Confirmations(tmp_path, resolve=lambda host, port: ["203.0.114.7", "203.0.114.8"]))
    assert sent == [(f"https://{HOST}{PATH}", "203.0.114.7")]


def test_a_name_that_nobody_has(tmp_path: Path) -> None:
    assert asked(Confirmations(tmp_path)) == (Standing.NOT_CONFIRMED, f"{HOST} is a name that nobody can own")


def test_an_address_is_no_domain(tmp_path: Path) -> None:
    notice = notice_bytes(controller=notice_document()["controller"] | {"domain": "127.0.0.1"})
    found = Confirmations(tmp_path).check(
        DOMAIN, evidence_of(request_message(notice=notice_digest(notice)), notice=notice), NOW
    )
    assert (found.standing, found.why) == (Standing.NOT_CONFIRMED, "127.0.0.1 is an address and no domain")


def test_development_names_stay_on_this_machine() -> None:
    assert check_domains({HOST: "http://127.0.0.1:8080"}) == {HOST: "http://127.0.0.1:8080"}
    assert check_domains({HOST: "https://localhost:1", "b.example": "http://[::1]:2/"})
    for url in ("http://10.0.0.1", "http://aurelle.example", "ftp://127.0.0.1", "http://127.0.0.1/x", "127.0.0.1"):
        with pytest.raises(InvalidInput, match="no URL on this machine"):
            check_domains({HOST: url})


class TestGrants:
    """What a person is told before they sign, and what their home remembers after."""

    @pytest.fixture
    def stage(self, tmp_path: Path) -> Stage:
        return Stage.of(tmp_path)

    def asking(self, stage: Stage, url: str) -> Person:
        asks = Confirmations(stage.folder / "confirmed", {HOST: url})
        return replace(stage.alice, confirmations=asks)

    def profile(self, stage: Stage, account: str = "") -> Answer:
        domain, brand = stage.network.domain, stage.brand
        place = {"chainId": domain.chain_id, "registry": domain.verifying_contract}
        named = {"account": account or brand.address, "recipients": [brand.recipient]}
        return Answer(body=codec.dump(document(accounts=[place | named])))

    def test_the_person_reads_that_the_domain_confirms_it(self, stage: Stage) -> None:
        seen = list[str]()
        with answering(lambda _: self.profile(stage)) as served:
            alice = self.asking(stage, served.url)
            proposal = propose(alice, stage.request())
            assert not (stage.folder / "confirmed").exists()  # nothing is signed yet
            lines = answer_lines(proposal.summary())
            seen += [str(getattr(line, "text", line)) for line in lines]
            grant(alice, stage.request())
        assert f"{HOST} confirms its account {stage.brand.address}" in "\n".join(seen)
        assert len(list((stage.folder / "confirmed").iterdir())) == 1

    def test_another_account_than_last_time_is_accepted_by_itself(self, stage: Stage) -> None:
        with answering(lambda _: self.profile(stage)) as served:
            alice = self.asking(stage, served.url)
            asks, domain = alice.confirmations, stage.network.domain
            assert asks is not None
            last = asks.check(domain, parse_evidence(stage.request()), stage.clock())
            asks.remember(domain, last._replace(account=OTHER), stage.clock())
            for answer in (grant, refuse):
                with pytest.raises(InvalidInput, match="changed-account is not accepted") as refused:
                    answer(alice, stage.request())
                assert OTHER in str(refused.value)
            assert grant(alice, stage.request(), accepted=[CHANGED_ACCOUNT]).receipt
            assert propose(alice, stage.request(), again=True).risks == ()

    def test_the_same_is_told_where_the_domain_is_away(self, stage: Stage) -> None:
        """Else whoever keeps a person from the domain could pass for the brand."""
        with answering(lambda _: self.profile(stage)) as served:
            alice = self.asking(stage, served.url)
            asks, domain = alice.confirmations, stage.network.domain
            assert asks is not None
            last = asks.check(domain, parse_evidence(stage.request()), stage.clock())
            asks.remember(domain, last._replace(account=OTHER), stage.clock())
        proposal = propose(alice, stage.request())
        assert proposal.confirmation is not None and proposal.confirmation.standing is Standing.NOT_CONFIRMED
        assert [risk.name for risk in proposal.risks] == [CHANGED_ACCOUNT]

    def test_nobody_is_asked_without_confirmations(self, stage: Stage) -> None:
        proposal = propose(stage.alice, stage.request())
        assert proposal.confirmation is None and proposal.summary().standing == ""


def test_a_domain_that_is_longer_than_a_files_name(tmp_path: Path) -> None:
    label = "a" * 60
    long = f"{label}.{label}.{label}.{label}.test"
    document = notice_document(controller=notice_document()["controller"] | {"domain": long})
    raw = notice_bytes(**document)
    evidence = evidence_of(request_message(notice=notice_digest(raw)), notice=raw)
    confirmations = Confirmations(tmp_path / "seen", {})
    found = confirmations.check(DOMAIN, evidence, NOW)
    assert found.standing is Standing.NOT_CONFIRMED and found.domain == long
    confirmations.remember(DOMAIN, found._replace(standing=Standing.CONFIRMED, account=OTHER), NOW)
    assert confirmations.check(DOMAIN, evidence, NOW).before == OTHER
