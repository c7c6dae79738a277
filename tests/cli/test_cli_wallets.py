"""``--wallet``, ``--as`` and ``wallets`` on a real chain: wallets behind a URL, contracts whose owners sign."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from registry.core.eip712 import domain_of
from registry.core.evidence.file import parse_evidence
from registry.core.scalars import to_hex
from registry.core.statements.messages import Retire
from registry.core.statements.typed_data import typed_data
from registry.ledger.base import Deployment
from registry.wallets import keyfiles, keystore
from registry.wallets.keywallet import KeyWallet
from registry.wallets.rpc import accounts
from tests.support.consent_world import DATUM, Consent, no_of
from tests.support.levers import AnvilLevers, running_anvil
from tests.support.real_network import make_network, make_parties
from tests.support.safes import Accounts

pytestmark = pytest.mark.slow

ADA, BOB = (KeyWallet(bytes([number]) * 32) for number in (0xA1, 0xB0))


@pytest.fixture(scope="module")
def node() -> Iterator[tuple[str, Deployment]]:
    with running_anvil("--hardfork", "prague") as running:
        yield running


@pytest.fixture
def made(node: tuple[str, Deployment]) -> Accounts:
    return Accounts(AnvilLevers(*node))


@pytest.fixture(scope="module")
def parties(node: tuple[str, Deployment], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Alice and Aurelle on the node's chain, a request, and two key files of Alice's."""
    folder = tmp_path_factory.mktemp("parties")
    make_parties(folder, make_network(folder / "network", node[0]))
    for name, wallet in (("ada", ADA), ("bob", BOB)):
        keyfiles.import_key(folder / "alice" / "keys", name, wallet._key, "", cost=keystore.LIGHT)
    return folder


