"""A brand that asked for an empty list of purposes, or of data, signed a request for all that its notice has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from registry.core.errors import InvalidInput
from registry.core.evidence.file import parse_evidence
from tests.support.stage import Stage


@pytest.mark.parametrize("chosen", [{"purposes": []}, {"data": ()}])
def test_it_is_refused(tmp_path: Path, chosen: dict[str, Any]) -> None:
    stage = Stage.of(tmp_path)
    with pytest.raises(InvalidInput, match="for nothing"):
        stage.request(**chosen)
    assert parse_evidence(stage.request()).kind == "Request"
