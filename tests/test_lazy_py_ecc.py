"""py-ecc's pairings load only when one is computed."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.paths import ROOT

KEYSTORES = """
import sys
from tests.support.paths import ROOT
from registry.wallets.keystore import open_secret, seal_secret
document = seal_secret(bytes(range(32)), "p", 2)
assert open_secret(document, "p") == bytes(range(32))
from registry.wallets.derived import account
assert account(bytes(32), 0).address == "0xF278cF59F82eDcf871d630F28EcC8056f25C1cdb"
from registry.wallets.keywallet import KeyWallet
assert KeyWallet(bytes(range(1, 33))).address.startswith("0x")
loaded = sorted(name for name in sys.modules if name.startswith("py_ecc."))
print([name for name in loaded if "bls" in name])
"""
REAL = """
from registry.lazy_py_ecc import BLS_ORDER, eth_account
eth_account()
import eth_keyfile
sealed = eth_keyfile.create_keyfile_json(bytes(range(32)), b"p", version=4, iterations=2, salt_size=32)
import py_ecc.bls, py_ecc.bls12_381
assert sealed["pubkey"] == py_ecc.bls.G2ProofOfPossession.SkToPk(int.from_bytes(bytes(range(32)), "big")).hex()
assert eth_keyfile.extract_key_from_keyfile.__module__ == "eth_keyfile.keyfile"
assert eth_keyfile.decode_keyfile_json(sealed, b"p") == bytes(range(32))
assert py_ecc.bls12_381.curve_order == BLS_ORDER and hasattr(py_ecc.bls12_381, "pairing")
print("real")
"""
BEFORE = """
import py_ecc.bls, py_ecc.bls12_381
real = py_ecc.bls, py_ecc.bls12_381
from registry.lazy_py_ecc import eth_account
eth_account()
import sys
assert (sys.modules["py_ecc.bls"], sys.modules["py_ecc.bls12_381"]) == real
import eth_keyfile.keyfile
assert eth_keyfile.keyfile.bls is py_ecc.bls.G2ProofOfPossession
print("kept")
"""
OTHER_VERSION = """
import sys
from registry import lazy_py_ecc as pairings
pairings._module, plain = (lambda name, **members: plain(name)), pairings._module  # stand-ins that lack members
pairings.eth_account()
import eth_keyfile.keyfile, py_ecc.bls
from tests.support.paths import ROOT
assert eth_keyfile.keyfile.bls is py_ecc.bls.G2ProofOfPossession
print("plainly")
"""


@pytest.mark.parametrize(
    ("program", "said"), [(KEYSTORES, "[]"), (REAL, "real"), (BEFORE, "kept"), (OTHER_VERSION, "plainly")]
)
def test_in_a_process_of_its_own(program: str, said: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.stdout.strip(), done.returncode) == (said, 0), done.stderr
