"""An empty list of purposes passed for "not asked", and the answer was yes; only an empty set was refused."""

from __future__ import annotations

from typing import Any

import pytest

from registry.core.errors import InvalidInput
from registry.core.verify.policy import Policy
from tests.support.builders import CHAIN_ID, REGISTRY


@pytest.mark.parametrize("name", ["purposes", "data"])
@pytest.mark.parametrize("empty", [(), [], {}, "", set(), frozenset()])
def test_every_empty_collection_is_refused(name: str, empty: Any) -> None:
    asked: dict[str, Any] = {name: empty}
    with pytest.raises(InvalidInput, match=name):
        Policy(chain_id=CHAIN_ID, registry=REGISTRY, controllers=None, **asked)
