"""Privacy rules 5 and 9 to 12: ending, retention, what is shown before signing, rectification, and other versions.

Rule 5's price is in `tests/client/test_relayed_endings.py` too (the notary pays), and its questions in
`tests/cli/test_cli_story.py` (a private ending asks nothing). Rule 12 over whole files: the vectors `version-2`,
`version-string`, `domain-version`.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

import registry.core
from registry.client.grant import grant, propose
from registry.client.request import request
from registry.client.revoke import revoke
from registry.core import codec
from registry.core.errors import Malformed
from registry.core.evidence.file import parse_evidence, write_evidence
from registry.core.notices.document import parse_notice
from registry.present.wording import answer_lines
from tests.support.brand_api import brand_api
from tests.support.builders import notice_document
from tests.support.stage import Stage


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage.of(tmp_path)


def test_rule_5_an_ending_denies_by_the_next_block_and_costs_the_person_nothing(tmp_path: Path) -> None:
    with brand_api(tmp_path) as api:
        evidence = api.brand.granted()
        api.send(write_evidence(evidence))
        api.follow()
        message: Any = evidence.statement.message
        before = api.stage.ledger.head().number
        assert api.ask(message.subject).json()["allowed"] is True
        calls = len(api.stage.ledger.calls)
        receipt = revoke(api.stage.alice, evidence)
        assert receipt is not None and receipt.block == before + 1
        assert api.ask(message.subject, fresh=True).json()["allowed"] is False
        # One step, as granting has one; somebody else pays.
        ((function, payer),) = api.stage.ledger.calls[calls:]
        assert (function, receipt.sender) == ("revoke", payer) and payer != message.subject


@pytest.mark.parametrize("text", ["retention", "recipients", "transfers", "rights", "withdrawal", "trace"])
@pytest.mark.parametrize("value", [None, ""])
def test_rule_9_a_notice_without_a_retention_period_is_refused(stage: Stage, text: str, value: str | None) -> None:
    """And so is one without another text that a person must read."""
    texts = notice_document()["text"]
    parse_notice(stage.notice(text=texts))
    if value is None:
        del texts["en"][text]
    else:
        texts["en"][text] = value
    with pytest.raises(Malformed):
        parse_notice(codec.dump(notice_document() | {"text": texts}))


def test_rule_10_the_notice_is_shown_before_it_is_signed_and_says_what_stays(stage: Stage) -> None:
    asked = stage.request()
    stage.ledger.refuses_writing = AssertionError("nothing is sent before a yes")
    summary = propose(stage.alice, asked).summary(None, False)
    shown = "\n".join(map(str, answer_lines(summary)))
    notice = parse_evidence(asked).parsed_notice
    assert notice is not None
    for text in (notice.text["en"].retention, notice.text["en"].trace, notice.text["en"].withdrawal):
        assert " ".join(text.split()) in " ".join(shown.split())
    stage.ledger.refuses_writing = None
    # What is read is what is signed: the grant names the notice by its hash, and the file carries it.
    evidence = grant(stage.alice, asked).evidence
    assert evidence.parsed_notice == notice


def test_rule_10_nothing_is_signed_without_its_notice(stage: Stage) -> None:
    whole = parse_evidence(stage.request())
    other = parse_evidence(write_evidence(request(stage.brand, stage.notice(maxDays=30))))
    assert other.quoted_notice != whole.quoted_notice
    swapped = msgspec.structs.replace(whole, quoted_notice=other.quoted_notice)
    with pytest.raises(Exception, match="notice"):
        grant(stage.alice, write_evidence(swapped))


def test_rule_11_a_correction_is_a_new_grant_and_the_old_one_ends(stage: Stage) -> None:
    asked = stage.request()
    old = grant(stage.alice, asked, days=30).evidence
    new = grant(stage.alice, asked, days=10, supersedes=old).evidence
    assert [stage.holds(each) for each in (old, new)] == ["Revoked", "VerifiedGrant"]


def versioned() -> dict[str, Any]:
    """Every document of ours that names its version, with that member's type."""
    found: dict[str, Any] = {}
    for kind in _structs():
        fields = {each.encode_name: each.type for each in msgspec.structs.fields(kind)}
        if "version" in fields and "type" in fields:
            found[kind.__name__] = fields["version"]
    return found


def _structs() -> Iterator[type[msgspec.Struct]]:
    for module in pkgutil.walk_packages(registry.core.__path__, "registry.core."):
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, type) and issubclass(value, msgspec.Struct):
                yield value


@pytest.mark.parametrize("kind", versioned())
def test_rule_12_another_version_is_refused(kind: str) -> None:
    allowed = versioned()[kind]
    assert get_args(allowed) == (1,)
    for other in (0, 2, "1", None, True):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(other, allowed)


def test_rule_12_another_domain_and_schema_are_refused(stage: Stage) -> None:
    raw = write_evidence(grant(stage.alice, stage.request()).evidence)
    assert raw.count(b'"version":"1"') == 1
    other = parse_evidence(raw.replace(b'"version":"1"', b'"version":"2"'))
    assert [stage.holds(each) for each in (parse_evidence(raw), other)] == ["VerifiedGrant", "WrongDomain"]
    notice = stage.notice()
    with pytest.raises(Malformed):
        parse_notice(notice.replace(b"consent-notice/1", b"consent-notice/2"))


def test_every_versioned_document_is_tried() -> None:
    assert {"Capsule", "StreamUpdate", "VaultIndex", "VaultBook", "ShredCertificate", "Profile"} <= versioned().keys()
