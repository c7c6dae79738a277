"""Consent registry: people own the consent they give.

A person signs, with their own wallet, what a brand may do with which of their data. The signature is anchored on
an Ethereum-compatible chain as a salted hash that reveals nothing. The data lies sealed in a content store. Anyone
the person chose can prove the consent, and the person ends it whenever they like.

The layers, from the top (imports only point downwards; docs/architecture.md has a picture):

- ``registry.cli``, ``registry.devnet``, ``registry.demo``: the edges. They parse, call and print.
- ``registry.client``: the use cases, and every rule that must hold whoever calls. Its names stand below.
- ``registry.vault``: the person's own records, sealed, in streams.
- ``registry.ledger``, ``registry.storage``, ``registry.wallets``: adapters to a chain, to blocks, to keys.
- ``registry.config``, ``registry.net``, ``registry.fs``: settings, HTTP and JSON-RPC, durable files.
- ``registry.present``: words, summaries and pages for people.
- ``registry.core``: pure, no I/O: statements, notices, evidence, proofs, judgement, sealing.

Data flows one way: a signed message (``Grant``) is anchored by its commitment, and both become ``Evidence``; facts are
read from the chain; one pure function judges evidence by facts and a ``Policy``, and alone makes a ``VerifiedGrant``.
A refusal raises a ``NotConsented`` that names the step. If it could not be checked, a ``CouldNotCheck`` tells so:
neither yes nor no (``registry.core.errors``).

Names load when they are first used, so importing this package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from registry.client.accept import accept as accept
    from registry.client.accept import open_data as open_data
    from registry.client.grant import grant as grant
    from registry.client.home import Home as Home
    from registry.client.network import Network as Network
    from registry.client.network_config import open_network as open_network
    from registry.client.party import Brand as Brand
    from registry.client.party import Person as Person
    from registry.client.request import request as request
    from registry.client.revoke import revoke as revoke
    from registry.client.verify import verify as verify
    from registry.core.verify.policy import Policy as Policy

_MODULES = {
    "Brand": "registry.client.party",
    "Home": "registry.client.home",
    "Network": "registry.client.network",
    "Person": "registry.client.party",
    "Policy": "registry.core.verify.policy",
    "accept": "registry.client.accept",
    "grant": "registry.client.grant",
    "open_data": "registry.client.accept",
    "open_network": "registry.client.network_config",
    "request": "registry.client.request",
    "revoke": "registry.client.revoke",
    "verify": "registry.client.verify",
}

__all__ = list(_MODULES)


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'registry' has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
