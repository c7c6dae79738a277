"""``/v1/verify``: what the followed log decides, what the node is asked, and what nobody could check."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from registry.client.grant import grant
from registry.client.revoke import revoke, revoke_all
from registry.core.evidence.file import Evidence, write_evidence
from registry.core.scalars import to_hex
from tests.support.brand_api import BrandApi, brand_api


@pytest.fixture(params=["sqlite", "postgres"])
def api(request: Any, tmp_path: Path) -> Iterator[BrandApi]:
    """A brand's service on each database in turn."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else ""
    with brand_api(tmp_path, database=url) as made:
        made.follow()
        yield made


def asks(api: BrandApi, *files: Evidence | bytes, **more: Any) -> Any:
    raws = [each if isinstance(each, bytes) else write_evidence(each) for each in files]
    members = "".join(f',"{name}":{value}' for name, value in more.items()).encode()
    body = b'{"files":[' + b",".join(raws) + b"]" + members + b"}"
    return api.internal.post("/v1/verify", content=body, headers={"Content-Type": "application/json"})


def told(api: BrandApi, *files: Evidence | bytes, **more: Any) -> list[tuple[str, str, str]]:
    """Return answer, error and who was asked of each file."""
    answer = asks(api, *files, **more)
    assert answer.status_code == 200, answer.text
    return [(each["answer"], each.get("error", ""), each["by"]) for each in answer.json()["answers"]]


class TestByTheLog:
    def test_without_the_node(self, api: BrandApi) -> None:
        good, ended, off = (api.brand.granted(name) for name in ("", "bob", "carol"))
        revoke(api.stage.person("bob"), ended)
        revoke_all(api.stage.person("carol"))
        api.follow()
        api.stage.ledger.down = True
        found = told(api, good, ended, off, b"{}")
        assert found == [
            ("yes", "", "log"),
            ("no", "Revoked", "log"),
            ("no", "Revoked", "log"),
            ("no", "Malformed", "log"),
        ]
        assert asks(api, good, fresh="true").status_code == 503

    def test_with_the_age_of_the_view(self, api: BrandApi) -> None:
        evidence = api.brand.granted()
        api.follow()
        api.stage.clock.now += 7
        first = asks(api, evidence).json()
        head = api.stage.ledger.head()
        assert first["view"] == {"block": head.number, "time": head.time, "age": 7}
        assert first["answers"][0]["digest"] == to_hex(evidence.digest)
        api.stage.clock.now += api.desk.settings.view_seconds
        stale = asks(api, evidence)
        assert (stale.status_code, stale.json()["title"]) == (503, "LedgerUnavailable")
        assert told(api, evidence, fresh="true") == [("yes", "", "node")]

    def test_a_grant_of_another_brand(self, api: BrandApi) -> None:
        evidence = api.brand.granted()
        api.follow()
        object.__setattr__(api.desk.inbox, "controllers", frozenset({api.stage.alice.address}))
        assert told(api, evidence) == [("no", "WrongController", "log")]

    def test_the_acceptance_in_a_file(self, api: BrandApi) -> None:
        accepted = api.brand.accepted(api.brand.granted())
        api.follow()
        api.stage.ledger.down = True
        (answer,) = asks(api, accepted).json()["answers"]
        assert (answer["answer"], answer["acceptance"], answer["by"]) == ("yes", "verified", "log")

    def test_purposes_and_data(self, api: BrandApi) -> None:
        evidence = api.brand.granted()
        api.follow()
        assert told(api, evidence, purposes='["dpv:Marketing"]') == [("no", "PurposeNotGranted", "log")]
        assert told(api, evidence, data='["pd:Name"]') == [("no", "DataNotGranted", "log")]

    def test_an_anchor_that_is_not_deep_enough(self, api: BrandApi) -> None:
        object.__setattr__(api.desk, "network", replace(api.stage.network, confirmations=3))
        evidence = api.brand.granted()
        for answer in (("no", "NotAnchored", "log"),) * 3 + (("yes", "", "log"),):
            api.follow()
            assert told(api, evidence) == [answer]
            api.stage.ledger.mine()

    def test_before_the_log_was_read(self, tmp_path: Path) -> None:
        with brand_api(tmp_path) as api:
            assert asks(api, api.brand.granted()).status_code == 503


