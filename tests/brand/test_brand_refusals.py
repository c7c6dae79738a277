"""Every refusal of DESIGN section 4 over HTTP: the shared vectors, sent to a brand whose chain is as they say."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest
from starlette.testclient import TestClient

from registry.brand.api import build_internal, build_public
from registry.brand.desk import open_desk
from registry.brand.inbox import step_of
from registry.brand.settings import BrandSettings
from registry.brand.store import Store, open_store
from registry.client.network import Network
from registry.core import codec, errors
from registry.core.evidence.file import parse_evidence
from registry.core.facts import Facts
from registry.ledger.base import Deployment, Head
from tests.support.builders import CHAIN_ID, REGISTRY
from tests.support.fake_storage import MemoryBlocks
from tests.support.vectors import Case, facts_of, filled, read_cases

WHO: Any = {
    "recipients": ("age1test",),
    "domain": "aurelle.example",
    "name": "Maison Aurelle",
    "contact": "privacy@aurelle.example",
    "url": "https://consent.aurelle.example",
    "requests_per_second": 10**6,
}
HEADERS = {"Content-Type": "application/json"}
_SOME = next(case["evidence"] for case in read_cases("evidence").values() if case["error"] == "Valid")
# The intake asks for neither of these, so a file that lacks it is taken.
NOT_ASKED = ("PurposeNotGranted", "DataNotGranted", "TermsNotGranted", "NotAccepted")
# `/v1/verify` takes purposes and data as conditions, and neither terms nor an Acceptance.
UNASKABLE = ("TermsNotGranted", "NotAccepted")
_ANYTHING = msgspec.json.Decoder(dict[str, msgspec.Raw])
SENT = ("Grant", "Refusal")


class CaseLedger:
    """A chain in the state of one case."""

    deployment = Deployment(CHAIN_ID, REGISTRY, REGISTRY, 0)

    def __init__(self, case: Case) -> None:
        self._case = case

    def facts(self, *_: Any, **__: Any) -> Facts:
        raw = filled(self._case, "evidence").encode()
        # What is malformed asks the chain nothing.
        return facts_of(self._case, parse_evidence(raw if kind_of(raw) else _SOME.encode()))

    def head(self) -> Head:
        plain = self._case["facts"]
        return Head(plain["blockNumber"], "0x" + "42" * 32, plain["blockTime"])


def cases() -> dict[str, Case]:
    """The cases that are about now, and about the chain that a brand follows."""
    found = {name: case for name, case in read_cases("evidence").items() if "grant" not in case}
    return {name: case for name, case in found.items() if _is_of_now(case)}


def _is_of_now(case: Case) -> bool:
    facts, policy = case["facts"], case["policy"]
    present = max(facts["clock"], facts["blockTime"])
    same = (policy["chainId"], policy["registry"]) == (CHAIN_ID, REGISTRY)
    is_read = facts["asOf"] is None and facts["depth"] == policy["confirmations"]
    return case["now"] == present and same and is_read and policy["controllers"] != []


def kind_of(raw: bytes) -> str:
    """What is sent, as far as it can be told."""
    try:
        return parse_evidence(raw).kind
    except errors.Malformed:
        return ""


@contextmanager
def served(case: Case, store: Store) -> Iterator[tuple[TestClient, TestClient]]:
    """A brand on the chain of this case: its two listeners."""
    policy = case["policy"]
    bounds = {name: policy[key] for name, key in (("confirmations", "confirmations"), ("max_backdate", "maxBackdate"))}
    network = Network(
        CaseLedger(case),  # type: ignore[arg-type]
        MemoryBlocks(),
        lambda: int(case["facts"]["clock"]),
        max_facts_age=policy["maxFactsAge"],
        **bounds,
    )
    raw = filled(case, "evidence").encode()
    controllers = frozenset(policy["controllers"] or [_controller(raw)])
    desk = open_desk(BrandSettings(account=min(controllers), asked_only=False, **WHO), network, store)
    object.__setattr__(desk.inbox, "controllers", controllers)
    try:
        with TestClient(build_public(desk)) as public, TestClient(build_internal(desk), "http://127.0.0.1") as internal:
            yield public, internal
    finally:
        desk.groups.close()


def _controller(raw: bytes) -> str:
    try:
        return str(json.loads(raw)["statement"]["message"]["controller"])
    except (ValueError, KeyError, TypeError):
        return REGISTRY


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return open_store(tmp_path_factory.mktemp("refusals"))


@pytest.mark.parametrize("case", cases().values(), ids=cases())
def test_the_intake_refuses_by_the_step_that_fails(case: Case, store: Store) -> None:
    raw, name = filled(case, "evidence").encode(), case["error"]
    with served(case, store) as (public, _):
        answer = public.post("/v1/evidence", content=raw, headers=HEADERS)
    if kind_of(raw) not in SENT:
        assert (answer.status_code, answer.json()["title"]) == (422, "Malformed")
    elif name == "LedgerUnavailable":
        assert (answer.status_code, answer.json()["title"]) == (503, name)
    elif name == "Valid" or name in NOT_ASKED:
        assert answer.status_code in (201, 202), answer.text
    else:
        assert (answer.status_code, answer.json()["title"]) == (422, name)
        assert answer.json()["step"] == step_of(getattr(errors, name)(""))


@pytest.mark.parametrize("case", cases().values(), ids=cases())
def test_verify_says_the_same_of_any_file(case: Case, store: Store) -> None:
    raw, policy = filled(case, "evidence"), case["policy"]
    if not _is_json(raw) or raw != raw.strip():
        pytest.skip("it has no place in a JSON body")
    asked = {member: sorted(policy[member]) for member in ("purposes", "data") if policy[member]}
    more = "".join(f",{json.dumps(name)}:{json.dumps(terms)}" for name, terms in asked.items())
    body = f'{{"fresh":true,"files":[{raw}]{more}}}'  # the node of the case, and no log
    with served(case, store) as (_, internal):
        answer = internal.post("/v1/verify", content=body.encode(), headers=HEADERS)
    if case["error"] == "LedgerUnavailable":  # its chain is read for no file
        assert (answer.status_code, answer.json()["title"]) == (503, "LedgerUnavailable")
        return
    assert answer.status_code == 200, answer.text
    (told,) = answer.json()["answers"]
    assert (told["answer"], told.get("error", "")) == _expected(case)


def _expected(case: Case) -> tuple[str, str]:
    name, domain = case["error"], msgspec.json.decode(filled(case, "evidence"))["statement"].get("domain", {})
    if name == "WrongDomain" and (domain["chainId"], domain["verifyingContract"]) != (CHAIN_ID, REGISTRY):
        return "unknown", "LedgerUnavailable"  # nothing is known here of another chain or registry
    is_asked = name not in UNASKABLE or kind_of(filled(case, "evidence").encode()) != "Grant"
    return ("no", name) if name != "Valid" and is_asked else ("yes", "")


def _is_json(raw: str) -> bool:
    try:
        codec.loads(raw.encode(), _ANYTHING, len(raw.encode()))
    except errors.Malformed:
        return False
    return True


def test_every_step_is_among_them() -> None:
    told = Counter(case["error"] for case in cases().values())
    names = {kind.__name__ for kind in errors.NotConsented.__subclasses__()} | {"LedgerUnavailable"}
    assert names <= told.keys(), names - told.keys()
