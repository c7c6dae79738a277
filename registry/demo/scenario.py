"""The scenario of ``consent demo``: each step calls what the other commands call, and nothing is replayed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from registry.client.accept import accept, open_data
from registry.client.grant import grant
from registry.client.home import Home
from registry.client.network import Network
from registry.client.party import Brand, Person
from registry.client.request import publish_notice, request
from registry.client.revoke import revoke
from registry.client.sign import anchor, sign
from registry.client.verify import verify
from registry.core import codec
from registry.core.errors import ConsentError, NotARecipient, NotConsented
from registry.core.evidence.file import Evidence, parse_evidence, write_evidence
from registry.core.ipld.cid import cid_from_digest
from registry.core.notices.fields import fields_of
from registry.core.scalars import to_hex, unhex
from registry.core.sealed.capsule import open_capsule
from registry.core.statements.messages import Grant
from registry.core.verify.judge import judge
from registry.core.verify.policy import Policy
from registry.ledger.base import Receipt
from registry.vault.importers.columns import Column, ColumnMap
from registry.vault.importers.csv_lines import CsvImporter

# What Alice says about the columns of the export. What the brand does not ask for stays with her.
_COLUMNS = ColumnMap(
    "purchase/1",
    (
        Column("date", "orderDate", "time"),
        Column("article", "name"),
        Column("total", "price", "amount"),
        Column("currency", "priceCurrency"),
        Column("brand", "seller"),
        Column("city", "city"),
        Column("payment", "paymentMethod"),
        Column("loyalty_id", "loyaltyId"),
    ),
    time_format="iso",
    decimal_mark=".",
    source="purchases.csv",
)
PURPOSE, OTHER_PURPOSE, DATUM = "dpv:Personalisation", "dpv:DirectMarketing", "pd:Purchase"


class Told(NamedTuple):
    """The result of a step: (name, value) rows for people, figures for programs."""

    rows: list[tuple[str, Any]]
    figures: dict[str, Any]


@dataclass
class Story:
    """Three parties on one network, and what has happened so far. The first steps fill the members."""

    folder: Path
    network: Network
    alice: Person = field(init=False)
    brand: Brand = field(init=False)
    stranger: Brand = field(init=False)
    notice: bytes = b""
    request: bytes = b""
    file: Path = Path()

    def close(self) -> None:
        """Close what the steps opened."""
        if hasattr(self, "alice"):
            self.alice.vault.close()

    @property
    def evidence(self) -> Evidence:
        """The grant, read from its file."""
        return parse_evidence(self.file.read_bytes())

    @property
    def grant(self) -> Grant:
        """The message of the grant."""
        message = self.evidence.statement.message
        assert isinstance(message, Grant)
        return message

    def policy(self, purpose: str = PURPOSE) -> Policy:
        """Return what the brand asks before it uses the data."""
        asked = {"purposes": frozenset({purpose}), "data": frozenset({DATUM})}
        return self.network.policy(controllers=frozenset({self.brand.address}), **asked)


def make_parties(story: Story) -> Told:
    """Three homes: seeds and vaults, a key file for the brand and the stranger; Alice gets an account for the brand."""
    home = {name: Home(story.folder / name) for name in ("alice", "aurelle", "stranger")}
    home["aurelle"].create("")
    home["stranger"].create("")
    home["alice"].create("", key=None)
    story.brand, story.stranger = home["aurelle"].brand(story.network, ""), home["stranger"].brand(story.network, "")
    story.alice = home["alice"].person(story.network, story.brand.address, "")
    addresses = {"alice": story.alice.address, "aurelle": story.brand.address, "stranger": story.stranger.address}
    rows = [(name.capitalize(), address) for name, address in addresses.items()]
    rows[0] = ("Alice", f"{story.alice.address}, for Aurelle alone")
    domain = story.network.domain
    rows.append(("Registry", f"{domain.verifying_contract}, chain {domain.chain_id}"))
    return Told(rows, {"accounts": addresses})


def seal_data(story: Story) -> Told:
    """Alice's purchase history goes into her vault, a record for each line."""
    body = (files("registry") / "data" / "purchases.csv").read_bytes()
    path = story.folder / "purchases.csv"
    path.write_bytes(body)
    before = story.network.store.stat()
    with path.open("rb") as source:
        count = sum(story.alice.vault.take(CsvImporter(_COLUMNS, DATUM).items(source)).records.values())
    after = story.network.store.stat()
    sealed, index = after.bytes - before.bytes, story.alice.vault.index
    rows = [
        ("Plain", f"{len(body):,} bytes, {count} purchases"),
        ("Sealed", f"{sealed:,} bytes in {after.blocks - before.blocks} blocks, age1pq"),
        ("Index", index),
    ]
    return Told(rows, {"bytes": len(body), "records": count, "sealedBytes": sealed, "index": index})


