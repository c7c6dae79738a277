"""Two parties and an attacker say what they like, when they like, and show any file they can put together.

Against an oracle that knows whose key signed what, and when: nobody is bound who did not sign, no bid opens late, and
no standing offer is denied.
"""

from __future__ import annotations

from itertools import permutations
from typing import Any

from hypothesis import HealthCheck, event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from registry.core.errors import NotAgreed, NotConsented
from registry.core.negotiation.judging import judge_negotiation
from tests.support.builders import policy
from tests.support.negotiation_world import ACTORS, ATTACKER, BRAND, BY_ADDRESS, PERSON, Said, World, binds, file_of
from tests.support.soak import examples

POLICY = policy(controllers=None, purposes=None, data=None)
picks = st.integers(0, 1000)
actors = st.sampled_from(ACTORS)
lasting = st.sampled_from([1, 2, 5, 200, 200])
prices = st.integers(1, 5)
pairs = st.sampled_from(list(permutations(ACTORS, 2)))
listers = st.sampled_from([PERSON, PERSON, BRAND, ATTACKER])
confirmers = st.sampled_from(["author", "author", "by", "attacker", ""])
mostly = st.sampled_from([True, True, True, True, False])
seldom = st.sampled_from([False, False, False, False, False, True])
forgers = st.sampled_from([*[None] * 9, *ACTORS])


def judged(world: World, path: list[Said], beside: list[Said]) -> bool:
    file = file_of(path, beside)
    try:
        judge_negotiation(file, world.facts(file), POLICY, world.now)
    except (NotAgreed, NotConsented) as no:
        event(type(no).__name__)
        return False
    event(f"deal after {len(path) - 2}")
    return True