@pytest.fixture
def consent(
    parties: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Consent:
    """A copy of theirs, to do with as a test likes."""
    return Consent(shutil.copytree(parties, tmp_path / "world"), capsys, monkeypatch)


def subject(file: str) -> str:
    message: Any = parse_evidence(Path(file).read_bytes()).statement.message
    return str(message.subject)


class TestBehindAUrl:
    def test_from_the_grant_to_its_end(self, consent: Consent, node: tuple[str, Deployment]) -> None:
        second = accounts(node[0])[1]
        wallet = ("--wallet", f"rpc:{node[0]}#{second.lower()}")
        given = consent.json("grant", consent.folder / "request.json", *wallet, "--yes")["file"]
        assert subject(given) == second and consent("verify", given).code == 0
        ended = consent.json("revoke", given, "--open", "--wallet", "rpc", "--sender", "self", "--yes")
        assert ended["transaction"]["sender"] == second
        assert no_of(consent("verify", given)) == (1, "Revoked")

    def test_a_brand_reads_what_it_counter_signs(self, consent: Consent, node: tuple[str, Deployment]) -> None:
        """Its wallet is shown a hash alone; a key file asks nobody."""
        account, notice, asked = accounts(node[0])[1], consent.folder / "own.notice", consent.folder / "own.json"
        wallet = ("--wallet", f"rpc:#{account}")
        consent.json(
            "notice", "new", consent.folder / "notice.json", "--out", notice, "--account", account, who="aurelle"
        )
        consent.json("request", "--notice", notice, "--out", asked, "--data", DATUM, *wallet, who="aurelle")
        message: Any = None
        for request, by, shown in ((asked, wallet, True), (consent.folder / "request.json", (), False)):
            given = consent.json("grant", request, "--yes")["file"]
            message = parse_evidence(Path(given).read_bytes()).statement.message
            answer = consent("accept", given, *by, who="aurelle")
            assert answer.code == 0
            words = " ".join(answer.err.split())
            assert all((wanted in words) is shown for wanted in (message.statement, message.subject, f"[{DATUM}]"))

    def test_the_terminal_asks_because_no_page_does(self, consent: Consent, node: tuple[str, Deployment]) -> None:
        line = ("grant", consent.folder / "request.json", "--wallet", f"rpc:#{accounts(node[0])[0]}")
        answer = consent(*line, typed="n\n")
        assert no_of(answer)[0] == 1 and f"You sign as {accounts(node[0])[0]}" in answer.err
        assert not list((consent.folder / "alice").glob("evidence/*"))

    @pytest.mark.parametrize(
        ("name", "said"),
        [
            ("rpc", "several accounts"),
            ("rpc:#0x" + "11" * 20, "no account"),
            ("rpc:#0x12", "is not an address"),
            ("rpc:http://127.0.0.1:9", "refused"),
            ("ledger", "there is no wallet"),
            ("browser:0x12", "is not an address"),
        ],
    )
    def test_a_name_that_names_none(self, consent: Consent, name: str, said: str) -> None:
        answer = consent("grant", consent.folder / "request.json", "--wallet", name, "--yes")
        assert answer.code in (1, 2) and said in answer.err.lower()

    def test_two_wallets_and_one_signature(self, consent: Consent) -> None:
        line = ("grant", consent.folder / "request.json", "--wallet", "key:ada", "--wallet", "key:bob", "--yes")
        answer = consent(*line)
        assert answer.code == 2 and "--as" in answer.err


class TestContracts:
    def test_two_owners_of_a_safe(self, consent: Consent, made: Accounts) -> None:
        safe = made.safe(ADA.address, BOB.address, threshold=2)
        owners = ("--as", safe, "--wallet", "key:bob", "--wallet", "key:ada")
        given = consent.json("grant", consent.folder / "request.json", *owners, "--yes")["file"]
        assert subject(given) == safe and consent("verify", given).code == 0
        assert consent("revoke", given, "--open", *owners, "--yes").code == 0
        assert no_of(consent("verify", given)) == (1, "Revoked")

    def test_one_owner_is_missing(self, consent: Consent, made: Accounts) -> None:
        safe = made.safe(ADA.address, BOB.address, threshold=2)
        answer = consent("grant", consent.folder / "request.json", "--as", safe, "--wallet", "key:ada", "--yes")
        assert answer.code == 2 and BOB.address in answer.err

    def test_an_owner_who_left(self, consent: Consent, made: Accounts) -> None:
        safe = made.safe(ADA.address, BOB.address)
        line = ("grant", consent.folder / "request.json", "--as", safe, "--wallet", "key:bob", "--yes")
        given = consent.json(*line)["file"]
        made.remove(safe, BOB.address)
        answer = consent("verify", given)
        assert no_of(answer) == (1, "BadSignature") and "its owners changed" in answer.out + answer.err

    def test_the_home_s_own_key_owns_a_plain_contract(self, consent: Consent, made: Accounts) -> None:
        plain = made.plain(ADA.address)
        given = consent.json("refuse", consent.folder / "request.json", "--as", plain, "--key", "ada", "--yes")["file"]
        assert subject(given) == plain and consent("verify", given).code == 0

    def test_no_contract_is_there(self, consent: Consent) -> None:
        line = ("grant", consent.folder / "request.json", "--as", "0x" + "12" * 20, "--wallet", "key:ada", "--yes")
        answer = consent(*line)
        assert answer.code == 2 and "there is no contract" in answer.err


class TestSign:
    def written(self, consent: Consent, node: tuple[str, Deployment], author: str, chain_id: int = 31_337) -> Path:
        file = consent.folder / "statement.json"
        document = typed_data(domain_of(chain_id, node[1].registry), Retire(author))
        file.write_text(json.dumps(document))
        return file

    def test_by_a_wallet_behind_a_url(self, consent: Consent, node: tuple[str, Deployment]) -> None:
        author = accounts(node[0])[1]
        file = self.written(consent, node, author)
        said = consent.json("sign", file, "--wallet", f"rpc:{node[0]}", "--yes")
        assert said["signer"] == author
        assert consent("signer", file, "--signature", said["signature"]).code == 0

    def test_for_a_contract_that_is_asked(self, consent: Consent, node: tuple[str, Deployment], made: Accounts) -> None:
        plain = made.plain(ADA.address)
        file, line = self.written(consent, node, plain), ("--as", plain, "--yes", "--rpc-url", node[0])
        said = consent.json("sign", file, *line, "--wallet", "key:ada")
        assert said["signer"] == plain and said["signature"] == to_hex(
            ADA.sign_typed_data(json.loads(file.read_bytes()))
        )
        answer = consent("sign", file, *line, "--wallet", "key:bob")
        assert (answer.code, answer.out) == (1, "") and "does not accept its owners' signature" in answer.err

    def test_for_a_contract_of_another_chain(
        self, consent: Consent, node: tuple[str, Deployment], made: Accounts
    ) -> None:
        plain = made.plain(ADA.address)
        file = self.written(consent, node, plain, chain_id=1)
        answer = consent("sign", file, "--as", plain, "--wallet", "key:ada", "--yes", "--rpc-url", node[0])
        assert answer.code == 2 and "on chain 31337, the statement on 1" in answer.err and answer.out == ""

    def test_a_signature_before_the_contract(
        self, consent: Consent, node: tuple[str, Deployment], made: Accounts
    ) -> None:
        early = "0x" + "11" * 64 + "6492" * 16
        answer = consent("signer", self.written(consent, node, made.plain(ADA.address)), "--signature", early)
        assert answer.code == 3 and "deploy the account" in answer.err


class TestWallets:
    def test_what_can_sign_here(self, consent: Consent, node: tuple[str, Deployment]) -> None:
        found = {one["wallet"]: one for one in consent.json("wallets")["wallets"]}
        assert {"seed", "key:ada", "key:bob", "key:main", "browser", "rpc"} <= found.keys()
        assert found["key:ada"]["accounts"] == [ADA.address] and found["rpc"]["accounts"] == accounts(node[0])
        shown = consent("wallets")
        assert shown.code == 0 and ADA.address in shown.out and "--as ADDRESS" in shown.out

    def test_each_name_can_be_used(self, consent: Consent) -> None:
        for one in consent.json("wallets")["wallets"]:
            kind, *_ = one["wallet"].split(":")
            if kind in ("seed", "key"):
                line = ("refuse", consent.folder / "request.json", "--wallet", one["wallet"], "--yes")
                assert consent(*line).code == 0, one

    def test_a_node_that_is_away(self, consent: Consent) -> None:
        found = consent.json("wallets", "--rpc-url", "http://127.0.0.1:9")["wallets"]
        (node,) = (one for one in found if one["wallet"] == "rpc")
        assert node["accounts"] == [] and "none that can be used" in node["about"]

    def test_the_embedded_chain_is_out_of_a_browsers_reach(self, consent: Consent) -> None:
        (consent.folder / "network").rename(consent.folder / "on anvil")
        (browser,) = (one for one in consent.json("wallets")["wallets"] if one["wallet"] == "browser")
        assert "--rpc-url" in browser["about"]
        line = ("grant", consent.folder / "request.json", "--wallet", "browser")
        answer = consent(*line)
        assert answer.code == 2 and "cannot reach the embedded chain" in answer.err and "consent devnet" in answer.err

    def test_without_a_home(self, consent: Consent) -> None:
        assert "seed" not in {one["wallet"] for one in consent.json("wallets", who="nobody")["wallets"]}

    def test_a_default_of_the_settings(self, consent: Consent) -> None:
        (consent.folder / "alice" / "config.toml").write_text('wallet = "key:bob"\n')
        given = consent.json("grant", consent.folder / "request.json", "--data", DATUM, "--yes")["file"]
        assert subject(given) == BOB.address
        given = consent.json("grant", consent.folder / "request.json", "--wallet", "seed", "--again", "--yes")["file"]
        assert subject(given) not in (ADA.address, BOB.address)
