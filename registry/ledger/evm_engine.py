"""An EVM in this process (py-evm) whose blocks are in a SQLite file.

Only this module uses py-evm. Import it only where an embedded chain is used, because that is slow.
"""

from __future__ import annotations

import sqlite3
from bisect import bisect_right
from typing import Any, NamedTuple

from eth.abc import BlockHeaderAPI, SignedTransactionAPI
from eth.chains.base import MiningChain
from eth.constants import BLANK_ROOT_HASH, POST_MERGE_DIFFICULTY, POST_MERGE_MIX_HASH, POST_MERGE_NONCE
from eth.db.atomic import AtomicDB
from eth.db.backends.base import BaseDB
from eth.exceptions import PyEVMError, VMError
from eth.vm.forks.prague import PragueVM
from eth.vm.spoof import SpoofTransaction
from eth_keys.datatypes import PrivateKey
from eth_typing import Address, BlockNumber
from eth_utils.exceptions import ValidationError
from rlp.exceptions import RLPException  # type: ignore[import-untyped]
from trie.exceptions import MissingTrieNode

from registry.core.errors import InvalidInput
from registry.core.scalars import checksum, to_hex
from registry.ledger.abi import refusal
from registry.ledger.base import Receipt

# "cons" in ASCII. No known network uses this number, so signatures made here are void elsewhere.
CHAIN_ID = 0x636F6E73
GAS_LIMIT = 30_000_000
# Such a call takes seconds in Python. No wallet contract needs a tenth of this gas.
CALL_GAS = 10_000_000
# py-evm's errors for a damaged chain file.
DAMAGE = (PyEVMError, MissingTrieNode, RLPException, KeyError)
_NOBODY = Address(bytes(20))
_PLAY_MONEY = 10**24


class Answer(NamedTuple):
    """The data that a call returned, or reverted with where ``ok`` is false."""

    ok: bool
    data: bytes


