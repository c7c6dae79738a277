"""A whole chain in one directory: nothing has to be installed or started.

- ``chain.sqlite`` holds the blocks and their state, ``deployment.json`` the addresses of the contracts.
- ``relay.json`` is the account that pays where a caller names no other. Gas costs nothing on this chain.
- ``lock`` is held during every operation, so several processes may use one directory.

One operation is one SQLite transaction, so a crash leaves the chain as it was before. Blocks are dated by the machine's
clock, each at least a second after the last one. Reading makes no block.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from registry.core import codec
from registry.core.errors import InvalidInput, LedgerUnavailable
from registry.core.facts import AnchorFacts, FactQuery, Facts, HandleQuery, SignatureQuery
from registry.core.scalars import checksum, to_hex, unhex
from registry.fs.files import file_lock, make_private_file
from registry.ledger import abi
from registry.ledger.artifacts import creation_code
from registry.ledger.base import (
    Deployment,
    Head,
    Ledger,
    Payer,
    Pending,
    Sender,
    Settled,
    check_depth,
    parse_deployment,
    read_deployment,
    write_deployment,
)

if TYPE_CHECKING:
    from eth.abc import BlockHeaderAPI

    from registry.ledger.evm_engine import Evm

LOCK_SECONDS = 30.0


class EmbeddedLedger(Ledger):
    """The ledger of one directory, made on first use in about a second.

    ``relay_key`` returns the 32-byte key of the play-money account in a ``relay.json`` (`registry.wallets.keyfiles`).
    """

    def __init__(
        self,
        network: Path,
        relay_key: Callable[[Path], bytes],
        *,
        clock: Callable[[], float] = time.time,
        lock_seconds: float = LOCK_SECONDS,
    ):
        self._network, self._relay_key, self._clock = network, relay_key, clock
        self._lock_seconds, self._threads = lock_seconds, threading.Lock()
        self.deployment = self._find() or self._create()

    def head(self) -> Head:
        with self._session() as evm:
            head = evm.head()
            return Head(head.block_number, to_hex(head.hash), head.timestamp)

    def facts(
        self,
        questions: Iterable[FactQuery | HandleQuery],
        signatures: Iterable[SignatureQuery] = (),
        *,
        depth: int = 0,
        as_of: int | None = None,
    ) -> Facts:
        check_depth(depth, as_of)
        with self._session() as evm:
            now, head = int(self._clock()), evm.head()
            old = as_of if as_of is not None and as_of < head.timestamp else None
            deep = evm.header(head.block_number - depth) if depth <= head.block_number else None
            past = head if old is None else evm.last_until(old)
            reader = _Reader(evm, unhex(self.deployment.registry), head, deep, past, now)
            return Facts(
                chain_id=self.deployment.chain_id,
                block_number=head.block_number,
                block_hash=to_hex(head.hash),
                block_time=head.timestamp,
                clock=now,
                depth=depth,
                as_of=old,
                anchors={question: reader.anchor(question) for question in questions},
                signatures={question: reader.accepts(question) for question in signatures},
            )

    def submit(self, function: str, *args: Any, sender: Payer | None = None) -> Pending:
        data = abi.encode(function, args)
        with self._session() as evm:
            receipt, _ = evm.mine(self._next(evm), self._signed(evm, data, sender))
            if sender is not None and receipt.sender != sender.address:
                raise InvalidInput("the wallet signed as somebody else", "Check which account the wallet holds.")
        return Settled(receipt)

    def _signed(self, evm: Evm, data: bytes, sender: Payer | None) -> bytes:
        if sender is None:
            key = self._relay_key(self._network / "relay.json")
            return evm.signed(key, unhex(self.deployment.registry), data)
        if not isinstance(sender, Sender):
            advice = "Name no account: the network's relay pays for everybody here."
            raise InvalidInput("a wallet that sends by itself cannot reach a chain in this process", advice)
        return sender.sign_transaction(
            {
                "type": 2,
                "chainId": evm.chain_id,
                "nonce": evm.nonce(unhex(sender.address)),
                "maxPriorityFeePerGas": 0,
                "maxFeePerGas": 0,
                "gas": evm.head().gas_limit,
                "to": self.deployment.registry,
                "value": 0,
                "data": to_hex(data),
            }
        )

    def _next(self, evm: Evm) -> int:
        return max(int(self._clock()), evm.head().timestamp + 1)

    def _find(self) -> Deployment | None:
        path = self._network / "deployment.json"
        return read_deployment(path) if path.exists() else None

    def _create(self) -> Deployment:
        """Make the chain, or finish what a crash interrupted; ``deployment.json`` is written last."""
        try:
            self._network.mkdir(mode=0o700, parents=True, exist_ok=True)
            make_private_file(self._network / "chain.sqlite")
        except OSError as error:
            advice = "Choose a directory that you may write to."
            raise LedgerUnavailable(f"the network's directory cannot be made: {error.strerror}", advice) from None
        with self._locked():
            if (found := self._find()) is not None:
                return found
            with self._connection() as connection:
                deployment = _deployment_in(connection) or self._deploy(connection)
            write_deployment(self._network / "deployment.json", deployment)
        return deployment

    def _deploy(self, connection: sqlite3.Connection) -> Deployment:
        from registry import lazy_py_ecc

        lazy_py_ecc.defer()
        from registry.ledger import evm_engine

        key = self._relay_key(self._network / "relay.json")
        evm = evm_engine.create(connection, key, int(self._clock()))
        registry = evm.deploy(self._next(evm), key, creation_code("ConsentRegistry"))
        block = evm.head().block_number
        verifier = evm.deploy(self._next(evm), key, creation_code("ConsentVerifier", to_hex(registry)))
        deployment = Deployment(evm.chain_id, checksum(registry), checksum(verifier), block)
        _remember(connection, deployment)
        return deployment

    @contextmanager
    def _session(self) -> Iterator[Evm]:
        """Lock, check and yield the chain. Its changes are kept unless an exception is raised."""
        from registry import lazy_py_ecc

        lazy_py_ecc.defer()
        from registry.ledger import evm_engine

        with self._locked(), self._connection() as connection:
            try:
                evm = evm_engine.Evm(connection)
                if self.deployment.chain_id != evm.chain_id:
                    raise LedgerUnavailable(f"this chain has the id {evm.chain_id}, not {self.deployment.chain_id}")
                if not evm.code(evm.head(), unhex(self.deployment.registry)):
                    raise LedgerUnavailable(f"there is no contract at {self.deployment.registry} on this chain")
                yield evm
            except evm_engine.DAMAGE as error:
                raise _damaged(type(error).__name__) from None

    @contextmanager
    def _locked(self) -> Iterator[None]:
        # File locks work between processes. Between threads of this one a plain lock is fair and cheap.
        with self._threads:
            try:
                with file_lock(self._network / "lock", self._lock_seconds):
                    yield
            except TimeoutError:
                problem = f"another process has kept the chain locked for {self._lock_seconds:g} s"
                raise LedgerUnavailable(problem, "Wait until it ends, then try again.") from None
            except OSError as error:
                advice = "Choose a directory on a disk that you may write to and that can lock files."
                raise LedgerUnavailable(f"the network's directory cannot be used: {error.strerror}", advice) from None

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        uri = f"{(self._network / 'chain.sqlite').absolute().as_uri()}?mode=rw"
        try:
            with closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as connection:
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise _damaged(str(error)) from None


class _Reader(NamedTuple):
    """A reader of facts at up to three blocks: the head, one ``deep`` enough, and the last one at a ``past`` time."""

    evm: Evm
    registry: bytes
    head: BlockHeaderAPI
    deep: BlockHeaderAPI | None
    past: BlockHeaderAPI | None
    now: int

    def anchor(self, question: FactQuery | HandleQuery) -> AnchorFacts:
        latest = self._facts(self.head, question)
        deep = latest if self.deep == self.head else self._facts(self.deep, question)
        # The contract's cutoff only rises, so its value at that block is the largest RevokedAll until then.
        past = latest if self.past == self.head else self._facts(self.past, question)
        return AnchorFacts(deep.anchored_at, latest.revoked_at, past.cutoff)

    def accepts(self, question: SignatureQuery) -> bool:
        """Ask by ERC-1271. Everything but the magic value counts as no, also a revert or no contract."""
        if (at := self.past) is None:
            return False
        if at == self.head:
            # Let contracts that read the clock see the present, as in the next block.
            at = at.copy(timestamp=max(self.now, at.timestamp))
        answer = self.evm.call(at, b"", abi.signature_probe(question), gas=abi.PROBE_GAS)
        return abi.decode_probe(answer.data)

    def _facts(self, at: BlockHeaderAPI | None, question: FactQuery | HandleQuery) -> AnchorFacts:
        if at is None or not self.evm.code(at, self.registry):
            return AnchorFacts(0, 0, 0)  # older than the registry
        answer = self.evm.call(at, self.registry, abi.encode_facts(question))
        if not answer.ok:
            raise LedgerUnavailable("the registry on this chain does not answer")
        return abi.decode_facts(answer.data)


def _damaged(why: str) -> LedgerUnavailable:
    advice = "Restore the network's directory from a backup, or name another directory for a new chain."
    return LedgerUnavailable(f"the chain's file cannot be used: {why}", advice)


def _remember(connection: sqlite3.Connection, deployment: Deployment) -> None:
    connection.execute("CREATE TABLE deployment (document BLOB NOT NULL)")
    connection.execute("INSERT INTO deployment VALUES (?)", (codec.encode(deployment),))


def _deployment_in(connection: sqlite3.Connection) -> Deployment | None:
    """Return the deployment in the chain's file: a crash may have come before ``deployment.json``."""
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'deployment'").fetchone() is None:
        return None
    if (row := connection.execute("SELECT document FROM deployment").fetchone()) is None:
        raise _damaged("it does not hold the addresses of its contracts")
    return parse_deployment(bytes(row[0]))
