"""The pages of a site and links in author emails in a real browser: keyboard only, no axe violations."""

import re
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.flows.people import EN, JA, assert_accessible, card_of, fill_in, log_in, open_article, submit
from tests.inside import run_command
from tests.services import Live, MailServer

pytestmark = pytest.mark.flow

NewPage = Callable[..., Page]
PHONE, DESK = {"width": 375, "height": 800}, {"width": 1440, "height": 900}


@pytest.fixture(scope="module")
def live_settings() -> dict[str, str]:
    return {"UNDO_WINDOW": "1"}


def test_the_pages_of_a_site_are_accessible_on_a_phone(live: Live, new_page: NewPage) -> None:
    page = new_page(locale="ja", viewport=PHONE)
    log_in(page, live)
    subjects = ("settings", "embed", "rules", "screening", "people", "threads", "moderators", "figures")
    for path in ["/sites/", *(f"/sites/demo/{each}" for each in subjects), "/moderate/log"]:
        page.goto(live.url + path)
        is_accessible(page)


def test_the_score_simulation_is_readable_on_a_phone(live: Live, new_page: NewPage) -> None:
    desk = new_page(locale="ja", viewport=PHONE)
    log_in(desk, live)
    for body, button in (
        ("いい記事でした", "approved"),
        ("副業で月収100万円", "spam"),
        ("今すぐ登録で月収100万円", "approved"),
    ):
        thread = open_article(new_page(locale="ja"), live, JA)
        fill_in(thread, body, email=f"{button}@scores.example")
        submit(thread)
        expect(thread.get_by_text("コメントを受け付けました。承認後に公開されます。").first).to_be_visible()
        desk.goto(f"{live.url}/moderate/?lane=5")
        card_of(desk, body).locator(f"button[name=status][value={button}]").click()
        expect(card_of(desk, body)).to_have_count(0)
    desk.goto(f"{live.url}/sites/demo/screening")
    expect(desk.get_by_role("table").first).to_be_visible()
    is_accessible(desk)


def test_a_setting_is_found_by_its_words_and_unsaved_changes_are_told(live: Live, new_page: NewPage) -> None:
    page = new_page(locale="ja", viewport=PHONE)
    log_in(page, live)
    page.goto(f"{live.url}/sites/demo/settings")
    unsaved = page.get_by_text("保存していない変更があります")
    expect(unsaved).to_have_count(0)
    page.get_by_label("サイト名").fill("別の名前")
    expect(unsaved).to_be_visible()
    # Half width, as an input method may write it.
    page.get_by_label("設定を検索").fill("ｽﾊﾟﾑ 期間")
    expect(page.locator("fieldset:visible")).to_have_count(1)
    expect(page.locator("fieldset .field:visible")).to_have_count(1)
    is_accessible(page)
    page.get_by_label("設定を検索").fill("ない言葉")
    expect(page.get_by_text("該当する設定はありません。")).to_be_visible()
    page.get_by_label("設定を検索").fill("")
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.goto(f"{live.url}/sites/demo/rules")
    assert asked == ["beforeunload"]
    page.goto(f"{live.url}/sites/demo/settings")
    page.get_by_label("サイト名").fill("Demo")
    expect(unsaved).to_have_count(0)
    page.get_by_role("button", name="保存").click()
    expect(page.get_by_text("設定を保存しました。")).to_be_visible()
    assert asked == ["beforeunload"]


def test_a_rule_is_tried_and_made(live: Live, new_page: NewPage) -> None:
    page = new_page(locale="en")
    log_in(page, live)
    page.goto(f"{live.url}/sites/demo/rules")
    page.fill("[name=value]", "帽子")
    page.click("[name=try]")
    expect(page.get_by_role("status").filter(has_text="of the last")).to_be_visible()
    assert_accessible(page)
    page.click("form.sheet button.approved")
    expect(page.locator("[data-rule-id]")).to_have_count(1)


