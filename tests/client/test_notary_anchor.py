"""Anchoring by notaries: promises are checked, only the chain shows, and a broken promise leads to the next."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from registry.client.accept import accept
from registry.client.anchoring import OwnAnchorer
from registry.client.backup import _FILES
from registry.client.grant import grant, refuse
from registry.client.home import Home
from registry.client.later import spread_accounts
from registry.client.notary import parse_notary
from registry.client.pending import finish, finish_all, give_up, notaries_of
from registry.client.pending_store import promise_file
from registry.client.promises import judge_file
from registry.client.tokens import Tokens
from registry.core.anchor import Anchor
from registry.core.errors import InvalidInput, LedgerUnavailable, NotaryUnavailable, NotYetAnchored
from registry.core.evidence.file import commitment_of, is_included
from registry.core.merkle import build_tree, manifest_digest
from registry.core.promises import SignedPromise, judge_promise, promise_query
from registry.core.scalars import to_hex
from registry.wallets.keywallet import KeyWallet
from tests.support.served_stage import ServedStage
from tests.support.stage import PURCHASES
from tests.support.stub_notary import TOKEN_KEY, token_of

OWN = "your own transaction does"


def anchors(served: ServedStage) -> int:
    return [name for name, _ in served.stage.ledger.calls].count("anchor")


def posted(asked: list[tuple[str, str, str]]) -> int:
    return [(method, path) for method, path, _ in asked].count(("POST", "/v1/commitments"))


def test_a_grant_is_anchored_in_the_notarys_batch(served: ServedStage) -> None:
    served.stage.keep(b"bought", PURCHASES)
    done = served.granted()
    assert done.evidence.anchor and len(done.evidence.anchor.proof) == 2 and is_included(done.evidence)
    assert done.receipt is not None and done.receipt.notary == f"127.0.0.1:{served.first.port}"
    assert served.stage.holds(done.evidence) == "VerifiedGrant"
    assert (anchors(served), posted(served.first.asked), served.second.asked) == (1, 1, [])
    assert served.folder.all() == [] == served.folder.promises()
    assert served.stage.alice.evidence.digests() == {to_hex(done.evidence.digest)}


def test_a_grant_waits_until_the_chain_shows_it(served: ServedStage) -> None:
    served.first.works = False
    served.first.on_request = lambda path: served.first.work() if len(served.slept) == 5 else None
    done = served.granted()
    assert len(served.slept) >= 5 and served.stage.holds(done.evidence) == "VerifiedGrant"


def test_a_refusal_and_an_acceptance_go_the_same_way(served: ServedStage) -> None:
    refused = refuse(served.alice, served.stage.request())
    assert refused.evidence.kind == "Refusal" and served.stage.holds(refused.evidence) == "VerifiedStatement"
    given = served.granted(again=True)
    accepted = accept(served.brand, given.evidence)
    assert served.stage.holds(accepted.evidence) == "VerifiedGrant" and accepted.evidence.acceptance
    assert served.folder.all() == [] and anchors(served) == 3
    assert accept(served.brand, given.evidence).receipt is None


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("another signs", {"signs_as": b"somebody"}, "signed it, not"),
    ("names more", {"names_more": True}, "does not name this commitment alone"),
    ("another kind", {"swaps": True}, "it is no Promise"),
    ("takes too long", {"span": 901}, "it takes 901 seconds"),
    ("a span of its own", {"span": 90_000, "max_seconds": 90_000}, "it takes 90,000 seconds"),
    ("dated ahead", {"dated": 901}, "more than 15 minutes from now"),
    ("dated back", {"dated": -901}, "more than 15 minutes from now"),
    ("another chain", {"chain_id": 5}, "serves another chain or registry"),
    ("refuses", {"refuses": 503}, "refused: the stub refuses \\(HTTP status 503\\)"),
    ("away", {"dropped": True}, "did not answer"),
]


@pytest.mark.parametrize(("wrong", "why"), [each[1:] for each in WRONG], ids=[each[0] for each in WRONG])
def test_the_next_notary_takes_over_where_a_promise_does_not_count(
    served: ServedStage, wrong: dict[str, Any], why: str
) -> None:
    for name, value in wrong.items():
        setattr(served.first, name, value)
    done = served.granted()
    assert served.stage.holds(done.evidence) == "VerifiedGrant"
    assert done.receipt is not None and done.receipt.notary.endswith(str(served.second.port))
    assert re.search(why, served.said) and OWN not in served.said


def test_a_notary_with_another_account_than_the_known_one_hears_no_commitment(served: ServedStage) -> None:
    another = f"{served.first.url}#{served.second.account}"
    alice = served.with_notaries(served.stage.alice, another, served.second.named)
    done = grant(alice, served.stage.request())
    assert done.receipt is not None and done.receipt.notary.endswith(str(served.second.port))
    assert posted(served.first.asked) == 0 and "is the account" in served.said


def test_a_notary_without_a_known_account_is_believed_to_be_its_own(served: ServedStage) -> None:
    done = grant(served.with_notaries(served.stage.alice, served.first.url), served.stage.request())
    assert done.receipt is not None and done.receipt.notary.endswith(str(served.first.port))


def test_a_broken_promise_is_kept_and_the_next_notary_anchors(served: ServedStage) -> None:
    served.first.works = False
    done = served.granted()
    assert served.stage.holds(done.evidence) == "VerifiedGrant"
    ((_, file),) = served.folder.promises()
    message = file.promise.message
    assert file.notary == served.first.account and file.item == to_hex(commitment_of(done.evidence))
    facts = served.stage.ledger.facts([promise_query(message, file.item)])
    assert judge_promise(message, file.item, facts) == "Unshown"
    assert "shows no proof" in served.said and served.stage.clock.now > message.due


def test_a_lie_about_an_anchor_is_not_believed(served: ServedStage) -> None:
    served.first.lies, served.first.works = True, False
    done = served.granted()
    assert done.receipt is not None and done.receipt.notary.endswith(str(served.second.port))
    assert served.stage.holds(done.evidence) == "VerifiedGrant"


def test_a_late_anchor_counts_and_its_promise_is_kept_as_proof(served: ServedStage) -> None:
    served.first.works = False

    def late(path: str) -> None:
        if path.startswith("/v1/commitments/") and served.stage.clock.now >= due:
            served.stage.chain_clock.now += 60
            served.first.work()

    due = served.stage.clock.now + 895
    served.first.on_request = late
    done = served.granted()
    ((_, file),) = served.folder.promises()
    anchor = file.anchor
    assert anchor == done.evidence.anchor and "and did not" in served.said
    message = file.promise.message
    assert anchor and done.receipt is not None and done.receipt.time > message.due
    facts = served.stage.ledger.facts([promise_query(message, file.item, anchor)])
    assert judge_promise(message, file.item, facts, anchor) == "Late"


def test_an_anchor_of_our_own_is_no_proof_that_the_notary_was_late(served: ServedStage) -> None:
    """A process was killed after it took over: its promise is broken for all that is known, and not proved late."""
    served.waits, served.first.works = False, False
    with pytest.raises(NotYetAnchored):
        served.granted()
    (pending,) = served.folder.all()
    served.stage.pass_time(1_000)
    OwnAnchorer(served.stage.ledger).submit(pending.evidence.commitment).wait()
    done = finish(served.alice, pending)
    assert served.stage.holds(done.evidence) == "VerifiedGrant" and anchors(served) == 1
    ((_, file),) = served.folder.promises()
    assert file.anchor is msgspec.UNSET and judge_file(served.stage.network, file) == "Unshown"


def test_without_a_notary_ones_own_transaction_anchors_after_saying_so(served: ServedStage) -> None:
    served.first.dropped = served.second.dropped = True
    done = served.granted()
    assert done.evidence.anchor and done.evidence.anchor.proof == ()
    assert served.stage.holds(done.evidence) == "VerifiedGrant" and done.receipt is not None
    assert OWN in served.said and "none of yours" in served.said and done.receipt.notary == ""


def test_without_any_payer_nothing_is_lost(served: ServedStage) -> None:
    served.first.dropped = served.second.dropped = True
    served.stage.ledger.has_relay = False
    served.stage.keep(b"bought", PURCHASES)
    with pytest.raises(NotaryUnavailable, match="no notary anchored it, and no account pays") as caught:
        served.granted()
    assert any("consent status" in note for note in caught.value.__notes__)
    (pending,) = served.folder.all()
    assert served.stage.alice.evidence.digests() == frozenset()
    served.first.dropped = False
    (outcome,) = finish_all(served.stage.network, served.alice.evidence, notaries_of(served.alice))
    assert outcome.done is not None and to_hex(outcome.done.evidence.digest) == pending.evidence.digest
    assert served.stage.holds(outcome.done.evidence) == "VerifiedGrant"


def test_a_payer_that_links_brands_is_not_used_without_a_yes(served: ServedStage) -> None:
    sender = KeyWallet(b"payer".rjust(32, b"\x01"))
    alice = replace(served.alice, sender=sender)
    alice.evidence.keep_payment(sender.address, served.stage.another_brand("other").address)
    served.first.dropped = served.second.dropped = True
    with pytest.raises(NotaryUnavailable, match="only if you accept") as caught:
        grant(alice, served.stage.request())
    assert "--accept-risk links-brands" in caught.value.advice and served.stage.ledger.calls == []
    (pending,) = served.folder.all()
    done = finish(alice, pending, ("links-brands",))
    assert done.receipt is not None and done.receipt.sender == sender.address
    assert served.stage.brand.address in alice.evidence.paid_for(sender.address)


def test_a_chain_that_cannot_be_read_is_not_taken_for_an_empty_one(served: ServedStage) -> None:
    served.waits = False
    served.first.works = False
    with pytest.raises(NotYetAnchored):
        served.granted()
    served.first.work()
    served.stage.pass_time(2_000)
    served.stage.ledger.down = True
    (pending,) = served.folder.all()
    with pytest.raises(LedgerUnavailable):
        finish(served.alice, pending)
    served.stage.ledger.down = False
    done = finish(served.alice, pending)
    assert anchors(served) == 1 and served.stage.holds(done.evidence) == "VerifiedGrant"


def test_a_chain_that_goes_away_while_it_is_waited_for_loses_nothing(served: ServedStage) -> None:
    served.first.works = False

    def away(path: str) -> None:
        served.stage.ledger.down = len(served.slept) == 3

    served.first.on_request = away
    with pytest.raises(LedgerUnavailable) as caught:
        served.granted()
    assert any("consent status" in note for note in caught.value.__notes__)
    (pending,) = served.folder.all()
    assert pending.promise and served.stage.alice.evidence.digests() == frozenset()
    served.stage.ledger.down, served.first.on_request = False, lambda _: None
    served.first.work()
    assert served.stage.holds(finish(served.alice, pending).evidence) == "VerifiedGrant"
    assert anchors(served) == 1 == posted(served.first.asked)


def test_a_batch_of_one_is_taken_with_what_the_notary_tells_of_it(served: ServedStage) -> None:
    """The chain shows the root of such a batch, which anybody can compute, before the notary names the transaction."""
    served.first.works = False

    def anchored_alone(path: str) -> None:
        if served.first.waiting and len(served.slept) == 2:
            batch = [served.first.waiting.pop()]
            tree = build_tree(batch)
            receipt = served.stage.ledger.transact("anchor", to_hex(tree.root), to_hex(manifest_digest(batch)))
            told.append((tree, receipt))
        if len(served.slept) == 4:
            served.first.batches = told

    told: list[Any] = []
    served.first.on_request = anchored_alone
    done = served.granted()
    assert done.evidence.anchor and done.evidence.anchor.proof == () and len(served.slept) == 4
    assert done.evidence.anchor.transaction == told[0][1].transaction and done.receipt is not None
    assert done.receipt.notary.endswith(str(served.first.port)) and anchors(served) == 1


def test_no_wait_leaves_once_it_is_promised_and_is_completed_later(served: ServedStage) -> None:
    served.waits, served.first.works = False, False
    served.stage.keep(b"bought", PURCHASES)
    asked = served.stage.request()
    with pytest.raises(NotYetAnchored, match="will anchor it by"):
        grant(served.alice, asked)
    (pending,) = served.folder.all()
    assert pending.promise and served.stage.alice.evidence.digests() == frozenset()
    with pytest.raises(InvalidInput, match="waits for its anchor"):
        grant(served.alice, asked)
    alice = served.alice
    assert alice.notaries is not None
    (outcome,) = finish_all(served.stage.network, alice.evidence, alice.notaries)
    assert outcome.done is None and isinstance(outcome.why, NotYetAnchored)
    served.first.work()
    (outcome,) = finish_all(served.stage.network, alice.evidence, alice.notaries)
    assert outcome.done is not None and served.stage.holds(outcome.done.evidence) == "VerifiedGrant"
    assert posted(served.first.asked) == 1 and served.folder.all() == []


def test_a_pending_acceptance_is_completed_inside_its_grant(served: ServedStage) -> None:
    given = served.granted()
    served.waits, served.first.works = False, False
    with pytest.raises(NotYetAnchored):
        accept(served.brand, given.evidence)
    with pytest.raises(NotYetAnchored):
        accept(served.brand, given.evidence)
    brand = served.brand
    assert brand.notaries is not None and len(brand.notaries.folder.all()) == 1
    served.first.work()
    (outcome,) = finish_all(served.stage.network, brand.evidence, brand.notaries)
    assert outcome.done is not None and outcome.done.evidence.acceptance
    assert served.stage.holds(outcome.done.evidence) == "VerifiedGrant"


def test_giving_up_ends_what_was_promised_and_deletes_the_capsule(served: ServedStage) -> None:
    served.waits, served.first.works = False, False
    served.stage.keep(b"bought", PURCHASES)
    stored = served.stage.store.stat().blocks
    with pytest.raises(NotYetAnchored):
        served.granted()
    assert served.stage.store.stat().blocks > stored
    (pending,) = served.folder.all()
    served.first.works = True
    assert give_up(served.alice, pending) is not None
    assert served.folder.all() == [] and served.folder.promises() == []
    anchor = served.first.batches[0]
    proof = tuple(to_hex(word) for word in anchor[0].proof(pending.evidence.commitment))
    shown = pending.evidence.anchored(Anchor(to_hex(anchor[0].root), proof, anchor[1].transaction, anchor[1].block))
    assert served.stage.holds(shown) == "Revoked"


def tokens_in(served: ServedStage, url: str = "", **tokens: str) -> Path:
    """Tokens that were drawn from the first notary, or at this URL."""
    folder = served.home_of(served.stage.alice) / "tokens"
    folder.mkdir(parents=True, exist_ok=True)
    for name, token in tokens.items():
        (folder / f"{name}.token").write_text(f"{url or served.first.url}\n{token}\n")
    return folder


def test_a_token_pays_once_where_the_notary_asks_for_one(served: ServedStage) -> None:
    folder = tokens_in(served, one=token_of())
    served.first.tokens = {token_of()}
    done = served.granted()
    assert done.receipt is not None and done.receipt.notary.endswith(str(served.first.port))
    assert list(folder.iterdir()) == [] and served.first.tokens == set()
    again = served.granted().receipt
    assert again is not None and again.notary.endswith(str(served.second.port))


def test_another_notarys_token_stays_and_a_refused_one_goes(served: ServedStage) -> None:
    foreign, spent, good = token_of("0x" + "33" * 32), token_of(mark=2), token_of(mark=3)
    folder = tokens_in(served, a=foreign, b=spent, c=good, d="no token")
    served.first.tokens = {good}
    done = served.granted()
    assert done.receipt is not None and done.receipt.notary.endswith(str(served.first.port))
    assert sorted(path.name for path in folder.iterdir()) == ["a.token", "d.token"]


def test_a_notary_that_lists_anothers_key_gets_none_of_its_tokens(served: ServedStage) -> None:
    folder = tokens_in(served, served.second.url, drawn=token_of())
    served.first.tokens, served.second.tokens = set(), {token_of()}
    done = served.granted()
    assert done.receipt is not None and done.receipt.notary.endswith(str(served.second.port))
    assert {token for _, _, token in served.first.asked} == {""} and list(folder.iterdir()) == []


def test_what_one_notary_settles_leaves_anothers_token_alone(served: ServedStage) -> None:
    """A notary that went away may have taken it or not: it can be sent there again, for the same item alone."""
    folder, item = tokens_in(served, one=token_of()), "0x" + "12" * 32
    first, second = Tokens(folder, served.first.url), Tokens(folder, served.second.url)
    taken = first.take(item, {TOKEN_KEY})
    second.spent(item)
    assert taken is not None and first.take(item, {TOKEN_KEY}) == taken


def test_the_same_item_is_sent_with_its_own_token_again(served: ServedStage) -> None:
    folder = tokens_in(served, one=token_of(), two=token_of(mark=2))
    tokens = Tokens(folder, served.first.url)
    item, one, two = "0x" + "12" * 32, urlsafe_b64decode(token_of()), urlsafe_b64decode(token_of(mark=2))
    assert tokens.take(item, {TOKEN_KEY}) == one == tokens.take(item, {TOKEN_KEY})
    assert tokens.take("0x" + "13" * 32, {TOKEN_KEY}) == two
    assert tokens.take("0x" + "14" * 32, {TOKEN_KEY}) is None
    tokens.spent(item)
    assert tokens.take(item, {TOKEN_KEY}) is None


def test_a_backup_holds_what_waits(served: ServedStage, tmp_path: Path) -> None:
    """What is pending, promised, to be sent later or paid with comes back, and nothing else of these folders."""
    home = served.home_of(served.stage.alice)
    served.waits, served.first.works = False, False
    with pytest.raises(NotYetAnchored):
        served.granted()
    (pending,) = served.folder.all()
    assert isinstance(pending.promise, SignedPromise)
    file = promise_file(pending.promise, to_hex(pending.evidence.commitment))
    wanted = {f"pending/{pending.evidence.digest}.json", f"promises/{file.item}-{file.notary}.json", "tokens/a-1.token"}
    served.folder.keep_promise(file)
    (home / "tokens").mkdir()
    (home / "tokens" / "a-1.token").write_text("token")
    (home / "pending" / ".0x12.part").write_text("half")
    spread_accounts([served.alice], served.folder, 1)
    wanted.add(f"endings/{served.alice.address}.json")
    found = {path.relative_to(home).as_posix() for path in home.rglob("*") if path.is_file()}
    held = {name for name in found if _FILES.fullmatch(name)}
    assert wanted <= held and "pending/.0x12.part" in found - held


def test_a_program_names_notaries_of_a_home(served: ServedStage, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.create("", guessable=True)
    notaries = home.notaries(served.stage.network, served.first.named, served.second.url, waits=False)
    assert [client.name.account for client in notaries.clients] == [served.first.account, None]
    assert not notaries.waits and notaries.folder.path == home.path
    person = home.person(served.stage.network, served.stage.brand.address, "", notaries=notaries)
    assert grant(person, served.stage.request()).receipt is not None
    assert home.brand(served.stage.network, "", notaries=notaries).payer == ""


@pytest.mark.parametrize(
    ("text", "url", "account"),
    [
        ("https://notary.example", "https://notary.example", None),
        ("https://notary.example/one/", "https://notary.example/one", None),
        (f"http://[::1]:8600#{'0x' + '11' * 20}", "http://[::1]:8600", "0x" + "11" * 20),
        ("http://localhost:8600", "http://localhost:8600", None),
    ],
)
def test_a_notary_is_named_by_its_url_and_account(text: str, url: str, account: str | None) -> None:
    assert parse_notary(text) == (url, account)


WRONG_NAMES = ["notary.example", "ftp://x", "http://notary.example", "http://10.0.0.1", "https://user@x", "https://"]
WRONG_NAMES += ["https://x?key=1", "https://x:0", "https://x y", "https://x#0x12", "https://x#" + "0x" + "aB" * 20]


@pytest.mark.parametrize("text", WRONG_NAMES)
def test_anything_else_names_no_notary(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_notary(text)
