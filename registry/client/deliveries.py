"""What a home delivers to brands: for each answer of the person, what the brand has, what waits, and where it is found.

A delivery is a file ``deliveries/DIGEST.json`` of the home, mode 0600. Its capability is a secret: whoever has it reads
what the brand tells this person. It is kept as the home's tokens and openings are, so that no seed is needed to go on.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from registry.client.web import Web
from registry.config.network_file import read_domains
from registry.core import codec
from registry.core.errors import BrandUnavailable, InvalidInput, Malformed
from registry.core.scalars import Bytes32, UInt64
from registry.fs.files import file_lock, make_folder, read_bounded, replace_file

# It names some 250,000 blocks, so 60 GB of files.
MAX_DELIVERY = 16 * 1024 * 1024
# A day, in seconds: a brand that asks for more would be as good as gone.
MAX_PAUSE = 86_400
INBOX_PATH = "/v1/evidence"
_Capability = Annotated[str, Meta(pattern=r"\A[0-9a-f]{32}\Z")]


class Reached(StrEnum):
    """How far the signed statement is with the brand.

    ``WAITING``: the brand does not have it. ``PROMISED``: it took the statement beside a notary's promise. ``TAKEN``:
    it took the evidence. ``REFUSED``: it judged it, and said no. ``CLOSED``: it ended before the brand had it.
    """

    WAITING = "waiting"
    PROMISED = "promised"
    TAKEN = "taken"
    REFUSED = "refused"
    CLOSED = "closed"


class Trouble(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Why the last try did not succeed: an error's name and words, and when (unix seconds).

    ``step`` is the verification's that failed, and ``number`` that of the newer update which the brand has.
    """

    name: str
    detail: str
    at: UInt64
    advice: str = ""
    step: int | UnsetType = UNSET
    number: UInt64 | UnsetType = UNSET


class Delivery(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True, rename="camel"):
    """One answer on its way to a brand.

    ``blocks`` are the CIDs that wait, in the order in which they are sent, and ``sent`` those that the brand holds.
    ``update`` is the sealed StreamUpdate that waits, and ``number`` that of the last one that the brand took. ``told``
    says whether the brand was told that the grant ended. Nothing is tried before ``next_try`` (unix seconds).
    """

    digest: Bytes32
    kind: Literal["Grant", "Refusal"]
    brand: str
    domain: str
    inbox: str
    since: UInt64
    capability: _Capability | UnsetType = UNSET
    stage: Reached = Reached.WAITING
    blocks: tuple[str, ...] = ()
    sent: tuple[str, ...] = ()
    update: bytes | UnsetType = UNSET
    update_number: UInt64 = 0
    number: UInt64 = 0
    told: bool = False
    trouble: Trouble | UnsetType = UNSET
    next_try: UInt64 = 0

    def __repr__(self) -> str:
        # The capability is a secret.
        return f"Delivery({self.digest[:14]}, {self.stage})"

    @property
    def base(self) -> str:
        """The URL of the brand's service, to which its paths are added."""
        return self.inbox.removesuffix(INBOX_PATH)

    @property
    def full_name(self) -> str:
        """The brand's name with its domain: two brands may have one name."""
        return f"{self.brand} ({self.domain})"

    @property
    def place(self) -> tuple[str, str]:
        """Whom it goes to, and where: any brand can name the inbox of another one as its own."""
        return self.domain, self.inbox

    @property
    def url(self) -> str | None:
        """The capability URL, a secret: below it lie ``evidence``, ``uses``, ``messages``. None before it is given."""
        return None if isinstance(self.capability, UnsetType) else f"{self.base}/v1/grants/{self.capability}"

    @property
    def is_over(self) -> bool:
        """Whether it was closed, or its brand was told that it ended."""
        return self.told or self.stage is Reached.CLOSED

    def is_due(self, now: int) -> bool:
        """Whether it may be tried at the time ``now`` (unix seconds). No pause is longer than a day.

        A longer one was noted while this machine's clock was wrong.
        """
        return not now < self.next_try <= now + MAX_PAUSE

    @property
    def waits(self) -> bool:
        """Whether something is still to be sent."""
        if self.stage in (Reached.REFUSED, Reached.CLOSED):
            return False
        return self.stage is not Reached.TAKEN or bool(self.blocks) or self.update is not UNSET


