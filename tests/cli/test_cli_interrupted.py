"""Interrupted, or failed, behind the first of two steps: the person is told what is done already."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from registry.client import revoke
from registry.ledger.embedded import EmbeddedLedger
from tests.cli.test_cli_accounts import accounts, another_brand
from tests.support.consent_world import Answer, Consent


def interrupted(*_: object, **__: object) -> Any:
    raise KeyboardInterrupt


def interrupting(work: Callable[..., Any], at: int) -> Callable[..., Any]:
    """``work``, interrupted when it is called for the ``at``-th time."""
    calls = iter(range(1, at + 1))
    return lambda *given, **named: interrupted() if next(calls) == at else work(*given, **named)


def is_interrupted(answer: Answer) -> bool:
    return (answer.code, answer.out) == (130, "") and answer.err.endswith("Interrupted.\n")


def test_before_the_grant_that_was_replaced_has_ended(granted: Consent, monkeypatch: pytest.MonkeyPatch) -> None:
    old = granted.grant
    # The first anchors the new grant, the second would end the old one.
    monkeypatch.setattr(EmbeddedLedger, "submit", interrupting(EmbeddedLedger.submit, 2))
    answer = granted("grant", granted.folder / "request.json", "--yes", "--supersedes", old)
    monkeypatch.undo()
    assert is_interrupted(answer) and granted.grant != old
    said = f"The new grant is anchored, but the one before it may stand too: `consent revoke {old.stem}`."
    assert said in answer.err
    assert granted("verify", granted.grant).code == granted("verify", old).code == 0
    assert granted("revoke", old.stem).code == 0


def test_before_the_last_account(granted: Consent, monkeypatch: pytest.MonkeyPatch) -> None:
    granted.json("grant", another_brand(granted), "--yes")
    first, second = (account["address"] for account in accounts(granted))
    monkeypatch.setattr(revoke, "revoke_all", interrupting(revoke.revoke_all, 2))
    answer = granted("revoke-all", "--yes")
    assert is_interrupted(answer)
    assert f"Ended: {first}\nNot known to have ended: {second}. Run it again" in answer.err


@pytest.mark.parametrize("command", ["grant", "refuse"])
def test_before_the_evidence_is_kept(asked: Consent, command: str) -> None:
    (asked.folder / "alice" / "evidence").write_text("in the way")
    answer = asked(command, asked.folder / "request.json", "--yes")
    assert answer.code == 2 and "cannot be written" in answer.err
    assert "It is anchored, and what you signed is kept: `consent status` makes the evidence of it." in answer.err
    (asked.folder / "alice" / "evidence").unlink()
    head = asked.json("status", who="aurelle")["block"]
    said = asked.json("status")
    assert [each["state"] for each in said["pending"]] == ["anchored"] and said["block"] == head
    assert [each["state"] for each in said["evidence"]] == ["Valid"]
