"""From an empty database to the first thread on a page, in the browser only."""

import re
from collections.abc import Callable, Iterator
from threading import Thread

import pytest
from playwright.sync_api import Page, expect

from tests.flows.hosts import Publisher, thread_of
from tests.flows.people import assert_accessible
from tests.services import Live, MailServer

pytestmark = pytest.mark.flow

PHONE = {"width": 375, "height": 800}


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    publisher = Publisher()
    Thread(target=publisher.server.serve_forever, daemon=True).start()
    yield publisher
    publisher.server.shutdown()
    publisher.server.server_close()


def test_a_newcomer_sets_up_a_site_without_a_shell(
    start_kaiwa: Callable[..., Live], smtp: MailServer, new_page: Callable[..., Page], publisher: Publisher
) -> None:
    live = start_kaiwa(MAIL_URL=smtp.url, workers=2)
    (link,) = set(re.findall(r"http://\S+/setup/\S+", live.log.read_text()))
    page = new_page(locale="en", viewport=PHONE, timezone_id="Europe/London")
    page.goto(live.url)
    expect(page.get_by_role("heading", name="Kaiwa runs")).to_be_visible()
    assert_accessible(page)
    page.goto(link)
    expect(page.get_by_label("Time zone")).to_have_value("Europe/London")
    page.get_by_role("link", name="日本語").click()
    expect(page.get_by_role("heading", name="Kaiwa の初期設定")).to_be_visible()
    expect(page.get_by_label("タイムゾーン")).to_have_value("Asia/Tokyo")
    page.get_by_role("link", name="English").click()
    page.get_by_label("Display name").fill("Olga")
    page.get_by_label("Email").fill("olga@news.example")
    page.get_by_label("Password").fill("short")
    page.get_by_label("Site name").fill("The News")
    page.get_by_label("Site URL").fill(publisher.url + "/story")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_be_visible()
    assert_accessible(page)
    page.get_by_label("Password").fill("seven swans and a ferry")
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name="1. Add this code")).to_be_visible()
    waiting, seen = (
        page.get_by_text("Waiting for the first view"),
        page.get_by_text("Your page has shown its comments."),
    )
    expect(waiting).to_be_visible()
    assert_accessible(page)
    article = new_page(locale="en")
    article.goto(publisher.add("/story", f"<!doctype html><title>Story</title>{page.locator('#tag').inner_text()}"))
    thread_of(article)
    expect(seen).to_be_visible()
    expect(waiting).to_have_count(0)
    page.get_by_role("button", name="Send test email").click()
    expect(page.get_by_text("Test email sent. Check your inbox.")).to_be_visible()
    assert [email.to for email in smtp.emails] == [["olga@news.example"]]
    assert_accessible(page)

    page.goto(f"{live.url}/sites/")
    page.get_by_role("link", name="Add site").click()
    assert_accessible(page)
    page.goto(f"{live.url}/moderate/log/audit")
    expect(page.locator("[data-event=site_added]")).to_be_visible()
    assert_accessible(page)
    page.goto(f"{live.url}/system?all=1")
    expect(page.locator("[data-fact=worker]")).to_contain_text("Running")
    assert_accessible(page)
    stranger = new_page(locale="ja")
    stranger.goto(link)
    expect(stranger.get_by_text("Kaiwa は設定済みです。")).to_be_visible()
