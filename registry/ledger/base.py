"""The protocol of all ledgers: heads, facts, transactions and their receipts.

``LedgerUnavailable`` means "could not check", never "no": an answer could not be read or trusted. ``InvalidInput``
means that the contract refuses a call.
"""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, NamedTuple, Protocol, runtime_checkable

import msgspec
from msgspec import Meta, Struct

from registry.core import codec
from registry.core.errors import InvalidInput, Malformed
from registry.core.facts import MAX_DEPTH, FactQuery, Facts, HandleQuery, SignatureQuery
from registry.core.scalars import MAX_SAFE_INTEGER, Address, UInt64, check_address
from registry.fs.files import replace_file

MAX_DEPLOYMENT_BYTES = 4_096


class OutOfFunds(InvalidInput):
    """The account that pays does not hold enough."""


class FeeTooHigh(InvalidInput):
    """The chain asks for more than the limit of fees allows."""


class CallRefused(InvalidInput):
    """The contract refuses the call."""


class Receipt(NamedTuple):
    """A transaction in a block. ``transaction`` is its 0x hash, ``time`` the block's (unix seconds).

    ``gas_used`` is 0 if the node does not tell it. ``notary`` names the notary that paid, if one did; its word is all
    that is known of the transaction and the block then, and they may be missing ("" and 0).
    """

    transaction: str
    block: int
    time: int
    gas_used: int
    sender: str
    notary: str = ""


class Pending(Protocol):
    """A transaction that was sent."""

    @property
    def transaction(self) -> str:
        """The 0x hash. A replacement with higher fees, sent while waiting, has another one."""

    def wait(self) -> Receipt:
        """Wait until it is in a block, and deep enough; a second call returns the same receipt.

        ``InvalidInput`` if the contract refused it. ``LedgerUnavailable`` if its end is unknown in time; then another
        call waits on.
        """


class Settled(NamedTuple):
    """A `Pending` transaction that is already in a block."""

    receipt: Receipt

    @property
    def transaction(self) -> str:
        return self.receipt.transaction

    def wait(self) -> Receipt:
        return self.receipt


class Head(NamedTuple):
    """The newest block: number, 0x hash, time in unix seconds."""

    number: int
    hash: str
    time: int


class Deployment(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The contracts of one network. Logs are read from ``block``, the registry's own; 0 means unknown."""

    chain_id: Annotated[int, Meta(ge=1, le=MAX_SAFE_INTEGER)]
    registry: Address
    verifier: Address
    block: UInt64

    def __post_init__(self) -> None:
        check_address(self.registry)
        check_address(self.verifier)


@runtime_checkable
class Sender(Protocol):
    """An account that can pay for a transaction."""

    @property
    def address(self) -> str:
        """Checksummed."""

    def sign_transaction(self, tx: dict[str, Any]) -> bytes:
        """Return the signed transaction's bytes. ``tx`` has JSON-RPC's names, and numbers as integers."""


@runtime_checkable
class Submitter(Protocol):
    """A wallet that pays for a transaction and sends it by itself, without showing the signed bytes."""

    @property
    def address(self) -> str:
        """Checksummed."""

    def send_transaction(self, tx: dict[str, Any]) -> str:
        """Send it and return its 0x hash. ``tx`` is as for a `Sender`, but without nonce, which the wallet chooses.

        ``Rejected`` if the person declines; ``LedgerUnavailable`` if it may have been sent.
        """


Payer = Sender | Submitter


@runtime_checkable
class Ledger(Protocol):
    """One ConsentRegistry on one chain, the one of ``deployment``. Safe to use from several threads."""

    deployment: Deployment
    # Whether it pays where a caller names no sender.
    has_relay: bool = True

    def head(self) -> Head:
        """Return the newest block. ``LedgerUnavailable`` if it cannot be read or is another chain's."""

    def facts(
        self,
        questions: Iterable[FactQuery | HandleQuery],
        signatures: Iterable[SignatureQuery] = (),
        *,
        depth: int = 0,
        as_of: int | None = None,
    ) -> Facts:
        """Read all answers at one head.

        ``anchored_at`` is read ``depth`` blocks below the head, the rest at the head. ``as_of`` (unix seconds) counts
        only if it is before the head's time, and ``Facts.as_of`` says whether it did. Then the cutoff is the largest
        one logged until ``as_of``, and ERC-1271 is asked at the last block until ``as_of``. ``LedgerUnavailable`` if
        anything could not be read, old state included.
        """

    def submit(self, function: str, *args: Any, sender: Payer | None = None) -> Pending:
        """Send a transaction that calls a writing function of the contract, and return without waiting for a block.

        Arguments are 0x strings, bytes or integers, in the order of contracts/IConsentRegistry.sol. Without ``sender``
        the ledger's relay pays, if it has one. ``InvalidInput`` if the contract refuses the call now, or the arguments
        are wrong; a later refusal is raised by `Pending.wait`. Every function is idempotent: repeat a call after
        ``LedgerUnavailable``.
        """

    def transact(self, function: str, *args: Any, sender: Payer | None = None) -> Receipt:
        """Submit, and wait until the transaction is in a block."""
        return self.submit(function, *args, sender=sender).wait()


def check_depth(depth: int, as_of: int | None) -> None:
    """Require a possible ``depth`` and ``as_of``; else ``InvalidInput``."""
    if not 0 <= depth <= MAX_DEPTH:
        raise InvalidInput(f"a depth of {depth} blocks makes no sense", f"Use a depth from 0 to {MAX_DEPTH:,}.")
    if as_of is not None and as_of < 0:
        raise InvalidInput("a time before 1970 was asked for", "Give the time in seconds since 1970.")


_decoder = msgspec.json.Decoder(Deployment)


def parse_deployment(raw: bytes) -> Deployment:
    """Return the deployment that this JSON describes, with four members and no others; else ``InvalidInput``."""
    try:
        return codec.loads(raw.removeprefix(BOM_UTF8), _decoder, MAX_DEPLOYMENT_BYTES)
    except Malformed as error:
        raise InvalidInput(f"the deployment file: {error}", "Restore it from where you got the network.") from None


def read_deployment(path: Path) -> Deployment:
    """Read ``deployment.json``; ``InvalidInput`` if there is none or it is malformed."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_DEPLOYMENT_BYTES + 1)
    except OSError as error:
        advice = "Give the path of the network's deployment.json."
        raise InvalidInput(f"the deployment file cannot be read: {error.strerror}", advice) from None
    return parse_deployment(raw)


def write_deployment(path: Path, deployment: Deployment) -> None:
    """Write ``deployment.json`` in one step, so that a reader sees all of it or nothing."""
    replace_file(path, msgspec.json.format(codec.encode(deployment)) + b"\n")
