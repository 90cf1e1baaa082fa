"""XSS strings from public suites, posted through the real form, execute on no page."""

import base64
import json
import re
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, expect

from tests.flows.people import log_in, wait_for
from tests.inside import run_command
from tests.services import Live

pytestmark = pytest.mark.flow

SAMPLE = 60
A_PAGE = 60  # comments under one article, all of them on its first page

WATCH = """
window.fired = [];
for (const name of ['alert', 'confirm', 'prompt', 'print', 'open']) {
  window[name] = (...said) => fired.push([name, said]);
}
document.addEventListener('securitypolicyviolation', ({violatedDirective, blockedURI}) => {
  fired.push(['csp', violatedDirective, blockedURI]);
});
"""
# Elements allowed in comment bodies and names.
FOREIGN = """root => {
  const allowed = 'P BR EM STRONG CODE PRE BLOCKQUOTE UL OL LI A DEL'.split(' ');
  // The desk's own, around what a check found and what an author changed; nothing may stand inside but text.
  const desks = element => 'MARK INS DEL'.includes(element.tagName) && element.closest('.card')
    && !element.children.length && !element.attributes.length;
  const foreign = [];
  for (const body of root.querySelectorAll('.comment .body, article.card .body')) {
    for (const element of body.querySelectorAll('*')) {
      // The desk's script takes the links of cards that are not current out of the tab order.
      const own = element.closest('.card') ? /^(href|rel|tabindex)$/ : /^(href|rel)$/;
      const names = element.getAttributeNames().filter(name => !(element.tagName == 'A' && own.test(name)));
      const safe = element.tagName != 'A' || /^https?:\\/\\/[^/]/.test(element.getAttribute('href'));
      const ours = allowed.includes(element.tagName) || desks(element);
      if (!ours || names.length || !safe) foreign.push(element.outerHTML.slice(0, 200));
    }
  }
  for (const link of root.querySelectorAll('a.name')) {
    if (!/^https?:\\/\\/[^/]/.test(link.getAttribute('href'))) foreign.push(link.outerHTML);
  }
  for (const name of root.querySelectorAll('.name, .who bdi')) {
    if (name.children.length) foreign.push(name.outerHTML);
  }
  return foreign;
}"""


@pytest.fixture
def attacks(shared_data: Path) -> list[str]:
    file = shared_data / "xss" / "xss_dev.jsonl"
    return [json.loads(line)["input"] for line in file.read_text("utf-8").split("\n") if line]


def posts(live: Live, action: str, **fields: str) -> tuple[int, str]:
    request = urllib.request.Request(  # noqa: S310
        f"{live.url}{action}", urlencode({"site": "demo"} | fields).encode("utf-8", "surrogatepass")
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return answer.status, answer.headers.get("Kaiwa-Token", "")
    except HTTPError as refused:
        return refused.code, ""


def throws(live: Live, strings: list[str], path: str, into: str) -> int:
    """Post each string under an article: in a field, or as an edit; return how many were kept.

    An article is full when A_PAGE were kept, so that none stays empty.
    """
    kept = 0
    for number, string in enumerate(strings):
        url = f"{live.demo_url}{path}/{kept // A_PAGE}"
        given = {"url": url, "name": f"Reader {number}", "email": "r@readers.example", "body": f"number {number}"}
        status, token = posts(live, "/embed/comments", **given | ({} if into == "edit" else {into: string}))
        assert status in (201, 202, 422), (status, string)
        if into == "edit":
            id = re.search(r"\[\d+,(\d+)\]", _claim(token))
            assert id
            status, _ = posts(live, f"/embed/comments/{id[1]}/edit", url=url, token=token, body=string)
            assert status in (200, 422), (status, string)
        kept += status < 300
        # The other fields get the same strings.
        if into == "body":
            assert posts(live, "/embed/preview", url=url, body=string)[0] in (200, 422)
    return kept


def _claim(token: str) -> str:
    part = token.split(".")[0]
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)).decode()


def quiet(live: Live, hold: str) -> None:
    run_command(
        live, "site", "set", "demo", f"hold_all={hold}", "approvals_needed=0", "min_seconds=0",
        "flood_per_author=0", "daily_per_author=0", "flood_per_address=0",
        "max_links=0", "page_size=200",
    )  # fmt: skip


