"""Draw the README's pictures from the running demo: `make screenshots`."""

import tempfile
from pathlib import Path
from shutil import which

from playwright.sync_api import Browser, Page, sync_playwright

from tests.services import ROOT, Live, running_kaiwa

PICTURES = ROOT / "docs" / "pictures"
CHROMIUM = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
WIDTH, HEIGHT = 1280, 900
MOST_BYTES = 250_000
SETTLED_MS = 300
EN, JA = "/en/seven-minutes", "/ja/mancho-no-kane"


def main() -> None:
    """Write all pictures to docs/pictures; SystemExit when one is larger than a README should carry."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="kaiwa-pictures-") as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=next(filter(None, map(which, CHROMIUM)), None))
        with running_kaiwa(Path(folder), {}, demo=True) as live:
            draw_all(browser, live)
        browser.close()


def draw_all(browser: Browser, live: Live) -> None:
    draw_thread(new_page(browser, "en"), live, EN, "widget.png")
    draw_thread(new_page(browser, "ja"), live, JA, "widget-ja.png")
    draw_thread(new_page(browser, "ja", width=375, dark=True), live, JA, "widget-phone-dark.png")
    draw_queue(new_page(browser, "en"), live, "en", "queue.png")
    draw_queue(new_page(browser, "ja"), live, "ja", "queue-ja.png")
    draw_site({"": new_page(browser, "en", width=1000), "-ja": new_page(browser, "ja", width=1000)}, live)


def new_page(browser: Browser, lang: str, width: int = WIDTH, dark: bool = False) -> Page:
    scheme = "dark" if dark else "light"
    viewport = {"width": width, "height": HEIGHT if width == WIDTH else 760}
    return browser.new_page(locale=lang, color_scheme=scheme, viewport=viewport)  # type: ignore[arg-type]


def draw_thread(page: Page, live: Live, path: str, name: str) -> None:
    """The end of the article and the beginning of its thread."""
    page.goto(live.demo_url + path)
    thread = page.locator("#kaiwa .comment").first
    thread.wait_for()
    page.locator("#kaiwa").evaluate("element => scrollTo(0, element.getBoundingClientRect().top + scrollY - 160)")
    save(page, name)


def draw_queue(page: Page, live: Live, lang: str, name: str) -> None:
    log_in(page, live, lang)
    page.locator("article[data-comment-id]").first.wait_for()
    page.keyboard.press("j")
    save(page, name)


def draw_site(pages: dict[str, Page], live: Live) -> None:
    """A rule on trial, and, when all that waits was decided, the log and the statistics; by the end of their names."""
    for name, page in pages.items():
        log_in(page, live, "ja" if name else "en")
        page.goto(f"{live.url}/sites/demo/rules")
        page.fill("[name=value]", "帽子" if name else "minutes")
        page.click("[name=try]")
        save(page, f"rules{name}.png")
    decide_all(pages[""], live)
    for name, page in pages.items():
        page.goto(f"{live.url}/moderate/log")
        save(page, f"log{name}.png")
        page.goto(f"{live.url}/sites/demo/figures?days=7")
        save(page, f"statistics{name}.png")


def decide_all(page: Page, live: Live) -> None:
    page.goto(f"{live.url}/moderate/")
    for number in range(page.locator("article[data-comment-id]").count()):
        page.locator("article[data-comment-id]").first.focus()
        page.keyboard.press("s" if number % 4 == 3 else "a")
        page.wait_for_timeout(SETTLED_MS)


def log_in(page: Page, live: Live, lang: str) -> None:
    email, password = live.flask("demo", "seed").split(" as ")[1].strip().split(" with ")
    page.goto(f"{live.url}/login?lang={lang}")
    page.fill("[name=email]", email)
    page.fill("[name=password]", password)
    page.click("form.login button")
    page.wait_for_url("**/moderate/**")


def save(page: Page, name: str) -> None:
    file = PICTURES / name
    page.screenshot(path=file, animations="disabled", caret="hide")
    size = file.stat().st_size
    print(f"{file.relative_to(ROOT)}  {size:,} bytes")
    if size > MOST_BYTES:
        raise SystemExit(f"{name} has {size:,} bytes, more than {MOST_BYTES:,}")


if __name__ == "__main__":
    main()
