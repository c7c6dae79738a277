"""Every place of the story where something is written, who can read it, and what may stand there.

A part that writes to a new place adds a `Place` to `PLACES`. What it does not name in ``may`` must not be found there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from registry.ledger.anvil import Anvil
from tests.privacy.known import Secret
from tests.privacy.story import BRANDS, PEOPLE, Story
from tests.support.database_dumps import rows_of, tables_of
from tests.support.levers import asker
from tests.support.privacy_scan import Scanner, files_below

PUBLIC = ("ended",)
Bytes = Iterable[tuple[str, bytes]]


@dataclass(frozen=True)
class Place:
    """``reader`` is who can read it. ``may`` has the kinds of secrets that stand there, each with its reason.

    ``of`` names the person or the brand whose secrets these are; those of others must not stand there. Empty stands for
    anybody's.
    """

    name: str
    reader: str
    read: Callable[[Story], Bytes] = field(repr=False)
    may: dict[str, str] = field(default_factory=dict, repr=False)
    of: str = ""

    def allows(self, secret: Secret) -> bool:
        """Tell whether a secret may stand here. What the chain shows is everybody's, if it may stand here at all."""
        is_own = not self.of or self.of in secret.who or secret.kind in PUBLIC
        return secret.kind in self.may and is_own


def leaks(place: Place, secrets: dict[str, Secret], data: Bytes) -> dict[str, set[str]]:
    """Return the secrets that stand in this place and must not, by name, each with where it stands."""
    hidden = {name: secret.value for name, secret in secrets.items() if not place.allows(secret)}
    allowed = [secret.value for secret in secrets.values() if place.allows(secret)]
    found: dict[str, set[str]] = {}
    for name, spelling, where in Scanner(hidden).scan(data):
        # Two secrets may have one value: a value that may stand here is no leak.
        if secrets[name].value not in allowed:
            found.setdefault(name, set()).add(f"{where} ({spelling})")
    return found


def on_chain(story: Story) -> Iterator[tuple[str, bytes]]:
    """Yield all that a chain shows: blocks with calldata, receipts with logs, internal calls, storage and accounts."""
    ask = asker(story.chain)
    for number in range(1, story.tip() + 1):
        block: dict[str, Any] = ask("eth_getBlockByNumber", hex(number), True)
        yield f"block {number}", repr(block).encode()
        for sent in block["transactions"]:
            yield f"calldata in block {number}", bytes.fromhex(sent["input"][2:])
            receipt, trace = (
                ask(f"{name}", sent["hash"]) for name in ("eth_getTransactionReceipt", "trace_transaction")
            )
            yield f"logs in block {number}", repr(receipt).encode()
            yield f"calls in block {number}", repr(trace).encode()
    yield "storage and accounts", Anvil(story.chain).state()


def _tapped(name: str, story: Story) -> Bytes:
    return [(name, story.taps[name].seen)]


def _heard(brand: str, listener: str, story: Story) -> Bytes:
    return [(f"{brand} {listener}", getattr(story.brands[brand], listener).seen)]


def _brand_database(brand: str, story: Story) -> Bytes:
    run = story.brands[brand]
    return tables_of(run.database) if run.database else rows_of(run.folder / "brand.sqlite")


def _brand_folder(brand: str, story: Story) -> Bytes:
    """What lies beside the database: all files, and the rows of those that are databases. The key has its own file."""
    folder = story.brands[brand].folder
    for file in sorted(folder.rglob("*.sqlite")):
        if file.name != "brand.sqlite":
            yield from rows_of(file)
    for name, raw in files_below(folder):
        if not name.startswith(("brand.sqlite", "internal.key")):
            yield name, raw


def _brand_log(brand: str, story: Story) -> Bytes:
    return [("log", story.brands[brand].log.read_bytes())]


def _notary_database(story: Story) -> Bytes:
    files = sorted((story.folder / "notary").glob("*.sqlite"))
    return [pair for file in files for pair in rows_of(file)]


def _logs(story: Story) -> Bytes:
    return [
        ("notary", (story.folder / "notary.errors").read_bytes()),
        ("Kubo", (story.kubo.repo / "daemon.log").read_bytes()),
        ("PostgreSQL", story.postgres.said().encode()),
    ]


def _blocks(story: Story) -> Bytes:
    return [(file.name, file.read_bytes()) for file in story.kubo.block_files()]


def _brands_store(story: Story) -> Bytes:
    return rows_of(story.network / "blocks.sqlite")


def _sealed_at_home(who: str, story: Story) -> Bytes:
    """What a person's disk holds, but for evidence, which the person hands out and keeps in clear."""
    clear = ("evidence", "requests", "restricted", "shredding")
    return [(name, raw) for name, raw in files_below(story.folder / who) if not name.startswith(clear)]


