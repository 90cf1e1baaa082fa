"""The main job in a real browser: a reader comments, a moderator approves, the page shows it."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from tests.flows.people import EN, JA, card_of, finds_nothing, logs_in, reads, sends, writes
from tests.services import Live

pytestmark = pytest.mark.flow

# The maximum age of a cached page: a decision is visible to all readers after this time.
CACHED_MS = 2000

NewPage = Callable[..., Page]


@pytest.mark.parametrize("width", [1280, 375])
def test_a_reader_comments_a_moderator_approves_and_another_reader_sees_it(
    live: Live, new_page: NewPage, width: int
) -> None:
    body = f"幅{width}の画面から、鐘の音について。"
    viewport = {"width": width, "height": 800}
    page = new_page(locale="ja", viewport=viewport)
    thread = reads(page, live)
    writes(thread, body)
    sends(thread)
    expect(thread.get_by_text("コメントを受け付けました。承認後に公開されます。").first).to_be_visible()
    expect(thread.locator(".body", has_text=body)).to_be_visible()
    finds_nothing(page)

    stranger = new_page(locale="ja", viewport=viewport)
    expect(reads(stranger, live).locator(".body", has_text=body)).to_have_count(0)

    desk = new_page(locale="ja", viewport=viewport)
    logs_in(desk, live)
    finds_nothing(desk)
    card = card_of(desk, body)
    card.focus()
    desk.keyboard.press("a")
    expect(card).to_have_count(0)
    stranger.wait_for_timeout(CACHED_MS)
    expect(reads(stranger, live).locator(".body", has_text=body)).to_be_visible()

    desk.keyboard.press("z")
    expect(card_of(desk, body)).to_be_visible()
    stranger.wait_for_timeout(CACHED_MS)
    expect(reads(stranger, live).locator(".body", has_text=body)).to_have_count(0)


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
    logs_in(desk, live)
    card_of(desk, "スクリプトなしの一言").locator("button[value=approved]").click()
    expect(desk.locator("body")).to_contain_text("承認")
    stranger = new_page(locale="ja")
    expect(reads(stranger, live).locator(".body", has_text="スクリプトなしの一言")).to_be_visible()
    finds_nothing(stranger)


def test_a_mistake_keeps_what_was_typed_and_takes_the_focus(live: Live, new_page: NewPage) -> None:
    page = new_page(locale="ja")
    thread = reads(page, live)
    writes(thread, "長く考えて書いた文章", email="wrong")
    sends(thread)
    summary = thread.locator(".summary")
    expect(summary).to_be_focused()
    expect(thread.locator("[name=body]")).to_have_value("長く考えて書いた文章")
    expect(thread.locator("[name=email]")).to_have_attribute("aria-invalid", "true")
    finds_nothing(page)


def test_a_reply_finds_its_place(live: Live, new_page: NewPage) -> None:
    page = new_page(locale="en")
    thread = reads(page, live, EN)
    first = thread.locator("article.comment").first
    first.locator("a.reply").click()
    expect(thread.locator("[name=body]")).to_be_focused()
    writes(thread, "An answer to you", "Anna", "anna@readers.example")
    sends(thread)
    answer = thread.locator("article.comment", has_text="An answer to you")
    expect(answer).to_have_attribute("data-parent", first.get_attribute("data-id") or "")
    expect(answer).to_have_attribute("data-depth", "1")
    finds_nothing(page)


def test_nothing_typed_is_lost_by_a_reload_or_a_lost_network(live: Live, new_page: NewPage) -> None:
    page = new_page(locale="en")
    thread = reads(page, live, EN)
    writes(thread, "A thought that took an hour", "Anna", "anna@readers.example")
    page.reload()
    expect(thread.locator("[name=body]")).to_have_value("A thought that took an hour")

    def cut(route: Route) -> None:
        # The service stores it, and the response is lost.
        route.fetch()
        route.abort()

    page.route("**/embed/comments", cut)
    sends(thread)
    retry = thread.get_by_role("button", name="Try again")
    expect(retry).to_be_visible()
    expect(thread.locator("[name=body]")).to_have_value("A thought that took an hour")
    page.unroute("**/embed/comments")
    retry.click()
    expect(
        thread.get_by_text("Thanks! Your comment will appear here once a moderator has approved it.").first
    ).to_be_visible()
    desk = new_page(locale="en")
    logs_in(desk, live)
    expect(card_of(desk, "A thought that took an hour")).to_have_count(1)


def test_the_browser_keeps_nothing_without_the_tick(live: Live, new_page: NewPage) -> None:
    page = new_page(locale="en")
    thread = reads(page, live, EN)
    writes(thread, "Forget me", "Anna", "anna@readers.example")
    sends(thread)
    expect(thread.locator(".body", has_text="Forget me")).to_be_visible()
    assert page.evaluate("Object.keys(localStorage)") == []
    assert page.context.cookies() == []
    writes(thread, "Remember me", "Anna", "anna@readers.example")
    thread.locator("[name=remember]").check()
    sends(thread)
    expect(thread.locator(".body", has_text="Remember me")).to_be_visible()
    page.context.new_page()
    again = reads(page.context.pages[-1], live, EN)
    expect(again.locator("[name=name]")).to_have_value("Anna")


def test_the_author_edits_and_withdraws(live: Live, new_page: NewPage) -> None:
    page = new_page(locale="en")
    thread = reads(page, live, EN)
    writes(thread, "With a tpyo", "Anna", "anna@readers.example")
    sends(thread)
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
    thread = reads(page, live, EN)
    writes(thread, "**strong** <b>typed</b> https://example.org", "Anna", "anna@readers.example")
    thread.locator("button.look").click()
    shown = thread.locator(".preview .body")
    expect(shown.locator("strong")).to_have_text("strong")
    expect(shown).to_contain_text("<b>typed</b>")
    expect(shown.locator("a")).to_have_attribute("rel", "nofollow ugc noopener noreferrer")


def test_the_pages_are_accessible(live: Live, new_page: NewPage) -> None:
    page = new_page(locale="en")
    for path in ("/ja/", EN):
        page.goto(live.demo_url + path)
        finds_nothing(page)
    page.goto(f"{live.url}/login")
    finds_nothing(page)
    page.goto(f"{live.url}/thread?site=demo&url={live.demo_url}{JA}")
    finds_nothing(page)
