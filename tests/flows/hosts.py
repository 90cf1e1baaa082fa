"""Pages of publishers that the widget stands in, served at an origin of the demo site."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from time import monotonic
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.flows.people import EN
from tests.services import Live

STORY = "/host/story"
SLOT = "<div id=kaiwa></div>"

# The lowest contrast of a visible text in the widget with the colours behind it, and that text (WCAG 2.2, 1.4.3).
LOWEST = """place => {
const pen = document.createElement('canvas').getContext('2d', {willReadFrequently: true})
const color = css => {
  pen.clearRect(0, 0, 1, 1); pen.fillStyle = css; pen.fillRect(0, 0, 1, 1)
  return [...pen.getImageData(0, 0, 1, 1).data].map(value => value / 255)
}
const over = (below, [r, g, b, a]) => below.map((value, at) => value * (1 - a) + [r, g, b][at] * a)
const probe = document.createElement('div')
document.documentElement.append(probe)
probe.style.background = 'canvas'
const canvas = color(getComputedStyle(probe).backgroundColor).slice(0, 3)
probe.remove()
const behind = element => {
  const layers = []
  for (let at = element; at; at = at.parentElement ?? at.getRootNode().host) {
    layers.unshift(color(getComputedStyle(at).backgroundColor))
    if (layers[0][3] == 1) break
  }
  return layers.reduce(over, canvas)
}
const linear = value => value > .04 ? ((value + .055) / 1.055) ** 2.4 : value / 12.92
const luminance = ([r, g, b]) => .2126 * linear(r) + .7152 * linear(g) + .0722 * linear(b)
const found = []
const texts = document.createTreeWalker(document.querySelector(place).shadowRoot, NodeFilter.SHOW_TEXT)
while (texts.nextNode()) {
  const element = texts.currentNode.parentElement
  if (!texts.currentNode.textContent.trim() || !element.checkVisibility({visibilityProperty: true})) continue
  if (element.closest('.trap')) continue
  const ground = behind(element), ink = over(ground, color(getComputedStyle(element).color))
  const [less, more] = [luminance(ground), luminance(ink)].sort((a, b) => a - b)
  found.push([(more + .05) / (less + .05), texts.currentNode.textContent.trim().slice(0, 30)])
}
return found.sort(([a], [b]) => a - b)[0]
}"""


def tag_of(live: Live, path: str = EN, **attributes: str) -> str:
    """The documented tag, for the thread of an article of the demo site."""
    given = {"site": "demo", "url": live.demo_url + path} | attributes
    said = " ".join(f'data-{name.replace("_", "-")}="{value}"' for name, value in given.items())
    return f'<script async src="{live.url}/embed.js" {said}></script>'


class Publisher:
    """A web server with pages and files. The browser asks a real one: scripts of others may not reach this machine."""

    def __init__(self) -> None:
        self.headers = dict[str, str]()
        # Type and body by path.
        self.files = dict[str, tuple[str, bytes]]()
        publisher = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                found = publisher.files.get(self.path.partition("?")[0])
                kind, body = found or ("text/plain", b"")
                self.send_response(200 if found else 404)
                for name, value in {"content-type": f"{kind}; charset=utf-8", **publisher.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_said: object) -> None:
                """The test tells what matters."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        # The same server by another name is another origin.
        self.elsewhere = f"http://localhost:{self.server.server_port}"

    def serve(self, html: str, **headers: str) -> str:
        """Answer with this page from now on; return its address."""
        self.headers = headers
        return self.add(STORY, html)

    def add(self, path: str, body: str, kind: str = "text/html") -> str:
        """Answer with this at `path` from now on; return its address."""
        self.files[path] = kind, body.encode()
        return self.url + path

    def visit(self, page: Page, html: str, **headers: str) -> Locator:
        """Open such a page and return its thread."""
        page.goto(self.serve(html, **headers))
        return thread_of(page)


@contextmanager
def publishing(live: Live) -> Iterator[Publisher]:
    """A publisher's server whose origin is one of the demo site's; readers may write as fast as a test does."""
    publisher = Publisher()
    Thread(target=publisher.server.serve_forever, daemon=True).start()
    unlimited = ("flood_per_author=0", "flood_per_address=0", "daily_per_author=0", "min_seconds=0")
    live.flask("site", "set", "demo", f"origins+={publisher.url}", *unlimited)
    try:
        yield publisher
    finally:
        publisher.server.shutdown()
        publisher.server.server_close()


def thread_of(page: Page) -> Locator:
    thread = page.locator("#kaiwa .thread")
    expect(thread).to_be_visible()
    return thread


def lowest_contrast(page: Page, place: str = "#kaiwa") -> tuple[float, str]:
    value, text = page.evaluate(LOWEST, place)
    return float(value), str(text)


def await_contrast(page: Page, where: str, least: float = 4.5, place: str = "#kaiwa") -> None:
    """Wait until all text of the widget can be read."""
    deadline = monotonic() + 30
    while (found := lowest_contrast(page, place))[0] < least:
        assert monotonic() < deadline, f"{where}: {found[1]!r} has a contrast of {found[0]:.2f}"
        page.wait_for_timeout(100)


def style_of(element: Locator, *names: str) -> dict[str, Any]:
    """Computed values of these properties."""
    found: dict[str, Any] = element.evaluate(
        "(element, names) => Object.fromEntries(names.map(name => [name, getComputedStyle(element)[name]]))",
        list(names),
    )
    return found