_ENDED = "an ending in private shows its opening, and neither a person nor an anchor"
_OWN = {
    "account": "each brand knows an account of its own of a person",
    "statement": "the brand holds what was signed for it",
    "acceptance": "the brand signed it",
    "purpose": "it asked for it",
    "brand": "it is the brand",
    "notice": "it is the brand's notice",
    "asked": "it is the brand's request",
    "capability": "the person's own name for its grant; TLS hides it from others",
    "block": "a grant names its capsule by its hash",
}
_PERSON_ASKS_NODE = {
    "handle": "it asks whether a grant is live before it delivers or continues what that hands over",
    "account": "the person's software asks for the cutoff of the account that it is about to sign with",
    "brand": "it asks for the cutoff of the account that signed the request",
    "ended": "it asks whether its ending is on the chain",
}
_BRAND_ASKS_NODE = {
    "account": "whoever verifies asks for the cutoff of the author's address",
    "brand": "the same for the Acceptance",
    "handle": "whoever verifies asks whether this handle is revoked",
    "ended": "the chain's log has it",
}
_WIRE = _OWN | {"ciphertext": "what the grant hands over, sealed to the brand"}
_BESIDE = {
    "brand": "brand.toml says who the brand is",
    "ciphertext": "what live grants hand over, sealed to the brand",
    "block": "it is kept by its CID",
}
_KEPT = _OWN | {
    "anchor": "it recognises a repeat",
    "handle": "the chain's endings are found by it",
    "ended": "the same",
}
_ASKS = {each: _OWN[each] for each in ("account", "purpose")} | {"statement": "the answer names the grant"}
_ASKS |= {"record": "a live grant allows it to be read", "message": "the brand writes to its people"}
_NOTARY = {"anchor": "a commitment tells nothing", "ended": _ENDED}
_ACCEPTING = {"anchor": "a commitment tells nothing"}
_PUBLISHED = {
    "notice": "published",
    "brand": "the notice names it",
    "purpose": "the notice names it",
    "anchor": "the notary's manifests are public",
}
_SEALED = {
    "ciphertext": "sealed to its reader",
    "block": "a set of pins names what it keeps; only its node knows the set's own CID",
}
_CALLED = {"ciphertext": "sealed to its reader", "block": "a block is asked for by its CID"}
_DISK = {
    "block": "the vault's newest index, and in evidence the capsule",
    "account": "evidence is in clear, because a person hands it out",
    "statement": "the same",
    "brand": "the same, and its domain was confirmed",
    "capability": "where the person asks what became of a grant; the file is the person's alone (0600)",
    "purpose": "what a brand noted of its readings",
}

PLACES = [
    Place("the chain", "everybody, for ever", on_chain, {"ended": _ENDED}),
    Place("the notary's database", "the notary", _notary_database, _NOTARY),
    Place("notary to people", "the notary, and who taps the line", partial(_tapped, "notary to people"), _NOTARY),
    Place("notary to brands", "the notary, and who taps the line", partial(_tapped, "notary to brands"), _ACCEPTING),
    Place("logs of services", "operators, and whoever reads their logs", _logs),
    *(Place(f"log of {name}", "the brand's operators", partial(_brand_log, name)) for name in BRANDS),
    *(
        Place(f"node to {name}", "whoever runs the node", partial(_tapped, f"node to {name}"), _PERSON_ASKS_NODE)
        for name in PEOPLE
    ),
    *(
        Place(f"node to {name}", "whoever runs the node", partial(_tapped, f"node to {name}"), _BRAND_ASKS_NODE, name)
        for name in BRANDS
    ),
    Place("node to auditor", "whoever runs the node", partial(_tapped, "node to auditor"), _BRAND_ASKS_NODE),
    *(Place(f"people to {name}", "the brand", partial(_heard, name, "public"), _WIRE, name) for name in BRANDS),
    *(Place(f"own systems to {name}", "the brand", partial(_heard, name, "internal"), _ASKS, name) for name in BRANDS),
    *(Place(f"database of {name}", "the brand", partial(_brand_database, name), _KEPT, name) for name in BRANDS),
    *(Place(f"folder of {name}", "the brand", partial(_brand_folder, name), _BESIDE, name) for name in BRANDS),
    Place("blocks in the store", "whoever has a block's CID", _blocks, _SEALED),
    Place("store of the brands", "the brands", _brands_store, _PUBLISHED),
    Place("traffic to the store", "whoever runs the store", partial(_tapped, "store"), _CALLED),
    *(
        Place(f"disk of {name}", "a thief of the person's disk", partial(_sealed_at_home, name), _DISK)
        for name in PEOPLE
    ),
]
