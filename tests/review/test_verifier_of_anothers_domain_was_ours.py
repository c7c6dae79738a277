"""A verifier made for another domain passed for ours: its registry was right, and nobody looked at the rest.

Whoever writes the code that creates a contract may set its immutable values as they like. A verifier that names our
registry, but judges by another domain, says yes to what was signed for that domain: on a test network, say.
"""

from __future__ import annotations

import os

import pytest

from registry.core.errors import LedgerUnavailable
from registry.ledger.artifacts import is_code_of
from registry.ledger.contract_addresses import domain_word
from registry.ledger.deploy import check_deployment, deploy
from registry.wallets.keywallet import KeyWallet
from tests.support.levers import ANVIL_KEY, asker, start_anvil, stop


def test_it_is_refused() -> None:
    process, url = start_anvil()
    try:
        deployment, ask = deploy(url, KeyWallet(ANVIL_KEY)), asker(url)
        check_deployment(url, deployment)
        good = bytes.fromhex(ask("eth_getCode", deployment.verifier, "latest")[2:])
        domain = domain_word(deployment.chain_id, deployment.registry)
        assert good.count(domain) == 1
        other = good.replace(domain, os.urandom(32))
        assert is_code_of("ConsentVerifier", other)
        ask("anvil_setCode", deployment.verifier, "0x" + other.hex())
        for check in (lambda: check_deployment(url, deployment), lambda: deploy(url, KeyWallet(ANVIL_KEY))):
            with pytest.raises(LedgerUnavailable, match="is not our ConsentVerifier"):
                check()
    finally:
        stop(process)
