"""The whole story through the client's functions, on a real chain: ask, grant on the page, verify, withdraw openly."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from registry.client.evidence_store import EvidenceFolder
from registry.client.grant import Proposal, grant, refuse
from registry.client.network import Network
from registry.client.party import Brand, Person
from registry.client.request import publish_notice, request
from registry.client.revoke import retire, revoke_all, revoke_openly
from registry.client.verify import verify
from registry.core.crypto.keccak import keccak256
from registry.core.crypto.seeds import owner_identity
from registry.core.errors import InvalidInput, LedgerUnavailable, Revoked
from registry.core.evidence.file import write_evidence
from registry.core.scalars import to_hex, unhex
from registry.core.statements.messages import Revoke
from registry.core.statements.typed_data import digest, parse_typed_data
from registry.core.statements.typed_data import typed_data as typed_data_of
from registry.ledger.base import Deployment, Sender, Submitter
from registry.present.summary import summary_of_ending, summary_of_typed_data
from registry.vault.database import Database
from registry.vault.draft import Draft
from registry.wallets.base import Owner, safe_message
from registry.wallets.browser import BrowserWallet
from registry.wallets.contract import ContractWallet
from registry.wallets.keywallet import KeyWallet
from tests.support.browser_stage import ALICE, BOB, SECONDS, Browser, Stub, Terminal, demo_grant, is_refused, signing
from tests.support.builders import DOMAIN, notice_bytes, notice_document
from tests.support.fake_storage import MemoryBlocks
from tests.support.levers import ANVIL_KEY, AnvilLevers
from tests.support.vectors import read_cases

pytestmark = pytest.mark.slow

Browse = Callable[..., Browser]


class World:
    """A brand with a key of its own, and a person whose key is in their browser."""

    def __init__(self, folder: Path, url: str, deployment: Deployment) -> None:
        self.levers = AnvilLevers(url, deployment)
        self.network = Network(self.levers.ledger, MemoryBlocks())
        self.folder, self.vault = folder, Database(folder / "alice", b"\x08" * 32, self.network.store)
        identity = owner_identity(b"\x07" * 32)
        kept = EvidenceFolder(folder / "brand")
        self.brand = Brand(network=self.network, wallet=self.levers.wallet(), evidence=kept, identity=identity)

    def person(self, wallet: BrowserWallet, **changes: Any) -> Person:
        kept = EvidenceFolder(self.folder / "alice")
        members = {"network": self.network, "wallet": wallet, "evidence": kept, "vault": self.vault}
        return Person(**members | changes)

    def request(self) -> bytes:
        controller = notice_document()["controller"]
        controller |= {"account": self.brand.address, "recipient": self.brand.recipient}
        notice = notice_bytes(controller=controller)
        publish_notice(self.network, notice)
        return write_evidence(request(self.brand, notice))


@pytest.fixture
def world(tmp_path: Path, anvil: tuple[str, Deployment]) -> World:
    return World(tmp_path, *anvil)


def press(page: Any, *buttons: str) -> None:
    for button in buttons:
        page.get_by_role("button", name=button).click()


def finish(page: Any, heading: str) -> None:
    page.get_by_role("heading", name=heading, exact=True).wait_for()


def test_from_the_request_to_the_withdrawal(world: World, browse: Browse, stub: Stub) -> None:
    world.vault.add([Draft("pd:Purchase", "purchase/1", body={"name": "coat", "orderDate": "2026-01-31"})])
    asked = world.request()

    def give(wallet: BrowserWallet) -> Any:
        def confirm(proposal: Proposal) -> bool:
            wallet.show(proposal.summary())
            return True

        return grant(world.person(wallet), asked, days=90, confirm=confirm)

    browser = browse(stub)
    terminal = Terminal(give)
    page = browser.open(terminal.url)
    press(page, "Marmot")
    finish(page, "You are asked for your consent")
    text = page.locator("#view").inner_text()
    for words in (
        "personalising its offers",
        "Email Address",
        "aurelle.example",
        "1 record: name, orderDate",
        "sealed to it",
    ):
        assert words in text
    assert "A hash on the chain" in text and "consent revoke" in text
    assert "All brands to which one account signs see the same address." in text
    assert "For" not in page.locator("dt").all_inner_texts()
    press(page, "Sign with Marmot")
    finish(page, "Signed")
    evidence = terminal.result().evidence
    assert verify(world.network, evidence, world.network.policy(controllers={world.brand.address})).author == ALICE
    assert page.locator("blockquote").count() == 0  # nothing of it stays on the page

    def withdraw(wallet: BrowserWallet) -> Any:
        wallet.show(summary_of_ending("Revoke", evidence))
        return revoke_openly(world.person(wallet, sender=wallet), evidence)

    terminal = Terminal(withdraw, account=evidence.author)
    page = browser.open(terminal.url)
    press(page, "Marmot")
    finish(page, "Withdraw this consent")
    assert evidence.statement.message.statement in page.locator("figure").inner_text()
    assert f"The address {ALICE}, and what it does here" in page.locator("#view").inner_text()
    press(page, "Send with Marmot")
    finish(page, "Sent")
    assert terminal.result().sender == ALICE
    with pytest.raises(Revoked):
        verify(world.network, evidence, world.network.policy(controllers=None))


def test_refused_and_relayed(world: World, browse: Browse, stub: Stub) -> None:
    """A refusal, then the three endings that are signed on the page and sent by the relay."""
    asked = world.request()

    def decline(wallet: BrowserWallet) -> Any:
        def confirm(proposal: Proposal) -> bool:
            wallet.show(proposal.summary())
            return True

        return refuse(world.person(wallet), asked, language="fr", confirm=confirm)

    key = KeyWallet(bytes.fromhex("66" * 32))
    stub.hold(key)
    browser = browse(stub)
    acts: list[tuple[Callable[[BrowserWallet], Any], str]] = [
        (decline, "Say no to this request"),
        (lambda wallet: revoke_all(world.person(wallet)), "Withdraw everything"),
        (lambda wallet: retire(world.person(wallet)), "Retire this account"),
    ]
    for act, heading in acts:
        terminal = Terminal(act)
        page = browser.open(terminal.url)
        press(page, "Marmot")
        finish(page, heading)
        press(page, "Sign with Marmot")
        finish(page, "Signed")
        assert terminal.result()
    with pytest.raises(InvalidInput, match="retired"):
        world.network.date_for(key.address)


def test_a_grant_that_its_person_pays_for(world: World, browse: Browse, stub: Stub) -> None:
    """Two things are asked, so there are two pages; each says who will be seen."""
    asked = world.request()

    def give(wallet: BrowserWallet) -> Any:
        def confirm(proposal: Proposal) -> bool:
            wallet.show(proposal.summary(wallet.address))
            return True

        return grant(world.person(wallet, sender=wallet), asked, confirm=confirm)

    terminal = Terminal(give)
    browser = browse(stub)
    steps = (
        ("Sign with Marmot", "You are asked for your consent", "Signed"),
        ("Send with Marmot", "Put a hash on the chain", "Sent"),
    )
    for button, title, heading in steps:
        page = browser.open(terminal.url)
        press(page, "Marmot")
        page.get_by_role("heading", name=title).wait_for()
        page.get_by_text(f"The address {ALICE}, and what it does here").wait_for()
        press(page, button)
        finish(page, heading)
    assert terminal.result().receipt.sender == ALICE


def row(page: Any, name: str) -> str:
    """What stands beside this name in the page's list."""
    text: str = (
        page.locator("dl > div", has=page.locator("dt", has_text=re.compile(f"^{name}$"))).locator("dd").inner_text()
    )
    return text


