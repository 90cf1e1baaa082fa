"""Readers who stay: times, keys, new comments, collapsed branches, muted authors."""

import re
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from app.models import Comment
from tests.flows.hosts import SLOT, Publisher, publishing, tag_of
from tests.flows.people import assert_accessible, eventually, submit, wait_for
from tests.inside import database_of, run_command
from tests.services import Live

pytestmark = pytest.mark.flow

NewPage = Callable[..., Page]
HEAD = "<!doctype html><html lang={lang} style='scroll-behavior:smooth'><title>Story</title><body style='margin:2rem'>"
HEAD += "<h1>Story</h1>"


@pytest.fixture(scope="module")
def host(live: Live) -> Iterator[Publisher]:
    with publishing(live) as publisher:
        run_command(live, "site", "set", "demo", "hold_all=no", "approvals_needed=0")
        yield publisher


def post(live: Live, path: str, body: str, *, parent: int = 0, name: str = "Anna", author: str = "") -> tuple[int, str]:
    """Publish a comment of another reader; return its id and the author's token."""
    where = {"site": "demo", "url": live.demo_url + path, "lang": "en"}
    # The stamp of another page: the cache need not know this one yet.
    other = where | {"url": live.demo_url}
    with urllib.request.urlopen(f"{live.url}/embed/thread?{urllib.parse.urlencode(other)}") as answer:  # noqa: S310
        stamp = re.findall('name="stamp" value="([^"]+)"', answer.read().decode())[0]
    said = where | {"body": body, "name": name, "email": "anna@readers.example", "parent": parent or "", "stamp": stamp}
    data = urllib.parse.urlencode(said | {"author": author}).encode()
    with urllib.request.urlopen(f"{live.url}/embed/comments", data) as answer:  # noqa: S310
        assert answer.status == 201
        number = re.findall('data-id="([0-9]+)"', answer.read().decode())[0]
        return int(number), answer.headers["Kaiwa-Author"]


def date_back(live: Live, numbers: list[int], *ages: timedelta) -> None:
    """Let comments be this old."""
    with database_of(live) as session:
        for number, age in zip(numbers, ages, strict=True):
            session.get_one(Comment, number).created_at = datetime.now(UTC) - age
        session.commit()


def page_of(live: Live, path: str, lang: str = "en", **attributes: str) -> str:
    return HEAD.format(lang=lang) + SLOT + tag_of(live, path, **attributes)


def await_live(page: Page) -> None:
    """Wait until the part for readers who stay is there."""
    wait_for(page, "document.querySelector('#kaiwa').shadowRoot.adoptedStyleSheets.length > 1")


def write(thread: Locator, body: str) -> None:
    """Post in the form where it stands."""
    form = thread.locator("form.respond")
    for name, value in (("body", body), ("name", "Hana"), ("email", "hana@readers.example")):
        form.locator(f"[name={name}]").fill(value)
    submit(thread)


def comment(thread: Locator, number: int) -> Locator:
    return thread.locator(f"#comment-{number}")


def test_times_are_relative_for_a_week_and_exact_for_everybody(live: Live, host: Publisher, new_page: NewPage) -> None:
    numbers = [post(live, "/times", f"Number {at}")[0] for at in range(4)]
    date_back(live, numbers, timedelta(), timedelta(minutes=3), timedelta(hours=26), timedelta(days=40))
    expected = {
        "en": ["now", "3 minutes ago", "1 day ago", r"[A-Z][a-z]{2} \d+, 20\d\d"],
        "ja": ["今", "3 分前", "1 日前", r"20\d\d/\d\d/\d\d"],
    }
    for lang, texts in expected.items():
        page = new_page(timezone_id="America/New_York", locale=lang)
        page.clock.install()
        thread = host.visit(page, page_of(live, "/times", lang))
        for number, text in zip(numbers, texts, strict=True):
            link = comment(thread, number).locator(".when")
            expect(link).to_have_text(re.compile(f"^{text}$"))
            exact = link.locator("time").get_attribute("title") or ""
            assert re.search(r"\d:\d\d", exact) and exact in (link.get_attribute("aria-label") or "")
        link = comment(thread, numbers[1]).locator(".when")
        before = link.bounding_box()
        await_live(page)
        page.clock.run_for(8 * 60_000)
        expect(link).to_have_text({"en": "11 minutes ago", "ja": "11 分前"}[lang])
        assert (link.bounding_box() or {})["height"] == (before or {})["height"]
        link.focus()
        page.keyboard.press("Tab")
        page.keyboard.press("Shift+Tab")
        assert link.evaluate("link => getComputedStyle(link, '::after').position") == "absolute"
        assert_accessible(page)


