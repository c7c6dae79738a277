"""An erasure of evidence that is killed at any step is gone on with: nothing is lost before, nothing is left after."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from registry.core.scalars import to_hex
from tests.support.erasing_home import ErasingHome
from tests.support.stage import Stage

# More steps than an erasure has.
_MOST = 200


class Killed(BaseException):
    """The process ends here."""


def killed_at(step: int, act: Callable[[], object], patch: pytest.MonkeyPatch) -> bool:
    """Do it until the n-th durable write or removal; tell whether it came so far."""
    left, unlink, replace, fsync = step, Path.unlink, Path.replace, os.fsync

    def dying(real: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **more: object) -> object:
            nonlocal left
            left -= 1
            if left <= 0:  # nothing runs in a process that was killed, also no clearing up
                raise Killed
            return real(*arguments, **more)

        return call

    with patch.context() as patched:
        patched.setattr(Path, "unlink", dying(unlink))
        patched.setattr(Path, "replace", dying(replace))
        patched.setattr(os, "fsync", dying(fsync))
        with suppress(Killed):
            act()
            return False
    return True


@pytest.fixture
def alice(stage: Stage, tmp_path: Path) -> ErasingHome:
    made = ErasingHome(stage, tmp_path / "alice")
    made.bought("coat")
    return made


def test_a_shredding_is_gone_on_with(alice: ErasingHome, monkeypatch: pytest.MonkeyPatch) -> None:
    before = after = 0
    live = alice.granted()
    for step in range(1, _MOST):
        one = alice.ended()
        digest = to_hex(one.digest)
        alice.leave_everything(one)
        was_killed = killed_at(step, lambda name=digest: alice.erasure.shred([name]), monkeypatch)  # type: ignore[misc]
        if (
            was_killed
            and digest in alice.home.evidence.digests()
            and not alice.person.vault.marks.is_shredded()(digest)
        ):
            before += 1
            assert (alice.home.path / "deliveries" / f"{digest}.json").exists(), "nothing had changed"
            alice.erasure.shred([digest])
        elif was_killed:
            after += 1
            done = alice.erasure.go_on()
            assert done is None or (done.certificate.grants == 1 and done.file.exists())
        assert alice.left_of(one) == [] and alice.erasure.go_on() is None
        assert not [path for path in (alice.home.path / "shredding").iterdir() if path.name != "LOCK"]
        assert len(list((alice.home.path / "certificates").iterdir())) <= step + 1
        if not was_killed:
            break
    assert not was_killed and before >= 3 and after >= 10
    assert alice.home.evidence.digests() == {to_hex(live.digest)}
    assert alice.stage.holds(live) == "VerifiedGrant"


@pytest.mark.parametrize("back", [False, True])
def test_a_restriction_and_its_end_are_gone_on_with(
    alice: ErasingHome, back: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = alice.ended()
    digest, store = to_hex(one.digest), alice.home.evidence
    steps = 0
    for step in range(1, _MOST):
        acts = (lambda: alice.erasure.withdraw([digest], "2099-01-01"), lambda: alice.erasure.release([digest]))
        if back:
            acts[0]()
        was_killed = killed_at(step, acts[back], monkeypatch)
        alice.erasure.go_on()
        is_restricted = digest in alice.person.vault.marks.restrictions()
        assert (store.restricted(), store.digests()) == ({digest}, set())[:: 1 if is_restricted else -1]
        assert store.find(digest)
        acts[1]()
        steps = step
        if not was_killed:
            break
    assert steps > 3 and is_restricted is not back
