"""``consent deploy``: what it shows before it pays, what it writes, what it refuses; and a network that it made."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from registry.client.home import Home
from registry.client.network_config import make_network
from registry.config.network_file import read_settings, write_settings
from registry.core.evidence.file import parse_evidence
from registry.core.scalars import unhex
from registry.core.statements.messages import members
from registry.ledger.base import read_deployment
from registry.ledger.deploy import addresses
from registry.wallets import keyfiles
from registry.wallets.keywallet import KeyWallet
from tests.support.consent_world import DATUM, OTHER_PURPOSE, PURPOSE, Answer, Consent, no_of
from tests.support.levers import ANVIL_KEY, asker
from tests.support.real_network import anvil, make_parties
from tests.support.vectors_on_chain import ChainEvidence, Status, check_data

pytestmark = pytest.mark.slow
BOTH = ["ConsentRegistry", "ConsentVerifier"]
NOBODY = "http://127.0.0.1:9"


@pytest.fixture
def chain() -> Iterator[str]:
    with anvil() as url:
        yield url


@pytest.fixture
def operator(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Consent:
    """Somebody with a funded account and another, and no network yet."""
    home = Home(tmp_path / "alice")
    home.create("")
    keyfiles.import_key(home.keys, "funded", ANVIL_KEY, "")
    return Consent(tmp_path, capsys, monkeypatch)


def deploy(operator: Consent, url: str, *arguments: object, **how: Any) -> Answer:
    return operator("deploy", "--rpc-url", url, "--sender", "funded", *arguments, **how)


def sent(url: str) -> int:
    """How many transactions the funded account has sent."""
    return int(asker(url)("eth_getTransactionCount", KeyWallet(ANVIL_KEY).address, "latest"), 16)


def test_without_a_terminal_nothing_is_paid_until_it_is_told_to(operator: Consent, chain: str) -> None:
    refused = deploy(operator, chain, "--json")
    assert refused.code == 2 and refused.document["message"] == "there is no terminal to ask at"
    assert sent(chain) == 0 and not (operator.folder / "network").exists()
    done = deploy(operator, chain, "--yes", "--json")
    assert done.code == 0 and done.document == {
        "chainId": 31_337,
        "registry": addresses()[0],
        "verifier": addresses()[1],
        "block": 1,
        "sameEverywhere": True,
        "created": BOTH,
        "network": str(operator.folder / "network"),
    }
    assert read_deployment(operator.folder / "network" / "deployment.json").registry == addresses()[0]
    assert read_settings(operator.folder / "network") == {"rpc_url": chain}


def test_it_shows_what_it_will_do_and_asks(operator: Consent, chain: str) -> None:
    no = deploy(operator, chain, typed="n\n")
    assert no_of(no)[0] == 1 and "you said no" in no.err and sent(chain) == 0
    for shown in ("31337", *addresses(), "to be created", "the same on every chain", "prague", "gas at", "10,000"):
        assert shown in no.err
    assert no.out == "" and not (operator.folder / "network").exists()
    yes = deploy(operator, chain, typed="y\n")
    assert yes.code == 0 and addresses()[0] in yes.out and sent(chain) == 2


def test_a_folder_that_has_it_already_is_left_as_it_is(operator: Consent, chain: str) -> None:
    deploy(operator, chain, "--yes")
    network = operator.folder / "network"
    write_settings(network, rpc_url=None, confirmations=3)
    before = (network / "deployment.json").read_bytes()
    again = operator("deploy", "--rpc-url", chain, "--json")
    assert again.code == 0 and again.document["created"] == [] and "nothing was done" in again.err
    assert (network / "deployment.json").read_bytes() == before and sent(chain) == 2
    assert read_settings(network) == {"rpc_url": chain, "confirmations": 3}


def test_another_folder_for_the_same_contracts_costs_nothing(operator: Consent, chain: str) -> None:
    first = deploy(operator, chain, "--yes", "--json").document
    other = deploy(operator, chain, "--network", operator.folder / "other", "--json")
    assert other.code == 0 and other.document == first | {"created": [], "network": str(operator.folder / "other")}
    assert sent(chain) == 2


def test_a_folder_of_another_chain_is_refused(operator: Consent, chain: str) -> None:
    deploy(operator, chain, "--yes")
    with anvil("--chain-id", "5777") as other:
        refused = deploy(operator, other, "--yes")
        assert no_of(refused) == (2, "InvalidInput") and "31337" in refused.err and "5777" in refused.err
        assert sent(other) == 0
    assert read_settings(operator.folder / "network") == {"rpc_url": chain}


def test_a_folder_whose_contracts_are_gone_or_altered_is_not_confirmed(operator: Consent, chain: str) -> None:
    deploy(operator, chain, "--yes")
    for code, said in (("0x", "there is no ConsentVerifier"), ("0x6001", "is not our ConsentVerifier")):
        asker(chain)("anvil_setCode", addresses()[1], code)
        refused = deploy(operator, chain, "--yes")
        assert no_of(refused) == (3, "LedgerUnavailable") and said in refused.err
    assert sent(chain) == 2


def test_the_embedded_chains_folder_is_not_taken(operator: Consent, chain: str) -> None:
    make_network(operator.folder / "network")
    assert (operator.folder / "network" / "chain.sqlite").exists()
    assert no_of(deploy(operator, chain, "--yes")) == (2, "InvalidInput") and sent(chain) == 0


def test_who_cannot_pay_is_told_before_being_asked(operator: Consent, chain: str) -> None:
    refused = operator("deploy", "--rpc-url", chain, typed="y\n")
    assert no_of(refused)[0] == 2 and " has 0, and about 0.00" in refused.err and "[y/N]" not in refused.err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ((), 2, "no node is named"),
        (("--rpc-url", NOBODY), 3, "not reachable"),
        (("--rpc-url", "ftp://x"), 2, "node"),
        (("--rpc-url", NOBODY, "--sender", "nobody"), 2, "no account 'nobody'"),
    ],
)
def test_what_cannot_be_done_is_said(operator: Consent, arguments: tuple[str, ...], code: int, said: str) -> None:
    answer = operator("deploy", *arguments)
    assert answer.code == code and said in answer.err


def test_a_passphrase_opens_the_payer_after_the_yes(operator: Consent, chain: str) -> None:
    keyfiles.import_key(operator.folder / "alice" / "keys", "locked", ANVIL_KEY, "a long sentence")
    line = ("deploy", "--rpc-url", chain, "--sender", "locked", "--yes", "--json")
    assert no_of(operator(*line, phrase="another"))[0] == 2 and sent(chain) == 0
    assert operator(*line, phrase="a long sentence").code == 0


def test_a_key_in_the_url_is_pointed_out_and_not_shown(operator: Consent, chain: str) -> None:
    done = deploy(operator, f"{chain}/?key=4f2ac3e1b0d94d7d", "--yes", "-v")
    assert done.code == 0 and "remove a key from it" in done.err and "4f2ac3e1b0d94d7d" not in done.err + done.out


def test_without_the_deployer_the_difference_is_said(operator: Consent) -> None:
    with anvil("--disable-default-create2-deployer") as url:
        done = deploy(operator, url, "--yes", "--json")
        assert done.code == 0 and "the deployer is not on it" in done.err
        assert done.document["sameEverywhere"] is False and done.document["block"] == 1
        again = deploy(operator, url, "--network", operator.folder / "other", "--json")
        assert again.document["created"] == [] and again.document["block"] == 0 and "logs are read" in again.err


@pytest.mark.parametrize("hardfork", ["shanghai", "prague"])
def test_a_network_that_it_made_carries_the_story(operator: Consent, hardfork: str) -> None:
    """On the newest chain for which there is a build, and on the oldest: also the verifier's check in the EVM."""
    with anvil("--hardfork", hardfork) as url:
        if hardfork == "shanghai":
            assert no_of(deploy(operator, url, "--evm", "prague", "--yes")) == (2, "InvalidInput")
        made = deploy(operator, url, "--yes", "--json").document
        assert (made["registry"], made["verifier"]) == addresses(hardfork)
        story = operator.folder / "story"
        story.mkdir()
        make_parties(story, operator.folder / "network")
        operator.json("grant", story / "request.json", "--yes", "--sender", "funded")
        file = operator.grant
        assert operator.json("verify", file)["verified"] is True
        assert on_chain(url, made["verifier"], file, PURPOSE) == Status.Valid
        assert on_chain(url, made["verifier"], file, OTHER_PURPOSE) == Status.PurposeNotGranted
        operator.json("revoke", file, "--yes", "--sender", "funded")
        assert on_chain(url, made["verifier"], file, PURPOSE) == Status.Revoked
        said = operator("evidence", "calldata", file)
        assert "publishes nothing" in said.err
        call = {"to": made["verifier"], "data": said.out.strip()}
        assert Status(int(asker(url)("eth_call", call, "latest"), 16)) == Status.Revoked


def on_chain(url: str, verifier: str, file: Path, purpose: str) -> Status:
    """What the deployed ConsentVerifier itself says."""
    evidence = parse_evidence(file.read_bytes())
    document = json.loads(file.read_bytes())
    proof = [unhex(node) for node in document["anchor"]["proof"]]
    message = members(evidence.statement.message)
    carried = ChainEvidence(message, unhex(document["signature"]), unhex(document["anchor"]["root"]), proof)
    data = check_data(carried, (message["controller"], purpose, DATUM))
    return Status(int(asker(url)("eth_call", {"to": verifier, "data": "0x" + data.hex()}, "latest"), 16))
