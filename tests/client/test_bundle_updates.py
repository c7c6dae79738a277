"""An update brings a folder of opened data up to date: whole, or not at all, and reads only what is new."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from registry.client.accept import Opened, open_data
from registry.client.revoke import revoke
from registry.core.errors import (
    DamagedSeal,
    InvalidInput,
    LedgerUnavailable,
    NotARecipient,
    Revoked,
    StorageUnavailable,
    WrongCapsule,
)
from registry.core.sealed.bundles import View
from registry.fs import changed_folder
from registry.fs.changed_folder import locked_folder
from registry.vault.views import FILE, NAME
from tests.client.test_open_bundles import file_of, lines_in
from tests.support.bundle_grants import Handover, purchase
from tests.support.stage import PURCHASES, Stage

WITH_FILES = View(PURCHASES, (FILE, NAME, "name"), continuing=True)


@pytest.fixture
def handover(stage: Stage, tmp_path: Path) -> Iterator[Handover]:
    made = Handover(stage, tmp_path / "database")
    made.vault.add([purchase("coat"), purchase("hat"), purchase("scarf")])
    yield made
    made.vault.close()


@pytest.fixture
def out(handover: Handover, tmp_path: Path) -> Path:
    """A folder into which a grant was opened."""
    out = tmp_path / "place" / "out"
    open_data(handover.stage.brand, handover.grant(), out)
    return out


def update(handover: Handover, out: Path, sealed: bytes | None = None, **how: Any) -> list[Opened]:
    news = handover.update() if sealed is None else sealed
    return open_data(handover.stage.brand, handover.evidence, out, update=news, **how)


def names_in(out: Path) -> list[str]:
    return sorted(line["body"]["name"] for line in lines_in(out))


def content(folder: Path) -> dict[str, bytes]:
    """All files but the lock, which holds nothing."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def find(handover: Handover, name: str) -> str:
    return next(one.id for one in handover.vault.select("") if (one.body or {})["name"] == name)


