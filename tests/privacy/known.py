"""Everything in the story that somebody must not see: what it is, whose it is, and its value."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import Any, NamedTuple

from msgspec import UNSET

from registry.core.crypto.keccak import keccak256
from registry.core.crypto.revocation import handle_for, tag_of
from registry.core.crypto.seeds import mailbox_identity, owner_identity, revocation_secret
from registry.core.evidence.file import Evidence
from registry.core.ipld.cid import cid_from_digest, digest_of_cid
from registry.core.merkle import commitment
from registry.core.scalars import ZERO_WORD, unhex
from registry.core.sealed.documents import public_key_of
from registry.core.sealed.records import id_bytes
from registry.core.statements.typed_data import digest
from registry.vault.database import Database
from tests.privacy.story import BRANDS, NAMES, PEOPLE, Story

# What stands inside a sealed file has no fixed place, so these bytes from its middle stand for all of it.
_MIDDLE = 40
_SHORTEST_TEXT = 8


class Secret(NamedTuple):
    """``kind`` says what it is, ``who`` whose: people and brands."""

    kind: str
    who: frozenset[str]
    value: bytes | str


def known(story: Story) -> dict[str, Secret]:
    """Return the secrets of a story by name. The persons' vaults must still be whole."""
    found: dict[str, Secret] = {}
    for number, (who, brand, evidence) in enumerate(story.given):
        made = _of_answer(story, who, brand, evidence)
        found |= {f"{number} {name}": Secret(kind, frozenset({who, brand}), value) for name, kind, value in made}
    for name, link in story.links.items():
        who, _, rest = name.partition(" ")
        if rest:
            both = frozenset({who, rest.split()[0]})
            found[f"{name} capability"] = Secret("capability", both, "0x" + link.rsplit("/", 1)[-1])
    for who in PEOPLE:
        granted = {brand for one, brand, evidence in story.given if one == who and evidence.kind == "Grant"}
        for name, kind, value in _of_person(story, who):
            # What the brands' views show of a record is theirs to read; the description is not.
            shown = granted if kind == "record" and not name.endswith("description") else set()
            found[f"{who} {name}"] = Secret(kind, frozenset({who, *shown}), value)
        found |= _of_bundles(story, who)
    for brand in BRANDS:
        values = list(_of_brand(story, brand))
        found |= {f"{brand} {name}": Secret(kind, frozenset({brand}), value) for name, kind, value in values}
    found |= _sealed(story, found)
    found["purpose"] = Secret("purpose", frozenset(BRANDS), "dpv:Personalisation")
    found["datum"] = Secret("purpose", frozenset(BRANDS), "pd:Purchase")
    return found


def _of_answer(story: Story, who: str, brand: str, evidence: Evidence) -> Iterator[tuple[str, str, bytes | str]]:
    message: Any = evidence.statement.message
    yield "subject", "account", message.subject
    for part in (evidence, evidence.acceptance):
        if part is UNSET or part is None:
            continue
        kind = "statement" if part is evidence else "acceptance"
        own = part.statement.message
        hashed, signature = digest(part.statement.domain, own), unhex(part.signature)
        yield f"{kind} commitment", "anchor", commitment(hashed, signature)
        yield f"{kind} digest", kind, hashed
        yield f"{kind} signature", kind, signature
        yield f"{kind} salt", kind, own.salt
    yield "sentence", "statement", message.statement
    if evidence.kind != "Grant":
        return
    seed, is_over = story.home(who).seed(""), evidence in story.ended
    yield "lock", "statement", message.revocation
    yield "handle", "ended" if is_over else "handle", handle_for(message.subject, message.revocation, message.salt)
    yield "opening", "ended" if is_over else "opening", revocation_secret(seed, message.salt)
    yield "tag", "ended" if is_over else "opening", tag_of(message.subject, message.salt)
    if message.content != ZERO_WORD:
        yield "content", "block", cid_from_digest(unhex(message.content))
        yield "content hash", "block", message.content


def _of_person(story: Story, who: str) -> Iterator[tuple[str, str, bytes | str]]:
    seed = story.home(who).seed("")
    yield "seed", "seed", seed
    yield "owner", "seed", owner_identity(seed)
    with story.vault(who) as vault:
        yield "index", "block", vault.index
        for place, record in enumerate(vault.select("")):
            yield f"record {place}", "own", id_bytes(record.id)
            for name, text in (record.body or {}).items():
                own = name in ("name", "seller", "description") and not str(text).startswith(BRANDS)
                if own and len(str(text)) >= _SHORTEST_TEXT:
                    yield f"record {place} {name}", "record", str(text)


