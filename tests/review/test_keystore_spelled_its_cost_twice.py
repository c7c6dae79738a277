"""A keystore that asked for little as ``n`` and for much as ``N`` passed the bounds: the library reads both as one."""

from __future__ import annotations

from typing import Any

import eth_account
import pytest

from registry.wallets.keystore import LIGHT, open_secret, seal_secret

SECRET = bytes(range(32))


@pytest.mark.parametrize(
    "again",
    [
        lambda document: document["crypto"]["kdfparams"].update(N=2**20, R=64),
        lambda document: document.update(CRYPTO={"kdf": "scrypt", "kdfparams": {"n": 2**30}}),
        lambda document: document["crypto"].update(KDF="pbkdf2", KDFPARAMS={"c": 2**40}),
    ],
)
def test_only_what_was_checked_reaches_the_library(again: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    document = seal_secret(SECRET, "x", LIGHT)
    again(document)
    seen: list[Any] = []
    decrypt = eth_account.Account.decrypt

    def watched(keystore: Any, passphrase: Any) -> Any:
        seen.append(keystore)
        names = [*keystore, *keystore["crypto"], *keystore["crypto"]["kdfparams"]]
        assert all(name.islower() for name in names)
        return decrypt(keystore, passphrase)

    monkeypatch.setattr(eth_account.Account, "decrypt", watched)
    assert open_secret(document, "x") == SECRET
    assert len(seen) == 1
