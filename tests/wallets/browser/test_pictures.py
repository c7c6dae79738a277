"""The pictures in the documentation; taken into the folder that CONSENT_PICTURES names, else for nobody."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scripts.make_pictures import PICTURES, RECORD, sources
from tests.support.browser_stage import ICON, Browser, Stub, Terminal, WalletError, demo_grant, signing

pytestmark = pytest.mark.slow

LOOKS: dict[str, dict[str, Any]] = {
    "light": {"viewport": {"width": 760, "height": 440}, "color_scheme": "light", "device_scale_factor": 1.5},
    "dark": {"viewport": {"width": 760, "height": 440}, "color_scheme": "dark", "device_scale_factor": 1.5},
    "phone": {"viewport": {"width": 360, "height": 520}, "color_scheme": "light", "device_scale_factor": 1.5},
}


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("answer", ["signed", "refused"])
def test_pictures(browse: Callable[..., Browser], stub: Stub, tmp_path: Path, look: str, answer: str) -> None:
    folder = Path(os.environ.get("CONSENT_PICTURES") or tmp_path)

    def picture(name: str) -> None:
        page.mouse.move(0, 0)
        path = folder / f"page-{name}-{look}.png"
        assert len(page.screenshot(path=path, full_page=True, animations="disabled")) > 10_000

    def refuse(_params: Any) -> None:
        raise WalletError(4001)

    if answer == "refused":
        stub.answers["eth_signTypedData_v4"] = refuse
    other = Stub(stub.node, "Harbour", "example.harbour", ICON.format(colour="2d6cb4"))
    terminal = Terminal(signing(*demo_grant()), seconds=600)
    page = browse(stub, other, **LOOKS[look]).open(terminal.url)
    page.get_by_role("button", name="Marmot").wait_for()
    if answer == "signed":
        picture("wallets")
    page.get_by_role("button", name="Marmot").click()
    page.get_by_role("button", name="Sign with Marmot").wait_for()
    if answer == "signed":
        picture("request")
    page.get_by_role("button", name="Sign with Marmot").click()
    page.get_by_role("heading", name="Signed" if answer == "signed" else "Nothing was signed", exact=True).wait_for()
    picture(answer)


def test_the_documentation_shows_the_page_of_today() -> None:
    assert RECORD.read_text() == sources(), "the pictures are old: make pictures"
    taken = {f"page-{name}-{look}.png" for name in ("wallets", "request", "signed", "refused") for look in LOOKS}
    assert {path.name for path in PICTURES.glob("page-*.png")} == taken
