"""What a node says of itself, and the deployment at an address that somebody vouches for."""

from __future__ import annotations

from typing import NamedTuple

from registry.ledger.base import Deployment, Head
from registry.ledger.blocks import block_call, chain_id_in, head_in
from registry.ledger.rpc import DEFAULT_TIMEOUT
from registry.net.json_rpc import Call, Node

MAX_CLIENT = 60
_NONE = "0x" + "00" * 20


class Probe(NamedTuple):
    """A node: its ``name`` without secrets, what ``client`` it says it is, its chain and newest block."""

    name: str
    client: str
    chain_id: int
    head: Head


def name_of(url: str) -> str:
    """How messages name the node at this URL: without what may be a key. ``InvalidInput`` where it is no URL."""
    return Node(url, DEFAULT_TIMEOUT).name


def probe(url: str, *, timeout: float = DEFAULT_TIMEOUT) -> Probe:
    """Ask a node what it is; ``timeout`` in seconds for each request, ``LedgerUnavailable`` where it does not say."""
    node = Node(url, timeout)
    client, chain_id, block = node.ask_all([Call("web3_clientVersion"), Call("eth_chainId"), block_call("latest")])
    name = client[:MAX_CLIENT] if isinstance(client, str) else "unnamed"
    return Probe(node.name, name, chain_id_in(node, chain_id), head_in(node, block))


def deployment_at(url: str, registry: str, *, timeout: float = DEFAULT_TIMEOUT) -> Deployment:
    """The registry at this checksummed address on the chain behind ``url``, for reading alone: no verifier is named.

    Its own block is not known, so logs are read from the chain's first. ``LedgerUnavailable`` where the node does
    not name its chain; what lies at the address is checked by the ledger that reads it.
    """
    node = Node(url, timeout)
    return Deployment(chain_id_in(node, node.ask(Call("eth_chainId"))), registry, _NONE, 0)
