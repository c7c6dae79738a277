"""What a person accepts by itself: a key that is not post-quantum, and a payer that links brands."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from registry.client.grant import Proposal, grant, propose, refuse
from registry.client.request import publish_notice, request
from registry.client.revoke import revoke, revoke_all
from registry.client.risks import LINKS_BRANDS, NOT_POST_QUANTUM, linked_brands
from registry.core.age.recipients import recipient_of
from registry.core.errors import InvalidInput
from registry.core.evidence.file import write_evidence
from registry.wallets.keywallet import KeyWallet
from tests.support.builders import notice_bytes, notice_document
from tests.support.stage import Stage

X25519 = recipient_of("AGE-SECRET-KEY-1EGTZVFFV20835NWYV6270LXYVK2VKNX2MMDKWYKLMGR48UAWX40Q2P2LM0")
PAYER = KeyWallet(b"\x07" * 32)


def asked(stage: Stage, brand: Any, **controller: str) -> bytes:
    """A request of this brand, with some members of its notice's controller replaced."""
    members = {"account": brand.address, "recipient": brand.recipient}
    notice = notice_bytes(controller=notice_document()["controller"] | members | controller)
    publish_notice(stage.network, notice)
    return write_evidence(request(brand, notice))


class TestNotPostQuantum:
    def test_a_program_says_that_it_accepts_it(self, stage: Stage) -> None:
        """(item 4) Data was sealed to an X25519 key without a word; a yes to the proposal is no yes to that."""
        stage.keep(b"bought")
        weak = asked(stage, stage.brand, recipient=X25519)
        for confirm in (None, lambda _: True):
            with pytest.raises(InvalidInput, match="not post-quantum") as refused:
                grant(stage.alice, weak, confirm=confirm)
            assert "--accept-risk not-post-quantum" in refused.value.advice
        assert stage.ledger.calls == [] and stage.alice.vault.shares.all() == ()
        assert grant(stage.alice, weak, accepted=[NOT_POST_QUANTUM]).receipt

    def test_only_where_something_is_sealed(self, stage: Stage) -> None:
        weak = asked(stage, stage.brand, recipient=X25519)
        assert propose(stage.alice, weak).risks == ()
        refuse(stage.alice, weak)
        stage.keep(b"bought")
        assert propose(stage.alice, asked(stage, stage.brand)).risks == ()

    def test_the_person_may_accept_it_while_they_read(self, stage: Stage) -> None:
        stage.keep(b"bought")
        accepted = set[str]()

        def confirm(proposal: Proposal) -> bool:
            accepted.update(risk.name for risk in proposal.risks)
            assert proposal.summary().risks == proposal.risks
            return True

        grant(stage.alice, asked(stage, stage.brand, recipient=X25519), confirm=confirm, accepted=accepted)
        assert accepted == {NOT_POST_QUANTUM}


class TestPayers:
    def test_a_second_brand_is_told_before(self, stage: Stage) -> None:
        """(item 6) One payer linked the accounts that brands must not link, silently."""
        first, second = stage.brand, stage.another_brand("second")
        alice = replace(stage.alice, sender=PAYER)
        grant(alice, asked(stage, first, name="First"))
        other = replace(stage.person("other account"), sender=PAYER, evidence=alice.evidence)
        ask = asked(stage, second, name="Second")
        (risk,) = propose(other, ask).risks
        assert (risk.name, risk.brands) == (LINKS_BRANDS, ("First", "Second"))
        sent = len(stage.ledger.calls)
        for answer in (grant, refuse):
            with pytest.raises(InvalidInput, match=f"{PAYER.address} pays openly") as refused:
                answer(other, ask)
            assert "--accept-risk links-brands" in refused.value.advice
        assert len(stage.ledger.calls) == sent
        grant(other, ask, accepted=[LINKS_BRANDS])

    def test_the_same_brand_another_payer_and_the_relay(self, stage: Stage) -> None:
        alice = replace(stage.alice, sender=PAYER)
        grant(alice, asked(stage, stage.brand))
        assert propose(alice, asked(stage, stage.brand), again=True).risks == ()
        second = asked(stage, stage.another_brand("second"))
        for sender in (None, KeyWallet(b"\x08" * 32)):
            assert propose(replace(alice, sender=sender), second).risks == ()

    def test_an_account_that_signed_for_another_brand(self, stage: Stage) -> None:
        """It is known by its signature, but where it also signs for this one, paying tells nothing more."""
        grant(stage.alice, asked(stage, stage.brand, name="First"))
        second = asked(stage, stage.another_brand("second"))
        other = replace(stage.person("other account"), sender=stage.alice.wallet, evidence=stage.alice.evidence)
        assert [risk.name for risk in propose(other, second).risks] == [LINKS_BRANDS]
        assert propose(replace(stage.alice, sender=stage.alice.wallet), second).risks == ()

    def test_an_ending_counts_and_is_never_refused(self, stage: Stage) -> None:
        done = stage.granted().evidence
        alice = replace(stage.alice, sender=PAYER)
        revoke(alice, done)
        assert alice.evidence.paid_for(PAYER.address) == {stage.brand.address}
        second = stage.another_brand("second")
        other = replace(stage.person("other account"), sender=PAYER, evidence=alice.evidence)
        later = grant(other, asked(stage, second, name="Second"), accepted=[LINKS_BRANDS]).evidence
        assert len(linked_brands(other, {second.address: "Second"})) == 2
        assert revoke(other, later) is not None
        stage.pass_time(60)
        assert revoke_all(alice)

    def test_several_brands_at_once_are_linked(self, stage: Stage) -> None:
        alice = replace(stage.alice, sender=PAYER)
        both = {stage.brand.address: "First", stage.another_brand("second").address: "Second"}
        assert linked_brands(alice, both) == ["First", "Second"]
        assert linked_brands(replace(alice, sender=alice.wallet), both) == []

    def test_nobody_pays(self, stage: Stage) -> None:
        """(item 4) Where there is no relay, that is told before the person reads that the relay pays."""
        seen: list[Proposal] = []
        stage.ledger.has_relay = False
        with pytest.raises(InvalidInput, match="no account pays"):
            grant(stage.alice, asked(stage, stage.brand), confirm=lambda proposal: not seen.append(proposal))
        assert seen == []
