"""A network's folder: what its settings may say, what they make, and what they never name."""

from __future__ import annotations

import os
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.client import network_config
from registry.client.network_config import make_network, open_network
from registry.config.configuration import MAX_CREDENTIALS_BYTES, Configuration, read_credentials
from registry.config.network_file import (
    MAX_SHARED_FEE_GWEI,
    MAX_TOML_BYTES,
    NAMES,
    Settings,
    read_domains,
    read_settings,
    settings_of,
    write_settings,
)
from registry.core.errors import InvalidInput, LedgerUnavailable, StorageUnavailable
from registry.core.ipld.cid import Block, cid_of_block
from registry.ledger.base import Deployment, write_deployment
from registry.ledger.embedded import EmbeddedLedger
from registry.ledger.rpc import DEFAULT_MAX_FEE, RpcLedger
from registry.storage.kubo import KuboBlocks
from registry.storage.sqlite_store import SqliteBlocks
from registry.vault.place import Place
from registry.wallets.keyfiles import relay_key
from registry.wallets.keywallet import KeyWallet
from tests.support.fake_node import REGISTRY, FakeNode, healthy

NOBODY = "http://127.0.0.1:9"
KEYED = f"{NOBODY}/v3/4f2ac3e1b0d94d7d"
DATA = Block(cid_of_block(b"data"), b"data")
EVERY: dict[str, Any] = {
    "rpc_url": KEYED,
    "ipfs": "/ip4/127.0.0.1/tcp/5001",
    "gateways": ["http://127.0.0.1:8080", "https://gateway.example"],
    "notary": ["https://notary.example", "http://127.0.0.1:8600"],
    "confirmations": 3,
    "max_fee_gwei": 1.5,
    "max_facts_age": 600,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_deployment(tmp_path / "deployment.json", Deployment(31337, "0x" + "11" * 20, "0x" + "22" * 20, 1))
    return tmp_path


def test_what_is_written_is_read(tmp_path: Path) -> None:
    network = tmp_path / "new" / "network"
    assert read_settings(network) == {}
    write_settings(network, **EVERY)
    assert read_settings(network) == EVERY and set(EVERY) == set(NAMES)
    assert (network / "network.toml").stat().st_mode & 0o777 == 0o600
    write_settings(network, ipfs=None, confirmations=0)
    assert read_settings(network) == {k: v for k, v in EVERY.items() if k != "ipfs"} | {"confirmations": 0}
    assert [path.name for path in network.iterdir()] == ["network.toml"]


@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=200))
def test_any_text_that_a_url_may_hold_comes_back(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    folder = tmp_path_factory.mktemp("network")
    write_settings(folder, rpc_url=text, gateways=[text, text])
    assert read_settings(folder) == {"rpc_url": text, "gateways": [text, text]}


WRONG = [
    "key = 'thief'",
    "sender = 'main'",
    "ipfs_credentials = '/home/alice/secret'",
    "network = '/elsewhere'",
    "rpc-url = 'http://127.0.0.1:8545'",
    "rpc_url = 5",
    "rpc_url = ''",
    'rpc_url = "http://h/\\u001b[31m"',
    "confirmations = -1",
    "confirmations = true",
    "confirmations = 1000001",
    "max_fee_gwei = 0",
    "max_fee_gwei = nan",
    "max_facts_age = 1.5",
    "gateways = [5]",
    f"gateways = {['http://h'] * 17}",
    "ipfs = ",
    "\x00",
    "é",
    "ipfs = " + "[" * 20_000,
    "#" * (MAX_TOML_BYTES + 1),
]


@pytest.mark.parametrize("text", WRONG, ids=lambda text: text[:40])
def test_what_a_folder_may_not_say(tmp_path: Path, text: str) -> None:
    (tmp_path / "network.toml").write_text(text, encoding="latin-1")
    with pytest.raises(InvalidInput) as caught:
        read_settings(tmp_path)
    assert "network.toml" in str(caught.value) and caught.value.advice
    with pytest.raises(InvalidInput):
        open_network(tmp_path)


def test_what_makes_no_sense_is_not_written(tmp_path: Path) -> None:
    write_settings(tmp_path, confirmations=2)
    for wrong in ({"confirmations": -1}, {"key": "main"}, {"rpc_url": "http://h\n"}):
        with pytest.raises(InvalidInput):
            write_settings(tmp_path, **wrong)
    assert read_settings(tmp_path) == {"confirmations": 2}


def test_variables_are_text(folder: Path) -> None:
    said = {"gateways": "http://a http://b", "confirmations": "3", "max_fee_gwei": "2.5", "ipfs": None}
    assert settings_of(said, "the settings") == Settings(
        gateways=("http://a", "http://b"), confirmations=3, max_fee_gwei=2.5
    )


@pytest.mark.parametrize("named", ["1e9", '"501"', "501"])
def test_a_networks_folder_only_lowers_the_fee_limit(tmp_path: Path, named: str) -> None:
    """A shared folder could once raise the limit to 1,000,000,000 gwei, and a node could empty the payer's account."""
    file = tmp_path / "network.toml"
    configuration = Configuration({"network": str(tmp_path), "home": str(tmp_path / "home")}, {})
    file.write_text(f"max_fee_gwei = {named}\n")
    assert configuration.settings.max_fee_gwei == MAX_SHARED_FEE_GWEI == DEFAULT_MAX_FEE / 10**9
    file.write_text("max_fee_gwei = 20.5\n")
    assert read_settings(tmp_path) == {"max_fee_gwei": 20.5}


def test_the_payer_may_raise_the_fee_limit(tmp_path: Path) -> None:
    folders = {"network": str(tmp_path / "network"), "home": str(tmp_path / "home")}
    assert Configuration(folders, {"CONSENT_MAX_FEE_GWEI": "6000"}).settings.max_fee_gwei == 6000


def test_no_key_shows(folder: Path) -> None:
    write_settings(folder, rpc_url=KEYED)
    settings = settings_of(read_settings(folder), "the settings")
    assert "4f2ac3" not in repr(settings) and "rpc_url" in repr(settings)
    network = open_network(folder, settings)
    with pytest.raises(LedgerUnavailable) as caught:
        network.ledger.head()
    assert "4f2ac3" not in f"{caught.value!r} {network!r}" and "127.0.0.1:9" in str(caught.value)
    with pytest.raises(InvalidInput) as wrong:
        settings_of({"rpc_url": KEYED + "\x7f"}, "the settings")
    assert "4f2ac3" not in str(wrong.value)


def test_nothing_named_is_the_embedded_network(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="there is no network"):
        open_network(tmp_path / "typo")
    assert not (tmp_path / "typo").exists()  # (item 10) reading creates nothing
    make_network(tmp_path)
    network = open_network(tmp_path)
    assert isinstance(network.ledger, EmbeddedLedger)
    assert not (tmp_path / "blocks.sqlite").exists()  # opened when it is first used
    network.store.put([DATA])
    assert isinstance(network.store.store, SqliteBlocks)  # type: ignore[attr-defined]
    assert (tmp_path / "blocks.sqlite").exists() and network.store.get(DATA.cid) == DATA.data


def test_a_node_is_asked_for_nothing_before_it_is_needed(folder: Path) -> None:
    write_settings(folder, rpc_url=NOBODY, ipfs=NOBODY)
    network = open_network(folder)
    assert isinstance(network.ledger, RpcLedger) and network.domain.chain_id == 31337
    assert isinstance(network.store.store, KuboBlocks)  # type: ignore[attr-defined]
    with pytest.raises(StorageUnavailable):
        network.store.has(DATA.cid)


def test_a_network_whose_node_nobody_names(folder: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        open_network(folder)
    assert "no node is named" in str(caught.value)
    assert [path.name for path in folder.iterdir()] == ["deployment.json"]


def test_the_relay_is_opened_when_it_pays(folder: Path) -> None:
    file = folder / "relay.json"
    account = KeyWallet(relay_key(file)).address
    assert network_config.Relay(file).address == account
    write_settings(folder, rpc_url=NOBODY)
    file.write_text("{}")
    network = open_network(folder)  # reading needs no relay
    with pytest.raises(LedgerUnavailable) as caught:
        _ = network_config.Relay(file).address
    assert "relay" in str(caught.value) and isinstance(network.ledger, RpcLedger)


def test_without_the_extra_it_says_how_to_install_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ipfshttpclient", None)
    for name in ("registry.storage.kubo", "registry.storage.kubo_rpc", "registry.storage.kubo_transport"):
        monkeypatch.delitem(sys.modules, name, raising=False)
        monkeypatch.delattr(name, raising=False)
    network = open_network(folder, Settings(rpc_url=NOBODY, ipfs=NOBODY))
    with pytest.raises(InvalidInput) as caught:
        network.store.has(DATA.cid)
    assert "consent-registry[ipfs]" in caught.value.advice


class TestCredentials:
    def written(self, folder: Path, text: bytes, mode: int = 0o600) -> Path:
        file = folder / "credentials"
        file.touch()
        file.chmod(mode)
        file.write_bytes(text)
        return file

    def test_the_two_kinds(self, tmp_path: Path) -> None:
        assert read_credentials(self.written(tmp_path, b"basic ann:a:b c\n")) == {"basic": ("ann", "a:b c")}
        assert read_credentials(self.written(tmp_path, b"bearer abc.def\n")) == {"bearer": "abc.def"}

    @pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
    @pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o777])
    def test_nobody_else_may_read_them(self, tmp_path: Path, mode: int) -> None:
        with pytest.raises(InvalidInput) as caught:
            read_credentials(self.written(tmp_path, b"bearer sesame", mode))
        assert "chmod 600" in caught.value.advice and "sesame" not in str(caught.value)

    @pytest.mark.parametrize(
        "text",
        [b"", b"sesame", b"basic sesame", b"basic :sesame", b"bearer", b"digest a:sesame", b"\xffsesame"],
        ids=range(7),
    )
    def test_what_is_none(self, tmp_path: Path, text: bytes) -> None:
        with pytest.raises(InvalidInput) as caught:
            read_credentials(self.written(tmp_path, text))
        assert "sesame" not in f"{caught.value} {caught.value.advice}"

    def test_where_there_is_no_file(self, tmp_path: Path) -> None:
        for path in (tmp_path / "none", tmp_path):
            with pytest.raises(InvalidInput):
                read_credentials(path)

    def test_a_long_file_is_cut(self, tmp_path: Path) -> None:
        file = self.written(tmp_path, b"bearer " + b"x" * 10 * MAX_CREDENTIALS_BYTES)
        assert len(read_credentials(file)["bearer"]) < MAX_CREDENTIALS_BYTES

    def test_a_line_break_within_is_refused(self, tmp_path: Path) -> None:
        file = self.written(tmp_path, b"bearer one\nsesame")
        with pytest.raises(InvalidInput) as caught:
            network_config.open_kubo(NOBODY, file)
        assert "sesame" not in str(caught.value)


