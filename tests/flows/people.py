"""Actions of readers and moderators in a browser, and the axe accessibility check."""

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from tests.services import Live

JA, EN = "/ja/mancho-no-kane", "/en/seven-minutes"
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


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


def submit(thread: Locator) -> None:
    thread.locator("form.respond button.submit").click()


def log_in(page: Page, live: Live) -> None:
    told = live.flask("demo", "seed")
    email, password = told.split(" as ")[1].strip().split(" with ")
    page.goto(f"{live.url}/login")
    page.fill("[name=email]", email)
    page.fill("[name=password]", password)
    page.click("form[action*=login] button, main form button")
    expect(page).to_have_url(f"{live.url}/moderate/")


def card_of(page: Page, text: str) -> Locator:
    return page.locator("article[data-comment-id]", has_text=text)


def assert_accessible(page: Page, context: str | None = None) -> None:
    """axe-core, WCAG 2.2 A and AA, in light and in dark."""
    options: dict[str, Any] = {"runOnly": {"type": "tag", "values": WCAG}, "resultTypes": ["violations"]}
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.wait_for_timeout(300)
        found = Axe().run(page, context=context, options=options)
        told = [(each["id"], [node["target"] for node in each["nodes"]][:3]) for each in found.response["violations"]]
        assert not told, f"{page.url} in {scheme}: {told}"
