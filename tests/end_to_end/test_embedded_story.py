"""The whole story on the parts that are installed by default: a real chain in this process and a SQLite file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from registry.client.accept import accept, open_data
from registry.client.evidence_store import EvidenceFolder
from registry.client.grant import grant, refuse
from registry.client.network import Network
from registry.client.party import Brand, Person
from registry.client.request import publish_notice, request
from registry.client.revoke import retire, revoke, revoke_all, revoke_openly
from registry.client.verify import verify, verify_many
from registry.core.crypto.seeds import owner_identity
from registry.core.errors import InvalidInput, Revoked
from registry.core.evidence.file import write_evidence
from registry.ledger.embedded import EmbeddedLedger
from registry.storage.sqlite_store import SqliteBlocks
from registry.vault.database import Database
from registry.vault.draft import Draft
from registry.wallets.keyfiles import relay_key
from registry.wallets.keywallet import KeyWallet
from tests.support.builders import notice_bytes, notice_document


def members(folder: Path, network: Network, name: str) -> dict[str, Any]:
    wallet = KeyWallet(name.encode().rjust(32, b"\x01"))
    return {"network": network, "wallet": wallet, "evidence": EvidenceFolder(folder / name)}


def parties(folder: Path, network: Network) -> tuple[Person, Brand]:
    vault = Database(folder / "alice" / "vault", b"alice".rjust(32), network.store)
    return (
        Person(vault=vault, **members(folder, network, "alice")),
        Brand(identity=owner_identity(b"b".rjust(32)), **members(folder, network, "brand")),
    )


def test_from_the_notice_to_the_end(tmp_path: Path) -> None:
    with SqliteBlocks(tmp_path / "blocks.sqlite") as store:
        network = Network(EmbeddedLedger(tmp_path / "network", relay_key), store)
        alice, brand = parties(tmp_path, network)
        controller = notice_document()["controller"] | {
            "account": brand.address,
            "recipient": brand.recipient,
        }
        notice = notice_bytes(controller=controller)
        publish_notice(network, notice)
        alice.vault.add([Draft("pd:Purchase", "purchase/1", body={"name": "coat", "orderDate": "2026-01-31"})])

        asked = write_evidence(request(brand, notice))
        grants = [accept(brand, write_evidence(grant(alice, asked, again=True).evidence)).evidence for _ in range(3)]
        refusal = refuse(alice, asked).evidence
        policy = network.policy(controllers=frozenset({brand.address}), data=frozenset({"pd:Purchase"}), accepted=True)
        assert [verify(network, one, policy).acceptance for one in grants] == ["verified"] * 3
        (opened,) = open_data(brand, write_evidence(grants[0]), tmp_path / "out")
        assert json.loads(opened.path.read_bytes())["body"] == {"name": "coat", "orderDate": "2026-01-31"}

        assert revoke(alice, grants[0]) is not None
        revoke_openly(alice, grants[1])
        names = [type(one).__name__ for one in verify_many(network, [*grants, refusal])]
        assert names == ["Revoked", "Revoked", "VerifiedGrant", "VerifiedStatement"]
        revoke_all(alice)
        with pytest.raises(Revoked):
            verify(network, grants[2], policy)
        retire(alice)
        with pytest.raises(InvalidInput, match="retired"):
            grant(alice, asked)
