"""Signing with the browser's wallet: a person's waiting time, and the size of the page.

A Chromium is already running, as a person's browser would be, and a wallet in it announces itself (EIP-6963). The page
is usable when the wallet's button can be pressed. By then the command has read the request and asked the chain, and the
page has loaded and found the wallet. The command's own start-up is the time of ``consent --help``, measured in turns
with it. Drawing is the time of the page's own code, from a click to the finished layout of its largest view.
"""

from __future__ import annotations

import gzip
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

from playwright.sync_api import sync_playwright

from registry.core.errors import InvalidInput
from registry.net.json_rpc import Node
from scripts.benchmarks.commands import COMMAND_SECONDS, command_line, consent, story_on
from scripts.benchmarks.figures import RUNS, Figure
from scripts.benchmarks.nodes import CALL_SECONDS, anvil
from tests.support.browser_stage import REDRAW, Browser, Stub
from tests.support.browsers import CHROMIUM

DRAWINGS = 9
_PAGE = ("index.html", "page.js", "page.css")


def measure() -> Iterator[Figure]:
    """Measure the page's size, then the time until it is usable and drawn."""
    page = files("registry.data") / "web" / "wallet"
    weight = sum(len(gzip.compress((page / name).read_bytes())) for name in _PAGE)
    yield Figure("the page: HTML, script and style, gzipped", weight / 1000, "KB", "<= 70")
    with tempfile.TemporaryDirectory() as folder, anvil() as url, _browser(url) as browser:
        place, story = story_on(url, Path(folder) / "anvil", "asked")
        line = (
            "grant",
            str(story.folder / "request.json"),
            "--wallet",
            "browser",
            "--sender",
            "self",
            "--rpc-url",
            url,
            *place,
        )
        looks = [_look(browser, line) for _ in range(RUNS)]
    start, usable, drawn = (min(times) for times in zip(*looks, strict=True))
    until = "from `consent grant --wallet browser` to a usable page"
    yield Figure(f"{until}, beyond the command's own start-up", usable - start, "s", "<= 1.5")
    yield Figure(until, usable, "s")
    yield Figure("the request drawn and laid out, in Chromium", drawn, "ms", "<= 100")


@contextmanager
def _browser(url: str) -> Iterator[Browser]:
    """Start a Chromium with one wallet, whose keys are in the node at ``url``."""
    if not CHROMIUM.exists():
        raise InvalidInput("Chromium is not installed", "On Debian: apt-get install chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        browser = Browser(chromium, Stub(Node(url, CALL_SECONDS)))
        browser.open("about:blank")
        yield browser
        browser.close()
        chromium.close()


def _look(browser: Browser, line: tuple[str, ...]) -> tuple[float, float, float]:
    """Return the seconds of `consent --help`, the seconds until the page was usable, and the milliseconds to draw."""
    began = time.perf_counter()
    consent("--help")
    start = time.perf_counter() - began
    began = time.perf_counter()
    with _command(line) as process:
        page = browser.open(_address(process))
        page.get_by_role("button", name="Marmot").wait_for()
        usable = time.perf_counter() - began
        page.get_by_role("button", name="Marmot").click()
        page.get_by_role("button", name="Sign with").wait_for()
        drawn = min(page.evaluate(REDRAW) for _ in range(DRAWINGS))
        page.get_by_role("button", name="Do not sign").click()
        process.communicate(timeout=COMMAND_SECONDS)
        page.close()
    return start, usable, drawn


@contextmanager
def _command(line: tuple[str, ...]) -> Iterator[subprocess.Popen[str]]:
    """Start the command. It opens no browser, because the benchmark does."""
    start = command_line(*line)
    start["env"]["BROWSER"] = "true"
    with subprocess.Popen(**start, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def _address(process: subprocess.Popen[str]) -> str:
    """Return the page's address from the command's output; RuntimeError if the command ends without one."""
    assert process.stderr is not None
    said = ""
    for text in process.stderr:
        said += text
        if found := re.search(r"http://127[\d.]+:\d+/#\S+", text):
            return found[0]
    raise RuntimeError(f"consent grant opened no page: {said.strip()}")