class _Store(BaseDB):
    """py-evm's key-value store over one SQLite table. The caller's transaction makes its writes atomic."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __getitem__(self, key: bytes) -> bytes:
        row = self._connection.execute("SELECT value FROM state WHERE key = ?", (key,)).fetchone()
        if row is None:
            raise KeyError(key)
        return bytes(row[0])

    def __setitem__(self, key: bytes, value: bytes) -> None:
        self._connection.execute("INSERT OR REPLACE INTO state VALUES (?, ?)", (key, value))

    def __delitem__(self, key: bytes) -> None:
        self._connection.execute("DELETE FROM state WHERE key = ?", (key,))

    def _exists(self, key: bytes) -> bool:
        return self._connection.execute("SELECT 1 FROM state WHERE key = ?", (key,)).fetchone() is not None


class _Chain(MiningChain):
    chain_id = CHAIN_ID
    vm_configuration = ((BlockNumber(0), PragueVM),)

    def create_header_from_parent(self, parent_header: BlockHeaderAPI, **params: Any) -> BlockHeaderAPI:
        return super().create_header_from_parent(parent_header, **{"gas_limit": parent_header.gas_limit, **params})


def create(connection: sqlite3.Connection, key: bytes, time: int) -> Evm:
    """Create a chain. Only the account of ``key`` has money, and gas costs nothing (a base fee of zero stays zero)."""
    connection.execute("CREATE TABLE state (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID")
    header: dict[str, Any] = {
        "coinbase": _NOBODY,
        "difficulty": POST_MERGE_DIFFICULTY,
        "mix_hash": POST_MERGE_MIX_HASH,
        "nonce": POST_MERGE_NONCE,
        "extra_data": b"",
        "gas_limit": GAS_LIMIT,
        "base_fee_per_gas": 0,
        "receipt_root": BLANK_ROOT_HASH,
        "transaction_root": BLANK_ROOT_HASH,
        "timestamp": time,
    }
    state: dict[Address, Any] = {_account(key): {"balance": _PLAY_MONEY, "nonce": 0, "code": b"", "storage": {}}}
    _Chain.from_genesis(AtomicDB(_Store(connection)), header, state)
    return Evm(connection)


class Evm:
    """The chain as the connection's transaction sees it; make a new one for each operation."""

    chain_id = CHAIN_ID

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._chain = _Chain(AtomicDB(_Store(connection)))

    def head(self) -> BlockHeaderAPI:
        return self._chain.get_canonical_head()

    def header(self, number: int) -> BlockHeaderAPI:
        return self._chain.get_canonical_block_header_by_number(BlockNumber(number))

    def last_until(self, time: int) -> BlockHeaderAPI | None:
        """Return the last block at or before ``time`` (unix seconds); None if there is none."""
        numbers = range(self.head().block_number + 1)
        later = bisect_right(numbers, time, key=lambda number: self.header(number).timestamp)
        return self.header(later - 1) if later else None

    def nonce(self, address: bytes) -> int:
        return self._chain.get_vm(self.head()).state.get_nonce(Address(address))

    def code(self, at: BlockHeaderAPI, address: bytes) -> bytes:
        return self._chain.get_vm(at).state.get_code(Address(address))

    def call(self, at: BlockHeaderAPI, to: bytes, data: bytes, gas: int = CALL_GAS) -> Answer:
        """Run a call at the block ``at``, as a node does for ``eth_call``."""
        vm = self._chain.get_vm(at)
        unsigned = _free_transaction(vm.state.get_nonce(_NOBODY), to, data, gas)
        spoofed: Any = SpoofTransaction(unsigned, from_=_NOBODY)
        computation = vm.state.apply_transaction(spoofed)
        return Answer(not computation.is_error, computation.output)

    def signed(self, key: bytes, to: bytes, data: bytes) -> bytes:
        """Return the next transaction of a 32-byte key. It pays no gas. An empty ``to`` creates a contract."""
        unsigned = _free_transaction(self.nonce(_account(key)), to, data, GAS_LIMIT)
        return bytes(unsigned.as_signed_transaction(PrivateKey(key)).encode())

    def mine(self, time: int, raw: bytes) -> tuple[Receipt, bytes]:
        """Make a block of that time with this signed transaction; return its receipt, and the contract's 20 bytes.

        ``InvalidInput`` if it is malformed, for another chain, or refused. The caller then rolls the block back.
        """
        transaction = self._decoded(raw)
        self._chain.set_header_timestamp(time)
        try:
            result, receipts, computations = self._chain.mine_all([transaction])
        except ValidationError as error:
            advice = "Check the account, its nonce and the chain it signs for; nothing was sent."
            raise InvalidInput(f"the chain refused the transaction: {error}", advice) from None
        if computations[0].is_error:
            raise refusal(computations[0].output)
        header, hash_, payer = result.imported_block.header, to_hex(transaction.hash), checksum(transaction.sender)
        receipt = Receipt(hash_, header.block_number, header.timestamp, receipts[0].gas_used, payer)
        return receipt, computations[0].msg.storage_address

    def deploy(self, time: int, key: bytes, code: bytes) -> bytes:
        """Create a contract from the account of a 32-byte key; return its 20-byte address."""
        return self.mine(time, self.signed(key, b"", code))[1]

    def _decoded(self, raw: bytes) -> SignedTransactionAPI:
        try:
            return self._chain.get_vm().get_transaction_builder().decode(raw)
        except (RLPException, VMError, ValidationError, ValueError, IndexError) as error:
            raise InvalidInput(f"the sender's wallet returned no transaction: {type(error).__name__}") from None


def _account(key: bytes) -> Address:
    return Address(PrivateKey(key).public_key.to_canonical_address())


def _free_transaction(nonce: int, to: bytes, data: bytes, gas: int) -> Any:
    builder: Any = PragueVM.get_transaction_builder()
    return builder.new_unsigned_dynamic_fee_transaction(
        chain_id=CHAIN_ID,
        nonce=nonce,
        max_priority_fee_per_gas=0,
        max_fee_per_gas=0,
        gas=gas,
        to=Address(to),
        value=0,
        data=data,
        access_list=(),
    )