class Negotiations(RuleBasedStateMachine):
    """Every judgement is compared with the oracle's, and with three promises that need no oracle."""

    @initialize(
        sealed=st.booleans(),
        rounds=st.sampled_from([None, None, 1, 3]),
        audience=st.sampled_from(["everybody"] * 4 + [(BRAND.address,), (ATTACKER.address,)]),
        until=st.sampled_from([3, 50, 50]),
        expires=st.sampled_from([50, 300, 300]),
    )
    def want(self, sealed: bool, rounds: int | None, audience: Any, until: int, expires: int) -> None:
        rules: dict[str, Any] = {"audience": audience}
        rules |= {"sealed": True} if sealed else {}
        rules |= {} if rounds is None else {"rounds": rounds}
        self.world = World(rules, until, expires)

    @rule(seconds=st.sampled_from([0, 1, 1, 2, 10]))
    def wait(self, seconds: int) -> None:
        self.world.now += seconds

    @rule(by=st.sampled_from([BRAND, BRAND, ATTACKER]), lasts=lasting, price=prices, anchor=mostly)
    def bid(self, by: Any, lasts: int, price: int, anchor: bool) -> None:
        self.world.offer(self.world.intent, by, PERSON, signer=by, lasts=lasts, price=price, anchor=anchor)

    @precondition(lambda self: self.world.of("Offer"))
    @rule(which=picks, lasts=lasting, price=prices, anchor=mostly)
    def counter(self, which: int, lasts: int, price: int, anchor: bool) -> None:
        before = self._one(which, "Offer")
        by, to = BY_ADDRESS[before.message.recipient], BY_ADDRESS[before.message.author]
        self.world.offer(before, by, to, signer=by, lasts=lasts, price=price, anchor=anchor)

    @rule(which=picks, pair=pairs, signer=actors, lasts=lasting, price=prices)
    def offer_anything(self, which: int, pair: Any, signer: Any, lasts: int, price: int) -> None:
        """With anybody's name on it; what is forged is signed by somebody else."""
        self.world.offer(self._one(which, "Offer", "Intent"), *pair, signer=signer, lasts=lasts, price=price)

    @precondition(lambda self: any(one.at is None for one in self.world.said))
    @rule(which=picks)
    def anchor(self, which: int) -> None:
        waiting = [one for one in self.world.said if one.at is None]
        waiting[which % len(waiting)].at = self.world.now

    @precondition(lambda self: self.world.of("Offer"))
    @rule(
        chosen=st.sampled_from([255, 255, 255, 1, 2, 5, 254]), signer=st.sampled_from([PERSON, PERSON, BRAND, ATTACKER])
    )
    def list_bids(self, chosen: int, signer: Any) -> None:
        offers = self.world.of("Offer")
        listed = [one for n, one in enumerate(offers) if chosen >> n & 1] or offers
        self.world.bids(listed, signer=signer)

    @precondition(lambda self: self.world.of("Offer"))
    @rule(which=picks, forged_by=forgers, author=actors)
    def accept(self, which: int, forged_by: Any, author: Any) -> None:
        offer = self._one(which, "Offer")
        by = author if forged_by else BY_ADDRESS[offer.message.recipient]
        self.world.deal(offer, by, signer=forged_by or by)

    @precondition(lambda self: self.world.of("Offer"))
    @rule(which=picks, forged_by=forgers, author=actors)
    def confirm(self, which: int, forged_by: Any, author: Any) -> None:
        """A counter-offer came, and its recipient says so; or an attacker says it for them."""
        counter = self._one(which, "Offer")
        by = author if forged_by else BY_ADDRESS[counter.message.recipient]
        self.world.receipt(counter, by, signer=forged_by or by)

    @rule(whose=actors, ago=st.sampled_from([0, 1, 20]), really=seldom)
    def end_all(self, whose: Any, ago: int, really: bool) -> None:
        if really:
            self.world.end_all(whose, self.world.now - ago)

    @rule(really=seldom)
    def withdraw(self, really: bool) -> None:
        if really and not self.world.revoked_at:
            self.world.revoked_at = self.world.now

    @precondition(lambda self: self.world.of("Deal"))
    @rule(which=picks, chosen=st.integers(0, 2**16), wrong=st.sampled_from([None, None, None, 0, 1, 2]), other=picks)
    def show(self, which: int, chosen: int, wrong: int | None, other: int) -> None:
        """A file with any messages beside its path, and a path with a wrong offer in it now and then."""
        path = self._path(self._one(which, "Deal"))
        if wrong is not None and 0 < wrong < len(path) - 1:
            path[wrong] = self._one(other, "Offer")
        everything = self._beside(path)
        for beside in ([], everything, [one for n, one in enumerate(everything) if chosen >> n & 1]):
            found = judged(self.world, path, beside)
            assert found == binds(self.world, path, beside)
            if found:
                self._both_signed(path)
        self._keeps_its_promises(path, everything)

    def teardown(self) -> None:
        if hasattr(self, "world"):
            for deal in self.world.of("Deal"):
                path = self._path(deal)
                everything = self._beside(path)
                assert judged(self.world, path, everything) == binds(self.world, path, everything)
                self._keeps_its_promises(path, everything)

    @precondition(lambda self: self.world.of("Offer"))
    @rule(which=picks, confirmer=confirmers, seconds=st.integers(0, 1), price=prices)
    def accept_after_a_counter(self, which: int, confirmer: str, seconds: int, price: int) -> None:
        """Somebody counters an offer, gets a receipt for it (from its author, or not), and accepts the old offer."""
        offer = self._one(which, "Offer")
        by, author = BY_ADDRESS[offer.message.recipient], BY_ADDRESS[offer.message.author]
        counter = self.world.offer(offer, by, author, signer=by, lasts=200, price=price)
        if confirmer:
            confirms = {"author": author, "by": by, "attacker": ATTACKER}[confirmer]
            self.world.receipt(counter, confirms, signer=confirms)
        self.world.now += seconds
        self.world.deal(offer, by, signer=by)

    @precondition(lambda self: self.world.rules.get("sealed"))
    @rule(seconds=st.integers(0, 1), lists=st.integers(0, 3), price=prices)
    def seal_and_accept(self, seconds: int, lists: int, price: int) -> None:
        """A bid is listed before it is opened, after it, or in the second list alone."""
        earlier = self.world.of("Offer")
        bid = self.world.offer(
            self.world.intent, BRAND, PERSON, signer=BRAND, lasts=200, price=price, anchor=lists != 3
        )
        for listed in ([bid], earlier) if lists % 2 else (earlier, [bid]):
            if listed:
                self.world.bids(listed, signer=PERSON)
            self.world.now += seconds
        bid.at = bid.at or self.world.now
        self.world.deal(bid, PERSON, signer=PERSON)

    def _one(self, which: int, *kinds: str) -> Said:
        """The newest ones are the likeliest."""
        found = self.world.of(*kinds)
        return found[-1 - which % min(len(found), 1 + which % 7)]

    def _path(self, deal: Said) -> list[Said]:
        """From the Deal back to the Intent."""
        known = {one.name: one for one in self.world.of("Offer", "Intent")}
        path = [known[deal.message.offer], deal]
        while path[0].kind == "Offer":
            path.insert(0, known[path[0].message.answers])
        return path

    def _beside(self, path: list[Said]) -> list[Said]:
        return [one for one in self.world.of("Offer", "Bids", "Receipt") if one not in path]

    def _both_signed(self, path: list[Said]) -> None:
        """Nobody is bound who did not sign."""
        offer, deal = path[-2], path[-1]
        assert {offer.signer, deal.signer} == {offer.message.author, offer.message.recipient}
        assert PERSON.address in (offer.signer, deal.signer) and offer.signer != deal.signer

    def _keeps_its_promises(self, path: list[Said], everything: list[Said]) -> None:
        deal, offer, first = path[-1], path[-2], path[1]
        if judged(self.world, path, everything) and self.world.rules.get("sealed"):
            genuine = [one.at or 0 for one in self.world.of("Bids") if one.is_genuine and self._counts(one, deal)]
            assert first.signed_at <= min(genuine)  # no bid opens late
        own = [one for one in everything if one.signer in (offer.message.author, offer.message.recipient)]
        if judged(self.world, path, own):
            assert judged(self.world, path, everything)  # nobody but the two denies an offer that stands

    def _counts(self, one: Said, deal: Said) -> bool:
        return one.signed_at > self.world.cutoff(PERSON.address, deal.at or 0)


TestNegotiations = Negotiations.TestCase
TestNegotiations.settings = settings(
    max_examples=examples(400, 10_000),
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