@pytest.mark.parametrize(
    ("call", "heading", "lead"),
    [
        ("anchor(bytes32,bytes32)", "Put a hash on the chain", "It tells nobody anything."),
        ("revoke(bytes32,bytes32)", "End a grant in private", "Nobody learns whose."),
        ("revokeOpenlyFor(address,bytes32,bytes32,bytes)", "Withdraw this consent", "It ends at once."),
        ("revokeAllFor(address,uint64,bytes)", "Withdraw everything", "ends at once."),
        ("retireFor(address,bytes)", "Retire this account", "There is no way back."),
        ("somethingElse()", "Send a transaction", ""),
    ],
)
def test_who_only_pays_reads_what_they_pay_for(browse: Browse, stub: Stub, call: str, heading: str, lead: str) -> None:
    """Whatever else is to be signed in another wallet: those words are not about what is sent."""
    words, _ = demo_grant()
    data = to_hex(keccak256(call.encode())[:4] + bytes(12) + unhex(BOB) + bytes(64))

    def pay(wallet: BrowserWallet) -> str:
        wallet.show(words)
        return wallet.send_transaction({"to": BOB, "data": data})

    stub.answers["eth_sendTransaction"] = "0x" + "ab" * 32
    terminal = Terminal(pay)
    page = browse(stub).open(terminal.url)
    press(page, "Marmot")
    finish(page, heading)
    text = page.locator("#view").inner_text()
    assert lead in text and "Maison Aurelle" not in text and "You sign" not in text
    assert f"The address {ALICE}, and what it does here: on the chain, for ever" in text
    assert (
        (row(page, "For") == BOB) if "For(" in call else page.locator("dt", has_text=re.compile("^For$")).count() == 0
    )
    press(page, "Send with Marmot")
    finish(page, "Sent")
    assert terminal.result()


