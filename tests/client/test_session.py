"""A session decides who signs and who pays, for the command line and for services alike."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from registry.client.accept import accept
from registry.client.diagnostics import CHECKS, MISSING, OK, PROBLEM, answers
from registry.client.grant import grant, propose
from registry.client.home import Home
from registry.client.network import Network
from registry.client.network_config import make_network
from registry.client.party import Person
from registry.client.request import request
from registry.client.revoke import revoke, revoke_all_of
from registry.client.session import Session
from registry.client.sign import anchor, sign
from registry.client.verify import verify_many
from registry.client.wallets import page_seconds, typed_address
from registry.config.configuration import Configuration
from registry.core.errors import InvalidInput
from registry.core.evidence.file import Evidence, parse_evidence
from registry.core.scalars import to_hex
from registry.core.verify.judge import VerifiedStatement
from registry.wallets import keystore
from registry.wallets.base import AbsentWallet
from tests.support.attendant import Attendant
from tests.support.builders import notice_bytes, notice_document
from tests.support.stage import Stage

Open = Callable[..., Session]


@pytest.fixture(autouse=True)
def _light(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keystore, "STANDARD", keystore.LIGHT)


@pytest.fixture
def opened(tmp_path: Path, stage: Stage) -> Open:
    """Opens a session in the home of this name on the stage's network; flags are those of the command line."""

    def open_(name: str = "alice", **flags: Any) -> Session:
        where = {"home": str(tmp_path / name), "network": str(tmp_path / "network")}
        session = Session(Configuration(where | flags, {}), Attendant())
        session.__dict__["network"] = stage.network
        if not session.home.exists:
            session.home.create("", "main" if name != "alice" else None)
        return session

    return open_


def asked_by(session: Session) -> Evidence:
    """A request by the session's brand."""
    brand = session.brand()
    controller = notice_document()["controller"] | {"account": brand.address, "recipient": brand.recipient}
    return request(brand, notice_bytes(controller=controller))


def test_each_brand_gets_an_account_of_its_own(opened: Open) -> None:
    first, second = asked_by(opened("shop")), asked_by(opened("bazaar"))
    alice = opened()
    grants = [grant(alice.person_for(asked), asked).evidence for asked in (first, second)]
    assert grants[0].author != grants[1].author
    assert [alice.person_for(asked).address for asked in (first, second)] == [e.author for e in grants]
    assert [alice.person_of(e).address for e in grants] == [e.author for e in grants]
    assert {(p.address, brand) for p, brand in alice.people(None)} == {
        (e.author, e.statement.message.controller) for e in grants
    }


def test_a_grant_of_another_wallet_needs_that_wallet(opened: Open, stage: Stage) -> None:
    foreign = stage.granted().evidence
    alice = opened()
    with pytest.raises(InvalidInput, match="is no account of this home"):
        alice.person_of(foreign)
    assert isinstance(alice.person_of(foreign, signs=False).wallet, AbsentWallet)


def test_a_strangers_grant_that_names_a_grant_of_ours_is_not_ours(opened: Open, stage: Stage) -> None:
    """`revoke --brand` would stop at it, once it were imported."""
    alice = opened()
    own = grant(alice.person_for(parse_evidence(stage.request())), stage.request()).evidence
    proposal = propose(stage.alice, stage.request())
    message = replace(proposal.message, request=to_hex(own.digest))
    foreign = anchor(stage.alice, message, sign(stage.alice, message), proposal.notice_bytes).evidence
    (answer,) = verify_many(stage.network, [foreign])
    assert isinstance(answer, VerifiedStatement) and answer.evidence == foreign
    assert alice.is_own(own) and not alice.is_own(foreign)


def test_a_named_key_file_signs_and_pays(opened: Open) -> None:
    asked = asked_by(opened("shop"))
    home = opened("bob").home
    person = opened("bob", key="main", sender="self").person_for(asked)
    assert person.address == home.account("main").address
    assert person.pays_itself and person.payer == person.address
    assert opened("bob", key="main", sender="relay").person_for(asked).payer == ""


def test_the_kill_switch_names_what_it_leaves_out(opened: Open) -> None:
    asked = asked_by(opened("shop"))
    bob = opened("bob")
    grant(bob.person_for(asked), asked)
    ((person, _),) = bob.people(None)
    assert isinstance(bob.attendant, Attendant)
    assert bob.attendant.told == ["Not included; name each of these with --wallet: key:main."]
    endings = revoke_all_of([person])
    assert [address for address, _ in endings.ended] == [person.address] and not endings.failed


def test_a_brands_session(opened: Open) -> None:
    shop, alice = opened("shop"), opened()
    asked = asked_by(shop)
    done = grant(alice.person_for(asked), asked).evidence
    assert accept(shop.brand(), done).evidence.acceptance
    assert shop.reading_brand(done.statement.message.controller).address == shop.brand().address
    person = alice.person_of(done)
    assert isinstance(person, Person) and revoke(person, done) is not None
    assert [type(each).__name__ for each in verify_many(alice.network, alice.home.evidence.all())] == ["Revoked"]


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"wallets": ["browser"], "key": "main"}, "--wallet cannot be combined with --key"),
        ({"wallets": ["key:main", "rpc"]}, "2 wallets are named"),
        ({"wallets": ["ledger"]}, "there is no wallet 'ledger'"),
        ({"wallets": ["rpc"]}, "no URL is named"),
        ({"wallets": ["browser"]}, "cannot reach the embedded chain"),
        ({"wallets": ["key:none"]}, "none"),
        ({"contract": "0x" + "12" * 20}, "contract accounts need a node"),
        ({"sender": "nobody"}, "nobody"),
    ],
)
def test_what_names_no_wallet(opened: Open, flags: dict[str, Any], said: str) -> None:
    asked = asked_by(opened("shop"))
    with pytest.raises(InvalidInput, match=said):
        opened("bob", **flags).person_for(asked)


