"""Samples and whole campaigns: ``make test`` takes a fixed sample, ``make soak`` (``CONSENT_SOAK=1``) takes all."""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")
SOAK = os.environ.get("CONSENT_SOAK") == "1"
SEED = 7012


def examples(sample: int, campaign: int) -> int:
    """How many random examples to try."""
    return campaign if SOAK else sample


def sampled(cases: Sequence[T], count: int) -> list[T]:
    """``count`` of these cases, always the same ones and in their order; all of them in a soak."""
    if SOAK or count >= len(cases):
        return list(cases)
    places = sorted(random.Random(SEED).sample(range(len(cases)), count))
    return [cases[place] for place in places]
