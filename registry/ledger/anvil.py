"""A devnet's calls of its anvil: money for accounts, the whole state, the registry's events.

None of them is ``anvil_nodeInfo``: anvil 1.x sometimes answers nothing any more when it mines meanwhile.
"""

from __future__ import annotations

import zlib
from typing import Any, NamedTuple

from registry.core.errors import LedgerUnavailable
from registry.core.scalars import checksum, to_hex
from registry.ledger.abi import ANCHORED, REVOKED, REVOKED_ALL
from registry.ledger.base import Deployment, Head
from registry.ledger.blocks import block_call, head_in, quantity
from registry.net.json_rpc import Call, Node, NodeError, hex_bytes

SECONDS = 3.0
# Limits for the whole state, compressed and in hexadecimal digits. anvil sends 60 MiB in three seconds.
DUMP_SECONDS, MAX_DUMP_BYTES = 20.0, 128 << 20
MAX_STATE_BYTES = 512 << 20
ETHER = 10**18
# Methods that a devnet and its notary call again and again. A log of the node's calls leaves them out.
ROUTINE = ("anvil_dumpState", "eth_chainId", "eth_getBlockByNumber")

_KINDS = {
    ANCHORED: "anchor",
    REVOKED: "revocation",
    REVOKED_ALL: "revoke-all",
}


class Logged(NamedTuple):
    """One event of the registry. ``subject`` is its root, handle or address."""

    kind: str
    block: int
    subject: str
    transaction: str


class Anvil:
    """The node at ``url``. ``seconds`` bounds each request but that of `state`. Methods raise LedgerUnavailable."""

    def __init__(self, url: str, seconds: float = SECONDS) -> None:
        self._node = Node(url, seconds)
        self._dumping = Node(url, DUMP_SECONDS, MAX_DUMP_BYTES)
        self._with_old_states = True

    def tip(self) -> Head:
        """Return the newest block."""
        return head_in(self._node, self._node.ask(block_call("latest")))

    def has(self, block: Head) -> bool:
        """Return whether this block is still on the chain."""
        answer = self._node.ask(block_call(block.number))
        return isinstance(answer, dict) and head_in(self._node, answer).hash == block.hash

    def balance(self, address: str) -> int:
        """Return the account's balance in wei."""
        return quantity(self._node, self._answer("eth_getBalance", address, "latest"), 2**256)

    def fund(self, address: str, wei: int) -> None:
        """Give the account at least this much play money."""
        if self.balance(address) < wei:
            self._answer("anvil_setBalance", address, hex(wei))

    def logged(self, deployment: Deployment, first: int, last: int) -> list[Logged]:
        """Return the registry's events in these blocks, in the chain's order."""
        where = {"address": deployment.registry, "fromBlock": hex(first), "toBlock": hex(last)}
        try:
            return [_logged(entry) for entry in self._answer("eth_getLogs", where) if entry["topics"][0] in _KINDS]
        except (TypeError, KeyError, IndexError, ValueError):
            raise self._node.unavailable("its answer holds no logs") from None

    def state(self) -> bytes:
        """Return the whole chain as JSON, for anvil's ``--load-state``.

        It includes the states of old blocks, for reads below the newest one, until these are too large for an answer.
        """
        self.tip()  # fails soon if the node is silent; the dump has a longer limit
        try:
            return self._dumped(self._with_old_states)
        except LedgerUnavailable:
            self.tip()  # fails if the node is silent: the size is not the reason then
            if not self._with_old_states:
                raise
            self._with_old_states = False
            return self._dumped(False)

    def _dumped(self, with_old_states: bool) -> bytes:
        packed = hex_bytes(self._answer("anvil_dumpState", with_old_states, node=self._dumping))
        reader = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)  # gzip
        try:
            state = reader.decompress(packed or b"", MAX_STATE_BYTES)
        except zlib.error:
            state = b""
        if not state or not reader.eof:
            raise self._node.unavailable("it did not send its whole state")
        return state

    def _answer(self, method: str, *params: Any, node: Node | None = None) -> Any:
        answer = (node or self._node).ask(Call(method, params))
        if isinstance(answer, NodeError):
            raise self._node.unavailable(f"it refused {method}: {answer.message}")
        return answer


def _logged(entry: Any) -> Logged:
    kind, word = _KINDS[entry["topics"][0]], hex_bytes(entry["topics"][1])
    if word is None or len(word) != 32:
        raise ValueError("no word")
    subject = checksum(word[12:]) if kind == "revoke-all" else to_hex(word)
    return Logged(kind, int(entry["blockNumber"], 16), subject, str(entry["transactionHash"]))
