"""A person with thousands of consents in the app: real grants on a real chain, sealed as the app seals them."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from eth_account import Account

from registry.config.network_file import Settings
from registry.core.age.recipients import generate_identity, recipient_of
from registry.core.anchor import Anchor
from registry.core.eip712 import Domain, domain_of
from registry.core.evidence.file import Evidence, commitment_of, write_evidence
from registry.core.merkle import build_tree, manifest_digest
from registry.core.scalars import to_hex
from registry.ledger.deploy import deploy
from registry.ledger.rpc import RpcLedger
from registry.wallets.keywallet import KeyWallet
from registry.wallets.mnemonic import words_of
from registry.web.app_config import app_config
from registry.web.app_server import AppServer
from tests.support.app_stage import App
from tests.support.builders import SEED, evidence_of, grant_message, notice_bytes, notice_document
from tests.support.levers import ANVIL_KEY, start_anvil

DAY = 86_400
# Name, domain, and how many days ago the person allowed it. Each grant holds for a year.
BRANDS = (
    ("Maison Aurelle", "aurelle.example", 0),
    ("Bakker & Zonen", "bakkerenzonen.example", 3),
    ("Dauphin Livres", "dauphin-livres.example", 18),
    ("O’Neill Running", "oneill-running.example", 40),
    ("Nordlicht Versicherung auf Gegenseitigkeit", "nordlicht.example", 120),
    ("Aurora Café", "aurora.example", 400),
)
_CHUNK = 250


@contextmanager
def anvil_with_app() -> Iterator[tuple[RpcLedger, str]]:
    """Start a chain with our contracts, and the app on it; yield the chain and the app's URL."""
    process, url = start_anvil()
    try:
        payer = KeyWallet(ANVIL_KEY)
        deployment = deploy(url, payer)
        config = app_config(deployment, Settings(rpc_url=url), {})
        with AppServer(config, 0) as server:
            yield RpcLedger(url, deployment, relay=payer), server.url
    finally:
        process.terminate()
        process.wait(10)


def open_with_words(app: App) -> None:
    """Begin with the words of the builders' seed, and a passkey."""
    app.page.goto(app.url)
    app.page.get_by_role("button", name="I have 24 words").click()
    app.page.get_by_label("Your 24 words").fill(" ".join(words_of(SEED)))
    app.press("Continue")
    app.page.get_by_role("button", name="Begin with a passkey").click()
    app.heading("Your consents")


def unlocked(app: App) -> None:
    """Load the list's page anew, open it with the passkey, and wait for the rows."""
    app.page.goto(f"{app.url}#list")
    app.page.reload()
    app.press("Use my passkey")
    app.heading("Your consents")
    app.page.locator(".rows li").first.wait_for()


def move_in(app: App, ledger: RpcLedger, count: int, folder: Path) -> None:
    """Give the person of the builders' seed ``count`` grants, each to a brand of its own. The app shows its list then.

    The app takes the first one from its file. The others are written as it wrote that one.
    """
    grants = anchored_grants(ledger, count)
    path = folder / "first.json"
    path.write_bytes(write_evidence(grants[0]))
    open_with_words(app)
    app.page.locator("input[type=file]").set_input_files(path)
    app.heading("What")
    sealer = _Sealer(SEED)
    rows = [sealer.open(row) for row in _stored(app.page)]
    (template,) = [value for name, value in rows if name.startswith("a:")]
    others = [row for grant in grants[1:] for row in _rows_like(template, grant)]
    for at in range(0, len(others), _CHUNK):
        app.page.evaluate(_WRITE, [sealer.seal(name, value) for name, value in others[at : at + _CHUNK]])


def anchored_grants(ledger: RpcLedger, count: int) -> list[Evidence]:
    """Return grants to that many brands, in one anchored batch."""
    deployment = ledger.deployment
    domain = domain_of(deployment.chain_id, deployment.registry)
    recipient = str(recipient_of(generate_identity()))
    loose = [_grant(number, domain, recipient) for number in range(count)]
    commitments = [commitment_of(each) for each in loose]
    tree = build_tree(commitments)
    receipt = ledger.transact("anchor", to_hex(tree.root), to_hex(manifest_digest(commitments)))
    proofs, root = tree.proofs(), to_hex(tree.root)
    return [
        msgspec.structs.replace(each, anchor=Anchor(root, proofs[own], receipt.transaction, receipt.block))
        for each, own in zip(loose, commitments, strict=True)
    ]


