"""Every error that this package raises on purpose, each with one sentence of advice.

There are six families. None is a subclass of another, because callers answer each differently:

- ``NotConsented``: the evidence was judged, and the answer is no. It has one subclass for each name of
  docs/formats.md, "Verification", in the order of Solidity's ``Status``.
- ``CouldNotCheck``: the chain, the store or the database was not asked or did not answer. Neither yes nor no.
- ``SealedDataError``: sealed bytes do not open, because they are damaged or sealed to other keys.
- ``LogChanged``: a brand's use log, which may only grow, did not.
- ``InvalidInput``: the request makes no sense. Nothing was done.
- ``Rejected``: the person, or their wallet, declined.
"""

from __future__ import annotations

from collections.abc import Sequence


class ConsentError(Exception):
    """Base of all. ``advice`` says in one sentence what to do now. Messages never hold secrets.

    ``details`` has a line for each fault, where one message tells of several.
    """

    advice = ""

    def __init__(self, message: str, advice: str | None = None, details: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.details = tuple(details)
        if advice is not None:
            self.advice = advice


class NotConsented(ConsentError):
    """The evidence was judged, and the answer is no."""


class Malformed(NotConsented):
    advice = "Ask for the original file again; if it was re-formatted, `consent evidence canonical` restores it."


class WrongDomain(NotConsented):
    advice = "The evidence belongs to another chain or registry; check it with the configuration of that one."


class BadSignature(NotConsented):
    advice = (
        "Do not rely on it: somebody else signed it, it was altered, or the author is a contract that no longer "
        "accepts it because its owners changed."
    )


class BadMandate(NotConsented):
    advice = "Ask for one that the mandate covers, or ask the person for one that they signed themselves."


class NotIncluded(NotConsented):
    advice = "Ask for evidence whose proof belongs to this statement and signature."


class NotAnchored(NotConsented):
    advice = "Wait for the anchoring transaction or for more confirmations, then verify again."


class PostDated(NotConsented):
    advice = "The statement claims to be younger than its anchor; ask for a new one from a device whose clock is right."


class BackDated(NotConsented):
    advice = "The statement was anchored long after the date it claims; ask for a new one."


class Revoked(NotConsented):
    advice = "Stop processing now; only a new grant can allow it again."


class NotYetValid(NotConsented):
    advice = "Wait until the grant begins."


class Expired(NotConsented):
    advice = "Ask the person for a new grant."


class NoticeMismatch(NotConsented):
    advice = "The grant does not fit the notice beside it; ask for one that does."


class WrongController(NotConsented):
    advice = "The grant was given to somebody else; it allows you nothing."


class PurposeNotGranted(NotConsented):
    advice = "Ask the person for a grant of that purpose."


class DataNotGranted(NotConsented):
    advice = "Ask the person for a grant of that data."


class TermsNotGranted(NotConsented):
    advice = "The person agreed to other terms; keep to those or ask again."


class NotAccepted(NotConsented):
    advice = "The controller has to counter-sign it: `consent accept FILE`."


class CouldNotCheck(ConsentError):
    """Neither yes nor no: the facts that decide it could not be read."""


class LedgerUnavailable(CouldNotCheck):
    advice = "Check that the chain is reachable and is the configured one, then try again."


class DatabaseUnavailable(CouldNotCheck):
    """A service's own database is away, damaged, full, or of a newer version."""

    advice = "Check that the database is running and reachable, then try again."


class WorkingCopyLost(CouldNotCheck):
    """The vault's working copy is missing, damaged, or not the one that belongs here. It has to be made again."""

    advice = "The vault makes it again from its blocks; nothing is lost."


class NotaryUnavailable(CouldNotCheck):
    """A notary did not answer, refused, or did not do what it promised."""

    advice = "Try again later, name another notary with --notary, or pay yourself with --sender."


class BrandUnavailable(CouldNotCheck):
    """A brand's service did not answer, or answered what cannot be believed.

    ``seconds`` is the pause that it asks for, and ``name`` that of its problem.
    """

    advice = "Nothing is lost: what could not be delivered waits here, and `consent status` tries again."

    def __init__(self, message: str, advice: str | None = None, seconds: float | None = None, name: str = "") -> None:
        super().__init__(message, advice)
        self.seconds, self.name = seconds, name


class NotYetAnchored(CouldNotCheck):
    """It is signed and kept, and the chain does not show it yet. ``digest`` names the statement, where it is known."""

    digest = ""

    advice = "`consent status` completes it; until then it proves nothing."


class StorageUnavailable(CouldNotCheck):
    """A content store failed. Raised itself where no subclass describes the failure better."""

    advice = "Check that the content store is reachable and holds the data, then try again."


class StorageDown(StorageUnavailable):
    """Nothing answers at its address, or only a proxy that reports the store as down."""

    advice = "Start it, or correct its address."


class StorageSlow(StorageUnavailable):
    advice = "Try again when it is less busy, or allow it more time."


class StorageFull(StorageUnavailable):
    advice = "Make room in the content store, then try again."


class StorageLimited(StorageUnavailable):
    """It answers, but accepts no more requests for now, or none this large."""

    advice = "Ask less often, or wait until its limit is renewed."


class StorageCut(StorageUnavailable):
    """The connection ended before the answer did."""

    advice = "Try again; if that goes on, look at the network and at its log."


class StorageTooOld(StorageUnavailable):
    advice = "Update it."


class StorageRefused(StorageUnavailable):
    """It refused the request; ``words`` is its own message."""

    advice = "Look at its log, then try again."

    def __init__(self, message: str, advice: str | None = None, words: str = "") -> None:
        super().__init__(message, advice)
        self.words = words


class BlockMismatch(StorageUnavailable):
    """The store returned bytes that do not hash to the requested identifier."""

    advice = "The store returned the wrong bytes; try another source, and do not trust this one."


class SealedDataError(ConsentError):
    """Sealed bytes that do not open."""


class DamagedSeal(SealedDataError):
    advice = "The sealed file is damaged or was altered; fetch it again from its content identifier."


class NotARecipient(SealedDataError):
    advice = "It is sealed to other keys than yours; use the identity that it was sealed to."


class WrongCapsule(SealedDataError):
    """The capsule opens, but was made for another subject, controller or grant."""

    advice = "It does not belong to this grant; ask the person for the right one."


class WrongPassphrase(SealedDataError):
    advice = "Try the passphrase again; nothing was changed."


class LogChanged(ConsentError):
    """A brand's use log is not a continuation of what was seen of it. ``file`` holds what proves it."""

    advice = "Keep the file that tells of it, and ask the brand; a supervisory authority can check it too."

    def __init__(self, message: str, file: bytes) -> None:
        super().__init__(message)
        self.file = file


class InvalidInput(ConsentError):
    advice = "Correct it and try again; nothing was done."


class BrandRefused(InvalidInput):
    """A brand's service took the request, judged it, and refused it. ``name`` and ``step`` are those of its problem."""

    advice = "Hand the file over by hand, or ask the brand."

    def __init__(self, message: str, advice: str | None = None, name: str = "", step: int | None = None) -> None:
        super().__init__(message, advice)
        self.name, self.step = name, step


class Rejected(ConsentError):
    """The person, or their wallet, declined to sign."""

    advice = "Nothing was signed."
