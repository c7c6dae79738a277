"""Cloudflare's `@cloudflare/privacypass-ts` draws a token from a served notary and pays with it, unchanged."""

from __future__ import annotations

import json
from pathlib import Path

from registry.core.crypto.privacy_pass import CHALLENGE, RESPONSE_TYPE
from registry.core.scalars import to_hex
from registry.http.serving import Server
from tests.support.nodejs import run_node
from tests.support.notary_api import notary_api


def test_another_implementation_draws_and_pays(tmp_path: Path) -> None:
    with notary_api(tmp_path / "notary", free_commitments=0) as desk, Server(desk.app) as server:
        told = json.loads(run_node("privacy_pass.mjs", server.url, to_hex(bytes([0xC0]) * 32)))
        kept = desk.api.intake.waiting().commitments
    assert told == {
        "refused": 401,
        "issued": 200,
        "type": RESPONSE_TYPE,
        "challenge": CHALLENGE.hex(),
        "readAgain": CHALLENGE.hex(),
        "sameKey": True,
        "first": 202,
        "repeat": 202,
        "samePromise": True,
        "another": 401,
        "verified": True,
    }
    assert kept == 1
