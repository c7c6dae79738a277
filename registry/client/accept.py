"""The brand's side of a grant: counter-sign it, and open the data that it hands over."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from registry.client.evidence_store import kept_copy
from registry.client.open_bundles import BundleOpener
from registry.client.opened_folder import OpenedGrant
from registry.client.party import Brand, Party
from registry.client.pending import finish, pending_answer, publish
from registry.client.sign import Anchored, anchor, fresh_salt, keep, sign, unanchored
from registry.client.verify import read, verify
from registry.core.errors import InvalidInput, NotARecipient, StorageUnavailable, WrongCapsule
from registry.core.evidence.file import Evidence, with_acceptance
from registry.core.ipld.cid import cid_from_digest
from registry.core.scalars import ZERO_WORD, to_hex, unhex
from registry.core.sealed.bundles import BundleKey
from registry.core.sealed.capsule import Capsule, StreamUpdate, open_capsule, open_update
from registry.core.sealed.files import MAX_OPENED as MAX_OPENED
from registry.core.sealed.files import Budget
from registry.core.statements.messages import Acceptance, Grant
from registry.core.verify.judge import VerifiedStatement
from registry.fs.files import making_folder, remove_left, writing

_MORE = "If you trust the person's software, allow more (`--max-size`)."


class Opened(NamedTuple):
    """One opened bundle: the file with a line for each record, its size in bytes, and what it holds."""

    path: Path
    size: int
    category: str
    records: int
    files: int


def accept(party: Party, file: Evidence | bytes) -> Anchored:
    """Verify a grant to this brand, counter-sign it, and keep the completed file: both sides hold the same bytes.

    A grant that this brand accepted before, in this file or in the one that it keeps, is accepted: nothing is sent,
    and the receipt is None. With notaries the signed acceptance stays pending until it is anchored, as for `grant`.
    """
    evidence = read(file)
    for given in (evidence, kept_copy(party.evidence, evidence)):
        if given is not None and _own_grant(party, given).acceptance == "verified":
            return keep(party, Anchored(given, None))
    if (pending := pending_answer(party, "Acceptance", "grant", to_hex(evidence.digest))) is not None:
        return finish(party, pending)
    message = Acceptance(
        grant=to_hex(evidence.digest),
        controller=party.address,
        issued_at=party.network.date_for(party.address),
        salt=fresh_salt(),
    )
    if party.notaries is not None:
        party.evidence.keep(evidence)
        return publish(party, unanchored(party, message, sign(party, message)))
    done = anchor(party, message, sign(party, message))
    return keep(party, done._replace(evidence=with_acceptance(evidence, done.evidence)))


def open_data(
    brand: Brand,
    file: Evidence | bytes,
    directory: Path,
    *,
    update: bytes | None = None,
    max_bytes: int = MAX_OPENED,
) -> list[Opened]:
    """Verify a grant to this brand, and open the data that it hands over into a new ``directory``: all or nothing.

    A sealed ``update`` from the person brings a directory that was opened before up to date, and fetches only what was
    not read before; one older than the directory is ``InvalidInput``. In a new directory it opens the newest state.
    ``max_bytes`` bounds what is fetched, what it unpacks to, and what is written with FILE_BYTES more for each file;
    ``InvalidInput`` if there is more. ``Malformed`` if a list of the person's repeats itself.
    """
    # A killed process may have left opened data, and the consent for it may have ended since.
    remove_left(directory)
    evidence = _own_grant(brand, file).evidence
    is_old = directory.exists() and (not directory.is_dir() or any(directory.iterdir()))
    if is_old and update is None:
        raise InvalidInput(f"{directory} exists and is not an empty folder", "Name a new folder.")
    budget = Budget(max_bytes, f"Nothing was written. {_MORE}")
    capsule = _capsule(brand, evidence, budget)
    news = None if update is None else _update(brand, evidence, capsule, update)
    opener = BundleOpener(brand.network.store, capsule.vault_key, budget)
    with writing(directory):
        if is_old and news is not None:
            return _opened(opener.update(news, directory), directory)
        number, keys = (0, capsule.streams) if news is None else (news.number, news.streams)
        with _telling_of_updates(update), making_folder(directory) as made:
            state = opener.open(to_hex(evidence.digest), keys, made, number)
    return _opened(state, directory)


def _update(brand: Brand, evidence: Evidence, capsule: Capsule, sealed: bytes) -> StreamUpdate:
    with _advising():
        news = open_update(sealed, brand.identity, to_hex(evidence.digest), capsule.vault_key)
    check_granted(evidence, news.streams)
    return news


def _capsule(brand: Brand, evidence: Evidence, budget: Budget) -> Capsule:
    grant = evidence.statement.message
    assert isinstance(grant, Grant)
    if grant.content == ZERO_WORD:
        raise InvalidInput("this grant hands over no stored data", "There is nothing to open.")
    sealed = brand.network.store.get(cid_from_digest(unhex(grant.content)))
    budget.fetched(len(sealed))
    with _advising():
        capsule = open_capsule(sealed, brand.identity, grant)
    check_granted(evidence, capsule.streams)
    return capsule


def check_granted(evidence: Evidence, streams: Sequence[BundleKey]) -> None:
    """``WrongCapsule`` for what the person did not say yes to, whatever their software hands over."""
    grant = evidence.statement.message
    assert isinstance(grant, Grant)
    foreign = sorted({key.category for key in streams}.difference(grant.data))
    if foreign:
        raise WrongCapsule(f"it hands over {foreign[0]}, which the grant does not name")


@contextmanager
def _advising() -> Iterator[None]:
    try:
        yield
    except NotARecipient as error:
        error.advice = "Open it in the home of the brand that asked (CONSENT_HOME): its keys alone open it."
        raise


@contextmanager
def _telling_of_updates(update: bytes | None) -> Iterator[None]:
    try:
        yield
    except StorageUnavailable as error:
        # A person who continues a bundle erases its older head, which is the one that the capsule names.
        if update is None and type(error) is StorageUnavailable:
            error.advice += " If the person has sent an update since, open it with --update."
        raise


def _opened(state: OpenedGrant, directory: Path) -> list[Opened]:
    return [Opened(directory / one.path, one.bytes, one.category, one.records, one.files) for one in state.bundles]


def _own_grant(party: Party, file: Evidence | bytes) -> VerifiedStatement:
    evidence = read(file)
    if evidence.kind != "Grant":
        raise InvalidInput(f"this is a {evidence.kind}, not a Grant", "Give the file that the person handed over.")
    return verify(party.network, evidence, party.network.policy(controllers=frozenset({party.address})))
