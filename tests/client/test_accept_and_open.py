"""The brand's side: counter-sign, open what was handed over, all files or none."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from registry.client.accept import accept
from registry.client.grant import propose, refuse
from registry.client.revoke import revoke
from registry.client.verify import verify
from registry.core.errors import (
    InvalidInput,
    LedgerUnavailable,
    Malformed,
    Revoked,
    WrongController,
)
from registry.core.evidence.file import Evidence, parse_evidence, write_evidence
from registry.core.scalars import to_hex
from registry.core.statements.messages import Acceptance
from tests.support.builders import NOW
from tests.support.stage import EMAILS, PURCHASES, Stage

MARKETING = {"purposes": ["dpv:Marketing"], "processing": ["dpv:Use"]}


def message_of(evidence: Evidence) -> Any:
    return evidence.statement.message


def handed_over(stage: Stage, *bodies: bytes) -> bytes:
    """The file of a grant that hands over these purchases."""
    for body in bodies or (b"bought",):
        stage.keep(body)
    return write_evidence(stage.granted().evidence)


class TestAccepting:
    def test_both_sides_hold_the_same_bytes(self, stage: Stage) -> None:
        file = write_evidence(stage.granted().evidence)
        stage.pass_time(60)
        done = accept(stage.brand, file)
        completed = parse_evidence(write_evidence(done.evidence))
        policy = stage.network.policy(controllers=frozenset({stage.brand.address}), accepted=True)
        assert verify(stage.network, completed, policy).acceptance == "verified"
        assert [function for function, _ in stage.ledger.calls] == ["anchor", "anchor"]
        part = completed.acceptance
        assert part is not msgspec.UNSET
        assert isinstance(part.statement.message, Acceptance)
        assert part.statement.message.grant == to_hex(parse_evidence(file).digest)
        assert part.statement.message.issued_at >= NOW + 60

    def test_the_grant_in_it_is_untouched(self, stage: Stage) -> None:
        file = write_evidence(stage.granted().evidence)
        completed = accept(stage.brand, file).evidence
        assert write_evidence(msgspec.structs.replace(completed, acceptance=msgspec.UNSET)) == file

    def test_again_costs_nothing(self, stage: Stage) -> None:
        """(item 11) Neither with the completed file nor with the person's, of which the brand keeps the completed."""
        file = write_evidence(stage.granted().evidence)
        once = accept(stage.brand, file)
        sent = len(stage.ledger.calls)
        for given in (file, write_evidence(once.evidence)):
            again = accept(stage.brand, given)
            assert again.receipt is None and again.evidence == once.evidence and again.kept == once.kept
        assert len(stage.ledger.calls) == sent

    def test_again_where_the_first_was_lost_on_chain(self, stage: Stage) -> None:
        file = write_evidence(stage.granted().evidence)
        accept(stage.brand, file)
        stage.ledger.reorg(1)
        assert accept(stage.brand, file).receipt is not None

    def test_by_another_brand(self, stage: Stage) -> None:
        file = write_evidence(stage.granted().evidence)
        for stranger in (stage.another_brand("other brand"), stage.alice):
            with pytest.raises(WrongController, match=stage.brand.address):
                accept(stranger, file)
        assert len(stage.ledger.calls) == 1

    def test_what_was_revoked(self, stage: Stage) -> None:
        done = stage.granted()
        revoke(stage.alice, done.evidence)
        with pytest.raises(Revoked):
            accept(stage.brand, write_evidence(done.evidence))

    def test_what_is_no_grant(self, stage: Stage) -> None:
        for file in (stage.request(), write_evidence(refuse(stage.alice, stage.request()).evidence)):
            with pytest.raises(InvalidInput, match="not a Grant"):
                accept(stage.brand, file)
        with pytest.raises(Malformed):
            accept(stage.brand, b"{}")

    def test_a_chain_that_is_down(self, stage: Stage) -> None:
        file = write_evidence(stage.granted().evidence)
        stage.ledger.down = True
        with pytest.raises(LedgerUnavailable):
            accept(stage.brand, file)


class TestProposing:
    def test_what_leaves_is_told_before(self, stage: Stage) -> None:
        """(item 5) The person read "what your vault holds of it", neither which nor how much."""
        for body in (b"1", b"22"):
            stage.keep(body)
        stage.keep(b"mail", EMAILS)
        proposal = propose(stage.alice, stage.request(data=[PURCHASES]))
        (records,) = proposal.summary().records or ()
        assert (records.category.term, records.count, records.file) == (PURCHASES, 2, "kept")
        (given, _mail) = propose(stage.alice, stage.request(), names=True).summary().records or ()
        assert given.file == "given"