def ask(story: Story) -> Told:
    """The brand publishes its notice and signs a request."""
    draft = msgspec.json.decode((files("registry") / "data" / "demo_notice.json").read_bytes())
    draft["controller"] |= {"account": story.brand.address, "recipient": story.brand.recipient}
    story.notice = codec.dump(draft)
    cid = publish_notice(story.network, story.notice)
    evidence = request(story.brand, story.notice, purposes=[PURPOSE], data=[DATUM])
    story.request = write_evidence(evidence)
    (story.folder / "notice.json").write_bytes(story.notice)
    (story.folder / "request.json").write_bytes(story.request)
    rows = [("Notice", f"{cid}, {len(story.notice):,} bytes"), ("Request", f"{len(story.request):,} bytes, signed")]
    return Told([*rows, ("Asks for", f"{DATUM} for {PURPOSE}")], {"notice": cid, "requestBytes": len(story.request)})


def give(story: Story) -> Told:
    """Alice reads the request and signs the grant; its commitment is anchored."""
    done = grant(story.alice, story.request, days=90)
    story.file = Path(done.kept)
    message = story.grant
    figures: dict[str, Any] = {
        "digest": to_hex(done.evidence.digest),
        "gas": _sent(done.receipt).gas_used,
        "evidenceBytes": story.file.stat().st_size,
        "file": str(story.file),
        "capsule": cid_from_digest(unhex(message.content)),
    }
    rows = [
        ("She signs", f"“{message.statement}”"),
        ("Anchored", f"{_gas(done.receipt)}: one salted hash that reveals nothing"),
        ("Evidence", f"{figures['evidenceBytes']:,} bytes, {story.file.name[:14]}....json"),
        ("Capsule", figures["capsule"]),
    ]
    return Told(rows, figures)


def check(story: Story) -> Told:
    """The brand verifies the grant."""
    started = time.perf_counter()
    verified = verify(story.network, story.file.read_bytes(), story.policy())
    elapsed = (time.perf_counter() - started) * 1000
    rows = [("Valid", f"{PURPOSE} with {DATUM}, checked against block {verified.block} in {elapsed:.0f} ms")]
    return Told(rows, {"status": "Valid", "block": verified.block, "milliseconds": round(elapsed, 1)})


def counter_sign(story: Story) -> Told:
    """The brand counter-signs: both hold the same bytes."""
    done = accept(story.brand, story.file.read_bytes())
    story.file.write_bytes(write_evidence(done.evidence))
    size = story.file.stat().st_size
    rows = [("Anchored", _gas(done.receipt)), ("Evidence", f"{size:,} bytes, the same on both sides")]
    return Told(rows, {"gas": _sent(done.receipt).gas_used, "evidenceBytes": size})


def open_it(story: Story) -> Told:
    """The brand opens the data; a stranger cannot."""
    (opened,) = open_data(story.brand, story.file.read_bytes(), story.folder / "opened")
    bodies = [json.loads(line)["body"] for line in opened.path.read_text("utf-8").splitlines()]
    members = sorted({name for body in bodies for name in body})
    if len(bodies) != opened.records or not set(members) <= set(_asked_members(story)):
        raise ConsentError("what was opened is not what was handed over", "Please report this.")
    sealed = story.network.store.get(cid_from_digest(unhex(story.grant.content)))
    refused = _refusal(lambda: open_capsule(sealed, story.stranger.identity, story.grant), NotARecipient)
    rows = [
        ("Brand", f"{opened.path.name}, {opened.records} purchases: {', '.join(members)}"),
        ("Stranger", f"{refused}: the capsule is sealed to other keys"),
    ]
    return Told(rows, {"bytes": opened.size, "records": opened.records, "members": members, "stranger": refused})


