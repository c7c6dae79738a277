"""Endings through notaries: the chain shows them, a promise that is broken is kept, and nobody is stopped."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from registry.client.accept import accept
from registry.client.evidence_store import EvidenceFolder
from registry.client.grant import grant
from registry.client.later import send_due, spread_accounts, spread_grants
from registry.client.pending import finish_all
from registry.client.promises import judge_kept
from registry.client.revoke import has_ended, retire, revoke, revoke_all, revoke_openly
from registry.core.errors import InvalidInput, LedgerUnavailable, NotaryUnavailable, NotYetAnchored
from registry.core.evidence.file import Evidence, acceptance_evidence, commitment_of, parse_evidence
from registry.core.promises import judge_promise, promise_query
from registry.core.scalars import ZERO_WORD, to_hex
from registry.ledger.base import Receipt
from registry.wallets.keywallet import KeyWallet
from tests.support.served_stage import ServedStage
from tests.support.stub_notary import token_of

ENDINGS = {"openly": revoke_openly, "in private": revoke}


def calls(served: ServedStage) -> list[str]:
    return [name for name, _ in served.stage.ledger.calls]


def by_notary(receipt: Receipt | None, port: int) -> bool:
    return receipt is not None and receipt.notary == f"127.0.0.1:{port}"


@pytest.mark.parametrize("end", ENDINGS.values(), ids=ENDINGS)
def test_one_grant_is_ended_by_the_notary(served: ServedStage, end: Any) -> None:
    done = served.granted()
    receipt = end(served.alice, done.evidence)
    assert by_notary(receipt, served.first.port) and receipt.block == 7
    assert served.stage.holds(done.evidence) == "Revoked"
    assert calls(served)[-1] in ("revoke", "revokeOpenlyFor")
    assert served.folder.promises() == [] and end(served.alice, done.evidence) is None


@pytest.mark.parametrize("end", [revoke_all, retire])
def test_an_account_is_ended_by_the_notary_without_a_promise(served: ServedStage, end: Any) -> None:
    done = served.granted()
    assert by_notary(end(served.alice), served.first.port)
    assert served.stage.holds(done.evidence) == "Revoked" and served.folder.promises() == []


def test_an_ending_waits_for_the_chain(served: ServedStage) -> None:
    done = served.granted()
    served.first.works = False
    served.first.on_request = lambda path: served.first.work() if len(served.slept) > 8 else None
    assert by_notary(revoke(served.alice, done.evidence), served.first.port)
    assert has_ended(served.alice, done.evidence) and served.folder.promises() == []


def test_a_broken_promise_leads_to_the_next_notary_and_is_proof(served: ServedStage) -> None:
    done = served.granted()
    served.first.works, served.first.span = False, 300
    assert by_notary(revoke(served.alice, done.evidence), served.second.port)
    ((_, file),) = served.folder.promises()
    message = file.promise.message
    facts = served.stage.ledger.facts([promise_query(message, file.item)])
    assert file.notary == served.first.account and judge_promise(message, file.item, facts) == "Late"
    assert "consent notary judge" in served.said


@pytest.mark.parametrize(
    "wrong",
    [
        {"signs_as": b"somebody"},
        {"names_more": True},
        {"swaps": True},
        {"span": 901},
        {"dropped": True},
        {"refuses": 429},
        {"span": 3_601, "max_seconds": 86_400},
    ],
    ids=str,
)
def test_a_missing_promise_leads_to_the_next_notary(served: ServedStage, wrong: dict[str, Any]) -> None:
    done = served.granted()
    served.first.works = False
    for name, value in wrong.items():
        setattr(served.first, name, value)
    assert by_notary(revoke(served.alice, done.evidence), served.second.port)


def test_nobody_is_stopped_where_no_notary_works(served: ServedStage) -> None:
    done = served.granted()
    served.first.dropped = served.second.dropped = True
    receipt = revoke(served.alice, done.evidence)
    assert receipt is not None and receipt.notary == "" and served.stage.holds(done.evidence) == "Revoked"
    assert "No notary ended it, so your own transaction does. The network's relay pays" in served.said
    served.stage.ledger.has_relay = False
    with pytest.raises(NotaryUnavailable, match="no notary ended it, and no account pays"):
        revoke_all(served.alice)


def test_the_own_payer_is_noted_only_where_it_pays(served: ServedStage) -> None:
    sender = KeyWallet(b"payer".rjust(32, b"\x01"))
    alice = replace(served.alice, sender=sender)
    first, second = served.granted(), served.granted(again=True)
    revoke(alice, first.evidence)
    assert alice.evidence.paid_for(sender.address) == frozenset()
    served.first.dropped = served.second.dropped = True
    receipt = revoke(alice, second.evidence)
    assert receipt is not None and receipt.sender == sender.address and sender.address in served.said
    assert alice.evidence.paid_for(sender.address) == {served.stage.brand.address}


def test_an_ending_that_the_contract_refuses_is_told_and_not_waited_for(served: ServedStage) -> None:
    served.granted()
    served.first.refused_endings = "InvalidSignature"
    assert by_notary(revoke_all(served.alice), served.second.port)
    assert "refuses the ending: InvalidSignature" in served.said and sum(served.slept) < 10


def secrets_of(*files: Evidence) -> list[str]:
    """What a notary must never hear: digests, addresses, CIDs, salts, purposes, sentences."""
    found = []
    for file in files:
        message = file.statement.message
        found += [to_hex(file.digest), file.signature]
        for value in msgspec.to_builtins(message).values():
            found += value if isinstance(value, list | tuple) else [str(value)]
    return [value.removeprefix("0x").lower() for value in found if len(value) > 8 and value != ZERO_WORD]


def test_a_notary_hears_hashes_only_and_each_on_a_connection_of_its_own(served: ServedStage) -> None:
    served.stage.keep(b"bought")
    asked = served.stage.request()
    given = grant(served.alice, asked).evidence
    accepted = accept(served.brand, given).evidence
    revoke(served.alice, given)
    acceptance = acceptance_evidence(accepted)
    assert acceptance is not None
    heard = b"\n".join(served.first.heard).decode().lower()
    never = secrets_of(parse_evidence(asked), given, acceptance)
    assert len(never) > 20 and [value for value in never if value in heard] == []
    assert commitment_of(given).hex() in heard
    assert "user-agent" not in heard and "cookie" not in heard and "accept-language" not in heard
    posts = [json.loads(each.split(b"\n")[-1]) for each in served.first.heard if each.startswith(b"POST")]
    assert [sorted(post) for post in posts] == [["commitments"], ["commitments"], ["openings"]]
    assert [len(items) for post in posts for items in post.values()] == [1, 1, 1]
    assert len(set(served.first.connections)) == len(served.first.connections) > 6


def test_a_chain_that_goes_away_leaves_the_promise_to_be_judged(served: ServedStage) -> None:
    done = served.granted()
    served.first.works, before = False, len(served.slept)

    def away(path: str) -> None:
        served.stage.ledger.down = len(served.slept) > before + 5

    served.first.on_request = away
    with pytest.raises(LedgerUnavailable):
        revoke(served.alice, done.evidence)
    served.stage.ledger.down = False
    assert [each.state for each in judge_kept(served.stage.network, served.folder)] == ["Open"]
    served.first.work()
    assert [each.state for each in judge_kept(served.stage.network, served.folder)] == ["Kept"]
    assert served.folder.promises() == [] and revoke(served.alice, done.evidence) is None


def test_each_ending_brings_a_token_if_there_is_one(served: ServedStage) -> None:
    done = served.granted()
    folder = served.home_of(served.stage.alice) / "tokens"
    folder.mkdir(parents=True)
    (folder / "one.token").write_text(f"{served.first.url}\n{token_of()}\n")
    revoke(served.alice, done.evidence)
    posts = [token for method, path, token in served.first.asked if (method, path) == ("POST", "/v1/revocations")]
    assert posts == [token_of()] and list(folder.iterdir()) == []


def test_what_a_grant_replaces_ends_only_after_it_is_anchored_and_apart(served: ServedStage) -> None:
    old = served.granted().evidence
    before = len(served.slept)
    new = served.granted(supersedes=old)
    assert by_notary(new.superseded, served.first.port)
    assert served.stage.holds(old) == "Revoked" and served.stage.holds(new.evidence) == "VerifiedGrant"
    assert sum(served.slept[before:]) >= 15 and served.folder.later() == []
    order = [path for method, path, _ in served.first.asked if method == "POST"]
    assert order == ["/v1/commitments", "/v1/commitments", "/v1/revocations"]


def test_what_a_pending_grant_replaces_stays_until_that_is_anchored(served: ServedStage) -> None:
    old = served.granted().evidence
    served.waits, served.first.works = False, False
    with pytest.raises(NotYetAnchored):
        served.granted(supersedes=old)
    alice = served.alice
    assert alice.notaries is not None
    asked = (served.stage.network, alice.notaries, served.folder, alice.evidence)
    sent, waiting = send_due(*asked)
    assert sent.ended == [] and len(waiting) == 1 and served.stage.holds(old) == "VerifiedGrant"
    served.first.works = True
    served.first.work()
    finish_all(served.stage.network, alice.evidence, alice.notaries)
    assert send_due(*asked)[0].ended == []
    served.stage.pass_time(90)
    sent, waiting = send_due(*asked)
    assert [name for name, _ in sent.ended] == [to_hex(old.digest)] and waiting == [] == served.folder.later()
    assert served.stage.holds(old) == "Revoked"


def test_an_ending_that_is_on_the_chain_already_is_not_sent_again(served: ServedStage) -> None:
    ended = served.granted().evidence
    spread_grants([(served.alice, ended)], served.folder, 1)
    revoke(served.alice, ended)
    spread_accounts([served.alice], served.folder, 1)
    revoke_all(served.alice)
    before = calls(served)
    sent, waiting = send_due(served.stage.network, served.alice.notaries, served.folder, served.alice.evidence)
    assert [receipt for _, receipt in sent.ended] == [None, None] and waiting == [] == served.folder.later()
    assert calls(served) == before


def test_who_does_not_wait_leaves_the_replaced_grant_to_status(served: ServedStage) -> None:
    old = served.granted().evidence
    served.waits = False
    new = served.granted(supersedes=old)
    assert new.superseded is None and len(served.folder.later()) == 1 and served.slept == []


def test_endings_are_spread_over_random_times_and_survive_a_restart(served: ServedStage) -> None:
    grants = [grant(served.alice, served.stage.request()).evidence for _ in range(6)]
    alice, store = served.alice, EvidenceFolder(served.home_of(served.stage.alice))
    spread_grants([(alice, each) for each in grants], served.folder, 2)
    times = [each.due - served.stage.clock.now for each in served.folder.later()]
    assert times[0] == 0 and len(set(times[1:])) == 5 and max(times) <= 7_200
    for _ in range(130):
        send_due(served.stage.network, alice.notaries, served.folder, store)
        served.stage.pass_time(60)
        served.stage.ledger.mine()
    assert {served.stage.holds(each) for each in grants} == {"Revoked"} and served.folder.later() == []
    revoked = [number for number, (name, _) in enumerate(served.stage.ledger.calls) if name == "revoke"]
    assert len(revoked) == 6
    posts = [token for method, path, token in served.first.asked if (method, path) == ("POST", "/v1/revocations")]
    assert len(posts) == 6


def test_the_end_of_accounts_is_signed_at_once_and_sent_over_time(served: ServedStage) -> None:
    bob = served.with_notaries(served.stage.person("bob"))
    first, second = served.granted().evidence, grant(bob, served.stage.request()).evidence
    folder = served.folder
    spread_accounts([served.alice, bob], folder, 1)
    until = served.alice.evidence.cutoff_of(served.alice.address)
    served.stage.pass_time(5)
    served.stage.ledger.mine()
    later = grant(served.alice, served.stage.request()).evidence
    served.stage.pass_time(3_600)
    served.stage.ledger.mine()
    sent, waiting = send_due(served.stage.network, served.alice.notaries, folder, served.alice.evidence)
    assert {name for name, _ in sent.ended} == {served.alice.address, bob.address} and waiting == []
    assert [served.stage.holds(each) for each in (first, second, later)] == ["Revoked", "Revoked", "VerifiedGrant"]
    assert served.alice.evidence.cutoff_of(served.alice.address) == until > 0


@pytest.mark.parametrize("hours", [0, -1, 169, float("nan")])
def test_a_spread_has_bounds(served: ServedStage, hours: float) -> None:
    with pytest.raises(InvalidInput, match="hours are not possible"):
        spread_grants([(served.alice, served.granted().evidence)], served.folder, hours)
