"""Verifying evidence whose facts are known, against what coincurve alone needs to recover the same signatures.

Five hundred people grant to four brands, for a year each. Each file has its own subject, times, salt, signature and
proof. The brands repeat their notice, their account and their terms, so these are found in caches, as in real use.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple

import msgspec
from coincurve import PublicKey
from eth_account import Account
from eth_account.signers.local import LocalAccount

from registry.core.anchor import Anchor
from registry.core.evidence.file import (
    STATEMENTS,
    Evidence,
    commitment_of,
    is_included,
    parse_evidence,
    quoted,
    write_evidence,
)
from registry.core.facts import Facts
from registry.core.merkle import MAX_BATCH, build_tree
from registry.core.scalars import ZERO_WORD, to_hex
from registry.core.statements.messages import Grant
from registry.core.statements.typed_data import digest
from registry.core.verify.judge import judge
from registry.core.verify.policy import Policy
from scripts.benchmarks.figures import Figure, best_of
from tests.support.builders import DOMAIN, NOW, World, grant_message, notice_bytes, policy, sign

FILES, BRANDS = 500, 4
DAY = 86_400
# Two or three milliseconds at a time, and many turns: short enough for the quiet moments of a busy machine.
BATCH, TURNS = 25, 120


class Case(NamedTuple):
    """One file, what is known of its chain, and its signature as coincurve takes it."""

    raw: bytes
    facts: Facts
    digest: bytes
    signature: bytes


def measure() -> Iterator[Figure]:
    """Both ratios, then the pieces in microseconds a file."""
    cases, asked = world(random.Random(1))  # noqa: S311 - the same files each time, and no secret in them
    seconds = _times([cases[at : at + BATCH] for at in range(0, FILES, BATCH)], asked)
    what = f"verify a grant of {len(cases[0].raw) / 1000:.1f} KB"
    yield Figure(f"{what} from bytes, against recovery alone", seconds["recover"] / seconds["whole"], "", ">= 0.45")
    yield Figure(f"{what} parsed before, against recovery alone", seconds["recover"] / seconds["judge"], "", ">= 0.60")
    beside = seconds["judge"] - seconds["recover"] - seconds["digest"] - seconds["prove"]
    pieces = {"recovery": seconds["recover"], "parsing": seconds["parse"], "its digest": seconds["digest"]}
    for name, piece in (pieces | {"its proof": seconds["prove"], "all other checks": beside}).items():
        yield Figure(f"of which {name}", piece / FILES * 1e6, "us")


def _times(batches: list[list[Case]], asked: Policy) -> dict[str, float]:
    """The seconds that each step takes for all files, summed from the best of each batch."""
    parsed: list[Evidence] = []
    steps: dict[str, Callable[[list[Case]], Any]] = {
        "recover": lambda batch: _drop(_recover(case) for case in batch),
        "whole": lambda batch: _drop(judge(case.raw, case.facts, asked, NOW) for case in batch),
        # Anew each time: what an earlier turn worked out and kept on the objects is gone.
        "parse": lambda batch: parsed.__setitem__(slice(None), [parse_evidence(case.raw) for case in batch]),
        "judge": lambda batch: [judge(one, case.facts, asked, NOW) for one, case in zip(parsed, batch, strict=True)],
        "digest": lambda batch: [digest(one.statement.domain, one.statement.message) for one in parsed],
        "prove": lambda batch: [is_included(one) for one in parsed],
    }
    alone, together = ["recover", "whole"], ["parse", "judge", "digest", "prove"]
    order = [(name, at) for name in alone for at in range(len(batches))]
    order += [(name, at) for at in range(len(batches)) for name in together]
    best = best_of({f"{name} {at}": partial(steps[name], batches[at]) for name, at in order}, runs=TURNS)
    return {name: sum(best[f"{name} {at}"] for at in range(len(batches))) for name in steps}


def _drop(results: Iterable[Any]) -> None:
    """One is gone before the next is made, as it is where files are judged one after the other."""
    deque(results, maxlen=0)


def _recover(case: Case) -> bytes:
    return PublicKey.from_signature_and_message(case.signature, case.digest, hasher=None).format(compressed=False)


def world(chance: random.Random) -> tuple[list[Case], Policy]:
    """All files, anchored in one full batch, and the one policy that they are judged by."""
    brands = [Account.from_key(chance.randbytes(32)) for _ in range(BRANDS)]
    notices = [_notice(number, brand) for number, brand in enumerate(brands)]
    grants = [_granted(chance, brands[number % BRANDS], notices[number % BRANDS]) for number in range(FILES)]
    own = [commitment_of(grant) for grant in grants]
    tree = build_tree([*own, *(chance.randbytes(32) for _ in range(MAX_BATCH - FILES))])
    proofs, root = tree.proofs(), to_hex(tree.root)
    cases = []
    for grant, commitment in zip(grants, own, strict=True):
        anchor = Anchor(root, proofs[commitment], to_hex(chance.randbytes(32)), chance.randrange(1 << 25))
        cases.append(_case(msgspec.structs.replace(grant, anchor=anchor)))
    return cases, policy(controllers=frozenset(brand.address for brand in brands))


def _notice(number: int, brand: LocalAccount) -> bytes:
    controller = {"name": f"Maison {number}", "domain": "maison.example", "contact": "privacy@maison.example"}
    return notice_bytes(controller=controller | {"account": brand.address, "recipient": "age1test"})


def _granted(chance: random.Random, brand: LocalAccount, notice: bytes) -> Evidence:
    person = Account.from_key(chance.randbytes(32))
    issued = NOW - chance.randrange(1, 90 * DAY)
    message = grant_message(
        notice,
        subject=person.address,
        controller=brand.address,
        request=to_hex(chance.randbytes(32)),
        salt=to_hex(chance.randbytes(32)),
        issued_at=issued,
        not_before=issued,
        expires_at=issued + 365 * DAY,
    )
    placeholder = Anchor(root=ZERO_WORD, proof=(), transaction=ZERO_WORD, block=1)
    statement = STATEMENTS[Grant](domain=DOMAIN, message=message)
    signature = to_hex(sign(message, person))
    return Evidence(statement=statement, signature=signature, anchor=placeholder, quoted_notice=quoted(notice))


def _case(evidence: Evidence) -> Case:
    signature = evidence.signature_bytes
    facts = World(anchored_at=NOW - 1).facts(evidence)
    return Case(write_evidence(evidence), facts, evidence.digest, signature[:64] + bytes([signature[64] - 27]))
