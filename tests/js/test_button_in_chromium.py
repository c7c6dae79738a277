"""<consent-button> as it ships, on a shop's page with a strict policy, in real Chromium."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from scripts.build_js import OUTPUT
from scripts.node_packages import ensure_node_modules

pytestmark = pytest.mark.slow

SHOP, APP, LINK = "https://shop.example/", "https://app.example/in/", "https://brand.example/r/0x00"
POLICY = "default-src 'none'; script-src 'self'; require-trusted-types-for 'script'; trusted-types 'none'"
BUTTON = f'<consent-button request="{LINK}" app="{APP}"></consent-button>'
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
Open = Callable[..., Any]


@pytest.fixture
def open_shop(chromium: Any) -> Iterator[Open]:
    """Open a shop's page with this body; a message on the console fails the test. Nothing leaves this machine."""
    contexts: list[Any] = []
    complaints: list[str] = []
    script = (OUTPUT / "button" / "consent-button.js").read_text("utf-8")

    def opened(body: str = BUTTON, *, lang: str = "", gpc: bool = False, **options: Any) -> Any:
        context = chromium.new_context(**{"locale": "en-GB"} | options)
        contexts.append(context)
        context.set_default_timeout(10_000)
        page = f"<!doctype html><html{lang and f' lang={lang}'}><title>Shop</title><main>{body}</main>"
        page += '<script type="module" src="/consent-button.js"></script></html>'
        html = {"body": page, "content_type": "text/html; charset=utf-8"}
        context.route("**/*", lambda route: route.fulfill(body="<title>There</title>", content_type="text/html"))
        headers = {"Content-Security-Policy": POLICY}
        context.route(SHOP, lambda route: route.fulfill(**html, headers=headers))
        js = {"body": script, "content_type": "text/javascript"}
        context.route(f"{SHOP}consent-button.js", lambda route: route.fulfill(**js))
        if gpc:
            context.add_init_script("Object.defineProperty(navigator, 'globalPrivacyControl', {value: true})")
        shown = context.new_page()
        shown.on("console", lambda message: complaints.append(message.text))
        shown.on("pageerror", lambda error: complaints.append(str(error)))
        shown.goto(SHOP)
        shown.evaluate("customElements.whenDefined('consent-button').then(() => 0)")
        return shown

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


def heard(page: Any, name: str) -> Any:
    """Count these events of the page from now on."""
    page.evaluate(
        "(name) => { window.heard = []; addEventListener(name, (event) => window.heard.push(event.detail.request)) }",
        name,
    )
    return lambda: page.evaluate("window.heard")


def test_it_opens_the_app_with_the_request_where_no_server_sees_it(open_shop: Open) -> None:
    page = open_shop()
    opened = heard(page, "consent-open")
    with page.context.expect_page() as there:
        page.get_by_role("link", name="Decide about your data").click()
    assert there.value.url == f"{APP}#request=https%3A%2F%2Fbrand.example%2Fr%2F0x00"
    assert there.value.evaluate("[window.opener, document.referrer]") == [None, ""]
    assert opened() == [LINK] and page.url == SHOP


def test_without_an_app_it_opens_the_brands_page(open_shop: Open) -> None:
    page = open_shop(f'<consent-button request="{LINK}">Read, and decide</consent-button>')
    with page.context.expect_page() as there:
        page.get_by_role("link", name="Read, and decide").click()
    assert there.value.url == LINK


def test_the_keyboard_is_enough_and_focus_is_seen(open_shop: Open) -> None:
    page = open_shop(f'<a href="#x">before</a>{BUTTON}')
    page.get_by_role("link", name="before").focus()
    page.keyboard.press("Tab")
    link = page.get_by_role("link", name="Decide about your data")
    assert link.evaluate("e => e.getRootNode().activeElement === e && e.matches(':focus-visible')")
    assert link.evaluate("e => getComputedStyle(e).outlineStyle") == "solid"
    with page.context.expect_page() as there:
        page.keyboard.press("Enter")
    assert there.value.url.startswith(APP)


def test_it_says_when_the_person_is_back_once(open_shop: Open) -> None:
    page = open_shop()
    back = heard(page, "consent-return")
    page.evaluate("dispatchEvent(new Event('focus'))")
    assert back() == []  # nobody had left
    with page.context.expect_page() as there:
        page.get_by_role("link", name="Decide").click()
    # Playwright's pages are never hidden, so the browser's own events are dispatched here.
    page.evaluate("dispatchEvent(new Event('blur'))")
    assert back() == []
    there.value.close()
    page.evaluate("for (const name of ['focus', 'pageshow', 'focus']) dispatchEvent(new Event(name))")
    assert back() == [LINK]


