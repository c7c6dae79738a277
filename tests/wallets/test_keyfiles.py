"""Key files: never overwritten, never readable by others, never talkative."""

from __future__ import annotations

import copy
import json
import pickle
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from hypothesis import given
from hypothesis import strategies as st

from registry.core.crypto.signatures import recover_address
from registry.core.eip712 import domain_of
from registry.core.errors import InvalidInput, WrongPassphrase
from registry.core.statements.messages import Retire
from registry.core.statements.typed_data import digest, typed_data
from registry.ledger.base import Sender
from registry.wallets.base import Wallet
from registry.wallets.keyfiles import KeyInfo, import_key, list_keys, new_key, open_key, open_signer
from registry.wallets.keywallet import CURVE_ORDER, HashSigner, KeyWallet, address_of

KEY = bytes(range(1, 33))
ADDRESS = Account.from_key(KEY).address
CHEAP = 2
REGISTRY = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
STATEMENT = typed_data(domain_of(31_337, REGISTRY), Retire(ADDRESS))


def test_a_new_key_opens_by_name_and_by_address(tmp_path: Path) -> None:
    keys = tmp_path / "home" / "keys"
    address = new_key(keys, "alice", "p", cost=CHEAP)
    for name in ("alice", address, address.lower()):
        assert open_key(keys, name, "p").address == address
    assert new_key(keys, "bob", "p", cost=CHEAP) != address


def test_an_imported_key_is_the_account_that_it_was(tmp_path: Path) -> None:
    assert import_key(tmp_path, "alice", KEY, "p", cost=CHEAP) == ADDRESS
    document = json.loads((tmp_path / "alice.json").read_text())
    assert Account.decrypt(document, "p") == KEY
    assert document["address"] == ADDRESS[2:].lower()


def test_keys_of_other_programs_open(tmp_path: Path) -> None:
    (tmp_path / "geth.json").write_text(json.dumps(Account.encrypt(KEY, "p", iterations=16)))
    assert open_key(tmp_path, "geth", "p").address == ADDRESS


def test_listing_reads_no_secret(tmp_path: Path) -> None:
    assert list_keys(tmp_path / "none") == []
    import_key(tmp_path, "b", KEY, "p", cost=CHEAP)
    other = new_key(tmp_path, "a.1", "q", cost=CHEAP)
    (tmp_path / "README.json").write_text("not a key's name")
    assert list_keys(tmp_path) == [
        KeyInfo("a.1", other, tmp_path / "a.1.json"),
        KeyInfo("b", ADDRESS, tmp_path / "b.json"),
    ]


def test_files_are_for_their_owner_only(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    new_key(keys, "alice", "p", cost=CHEAP)
    assert keys.stat().st_mode & 0o777 == 0o700
    assert (keys / "alice.json").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in keys.iterdir()] == ["alice.json"]


@pytest.mark.parametrize("dangling", [False, True])
def test_a_key_is_never_overwritten(tmp_path: Path, dangling: bool) -> None:
    if dangling:
        (tmp_path / "alice.json").symlink_to(tmp_path / "nowhere")
    else:
        new_key(tmp_path, "alice", "p", cost=CHEAP)
    before = states(tmp_path)
    with pytest.raises(InvalidInput, match="already"):
        new_key(tmp_path, "alice", "p", cost=CHEAP)
    assert states(tmp_path) == before


def states(folder: Path) -> dict[str, tuple[int, ...]]:
    """What a write would change of each file; a look changes the time of access."""
    found = {path.name: path.lstat() for path in folder.iterdir()}
    return {name: (one.st_ino, one.st_mode, one.st_size, one.st_mtime_ns) for name, one in found.items()}


