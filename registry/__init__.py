"""Consent registry: people own the consent they give.

A person signs, with their own wallet, what a brand may do with which of their data. The signature is anchored on
an Ethereum-compatible chain as a hash that tells nobody anything; the data lies sealed in a content store; anyone
the person chose can prove the consent, and the person ends it whenever they like.

How the house is built (imports only point downwards):

- ``registry.cli``: the edge. Parses, calls, prints.
- ``registry.client``: the use cases: ask, grant, accept, verify, open, revoke. What is named below.
- ``registry.vault``: the person's own records, sealed, in streams.
- ``registry.ledger``, ``registry.storage``, ``registry.wallets``: adapters to a chain, to blocks, to keys.
- ``registry.core``: pure, no I/O: statements, digests, proofs, notices, evidence, judgement, sealing.

Data flows one way: a message is signed (``Grant``), its commitment is anchored, and both become ``Evidence``; facts
are read from the chain; one pure function judges evidence by facts and a ``Policy`` and alone makes a
``VerifiedGrant``. What fails raises a ``NotConsented`` that names the step; what could not be checked raises a
``CouldNotCheck``: neither yes nor no (``registry.core.errors``).

Names load when they are first used, so importing this package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from registry.client.accept import accept, open_data
    from registry.client.grant import grant
    from registry.client.home import Home
    from registry.client.network import Network, Party
    from registry.client.request import request
    from registry.client.revoke import revoke
    from registry.client.verify import verify
    from registry.core.verify.policy import Policy

_HOMES = {
    "Home": "registry.client.home",
    "Network": "registry.client.network",
    "Party": "registry.client.network",
    "Policy": "registry.core.verify.policy",
    "accept": "registry.client.accept",
    "grant": "registry.client.grant",
    "open_data": "registry.client.accept",
    "request": "registry.client.request",
    "revoke": "registry.client.revoke",
    "verify": "registry.client.verify",
}

__all__ = ["Home", "Network", "Party", "Policy", "accept", "grant", "open_data", "request", "revoke", "verify"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'registry' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
