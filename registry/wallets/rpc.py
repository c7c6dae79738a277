"""Signs with wallets that answer JSON-RPC at a URL: nodes that hold accounts, Frame, bridges to hardware wallets.

Their errors are those of EIP-1193, and EIP-712 defines the method that signs. Each signature is checked here.
"""

from __future__ import annotations

import re
from typing import Any, Final

from registry.core.errors import InvalidInput, LedgerUnavailable, Rejected
from registry.core.scalars import checksum
from registry.net.json_rpc import Call, Node, NodeError, hex_bytes
from registry.wallets.base import checked_safe_message, checked_signature, checked_statement

# Each request takes no longer. The person has to read, unlock a device and press a button.
SECONDS = 180.0
MAX_ACCOUNTS = 1_000
_SAID_NO, _UNAUTHORIZED, _UNKNOWN_METHODS = 4001, 4100, (4200, -32601)


def accounts(url: str, *, seconds: float = SECONDS) -> list[str]:
    """Return the checksummed accounts that the wallet at ``url`` shares; ``Rejected`` if it does not list them."""
    node = Node(url, seconds)
    answer = _ask(node, "eth_accounts")
    found = [hex_bytes(each) or b"" for each in answer] if isinstance(answer, list) else [b""]
    if len(found) > MAX_ACCOUNTS or any(len(address) != 20 for address in found):
        raise Rejected(f"what answers at {node.name} lists no accounts", "Check the URL of the wallet.")
    return [checksum(address) for address in found]


def open_wallet(url: str, account: str | None = None) -> RpcWallet:
    """Return the wallet's account with this address, by default its only one; ``InvalidInput`` if there is none."""
    shared = accounts(url)
    if not shared:
        raise Rejected("the wallet shares no account", "Unlock it, and let this program use an account.")
    chosen = shared if account is None else [each for each in shared if each.lower() == account.lower()]
    if len(chosen) != 1:
        problem = "the wallet has several accounts" if account is None else f"the wallet has no account {account[:50]}"
        raise InvalidInput(problem, f"Name one of {', '.join(shared)}.")
    return RpcWallet(url, chosen[0])


class RpcWallet:
    """One account of a wallet at a URL; it can also pay for transactions, which it sends itself."""

    def __init__(self, url: str, address: str, *, seconds: float = SECONDS) -> None:
        self._node = Node(url, seconds)
        self.address: Final = address

    def sign_typed_data(self, typed_data: dict[str, Any]) -> bytes:
        """Return 65 bytes r || s || v, checked here; ``Rejected`` says what went wrong."""
        return self._signed(typed_data, checked_statement(typed_data)[1])

    def sign_safe_message(self, typed_data: dict[str, Any], safe: str) -> bytes:
        """Sign the Safe's message of this statement; return 65 bytes."""
        return self._signed(*checked_safe_message(typed_data, safe))

    def _signed(self, document: dict[str, Any], digest: bytes) -> bytes:
        answer = hex_bytes(_ask(self._node, "eth_signTypedData_v4", self.address, document))
        if answer is None:
            raise Rejected(f"the wallet at {self._node.name} returned no signature")
        return checked_signature(answer, digest, self.address)

    def send_transaction(self, tx: dict[str, Any]) -> str:
        """Have the wallet sign and send a transaction with JSON-RPC's names and integers; return its 0x hash.

        ``Rejected`` if the person says no; ``LedgerUnavailable`` if it is unknown whether it was sent.
        """
        chain = _number(_ask(self._node, "eth_chainId"))
        if chain != tx["chainId"]:
            advice = "Choose the chain in the wallet, or pay from another account."
            raise InvalidInput(f"the wallet is on chain {chain}, not on {tx['chainId']}", advice)
        plain = {name: hex(value) if isinstance(value, int) else value for name, value in tx.items()}
        try:
            answer = self._node.ask(Call("eth_sendTransaction", ({"from": self.address, **plain},)))
        except LedgerUnavailable as error:
            raise _unclear(str(error)) from None
        if isinstance(answer, NodeError):
            raise _refusal(self._node, "eth_sendTransaction", answer)
        if len(hex_bytes(answer) or b"") != 32:
            raise _unclear(f"{self._node.name}: its answer is no transaction's hash")
        return str(answer).lower()


def _ask(node: Node, method: str, *params: Any) -> Any:
    try:
        answer = node.ask(Call(method, params))
    except LedgerUnavailable as error:
        advice = "Check that it runs and is unlocked, and answer it in time; nothing was signed."
        raise Rejected(f"the wallet at {error}", advice) from None
    if isinstance(answer, NodeError):
        raise _refusal(node, method, answer)
    return answer


def _refusal(node: Node, method: str, error: NodeError) -> Rejected | InvalidInput:
    if error.code == _SAID_NO:
        return Rejected("you said no in the wallet")
    if error.code == _UNAUTHORIZED:
        advice = "Unlock it, let this program use the account, and try again; nothing was signed."
        return Rejected(f"the wallet at {node.name} is locked, or does not let this program use the account", advice)
    if error.code in _UNKNOWN_METHODS:
        return InvalidInput(f"the wallet at {node.name} has no {method}", "Use another wallet; nothing was signed.")
    return Rejected(f"the wallet at {node.name} refused: {error.message}")


def _unclear(why: str) -> LedgerUnavailable:
    advice = "Check in the wallet whether it was sent; sending it again does no harm."
    return LedgerUnavailable(f"the wallet at {why}; it may have sent the transaction", advice)


def _number(value: Any) -> int | None:
    return int(value, 16) if isinstance(value, str) and re.fullmatch("0x[0-9a-fA-F]{1,64}", value) else None
