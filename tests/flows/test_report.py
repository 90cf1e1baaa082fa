"""A reader reports a comment or marks it as helpful, and Alice picks one, in a real browser."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.flows.people import EN, JA, assert_accessible, card_of, log_in, open_article
from tests.services import Live

pytestmark = pytest.mark.flow

NewPage = Callable[..., Page]


@pytest.mark.parametrize("width", [1280, pytest.param(375, marks=pytest.mark.torture)])
def test_a_reader_reports_a_comment_where_it_stands(live: Live, new_page: NewPage, width: int) -> None:
    page = new_page(locale="ja", viewport={"width": width, "height": 800})
    comment = open_article(page, live, JA).locator("article.comment").nth(1)
    comment.locator("a.report").click()
    form = comment.locator("form.flag")
    expect(form.locator("[name=reason]").first).to_be_focused()
    assert_accessible(page)
    form.locator("button.submit").click()
    expect(comment.get_by_text("理由を選んでください。")).to_be_visible()
    form.get_by_label("個人攻撃").check()
    form.locator("[name=note]").fill("弟のことです")
    form.locator("button.submit").click()
    thanks = comment.get_by_text("通報を受け付けました。モデレーターが確認します。")
    expect(thanks).to_be_focused()
    assert_accessible(page)


def test_the_same_without_javascript(live: Live, new_page: NewPage) -> None:
    page = new_page(locale="en", java_script_enabled=False)
    page.goto(f"{live.url}/thread?site=demo&url={live.demo_url}{EN}&lang=en")
    page.locator("article.comment a.report").first.click()
    page.get_by_label("Advertising").check()
    page.get_by_role("button", name="Report").click()
    expect(page.get_by_text("Thanks. Our moderators will take a look.")).to_be_visible()


def test_the_page_of_a_report_is_accessible(live: Live, new_page: NewPage) -> None:
    page = new_page(locale="en", viewport={"width": 375, "height": 700})
    page.goto(f"{live.url}/thread?site=demo&url={live.demo_url}{EN}&lang=en")
    page.locator("article.comment a.report").first.click()
    expect(page.get_by_label("Advertising")).to_be_visible()
    assert_accessible(page)


def test_a_reader_marks_a_comment_as_helpful_and_takes_it_back(live: Live, new_page: NewPage) -> None:
    page = new_page(locale="en", viewport={"width": 375, "height": 800})
    thread = open_article(page, live, EN)
    vote = thread.locator("article.comment").first.get_by_role("button", name="Helpful")
    expect(vote).to_have_accessible_description("Late from the cannery")
    expect(vote).to_have_attribute("aria-pressed", "false")
    vote.focus()
    page.keyboard.press("Enter")
    expect(vote).to_have_text("Helpful 1")
    expect(vote).to_have_attribute("aria-pressed", "true")
    expect(vote).to_be_focused()
    expect(thread.locator("#kaiwa-vote [aria-live]")).to_have_text("1 reader found this helpful.")
    assert_accessible(page)
    vote.click()
    expect(vote).to_have_text("Helpful")
    expect(vote).to_have_attribute("aria-pressed", "false")
    page.route("**/embed/votes", lambda route: route.abort())
    vote.click()
    failed = thread.locator("article.comment").first.get_by_role("alert")
    expect(failed).to_have_text("We couldn’t save this. Please try again in a moment.")
    page.unroute("**/embed/votes")
    vote.click()
    expect(vote).to_have_text("Helpful 1")
    expect(failed).to_have_count(0)
    vote.click()
    expect(vote).to_have_text("Helpful")
    thread.get_by_role("link", name="Most helpful").click()
    expect(thread.get_by_text("Comments that most readers found helpful come first")).to_be_visible()
    expect(thread.locator("article.comment .name").first).to_have_text("Oda, outer island")


def test_a_vote_without_javascript(live: Live, new_page: NewPage) -> None:
    page = new_page(locale="en", java_script_enabled=False, viewport={"width": 375, "height": 700})
    page.goto(f"{live.url}/thread?site=demo&url={live.demo_url}{EN}&lang=en")
    vote = page.locator("article.comment").first.get_by_role("button", name="Helpful")
    vote.click()
    expect(vote).to_have_attribute("aria-pressed", "true")
    expect(vote).to_have_text("Helpful 1")
    vote.click()
    expect(vote).to_have_attribute("aria-pressed", "false")
    expect(vote).to_have_text("Helpful")


def test_alice_picks_a_comment_by_a_key_and_takes_it_back(live: Live, new_page: NewPage) -> None:
    desk = new_page(locale="en", viewport={"width": 1280, "height": 900})
    log_in(desk, live)
    desk.goto(f"{live.url}/moderate/?status=approved&sort=worth")
    card = card_of(desk, "I wrote one of the two letters")
    card.focus()
    desk.keyboard.press("f")
    expect(desk.get_by_text("Picked. It now stands above the comments.").first).to_be_visible()
    expect(card.get_by_role("button", name="Unpick")).to_be_visible()
    assert_accessible(desk)
    reader = new_page(locale="en", viewport={"width": 375, "height": 800})
    thread = open_article(reader, live, EN)
    above = thread.get_by_role("region", name="Editors’ picks")
    expect(above.locator("p")).to_have_count(2)
    above.get_by_role("link", name="Read Oda, outer island’s comment").click()
    picked = thread.locator("article.comment", has_text="Editors’ pick").first
    expect(picked).to_be_focused()
    expect(picked).to_contain_text("I wrote one of the two letters")
    assert_accessible(reader)
    desk.keyboard.press("f")
    expect(card.get_by_role("button", name="Pick")).to_be_visible()
    expect(desk.get_by_text("No longer picked.").first).to_be_visible()
