"""deployment.json, read strictly and written in one step."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from registry.core.errors import InvalidInput, Malformed
from registry.ledger.base import Deployment, parse_deployment, read_deployment, write_deployment

pytestmark = pytest.mark.slow

A = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
B = "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512"
GOOD = Deployment(31_337, A, B, 7)


def test_it_comes_back_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "deployment.json"
    write_deployment(path, GOOD)
    assert read_deployment(path) == GOOD
    assert path.stat().st_mode & 0o777 == 0o600
    assert [p.name for p in tmp_path.iterdir()] == ["deployment.json"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        f'{{"chainId":1,"registry":"{A}","verifier":"{B}"}}',
        f'{{"chainId":1,"registry":"{A}","verifier":"{B}","block":1,"more":1}}',
        f'{{"chainId":0,"registry":"{A}","verifier":"{B}","block":1}}',
        f'{{"chainId":"1","registry":"{A}","verifier":"{B}","block":1}}',
        f'{{"chainId":1,"registry":"{A.lower()}","verifier":"{B}","block":1}}',
        f'{{"chainId":1,"registry":"{A[:-1]}","verifier":"{B}","block":1}}',
        f'{{"chainId":1,"registry":"{A}","verifier":"{B}","block":-1}}',
        f'{{"chainId":1,"registry":"{A}","verifier":"{B}","block":1}}' + " " * 5_000,
        "[" * 4_000,
        "\udcff",
    ],
)
def test_everything_else_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_deployment(text.encode("utf-8", "surrogateescape"))
    assert caught.value.advice


def test_an_address_without_its_checksum_makes_no_deployment() -> None:
    with pytest.raises(Malformed):
        Deployment(1, A.lower(), B, 1)


def test_a_missing_file_is_named_as_such(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="No such file"):
        read_deployment(tmp_path / "deployment.json")


def test_importing_the_ledgers_loads_no_chain_library() -> None:
    code = (
        "import sys, registry.ledger.embedded, registry.ledger.rpc, registry.wallets.keyfiles;"
        "heavy = {'web3', 'eth', 'eth_account', 'eth_utils', 'requests'};"
        "print(sorted({m.partition('.')[0] for m in sys.modules} & heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