def _grant(number: int, domain: Domain, recipient: str) -> Evidence:
    brand = Account.from_key((1 << 128 | number).to_bytes(32, "big")).address
    person = Account.from_key((1 << 129 | number).to_bytes(32, "big"))
    name, domain_name, days = BRANDS[number % len(BRANDS)]
    if number >= len(BRANDS):
        name, domain_name, days = f"{name} {number}", f"shop-{number}.{domain_name}", 0
    who = {"account": brand, "recipient": recipient, "name": name, "domain": domain_name}
    notice = notice_bytes(controller=notice_document()["controller"] | who)
    at = int(time.time()) - 60 - number * 600 - days * DAY
    message = grant_message(
        notice,
        subject=person.address,
        controller=brand,
        salt=to_hex(sha256(b"crowd %d" % number).digest()),
        issued_at=at,
        not_before=at,
        expires_at=at + 365 * DAY,
    )
    return evidence_of(message, signer=person, domain=domain, notice=notice)


def _rows_like(template: dict[str, Any], grant: Evidence) -> list[tuple[str, Any]]:
    """Return the rows that the app keeps of a grant: its notice, and the answer."""
    file = json.loads(write_evidence(grant))
    message, notice = file["statement"]["message"], grant.parsed_notice
    assert notice is not None
    digest = to_hex(grant.digest)
    brand = {name: getattr(notice.controller, name) for name in ("name", "domain", "account")}
    mine = {"id": digest[2:34], "digest": digest, "brand": brand, "message": message, "keptAt": message["issuedAt"]}
    kept = template | mine | {"signature": file["signature"], "anchor": file["anchor"]}
    name = hmac.new(SEED, message["notice"].encode(), sha256).hexdigest()[:32]
    return [(f"n:{name}", file["notice"]), (f"a:{mine['id']}", kept)]


class _Sealer:
    """Seals and opens as js/app/store/sealed.ts does (docs/formats.md, "Keys")."""

    def __init__(self, seed: bytes) -> None:
        self._key = AESGCM(HKDF(SHA256(), 32, None, b"ConsentRegistry/1/app").derive(seed))

    def seal(self, name: str, value: Any) -> dict[str, str]:
        nonce = sha256(name.encode()).digest()[:12]
        sealed = self._key.encrypt(nonce, json.dumps(value).encode(), name.encode())
        return {"id": name, "nonce": _text(nonce), "sealed": _text(sealed)}

    def open(self, row: dict[str, str]) -> tuple[str, Any]:
        nonce, sealed = (base64.b64decode(row[part]) for part in ("nonce", "sealed"))
        return row["id"], json.loads(self._key.decrypt(nonce, sealed, row["id"].encode()))


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _stored(page: Any) -> Sequence[dict[str, str]]:
    found: list[dict[str, str]] = page.evaluate(_READ)
    return found


_OPEN = """
  const database = await new Promise((done, failed) => {
    const request = indexedDB.open("consent");
    request.onsuccess = () => done(request.result);
    request.onerror = () => failed(request.error);
  });
"""
_READ = f"""async () => {{{_OPEN}
  const rows = await new Promise((done) => {{
    const request = database.transaction("kept").objectStore("kept").getAll();
    request.onsuccess = () => done(request.result);
  }});
  database.close();
  const text = (bytes) => btoa(Array.from(new Uint8Array(bytes), (byte) => String.fromCharCode(byte)).join(""));
  return rows.map(({{ id, nonce, sealed }}) => ({{ id, nonce: text(nonce), sealed: text(sealed) }}));
}}"""
_WRITE = f"""async (rows) => {{{_OPEN}
  const bytes = (text) => Uint8Array.from(atob(text), (each) => each.charCodeAt(0));
  const transaction = database.transaction("kept", "readwrite");
  for (const {{ id, nonce, sealed }} of rows)
    transaction.objectStore("kept").put({{ id, nonce: bytes(nonce), sealed: bytes(sealed).buffer }});
  await new Promise((done, failed) => ((transaction.oncomplete = done), (transaction.onabort = failed)));
  database.close();
}}"""
