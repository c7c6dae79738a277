"""Whoever calls, nothing is signed that is dated ahead or uses unknown terms, and everybody gets the same errors."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from registry.client.grant import propose
from registry.client.party import OwnAnchorer
from registry.client.sign import check_signable, noting, sign, sign_alone
from registry.core.errors import InvalidInput, LedgerUnavailable, Rejected
from registry.core.evidence.file import is_included
from registry.core.merkle import commitment
from registry.core.scalars import CLOCK_SKEW
from registry.core.statements.messages import Grant, Message, RevokeAll
from registry.core.statements.typed_data import digest
from registry.wallets.base import Wallet
from tests.support.builders import NOW, grant_message, refusal_message, request_message
from tests.support.stage import Stage


def draft(stage: Stage) -> Grant:
    message = propose(stage.alice, stage.request()).message
    assert isinstance(message, Grant)
    return message


@pytest.mark.parametrize("ahead", [CLOCK_SKEW + 1, 86_400])
def test_a_date_in_the_future_is_refused_before_the_wallet_is_asked(stage: Stage, ahead: int) -> None:
    message = draft(stage)
    late = msgspec.structs.replace(message, issued_at=NOW + ahead, not_before=NOW + ahead)
    with pytest.raises(InvalidInput, match="issuedAt is in the future"):
        sign(stage.alice, late)
    with pytest.raises(InvalidInput, match="issuedUntil is in the future"):
        sign(stage.alice, RevokeAll(stage.alice.address, NOW + ahead))


def test_the_kill_switch_follows_a_chain_that_runs_ahead(stage: Stage) -> None:
    """A machine whose clock is behind must not keep a person from ending everything."""
    stage.chain_clock.now += 2 * CLOCK_SKEW
    stage.ledger.mine()
    assert len(sign(stage.alice, RevokeAll(stage.alice.address, stage.ledger.head().time))) == 65


@pytest.mark.parametrize(
    "message", [grant_message(), refusal_message(), request_message()], ids=lambda m: type(m).__name__
)
def test_unknown_terms_are_refused(message: Message) -> None:
    check_signable(message, NOW)
    unknown: Any = msgspec.structs.replace(message, purposes=("dpv:NotInAnyVersion",))
    with pytest.raises(InvalidInput, match="dpv:NotInAnyVersion is not a known purpose"):
        check_signable(unknown, NOW)


class _Old:
    """A wallet that writes v as 0 or 1."""

    def __init__(self, wallet: Wallet) -> None:
        self.address, self._wallet = wallet.address, wallet

    def sign_typed_data(self, typed_data: dict[str, Any]) -> bytes:
        signature = self._wallet.sign_typed_data(typed_data)
        return signature[:64] + bytes([signature[64] - 27])


def test_a_v_of_0_or_1_becomes_27_or_28_before_it_is_evidence(stage: Stage) -> None:
    """A wallet of a service's own that writes 0 or 1 was refused (item 23)."""
    message, old = draft(stage), _Old(stage.alice.wallet)
    usual = sign(stage.alice, message)
    assert sign(replace(stage.alice, wallet=old), message) == usual
    assert sign_alone(old, stage.network.domain, message, NOW) == usual


def test_a_statement_alone_has_the_same_rules(stage: Stage) -> None:
    message = draft(stage)
    signature = sign_alone(stage.alice.wallet, stage.network.domain, message, NOW)
    assert signature == sign(stage.alice, message)
    with pytest.raises(InvalidInput, match="in the future"):
        sign_alone(stage.alice.wallet, stage.network.domain, message, NOW - 2 * CLOCK_SKEW)


def test_a_contract_that_does_not_accept_its_owners_signature(stage: Stage) -> None:
    """The contract is asked at once, not when somebody relies on the signature."""

    class Account:
        address = stage.brand.address

        def sign_typed_data(self, typed_data: dict[str, Any]) -> bytes:
            return stage.alice.wallet.sign_typed_data(typed_data)

    with pytest.raises(Rejected, match="does not accept"):
        sign_alone(Account(), stage.network.domain, draft(stage), NOW, stage.network)


@pytest.mark.parametrize("error", [LedgerUnavailable("away"), KeyboardInterrupt()])
def test_what_is_done_is_told_with_any_error(error: BaseException) -> None:
    with pytest.raises(type(error)) as caught, noting("It is anchored."):
        raise error
    assert caught.value.__notes__ == ["It is anchored."]


def test_an_anchorer_sees_a_commitment_and_nothing_else(stage: Stage) -> None:
    message = draft(stage)
    signature = sign(stage.alice, message)
    own = commitment(digest(stage.network.domain, message), signature)
    pending = OwnAnchorer(stage.ledger).submit(own)
    anchor, receipt = pending.wait()
    assert pending.wait() == (anchor, receipt)
    assert (anchor.proof, anchor.transaction, anchor.block) == ((), receipt.transaction, receipt.block)
    (function, (root, _)), *_ = [
        (call, args) for (call, _), args in zip(stage.ledger.calls, stage.ledger.arguments, strict=True)
    ]
    assert (function, root) == ("anchor", anchor.root)


def test_the_anchor_proves_the_signature(stage: Stage) -> None:
    assert is_included(stage.granted().evidence)


def test_a_networks_bounds_are_in_every_policy(stage: Stage) -> None:
    network = replace(stage.network, confirmations=3, max_facts_age=60, max_backdate=5)
    policy = network.policy(controllers=None)
    assert (policy.confirmations, policy.max_facts_age, policy.max_backdate) == (3, 60, 5)
    assert network.policy(controllers=None, confirmations=7, max_backdate=None).confirmations == 7
    assert network.policy(controllers=None, max_backdate=None).max_backdate == 5