def test_what_is_signed_and_not_sent(browse: Browse, stub: Stub) -> None:
    """As `consent sign` does it: nothing ends yet, and the page does not say so."""
    typed = typed_data_of(DOMAIN, Revoke(ALICE, "0x" + "11" * 32))
    terminal = Terminal(
        signing(msgspec.structs.replace(summary_of_typed_data(typed), signature_only=True), typed),
        chain_id=DOMAIN.chain_id,
    )
    stub.known.add(DOMAIN.chain_id)
    page = browse(stub).open(terminal.url)
    press(page, "Marmot")
    finish(page, "Withdraw this consent")
    text = page.locator("#view").inner_text()
    assert "Nothing is sent now, but whoever has your signature can do this" in text and "at once" not in text
    press(page, "Do not sign")
    finish(page, "Nothing was signed")
    terminal.error()


def test_an_owner_of_a_plain_contract_reads_for_whom_they_sign(browse: Browse, stub: Stub) -> None:
    _, typed = demo_grant(subject=BOB)
    terminal = Terminal(lambda wallet: ContractWallet(BOB, wallet).sign_typed_data(typed))
    stub.known.add(DOMAIN.chain_id)
    page = browse(stub).open(terminal.url)
    press(page, "Marmot")
    page.get_by_role("button", name="Sign with Marmot").wait_for()
    assert row(page, "For") == BOB
    press(page, "Sign with Marmot")
    finish(page, "Signed")
    assert terminal.result()


def test_a_transaction_from_another_account(world: World, browse: Browse, stub: Stub) -> None:
    """The wallet sent it all the same: said as what it is, and never taken for done."""
    stub.answers["eth_sendTransaction"] = lambda params: stub._pass_on(
        "eth_sendTransaction", [{**params[0], "from": BOB}]
    )
    terminal = Terminal(lambda wallet: revoke_all(world.person(wallet, sender=wallet)))
    page = browse(stub).open(terminal.url)
    press(page, "Marmot", "Send with Marmot")
    finish(page, "Sent")
    error = terminal.error()
    assert isinstance(error, LedgerUnavailable) and "not the transaction that the wallet was asked" in str(error)


