"""The person's app in a real browser, and what it sends and keeps."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

from scripts.node_packages import ensure_node_modules

SECONDS = 25.0
AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
_AUTHENTICATOR = {
    "protocol": "ctap2",
    "ctap2Version": "ctap2_1",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "hasPrf": True,
    "automaticPresenceSimulation": True,
    "isUserVerified": True,
}


class App:
    """One person's browser at the app, with a passkey. ``sent`` has the URL and the body of every request."""

    def __init__(self, chromium: Any, url: str, **options: Any) -> None:
        self.url = url
        self.context = chromium.new_context(**{"locale": "en-GB"} | options)
        self.context.set_default_timeout(SECONDS * 1000)
        self.sent: list[str] = []
        self.troubles: list[str] = []
        self.context.on("request", lambda request: self.sent.append(f"{request.url} {request.post_data or ''}"))
        self.context.on("weberror", lambda error: self.troubles.append(str(error.error)))
        self.context.on("console", lambda message: self._said(message))
        self.page = self.context.new_page()
        session = self.context.new_cdp_session(self.page)
        session.send("WebAuthn.enable", {"enableUI": False})
        session.send("WebAuthn.addVirtualAuthenticator", {"options": _AUTHENTICATOR})

    def _said(self, message: Any) -> None:
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.troubles.append(message.text)

    def follow(self, link: str, heading: str = "asks you") -> None:
        """Open the app as a brand's button does."""
        self.page.goto(f"{self.url}#request={quote(link, safe='')}")
        self.heading(heading)

    def heading(self, text: str) -> None:
        """Wait for a screen by its heading."""
        self.page.get_by_role("heading", level=1, name=text).wait_for()

    def press(self, name: str) -> None:
        """Press a button."""
        self.page.get_by_role("button", name=name, exact=True).click()

    def press_starting(self, name: str) -> None:
        """Press a button that has more words than these."""
        self.page.get_by_role("button", name=name).click()

    def link(self, name: str) -> None:
        """Follow a link."""
        self.page.get_by_role("link", name=name, exact=True).click()

    def write_down(self) -> list[str]:
        """Read the 24 words, show that they were written down, and return them."""
        self.heading("Write down these 24 words")
        words = [str(each) for each in self.page.locator("ol li").all_inner_texts()]
        self.press("I have written them down")
        for field in self.page.locator("form input").all():
            label = self.page.locator(f"label[for={field.get_attribute('id')}]").inner_text()
            found = re.search(r"\d+", label)
            assert found is not None
            field.fill(words[int(found[0]) - 1])
        self.press("Continue")
        return words

    def begin_with(self, phrase: str, restored: bool = False) -> list[str]:
        """Make a key that a passphrase opens in any tab; return its words."""
        self.page.get_by_role("button", name="Begin with a passphrase").click()
        self.page.get_by_label("Passphrase", exact=True).fill(phrase)
        self.page.get_by_label("Passphrase again").fill(phrase)
        self.press("Make my key")
        return [] if restored else self.write_down()

    def tab(self, phrase: str, hash_: str = "#list") -> Any:
        """Open another tab of the same browser, and the key in it; return its page."""
        page = self.context.new_page()
        page.goto(f"{self.url}{hash_}")
        self.unlock(phrase, page)
        return page

    def unlock(self, phrase: str, page: Any = None) -> None:
        """Open the key with its passphrase."""
        page = page or self.page
        page.get_by_role("heading", level=1, name="Open your consents").wait_for()
        page.get_by_label("Passphrase").fill(phrase)
        page.get_by_role("button", name="Open", exact=True).click()
        page.get_by_role("button", name="Lock").wait_for()

    def rows(self) -> list[str]:
        """Return the names of all rows that the browser keeps sealed."""
        return [str(each) for each in self.page.evaluate(_ROWS)]

    def faults(self) -> list[str]:
        """Return what axe finds on the page against WCAG 2.2 AA."""
        axe = ensure_node_modules() / "axe-core" / "axe.min.js"
        self.page.evaluate(axe.read_text("utf-8"))
        run = "tags => axe.run(document, {runOnly: tags})"
        found = self.page.evaluate(run, AXE_TAGS)["violations"]
        return [f"{each['id']}: {node['html'][:200]}" for each in found for node in each["nodes"]]

    def kept(self) -> str:
        """Return everything that the page's storage holds, bytes as Latin-1 text."""
        return str(self.page.evaluate(_ALL_STORED))

    def close(self) -> None:
        self.context.close()


_ROWS = """() => new Promise((done, failed) => {
  const request = indexedDB.open("consent");
  request.onerror = () => failed(request.error);
  request.onsuccess = () => {
    const keys = request.result.transaction("kept").objectStore("kept").getAllKeys();
    keys.onsuccess = () => (request.result.close(), done(keys.result));
  };
})"""
_ALL_STORED = """async () => {
  const database = await new Promise((done, failed) => {
    const request = indexedDB.open("consent");
    request.onsuccess = () => done(request.result);
    request.onerror = () => failed(request.error);
  });
  const texts = [JSON.stringify({ ...localStorage }), JSON.stringify({ ...sessionStorage })];
  const text = (value) => value instanceof ArrayBuffer ? text(new Uint8Array(value))
    : value instanceof Uint8Array ? Array.from(value, (byte) => String.fromCharCode(byte)).join("")
    : typeof value === "object" && value !== null ? Object.values(value).map(text).join(" ") : String(value);
  for (const name of database.objectStoreNames) {
    const rows = await new Promise((done) => {
      const request = database.transaction(name).objectStore(name).getAll();
      request.onsuccess = () => done(request.result);
    });
    texts.push(...rows.map(text));
  }
  database.close();
  return texts.join(" ");
}"""
