"""The ports of a devnet's programs, checked before anything starts."""

from __future__ import annotations

import random
import socket
from typing import NamedTuple

from registry.core.errors import InvalidInput

RPC_PORT, IPFS_PORT, NOTARY_PORT, BRAND_PORT, APP_PORT = 8545, 5001, 8600, 8700, 8900
_OTHERS = {
    "--rpc-port": "another anvil, geth or Hardhat",
    "--ipfs-port": "another Kubo or IPFS Desktop",
    "--notary-port": "another notary",
    "--brand-port": "another brand",
    "--app-port": "another app",
}


class Ports(NamedTuple):
    """Ports of 127.0.0.1; 0 takes any free one. None stands for no notary, for no brand, and for no app."""

    rpc: int
    ipfs: int
    notary: int | None = None
    brand: int | None = None
    app: int | None = None


def require_free(ports: Ports) -> None:
    """``InvalidInput`` where a port is taken, or named twice."""
    named = [port for port in ports if port]
    if len(set(named)) < len(named):
        advice = f"Choose others with {', '.join(f'{flag} N' for flag in _OTHERS)}; 0 takes a free one."
        raise InvalidInput(f"two programs cannot both have port {max(named, key=named.count)}", advice)
    for port, (flag, other) in zip(ports, _OTHERS.items(), strict=True):
        if port is not None and (trouble := _trouble(port)):
            advice = f"End that, or choose another with {flag} N; 0 takes a free one."
            raise InvalidInput(f"port {port} of 127.0.0.1 cannot be used: {trouble} ({other}?)", advice)


def usual_or_any(port: int) -> int:
    """Return the port if it is free, else 0."""
    return 0 if _trouble(port) else port


def free_ports(first: int) -> tuple[int, int]:
    """Return a service's two ports: this one, or any free one for 0, and the next one where that is free."""
    one = first or _any_free()
    return one, usual_or_any(one + 1) or _any_free(one)


def _any_free(other: int = 0) -> int:
    """Return a free port below those that systems give away themselves: else another program may get it meanwhile."""
    tried = (random.randrange(20_000, 32_000) for _ in range(1_000))  # noqa: S311  # no secret
    found = next((port for port in tried if port != other and not _trouble(port)), None)
    if found is None:
        raise InvalidInput("no port of 127.0.0.1 is free", "End some programs, and try again.")
    return found


def _trouble(port: int) -> str:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            return error.strerror or "it is taken"
    return ""
