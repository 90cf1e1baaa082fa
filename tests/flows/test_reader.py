"""The main job in a real browser: a reader comments, a moderator approves, the page shows it."""

import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from tests.flows.people import EN, JA, assert_accessible, card_of, fill_in, log_in, open_article, submit, wait_for
from tests.services import Live

pytestmark = pytest.mark.flow

NewPage = Callable[..., Page]


@pytest.mark.parametrize("width", [pytest.param(1280, marks=pytest.mark.torture), 375])
def test_a_reader_comments_a_moderator_approves_and_another_reader_sees_it(
    live: Live, new_page: NewPage, width: int
) -> None:
    body = f"幅{width}の画面から、鐘の音について。"
    viewport = {"width": width, "height": 800}
    page = new_page(locale="ja", viewport=viewport)
    thread = open_article(page, live)
    fill_in(thread, body)
    submit(thread)
    expect(thread.get_by_text("コメントを受け付けました。承認後に公開されます。").first).to_be_visible()
    expect(thread.locator(".body", has_text=body)).to_be_visible()
    assert_accessible(page)

    stranger = new_page(locale="ja", viewport=viewport)
    expect(open_article(stranger, live).locator(".body", has_text=body)).to_have_count(0)

    desk = new_page(locale="ja", viewport=viewport)
    log_in(desk, live)
    assert_accessible(desk)
    card = card_of(desk, body)
    card.focus()
    desk.keyboard.press("a")
    expect(card).to_have_count(0)
    sees(stranger, live, body, 1)

    desk.keyboard.press("z")
    expect(card_of(desk, body)).to_be_visible()
    sees(stranger, live, body, 0)


def sees(page: Page, live: Live, body: str, count: int) -> None:
    """Open the article until a comment is there, or gone: a page of the cache may be older than a decision."""
    until = time.monotonic() + 30
    while open_article(page, live).locator(".body", has_text=body).count() != count:
        assert time.monotonic() < until, f"not {count} times on the page: {body}"
        page.wait_for_timeout(100)


def test_the_same_without_javascript(live: Live, new_page: NewPage) -> None:
    page = new_page(locale="ja", java_script_enabled=False)
    page.goto(live.demo_url + JA)
    page.goto(page.locator("noscript a, a[href*='/thread?']").first.get_attribute("href") or "")
    page.fill("[name=body]", "スクリプトなしの一言")
    page.fill("[name=name]", "花子")
    page.fill("[name=email]", "hanako@nowhere")
    page.click("button.submit")
    expect(page.get_by_text("有効なメールアドレスを入力してください。").first).to_be_visible()
    expect(page.locator("form.respond [name=body]")).to_have_value("スクリプトなしの一言")
    page.fill("form.respond [name=email]", "hanako@readers.example")
    page.click("button.submit")
    expect(page.get_by_text("コメントを受け付けました。承認後に公開されます。").first).to_be_visible()

    desk = new_page(locale="ja", java_script_enabled=False)
    log_in(desk, live)
    card_of(desk, "スクリプトなしの一言").locator("button[value=approved]").click()
    expect(card_of(desk, "スクリプトなしの一言")).to_have_count(0)
    stranger = new_page(locale="ja")
    sees(stranger, live, "スクリプトなしの一言", 1)
    assert_accessible(stranger)


def test_an_error_keeps_the_input_and_takes_the_focus(live: Live, new_page: NewPage) -> None:
    page = new_page(locale="ja")
    thread = open_article(page, live)
    fill_in(thread, "長く考えて書いた文章", email="wrong")
    submit(thread)
    summary = thread.locator(".summary")
    expect(summary).to_be_focused()
    expect(thread.locator("[name=body]")).to_have_value("長く考えて書いた文章")
    expect(thread.locator("[name=email]")).to_have_attribute("aria-invalid", "true")
    assert_accessible(page)


