"""A person ends consent in the app with a saved file and a node alone: the page, the notary and the brand are gone."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from registry.wallets.derived import account_for
from registry.wallets.mnemonic import seed_of
from tests.support.app_stage import App
from tests.support.devnet_runs import Run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="what is left running is looked up in /proc"),
]
PASSPHRASE = "five words are long enough"


def anvil(run: Run, method: str, *params: Any) -> Any:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    asked = Request(run.ready["rpcUrl"], body, {"Content-Type": "application/json"})
    with urlopen(asked, timeout=20) as answer:
        return json.loads(answer.read())["result"]


def a_saved_consent(run: Run, app: App, folder: Path) -> tuple[list[str], Path]:
    """A new person allows what the shop asks, and saves the receipt; return their words and the file."""
    app.follow(run.ready["request"])
    for box in app.page.get_by_role("checkbox").all():
        box.check()
    app.press("Allow what I chose")
    app.page.get_by_role("button", name="Begin with a passkey").click()
    words = app.write_down()
    app.press("Sign")
    app.heading("Done")
    app.link("See the receipt")
    with app.page.expect_download() as download:
        app.press("Save the file")
    download.value.save_as(folder / "consent.json")
    return words, folder / "consent.json"


def choose(app: App, label: str, file: Path) -> None:
    app.page.get_by_label(label).set_input_files(file)


def test_with_a_node_and_the_file_alone_it_ends(run: Run, start: Callable[..., App], tmp_path: Path) -> None:
    first = start()
    words, file = a_saved_consent(run, first, tmp_path)
    first.page.goto(f"{first.url}#file")
    first.heading("Check a file")
    choose(first, "Choose the file", file)
    first.page.get_by_role("heading", name="Yes: it holds").wait_for()
    assert first.faults() == []

    app = start()
    # The page stands on any host now: it names no network, so no node, no notary and no brand.
    app.page.route("**/config.json", lambda route: route.fulfill(status=404, body=""))
    app.page.goto(app.url)
    app.page.get_by_role("button", name="I have 24 words").click()
    app.page.get_by_label("Your 24 words").fill(" ".join(words))
    app.press("Continue")
    app.page.get_by_role("button", name="Begin with a passphrase").click()
    app.page.get_by_label("Passphrase", exact=True).fill(PASSPHRASE)
    app.page.get_by_label("Passphrase again").fill(PASSPHRASE)
    app.press("Make my key")
    app.heading("Your consents")
    choose(app, "Open saved files", file)
    app.heading("What")
    app.page.get_by_text("Could not check").first.wait_for()
    app.page.goto(f"{app.url}#own")
    app.page.get_by_text("This page names no network now").wait_for()
    for bad, why in (("http://node.example", "http is for this device alone"), ("ftp://x", "not the URL of a node")):
        app.page.get_by_label("The node’s URL").fill(bad)
        app.press("Use this node")
        app.page.get_by_text(why).wait_for()
    app.page.get_by_label("The node’s URL").fill(run.ready["rpcUrl"])
    app.press("Use this node")
    app.page.get_by_text("This app now asks the node").first.wait_for()
    assert app.faults() == []

    # It is kept, sealed: after a reload the same node is asked.
    app.page.reload()
    app.page.get_by_label("Passphrase").fill(PASSPHRASE)
    app.press("Open")
    app.page.get_by_text("This app now asks the node").first.wait_for()
    assert run.ready["rpcUrl"] not in app.kept()
    app.page.goto(f"{app.url}#list")
    app.page.get_by_role("link", name="Allowed").click()
    app.link("End this")
    subject = account_for(seed_of(words), run.ready["accounts"]["brand"]["address"]).address
    app.page.get_by_text("It costs at most").wait_for()
    assert app.page.get_by_text(subject).is_visible()
    app.page.get_by_text("Send at least").wait_for()
    assert app.faults() == []
    anvil(run, "anvil_setBalance", subject, hex(10**17))
    app.press("Look again")
    before = int(anvil(run, "eth_getBalance", subject, "latest"), 16)
    app.page.get_by_role("button", name="Pay from your account").click()
    app.heading("Ended. The chain shows it.")
    assert 0 < before - int(anvil(run, "eth_getBalance", subject, "latest"), 16) < 10**17
    told = "\n".join(app.sent)
    assert " ".join(words[:3]) not in told and seed_of(words).hex() not in told
    assert all(line.startswith((app.url, run.ready["rpcUrl"], "blob:")) for line in app.sent), app.sent

    # Whoever has the file sees the end.
    first.page.goto(f"{first.url}#list")
    first.page.goto(f"{first.url}#file")
    choose(first, "Choose the file", file)
    first.page.get_by_role("heading", name="No: it does not hold").wait_for()
