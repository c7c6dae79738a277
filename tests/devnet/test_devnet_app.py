"""The devnet's app in real Chromium: its page reaches chain, notary, brand and gateway, and nothing else here."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.support.devnet_runs import ANY_PORTS, Run, consent, document
from tests.support.tools import tool

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="what is left running is looked up in /proc"),
]
# What the app asks, as it asks: without credentials, referrer, cache or redirects.
ASK = """async ([url, body, type]) => {
  const given = { credentials: "omit", referrerPolicy: "no-referrer", cache: "no-store", redirect: "error" };
  const post = body === null ? {} : { method: "POST", body, headers: { "content-type": type } };
  try {
    const answer = await fetch(url, { ...given, ...post });
    return [answer.status, (await answer.text()).slice(0, 2000)];
  } catch (error) {
    return [0, String(error)];
  }
}"""
JSON = "application/json"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    tool("anvil")
    tool("kubo")
    with Run(tmp_path_factory.mktemp("app") / "devnet", *ANY_PORTS) as made:
        yield made


@pytest.fixture(scope="module")
def page(run: Run, chromium: Any) -> Iterator[Any]:
    context = chromium.new_context()
    shown = context.new_page()
    shown.goto(f"{run.ready['app']}/")
    yield shown
    context.close()


def test_the_devnet_tells_where_it_is(run: Run) -> None:
    assert run.ready["app"].startswith("http://localhost:")
    status = document(consent(run.folder.parent, "devnet", "status", "--dir", run.folder, "--json"))
    assert status["app"] == run.ready["app"]
    assert run.ready["app"] in consent(run.folder.parent, "devnet", "status", "--dir", run.folder).stdout


def test_its_network_is_the_devnets(run: Run, page: Any) -> None:
    told = page.evaluate("fetch('/config.json').then((answer) => answer.json())")
    ready = run.ready
    assert (told["chainId"], told["registry"], told["verifier"]) == (31337, ready["registry"], ready["verifier"])
    assert told["rpc"] == [ready["rpcUrl"]] and told["gateways"] == [ready["gateway"]]
    assert told["notaries"] == [{"url": ready["notary"], "account": ready["accounts"]["notary"]["address"]}]
    assert told["domains"] == {"shop.example": ready["brand"]}


def test_the_page_is_drawn_under_its_policy(run: Run, page: Any) -> None:
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.reload()
    page.locator("h1").first.wait_for()
    assert complaints == []
    assert page.evaluate("isSecureContext && 'credentials' in navigator && crossOriginIsolated") is False
    assert page.evaluate("isSecureContext") is True


def test_the_chain_the_notary_the_brand_and_the_gateway_answer_it(run: Run, page: Any) -> None:
    ready = run.ready
    call = '{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":[]}'
    assert "0x7a69" in page.evaluate(ASK, [ready["rpcUrl"], call, JSON])[1]
    assert page.evaluate(ASK, [f"{ready['notary']}/v1/info", None, ""])[0] == 200
    assert page.evaluate(ASK, [f"{ready['brand']}/.well-known/consent.json", None, ""])[0] == 200
    status, asked = page.evaluate(ASK, [ready["request"], None, ""])
    assert status == 200 and asked.startswith('{"notice"')
    # Refused for what it says, not for where it comes from.
    assert page.evaluate(ASK, [f"{ready['brand']}/v1/evidence", "{}", JSON])[0] == 422
    assert page.evaluate(ASK, [f"{ready['notary']}/v1/commitments", "{}", JSON])[0] in (400, 422)
    # The empty raw block: Kubo has it without anybody's adding it.
    block = f"{ready['gateway']}/ipfs/bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku?format=raw"
    status, said = page.evaluate(ASK, [block, None, ""])
    assert status in (200, 404, 500, 504), said


def test_it_may_ask_nobody_else_on_this_machine(run: Run, page: Any) -> None:
    for url in (run.ready["brandInternal"], f"http://127.0.0.1:{run.ready['ipfs'].rsplit('/', 1)[1]}/api/v0/id"):
        assert page.evaluate(ASK, [url, "", JSON])[0] == 0
    assert httpx.get(f"{run.ready['brandInternal']}/healthz").status_code == 200


def test_the_log_is_shown(run: Run) -> None:
    logs = consent(run.folder.parent, "devnet", "logs", "--dir", run.folder).stdout
    assert f"app    | The app is at {run.ready['app']}/" in logs