def test_a_reply_finds_its_place(live: Live, new_page: NewPage) -> None:
    page = new_page(locale="en")
    thread = open_article(page, live, EN)
    first = thread.locator("article.comment").first
    first.locator("a.reply").click()
    expect(thread.locator("[name=body]")).to_be_focused()
    fill_in(thread, "An answer to you", "Anna", "anna@readers.example")
    submit(thread)
    answer = thread.locator("article.comment", has_text="An answer to you")
    expect(answer).to_have_attribute("data-parent", first.get_attribute("data-id") or "")
    expect(answer).to_have_attribute("data-depth", "1")
    assert_accessible(page)


def test_nothing_typed_is_lost_by_a_reload_or_a_lost_network(live: Live, new_page: NewPage) -> None:
    page = new_page(locale="en")
    thread = open_article(page, live, EN)
    fill_in(thread, "A thought that took an hour", "Anna", "anna@readers.example")
    wait_for(page, "Object.values(sessionStorage).join().includes('anna@readers.example')")
    page.reload()
    expect(thread.locator("[name=body]")).to_have_value("A thought that took an hour")

    def cut(route: Route) -> None:
        # The service stores it, and the response is lost.
        route.fetch()
        route.abort()

    page.route("**/embed/comments", cut)
    submit(thread)
    retry = thread.get_by_role("button", name="Try again")
    expect(retry).to_be_visible()
    expect(thread.locator("[name=body]")).to_have_value("A thought that took an hour")
    page.unroute("**/embed/comments")
    retry.click()
    expect(
        thread.get_by_text("Thanks! Your comment will appear here once a moderator has approved it.").first
    ).to_be_visible()
    desk = new_page(locale="en")
    log_in(desk, live)
    expect(card_of(desk, "A thought that took an hour")).to_have_count(1)


def test_the_browser_keeps_nothing_without_the_tick(live: Live, new_page: NewPage) -> None:
    page = new_page(locale="en")
    thread = open_article(page, live, EN)
    fill_in(thread, "Forget me", "Anna", "anna@readers.example")
    submit(thread)
    expect(thread.locator(".body", has_text="Forget me")).to_be_visible()
    assert page.evaluate("Object.keys(localStorage)") == []
    assert page.context.cookies() == []
    fill_in(thread, "Remember me", "Anna", "anna@readers.example")
    thread.locator("[name=remember]").check()
    submit(thread)
    expect(thread.locator(".body", has_text="Remember me")).to_be_visible()
    page.context.new_page()
    again = open_article(page.context.pages[-1], live, EN)
    expect(again.locator("[name=name]")).to_have_value("Anna")


def test_the_author_edits_and_withdraws(live: Live, new_page: NewPage) -> None:
    page = new_page(locale="en")
    thread = open_article(page, live, EN)
    fill_in(thread, "With a tpyo", "Anna", "anna@readers.example")
    submit(thread)
    mine = thread.locator("article.mine")
    mine.locator("details.edit summary").click()
    mine.locator("[name=body]").fill("Without a typo")
    mine.locator("details.edit button.submit").click()
    expect(thread.locator("article.mine .body")).to_contain_text("Without a typo")
    mine.locator("details.withdraw summary").click()
    mine.locator("details.withdraw button").click()
    expect(thread.locator(".body", has_text="Without a typo")).to_have_count(0)


def test_the_preview_shows_what_would_be_stored(live: Live, new_page: NewPage) -> None:
    page = new_page(locale="en")
    thread = open_article(page, live, EN)
    fill_in(thread, "**strong** <b>typed</b> https://example.org", "Anna", "anna@readers.example")
    thread.locator("button.look").click()
    shown = thread.locator(".preview .body")
    expect(shown.locator("strong")).to_have_text("strong")
    expect(shown).to_contain_text("<b>typed</b>")
    expect(shown.locator("a")).to_have_attribute("rel", "nofollow ugc noopener noreferrer")


def test_the_pages_are_accessible(live: Live, new_page: NewPage) -> None:
    page = new_page(locale="en")
    page.goto(f"{live.demo_url}/ja/")
    assert_accessible(page)
    open_article(page, live, EN)
    assert_accessible(page)
    page.goto(f"{live.url}/login")
    assert_accessible(page)
    page.goto(f"{live.url}/thread?site=demo&url={live.demo_url}{JA}")
    assert_accessible(page)
