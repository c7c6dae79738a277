"""A brand's erasure that is killed at any step: all is as before, or all is gone and the next call certifies it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from registry.brand.evidence_erasure import CERTIFICATES, EvidenceErasure
from registry.core.evidence.file import write_evidence
from registry.core.scalars import to_hex
from tests.support.brand_api import BrandApi, brand_api

_MOST = 200


class Killed(BaseException):
    """The process ends here."""


def killed_at(step: int, act: Callable[[], object], store: Any, patch: pytest.MonkeyPatch) -> bool:
    """Do it until the n-th statement, durable write or move of a file; tell whether it came so far."""
    left, replace, fsync = step, Path.replace, os.fsync

    def count() -> None:
        nonlocal left
        left -= 1
        if left <= 0:  # nothing runs in a process that was killed, also no clearing up
            raise Killed

    def dying(real: Callable[..., object]) -> Callable[..., object]:
        return lambda *arguments, **more: (count(), real(*arguments, **more))[1]

    def statement(*_: object) -> None:
        count()

    event.listen(store._engine, "before_cursor_execute", statement)
    try:
        with patch.context() as patched, suppress(Killed):
            patched.setattr(Path, "replace", dying(replace))
            patched.setattr(os, "fsync", dying(fsync))
            act()
            return False
    finally:
        event.remove(store._engine, "before_cursor_execute", statement)
    return True


@pytest.fixture
def api(tmp_path: Path) -> Iterator[BrandApi]:
    with brand_api(tmp_path) as made:
        made.follow()
        yield made


def test_it_is_gone_on_with(api: BrandApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, before, after = api.brand.store, 0, 0
    erasure = EvidenceErasure(store, tmp_path / "folder", api.stage.clock)
    for step in range(1, _MOST):
        evidence = api.brand.refused()
        assert api.send(write_evidence(evidence)).status_code == 201
        found = erasure.find(to_hex(evidence.digest))
        was_killed = killed_at(step, lambda found=found: erasure.erase(found), store, monkeypatch)  # type: ignore[misc]
        if store.by_digest([evidence.digest]):
            before += 1
            assert not store.marked([evidence.digest]) and not store.uncertified(), "nothing had changed"
            (answer,) = store.by_digest([evidence.digest]).values()
            assert answer.file == write_evidence(evidence)
            erasure.erase(erasure.find(to_hex(evidence.digest)))
        elif was_killed:
            after += 1
            erasure.go_on()
        assert store.traces(evidence.digest) == 0 and store.marked([evidence.digest])[0].certified
        assert erasure.go_on() is None
        if not was_killed:
            break
    assert before > 5 and after > 3
    assert list((tmp_path / "folder" / CERTIFICATES).glob("erased-*.json"))