def is_harmless(page: Page, root: str, least: int) -> None:
    """`root` is a JavaScript expression for the tree to check; it must contain at least this many comments."""
    wait_for(page, f"({root}).querySelectorAll('.comment .body, article.card .body').length >= {least}")
    # A script in them would run by now.
    page.wait_for_timeout(200)
    assert page.evaluate(f"({FOREIGN})({root})") == []
    assert page.evaluate("fired") == []


def watched(new_page: Callable[..., Page], **options: Any) -> Page:
    page = new_page(locale="en", **options)
    page.add_init_script(WATCH)
    return page


def mounts(page: Page, live: Live, url: str) -> None:
    page.goto(f"{live.demo_url}/en/seven-minutes")
    page.evaluate(
        """url => { const place = document.createElement('div'); place.id = 'here'; document.body.append(place);
        kaiwa.mount(place, {site: 'demo', url}) }""",
        url,
    )
    expect(page.locator("#here .thread")).to_be_visible()


def looks_everywhere(live: Live, page: Page, path: str, count: int) -> None:
    for number in range((count + A_PAGE - 1) // A_PAGE):
        url = f"{live.demo_url}{path}/{number}"
        mounts(page, live, url)
        is_harmless(page, "document.querySelector('#here').shadowRoot", 1)
        page.goto(f"{live.url}/thread?site=demo&url={url}")
        is_harmless(page, "document", 1)


def test_the_raw_strings_would_fire(browser: Any, attacks: list[str]) -> None:
    """Control: without this, the tests below could pass without detecting anything."""
    page = browser.new_page()
    page.add_init_script(WATCH)
    page.goto("about:blank")
    for string in ("<img src=x onerror=alert(1)>", *attacks[:: len(attacks) // 60]):
        page.evaluate("html => document.body.insertAdjacentHTML('beforeend', html)", string)
    page.wait_for_function("fired.length > 0")
    assert page.evaluate(f"({FOREIGN})(document)") == [], "the oracle looks at comments alone"
    page.evaluate("document.body.innerHTML = '<div class=comment><div class=body><img></div></div>'")
    assert len(page.evaluate(f"({FOREIGN})(document)")) == 1
    page.close()


def fitting(strings: list[str], into: str) -> list[str]:
    """Unchanged, and for the website as the path of a URL: otherwise nearly all would be refused."""
    return [f"https://example.org/{string}" for string in strings] if into == "website" else strings


@pytest.mark.parametrize("into", ["body", "name", "website", "edit"])
def test_a_sample_fires_nowhere(live: Live, new_page: Callable[..., Page], attacks: list[str], into: str) -> None:
    quiet(live, "no")
    sample = attacks[:: len(attacks) // SAMPLE][: SAMPLE if into in ("body", "edit") else SAMPLE // 4]
    kept = throws(live, fitting(sample, into), f"/{into}", into)
    assert kept >= len(sample) // 10
    looks_everywhere(live, watched(new_page), f"/{into}", kept)


def test_a_sample_fires_nowhere_in_the_queue(live: Live, new_page: Callable[..., Page], attacks: list[str]) -> None:
    quiet(live, "yes")
    sample = attacks[7 :: len(attacks) // 60]
    throws(live, sample, "/held", "body")
    assert sees_the_whole_queue(live, watched(new_page)) > len(sample) // 2


def sees_the_whole_queue(live: Live, page: Page) -> int:
    """Check every pending card; return their number."""
    log_in(page, live)
    cards = 0
    while True:
        is_harmless(page, "document", 1)
        cards += page.locator("article.card").count()
        more = page.locator("a[data-more]")
        if not more.count():
            return cards
        page.goto(live.url + (more.get_attribute("href") or ""))


@pytest.mark.torture
@pytest.mark.parametrize("into", ["body", "edit", "name", "website"])
def test_all_of_them_fire_nowhere(live: Live, new_page: Callable[..., Page], attacks: list[str], into: str) -> None:
    quiet(live, "no")
    kept = throws(live, fitting(attacks, into), f"/all-{into}", into)
    looks_everywhere(live, watched(new_page), f"/all-{into}", kept)
    print(f"{len(attacks)} attack strings into {into}, {kept} kept, 0 fired, 0 foreign")


@pytest.mark.torture
def test_all_of_them_fire_nowhere_in_the_queue(live: Live, new_page: Callable[..., Page], attacks: list[str]) -> None:
    quiet(live, "yes")
    kept = throws(live, attacks, "/all-held", "body")
    cards = sees_the_whole_queue(live, watched(new_page))
    assert cards >= kept
    print(f"{len(attacks)} attack strings, {cards} cards in the queue, 0 fired, 0 foreign")
