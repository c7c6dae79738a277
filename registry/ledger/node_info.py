"""What a node says about itself, and a deployment from a registry's address alone."""

from __future__ import annotations

from typing import NamedTuple

from registry.ledger.base import Deployment, Head
from registry.ledger.blocks import block_call, chain_id_in, head_in
from registry.ledger.rpc import DEFAULT_TIMEOUT
from registry.net.json_rpc import Call, Node

MAX_CLIENT = 60
_NONE = "0x" + "00" * 20


class Probe(NamedTuple):
    """A node: its ``name`` without secrets, the name of its ``client`` software, its chain and newest block."""

    name: str
    client: str
    chain_id: int
    head: Head


def name_of(url: str) -> str:
    """Return the node's name for messages, without access keys. ``InvalidInput`` if the URL is not one of a node."""
    return Node(url, DEFAULT_TIMEOUT).name


def probe(url: str, *, timeout: float = DEFAULT_TIMEOUT) -> Probe:
    """Ask a node for its `Probe`; ``timeout`` (seconds) bounds each request. ``LedgerUnavailable`` if that fails."""
    node = Node(url, timeout)
    client, chain_id, block = node.ask_all([Call("web3_clientVersion"), Call("eth_chainId"), block_call("latest")])
    name = client[:MAX_CLIENT] if isinstance(client, str) else "unnamed"
    return Probe(node.name, name, chain_id_in(node, chain_id), head_in(node, block))


def deployment_at(url: str, registry: str, *, timeout: float = DEFAULT_TIMEOUT) -> Deployment:
    """Return a deployment for reading the registry at this checksummed address; it names no verifier.

    The registry's block is unknown (0). ``LedgerUnavailable`` if the node does not name its chain. The ledger that
    reads the registry checks the code at the address.
    """
    node = Node(url, timeout)
    return Deployment(chain_id_in(node, node.ask(Call("eth_chainId"))), registry, _NONE, 0)
