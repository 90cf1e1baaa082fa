"""Actions of readers and moderators in a browser, and the axe accessibility check."""

from collections.abc import Callable
from time import monotonic
from typing import Any

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Locator, Page, expect

from tests.services import Live

JA, EN = "/ja/mancho-no-kane", "/en/seven-minutes"
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
# The widget notices another colour scheme with the next frame; a colour in transition would be measured halfway.
SETTLED = """async () => {
  for (let frame = 0; frame < 2; frame++) await new Promise(requestAnimationFrame)
  await Promise.allSettled(document.getAnimations().map(each => each.finished))
}"""


def follow_theme(page: Page) -> None:
    """Wait until the widget, if there is one, follows the theme of its page: it does once it was in view."""
    if page.evaluate("!!document.querySelector('#kaiwa')?.shadowRoot?.querySelector('.thread')"):
        page.locator("#kaiwa").scroll_into_view_if_needed()
        wait_for(page, "document.querySelector('#kaiwa').shadowRoot.adoptedStyleSheets.length > 1")


def open_article(page: Page, live: Live, path: str = JA) -> Locator:
    """Open an article and return the thread under it."""
    page.goto(live.demo_url + path)
    thread = page.locator("#kaiwa .thread")
    expect(thread).to_be_visible()
    return thread


def fill_in(thread: Locator, body: str, name: str = "花子", email: str = "hanako@readers.example") -> None:
    thread.locator("[name=body]").last.fill(body)
    thread.locator("[name=name]").fill(name)
    thread.locator("[name=email]").fill(email)


def wait_for(page: Page, condition: str) -> None:
    """Wait until a JavaScript expression is true. `Page.wait_for_function` needs eval, which the articles forbid."""
    eventually(page, lambda: bool(page.evaluate(condition)))


def eventually(page: Page, condition: Callable[[], bool]) -> None:
    """Wait until it is true, such as for an event of the browser: it may come after what the page shows."""
    deadline = monotonic() + 30
    while not condition():
        assert monotonic() < deadline
        page.wait_for_timeout(50)


def submit(thread: Locator) -> None:
    thread.locator("form.respond button.submit").click()


def log_in(page: Page, live: Live) -> None:
    email, password = live.account
    page.goto(f"{live.url}/login")
    page.fill("[name=email]", email)
    page.fill("[name=password]", password)
    page.click("form[action*=login] button, main form button")
    expect(page).to_have_url(f"{live.url}/moderate/")


def card_of(page: Page, text: str) -> Locator:
    return page.locator("article[data-comment-id]", has_text=text)


def assert_accessible(page: Page, context: str | None = None) -> None:
    """axe-core, WCAG 2.2 A and AA, in light and in dark."""
    page.wait_for_load_state()
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    follow_theme(page)
    options: dict[str, Any] = {"runOnly": {"type": "tag", "values": WCAG}, "resultTypes": ["violations"]}
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.evaluate(SETTLED)
        found = page.evaluate("([context, options]) => axe.run(context ?? document, options)", [context, options])
        told = [(each["id"], [node["target"] for node in each["nodes"]][:3]) for each in found["violations"]]
        assert not told, f"{page.url} in {scheme}: {told}"