def test_a_network_is_made_only_where_nothing_else_lies(tmp_path: Path) -> None:
    """(item 10) A folder of something else stays as it is."""
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "to-ada.txt").write_text("dear Ada")
    with pytest.raises(InvalidInput, match="holds to-ada"):
        make_network(tmp_path / "letters")
    assert [file.name for file in (tmp_path / "letters").iterdir()] == ["to-ada.txt"]
    with pytest.raises(InvalidInput, match="cannot be made"):
        make_network(tmp_path / "letters" / "to-ada.txt" / "network")
    with pytest.raises(InvalidInput, match="there is no network"):
        open_network(tmp_path / "letters")


class TestWithoutAFolder:
    """A server has a node and a registry that it trusts, and no folder (item 20)."""

    def test_a_node_and_a_registry(self) -> None:
        with closing(FakeNode(healthy)) as node:
            network = open_network(rpc_url=node.url, registry=REGISTRY.lower(), confirmations=2, max_facts_age=60)
            assert network.domain.verifying_contract == REGISTRY and network.domain.chain_id == 31_337
            assert (network.confirmations, network.max_facts_age, network.place) == (2, 60, None)
            with pytest.raises(InvalidInput, match="no content store is named"):
                network.store.get(DATA.cid)

    def test_with_a_store(self) -> None:
        with closing(FakeNode(healthy)) as node:
            network = open_network(rpc_url=node.url, registry=REGISTRY, ipfs="/ip4/127.0.0.1/tcp/9")
        assert network.place == Place(ipfs="/ip4/127.0.0.1/tcp/9")
        with pytest.raises(StorageUnavailable):
            network.store.get(DATA.cid)

    def test_what_makes_no_network(self, folder: Path) -> None:
        for url, registry in ((None, None), (NOBODY, None), (None, REGISTRY)):
            with pytest.raises(InvalidInput, match="without a folder"):
                open_network(rpc_url=url, registry=registry)
        with pytest.raises(InvalidInput, match="a folder and a registry"):
            open_network(folder, rpc_url=NOBODY, registry=REGISTRY)
        with pytest.raises(InvalidInput, match="is not an address"):
            open_network(rpc_url=NOBODY, registry="0x12")
        with pytest.raises(LedgerUnavailable):
            open_network(rpc_url=NOBODY, registry=REGISTRY)

    def test_a_folder_may_get_another_node(self, folder: Path) -> None:
        write_settings(folder, rpc_url=NOBODY, confirmations=3)
        network = open_network(folder, rpc_url="http://other.example:1")
        assert isinstance(network.ledger, RpcLedger) and "other.example" in network.ledger._node.name
        assert network.confirmations == 3


def test_the_domains_of_a_network_outlast_its_other_settings(tmp_path: Path) -> None:
    assert read_domains(tmp_path) == {}
    write_settings(tmp_path, {"aurelle.example": "http://127.0.0.1:8080"}, confirmations=2)
    write_settings(tmp_path, confirmations=3)
    assert read_domains(tmp_path) == {"aurelle.example": "http://127.0.0.1:8080"}
    assert read_settings(tmp_path) == {"confirmations": 3}
    write_settings(tmp_path, {})
    assert read_domains(tmp_path) == {} and read_settings(tmp_path) == {"confirmations": 3}