class TestApplying:
    def test_new_changed_and_gone_records(self, handover: Handover, out: Path) -> None:
        handover.vault.add([purchase("early", 1)])
        handover.vault.edit(find(handover, "coat"), body={"name": "blue coat", "orderDate": "2026-01-15"})
        handover.vault.remove([find(handover, "hat")])
        (opened,) = update(handover, out)
        assert opened.records == 3 and lines_in(out)[0]["body"]["name"] == "early"
        assert names_in(out) == ["blue coat", "early", "scarf"]

    def test_the_same_one_again_changes_nothing(self, handover: Handover, out: Path) -> None:
        handover.vault.add([purchase("gloves")])
        sealed = handover.update()
        once = update(handover, out, sealed)
        before = content(out)
        assert update(handover, out, sealed) == once and content(out) == before

    def test_in_a_new_folder_it_opens_the_newest_state(self, handover: Handover, out: Path, tmp_path: Path) -> None:
        """The head in the capsule is gone as soon as the person continued the bundle."""
        handover.vault.add([purchase("gloves")])
        sealed, late = handover.update(), tmp_path / "late"
        with pytest.raises(StorageUnavailable) as caught:
            open_data(handover.stage.brand, handover.evidence, late)
        assert "--update" in caught.value.advice
        (opened,) = update(handover, late, sealed)
        assert opened.records == 4
        update(handover, out, sealed)
        assert lines_in(out) == lines_in(late)

    def test_a_removed_record_may_come_back(self, handover: Handover, out: Path) -> None:
        name = find(handover, "hat")
        handover.vault.remove([name])
        update(handover, out)
        assert names_in(out) == ["coat", "scarf"]
        handover.vault.restore(name, 1)
        update(handover, out)
        assert names_in(out) == ["coat", "hat", "scarf"]

    def test_updates_may_be_left_out(self, handover: Handover, out: Path) -> None:
        for number in range(20):
            handover.vault.add([purchase(f"thing {number}")])
            handover.update()
        update(handover, out)
        assert len(names_in(out)) == 23

    @pytest.mark.parametrize("seed", range(3))
    def test_any_history_gives_what_opening_anew_gives(
        self, handover: Handover, out: Path, tmp_path: Path, seed: int
    ) -> None:
        """Also with merged segments and with updates that never came."""
        chance = random.Random(seed)
        for number in range(30):
            alive = [record.id for record in handover.vault.select("")]
            kind = chance.choice(["add", "edit", "remove", "restore"])
            if kind == "add" or not alive:
                handover.vault.add([purchase(f"thing {number}", chance.randint(1, 28))])
            elif kind == "remove":
                handover.vault.remove([chance.choice(alive)])
            else:
                body = {"name": f"edited {number}", "orderDate": "2026-01-15"}
                handover.vault.edit(chance.choice(alive), body=body)
            sealed = handover.update()
            if chance.random() < 0.6:
                update(handover, out, sealed)
        update(handover, out)
        anew = tmp_path / "anew"
        update(handover, anew)
        wanted = sorted(str((one.body or {}).get("name")) for one in handover.vault.select(""))
        assert names_in(out) == wanted and lines_in(out) == lines_in(anew)

    def test_files_come_change_and_go(self, handover: Handover, tmp_path: Path) -> None:
        out, big = tmp_path / "out", os.urandom(1_200_000)
        handover.vault.add([purchase("a", file=file_of(b"old", "a.txt")), purchase("b", file=file_of(big, "b.bin"))])
        open_data(handover.stage.brand, handover.grant([WITH_FILES]), out)
        kept = next(path for path in out.rglob("*b.bin")).stat().st_ino
        handover.vault.edit(find(handover, "a"), file=file_of(b"new", "new.txt"))
        handover.vault.edit(find(handover, "b"), body={"name": "b, read", "orderDate": "2026-01-15"})
        (opened,) = update(handover, out)
        assert opened.files == 2 and not list(out.rglob("*a.txt"))
        assert next(path for path in out.rglob("*new.txt")).read_bytes() == b"new"
        assert next(path for path in out.rglob("*b.bin")).stat().st_ino == kept, "it is not fetched again"
        handover.vault.remove([find(handover, "a"), find(handover, "b, read")])
        (opened,) = update(handover, out)
        assert opened.files == 0 and not [path for path in (out / "Purchase-1").rglob("*") if path.is_file()]

    def test_ten_of_many_read_little(self, handover: Handover, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        handover.vault.add([purchase(f"thing {number} {os.urandom(60).hex()}") for number in range(20_000)])
        out, store, fetched = tmp_path / "many", handover.stage.store, list[int]()
        open_data(handover.stage.brand, handover.grant(), out)
        handover.vault.add([purchase(f"new {number}") for number in range(10)])
        sealed, get = handover.update(), store.get
        monkeypatch.setattr(store, "get", lambda cid: fetched.append(len(get(cid))) or get(cid))
        (opened,) = update(handover, out, sealed)
        assert opened.records == 20_013 and sum(fetched) < 100_000


class TestRefusing:
    """Whatever is refused, the folder stays as it was, byte for byte."""

    @pytest.fixture(autouse=True)
    def _unchanged(self, out: Path) -> Iterator[None]:
        before = content(out)
        yield
        assert content(out) == before

    def test_an_older_one(self, handover: Handover, out: Path, tmp_path: Path) -> None:
        handover.vault.add([purchase("gloves")])
        old, new = handover.update(), handover.update()
        ahead = tmp_path / "ahead"
        update(handover, ahead, new)
        before = content(ahead)
        with pytest.raises(InvalidInput, match="this is update 1, and the folder has 2"):
            update(handover, ahead, old)
        assert content(ahead) == before

    def test_another_one_of_the_same_number(self, handover: Handover, tmp_path: Path) -> None:
        ahead = tmp_path / "ahead"
        handover.vault.add([purchase("gloves")])
        update(handover, ahead)
        handover.vault.add([purchase("boots")])
        with pytest.raises(InvalidInput, match="another update with the number 1"):
            update(handover, ahead, handover.update(number=1))

    def test_an_older_head_under_a_newer_number(self, handover: Handover, tmp_path: Path) -> None:
        ahead, old = tmp_path / "ahead", handover.keys
        kept = dict(handover.stage.store.kept)
        handover.vault.add([purchase("gloves")])
        update(handover, ahead)
        handover.stage.store.kept |= kept
        with pytest.raises(InvalidInput, match="number 1; this folder has 2"):
            update(handover, ahead, handover.update(number=7, streams=old))

    def test_what_is_for_another_grant(self, handover: Handover, out: Path) -> None:
        with pytest.raises(WrongCapsule, match="another grant"):
            update(handover, out, handover.update(grant="0x" + "11" * 32))

    def test_a_folder_of_another_grant(self, handover: Handover, out: Path) -> None:
        handover.stage.pass_time(1)
        handover.grant()
        with pytest.raises(InvalidInput, match="another grant's data"):
            update(handover, out)

    def test_what_another_vault_signed(self, handover: Handover, out: Path, tmp_path: Path) -> None:
        other = Handover(handover.stage, tmp_path / "bob", seed=b"\x07" * 32)
        sealed = handover.update()
        handover.key = other.key
        with pytest.raises(WrongCapsule, match="not signed"):
            update(handover, out, handover.update())
        assert sealed

    def test_a_category_that_was_not_granted(self, handover: Handover, out: Path) -> None:
        (key,) = handover.keys
        view = msgspec.structs.replace(key.view, category="pd:Location")
        foreign = msgspec.structs.replace(key, category="pd:Location", view=view)
        with pytest.raises(WrongCapsule, match="pd:Location"):
            update(handover, out, handover.update(streams=(foreign,)))

    @pytest.mark.parametrize("raw", [b"", b"{}", b"age-encryption.org/v1\n"])
    def test_rubbish(self, handover: Handover, out: Path, raw: bytes) -> None:
        with pytest.raises(DamagedSeal):
            update(handover, out, raw)

    def test_for_another_brand(self, handover: Handover, out: Path) -> None:
        moved = handover.stage.another_brand("other brand", wallet=handover.stage.brand.wallet)
        with pytest.raises(NotARecipient):
            open_data(moved, handover.evidence, out, update=handover.update())

    def test_after_the_grant_ended(self, handover: Handover, out: Path) -> None:
        sealed = handover.update()
        revoke(handover.stage.alice, handover.evidence)
        with pytest.raises(Revoked):
            update(handover, out, sealed)

    def test_when_nobody_can_say_that_it_holds(self, handover: Handover, out: Path) -> None:
        sealed = handover.update()
        handover.stage.ledger.down = True
        with pytest.raises(LedgerUnavailable):
            update(handover, out, sealed)

    def test_more_than_the_limit(self, handover: Handover, out: Path) -> None:
        handover.vault.add([purchase("x" * 900)])
        sealed = handover.update()
        with pytest.raises(InvalidInput, match="more than 8,000 bytes"):
            update(handover, out, sealed, max_bytes=8_000)

    def test_a_segment_that_is_missing(self, handover: Handover, out: Path) -> None:
        handover.vault.add([purchase("gloves")])
        sealed = handover.update()
        handover.stage.store.delete([handover.head().segments[0].cid])
        with pytest.raises(StorageUnavailable):
            update(handover, out, sealed)

    def test_while_another_process_changes_it(self, handover: Handover, out: Path) -> None:
        sealed = handover.update()
        with locked_folder(out), pytest.raises(InvalidInput, match="another process"):
            update(handover, out, sealed)

    def test_into_what_is_no_opened_grant(self, handover: Handover, tmp_path: Path) -> None:
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / "a").write_text("keep")
        with pytest.raises(InvalidInput, match="no opened grant"):
            update(handover, tmp_path / "mine")
        assert [path.name for path in (tmp_path / "mine").iterdir()] == ["a"]


