"""Wallets of the browser in the person's app: what they should do, and everything else that they may do."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from registry.brand.consent_client import ConsentClient
from registry.core.crypto.signatures import HALF_ORDER
from registry.core.scalars import to_hex
from registry.wallets.keywallet import KeyWallet
from tests.support.app_stage import App
from tests.support.app_wallets import Later, Signing, key_stub, other_message, put_wallets, signature_of
from tests.support.browser_stage import Stub, WalletError
from tests.support.devnet_runs import Run
from tests.support.levers import AnvilLevers
from tests.support.notary_runs import until
from tests.support.safes import Accounts

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="what is left running is looked up in /proc"),
]
WHAT = ("dpv:Personalisation", ["pd:Purchase"])
SIGN = "eth_signTypedData_v4"
ALICE, MALLORY = KeyWallet(b"\x21" * 32), KeyWallet(b"\x22" * 32)
UNDEPLOYED = "0x" + "00" * 96 + "6492" * 16


@pytest.fixture(scope="module")
def stubs(run: Run) -> tuple[Stub, Stub]:
    """Two wallets of one person, Marmot and Beaver."""
    url = run.ready["rpcUrl"]
    return key_stub(url, ALICE), key_stub(url, MALLORY, "Beaver")


@pytest.fixture(scope="module")
def person(run: Run, chromium: Any, stubs: tuple[Stub, Stub]) -> Iterator[Signing]:
    """One person for all tests that end without an answer; no page of theirs may fail."""
    app = App(chromium, f"{run.ready['app']}/")
    put_wallets(app, *stubs)
    signing = Signing(app, run.ready["request"])
    signing.begin()
    yield signing
    app.close()
    assert app.troubles == []


@pytest.fixture
def marmot(stubs: tuple[Stub, Stub]) -> Stub:
    """A wallet that does what it should, until a test says otherwise."""
    for stub, key in zip(stubs, (ALICE, MALLORY), strict=True):
        stub.answers.clear()
        stub.asked.clear()
        stub.chain, stub.known = 31337, {1, 31337}
        stub.hold(key)
    return stubs[0]


@pytest.fixture
def signing(person: Signing, marmot: Stub) -> Signing:
    """The person is about to sign."""
    person.to_sign()
    return person


def raising(code: int, message: str = "no") -> Any:
    def answer(_params: Any) -> Any:
        raise WalletError(code, message)

    return answer


def high_s(params: Any) -> str:
    """The same signature in its other spelling, which every chain since EIP-2 refuses."""
    raw = signature_of(ALICE, params)
    s = 2 * HALF_ORDER + 1 - int.from_bytes(raw[32:64], "big")
    return to_hex(raw[:32] + s.to_bytes(32, "big") + bytes([55 - raw[64]]))


REFUSES: dict[str, tuple[Any, str]] = {
    "says no": (raising(4001), "You said no in your wallet"),
    "is locked": (raising(4100), "The wallet shows no account"),
    "waits already": (raising(-32002), "The wallet waits for you already"),
    "cannot sign typed data": (raising(-32601), "The wallet cannot do that"),
    "fails": (raising(-32603, "cable\u202e cut\n"), "It says: “cable cut”"),
    "signs another message": (lambda p: other_message(ALICE, p), "did not sign this with the account"),
    "signs with another account": (lambda p: to_hex(signature_of(MALLORY, p)), "did not sign this with the account"),
    "returns a malleable signature": (high_s, "The wallet’s answer is of no use"),
    "returns 64 bytes": (lambda p: to_hex(signature_of(ALICE, p)[:64]), "The wallet’s answer is of no use"),
    "returns half a byte": (lambda p: to_hex(signature_of(ALICE, p)) + "0", "The wallet’s answer is of no use"),
    "returns nothing": (None, "The wallet’s answer is of no use"),
    "returns an object": ({"toString": 1}, "The wallet’s answer is of no use"),
    "returns 20,000 bytes": ("0x" + "11" * 20_000, "The wallet’s answer is of no use"),
    "is a contract to come": (UNDEPLOYED, "a contract that is not on the chain yet"),
}


@pytest.mark.parametrize("case", REFUSES)
def test_a_wallet_that_does_not_sign(signing: Signing, marmot: Stub, case: str) -> None:
    answer, text = REFUSES[case]
    assert signing.connect() == ALICE.address
    marmot.answers[SIGN] = answer
    signing.app.press("Sign")
    signing.trouble(text)
    assert marmot.methods().count(SIGN) == 1
    signing.nothing_happened()


SHOWS_NOTHING: dict[str, tuple[Any, str]] = {
    "says no": (raising(4001), "You said no in your wallet"),
    "is locked": ([], "The wallet shows no account"),
    "waits already": (raising(-32002), "The wallet waits for you already"),
    "lists no accounts": (["0x12", None, {}], "The wallet shows no account"),
    "answers with a number": (7, "The wallet shows no account"),
}


@pytest.mark.parametrize("case", SHOWS_NOTHING)
def test_a_wallet_that_shows_no_account(signing: Signing, marmot: Stub, case: str) -> None:
    answer, text = SHOWS_NOTHING[case]
    marmot.answers["eth_requestAccounts"] = answer
    signing.choose()
    signing.trouble(text)
    assert SIGN not in marmot.methods()
    del marmot.answers["eth_requestAccounts"]
    signing.app.press("Show my account in Marmot")
    signing.page.get_by_text("This account signs:").wait_for()


def test_a_wallet_that_changes_the_account_and_tells(signing: Signing, marmot: Stub) -> None:
    signing.connect()
    marmot.accounts = [MALLORY.address]
    signing.emit(marmot, "accountsChanged", [MALLORY.address])
    signing.trouble(f"on another account now: {MALLORY.address}")
    assert signing.page.get_by_role("button", name="Sign", exact=True).count() == 0
    signing.app.press("Show my account in Marmot")
    signing.page.get_by_text(MALLORY.address).wait_for()
    assert SIGN not in marmot.methods()
    signing.nothing_happened()


def test_a_wallet_that_changes_the_account_in_silence(signing: Signing, marmot: Stub) -> None:
    signing.connect()
    marmot.accounts = [MALLORY.address]
    signing.app.press("Sign")
    signing.trouble(f"on another account now: {MALLORY.address}")
    assert SIGN not in marmot.methods()
    signing.nothing_happened()


def test_a_wallet_that_changes_the_account_while_it_asks(signing: Signing, marmot: Stub) -> None:
    signing.connect()
    late = Later("late")
    marmot.answers[SIGN] = late
    signing.app.press("Sign")
    signing.page.get_by_text("Your wallet asks you now").wait_for()
    until(lambda: SIGN in marmot.methods() or signing.page.wait_for_timeout(20))
    signing.emit(marmot, "accountsChanged", [MALLORY.address])
    signing.trouble("on another account now")
    late.give(signing.app, to_hex(signature_of(ALICE, marmot.asked[-1][1])))
    signing.nothing_happened()


@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
def test_a_wallet_on_another_chain_is_moved(signing: Signing, marmot: Stub, known: bool) -> None:
    marmot.chain, marmot.known = 1, {1, 31337} if known else {1}
    signing.connect()
    assert marmot.chain == 31337
    assert ("wallet_addEthereumChain" in marmot.methods()) is not known


STAYS: dict[str, tuple[dict[str, Any], str]] = {
    "says no": ({"wallet_switchEthereumChain": raising(4001)}, "You said no in your wallet"),
    "cannot": (
        {"wallet_switchEthereumChain": raising(4200), "wallet_addEthereumChain": raising(4200)},
        "Switch it to chain 31337",
    ),
    "pretends": ({"wallet_switchEthereumChain": None}, "Switch it to chain 31337"),
    "is on no chain": ({"eth_chainId": {"chain": 1}}, "The wallet’s answer is of no use"),
}


@pytest.mark.parametrize("case", STAYS)
def test_a_wallet_that_stays_on_another_chain(signing: Signing, marmot: Stub, case: str) -> None:
    answers, text = STAYS[case]
    marmot.chain = 1
    marmot.answers |= answers
    signing.choose()
    signing.trouble(text)
    assert SIGN not in marmot.methods()


def test_a_wallet_that_changes_the_chain_before_it_signs_is_moved_back(signing: Signing, marmot: Stub) -> None:
    signing.connect()
    marmot.chain = 1
    marmot.answers[SIGN] = raising(4001)
    signing.app.press("Sign")
    signing.trouble("You said no in your wallet")
    assert marmot.chain == 31337
    assert marmot.methods().index("wallet_switchEthereumChain") < marmot.methods().index(SIGN)


@pytest.mark.parametrize("method", ["eth_requestAccounts", "eth_chainId", SIGN])
def test_a_wallet_that_never_answers_can_be_left(signing: Signing, marmot: Stub, method: str) -> None:
    marmot.answers[method] = Later()
    if method == SIGN:
        signing.connect()
        signing.app.press("Sign")
    else:
        signing.choose()
    signing.page.get_by_text("Your wallet asks you now").wait_for()
    signing.app.press("Back")
    signing.app.heading("asks you")
    # The next try, with the same wallet, does not wait for the first.
    del marmot.answers[method]
    marmot.hold(ALICE)
    marmot.answers[SIGN] = raising(4001)
    signing.app.press("Allow what I chose")
    if method != SIGN:
        signing.connect()
    signing.app.press("Sign")
    signing.trouble("You said no in your wallet")
    signing.nothing_happened()


def test_what_a_wallet_signs_after_the_person_left_is_dropped(signing: Signing, marmot: Stub) -> None:
    signing.connect()
    late = Later("left")
    marmot.answers[SIGN] = late
    signing.app.press("Sign")
    until(lambda: SIGN in marmot.methods() or signing.page.wait_for_timeout(20))
    signing.page.goto(f"{signing.app.url}#own")
    signing.app.heading("Your key")
    late.give(signing.app, to_hex(signature_of(ALICE, marmot.asked[-1][1])))
    signing.page.wait_for_timeout(300)
    signing.nothing_happened()
    signing.page.reload()
    signing.app.press("Use my passkey")
    signing.page.get_by_text("No brand has an answer of yours yet.").wait_for()


def test_two_wallets_each_with_its_own_account(signing: Signing) -> None:
    assert signing.page.get_by_role("radio").count() == 3
    assert signing.page.get_by_role("radio", name="A new address").is_checked()
    assert signing.connect("Beaver") == MALLORY.address
    signing.page.get_by_role("radio", name="Marmot: the address").check()
    assert signing.page.get_by_text(MALLORY.address).count() == 0
    assert signing.connect("Marmot") == ALICE.address


HOSTILE = """() => {
  const provider = { request: async () => null };
  const event = (detail) => new CustomEvent("eip6963:announceProvider", { detail });
  const announce = (info) => window.dispatchEvent(event({ info, provider }));
  window.hit = [];
  announce({ uuid: "h1", name: "Marmot", rdns: "example.fake", icon: "https://evil.example/i.png" });
  announce({ uuid: "h2", rdns: "h2", name: "\\u202eGood\\u200b " + "x".repeat(500), icon: "javascript:hit.push(1)" });
  const page = "data:text/html,<script>hit.push(3)</script>";
  announce({ uuid: "h3", name: "<img src=x onerror=hit.push(2)>", rdns: "h3", icon: page });
  announce({ uuid: "h4", name: "Huge", rdns: "h4", icon: "data:image/png;base64," + "A".repeat(300000) });
  const drawn = "<svg xmlns='http://www.w3.org/2000/svg' onload='hit.push(4)'><script>hit.push(5)</script></svg>";
  announce({ uuid: "h5", name: "Drawn", rdns: "h5", icon: "data:image/svg+xml," + drawn });
  announce({ uuid: "example.marmot", name: "Taken over", rdns: "example.marmot" });
  announce({ uuid: "h6", name: 7, rdns: {} });
  announce(null);
  announce({ get name() { throw new Error("boo"); } });
  for (let at = 0; at < 100; at += 1) announce({ uuid: `many${at}`, name: `Many ${at}`, rdns: "m" });
}"""


def test_hostile_announcements_are_text_and_pictures_of_bounded_size(signing: Signing) -> None:
    signing.page.set_viewport_size({"width": 320, "height": 700})
    before = len(signing.app.sent)
    signing.page.evaluate(HOSTILE)
    signing.page.get_by_text("Many 0").wait_for()
    names = signing.page.locator("fieldset label").all_inner_texts()
    assert len(names) == 33 and not any("Taken over" in name for name in names)
    assert max(map(len, names)) < 130 and not any("\u202e" in name or "\u200b" in name for name in names)
    # Two of one name are told apart by what else they say of themselves.
    alike = [name for name in names if name.startswith("Marmot")]
    assert {"example.fake" in name for name in alike} == {True, False} and "example.marmot" in "".join(alike)
    sources = [each.get_attribute("src") or "" for each in signing.page.locator("fieldset img").all()]
    assert sources and all(source.startswith("data:image/") and len(source) < 2**18 for source in sources)
    assert signing.page.evaluate("window.hit") == []
    assert signing.page.evaluate("document.documentElement.scrollWidth") <= 320
    assert signing.app.sent[before:] == []
    assert signing.app.faults() == []
    signing.page.set_viewport_size({"width": 1280, "height": 720})
    signing.page.reload()
    signing.app.press("Use my passkey")
    signing.app.heading("asks you")


def test_without_a_wallet_the_own_account_signs(run: Run, chromium: Any) -> None:
    app = App(chromium, f"{run.ready['app']}/")
    Signing(app, run.ready["request"]).begin()
    assert app.page.get_by_role("radio").count() == 0
    app.press("Sign")
    app.heading("Done")
    app.close()
    assert app.troubles == []


def granted(signing: Signing, account: str, name: str = "Marmot") -> None:
    """Allow by this wallet, and see in the receipt who signed."""
    signing.to_sign()
    assert signing.connect(name) == account
    signing.app.press("Sign")
    signing.app.heading("Done")
    signing.app.link("See the receipt")
    signing.page.get_by_text(account).wait_for()


def end(signing: Signing) -> None:
    signing.page.goto(f"{signing.app.url}#end-all")
    signing.app.press("End it now")
    signing.app.heading("Ended. The chain shows it.")


def test_the_whole_story_by_a_wallet_that_writes_v_as_hardware_does(run: Run, person: Signing, marmot: Stub) -> None:
    """Connect, allow, delivered, ended by the wallet's own transaction, because no notary answers."""
    marmot.answers[SIGN] = lambda p: to_hex((raw := signature_of(ALICE, p))[:64] + bytes([raw[64] - 27]))
    shop = ConsentClient(run.ready["brandInternal"])
    granted(person, ALICE.address)
    until(lambda: shop.allowed(ALICE.address, *WHAT, fresh=True).allowed)
    person.app.context.route("**/v1/revocations", lambda route: route.abort())
    person.page.goto(f"{person.app.url}#end-all")
    person.app.press("End it now")
    person.trouble("It has not ended")
    marmot.answers["eth_sendTransaction"] = raising(4001)
    person.app.press("Pay with Marmot instead")
    person.trouble("You said no in your wallet")
    assert shop.allowed(ALICE.address, *WHAT, fresh=True).allowed
    del marmot.answers["eth_sendTransaction"]
    person.app.press("Pay with Marmot instead")
    person.app.heading("Ended. The chain shows it.")
    until(lambda: not shop.allowed(ALICE.address, *WHAT, fresh=True).allowed)
    person.app.context.unroute("**/v1/revocations")