class TestAsLines:
    def sends(self, api: BrandApi, body: bytes) -> Any:
        return api.internal.post("/v1/verify", content=body, headers={"Content-Type": "application/jsonl"})

    def test_a_file_a_line(self, api: BrandApi) -> None:
        good, ended = api.brand.granted(), api.brand.granted("bob")
        revoke(api.stage.person("bob"), ended)
        api.follow()
        files = [*map(write_evidence, (good, ended)), b"{}"]
        answer = self.sends(api, b"\n".join([b"{}", *files]))
        assert answer.json() == asks(api, *files).json()
        assert self.sends(api, b"\n".join([b"{}", *files, b""])).json() == answer.json()
        other = self.sends(api, b'{"purposes":["dpv:Marketing"],"fresh":true}\n' + files[0]).json()["answers"]
        assert [(each["error"], each["by"]) for each in other] == [("PurposeNotGranted", "node")]

    @pytest.mark.parametrize(
        "body", [b"", b"{}", b"{}\n", b"[]\n{}", b"{}\n\n{}", b'{"more":1}\n{}', b"{}\n" + b"{}\n" * 1_001]
    )
    def test_of_another_form(self, api: BrandApi, body: bytes) -> None:
        assert self.sends(api, body).status_code == 422


class TestByTheNode:
    def test_an_anchor_that_the_log_does_not_show_yet(self, api: BrandApi) -> None:
        old, new = api.brand.granted(), None
        api.follow()
        new = api.brand.granted("bob")
        assert told(api, old, new) == [("yes", "", "log"), ("yes", "", "node")]
        api.stage.ledger.down = True
        assert told(api, new, old) == [("unknown", "LedgerUnavailable", "node"), ("yes", "", "log")]

    def test_one_that_nobody_anchored(self, api: BrandApi) -> None:
        evidence = api.brand.granted()
        api.stage.ledger.reorg(1)
        api.follow()
        assert told(api, evidence) == [("no", "NotAnchored", "node")]

    def test_the_signature_of_a_contract_account(self, api: BrandApi) -> None:
        """Only the node runs the account's code."""
        evidence, ours = signed_by_a_contract(api, accepts=True), api.brand.granted("bob")
        api.follow()
        assert told(api, evidence, ours) == [("yes", "", "node"), ("yes", "", "log")]
        api.stage.ledger.down = True
        assert told(api, evidence, ours) == [("unknown", "LedgerUnavailable", "node"), ("yes", "", "log")]
        api.stage.ledger.down = False
        api.stage.ledger.contracts[subject_of(evidence).lower()] = (0, lambda *_: False)
        assert told(api, evidence) == [("no", "BadSignature", "node")]


class TestReorganisations:
    def test_an_end_that_is_taken_back(self, api: BrandApi) -> None:
        evidence = api.brand.granted()
        revoke(api.stage.alice, evidence)
        api.follow()
        assert told(api, evidence) == [("no", "Revoked", "log")]
        api.stage.ledger.reorg(1)
        api.follow()
        api.stage.ledger.down = True
        assert told(api, evidence) == [("yes", "", "log")]

    def test_while_the_new_blocks_are_not_read_nobody_is_told_yes(self, api: BrandApi) -> None:
        evidence = api.brand.granted()
        revoke(api.stage.alice, evidence)
        api.follow()
        store = api.brand.store
        view = store.view()
        store.take_back(view._replace(blocks=view.blocks[:-1]), view.number - 1)
        answer = asks(api, evidence)
        assert (answer.status_code, answer.json()["title"]) == (503, "LedgerUnavailable")
        assert told(api, evidence, fresh="true") == [("no", "Revoked", "node")]
        api.follow()
        assert told(api, evidence) == [("no", "Revoked", "log")]

    def test_an_anchor_that_is_taken_back_and_comes_again(self, api: BrandApi) -> None:
        evidence = api.brand.granted()
        api.follow()
        api.stage.ledger.reorg(1)
        api.follow()
        assert told(api, evidence) == [("no", "NotAnchored", "node")]
        assert evidence.anchor
        api.stage.ledger.transact("anchor", evidence.anchor.root, "0x" + "0d" * 32)
        api.follow()
        api.stage.ledger.down = True
        assert told(api, evidence) == [("yes", "", "log")]


def subject_of(evidence: Evidence) -> str:
    message: Any = evidence.statement.message
    return str(message.subject)


def signed_by_a_contract(api: BrandApi, *, accepts: bool) -> Evidence:
    """Return a grant of an account that is a contract, whose owner signs with a key of another address."""
    owner = api.stage.person("owner").wallet

    class Account:
        address = api.stage.another_brand("account").address

        def sign_typed_data(self, typed_data: dict[str, Any]) -> bytes:
            return owner.sign_typed_data(typed_data)

    api.stage.ledger.contracts[Account.address.lower()] = (0, lambda *_: accepts)
    person = replace(api.stage.person("dan"), wallet=Account())
    return grant(person, api.stage.request()).evidence
