"""The notary's API over its real stores in a folder, with a clock and a worker's note that a test sets."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from eth_account import Account
from fastapi import FastAPI
from starlette.testclient import TestClient

from registry.core.eip712 import domain_of
from registry.notary.api import Api, build_app
from registry.notary.condition import WORKER_NOTE
from registry.notary.ingest import Ingest
from registry.notary.settings import NotarySettings
from registry.notary.stores import open_stores
from registry.notary.token_keys import FOLDER, TokenKeys, new_token_key

NOW = 1_790_000_000
YEAR = datetime.fromtimestamp(NOW, UTC).year
DOMAIN = domain_of(31_337, "0x52908400098527886E0F7030069857D2E4169EE7")
CALLER = ("203.0.113.7", 4711)
# No limit that a test meets by accident.
OPEN = {"requests_per_second": 10**6, "free_commitments": 10**6, "free_endings": 10**6, "free_tokens": 10**6}


class KeySigner:
    """A `Signer` with a key of its own."""

    def __init__(self, number: int = 7) -> None:
        self._account = Account.from_key(number.to_bytes(32, "big"))

    @property
    def address(self) -> str:
        return str(self._account.address)

    def sign_hash(self, digest: bytes) -> bytes:
        return bytes(self._account.unsafe_sign_hash(digest).signature)

    def sign_transaction(self, tx: dict[str, Any]) -> bytes:
        return bytes(self._account.sign_transaction(tx).raw_transaction)


class FastSigner(KeySigner):
    """A `KeySigner` with libsecp256k1, for measurements."""

    def __init__(self, number: int = 7) -> None:
        from coincurve import PrivateKey

        super().__init__(number)
        self._key = PrivateKey(number.to_bytes(32, "big"))

    def sign_hash(self, digest: bytes) -> bytes:
        signed = bytes(self._key.sign_recoverable(digest, hasher=None))
        return signed[:64] + bytes([27 + signed[64]])


class Clock:
    """A clock that stands still until a test moves it."""

    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Desk:
    """An API with its app, its parts and a client that calls it from one address."""

    def __init__(self, folder: Path, ingest: Ingest, api: Api, clock: Clock) -> None:
        self.folder, self.ingest, self.api, self.clock = folder, ingest, api, clock
        self.app: FastAPI = build_app(api)
        self.client = self.from_address(CALLER[0])

    def from_address(self, address: str) -> TestClient:
        return TestClient(self.app, client=(address, 4711))

    def say(self, state: str, since: float = 0) -> None:
        """Write the worker's note, as of now."""
        note = {"state": state, "since": int(since), "at": int(self.clock.now), "why": "", "advice": ""}
        self.api.book.put_note(WORKER_NOTE, note)


@cache
def _token_key() -> bytes:
    """A key for all tests, because making one takes a moment."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        return new_token_key(Path(folder), YEAR).read_bytes()


@contextmanager
def notary_api(folder: Path, **changes: Any) -> Iterator[Desk]:
    """Open an API over new stores; ``changes`` are members of its settings."""
    folder.mkdir(exist_ok=True)
    (folder / FOLDER).mkdir(exist_ok=True)
    (folder / FOLDER / f"{YEAR}.pem").write_bytes(_token_key())
    settings = msgspec.convert({**OPEN, **changes}, NotarySettings)
    stores, clock = open_stores(folder, settings), Clock()
    ingest = Ingest(stores.intake)
    keys = TokenKeys(folder, clock)
    api = Api(stores.intake, stores.book, ingest, KeySigner(), DOMAIN, settings, keys, clock)
    desk = Desk(folder, ingest, api, clock)
    desk.say("ok")
    try:
        yield desk
    finally:
        ingest.close()
