"""How data is used: the processing operations that a notice's scopes name."""

from __future__ import annotations

from collections.abc import Iterable

from registry.core.notices.document import Notice

# DPV's terms for the training of AI models (docs/decisions/0010-plain-text.md). Our clients refuse to sign the long
# forms, but evidence that other software made may have them.
TRAINING = frozenset(
    f"{namespace}{name}"
    for namespace in ("ai:", "https://w3id.org/dpv/ai#")
    for name in ("ModelFineTuning", "ModelTraining")
)


def processing_of(notice: Notice, purposes: Iterable[str], data: Iterable[str]) -> tuple[str, ...]:
    """The operations that the notice allows for these purposes and data, sorted.

    They are those of every scope that covers one of the pairs, because a grant covers its pairs alike.
    """
    asked_for, asked_of = frozenset(purposes), frozenset(data)
    scopes = (one for one in notice.scopes if asked_for & set(one.purposes) and asked_of & set(one.data))
    return tuple(sorted({operation for scope in scopes for operation in scope.processing}))


def allows_training(processing: Iterable[str]) -> bool:
    """Whether these operations include the training of AI models. What no scope names is not allowed."""
    return not TRAINING.isdisjoint(processing)