def test_times_of_the_page_of_its_own_move_nothing(live: Live, host: Publisher, new_page: NewPage) -> None:
    number, _ = post(live, "/own-times", "Here")
    for options, text in (({}, "now"), ({"java_script_enabled": False}, " JST")):
        page = new_page(viewport={"width": 320, "height": 700}, **options)
        page.goto(f"{live.url}/thread?site=demo&lang=en&url={live.demo_url}/own-times")
        link = comment(page.locator(".thread"), number).locator(".when")
        expect(link).to_contain_text(text)
        if not options:
            width = link.evaluate("link => [link.offsetWidth, parseFloat(link.style.minWidth)]")
            assert width[0] >= width[1] > 100


def test_keys_lead_from_thread_to_thread_and_are_the_pages_elsewhere(
    live: Live, host: Publisher, new_page: NewPage
) -> None:
    (one, _), (two, _) = post(live, "/keys", "One"), post(live, "/keys", "Two")
    reply, _ = post(live, "/keys", "Reply", parent=one)
    page = new_page()
    thread = host.visit(page, page_of(live, "/keys"))
    page.evaluate(
        "window.keys = []; addEventListener('keydown', event => { if (!event.defaultPrevented) keys.push(event.key) })"
    )
    await_live(page)
    page.keyboard.press("j")
    assert page.evaluate("keys") == ["j"]
    thread.locator(".sort").first.focus()
    page.keyboard.press("j")
    expect(comment(thread, one)).to_be_focused()
    page.keyboard.press("Shift+J")
    page.keyboard.press("Control+j")
    expect(comment(thread, one)).to_be_focused()
    page.keyboard.press("j")
    expect(comment(thread, two)).to_be_focused()
    page.keyboard.press("j")
    expect(comment(thread, two)).to_be_focused()
    comment(thread, reply).locator(".reply").focus()
    page.keyboard.press("k")
    expect(comment(thread, one)).to_be_focused()
    page.evaluate("keys.length = 0")
    thread.locator("[name=body]").last.focus()
    page.keyboard.press("j")
    page.keyboard.press("k")
    expect(thread.locator("[name=body]").last).to_have_value("jk")
    assert page.evaluate("keys") == ["j", "k"]
    comment(thread, reply).locator(".to").click()
    expect(comment(thread, one)).to_be_focused()