def test_two_writers_of_one_name_leave_one_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second one gets past the first look, and still does not overwrite."""
    first = new_key(tmp_path, "alice", "p", cost=CHEAP)
    looks: list[Path] = []
    real = Path.exists

    def exists(path: Path, **options: Any) -> bool:
        looks.append(path)
        return len(looks) > 1 and real(path, **options)

    monkeypatch.setattr(Path, "exists", exists)
    with pytest.raises(InvalidInput, match="already"):
        new_key(tmp_path, "alice", "p", cost=CHEAP)
    assert open_key(tmp_path, "alice", "p").address == first
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("name", ["", "Alice", ".hidden", "-x", "a/b", "../a", "a\n", "ä", "x" * 65, "a b"])
def test_names_are_plain(tmp_path: Path, name: str) -> None:
    for use in (lambda: new_key(tmp_path, name, "p", cost=CHEAP), lambda: open_key(tmp_path, name, "p")):
        with pytest.raises(InvalidInput):
            use()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("raw", [b"", bytes(32), b"\x01" * 31, b"\xff" * 32, CURVE_ORDER.to_bytes(32, "big")])
def test_what_is_no_key_is_not_imported(tmp_path: Path, raw: bytes) -> None:
    with pytest.raises(InvalidInput):
        import_key(tmp_path, "alice", raw, "p", cost=CHEAP)
    assert list(tmp_path.iterdir()) == []


def test_the_largest_and_the_smallest_key_are_keys() -> None:
    for number in (1, CURVE_ORDER - 1):
        raw = number.to_bytes(32, "big")
        assert address_of(raw) == Account.from_key(raw).address


def test_wrong_passphrases_and_unknown_keys(tmp_path: Path) -> None:
    new_key(tmp_path, "alice", "p", cost=CHEAP)
    with pytest.raises(WrongPassphrase):
        open_key(tmp_path, "alice", "q")
    for unknown in ("bob", ADDRESS):
        with pytest.raises(InvalidInput, match="there is no key"):
            open_key(tmp_path, unknown, "p")


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff", b"{}", b'{"address": 1}', b" " * 20_000, b"[" * 9_000])
def test_files_that_are_no_keystores_are_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.json").write_bytes(content)
    for use in (lambda: list_keys(tmp_path), lambda: open_key(tmp_path, ADDRESS, "p")):
        with pytest.raises(InvalidInput, match=r"bad\.json"):
            use()
    with pytest.raises(InvalidInput):
        open_key(tmp_path, "bad", "p")


def test_a_file_that_names_another_account_is_refused(tmp_path: Path) -> None:
    import_key(tmp_path, "alice", KEY, "p", cost=CHEAP)
    document = json.loads((tmp_path / "alice.json").read_text())
    (tmp_path / "alice.json").write_text(json.dumps({**document, "address": "11" * 20}))
    with pytest.raises(InvalidInput, match="another account"):
        open_key(tmp_path, "alice", "p")


def test_a_directory_that_cannot_be_made_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInput):
        new_key(tmp_path / "file", "alice", "p", cost=CHEAP)


def test_a_wallet_is_what_both_layers_ask_for() -> None:
    wallet = KeyWallet(KEY)
    assert isinstance(wallet, Wallet) and isinstance(wallet, Sender)


def test_signatures_are_those_of_eth_account() -> None:
    signature = KeyWallet(KEY).sign_typed_data(STATEMENT)
    assert signature == Account.sign_typed_data(KEY, full_message=STATEMENT).signature
    signed = digest(domain_of(31_337, REGISTRY), Retire(ADDRESS))
    assert recover_address(signed, signature) == bytes.fromhex(ADDRESS[2:])


@pytest.mark.parametrize(
    "document",
    [
        {},
        {**STATEMENT, "primaryType": "Permit"},
        {**STATEMENT, "types": {**STATEMENT["types"], "Retire": [{"name": "subject", "type": "bytes32"}]}},
        {**STATEMENT, "domain": {**STATEMENT["domain"], "name": "USD Coin"}},
        {**STATEMENT, "domain": {**STATEMENT["domain"], "version": "2"}},
        {**STATEMENT, "message": {"subject": ADDRESS.lower()}},
        {**STATEMENT, "message": {}},
    ],
)
def test_nothing_but_consent_statements_is_signed(document: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="signs only"):
        KeyWallet(KEY).sign_typed_data(document)


def test_transactions_are_signed_as_eth_account_signs_them() -> None:
    tx = {"to": REGISTRY, "value": 0, "gas": 21_000, "gasPrice": 7, "nonce": 0, "chainId": 31_337, "data": "0x12"}
    raw = KeyWallet(KEY).sign_transaction(tx)
    assert raw == Account.sign_transaction(tx, KEY).raw_transaction
    assert Account.recover_transaction(raw) == ADDRESS


@pytest.mark.parametrize("tx", [{}, {"to": "x"}, {"gas": KEY.hex()}])
def test_what_is_no_transaction_is_refused_without_a_word_of_it(tx: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as caught:
        KeyWallet(KEY).sign_transaction(tx)
    assert KEY.hex() not in f"{caught.value!r}"


def test_the_key_is_never_shown() -> None:
    wallet = KeyWallet(KEY)
    assert repr(wallet) == str(wallet) == f"KeyWallet({ADDRESS})"
    assert re.search(r"0102|\\x01\\x02", f"{wallet!r} {wallet} {wallet:}") is None
    assert not hasattr(wallet, "__dict__")
    for leak in (pickle.dumps, copy.copy, copy.deepcopy, json.dumps):
        with pytest.raises(TypeError) as caught:
            leak(wallet)
        assert KEY.hex() not in str(caught.value)


@given(st.binary(min_size=32, max_size=32))
def test_a_services_account_signs_digests_as_the_wallet_signs_statements(digest: bytes) -> None:
    signature = HashSigner(KEY).sign_hash(digest)
    assert signature == bytes(Account.unsafe_sign_hash(digest, KEY).signature)
    assert recover_address(digest, signature) == bytes.fromhex(ADDRESS[2:])


def test_a_services_account_signs_without_the_fast_library(monkeypatch: pytest.MonkeyPatch) -> None:
    fast = HashSigner(KEY).sign_hash(KEY)
    monkeypatch.setitem(sys.modules, "coincurve", None)
    assert HashSigner(KEY).sign_hash(KEY) == fast


def test_a_services_key_opens_from_its_file_and_shows_nothing(tmp_path: Path) -> None:
    import_key(tmp_path, "account", KEY, "p", cost=CHEAP)
    signer = open_signer(tmp_path, "account", "p")
    assert isinstance(signer, Sender) and signer.address == ADDRESS
    assert KEY.hex() not in repr(signer) and not hasattr(signer, "__dict__")
    with pytest.raises(WrongPassphrase):
        open_signer(tmp_path, "account", "q")