VECTORS = {name: case for name, case in read_cases("digests").items() if case["error"] == "Valid"}


@pytest.mark.parametrize("name", VECTORS)
def test_what_the_wallet_gets_is_what_python_signs(name: str, browse: Browse, stub: Stub) -> None:
    """Byte for byte, and so is the signature (both are deterministic, RFC 6979)."""
    domain, message = parse_typed_data(VECTORS[name]["typedData"])
    made = typed_data_of(domain, message)
    stub.known.add(domain.chain_id)
    terminal = Terminal(signing(None, made), chain_id=domain.chain_id)
    page = browse(stub).open(terminal.url)
    press(page, "Marmot", "Sign with Marmot")
    finish(page, "Signed")
    assert terminal.result() == KeyWallet(ANVIL_KEY).sign_typed_data(made)
    (asked,) = [params for method, params in stub.asked if method == "eth_signTypedData_v4"]
    assert asked == [ALICE, msgspec.json.encode(made).decode()]


def test_an_owner_signs_for_their_safe(browse: Browse, stub: Stub) -> None:
    """The wallet gets the Safe's message, 32 bytes that tell nobody anything; the page shows the statement."""
    _, typed = demo_grant(subject=BOB)
    stub.known.add(DOMAIN.chain_id)
    work = lambda wallet: (wallet.address, wallet.sign_safe_message(typed, BOB))[1]  # noqa: E731
    terminal = Terminal(work, chain_id=DOMAIN.chain_id)
    page = browse(stub).open(terminal.url)
    press(page, "Marmot")
    page.get_by_text(typed["message"]["statement"]).first.wait_for()
    assert row(page, "For") == BOB
    wrapped = safe_message(DOMAIN.chain_id, BOB, digest(*parse_typed_data(typed)))
    page.get_by_text("Exactly what your wallet receives").click()
    assert json.loads(page.locator("pre").inner_text()) == wrapped
    press(page, "Sign with Marmot")
    finish(page, "Signed")
    from eth_account import Account

    assert terminal.result() == bytes(Account.sign_typed_data(ANVIL_KEY, full_message=wrapped).signature)


def test_it_signs_and_sends_and_gives_nothing_signed_away() -> None:
    wallet = BrowserWallet(1, note=print, account=ALICE)
    assert isinstance(wallet, Owner) and isinstance(wallet, Submitter) and not isinstance(wallet, Sender)
    assert not isinstance(KeyWallet(ANVIL_KEY), Submitter)


def test_interrupted_in_the_terminal(browse: Browse, stub: Stub) -> None:
    program = (
        "from registry.wallets.browser import BrowserWallet\n"
        "import sys\n"
        "with BrowserWallet(31337, note=lambda text: print(text, flush=True), opener=lambda url: None) as wallet:\n"
        "    wallet.address\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ)
    )
    try:
        assert process.stdout is not None and process.stderr is not None
        found = re.search(r"http://\S+", process.stdout.readline())
        assert found is not None
        page = browse(stub).open(found[0])
        page.get_by_role("button", name="Marmot").wait_for()
        process.send_signal(signal.SIGINT)
        page.get_by_text("It was interrupted in the terminal.").wait_for()
        assert "KeyboardInterrupt" in process.communicate(timeout=SECONDS)[1]
        assert is_refused(found[0])
    finally:
        process.kill()
        process.wait(SECONDS)


def test_the_terminal_is_killed(browse: Browse, stub: Stub) -> None:
    """Nobody could tell the page: it notices."""
    terminal = Terminal(signing(None, typed_data_of(*parse_typed_data(VECTORS["grant"]["typedData"]))))
    page = browse(stub).open(terminal.url)
    page.get_by_role("button", name="Marmot").wait_for()
    assert terminal.wallet._open is not None
    terminal.wallet._open[1].close()
    page.get_by_role("heading", name="The terminal has ended").wait_for()
    terminal.wallet._open[0].say("stop", "said-no")