def test_a_collapsed_branch_opens_for_links_and_for_paper(live: Live, host: Publisher, new_page: NewPage) -> None:
    root, _ = post(live, "/branch", "Root")
    first, _ = post(live, "/branch", "First", parent=root)
    second, _ = post(live, "/branch", "Second", parent=first)
    page = new_page(viewport={"width": 375, "height": 700})
    thread = host.visit(page, page_of(live, "/branch"))
    await_live(page)
    summary = thread.locator("summary", has_text="2 replies")
    summary.focus()
    page.keyboard.press("Enter")
    expect(comment(thread, second)).to_be_hidden()
    assert_accessible(page)
    page.evaluate("document.title = 'print'; dispatchEvent(new Event('beforeprint'))")
    expect(comment(thread, second)).to_be_visible()
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    expect(comment(thread, second)).to_be_hidden()
    page.evaluate("number => { location.hash = 'comment-' + number }", second)
    expect(comment(thread, second)).to_be_focused()
    expect(thread.locator(".branch")).to_have_attribute("open", "")
    # The reader's own replies find their branch, and are counted.
    for target, body in ((first, "Third"), (root, "Fourth")):
        comment(thread, target).locator(".reply").click()
        write(thread, body)
        expect(thread.locator(".branch article", has_text=body)).to_be_visible()
    bodies = ["Root", "First", "Second", "Third", "Fourth"]
    expect(thread.locator("article .body")).to_have_text(bodies)
    expect(thread.locator("summary").first).to_have_text("4 replies")
    thread.locator(".jump").click()
    write(thread, "Another root")
    expect(thread.locator("article .body", has_text="Another root")).to_be_visible()
    comment(thread, int(thread.locator("article").last.get_attribute("data-id") or 0)).locator(".reply").click()
    write(thread, "Its reply")
    expect(thread.locator("summary").filter(has_text="1 reply")).to_be_visible()
    expect(thread.locator("article .body")).to_have_text([*bodies, "Another root", "Its reply"])


def test_a_branch_collapses_without_a_script(live: Live, host: Publisher, new_page: NewPage) -> None:
    root, _ = post(live, "/plain-branch", "Root")
    reply, _ = post(live, "/plain-branch", "Reply", parent=root)
    page = new_page(java_script_enabled=False, viewport={"width": 320, "height": 700}, locale="ja")
    page.goto(f"{live.url}/thread?site=demo&lang=ja&url={live.demo_url}/plain-branch")
    page.get_by_text("返信 1 件").click()
    expect(comment(page.locator(".thread"), reply)).to_be_hidden()
    page.emulate_media(media="print")
    expect(comment(page.locator(".thread"), reply)).to_be_visible()