def test_a_shop_may_keep_the_person_here(open_shop: Open) -> None:
    page = open_shop()
    page.evaluate("addEventListener('consent-open', (event) => event.preventDefault())")
    back = heard(page, "consent-return")
    page.get_by_role("link", name="Decide").click()
    page.evaluate("for (const name of ['blur', 'focus']) dispatchEvent(new Event(name))")
    assert len(page.context.pages) == 1 and back() == []


def said(page: Any) -> str:
    """All words of the button; its own text is that of its slot alone."""
    return str(page.locator("consent-button").evaluate("e => e.shadowRoot.textContent"))


@pytest.mark.parametrize(
    "attributes",
    [
        'request="javascript:alert(1)"',
        'request=" java&#10;script:alert(1)"',
        'request="data:text/html,x"',
        'request="http://brand.example/r/0x00"',
        f'request="{LINK}" app="javascript:alert(1)"',
        "",
    ],
)
def test_an_unsafe_link_leads_nowhere(open_shop: Open, attributes: str) -> None:
    page = open_shop(f"<consent-button {attributes}></consent-button>")
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    button = page.locator("consent-button")
    assert "no safe link" in said(page) and button.locator("a").count() == 0
    page.evaluate("document.querySelector('consent-button').click()")
    assert len(page.context.pages) == 1


def test_changed_attributes_count_at_once(open_shop: Open) -> None:
    page = open_shop()
    button = page.locator("consent-button")
    button.evaluate("e => e.setAttribute('app', 'javascript:alert(1)')")
    assert button.locator("a").count() == 0
    button.evaluate("e => { e.removeAttribute('app'); e.lang = 'fr' }")
    assert button.locator("a").get_attribute("href") == LINK
    assert "Décider" in said(page)


@pytest.mark.parametrize(
    ("page_says", "browser_says", "words"),
    [
        ("de", "fr-FR", "Über Ihre Daten"),
        ("", "fr-FR", "Décider"),
        ("it", "zh-CN", "决定您的"),
        ("", "pt-BR", "Decide about"),
    ],
)
def test_it_speaks_the_pages_language_or_the_browsers(
    open_shop: Open, page_says: str, browser_says: str, words: str
) -> None:
    page = open_shop(lang=page_says, locale=browser_says)
    assert words in said(page)


def test_with_global_privacy_control_it_says_so_and_asks_for_nothing(open_shop: Open) -> None:
    page = open_shop(gpc=True)
    button = page.locator("consent-button")
    assert "Global Privacy Control" in said(page)
    assert button.locator("a").get_attribute("class") == "quiet"
    module = "import('/consent-button.js').then((module) => module.globalPrivacyControl())"
    assert page.evaluate(module) is True
    assert len(page.context.pages) == 1
    without = open_shop()
    assert without.evaluate(module) is False
    assert "Global Privacy Control" not in said(without)


@pytest.mark.parametrize("gpc", [False, True])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("lang", ["en", "fr", "de", "zh"])
def test_axe_finds_nothing_and_it_fits_a_phone(open_shop: Open, lang: str, scheme: str, gpc: bool) -> None:
    # The shop's own title and heading are not ours.
    body = f"<h1>Shop</h1>{BUTTON}"
    page = open_shop(body, lang=lang, gpc=gpc, color_scheme=scheme, viewport={"width": 320, "height": 640})
    page.evaluate((ensure_node_modules() / "axe-core" / "axe.min.js").read_text("utf-8"))
    found = page.evaluate("(rules) => axe.run(document, rules).then((result) => result.violations)", RULES)
    assert [f"{one['id']}: {node['html'][:120]}" for one in found for node in one["nodes"]] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    box = page.get_by_role("link").bounding_box()
    assert box["height"] >= 44


def test_it_stores_nothing_and_asks_nobody(open_shop: Open) -> None:
    page = open_shop()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.reload()
    page.evaluate("customElements.whenDefined('consent-button').then(() => 0)")
    assert asked == [SHOP, f"{SHOP}consent-button.js"]
    assert page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]