def test_an_author_gets_an_email_and_appeals(live: Live, new_page: NewPage, _smtp: MailServer) -> None:
    address = "objecting@readers.example"
    page = new_page(locale="ja", viewport=PHONE)
    thread = open_article(page, live, JA)
    fill_in(thread, "却下されるはずの一言", email=address)
    thread.locator("[name=notify]").select_option("review")
    submit(thread)
    expect(thread.get_by_text("コメントを受け付けました。承認後に公開されます。").first).to_be_visible()
    page.goto(link_to(_smtp, live, address, "mail/confirm"))
    assert_accessible(page)
    page.get_by_role("button").click()
    expect(page.get_by_role("status")).to_be_visible()

    desk = new_page(locale="ja", java_script_enabled=False)
    log_in(desk, live)
    card = card_of(desk, "却下されるはずの一言")
    card.locator("[data-reasons] summary").click()
    card.locator("button[name=reason][value=attack]").click()
    expect(card).to_have_count(0)
    page.goto(link_to(_smtp, live, address, "appeal"))
    assert_accessible(page)
    page.fill("textarea", "自分のことを書きました")
    page.get_by_role("button").click()
    expect(page.get_by_role("status")).to_be_visible()
    assert_accessible(page)
    desk.goto(f"{live.url}/moderate/?lane=1")
    expect(card_of(desk, "却下されるはずの一言")).to_contain_text("自分のことを書きました")
    for lang, size, button in (("ja", PHONE, "配信停止"), ("en", DESK, "Subscribe again")):
        page = new_page(locale=lang, viewport=size)
        page.goto(link_to(_smtp, live, address, "mail/stop"))
        is_accessible(page)
        page.get_by_role("button", name=button).click()
    expect(page.get_by_role("button", name="Unsubscribe")).to_be_visible()


def test_an_author_finds_the_comment_on_another_device(live: Live, new_page: NewPage) -> None:
    page = new_page(locale="en", viewport=PHONE)
    thread = open_article(page, live, EN)
    fill_in(thread, "I will look again tomorrow", name="Hana", email="tomorrow@readers.example")
    thread.get_by_label("Email me about").select_option(label="The review of my comment, and replies")
    submit(thread)
    address = thread.locator(".said .own-link").get_attribute("href")
    other = new_page(locale="ja", viewport=PHONE)
    other.goto(address or "")
    expect(other.get_by_role("status")).to_contain_text("承認待ちです")
    is_accessible(other)
    other.locator(".edit summary").click()
    other.fill("[name=body]", "I did look again")
    other.get_by_role("button", name="保存").click()
    expect(other.locator("article .body")).to_have_text("I did look again")


def test_public_pages_are_accessible(live: Live, new_page: NewPage) -> None:
    run_command(live, "site", "set", "demo", "public_summary=yes")
    for lang, size in (("ja", PHONE), ("en", DESK)):
        page = new_page(locale=lang, viewport=size)
        page.goto(f"{live.url}/summary/demo?lang={lang}")
        expect(page.get_by_role("table").first).to_be_visible()
        is_accessible(page)


def test_the_invitation_page_is_accessible(live: Live, new_page: NewPage, _smtp: MailServer) -> None:
    owner = new_page(locale="ja")
    log_in(owner, live)
    for lang, size in (("ja", PHONE), ("en", DESK)):
        run_command(live, "site", "set", "demo", f"lang={lang}")
        owner.goto(f"{live.url}/sites/demo/moderators")
        owner.fill("[name=email]", f"{lang}@invited.example")
        owner.locator("form:has([name=email]) button").click()
        page = new_page(locale=lang, viewport=size)
        page.goto(link_to(_smtp, live, f"{lang}@invited.example", "invitation"))
        is_accessible(page)
        page.get_by_role("button").click()
        expect(page.locator(".error").first).to_be_visible()
        is_accessible(page)


def is_accessible(page: Page) -> None:
    """For axe, in light and dark, and no wider than the screen."""
    assert_accessible(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{page.url} is too wide"


def link_to(box: MailServer, live: Live, address: str, path: str) -> str:
    """Wait for the newest link of this kind in an email to the address."""
    for _ in range(600):
        for received in reversed(box.to(address)):
            if found := re.search(rf"{live.url}/{path}/\S+", received.text):
                return found[0]
        time.sleep(0.1)
    raise AssertionError(f"no letter to {address} with a link to {path}")
