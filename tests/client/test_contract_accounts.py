"""Accounts that are contracts, from the grant to its end, on a real chain: what Python says, the chain says too."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from eth_abi import encode
from eth_account import Account

from registry.client.accept import accept
from registry.client.evidence_store import EvidenceFolder
from registry.client.grant import grant
from registry.client.revoke import retire, revoke, revoke_all, revoke_openly
from registry.client.verify import verify, verify_many
from registry.core.errors import BadSignature, InvalidInput, LedgerUnavailable, Rejected
from registry.core.evidence.file import Evidence, parse_evidence, write_evidence
from registry.core.scalars import to_hex
from registry.core.verify.judge import VerifiedGrant
from registry.ledger.base import Deployment
from registry.ledger.embedded import EmbeddedLedger
from registry.ledger.rpc import RpcLedger
from registry.wallets.contract import ContractWallet, SafeWallet, contract_wallet
from registry.wallets.keyfiles import relay_key
from registry.wallets.keywallet import KeyWallet
from registry.wallets.rpc import RpcWallet, accounts, open_wallet
from tests.support.builders import SUBJECT, evidence_of, grant_message
from tests.support.levers import ANVIL_KEY, creation, deploy_embedded, running_anvil, until
from tests.support.on_anvil import RealStage

pytestmark = pytest.mark.slow

ADA, BOB, CYD = (KeyWallet(bytes([number]) * 32) for number in (0xA1, 0xB0, 0xC1))
EVERYBODY = ADA.address, BOB.address, CYD.address
UNDEPLOYED = encode(["address", "bytes", "bytes"], ["0x" + "11" * 20, b"create", b"signed"]) + bytes.fromhex(
    "6492" * 16
)


@pytest.fixture(scope="module")
def node() -> Iterator[tuple[str, Deployment]]:
    with running_anvil("--hardfork", "prague") as running:
        yield running


@pytest.fixture
def stage(tmp_path: Path, node: tuple[str, Deployment]) -> RealStage:
    return RealStage.on(tmp_path / "parties", node)


def granted(stage: RealStage, wallet: Any) -> Evidence:
    evidence = grant(stage.signing_as(wallet), stage.request()).evidence
    assert evidence.author == wallet.address
    return evidence


class TestSafes:
    def test_of_one_owner(self, stage: RealStage) -> None:
        wallet = SafeWallet(stage.accounts.safe(ADA.address), [ADA])
        evidence = granted(stage, wallet)
        assert len(evidence.signature_bytes) == 65 and stage.holds(evidence) == "VerifiedGrant"
        revoke(stage.signing_as(wallet), evidence)
        assert stage.holds(evidence) == "Revoked"

    @pytest.mark.parametrize("signers", [(ADA, BOB), (CYD, ADA), (BOB, CYD)])
    def test_two_of_three(self, stage: RealStage, signers: tuple[KeyWallet, ...]) -> None:
        safe = stage.accounts.safe(*EVERYBODY, threshold=2)
        evidence = granted(stage, SafeWallet(safe, signers))
        assert len(evidence.signature_bytes) == 130 and stage.holds(evidence) == "VerifiedGrant"

    def test_too_few_are_told_before_anything_is_anchored(self, stage: RealStage) -> None:
        wallet = SafeWallet(stage.accounts.safe(*EVERYBODY, threshold=2), [ADA])
        request, head = stage.request(), stage.ledger.head()
        with pytest.raises(Rejected, match="is not that of"):
            grant(stage.signing_as(wallet), request)
        assert stage.ledger.head() == head

    def test_without_the_chain_nobody_knows(self, stage: RealStage, node: tuple[str, Deployment]) -> None:
        party = stage.signing_as(SafeWallet(stage.accounts.safe(ADA.address), [ADA]))
        request = stage.request()
        whole = stage.ledger.facts

        def not_for_signatures(questions: Any, signatures: Any = (), **how: Any) -> Any:
            if list(signatures):
                raise LedgerUnavailable("gone")
            return whole(questions, signatures, **how)

        stage.ledger.facts = not_for_signatures  # type: ignore[method-assign]
        with pytest.raises(LedgerUnavailable):
            grant(party, request)

    def test_an_owner_who_was_removed_after_signing(self, stage: RealStage) -> None:
        safe = stage.accounts.safe(*EVERYBODY)
        evidence = granted(stage, SafeWallet(safe, [BOB]))
        before = stage.ledger.head().time
        stage.levers.pass_time(10)
        stage.accounts.remove(safe, BOB.address)
        assert stage.holds(evidence) == "BadSignature"
        # What held then is known for then.
        policy = stage.network.policy(controllers=None)
        assert isinstance(verify(stage.network, evidence, policy, at=before), VerifiedGrant)

        # Nobody can tell the file from an altered one by the chain alone; the person's own copy can be ended.
        nothing_kept = EvidenceFolder(stage.folder / "elsewhere")
        party = stage.signing_as(SafeWallet(safe, [ADA]), evidence=nothing_kept)
        for end in (revoke, revoke_openly):
            with pytest.raises(InvalidInput, match="owners of a contract account changed") as caught:
                end(party, evidence)
            assert "digest" in caught.value.advice and "revoke-all" in caught.value.advice
        party.evidence.keep(evidence)
        revoke(party, evidence)
        stage.accounts.add(safe, BOB.address)
        assert stage.holds(evidence) == "Revoked"

    def test_new_owners_end_openly_what_others_signed(self, stage: RealStage) -> None:
        safe = stage.accounts.safe(*EVERYBODY)
        evidence = granted(stage, SafeWallet(safe, [BOB]))
        stage.accounts.remove(safe, BOB.address)
        revoke_openly(stage.signing_as(SafeWallet(safe, [CYD])), evidence)
        stage.accounts.add(safe, BOB.address)
        assert stage.holds(evidence) == "Revoked"

    def test_a_copy_of_ones_own_is_no_licence_for_another_file(self, stage: RealStage) -> None:
        safe = stage.accounts.safe(ADA.address)
        one, other = (granted(stage, SafeWallet(safe, [ADA])) for _ in range(2))
        lock = {name: getattr(other.statement.message, name) for name in ("salt", "revocation")}
        message = msgspec.structs.replace(one.statement.message, **lock)
        altered = msgspec.structs.replace(one, statement=msgspec.structs.replace(one.statement, message=message))
        party = stage.signing_as(SafeWallet(safe, [ADA]))
        with pytest.raises(InvalidInput, match="altered"):
            revoke(party, parse_evidence(write_evidence(altered)))
        assert [stage.holds(each) for each in (one, other)] == ["VerifiedGrant"] * 2

    def test_a_threshold_that_rose_after_signing(self, stage: RealStage) -> None:
        safe = stage.accounts.safe(*EVERYBODY)
        evidence = granted(stage, SafeWallet(safe, [CYD]))
        stage.accounts.demand(safe, 2)
        assert stage.holds(evidence) == "BadSignature"
        # Who signed in excess of the threshold has prepared for that.
        evidence = granted(stage, SafeWallet(safe, [CYD, ADA, BOB]))
        stage.accounts.demand(safe, 3)
        assert stage.holds(evidence) == "VerifiedGrant"

    @pytest.mark.parametrize("end", [revoke_openly, revoke_all, retire])
    def test_the_open_ways_out(self, stage: RealStage, end: Any) -> None:
        wallet = SafeWallet(stage.accounts.safe(*EVERYBODY, threshold=2), [BOB, ADA])
        evidence, party = granted(stage, wallet), stage.signing_as(wallet)
        if end is revoke_openly:
            revoke_openly(party, evidence)
        else:
            end(party)
        assert stage.holds(evidence) == "Revoked"

    def test_a_brand_that_is_a_safe(self, stage: RealStage) -> None:
        wallet = SafeWallet(stage.accounts.safe(ADA.address, BOB.address, threshold=2), [ADA, BOB])
        stage.brand = replace(stage.brand, wallet=wallet)
        evidence = stage.granted().evidence
        done = accept(stage.brand, write_evidence(evidence)).evidence
        verified = verify(stage.network, done, stage.network.policy(controllers={wallet.address}, accepted=True))
        assert verified.acceptance == "verified" and stage.holds(evidence) == "VerifiedGrant"

    def test_its_owners_may_be_in_other_wallets(self, stage: RealStage, node: tuple[str, Deployment]) -> None:
        other = open_wallet(node[0], accounts(node[0])[1])
        safe = stage.accounts.safe(other.address, ADA.address, threshold=2)
        wallet = contract_wallet(node[0], safe, [ADA, other])
        assert stage.holds(granted(stage, wallet)) == "VerifiedGrant"


class TestPlainContracts:
    def test_the_owner_signs_the_words(self, stage: RealStage, node: tuple[str, Deployment]) -> None:
        wallet = contract_wallet(node[0], stage.accounts.plain(ADA.address), [ADA])
        assert isinstance(wallet, ContractWallet)
        evidence = granted(stage, wallet)
        assert stage.holds(evidence) == "VerifiedGrant"
        revoke_openly(stage.signing_as(wallet), evidence)
        assert stage.holds(evidence) == "Revoked"

    def test_a_stranger_signs_nothing(self, stage: RealStage) -> None:
        wallet = ContractWallet(stage.accounts.plain(ADA.address), BOB)
        with pytest.raises(Rejected, match="is not that of"):
            grant(stage.signing_as(wallet), stage.request())


class Signs:
    """A wallet whose signature is always this one."""

    def __init__(self, address: str, signature: bytes) -> None:
        self.address, self._signature = address, signature

    def sign_typed_data(self, _: Any) -> bytes:
        return self._signature


class TestUndeployed:
    """ERC-6492: a signature with the way to create the contract that is to judge it."""

    def test_signing_is_refused_with_advice(self, stage: RealStage) -> None:
        for address in (CYD.address, stage.accounts.plain(ADA.address)):
            with pytest.raises(Rejected) as caught:
                grant(stage.signing_as(Signs(address, UNDEPLOYED)), stage.request())
            assert "ERC-6492" in caught.value.advice and "deploy" in caught.value.advice

    def test_evidence_is_refused_with_advice(self, stage: RealStage) -> None:
        evidence = anchored(stage.network, CYD.address, UNDEPLOYED)
        assert stage.holds(evidence) == "BadSignature"
        with pytest.raises(BadSignature) as caught:
            verify(stage.network, evidence, stage.network.policy(controllers=None))
        assert "ERC-6492" in caught.value.advice

    @pytest.mark.parametrize("signature", [b"", bytes(8_193)])
    def test_a_signature_of_an_impossible_length_is_not_even_asked_about(
        self, stage: RealStage, signature: bytes
    ) -> None:
        safe = stage.accounts.safe(ADA.address)
        with pytest.raises(Rejected, match="is not that of"):
            grant(stage.signing_as(Signs(safe, signature)), stage.request())


def anchored(network: Any, subject: str, signature: bytes | None) -> Evidence:
    """A grant by ``subject`` with any signature (None: of the builders' subject), in a batch of its own, on chain."""
    now = network.ledger.head().time
    message = grant_message(subject=subject, issued_at=now, not_before=now, expires_at=now + 86_400)
    evidence = evidence_of(message, signature=signature, domain=network.domain, others=0)
    assert evidence.anchor
    network.ledger.transact("anchor", evidence.anchor.root, "0x" + "00" * 32)
    return evidence


class TestDelegatedAccounts:
    """EIP-7702: code at the address of a key, here code that accepts nothing."""

    @pytest.fixture
    def alice(self, stage: RealStage) -> KeyWallet:
        wallet = stage.levers.wallet()
        no = stage.levers.contract("no")
        payer, chain = KeyWallet(ANVIL_KEY), stage.ledger.deployment.chain_id
        key = wallet._key
        allowed = Account.sign_authorization({"chainId": chain, "address": no, "nonce": 0}, key)
        count = stage.levers._ask("eth_getTransactionCount", payer.address, "latest")
        tx = {"type": 4, "chainId": chain, "nonce": int(count, 16), "to": wallet.address, "value": 0, "data": "0x"}
        fees = {"gas": 200_000, "maxFeePerGas": 10**11, "maxPriorityFeePerGas": 1}
        raw = payer.sign_transaction({**tx, **fees, "authorizationList": [allowed]})
        stage.levers._ask("eth_sendRawTransaction", to_hex(raw))
        code = until(lambda: stage.levers._ask("eth_getCode", wallet.address, "latest").removeprefix("0x"))
        assert code == "ef0100" + no[2:].lower()
        return wallet

    def test_the_key_still_signs(self, stage: RealStage, alice: KeyWallet) -> None:
        evidence = granted(stage, alice)
        assert stage.holds(evidence) == "VerifiedGrant"
        revoke_openly(stage.signing_as(alice), evidence)
        assert stage.holds(evidence) == "Revoked"

    def test_and_pays(self, stage: RealStage, alice: KeyWallet) -> None:
        evidence = granted(stage, alice)
        revoke_all(stage.signing_as(alice, sender=alice))
        assert stage.holds(evidence) == "Revoked"

    def test_it_is_no_contract_account(self, stage: RealStage, alice: KeyWallet, node: tuple[str, Deployment]) -> None:
        with pytest.raises(InvalidInput, match="key of its own"):
            contract_wallet(node[0], alice.address, [ADA])


class TestWalletsThatSend:
    def test_a_person_pays_openly(self, stage: RealStage, node: tuple[str, Deployment]) -> None:
        wallet = open_wallet(node[0], accounts(node[0])[1])
        evidence = granted(stage, wallet)
        receipt = revoke_openly(stage.signing_as(wallet, sender=wallet), evidence)
        assert receipt is not None and receipt.sender == wallet.address and stage.holds(evidence) == "Revoked"

    def test_what_the_contract_refuses_is_not_even_handed_over(
        self, stage: RealStage, node: tuple[str, Deployment]
    ) -> None:
        wallet = open_wallet(node[0], accounts(node[0])[1])
        before = stage.levers._ask("eth_getTransactionCount", wallet.address, "latest")
        with pytest.raises(InvalidInput, match="root of zero"):
            stage.ledger.transact("anchor", "0x" + "00" * 32, "0x" + "00" * 32, sender=wallet)
        assert stage.levers._ask("eth_getTransactionCount", wallet.address, "latest") == before

    def test_a_transaction_that_is_another_one(self, stage: RealStage, node: tuple[str, Deployment]) -> None:
        address = accounts(node[0])[1]
        other = stage.levers.send(**{"from": address, "to": address})["transactionHash"]

        class Elsewhere(RpcWallet):
            def send_transaction(self, _: Any) -> str:
                return str(other)

        with pytest.raises(LedgerUnavailable, match="not the transaction that the wallet was asked to send"):
            stage.ledger.transact("revokeAll", sender=Elsewhere(node[0], address))

    def test_a_transaction_that_nobody_sees(self, node: tuple[str, Deployment]) -> None:
        """It is not repeated: nobody here has its bytes."""
        address = accounts(node[0])[1]

        class Silent(RpcWallet):
            def send_transaction(self, _: Any) -> str:
                return "0x" + "ab" * 32

        ledger = RpcLedger(*node, receipt_seconds=0.3, replace_seconds=0.0)
        with pytest.raises(LedgerUnavailable, match=r"transaction 0x(ab){32} was sent, but is in no block after 0.3 s"):
            ledger.transact("revokeAll", sender=Silent(node[0], address))

    def test_the_chain_in_this_process_is_out_of_its_reach(self, tmp_path: Path, node: tuple[str, Deployment]) -> None:
        with pytest.raises(InvalidInput, match="cannot reach") as caught:
            EmbeddedLedger(tmp_path, relay_key).transact("revokeAll", sender=open_wallet(node[0], accounts(node[0])[1]))
        assert "relay" in caught.value.advice


# Runtime code: fail and burn all gas; loop for ever; two megabytes of nothing; four bytes of garbage; revert with a
# megabyte; yes and then nothing of it.
HOSTILE = {
    "failing": "fe",
    "endless": "5b5f56",
    "huge": "622000005ff3",
    "short": "60045ff3",
    "huge revert": "621000005ffd",
    "calls itself": "5f5f365f5f305af1",
}


class TestHostileContracts:
    """One of them in a batch is a no of its own, and nothing else changes."""

    def judged(self, network: Any, create: Any, kinds: list[str]) -> list[str]:
        codes = [creation(bytes.fromhex(HOSTILE[kind])) for kind in kinds]
        hostile = [anchored(network, create(code), bytes(65)) for code in codes]
        good = anchored(network, SUBJECT, None)
        return [type(found).__name__ for found in verify_many(network, [good, *hostile, good])]

    def test_on_a_node(self, stage: RealStage) -> None:
        found = self.judged(stage.network, stage.accounts.create, list(HOSTILE))
        assert found == ["VerifiedGrant", *["BadSignature"] * len(HOSTILE), "VerifiedGrant"]

    def test_on_the_embedded_chain(self, stage: RealStage, tmp_path: Path) -> None:
        ledger = EmbeddedLedger(tmp_path / "network", relay_key)
        network = replace(stage.network, ledger=ledger)
        # In Python the endless one takes as long as all the others together, tenfold.
        kinds = [kind for kind in HOSTILE if kind != "endless"]
        found = self.judged(network, lambda code: deploy_embedded(ledger, code), kinds)
        assert found == ["VerifiedGrant", *["BadSignature"] * len(kinds), "VerifiedGrant"]
