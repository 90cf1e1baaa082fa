"""Staff answer and close an article from a card; a reader and a stranger without JavaScript see it."""

from collections.abc import Callable
from time import monotonic

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import update

from app.lib.clock import now
from app.models import Site
from app.moderation.page_state import signature
from tests.flows.hosts import SLOT, STORY, publishing, tag_of
from tests.flows.people import JA, assert_accessible, card_of, log_in, open_article
from tests.inside import database_of
from tests.services import Live

pytestmark = pytest.mark.flow

NewPage = Callable[..., Page]
CATS = "/en/forty-six-cats"


def becomes(page: Page, selector: str) -> None:
    """Reload the page until this is on it: a public page may be two seconds old."""
    deadline = monotonic() + 30
    while not page.locator(selector).count():
        assert monotonic() < deadline, selector
        page.reload()


def test_staff_answer_and_close_from_a_card(live: Live, new_page: NewPage) -> None:
    desk = new_page(locale="en", viewport={"width": 1280, "height": 900})
    log_in(desk, live)
    expect(desk.locator("main[data-ready]")).to_be_attached()
    card = card_of(desk, "Is anyone checking on number 23?")
    card.focus()
    desk.keyboard.press("y")
    expect(card.get_by_label("Your reply")).to_be_focused()
    assert_accessible(desk)
    desk.keyboard.type("She is asleep in our archive.")
    card.get_by_label("Name above the reply").fill("Night desk")
    card.get_by_role("button", name="Approve and reply").click()
    expect(desk.locator(".decided", has_text="Your reply is live.")).to_be_visible()
    expect(card).to_have_count(0)
    reader = new_page(locale="en", viewport={"width": 375, "height": 800})
    thread = open_article(reader, live, CATS)
    reply = thread.locator("article.comment", has_text="asleep in our archive")
    expect(reply.locator(".badge")).to_have_text("Staff")
    expect(reply.locator(".name")).to_have_text("Night desk")
    # The article of another card is closed, and opened again.
    card = card_of(desk, "感動だの文化だの")
    card.focus()
    desk.keyboard.press("l")
    expect(card.get_by_label("Open")).to_be_focused()
    assert_accessible(desk)
    card.get_by_label("Closed").check()
    card.get_by_label("Reason (optional").fill("For the night")
    card.get_by_role("button", name="Save").click()
    expect(desk.locator(".decided", has_text="Closed")).to_be_visible()
    stranger = new_page(locale="en", java_script_enabled=False)
    stranger.goto(f"{live.url}/thread?site=demo&url={live.demo_url}{JA}&lang=en")
    becomes(stranger, "p.closed")
    expect(stranger.locator("textarea")).to_have_count(0)
    desk.keyboard.press("z")
    expect(desk.locator(".decided", has_text="Open")).to_be_visible()
    becomes(stranger, "textarea")


def test_an_article_is_held_and_a_reply_written_without_javascript(live: Live, new_page: NewPage) -> None:
    desk = new_page(locale="ja", java_script_enabled=False, viewport={"width": 375, "height": 800})
    log_in(desk, live)
    card = card_of(desk, "何時ごろ行けば棚に残っているでしょうか")
    card.get_by_role("button", name="記事…").click()
    expect(desk.get_by_label("締め切り")).to_be_checked()
    desk.get_by_label("承認制").check()
    desk.get_by_role("button", name="保存").click()
    expect(desk.locator(".decided", has_text="承認制")).to_be_visible()
    card_of(desk, "何時ごろ行けば棚に残っているでしょうか").get_by_role("button", name="返信…").click()
    desk.get_by_label("返信", exact=True).fill("土曜の午前がおすすめです。")
    desk.get_by_role("button", name="承認して返信").click()
    expect(desk.locator(".decided", has_text="返信を公開しました。")).to_be_visible()
    desk.goto(f"{live.url}/thread?site=demo&url={live.demo_url}/ja/tana-no-amigurumi&lang=ja")
    becomes(desk, ".badge")
    expect(desk.locator(".notice.held")).to_have_text("この記事への新しいコメントは、確認後に表示されます。")


def test_a_page_closes_its_article_by_a_signed_attribute(live: Live, new_page: NewPage) -> None:
    key, time = "a key of the publisher", f"{now():%Y-%m-%dT%H:%M:%SZ}"
    with database_of(live) as session:
        session.execute(update(Site).values(state_key=key))
        session.commit()
    with publishing(live) as publisher:
        url = publisher.url + STORY
        signed = f"closed {time} {signature(key, 'demo', url, 'closed', time)}"
        thread = publisher.visit(new_page(locale="en"), SLOT + tag_of(live, url=url, state=signed))
        expect(thread.locator("p.closed")).to_be_visible()
        expect(thread.locator("textarea")).to_have_count(0)
