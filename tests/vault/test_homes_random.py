"""Homes of one seed on one store, in any order of steps, against a plain model: they merge, and nothing is lost."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp
from unittest import mock

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from registry.core.errors import InvalidInput
from registry.core.sealed.bundles import View
from registry.vault import streams
from registry.vault.bundles import held_by_brand
from registry.vault.draft import Draft
from tests.support.builders import CONTROLLER, SUBJECT, word
from tests.support.home_models import NAME, Home, Killed, Model, MortalStore, Version, text_of
from tests.support.reading_brand import ReadingBrand, Update, update_of
from tests.support.soak import examples

pytestmark = [pytest.mark.slow, pytest.mark.timeout(examples(300, 3_600))]

HOMES = st.integers(0, 2)
# At which write the process dies, if at all, and whether that write is done first.
DEATHS = st.one_of(st.just((0, False)), st.just((0, False)), st.tuples(st.integers(1, 14), st.booleans()))
VIEWS = tuple(View("pd:Purchase", members, continuing=True) for members in (("name",), ("name", "orderDate")))
POOL = 6


def draft(name: str, key: int | None = None) -> Draft:
    body = {"name": name, "orderDate": "2026-01-31"}
    return Draft("pd:Purchase", "purchase/1", body=body, key=b"" if key is None else key.to_bytes(16))


class Homes(RuleBasedStateMachine):
    """Each step is done by one home, and may be cut short at any write."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(mkdtemp())
        self.store = MortalStore()
        self.homes = [Home(self.folder / str(number), self.store) for number in range(3)]
        self.models: dict[str, Model] = {}  # of each index that a home left for the others
        self.backups: dict[int, tuple[Model, Model, str]] = {}
        self.steps = self.locks = 0
        # What was sent to the brand of each lock, and what it has. Another brand begins where a home was set back.
        self.sent: list[tuple[str, Update]] = []
        self.brands: dict[str, ReadingBrand] = {}
        self.is_broken = True
        # Merges of segments come sooner.
        self.patch = mock.patch.object(streams, "FANOUT", 3)
        self.patch.start()

    @rule(at=HOMES, count=st.integers(1, 4), death=DEATHS)
    def add(self, at: int, count: int, death: tuple[int, bool]) -> None:
        names = [f"thing {self.steps}.{number}" for number in range(count)]
        self.step(at, lambda home: home.vault.add([draft(name) for name in names]), death)

    @rule(at=HOMES, first=st.integers(0, POOL), count=st.integers(1, POOL), death=DEATHS)
    def take(self, at: int, first: int, count: int, death: tuple[int, bool]) -> None:
        keys = range(first, first + count)
        self.step(at, lambda home: home.vault.take(draft(f"import {key}", key + 1) for key in keys), death)

    @rule(at=HOMES, pick=st.integers(0), death=DEATHS)
    def edit(self, at: int, pick: int, death: tuple[int, bool]) -> None:
        body = {"name": f"edit {self.steps}", "orderDate": "2026-01-31"}
        self.with_one(at, pick, lambda home, id_: home.vault.edit(id_, body=body), death)

    @rule(at=HOMES, pick=st.integers(0), death=DEATHS)
    def remove(self, at: int, pick: int, death: tuple[int, bool]) -> None:
        self.with_one(at, pick, lambda home, id_: home.vault.remove([id_]), death)

    @rule(at=HOMES, pick=st.integers(0), death=DEATHS)
    def restore(self, at: int, pick: int, death: tuple[int, bool]) -> None:
        self.with_one(at, pick, lambda home, id_: home.vault.restore(id_, home.vault.history(id_)[0].counter), death)

    @rule(at=HOMES, pick=st.integers(0))
    def shred(self, at: int, pick: int) -> None:
        if some := sorted(self.homes[at].model.alive()):
            id_ = some[pick % len(some)]
            self.step(at, _unless_gone(Home.shred, id_), shreds=id_)

    @rule(at=HOMES, view=st.sampled_from(VIEWS), death=DEATHS)
    def share(self, at: int, view: View, death: tuple[int, bool]) -> None:
        if not self.homes[at].model.alive():
            return
        self.locks += 1
        lock = word(self.locks)

        # The merge before it may take away all that there was to share.
        def begin(home: Home) -> None:
            keys = home.vault.shares.begin(SUBJECT, CONTROLLER, [view], lock)
            self.sent.append((lock, (sum(one.number for one in home.vault.shares.of(lock)), keys)))

        self.step(at, _unless_refused(begin), death)

    @rule(at=HOMES, pick=st.integers(0), death=DEATHS, can_look=st.booleans())
    def share_again(self, at: int, pick: int, death: tuple[int, bool], can_look: bool) -> None:
        self.store.names_down = not can_look
        self.share_again_as_it_is(at, pick, death)
        self.store.names_down = False

    def share_again_as_it_is(self, at: int, pick: int, death: tuple[int, bool]) -> None:
        home = self.homes[at]
        live = [one for one in home.vault._folder.book().bundles if not one.ended]
        if not live:
            return
        lock = live[pick % len(live)].locks[0]
        # A merge may end the bundle meanwhile.
        send = _unless_refused(lambda home: self.sent.append((lock, update_of(home.vault, lock))))
        if self.step(at, send, death):
            for bundle in home.vault.shares.of(lock):
                if not bundle.ended:
                    held = held_by_brand(self.store, home.vault.shares.party(bundle), bundle).values()
                    assert sorted(str(text_of(one)) for one in held if not one.deleted) == sorted(
                        home.model.alive().values()
                    )

    @precondition(lambda self: self.sent)
    @rule(pick=st.integers(0))
    def deliver(self, pick: int) -> None:
        """A brand gets something that was sent at any time. It may be too old to be taken."""
        lock, update = self.sent[pick % len(self.sent)]
        self.brand(lock).may_take(update)

    def brand(self, lock: str) -> ReadingBrand:
        folder = self.folder / f"brand {self.steps} {lock}"
        return self.brands.setdefault(lock, ReadingBrand(self.store, folder))

    @rule(at=HOMES, pick=st.integers(0), death=DEATHS)
    def end(self, at: int, pick: int, death: tuple[int, bool]) -> None:
        if known := self.homes[at].vault._folder.book().bundles:
            lock = known[pick % len(known)].locks[0]
            self.step(at, lambda home: home.vault.shares.end(lock), death)

    @rule(at=HOMES, death=DEATHS)
    def merge(self, at: int, death: tuple[int, bool]) -> None:
        self.step(at, lambda home: home.vault.merge(), death)

    @rule(at=HOMES, death=DEATHS, can_look=st.booleans())
    def compact(self, at: int, death: tuple[int, bool], can_look: bool) -> None:
        self.store.names_down = not can_look
        self.step(at, _unless_empty(lambda home: home.vault.upkeep.compact()), death)
        self.store.names_down = False

    @rule(at=HOMES)
    def lose_the_copy(self, at: int) -> None:
        home = self.homes[at]
        home.vault.close()
        (home.folder / "copy.db").unlink(missing_ok=True)
        home.model = home.indexed
        home.reopen()

    @rule(at=HOMES, count=st.integers(1, 3))
    def add_without_names(self, at: int, count: int) -> None:
        self.store.names_down = True
        self.add(at, count, (0, False))
        self.store.names_down = False

    @rule(at=HOMES)
    def back_up(self, at: int) -> None:
        home = self.homes[at]
        home.reopen()
        shutil.rmtree(self.folder / f"backup {at}", ignore_errors=True)
        if home.folder.exists():
            shutil.copytree(home.folder, self.folder / f"backup {at}")
            self.backups[at] = (home.model, home.indexed, home.id)

    @precondition(lambda self: self.backups)
    @rule(pick=st.integers(0))
    def bring_a_backup_back(self, pick: int) -> None:
        at = sorted(self.backups)[pick % len(self.backups)]
        home, (model, indexed, id_) = self.homes[at], self.backups.pop(at)
        home.renew()
        shutil.rmtree(home.folder, ignore_errors=True)
        shutil.move(self.folder / f"backup {at}", home.folder)
        home.reopen()
        home.model, home.indexed = model, indexed
        left = self.store.published().get(id_)
        # What the home did without leaving its name nobody knows any more, but who was sent it.
        self.sent, self.brands = [], {}
        try:
            self.step(at, lambda one: one.vault.merge())
        except InvalidInput as error:
            assert "older copy" in str(error) and left is not None
            home.renew()
        else:
            assert home.id == id_

    def with_one(self, at: int, pick: int, act: Callable[[Home, str], object], death: tuple[int, bool]) -> None:
        """Do something with a record that is there. If the merge before it took it away, that is said."""
        if some := sorted(self.homes[at].model.alive()):
            id_ = some[pick % len(some)]
            self.step(at, _unless_gone(act, id_), death)

    def step(
        self, at: int, act: Callable[[Home], object], death: tuple[int, bool] = (0, False), shreds: str = ""
    ) -> bool:
        """Do a step; whether it was done to its end. The home then has what the model says, at one of three moments."""
        home, before, index = self.homes[at], self.homes[at].model, self.homes[at].index
        self.steps += 1
        self.is_broken, merged, done = True, before, True
        if not self.store.names_down:
            for other, cid in self.store.published().items():
                if other != home.id:
                    merged = merged.join(self.models[cid])
        self.store.left, self.store.acts_first = death[0] or -1, death[1]
        try:
            act(home)
        except Killed:
            done = False
        finally:
            self.store.left = -1
        home.reopen()
        after = self.after(home, merged, shreds)
        home.wavering = (home.wavering | (set() if done else merged.shredded)) - (merged.shredded if done else set())
        read = replace(before, versions=merged.versions)
        moments = [after] if done else [before, read, merged, after]
        home.model = next((one for one in moments if home.agrees(one)), moments[-1])
        # An index without streams is one that a process had only begun with, or one from which all was shredded.
        if home.index != index and (done or home.named_streams()):
            home.indexed = home.model
        assert home.agrees(home.model), [home.differs(one) for one in moments]
        self.note(home, merged)
        self.is_broken = False
        return done

    def after(self, home: Home, merged: Model, shreds: str) -> Model:
        """The model behind the step: what the home itself wrote is new, and nothing else is."""
        found = home.found()
        new: dict[Version, str | None] = {key: text for key, text in found.versions.items() if key[2] == home.id}
        is_alone = self.store.named.get(NAME, {}).keys() <= {home.id} and not self.store.names_down
        # Shredding and compacting let go of a bundle that ended, as long as no other home has it.
        bundles = {
            name: one for name, one in merged.bundles.items() if name in found.bundles or not (is_alone and one[1])
        }
        for name, (view, ended) in found.bundles.items():
            bundles[name] = (view, ended or bundles.get(name, (view, False))[1])
        joined = Model(merged.versions | new, bundles, merged.shredded)
        return joined.join(Model(shredded=frozenset([shreds]))) if shreds else joined

    def note(self, home: Home, merged: Model) -> None:
        for id_, cid in self.store.published().items():
            if id_ == home.id and cid not in self.models:
                # A process that died between the merge and its own change has left the merge alone.
                self.models[cid] = home.indexed if cid == home.index else merged
        if home.index:
            self.models.setdefault(home.index, home.indexed)

    @invariant()
    def nothing_that_a_home_names_is_erased(self) -> None:
        for home in self.homes:
            if home.index:
                assert home.reached() <= set(self.store.kept)

    def teardown(self) -> None:
        try:
            self.converge()
        finally:
            self.patch.stop()
            for home in self.homes:
                home.vault.close()
            shutil.rmtree(self.folder, ignore_errors=True)

    def converge(self) -> None:
        """All homes end with all that any of them knew."""
        if self.is_broken:
            return
        everything = Model()
        for model in [*(home.model for home in self.homes), *map(self.models.get, self.store.published().values())]:
            everything = everything.join(model or Model())
        for _ in range(2):
            for at in range(len(self.homes)):
                self.step(at, lambda home: home.vault.merge())
        known = [home.model for home in self.homes]
        assert known[0].alive() == known[1].alive() == known[2].alive() == everything.alive()
        assert known[0].bundles == known[1].bundles == known[2].bundles
        assert all(one.newest() == everything.newest() for one in known)
        self.every_brand_shows_what_is_there()

    def every_brand_shows_what_is_there(self) -> None:
        """Once all homes have synced, each brand shows what the vault has, whatever it read before."""
        for lock in sorted({lock for lock, _ in self.sent}):
            if any(one.ended for one in self.homes[0].vault.shares.of(lock)):
                continue
            last = [update_of(home.vault, lock) for home in self.homes][-1]
            assert self.brand(lock).take(last)
            assert self.brand(lock).names() == sorted(self.homes[0].model.alive().values())


def _unless_gone(act: Callable[[Home, str], object], id_: str) -> Callable[[Home], object]:
    def run(home: Home) -> None:
        try:
            act(home, id_)
        except InvalidInput as error:
            assert "was deleted" in str(error) or "there is no record" in str(error) or "has no version" in str(error)

    return run


def _unless_refused(act: Callable[[Home], object]) -> Callable[[Home], object]:
    def run(home: Home) -> None:
        try:
            act(home)
        except InvalidInput as error:
            assert "has ended" in str(error) or "no record of" in str(error)

    return run


def _unless_empty(act: Callable[[Home], object]) -> Callable[[Home], object]:
    def run(home: Home) -> None:
        try:
            act(home)
        except InvalidInput as error:
            assert "vault is empty" in str(error)

    return run


TestHomes = Homes.TestCase
TestHomes.settings = settings(
    stateful_step_count=examples(25, 100),
    max_examples=examples(8, 130),  # some end early: this makes 10,000 steps
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