def _asked_members(story: Story) -> Iterator[str]:
    notice = story.evidence.parsed_notice
    assert notice is not None  # the parser refuses a grant without one
    return (name for fields in fields_of(notice) for name in fields.members)


def attempt(story: Story) -> Told:
    """Four attempts that must fail, each with its reason."""
    evidence, message, now = story.evidence, story.grant, story.network.clock()
    forged = anchor(story.stranger, message, sign(story.stranger, message), story.notice).evidence
    more = msgspec.structs.replace(message, purposes=tuple(sorted((*message.purposes, OTHER_PURPOSE))))
    statement = msgspec.structs.replace(evidence.statement, message=more)
    widened = msgspec.structs.replace(evidence, statement=statement)
    reasons = {
        "signed by another key": _no(story, forged, story.policy(), now),
        "a purpose added after signing": _no(story, widened, story.policy(), now),
        f"{OTHER_PURPOSE} asked": _no(story, evidence, story.policy(OTHER_PURPOSE), now),
        "asked at its very end": _no(story, evidence, story.policy(), message.expires_at),
    }
    return Told([(reason, what) for what, reason in reasons.items()], {"refused": reasons})


def end(story: Story) -> Told:
    """Alice reveals the secret of this grant; the very next verification says no."""
    receipt = revoke(story.alice, story.evidence)
    now = story.network.clock()
    reason = _no(story, story.evidence, story.policy(), now)
    rows = [("Sent", f"{_gas(receipt)}, by the relay: the chain does not show her address"), ("Brand asks", reason)]
    return Told(rows, {"gas": _sent(receipt).gas_used, "status": reason})


def check_again(story: Story) -> Told:
    """The evidence file once more, from disk, at two times."""
    raw, now = story.file.read_bytes(), story.network.clock()
    today = _no(story, parse_evidence(raw), story.policy(), now)
    rows = [("Now", today), ("File", f"{story.file.name[:14]}....json, {len(raw):,} bytes, unchanged")]
    return Told(rows, {"status": today, "evidenceBytes": len(raw)})


def _no(story: Story, evidence: Evidence, policy: Policy, at: int) -> str:
    facts = story.network.read(evidence)
    now = max(at, facts.present)
    return _refusal(lambda: judge(write_evidence(evidence), facts, policy, now), NotConsented)


def _refusal(act: Callable[[], object], expected: type[ConsentError]) -> str:
    """Return the name of the error that ``act`` raises; an act that is not refused ends the story."""
    try:
        act()
    except expected as error:
        return type(error).__name__
    raise ConsentError("something that must be refused was not", "Please report this.")


def _gas(receipt: Receipt | None) -> str:
    return f"{_sent(receipt).gas_used:,} gas, block {_sent(receipt).block}"


def _sent(receipt: Receipt | None) -> Receipt:
    assert receipt is not None  # nothing in the story was done before
    return receipt


class Step(NamedTuple):
    """One step: its name for ``--until``, its title, its function, and the command to type after it."""

    name: str
    title: str
    act: Callable[[Story], Told]
    next: str


STEPS = (
    Step(
        "parties",
        "Three parties get their accounts",
        make_parties,
        "vault add {dir}/purchases.csv --category pd:Purchase",
    ),
    Step("sealed", "Alice seals her purchase history", seal_data, "vault list"),
    Step("asked", "Maison Aurelle publishes its notice and asks", ask, "grant {dir}/request.json --days 90"),
    Step("granted", "Alice reads, signs, anchors", give, "accept {file}"),
    Step("verified", "The brand verifies", check, "accept {file}"),
    Step("accepted", "The brand counter-signs", counter_sign, "open {file} --out {dir}/opened"),
    Step(
        "opened", "The brand opens the data, a stranger cannot", open_it, "verify {file} --purpose dpv:Personalisation"
    ),
    Step("attempted", "Four attempts are refused", attempt, "revoke {file}"),
    Step("revoked", "Alice ends it", end, "verify {file}"),
    Step("checked", "The evidence file, from disk once more", check_again, "status"),
)