class Asked:
    """Requests of a page for its thread after the first, and its clock."""

    def __init__(self, page: Page) -> None:
        self.page, self.count, self.done = page, 0, 0
        page.on("request", lambda request: self._begins(request.url))
        page.on("response", lambda response: self._ends(response.url))
        page.on("requestfailed", lambda request: self._ends(request.url))

    def _begins(self, url: str) -> None:
        self.count += "/embed/thread?" in url

    def _ends(self, url: str) -> None:
        self.done += "/embed/thread?" in url

    def within(self, seconds: int, least: int = 0) -> int:
        """Let so much time pass; return how many requests there were, once there are `least`.

        Each is answered before the time goes on.
        """
        before = self.count
        for _ in range(max(1, seconds // 20)):
            self.page.clock.run_for(min(seconds, 20) * 1000)
            self.page.wait_for_timeout(20)
            eventually(self.page, lambda: self.done >= self.count)
            self.done = self.count
        eventually(self.page, lambda: self.count >= before + least and self.done >= self.count)
        return self.count - before


def test_new_comments_are_offered_and_shown_without_moving_the_text(
    live: Live, host: Publisher, new_page: NewPage
) -> None:
    roots = [post(live, "/news", f"Number {at}")[0] for at in range(6)]
    for sort, lang, texts in (
        ("oldest", "en", ["2 new comments", "Next new comment"]),
        ("newest", "ja", ["新しいコメントが 2 件あります", "次の新着コメント"]),
    ):
        page = new_page(viewport={"width": 375, "height": 500}, locale=lang)
        page.clock.install()
        thread = host.visit(page, page_of(live, "/news", lang, sort=sort))
        await_live(page)
        asked = Asked(page)
        # In the middle of the thread, with an open form and text in it, and one branch above that is collapsed.
        comment(thread, roots[3]).locator(".reply").click()
        field = thread.locator("form.respond [name=body]")
        field.fill("Half a sentence")
        new = [post(live, "/news", f"A reply, {sort}", parent=roots[1])[0], post(live, "/news", f"A root, {sort}")[0]]
        button = thread.locator(".fresh[role=status] button")
        # On a busy machine the page cache serves an older page for a while.
        while button.count() == 0 or button.inner_text() != texts[0]:
            assert asked.within(60, 1) >= 1
            page.mouse.move(asked.count, 10)
        expect(button).to_have_text(texts[0])
        assert button.evaluate("button => button.getBoundingClientRect().bottom <= innerHeight")
        expect(comment(thread, new[0])).to_have_count(0)
        if lang == "en":
            assert_accessible(page)
        field.focus()
        before = field.evaluate("field => field.getBoundingClientRect().top")
        button.evaluate("button => button.click()")
        expect(comment(thread, new[0])).to_be_attached()
        assert abs(field.evaluate("field => field.getBoundingClientRect().top") - before) < 2
        expect(field).to_be_focused()
        expect(field).to_have_value("Half a sentence")
        order = [int(each) for each in thread.locator("article").evaluate_all("all => all.map(it => it.dataset.id)")]
        assert order == [
            int(each) for each in re.findall(r'<article[^>]* data-id="([0-9]+)"', fragment(live, "/news", sort))
        ]
        expect(thread.locator("h2")).to_contain_text(str(len(order)))
        # A collapsed branch opens for the comment in it.
        expect(button).to_have_text(texts[1])
        thread.locator(".branch").first.evaluate("branch => { branch.open = false }")
        for number in sorted(new, key=order.index):
            button.click()
            expect(comment(thread, number)).to_be_focused()
            expect(comment(thread, number).locator(".new")).to_be_visible()
        expect(button).to_have_count(0)
        # The reader's own comment is no news.
        write(thread, f"My own, {sort}")
        expect(thread.locator(".said")).to_be_visible()
        page.wait_for_timeout(2_100)
        assert asked.within(120, 2) >= 2
        expect(button).to_have_count(0)


def fragment(live: Live, path: str, sort: str) -> str:
    where = {"site": "demo", "url": live.demo_url + path, "lang": "en", "sort": sort}
    with urllib.request.urlopen(f"{live.url}/embed/thread?{urllib.parse.urlencode(where)}") as answer:  # noqa: S310
        return str(answer.read().decode())


def test_a_page_asks_while_it_is_read_and_no_more(live: Live, host: Publisher, new_page: NewPage) -> None:
    post(live, "/asking", "Here")
    page, answer = new_page(), ""
    busy = {"Retry-After": "300", "Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "Retry-After"}

    # Also without the browser's cache, which would answer twice within seconds (stale-while-revalidate).
    def respond(route: Route) -> None:
        if answer == "busy":
            route.fulfill(status=503, headers=busy)
        elif answer == "away":
            route.abort()
        else:
            route.continue_()

    page.route("**/embed/thread?*", respond)
    page.clock.install()
    thread = host.visit(page, page_of(live, "/asking"))
    await_live(page)
    asked = Asked(page)
    assert 1 <= asked.within(80, 1) <= 2
    # Hidden, it does not ask; visible again, it does soon.
    hide = "hidden => { Object.defineProperty(document, 'hidden', {value: hidden, configurable: true}); "
    hide += "document.dispatchEvent(new Event('visibilitychange')) }"
    page.evaluate(hide, True)
    assert asked.within(300) == 0
    page.evaluate(hide, False)
    assert asked.within(5, 1) == 1
    # Ten idle minutes end it, until the reader comes back.
    asked.within(11 * 60)
    assert asked.within(10 * 60) == 0
    page.mouse.move(100, 100)
    assert asked.within(5, 1) == 1
    # The service tells how long to wait; without that, each failure doubles the wait.
    answer = "busy"
    page.mouse.move(110, 100)
    assert asked.within(60, 1) == 1
    page.mouse.move(120, 100)
    assert asked.within(220) == 0
    page.mouse.move(130, 100)
    assert asked.within(160, 1) == 1
    answer = "away"
    page.mouse.move(140, 100)
    assert asked.within(360, 1) == 1
    page.mouse.move(150, 100)
    assert asked.within(100) == 0
    answer = ""
    # An element that the page takes out, without unmount(), asks nothing until it is back.
    page.evaluate("window.slot = document.querySelector('#kaiwa'); window.after = slot.nextSibling; slot.remove()")
    page.mouse.move(152, 100)
    assert asked.within(700) == 0
    page.evaluate("document.body.insertBefore(slot, after)")
    page.mouse.move(154, 100)
    assert asked.within(100, 1) >= 1
    # Removed, it stops; mounted again, also twice, one asks.
    page.evaluate("kaiwa.unmount(document.querySelector('#kaiwa'))")
    page.mouse.move(160, 100)
    assert asked.within(300) == 0
    url = live.demo_url + "/asking"
    for _ in range(2):
        page.evaluate("url => kaiwa.mount(document.querySelector('#kaiwa'), {site: 'demo', url, lang: 'en'})", url)
    page.evaluate("url => kaiwa.mount(document.querySelector('#kaiwa'), {site: 'demo', url, lang: 'ja'})", url)
    expect(thread.locator("article")).to_have_count(1)
    await_live(page)
    page.mouse.move(170, 100)
    assert 1 <= asked.within(80, 1) <= 2
    # The site may turn it off.
    run_command(live, "site", "set", "demo", "live_updates=no")
    # A public page may be two seconds old, on a busy machine more.
    eventually(page, lambda: host.visit(page, page_of(live, "/asking")).get_attribute("data-live") is None)
    await_live(page)
    page.mouse.move(180, 100)
    assert asked.within(180) == 0
    run_command(live, "site", "set", "demo", "live_updates=yes")


def troll_posts(live: Live, path: str) -> tuple[int, int, str]:
    """Two comments of one author with another's reply between, and one of an author with the same name."""
    one, token = post(live, path, "One", name="Troll")
    post(live, path, "Another Troll", name="Troll")
    answer, _ = post(live, path, "Answer", parent=one)
    two, _ = post(live, path, "Two", name="Troll", author=token, parent=answer)
    return one, two, token


@pytest.mark.parametrize(
    ("lang", "options", "mute", "unmute", "kept"),
    [
        ("en", {"viewport": {"width": 1280, "height": 900}}, "Mute Troll", "Unmute Troll", "in this browser only"),
        (
            "ja",
            {"viewport": {"width": 375, "height": 700}, "color_scheme": "dark"},
            "Trollさんをミュート",
            "Trollさんのミュートを解除",
            "このブラウザーで",
        ),
    ],
)
def test_a_reader_mutes_an_author_in_this_browser(
    live: Live,
    host: Publisher,
    new_page: NewPage,
    lang: str,
    options: dict[str, object],
    mute: str,
    unmute: str,
    kept: str,
) -> None:
    path = f"/mute-{lang}"
    one, two, _ = troll_posts(live, path)
    page = new_page(locale=lang, **options)
    thread = host.visit(page, page_of(live, path, lang))
    await_live(page)
    assert page.evaluate("localStorage.length") == 0
    first, second, listed = comment(thread, one), comment(thread, two), thread.locator(".mutes")
    # By the keyboard: the focus goes to what takes it back, and a live region tells it.
    first.get_by_role("button", name=mute).focus()
    page.keyboard.press("Enter")
    expect(first.locator(".veil button").first).to_be_focused()
    expect(page.locator("#kaiwa p[role=status]").last).to_contain_text(kept)
    for muted in (first, second):
        expect(muted.locator(".body")).to_be_hidden()
        expect(muted.locator(".veil")).to_contain_text(kept)
    expect(thread.get_by_text("Another Troll")).to_be_visible()
    expect(thread.get_by_text("Answer", exact=True)).to_be_visible()
    assert_accessible(page)
    # It is kept, also in another order, and nothing of a muted comment is visible before.
    page.add_init_script(
        "setInterval(() => { if (document.querySelector('#kaiwa')?.shadowRoot"
        f"?.querySelector('#comment-{one}:not(.muted)')) window.seen = true }}, 1)"
    )
    thread = host.visit(page, page_of(live, path, lang))
    expect(second.locator(".body")).to_be_hidden()
    thread.locator(".sort").first.click()
    expect(thread.locator(".sort").first).to_be_focused()
    expect(second.locator(".body")).to_be_hidden()
    assert page.evaluate("window.seen") is None
    # One comment is shown, the other stays hidden.
    second.locator(".veil button").first.click()
    expect(second).to_be_focused()
    expect(second.locator(".body")).to_be_visible()
    expect(first.locator(".body")).to_be_hidden()
    listed.locator("summary").click()
    expect(listed).to_contain_text(kept[:6])
    assert_accessible(page)
    listed.get_by_role("button", name=unmute).click()
    expect(first.locator(".body")).to_be_visible()
    expect(thread.locator(".comments > article").last).to_be_focused()
    expect(listed).to_have_count(0)
    assert page.evaluate("localStorage.length") == 0


def test_muted_authors_stay_muted_in_what_arrives_later(live: Live, host: Publisher, new_page: NewPage) -> None:
    one, _, token = troll_posts(live, "/mute-later")
    page = new_page()
    page.clock.install()
    thread = host.visit(page, page_of(live, "/mute-later"))
    await_live(page)
    comment(thread, one).get_by_role("button", name="Mute Troll").click()
    asked = Asked(page)
    new, _ = post(live, "/mute-later", "Three", name="Troll", author=token)
    button = thread.locator(".fresh button")
    while button.count() == 0:
        assert asked.within(60, 1) >= 1
        page.mouse.move(asked.count, 10)
    expect(comment(thread, one).locator(".veil button").first).to_be_focused()
    button.click()
    expect(comment(thread, new).locator(".veil")).to_be_visible()
    expect(comment(thread, new).locator(".body")).to_be_hidden()
    # A reader's own comment cannot be muted.
    write(thread, "My own")
    own = thread.locator("article", has_text="My own")
    expect(own).to_be_visible()
    expect(own.locator(".mute")).to_have_count(0)


BLOCKED = """for (const name of ['localStorage', 'sessionStorage']) Object.defineProperty(window, name, {
  get() { throw new DOMException('blocked', 'SecurityError') }
})"""


def test_muting_without_storage_lasts_for_the_page_and_holds_in_all_widgets(
    live: Live, host: Publisher, new_page: NewPage
) -> None:
    one, two, token = troll_posts(live, "/mute-blocked")
    other, _ = post(live, "/mute-other", "Elsewhere", name="Troll", author=token)
    page = new_page()
    page.add_init_script(BLOCKED)
    second = f"<div class=two data-url='{live.demo_url}/mute-other'></div>"
    start = "<script type=module>kaiwa.mount(document.querySelector('.two'))</script>"
    tag = tag_of(live, "/mute-blocked").replace("async ", "")
    page.goto(host.serve(HEAD.format(lang="en") + SLOT + second + tag + start))
    thread, beside = page.locator("#kaiwa .thread"), page.locator(".two .thread")
    beside.scroll_into_view_if_needed()
    mute = comment(beside, other).get_by_role("button", name="Mute Troll")
    expect(mute).to_be_visible()
    thread.scroll_into_view_if_needed()
    comment(thread, one).get_by_role("button", name="Mute Troll").click()
    expect(comment(thread, two).locator(".body")).to_be_hidden()
    expect(comment(beside, other).locator(".body")).to_be_hidden()
    thread.locator(".mutes summary").click()
    expect(thread.locator(".mutes")).to_contain_text("until you leave the page")
    page.evaluate("kaiwa.unmount(document.querySelector('#kaiwa'))")
    comment(beside, other).get_by_role("button", name="Unmute Troll").click()
    expect(comment(beside, other)).to_be_focused()
    expect(mute).to_be_visible()
