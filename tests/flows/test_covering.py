"""Words are chosen with the keyboard and covered; an own reason and a saved reply are used at the desk."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.flows.people import assert_accessible, card_of, log_in, open_article
from tests.flows.test_newsroom import CATS, becomes
from tests.services import Live

pytestmark = pytest.mark.flow

NewPage = Callable[..., Page]
# In the language of the site.
LABEL = "［■ 編集部が伏せました］"


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


def test_words_are_chosen_by_key_previewed_covered_and_shown_again(live: Live, new_page: NewPage) -> None:
    desk = new_page(locale="en", viewport={"width": 1280, "height": 900})
    log_in(desk, live)
    expect(desk.locator("main[data-ready]")).to_be_attached()
    card = card_of(desk, "Is anyone checking on number 23?")
    card.focus()
    desk.keyboard.press("c")
    expect(card.get_by_label("The comment as it was typed")).to_be_focused()
    desk.keyboard.press("Control+Home")
    for _word in range(2):
        desk.keyboard.press("Control+Shift+ArrowRight")
    card.get_by_role("button", name="Add the selected words").click()
    words = card.get_by_label("Words to hide")
    expect(words).to_have_value("Is anyone")
    card.get_by_label("The comment as it was typed").press("x")
    expect(card.get_by_label("The comment as it was typed")).to_have_value(re.compile("^Is anyone checking"))
    card.get_by_role("button", name="Preview").click()
    expect(card.locator(".preview .body")).to_contain_text(LABEL)
    assert_accessible(desk)
    desk.set_viewport_size({"width": 375, "height": 812})
    assert fits(desk)
    desk.set_viewport_size({"width": 1280, "height": 900})
    card.get_by_role("button", name="Cover", exact=True).click()
    expect(desk.locator(".decided", has_text="Passage covered.")).to_be_visible()
    covered = card_of(desk, "since the cold came in on Thursday")
    expect(covered.locator("> .said > .body")).to_contain_text(LABEL)
    # Undone, and covered by typed words; then approved: the card knows its new version.
    desk.keyboard.press("z")
    expect(desk.locator(".decided", has_text="can be read again")).to_be_visible()
    expect(covered.locator("> .said > .body")).to_contain_text("Is anyone checking")
    desk.keyboard.press("c")
    covered.get_by_label("Words to hide").fill("nowhere in it")
    covered.get_by_role("button", name="Cover", exact=True).click()
    expect(desk.locator(".decided", has_text="is not in the comment")).to_be_visible()
    covered.get_by_label("Words to hide").fill("number 23")
    covered.get_by_role("button", name="Cover", exact=True).click()
    expect(covered.locator("> .said > .body")).to_contain_text(f"checking on {LABEL}?")
    desk.keyboard.press("a")
    expect(desk.locator(".decided", has_text="Approved")).to_be_visible()
    reader = new_page(locale="en", java_script_enabled=False, viewport={"width": 375, "height": 812})
    reader.goto(f"{live.url}/thread?site=demo&url={live.demo_url}{CATS}&lang=en")
    becomes(reader, "text=partly hidden by the editors")
    assert "23?" not in reader.content() and LABEL in reader.content() and fits(reader)
    thread = open_article(new_page(locale="en"), live, CATS)
    expect(thread.locator("article.comment", has_text=LABEL)).to_have_count(1)


def test_an_own_reason_and_a_saved_reply_are_used_at_the_desk(live: Live, new_page: NewPage) -> None:
    desk = new_page(locale="en", viewport={"width": 1280, "height": 900})
    log_in(desk, live)
    desk.goto(f"{live.url}/sites/demo/own-reasons")
    desk.get_by_label("Code").fill("old_news")
    desk.get_by_label("Name for moderators").fill("Old news")
    desk.get_by_label("日本語").fill("この記事はすでに更新されています。")
    desk.get_by_label("English").fill("The article has been updated since.")
    desk.get_by_role("button", name="Add reason").click()
    expect(desk.locator("li[data-code=old_news]")).to_be_visible()
    assert_accessible(desk)
    desk.goto(f"{live.url}/sites/demo/replies")
    desk.get_by_label("Name").fill("Thanks")
    desk.get_by_role("textbox", name="Text").fill("Thank you, we have corrected it.")
    desk.get_by_role("button", name="Add reply").click()
    expect(desk.locator("li[data-reply]")).to_be_visible()
    desk.set_viewport_size({"width": 375, "height": 812})
    assert fits(desk)
    desk.set_viewport_size({"width": 1280, "height": 900})
    desk.goto(f"{live.url}/moderate/")
    expect(desk.locator("main[data-ready]")).to_be_attached()
    card = desk.locator("[data-queue] > article").first
    id = card.get_attribute("data-comment-id")
    card.focus()
    desk.keyboard.press("y")
    expect(card.get_by_label("Your reply")).to_be_focused()
    card.get_by_text("Saved replies").click()
    card.get_by_role("button", name="Thanks").click()
    expect(card.get_by_label("Your reply")).to_have_value("Thank you, we have corrected it.")
    assert_accessible(desk)
    card.focus()
    desk.keyboard.press("r")
    expect(card.locator("[data-reasons] .pop")).to_be_visible()
    assert_accessible(desk, "[data-reasons][open] .pop")
    desk.keyboard.press("0")
    expect(desk.locator(f"article[data-comment-id='{id}']")).to_have_count(0)
    # Words of one's own with the next one.
    card = desk.locator("[data-queue] > article").first
    card.focus()
    desk.keyboard.press("r")
    card.get_by_label("Text for the author").fill("Please write about the article.")
    card.get_by_role("button", name="Off topic").click()
    expect(desk.locator(".decided", has_text="Rejected")).to_have_count(2)
    desk.goto(f"{live.url}/moderate/log")
    expect(desk.locator(".log li", has_text="Old news")).to_have_count(1)
    expect(desk.locator(".log li", has_text="Please write about the article.")).to_have_count(1)
