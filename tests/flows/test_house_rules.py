"""House rules are written at the desk, and accepted by readers with and without JavaScript."""

from collections.abc import Callable
from time import monotonic

import pytest
from playwright.sync_api import Page, expect

from tests.flows.people import EN, assert_accessible, fill_in, log_in, open_article, submit
from tests.flows.test_newsroom import becomes
from tests.inside import run_command
from tests.services import Live

pytestmark = pytest.mark.flow

NewPage = Callable[..., Page]
VERSION = "document.querySelector('#kaiwa').shadowRoot.querySelector('#kaiwa-accepted')?.value"


def test_house_rules_are_written_and_accepted(live: Live, new_page: NewPage) -> None:
    run_command(live, "site", "set", "demo", "hold_all=no", "approvals_needed=0", "min_seconds=0")
    desk = new_page(locale="en", viewport={"width": 1280, "height": 900})
    log_in(desk, live)
    desk.goto(f"{live.url}/sites/demo/words?lang=en")
    desk.get_by_label("Text above the comment form", exact=True).fill("Please **stay kind**.")
    desk.get_by_label("Version of the house rules").fill("2026-11")
    desk.get_by_role("button", name="Preview").click()
    expect(desk.locator(".seen-by-readers strong")).to_have_text("stay kind")
    assert_accessible(desk)
    desk.get_by_role("button", name="Save").click()
    expect(desk.get_by_text("Saved.")).to_be_visible()
    expect(desk.get_by_role("heading", name="What readers see now")).to_be_visible()

    reader = new_page(locale="en", viewport={"width": 375, "height": 800})
    thread = open_article(reader, live, EN)
    tick, remember = thread.get_by_label("I accept the house rules."), thread.locator("[name=remember]")
    expect(thread.locator("[part=rules] strong")).to_have_text("stay kind")
    expect(thread.get_by_role("link", name="House rules (new tab)")).to_have_attribute("target", "_blank")
    fill_in(thread, "One from the pier.")
    submit(thread)
    expect(thread.locator(".summary")).to_contain_text("Read the house rules")
    expect(thread.locator("[name=body]")).to_have_value("One from the pier.")
    assert_accessible(reader)
    assert reader.evaluate("document.documentElement.scrollWidth") <= 375
    tick.check()
    expect(thread.locator("#kaiwa-accepted-error")).to_have_count(0)
    submit(thread)
    expect(thread.get_by_text("Your comment is live.").first).to_be_visible()
    # The next comment asks again, and nothing lasts in the browser.
    expect(tick).not_to_be_checked()
    assert reader.evaluate("localStorage.length") == 0
    thread = open_article(reader, live, EN)
    fill_in(thread, "Another from the pier.")
    expect(tick).not_to_be_checked()
    tick.check()
    remember.check()
    submit(thread)
    expect(thread.get_by_text("Your comment is live.").first).to_be_visible()
    assert "2026-11" in reader.evaluate("localStorage['kaiwa:demo']")
    thread = open_article(reader, live, EN)
    expect(tick).to_be_checked()
    run_command(live, "site", "words", "demo", "rules_version=2027-01", "--lang", "en")

    stranger = new_page(locale="en", java_script_enabled=False)
    stranger.goto(f"{live.url}/thread?site=demo&url={live.demo_url}{EN}&lang=en")
    becomes(stranger, "[name=accepted][value='2027-01']")
    fill_in(stranger.locator("main"), "And one without a script.", "Taro", "taro@readers.example")
    stranger.get_by_role("button", name="Post comment").click()
    expect(stranger.locator("#kaiwa-accepted-error")).to_be_visible()
    stranger.get_by_label("I accept the house rules.").check()
    stranger.get_by_role("button", name="Post comment").click()
    expect(stranger.locator(".body", has_text="And one without a script.")).to_be_visible()

    # A public page may be two seconds old.
    deadline = monotonic() + 30
    while reader.evaluate(VERSION) != "2027-01":
        assert monotonic() < deadline
        open_article(reader, live, EN)
    expect(tick).not_to_be_checked()
