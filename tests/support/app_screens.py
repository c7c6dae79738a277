"""Every screen of the person's app, one after another, as a person goes through them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from scripts.node_packages import JS_FOLDER
from tests.support.app_stage import App

WORDS: dict[str, str] = json.loads((JS_FOLDER / "app" / "words" / "en.json").read_text("utf-8"))
LANGUAGES = tuple(sorted(path.stem for path in (JS_FOLDER / "app" / "words").glob("*.json")))
PHRASE = "five words are long enough"
NOBODY = "0x" + "00" * 32
# A wallet that offers itself and signs nothing.
_WALLET = """
const wallet = Object.freeze({
  info: { uuid: "0", name: "Marmot", icon: "", rdns: "example.marmot" },
  provider: { request: () => Promise.reject(Object.assign(new Error("no"), { code: 4001 })) },
});
addEventListener("eip6963:requestProvider", () =>
  dispatchEvent(new CustomEvent("eip6963:announceProvider", { detail: wallet })));
"""


class Walk:
    """One person's way through the app in English, where the devnet's brand asks by ``request``."""

    def __init__(self, app: App, request: str, notary: str) -> None:
        self.app, self.request, self.notary = app, request, notary
        app.page.add_init_script(_WALLET)

    def screens(self) -> Iterator[str]:
        """Yield the name of each screen while it is shown. What the caller changes of the page, it changes back."""
        yield from self._without_a_key()
        yield from self._reading()
        yield from self._making_a_key()
        yield from self._answering()
        yield from self._seeing()
        yield from self._ending()
        yield from self._leaving()

    def press(self, name: str, **values: str) -> None:
        """Press a button by the name of its text."""
        self.app.page.locator("main").get_by_role("button", name=_said(name, **values)).first.click()

    def follow(self, name: str, **values: str) -> None:
        """Follow a link by the name of its text."""
        self.app.page.locator("main").get_by_role("link", name=_said(name, **values)).first.click()

    def reach(self, name: str, **values: str) -> None:
        """Wait for a screen by the name of its heading."""
        self.app.heading(_said(name, **values))

    def choose(self) -> None:
        """Allow everything that is asked."""
        for box in self.app.page.get_by_role("checkbox").all():
            box.check()

    def _without_a_key(self) -> Iterator[str]:
        self.app.page.goto(self.app.url)
        self.reach("welcome.title")
        yield "welcome"
        self.press("welcome.passphrase")
        self.reach("passphrase.title")
        self.app.page.get_by_label(WORDS["passphrase.label"], exact=True).fill("short")
        self.press("passphrase.make")
        yield "passphrase"
        self.press("back")
        self.press("welcome.words")
        self.reach("restore.title")
        self.app.page.get_by_label(WORDS["restore.label"]).fill("these are not twelve and twelve")
        self.press("continue")
        yield "restore"

    def _reading(self) -> Iterator[str]:
        self.app.follow(self.request[:-64] + NOBODY[2:], WORDS["ask.failed"])
        yield "request that cannot be read"
        self.app.follow(self.request)
        yield "request"
        self.press("ask.allow")
        self.app.page.get_by_text(WORDS["ask.choose"]).wait_for()
        yield "request without a choice"
        self.choose()
        yield "request with a choice"
        self.press("ask.allow")
        self.reach("welcome.title")
        yield "welcome to answer"

    def _making_a_key(self) -> Iterator[str]:
        self.press("welcome.passphrase")
        for label in ("passphrase.label", "passphrase.repeat"):
            self.app.page.get_by_label(WORDS[label], exact=True).fill(PHRASE)
        self.press("passphrase.make")
        self.reach("words.title")
        yield "words"
        words = self.app.page.locator("ol li").all_inner_texts()
        self.press("words.done")
        self.reach("words.check.title")
        self._type_words(words, wrong=True)
        yield "words that are wrong"
        self._type_words(words)
        self.reach("sign.grant")
        self.app.page.goto(f"{self.app.url}#list")
        self.reach("list.title")
        yield "empty list"

    def _type_words(self, words: list[str], *, wrong: bool = False) -> None:
        for field in self.app.page.locator("form input").all():
            label = self.app.page.locator(f"label[for={field.get_attribute('id')}]").inner_text()
            found = re.search(r"\d+", label)
            assert found is not None
            field.fill("wrong" if wrong else words[int(found[0]) - 1])
        self.press("continue")

    def _answering(self) -> Iterator[str]:
        self.app.page.go_back()
        self.app.heading("asks you")
        self.choose()
        self.press("ask.allow")
        self.reach("sign.grant")
        yield "sign"
        with self._silent_notary() as cut:
            self.press("sign.do")
            self.reach("go.title")
            yield "on its way"
            cut()
            self.app.page.get_by_role("button", name=WORDS["again"]).wait_for()
            yield "stopped on its way"
        self.press("again")
        self.reach("go.done")
        yield "done"

    def _seeing(self) -> Iterator[str]:
        self.follow("go.toreceipt")
        self.reach("receipt.title")
        yield "receipt"
        self.app.page.goto(f"{self.app.url}#list")
        self.reach("list.title")
        self.app.page.get_by_role("link", name=WORDS["state.live"]).wait_for()
        yield "list"
        self.app.follow(self.request)
        yield "request that was answered"
        self.app.page.goto(f"{self.app.url}#one={NOBODY}")
        self.reach("one.notfound")
        yield "unknown"
        self.app.page.goto(f"{self.app.url}#list")
        self.app.page.get_by_role("link", name=WORDS["state.live"]).click()
        self.app.page.get_by_text(WORDS["one.anchored"]).wait_for()
        yield "one"

    def _ending(self) -> Iterator[str]:
        self.follow("one.end")
        self.app.page.get_by_role("button", name=WORDS["end.do"]).wait_for()
        yield "end"
        with self._silent_notary() as cut:
            cut()
            self.press("end.do")
            self.app.page.get_by_text(WORDS["end.pay.lead"]).wait_for()
            yield "end that failed"
        self.press("again")
        self.reach("end.done")
        yield "ended"
        self.follow("one.line")
        self.app.page.get_by_text(WORDS["one.ended"]).wait_for()
        yield "one that ended"

    def _leaving(self) -> Iterator[str]:
        self.app.page.goto(f"{self.app.url}#own")
        self.reach("own.title")
        self.press("own.erase")
        yield "own"
        self.app.page.get_by_role("button", name=WORDS["lock"], exact=True).click()
        self.reach("unlock.title")
        self.app.page.get_by_label(WORDS["passphrase.label"]).fill("another one, quite wrong")
        self.press("unlock.passphrase")
        self.app.page.get_by_text(WORDS["unlock.wrong"]).wait_for()
        yield "unlock"

    @contextmanager
    def _silent_notary(self) -> Iterator[Callable[[], None]]:
        """Let this browser's calls to the notary wait, and fail from when the function is called that this yields."""
        held: list[Any] = []
        is_cut = False

        def cut() -> None:
            nonlocal is_cut
            is_cut = True
            while held:
                held.pop().abort()

        pattern = f"{self.notary}/**"
        self.app.page.route(pattern, lambda route: route.abort() if is_cut else held.append(route))
        yield cut
        self.app.page.unroute(pattern)


def _said(name: str, **values: str) -> str:
    text = WORDS[name]
    for key, value in values.items():
        text = text.replace("{" + key + "}", value)
    return text
