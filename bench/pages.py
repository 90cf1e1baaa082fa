"""What a reader waits for: from opening an article to its first comment, beside the same comments as plain HTML."""

import argparse
import http.server
import shutil
import statistics
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from playwright.sync_api import Browser, sync_playwright

from bench import service
from bench.fill import Shape, page_of
from bench.reads import fetched, thread

SIZES = (50, 1_000)
# Enough text that comments begin below what is seen first, as under every article.
STORY = "<p>" + "The ferry left at seven, and the bell rang twice. " * 60 + "</p>"
HEAD = "<!doctype html><html lang=en><meta charset=utf-8><title>Story</title><link rel=canonical href='{canonical}'>"
# When the first comment is there to be seen, and how much the page has jumped until then.
WATCH = """
addEventListener('load', () => 0);
window.jumped = 0;
new PerformanceObserver(list => {
  for (const each of list.getEntries()) if (!each.hadRecentInput) window.jumped += each.value;
}).observe({type: 'layout-shift', buffered: true});
window.seen = new Promise(tell => {
  const look = () => {
    const root = document.querySelector('#kaiwa')?.shadowRoot ?? document;
    root.querySelector?.('article') ? requestAnimationFrame(() => tell(performance.now())) : setTimeout(look, 2);
  };
  look();
});
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    print(
        f"\n{'navigation to first comment seen':44}{'ms':>8}{'plain HTML':>12}{'ratio':>8}{'requests':>10}{'jumps':>8}"
    )
    shapes = [Shape(1, size) for size in SIZES]
    with service.database("sqlite") as url, service.filled(url, *shapes) as app, service.running(app) as kaiwa:
        pages = {f"/{number}": article(kaiwa.url, number) for number in range(len(SIZES))}
        pages |= {f"/plain/{number}": plain(kaiwa.url, number) for number in range(len(SIZES))}
        with publishing(pages) as host, chromium() as browser:
            for number, size in enumerate(SIZES):
                ours = [visit(browser, f"{host}/{number}", kaiwa.url) for _ in range(rounds)]
                base = [visit(browser, f"{host}/plain/{number}", kaiwa.url) for _ in range(rounds)]
                ms, plain_ms = (statistics.median(each[0] for each in visits) for visits in (ours, base))
                requests, jumps = max(each[1] for each in ours), max(each[2] for each in ours)
                name = f"{size:,} comments"
                print(f"{name:44}{ms:8.0f}{plain_ms:12.0f}{ms / plain_ms:8.2f}{requests:10}{jumps:8.3f}", flush=True)


def article(service_url: str, number: int) -> str:
    head = HEAD.format(canonical=page_of(number))
    return f"{head}{STORY}<div id=kaiwa></div><script async src='{service_url}/embed.js' data-site=bench></script>"


def plain(service_url: str, number: int) -> str:
    """The same article with the same comments in it, drawn by the publisher."""
    path = thread().replace("story%2F0", f"story%2F{number}")
    return HEAD.format(canonical=page_of(number)) + STORY + fetched(service_url + path)[1].decode()


@contextmanager
def publishing(pages: dict[str, str]) -> Iterator[str]:
    """A publisher's web server."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Publisher, pages))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()


class Publisher(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, pages: dict[str, str], *given: object) -> None:
        self.pages = pages
        super().__init__(*given)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        body = self.pages.get(self.path, "").encode()
        self.send_response(200 if body else 404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_given: object) -> None:
        """Nobody reads it."""


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        yield browser
        browser.close()


def visit(browser: Browser, url: str, service_url: str) -> tuple[float, int, float]:
    """Milliseconds until the first comment is seen, requests to the service until then, and layout shift (CLS)."""
    context = browser.new_context()
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.url.startswith(service_url) else None)
    page.add_init_script(WATCH)
    page.goto(url)
    ms = page.evaluate("window.seen")
    requests = len(asked)
    page.wait_for_timeout(200)
    jumped = page.evaluate("window.jumped")
    context.close()
    return ms, requests, jumped


if __name__ == "__main__":
    main()
