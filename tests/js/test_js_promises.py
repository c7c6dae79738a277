"""js/core reads promises, profiles and endings as the package does, and says the same of them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from eth_account import Account
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.client.relay import signed_ending
from registry.core import codec
from registry.core.anchor import Anchor
from registry.core.crypto.keccak import keccak256
from registry.core.crypto.revocation import handle_for, lock_of, salt_hash, tag_of
from registry.core.endings import Endings, Opening, ending_digest, parse_endings
from registry.core.evidence.file import write_evidence
from registry.core.facts import AnchorFacts, Facts
from registry.core.merkle import build_tree
from registry.core.profiles import parse_profile, why_unconfirmed, write_profile
from registry.core.promises import (
    Promise,
    PromiseFile,
    RelayPromise,
    judge_promise,
    parse_promise_file,
    promise_digest,
    promise_query,
    sign_statement,
    write_promise_file,
)
from registry.core.scalars import ZERO_WORD, to_hex
from registry.core.statements.messages import Retire, Revoke, RevokeAll
from tests.support.builders import (
    CONTROLLER,
    DOMAIN,
    NOW,
    REGISTRY,
    SUBJECT,
    evidence_of,
    grant_message,
    notice_document,
    request_message,
)
from tests.support.mutations import files, mutated, outcome, written
from tests.support.nodejs import b64, js_core
from tests.support.soak import examples

KEY = b"\x11" * 32
NOTARY = Account.from_key(KEY).address
WORDS = [keccak256(bytes([n])) for n in range(5)]
ITEMS = tuple(map(to_hex, WORDS))
TREE = build_tree(WORDS)
ANCHOR = Anchor(to_hex(TREE.root), tuple(map(to_hex, TREE.proof(WORDS[0]))), ZERO_WORD, 7)
RECEIVED, DUE = 1_000, 1_900
DOMAIN_DOCUMENT = msgspec.to_builtins(DOMAIN)


def agree_on(strategy: st.SearchStrategy[Any], compare: Callable[[Any], Any], count: int = 300) -> None:
    """Compare many examples; some must be read, and some refused."""
    seen = Counter[bool]()

    @settings(max_examples=examples(count, 10_000))
    @given(strategy)
    def run(example: Any) -> None:
        seen[isinstance(compare(example), str)] += 1

    run()
    assert min(seen[True], seen[False]) >= sum(seen.values()) // 50, seen


# Promises --------------------------------------------------------------------------------------------------


def promise_file(message: Promise | RelayPromise, anchor: Anchor | None = ANCHOR) -> PromiseFile:
    signed = Account.unsafe_sign_hash(promise_digest(DOMAIN, message), KEY).signature
    promise = sign_statement(DOMAIN, message, to_hex(bytes(signed)))
    return PromiseFile(promise, ITEMS[0], NOTARY, msgspec.UNSET if anchor is None else anchor)


FILES = [promise_file(Promise(ITEMS, RECEIVED, DUE)), promise_file(RelayPromise(ITEMS, RECEIVED, DUE), None)]


def _promise_read(raw: bytes) -> dict[str, str]:
    file = parse_promise_file(raw)
    statement = file.promise.statement
    return {
        "written": b64(write_promise_file(file)),
        "digest": to_hex(promise_digest(statement.domain, statement.message)),
    }


def _has_its_encoding(raw: bytes) -> bool:
    return outcome(lambda: codec.canonical(raw, len(raw))) == raw and {"type", "version"} <= json.loads(raw).keys()


def _same_promise(raw: bytes) -> Any:
    ours = outcome(lambda: _promise_read(raw))
    if ours == "BadSignature" and not _has_its_encoding(raw):
        ours = "Malformed"  # the package looks at the signature before the encoding
    assert js_core().ask("promiseFile", b64(raw)) == ours
    return ours


def test_a_changed_promise_is_read_or_refused_alike() -> None:
    for file in FILES:
        assert _same_promise(write_promise_file(file)) != "Malformed"
    agree_on(st.sampled_from([json.loads(write_promise_file(file)) for file in FILES]).flatmap(files), _same_promise)


@settings(max_examples=examples(200, 5_000))
@given(st.sampled_from(FILES), st.integers(0, 4_000), st.integers(0, 4_000), st.booleans())
def test_every_promise_stands_alike(file: PromiseFile, done: int, head: int, has_anchor: bool) -> None:
    if not has_anchor:
        file = msgspec.structs.replace(file, anchor=msgspec.UNSET)
    anchor = None if file.anchor is msgspec.UNSET else file.anchor
    message = file.promise.message
    query = promise_query(message, file.item, anchor)
    answer = AnchorFacts(0 if anchor is None else done, done, 0)
    facts = Facts(DOMAIN.chain_id, 9, ZERO_WORD, head, 0, 0, None, {query: answer}, {})
    told = {"blockTime": head, "answer": {"anchoredAt": answer.anchored_at, "revokedAt": done, "cutoff": 0}}
    ours = outcome(lambda: judge_promise(message, file.item, facts, anchor))
    assert js_core().ask("promiseState", b64(write_promise_file(file)), told) == str(ours)


def test_a_proof_of_another_batch_is_not_included() -> None:
    file = msgspec.structs.replace(FILES[0], anchor=msgspec.structs.replace(ANCHOR, root=ITEMS[1]))
    told = {"blockTime": 0, "answer": {"anchoredAt": 1, "revokedAt": 0, "cutoff": 0}}
    assert js_core().ask("promiseState", b64(write_promise_file(file)), told) == "NotIncluded"


# Profiles --------------------------------------------------------------------------------------------------

HOST = notice_document()["controller"]["domain"]
RECIPIENT = notice_document()["controller"]["recipient"]
PROFILE: dict[str, Any] = {
    "type": "ConsentProfile",
    "version": 1,
    "domain": HOST,
    "name": "Maison Aurelle",
    "accounts": [
        {
            "chainId": DOMAIN.chain_id,
            "registry": REGISTRY,
            "account": CONTROLLER,
            "recipients": [RECIPIENT],
            "until": NOW,
        }
    ],
    "inbox": f"https://consent.{HOST}/v1/evidence",
    "notaries": [{"url": "https://notary.example", "account": NOTARY}],
    "terms": ["ieee-7012:SD-BASE"],
    "contact": f"privacy@{HOST}",
    "issuedAt": NOW,
}
REQUEST = evidence_of(request_message())


def _same_profile(raw: bytes) -> Any:
    ours = outcome(lambda: b64(write_profile(parse_profile(raw))))
    assert js_core().ask("profile", b64(raw)) == ours
    return ours if ours == "Malformed" else [ours]


def test_a_changed_profile_is_read_or_refused_alike() -> None:
    agree_on(files(PROFILE), _same_profile)


def _standing(raw: bytes, now: int, before: str | None = None, asked: Any = REQUEST) -> Any:
    fetched = {"bytes": b64(raw)}
    return js_core().ask("standing", fetched, DOMAIN_DOCUMENT, b64(write_evidence(asked)), now, before)


def _same_standing(example: tuple[Any, int]) -> Any:
    document, now = example
    raw = written(document)
    profile = outcome(lambda: parse_profile(raw))
    if profile == "Malformed":
        assert _standing(raw, now) == "Malformed"
        return "Malformed"
    why = why_unconfirmed(profile, DOMAIN, REQUEST, now)
    found = _standing(raw, now)
    assert (found["standing"], found.get("why")) == ("confirmed" if why is None else "not confirmed", why)
    return found


def test_a_changed_profile_confirms_the_same() -> None:
    agree_on(st.tuples(mutated(PROFILE), st.sampled_from((NOW, NOW + 1))), _same_standing)


def test_how_an_account_stands_with_its_domain() -> None:
    raw = written(PROFILE)
    inbox = {"domain": HOST, "account": CONTROLLER, "inbox": PROFILE["inbox"]}
    assert _standing(raw, NOW) == _standing(raw, NOW, CONTROLLER) == {"standing": "confirmed"} | inbox
    changed = {"standing": "changed", "why": f"last time {HOST} named {SUBJECT}", "before": SUBJECT}
    assert _standing(raw, NOW, SUBJECT) == changed | inbox
    late = _standing(raw, NOW + 1, SUBJECT)
    assert (late["standing"], late["before"], "inbox" in late) == ("not confirmed", SUBJECT, False)
    offline = js_core().ask("standing", {"why": "offline"}, DOMAIN_DOCUMENT, b64(write_evidence(REQUEST)), NOW, None)
    assert offline == {"standing": "not confirmed", "domain": HOST, "account": CONTROLLER, "why": "offline"}
    grant = _standing(raw, NOW, asked=evidence_of(grant_message()))
    assert grant["why"] == "no request of the brand's is at hand"


# Endings ---------------------------------------------------------------------------------------------------

SECRET, SALT = keccak256(b"secret"), to_hex(keccak256(b"salt"))
LOCK = lock_of(SECRET)
HANDLE = handle_for(SUBJECT, LOCK, SALT)
ENDINGS = [Revoke(SUBJECT, HANDLE), RevokeAll(SUBJECT, NOW), Retire(SUBJECT)]
SIGNED = tuple(
    signed_ending(one, b"\x01" * 65, (LOCK, salt_hash(SALT)) if isinstance(one, Revoke) else None) for one in ENDINGS
)
BODIES = [Endings(signed=SIGNED), Endings(openings=(Opening(to_hex(SECRET), tag_of(SUBJECT, SALT)),))]


def _ended(raw: bytes) -> list[str]:
    body = parse_endings(raw)
    return [each.handle for each in body.openings] or [to_hex(ending_digest(DOMAIN, each)) for each in body.signed]


def _same_endings(raw: bytes) -> Any:
    ours = outcome(lambda: _ended(raw))
    assert js_core().ask("endings", b64(raw), DOMAIN_DOCUMENT) == ours
    return ours


def test_a_changed_ending_is_read_or_refused_alike() -> None:
    agree_on(
        st.sampled_from([json.loads(codec.encode(body)) for body in BODIES]).flatmap(mutated).map(written),
        _same_endings,
    )


@pytest.mark.parametrize("body", BODIES, ids=("signed", "openings"))
def test_endings_are_read_in_any_layout(body: Endings) -> None:
    raw = json.dumps(json.loads(codec.encode(body)), indent=1).encode()
    assert _same_endings(raw) == _ended(codec.encode(body)) != "Malformed"