_decoder = msgspec.json.Decoder(Delivery)


class Deliveries:
    """The deliveries of the home at ``path``. ``network`` is the folder that maps a development network's names.

    One process at a time works on a delivery; it holds the lock beside the file.
    """

    def __init__(self, path: Path, network: Path | None = None, web: Web | None = None) -> None:
        self._folder, self._network = path / "deliveries", network
        self._web = web

    @cached_property
    def web(self) -> Web:
        """Asks the brands' servers; ``InvalidInput`` where the table of names is damaged."""
        return self._web or Web({} if self._network is None else read_domains(self._network))

    def find(self, digest: str) -> Delivery | None:
        """Return the delivery of the statement with exactly this digest (0x hex); None where there is none."""
        file = self._file(digest)
        return _read(file) if file.exists() else None

    def capability_url(self, digest: str) -> str | None:
        """Return the URL below which the brand tells of this statement, a secret; None where it gave none yet."""
        found = self.find(digest)
        return None if found is None else found.url

    def all(self) -> list[Delivery]:
        """Return all deliveries that can be read, the oldest first; `damaged` names the others."""
        found = [each for each in self._each() if isinstance(each, Delivery)]
        return sorted(found, key=lambda each: (each.since, each.digest))

    def damaged(self) -> list[InvalidInput]:
        """Return an error for each file that cannot be read. It keeps no other delivery from anything."""
        return [each for each in self._each() if isinstance(each, InvalidInput)]

    def keep(self, delivery: Delivery) -> Delivery:
        """Keep a delivery durably, over an older state of it, and return it. ``InvalidInput`` for too many blocks."""
        raw = codec.encode(delivery)
        if len(raw) > MAX_DELIVERY:
            raise InvalidInput("it hands over too many blocks to be delivered", "Hand it over yourself: --by-hand.")
        replace_file(self._file(delivery.digest), raw)
        return delivery

    def drop(self, digest: str) -> None:
        """Forget a delivery."""
        self._file(digest).unlink(missing_ok=True)

    def holding(self, digest: str) -> AbstractContextManager[object]:
        """Keep other processes from a delivery; ``BrandUnavailable`` where one has it."""
        lock = self._file(digest).with_suffix(".lock")
        try:
            make_folder(lock.parent)
            return file_lock(lock, 0)
        except TimeoutError:
            advice = "Let it end, then see `consent status`."
            raise BrandUnavailable("another process is delivering it", advice) from None
        except OSError:
            # On a disk without locks two processes may send the same twice, which the brand takes as once.
            return nullcontext()

    def sweep_locks(self) -> None:
        """Remove the locks of deliveries that are kept no longer, unless a process holds them."""
        for lock in self._folder.glob("0x*.lock"):
            if not lock.with_suffix(".json").exists():
                with suppress(BrandUnavailable, OSError), self.holding(lock.stem):
                    if not lock.with_suffix(".json").exists():
                        lock.unlink()

    def _each(self) -> Iterator[Delivery | InvalidInput]:
        for file in sorted(self._folder.glob("0x*.json")):
            try:
                yield _read(file)
            except InvalidInput as error:
                if file.exists():
                    yield error

    def _file(self, digest: str) -> Path:
        return self._folder / f"{digest}.json"


def _read(file: Path) -> Delivery:
    try:
        return codec.decode(read_bounded(file, MAX_DELIVERY), _decoder, MAX_DELIVERY)
    except Malformed as error:
        advice = "Restore it from a backup, or move it away and hand the files over by hand."
        raise InvalidInput(f"{file} is damaged: {error}", advice) from None
