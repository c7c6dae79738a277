"""Put the contracts on a chain and write the ``deployment.json`` that clients read.

    python scripts/deploy.py --rpc-url http://127.0.0.1:8545 --home ~/operator --key main --network ~/mainnet

The key pays and has no power afterwards: the contracts have no owner. Its passphrase is asked for, or read from
``--passphrase-fd N``.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from registry.cli.output import Output
from registry.cli.session import Session
from registry.core.errors import ConsentError
from registry.ledger.base import Deployment, write_deployment
from registry.ledger.rpc import deploy
from registry.wallets import keyfiles


def main() -> int:
    """Deploy; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rpc-url", required=True, help="the node")
    parser.add_argument("--home", required=True, help="the folder of whoever pays")
    parser.add_argument("--key", default="main", help="the account that pays: name or address")
    parser.add_argument("--network", required=True, type=Path, help="the folder to write deployment.json into")
    parser.add_argument("--passphrase-fd", type=int, help="read the passphrase from this file descriptor")
    try:
        deployed = _deploy(parser.parse_args())
    except ConsentError as error:
        print(f"{type(error).__name__}: {error}\n{error.advice}", file=sys.stderr)
        return 1
    print(
        f"registry {deployed.registry}\nverifier {deployed.verifier}\nchain {deployed.chain_id}, block {deployed.block}"
    )
    return 0


def _deploy(options: argparse.Namespace) -> Deployment:
    file = options.network / "deployment.json"
    if file.exists():
        raise ConsentError(f"{file} exists already", "Name another folder: a network is deployed once.")
    session = Session(Output(), {"home": options.home, "passphrase_fd": options.passphrase_fd})
    payer = session.unlock(lambda phrase: keyfiles.open_key(session.home.keys, options.key, phrase))
    deployed = deploy(options.rpc_url, payer)
    options.network.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_deployment(file, deployed)
    return deployed


if __name__ == "__main__":
    sys.exit(main())