@pytest.mark.parametrize(
    "change",
    [
        lambda out: (out / "Purchase-1.jsonl").unlink(),
        lambda out: (out / "Purchase-1.jsonl").write_bytes(b"{}\n"),
        lambda out: (out / "Purchase-1.jsonl").write_bytes((out / "Purchase-1.jsonl").read_bytes()[:-9]),
        lambda out: (out / "opened.json").write_bytes(b"{}"),
        lambda out: (out / "opened.json").write_bytes(b"\xff"),
        lambda out: patch(out, path="../../elsewhere.jsonl"),
        lambda out: patch(out, path="/etc/elsewhere.jsonl"),
    ],
    ids=["no lines", "other lines", "cut lines", "another state", "no state", "path", "absolute path"],
)
def test_a_folder_that_was_changed(handover: Handover, out: Path, change: Callable[[Path], object]) -> None:
    change(out)
    before = content(out)
    handover.vault.add([purchase("gloves")])
    with pytest.raises(InvalidInput) as caught:
        update(handover, out)
    assert "anew" in caught.value.advice and content(out) == before


def patch(out: Path, **members: Any) -> None:
    state = json.loads((out / "opened.json").read_bytes())
    state["bundles"][0] |= members
    (out / "opened.json").write_text(json.dumps(state))


class Killed(BaseException):
    pass


class TestKilled:
    """A process may die between any two of its steps: the folder is the old one, or becomes the new one."""

    def test_between_any_two_steps(self, handover: Handover, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        handover.vault.add([purchase("a", file=file_of(b"old", "a.txt"))])
        start = tmp_path / "start"
        open_data(handover.stage.brand, handover.grant([WITH_FILES, View(PURCHASES, ("price",))]), start)
        handover.vault.edit(find(handover, "a"), file=file_of(b"new", "b.txt"))
        sealed, old = handover.update(), content(start)
        done = shutil.copytree(start, tmp_path / "done")
        update(handover, done, sealed)
        new, seen = content(done), set[bool]()
        for at in range(1, 60):
            out = shutil.copytree(start, tmp_path / f"killed {at}")
            with monkeypatch.context() as patched:
                if not self.killed(patched, at, lambda out=out: update(handover, out, sealed)):
                    break
            is_old = old == {name: data for name, data in content(out).items() if not name.startswith(".")}
            seen.add(is_old)
            update(handover, out, sealed)
            assert content(out) == new, f"killed at step {at}"
        assert seen == {True, False} and at > 10

    @staticmethod
    def killed(patched: pytest.MonkeyPatch, at: int, run: Callable[[], object]) -> bool:
        """Run it, and end it at its step with this number as a kill would: nothing tidies up. Whether it was ended."""
        steps = iter(range(1, 1_000))

        def step(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
            def wrapped(*args: Any, **how: Any) -> Any:
                if next(steps) == at:
                    patched.setattr(changed_folder.shutil, "rmtree", lambda *_, **__: None)
                    raise Killed(name)
                return real(*args, **how)

            return wrapped

        for owner, name in ((Path, "replace"), (Path, "unlink"), (os, "fsync"), (Path, "write_bytes")):
            patched.setattr(owner, name, step(name, getattr(owner, name)))
        try:
            run()
        except Killed:
            return True
        return False
