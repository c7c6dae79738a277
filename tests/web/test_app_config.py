"""What the app is told of its network, and what is refused because no browser could ask it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from registry.config.network_file import Settings
from registry.core.errors import InvalidInput
from registry.ledger.base import Deployment
from registry.web.app_config import app_config
from registry.web.app_server import app_policy

REGISTRY, VERIFIER = "0x" + "11" * 20, "0x" + "22" * 20
NOTARY = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
DEPLOYMENT = Deployment(chain_id=31337, registry=REGISTRY, verifier=VERIFIER, block=7)
NODE = "http://127.0.0.1:8545"


def made(domains: dict[str, str] | None = None, **settings: Any) -> Any:
    return app_config(DEPLOYMENT, Settings(**{"rpc_url": NODE} | settings), domains or {})


def test_it_tells_all_that_the_commands_know() -> None:
    config = made(
        {"shop.example": "http://127.0.0.1:8700/"},
        notary=(f"http://127.0.0.1:8600#{NOTARY}", "https://notary.example"),
        gateways=("http://127.0.0.1:8080", "https://ipfs.example"),
        confirmations=2,
        max_facts_age=60,
    )
    assert json.loads(config.encode()) == {
        "type": "ConsentApp",
        "version": 1,
        "chainId": 31337,
        "registry": REGISTRY,
        "verifier": VERIFIER,
        "block": 7,
        "rpc": [NODE],
        "notaries": [
            {"url": "http://127.0.0.1:8600", "account": NOTARY},
            {"url": "https://notary.example", "account": None},
        ],
        "gateways": ["http://127.0.0.1:8080", "https://ipfs.example"],
        "domains": {"shop.example": "http://127.0.0.1:8700"},
        "confirmations": 2,
        "maxFactsAge": 60,
    }
    assert config.encode().decode() == json.dumps(json.loads(config.encode()), sort_keys=True, separators=(",", ":"))
    assert config.loopback_origins == (
        "http://127.0.0.1:8080",
        "http://127.0.0.1:8545",
        "http://127.0.0.1:8600",
        "http://127.0.0.1:8700",
    )


def test_a_network_elsewhere_opens_nothing_on_this_machine() -> None:
    config = made(rpc_url="https://node.example/v2/key?x=1", notary=("https://notary.example",))
    assert config.loopback_origins == ()
    assert "http://" not in app_policy(config.loopback_origins)


@pytest.mark.parametrize(
    ("settings", "domains"),
    [
        ({"rpc_url": None}, {}),
        ({"rpc_url": "/run/geth.ipc"}, {}),
        ({"rpc_url": "http://192.168.1.5:8545"}, {}),
        ({"rpc_url": "http://node.example"}, {}),
        ({"rpc_url": "ws://127.0.0.1:8545"}, {}),
        ({"rpc_url": "https://me:secret@node.example"}, {}),
        ({"notary": ("http://notary.example",)}, {}),
        ({"gateways": ("http://gateway.example",)}, {}),
        ({"gateways": ("javascript:alert(1)",)}, {}),
        ({}, {"shop.example": "https://shop.example"}),
        ({}, {"shop.example": "http://127.0.0.1:8700/; script-src *"}),
    ],
)
def test_what_no_browser_may_ask_is_refused_and_no_key_is_told(settings: Any, domains: dict[str, str]) -> None:
    with pytest.raises(InvalidInput) as refused:
        made(domains, **settings)
    assert refused.value.advice.endswith(".") and "secret" not in str(refused.value)


@pytest.mark.parametrize("url", ["http://127.0.0.1:8545;x", "http://127.0.0.1:1 *", "http://localhost:1,*"])
def test_no_setting_writes_into_the_policy(url: str) -> None:
    with pytest.raises(InvalidInput):
        made(gateways=(url,))