@pytest.mark.parametrize("flag", [{"wallets": ["key:main"]}, {"key": "main"}, {"contract": "0x" + "12" * 20}])
def test_an_account_of_the_seed_and_another_wallet(opened: Open, flag: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="cannot be combined"):
        opened("bob", **flag).people("0x" + "34" * 20)


@pytest.mark.parametrize("text", ["0x12", "12" * 20, "0x" + "zz" * 20])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(InvalidInput, match="is not an address"):
        typed_address(text)


def test_a_typing_mistake_in_an_address(stage: Stage) -> None:
    right = stage.alice.address
    assert typed_address(right.lower().replace("0X", "0x")) == right
    with pytest.raises(InvalidInput, match="wrong checksum"):
        typed_address(right[:2] + right[2:].swapcase())


@pytest.mark.parametrize("given", [0, 86_401, "long", float("nan")])
def test_how_long_a_page_waits(given: Any) -> None:
    assert page_seconds(None, 7.0) == 7.0 and page_seconds("90", 7.0) == 90.0
    with pytest.raises(InvalidInput, match="page_seconds"):
        page_seconds(given, 7.0)


def test_the_health_of_a_home(opened: Open, tmp_path: Path) -> None:
    """A service can ask what `consent doctor` shows."""
    session = opened("shop")
    found = {check.name: check for name in ("home", "network") for check in answers(session, name, CHECKS[name])}
    assert found["home"].state == OK
    assert (found["network"].state, found["network"].code) == (PROBLEM, 2) and not (tmp_path / "network").exists()
    assert session.make_network() and not session.make_network()
    assert [check.state for check in answers(session, "network", CHECKS["network"])] == [OK]
    (tmp_path / "shop" / "seed.json").chmod(0o644)
    (*_, last) = answers(session, "home", CHECKS["home"])
    assert (last.state, last.code) == (PROBLEM, 2) and "other users may read" in last.detail
    absent = Session(Configuration({"home": str(tmp_path / "none")}, {}), Attendant())
    (check,) = answers(absent, "home", CHECKS["home"])
    assert (check.state, check.code) == (MISSING, 0)


def test_nothing_is_opened_before_it_is_needed(tmp_path: Path) -> None:
    attendant = Attendant()
    session = Session(Configuration({"home": str(tmp_path / "h"), "network": str(tmp_path / "n")}, {}), attendant)
    assert isinstance(session.home, Home) and session.wallets.named == ()
    assert attendant.asked == 0 and list(tmp_path.iterdir()) == []


def test_a_network_takes_the_configured_bounds(tmp_path: Path) -> None:
    flags = {"home": str(tmp_path / "h"), "network": str(tmp_path / "n")}
    environment = {"CONSENT_MAX_FACTS_AGE": "60", "CONSENT_MAX_BACKDATE": "5"}
    make_network(tmp_path / "n")
    network: Network = Session(Configuration(flags, environment), Attendant()).network
    policy = network.policy(controllers=None)
    assert (policy.max_facts_age, policy.max_backdate, policy.confirmations) == (60, 5, 0)


def test_how_long_a_command_waits_bounds_no_policy(tmp_path: Path) -> None:
    """``accept --confirmations 6`` waits for its own transaction; the person's anchor may be newer."""
    where = {"home": str(tmp_path / "h"), "network": str(tmp_path / "n")}
    configuration = Configuration(where | {"depth": 6, "rpc_url": "http://127.0.0.1:1"}, {})
    assert (configuration.settings.confirmations, configuration.bounds["confirmations"]) == (6, 0)


def test_a_wrong_bound_stops_judging_and_no_ending(tmp_path: Path) -> None:
    where = {"home": str(tmp_path / "h"), "network": str(tmp_path / "n")}
    make_network(tmp_path / "n")
    network = Session(Configuration(where, {"CONSENT_MAX_BACKDATE": "abc"}), Attendant()).network
    with pytest.raises(InvalidInput, match="max_backdate is 'abc'"):
        network.policy(controllers=None)
    assert network.policy(controllers=None, max_backdate=5).max_backdate == 5


def test_each_party_is_told_when_they_use_the_others_home(opened: Open) -> None:
    """A person could "accept", and a brand could answer itself, before anything told them (section E)."""
    shop, alice = opened("shop"), opened()
    asked = asked_by(shop)
    done = grant(alice.person_for(asked), asked).evidence
    with pytest.raises(InvalidInput, match="alice is a person's home") as caught:
        alice.brand(done.statement.message.controller)
    assert "CONSENT_HOME" in caught.value.advice
    for old in (None, done):
        with pytest.raises(InvalidInput, match="shop is the home of the brand that asks") as caught:
            shop.person_for(asked, old)
        assert "CONSENT_HOME" in caught.value.advice
