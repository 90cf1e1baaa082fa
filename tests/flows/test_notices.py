"""A stranger sends a legal notice without JavaScript, a moderator asks the author and decides, and both are told."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from app.models import Author, Comment, Site
from tests.flows.people import EN, assert_accessible, eventually, log_in, open_article
from tests.flows.test_sites import link_to
from tests.inside import database_of
from tests.services import Live, MailServer

pytestmark = pytest.mark.flow

NewPage = Callable[..., Page]
PHONE, DESK = {"width": 375, "height": 800}, {"width": 1280, "height": 900}
NOTIFIER, AUTHOR = "jiro@notifiers.example", "writer@readers.example"


@pytest.fixture(scope="module")
def live_settings() -> dict[str, str]:
    return {"UNDO_WINDOW": "0"}


def confirm_author(live: Live, number: str) -> None:
    """The author of a demo comment, who asked for no emails, has a confirmed address."""
    with database_of(live) as session:
        comment = session.get_one(Comment, int(number))
        author = session.scalars(select(Author).where(Author.id == comment.author_id)).one()
        site = session.get_one(Site, comment.site_id)
        author.email = AUTHOR
        author.email_index = author.confirmed_index = Author.index_of(site, AUTHOR)
        session.commit()


def test_a_notice_from_the_form_to_the_decision(live: Live, new_page: NewPage, _smtp: MailServer) -> None:
    reader = new_page(locale="ja", viewport=PHONE)
    comment = open_article(reader, live, EN).locator("article.comment").first
    comment.locator("a.report").click()
    link = comment.locator("form.flag").get_by_role("link", name="Report illegal content")
    address = (link.get_attribute("href") or "").replace("lang=en", "lang=ja")
    number = address.partition("comment=")[2].partition("&")[0]
    confirm_author(live, number)

    stranger = new_page(locale="ja", viewport=PHONE, java_script_enabled=False)
    stranger.goto(f"{live.url}/thread?site=demo&url={live.demo_url}{EN}&lang=ja")
    expect(stranger.get_by_role("link", name="権利侵害・違法の申し出")).to_be_visible()
    stranger.goto(address)
    expect(stranger.get_by_label("コメントのリンク")).to_have_value(f"{live.demo_url}{EN}#comment-{number}")
    stranger.get_by_role("button", name="申し出を送信").click()
    expect(stranger.get_by_role("alert")).to_contain_text("申し出の内容を選んでください。")
    stranger.get_by_label("名誉毀損・侮辱").check()
    stranger.get_by_label("理由の説明").fill("その日、私は船に乗っていませんでした。")
    stranger.get_by_role("textbox", name="お名前").fill("次郎")
    stranger.get_by_role("textbox", name="メールアドレス").fill(NOTIFIER)
    stranger.get_by_label("誠実に信じています").check()
    stranger.get_by_role("button", name="申し出を送信").click()
    expect(stranger.get_by_role("status")).to_have_text("申し出を受け付けました。モデレーターが確認します。")

    checked = new_page(locale="ja", viewport=PHONE)
    checked.goto(address)
    assert_accessible(checked)
    checked.goto(link_to(_smtp, live, NOTIFIER, "notice"))
    assert_accessible(checked)
    receipt = next(email for email in _smtp.emails if email.to == [NOTIFIER])
    assert receipt.raw.partition(b"\r\n\r\n")[0].isascii() and "船" not in receipt.text and "次郎" not in receipt.text
    checked.get_by_role("button", name="はい、メールアドレスを確認します").click()
    expect(checked.get_by_text("メールアドレスは確認済みです。")).to_be_visible()

    desk = new_page(locale="en", viewport=DESK)
    log_in(desk, live)
    desk.goto(f"{live.url}/moderate/?lane=1")
    row = desk.locator("[data-notice-id]")
    expect(row).to_contain_text("Age:")
    expect(row).to_contain_text("Decide by")
    assert_accessible(desk)
    row.get_by_role("link").click()
    expect(desk.get_by_text("confirmed", exact=False).first).to_be_visible()
    desk.set_viewport_size(PHONE)
    assert_accessible(desk)
    assert desk.evaluate("document.documentElement.scrollWidth <= innerWidth")
    desk.get_by_label("What the author reads about the notice").fill("The notifier says that they were not on board.")
    desk.get_by_role("button", name="Ask the author").click()
    expect(desk.get_by_text("The author gets the question by email.")).to_be_visible()

    author = new_page(locale="en", viewport=PHONE, java_script_enabled=False)
    author.goto(link_to(_smtp, live, AUTHOR, "inquiry"))
    author.get_by_role("button", name="I agree to the removal").click()
    expect(author.get_by_role("status")).to_have_text("You agreed to the removal. A moderator will decide.")

    desk.reload()
    expect(desk.locator("#inquiry-heading ~ p").first).to_have_text("The author agrees to the removal")
    desk.get_by_label("Remove the comment").check()
    desk.get_by_label("A law").check()
    desk.get_by_label("Provision").fill("Penal Code, article 230")
    desk.get_by_label("Facts and reasons").fill("The author agrees that the statement is wrong.")
    desk.get_by_role("button", name="Decide and send").click()
    expect(desk.locator("#decision-heading ~ p").first).to_contain_text("Removed")
    assert_accessible(desk)

    author.goto(link_to(_smtp, live, AUTHOR, "appeal"))
    expect(author.get_by_text("The author agrees that the statement is wrong.")).to_be_visible()
    checked.reload()
    expect(checked.get_by_role("status")).to_have_text("決定しました。コメントは公開されていません。")
    assert_accessible(checked)
    eventually(checked, lambda: len(_smtp.to(NOTIFIER)) == 2)
    assert "Penal Code, article 230" in _smtp.to(NOTIFIER)[1].text
