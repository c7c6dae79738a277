"""Judging negotiations of twelve messages from bytes, against what coincurve alone needs to recover their signatures.

Twenty pairs of a person and a brand: an Intent, ten Offers in turn, and a Deal. Message by message, each was
anchored in a full batch.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import msgspec
from coincurve import PublicKey
from eth_account import Account

from registry.core.anchor import Anchor
from registry.core.merkle import MAX_BATCH, build_tree
from registry.core.negotiation.court import NegotiationFacts
from registry.core.negotiation.file import Negotiation, Part, parse_negotiation, write_negotiation
from registry.core.negotiation.judging import judge_negotiation
from registry.core.scalars import to_hex, unhex
from registry.core.verify.policy import Policy
from scripts.benchmarks.figures import Figure, best_of
from tests.support.builders import NOW, policy, word
from tests.support.negotiations import deal, facts, intent, intent_document, offer, offer_document

PAIRS, OFFERS, TURNS = 20, 10, 120
MESSAGES = OFFERS + 2
HOUR = 3_600


class Case(NamedTuple):
    """One file, what is known of its chain, and its signatures as coincurve takes them."""

    raw: bytes
    facts: NegotiationFacts
    signed: list[tuple[bytes, bytes]]


def measure() -> Iterator[Figure]:
    """The ratio, then the pieces in microseconds a message."""
    cases = world(random.Random(1))  # noqa: S311 - the same files each time, and no secret in them
    asked = policy(controllers=None, purposes=None, data=None)
    steps: dict[str, Callable[[Case], None]] = {"recover": _recover, "parse": _parse, "whole": partial(_judge, asked)}
    times = best_of({f"{name} {at}": partial(steps[name], cases[at]) for name in steps for at in range(PAIRS)}, TURNS)
    seconds = {name: sum(times[f"{name} {at}"] for at in range(PAIRS)) for name in steps}
    what = f"judge a negotiation of {MESSAGES} messages ({len(cases[0].raw) / 1000:.0f} KB) from bytes"
    yield Figure(f"{what}, against recovery alone", seconds["recover"] / seconds["whole"], "", ">= 0.35")
    rest = seconds["whole"] - seconds["recover"] - seconds["parse"]
    for name, piece in {"recovery": seconds["recover"], "parsing": seconds["parse"], "all checks": rest}.items():
        yield Figure(f"of which {name}, for each message", piece / PAIRS / MESSAGES * 1e6, "us")


def _recover(case: Case) -> None:
    for digest, signature in case.signed:
        PublicKey.from_signature_and_message(signature, digest, hasher=None).format(compressed=False)


def _parse(case: Case) -> None:
    parse_negotiation(case.raw)


def _judge(asked: Policy, case: Case) -> None:
    judge_negotiation(case.raw, case.facts, asked, NOW)


def world(chance: random.Random) -> list[Case]:
    """All files, their messages anchored in twelve batches."""
    paths = [_path(chance) for _ in range(PAIRS)]
    anchored = [_in_one_batch(chance, column) for column in zip(*paths, strict=True)]
    return [_case(Negotiation(tuple(path))) for path in zip(*anchored, strict=True)]


def _path(chance: random.Random) -> list[Part]:
    person, brand = (Account.from_key(chance.randbytes(32)) for _ in range(2))
    salted: Callable[[], str] = lambda: word(chance.getrandbits(256))  # noqa: E731
    names = {"rounds": OFFERS, "wanted": {"name": f"coat {chance.randrange(1 << 20)}"}}
    times = {"issued_at": NOW - 40 * HOUR, "offers_until": NOW - HOUR, "salt": salted()}
    first = intent(intent_document(**names), subject=person.address, signer=person, **times)
    path = [first]
    for turn in range(OFFERS):
        by, to = (person, brand) if turn % 2 else (brand, person)
        raw = offer_document(price=f"{chance.randrange(100, 200)}.00", conditions=["Returns within 30 days."])
        path.append(offer(first, path[-1], by, to, raw, issued_at=NOW - 30 * HOUR, salt=salted()))
    return [*path, deal(path[-1], brand if OFFERS % 2 == 0 else person, salt=salted())]


def _in_one_batch(chance: random.Random, parts: tuple[Part, ...]) -> list[Part]:
    others = [chance.randbytes(32) for _ in range(MAX_BATCH - len(parts))]
    tree = build_tree([*(part.commitment for part in parts), *others])
    proofs, root = tree.proofs(), to_hex(tree.root)
    return [msgspec.structs.replace(part, anchor=_anchor(root, proofs[part.commitment], chance)) for part in parts]


def _anchor(root: str, proof: tuple[str, ...], chance: random.Random) -> Anchor:
    return Anchor(root, proof, word(chance.getrandbits(256)), chance.randrange(1 << 25))


def _case(file: Negotiation) -> Case:
    signed: list[tuple[bytes, bytes]] = []
    for part in file.files:
        signature: Any = unhex(part.signature)
        signed.append((part.digest, signature[:64] + bytes([signature[64] - 27])))
    return Case(write_negotiation(file), facts(file), signed)
