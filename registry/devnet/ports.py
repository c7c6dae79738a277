"""The ports of a devnet's programs, checked before anything starts."""

from __future__ import annotations

import socket
from typing import NamedTuple

from registry.core.errors import InvalidInput

RPC_PORT, IPFS_PORT, NOTARY_PORT = 8545, 5001, 8600
_OTHERS = {
    "--rpc-port": "another anvil, geth or Hardhat",
    "--ipfs-port": "another Kubo or IPFS Desktop",
    "--notary-port": "another notary",
}


class Ports(NamedTuple):
    """Ports of 127.0.0.1; 0 takes any free one. A ``notary`` of None stands for no notary."""

    rpc: int
    ipfs: int
    notary: int | None = None


def require_free(ports: Ports) -> None:
    """``InvalidInput`` where a port is taken, or named twice."""
    named = [port for port in ports if port]
    if len(set(named)) < len(named):
        advice = "Choose others with --rpc-port N, --ipfs-port N and --notary-port N; 0 takes a free one."
        raise InvalidInput(f"two programs cannot both have port {max(named, key=named.count)}", advice)
    for port, (flag, other) in zip(ports, _OTHERS.items(), strict=True):
        if port is not None and (trouble := _trouble(port)):
            advice = f"End that, or choose another with {flag} N; 0 takes a free one."
            raise InvalidInput(f"port {port} of 127.0.0.1 cannot be used: {trouble} ({other}?)", advice)


def usual_or_any(port: int) -> int:
    """Return the port if it is free, else 0."""
    return 0 if _trouble(port) else port


def _trouble(port: int) -> str:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            return error.strerror or "it is taken"
    return ""