@pytest.mark.parametrize("kind", ["plain", "safe"])
def test_a_contract_account_signs_by_its_owner(run: Run, person: Signing, marmot: Stub, kind: str) -> None:
    """What the owner's key signs is no signature of the account's address: its contract on the chain accepts it."""
    from registry.ledger.base import read_deployment

    deployment = read_deployment(run.folder / "network" / "deployment.json")
    accounts = Accounts(AnvilLevers(run.ready["rpcUrl"], deployment))
    account = accounts.plain(ALICE.address) if kind == "plain" else accounts.safe(ALICE.address)

    def sign(params: Any) -> str:
        typed = json.loads(params[1])
        if kind == "safe":
            return to_hex(ALICE.sign_safe_message(json.loads(params[1]), account))
        return to_hex(ALICE.sign_typed_data(typed))

    marmot.accounts, marmot.answers[SIGN] = [account], sign
    granted(person, account)
    shop = ConsentClient(run.ready["brandInternal"])
    until(lambda: shop.allowed(account, *WHAT, fresh=True).allowed)
    end(person)
    marmot.answers[SIGN] = lambda p: to_hex(signature_of(MALLORY, p))
    person.to_sign()
    person.connect()
    person.app.press("Sign")
    person.trouble("did not sign this with the account")


def test_the_brand_says_no(run: Run, person: Signing, marmot: Stub) -> None:
    problem = {
        "title": "NotTaken",
        "detail": "we\u202e do not\n\ntake it",
        "status": 422,
        "advice": "Send us your 24 words.",
    }
    headers = {"Access-Control-Allow-Origin": "*", "Content-Type": "application/problem+json"}
    person.app.context.route(
        "**/v1/evidence",
        lambda route: (
            route.fulfill(status=422, headers=headers, body=json.dumps(problem))
            if route.request.method == "POST"
            else route.continue_()
        ),
    )
    person.to_sign("Refuse")
    person.connect()
    person.app.press("Sign")
    person.page.get_by_text(re.compile("did not take it: .* says “we do not take it”")).wait_for()
    person.app.heading("Done")
    assert person.page.get_by_text("24 words").count() == 0