def _of_bundles(story: Story, who: str) -> dict[str, Secret]:
    """Return what a vault hands over, and what only its owner and one brand may know of that."""
    found: dict[str, Secret] = {}
    accounts = {_controller(story, brand): brand for brand in BRANDS}
    seed = story.home(who).seed("")
    with story.vault(who) as vault:
        for number, bundle in enumerate(vault.shares.all()):
            both = frozenset({who, accounts[bundle.controller]})
            values = _of_bundle(vault, bundle, seed)
            found |= {f"{who} bundle {number} {name}": Secret(kind, both, value) for name, kind, value in values}
    return found


def _of_bundle(vault: Database, bundle: Any, seed: bytes) -> Iterator[tuple[str, str, bytes | str]]:
    yield "name", "bundle", f"0x{bundle.name}"
    yield "secret", "bundle", f"0x{bundle.secret}"
    yield "identity", "bundle", bundle.identity
    yield "head", "block", bundle.head
    yield "mailbox", "bundle", vault.mailbox(bundle.subject, bundle.controller)
    yield "mailbox identity", "seed", mailbox_identity(seed, bundle.subject, bundle.controller)
    yield "vaultKey", "bundle", public_key_of(vault.shares.key_for(bundle.subject, bundle.controller))


def _controller(story: Story, brand: str) -> str:
    found: Any = next(evidence for _, name, evidence in story.given if name == brand).statement.message
    return str(found.controller)


def _of_brand(story: Story, brand: str) -> Iterator[tuple[str, str, bytes | str]]:
    evidence = next(each for _, name, each in story.given if name == brand)
    message: Any = evidence.statement.message
    yield "name", "brand", NAMES[brand]
    yield "domain", "brand", f"{brand}.example"
    yield "account", "brand", message.controller
    yield "notice", "notice", message.notice
    yield "notice CID", "notice", cid_from_digest(unhex(message.notice))
    yield "request", "asked", message.request
    yield "letter", "message", f"{brand} writes: your Eibisch is on its way."
    yield "gift", "message", f"{brand} Dankgabe Eibisch"
    yield "internal key", "key", "0x" + (story.brands[brand].folder / "internal.key").read_text().strip()
    yield "seed", "key", story.home(brand).seed("")


def _sealed(story: Story, blocks: dict[str, Secret]) -> dict[str, Secret]:
    """Return bytes from the middle of every sealed block in the people's store, by its number.

    Capsules and heads are known by their CIDs; of a segment it is not known here which bundle it is in.
    """
    owners = {_file_of(str(each.value)): each.who for each in blocks.values() if str(each.value).startswith("baf")}
    found: dict[str, Secret] = {}
    for number, file in enumerate(story.kubo.block_files()):
        raw = file.read_bytes()
        if raw.startswith(b"age-encryption.org/v1\n"):
            middle = raw[len(raw) // 2 : len(raw) // 2 + _MIDDLE]
            who = owners.get(file.name, frozenset((*PEOPLE, *BRANDS)))
            found[f"ciphertext {number}"] = Secret("ciphertext", who, middle)
    return found


def _file_of(cid: str) -> str:
    return base64.b32encode(b"\x12\x20" + digest_of_cid(cid)).decode().rstrip("=") + ".data"


def hashes_of(secrets: dict[str, Secret]) -> dict[str, Secret]:
    """Return the unsalted hashes of these secrets, which tell anybody who can guess them."""
    hashing: dict[str, Callable[[bytes], bytes]] = {
        "SHA-256": lambda raw: sha256(raw).digest(),
        "keccak": keccak256,
        "keccak of the word": lambda raw: keccak256(raw.rjust(32, b"\0")),
    }
    return {
        f"{how} of {name}": Secret("hash", secret.who, hashed(_raw(secret.value)))
        for name, secret in secrets.items()
        for how, hashed in hashing.items()
        if secret.kind in ("record", "own", "account", "purpose", "brand")
    }


def _raw(value: bytes | str) -> bytes:
    if isinstance(value, bytes):
        return value
    return unhex(value) if value.startswith("0x") else value.encode()
