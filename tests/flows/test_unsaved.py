"""Decisions of a moderator whose log-in ends: nothing is lost, and nothing is saved under another name unasked."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import delete, select, update

from app.lib.clock import now
from app.models import Comment, Decision, Login, Moderator, Note, Rule
from tests.cast import PASSWORD
from tests.flows.people import assert_accessible
from tests.flows.test_desk import NewPage, at_the_desk, ids_on, made_by, paper, sent, wait_there
from tests.inside import database_of
from tests.services import Live

__all__ = ["paper"]
pytestmark = pytest.mark.flow

RETURNED = "window.dispatchEvent(new Event('focus'))"


def expire(live: Live, page: Page) -> None:
    with database_of(live) as session:
        session.execute(update(Login).values(expires_at=now() - timedelta(seconds=1)))
        session.commit()


def log_out_elsewhere(live: Live, page: Page) -> None:
    tab = page.context.new_page()
    tab.goto(f"{live.url}/moderate/log")
    tab.locator(".top .menu > summary").click()
    tab.get_by_role("button", name="Log out").click()
    expect(tab).to_have_url(f"{live.url}/login")
    tab.close()


def change_the_password(live: Live, page: Page) -> None:
    with database_of(live) as session:
        session.execute(delete(Login))
        session.commit()


def log_in_at(tab: Page, key: str, name: str = "alice") -> None:
    tab.fill("[name=email]", f"{name}@{key}.example")
    tab.fill("[name=password]", PASSWORD)
    tab.click("main form button")
    expect(tab.get_by_role("heading")).to_have_text(f"You’re logged in as {name.title()}.")


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(expire, marks=pytest.mark.torture),
        pytest.param(log_out_elsewhere, marks=pytest.mark.torture),
        change_the_password,
    ],
)
def test_decisions_made_while_logged_out_are_saved_by_one_try_again(
    live: Live, new_page: NewPage, paper: str, end: Callable[[Live, Page], None]
) -> None:
    wait_there(live, paper, 5)
    page = at_the_desk(new_page, live, paper)
    began, ids = page.url, ids_on(page)
    end(live, page)
    for key in "asa":
        page.keyboard.press(key)
    notes = page.locator(".unsaved-note")
    expect(notes).to_have_count(3)
    expect(notes.first).to_contain_text("Unsaved: Approve")
    expect(notes.first).to_contain_text("You’ve been logged out.")
    assert made_by(live, paper) == []
    with page.context.expect_page() as opened:
        notes.first.get_by_role("link", name="Log in").click()
    page.evaluate("window.same = true")
    log_in_at(opened.value, paper)
    notes.nth(1).get_by_role("button", name="Try again").click()
    expect(notes).to_have_count(0)
    expect(page.locator("article:visible")).to_have_count(2)
    sent(page)
    made = {str(id): status for id, status, _reason in made_by(live, paper)}
    assert made == {ids[0]: "approved", ids[1]: "spam", ids[2]: "approved"} and len(made_by(live, paper)) == 3
    page.keyboard.press("a")
    expect(page.locator("article:visible")).to_have_count(1)
    sent(page)
    assert len(made_by(live, paper)) == 4
    assert page.url == began and page.evaluate("window.same")


def test_a_batch_a_note_and_a_rule_are_saved_when_the_moderator_returns_to_the_tab(
    live: Live, new_page: NewPage, paper: str
) -> None:
    wait_there(live, paper, 6)
    page = at_the_desk(new_page, live, paper)
    ids, notes = ids_on(page), page.locator(".unsaved-note")
    log_out_elsewhere(live, page)
    page.locator("article").first.focus()
    page.keyboard.press("n")
    page.keyboard.type("Ask the editor")
    page.get_by_role("button", name="Save note").click()
    expect(notes).to_have_count(1)
    page.locator("article").first.focus()
    page.keyboard.press("t")
    expect(notes).to_have_count(2)
    page.keyboard.press("j")
    page.keyboard.press("x")
    page.keyboard.press("j")
    page.keyboard.press("Shift+X")
    page.keyboard.press("Shift+S")
    expect(notes).to_have_count(3)
    expect(page.locator("article.unsaved:visible")).to_have_count(2)
    assert_accessible(page)
    # Another decision about one comment of the batch replaces it there.
    page.locator(f'article[data-comment-id="{ids[2]}"]').focus()
    page.keyboard.press("a")
    expect(notes).to_have_count(4)
    page.evaluate(RETURNED)
    expect(notes).to_have_count(4)
    tab = page.context.new_page()
    tab.goto(f"{live.url}/login?next=/account/session")
    log_in_at(tab, paper)
    page.evaluate(RETURNED)
    expect(notes).to_have_count(0)
    sent(page)
    assert {(str(id), status) for id, status, _reason in made_by(live, paper)} == {
        (ids[1], "spam"),
        (ids[2], "approved"),
    }
    with database_of(live) as session:
        assert [note.text for note in session.scalars(select(Note).where(Note.comment_id == int(ids[0])))] == [
            "Ask the editor"
        ]
        author = session.get_one(Comment, int(ids[0])).author_id
        assert [rule.effect for rule in session.scalars(select(Rule)) if rule.value == str(author)] == ["allow"]


def test_decisions_are_saved_under_another_name_only_on_request(live: Live, new_page: NewPage, paper: str) -> None:
    wait_there(live, paper, 3)
    page = at_the_desk(new_page, live, paper)
    notes = page.locator(".unsaved-note")
    log_out_elsewhere(live, page)
    tab = page.context.new_page()
    tab.goto(f"{live.url}/login?next=/account/session")
    log_in_at(tab, paper, "bob")
    page.keyboard.press("a")
    expect(notes).to_contain_text("This browser is now logged in as Bob. The decision is by Alice.")
    page.evaluate(RETURNED)
    notes.get_by_role("button", name="Try again").click()
    expect(page.locator("main")).not_to_have_attribute("data-sending", "1")
    expect(notes).to_have_count(1)
    assert made_by(live, paper) == []
    assert_accessible(page)
    notes.get_by_role("button", name="Save as Bob").click()
    expect(notes).to_have_count(0)
    sent(page)
    page.keyboard.press("s")
    sent(page)
    with database_of(live) as session:
        names = session.execute(
            select(Moderator.name, Decision.to_status)
            .join(Moderator, Moderator.id == Decision.moderator_id)
            .where(Moderator.email_index == Moderator.index_of(f"bob@{paper}.example").all[0])
        ).all()
    assert [tuple(each) for each in names] == [("Bob", "approved"), ("Bob", "spam")]
    assert len(made_by(live, paper)) == 2


def test_confirmations_leave_the_screen_and_stay_in_a_log(live: Live, new_page: NewPage, paper: str) -> None:
    wait_there(live, paper, 4)
    page = new_page(locale="en")
    page.clock.install()
    page = at_the_desk(lambda **_: page, live, paper)
    toast, log = page.locator("[data-done] .decided"), page.get_by_role("log", name="Messages")
    ids = ids_on(page)
    expect(page).to_have_title("All (4) – Kaiwa")
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.dataset.commentId") == ids[1]
    page.keyboard.press("a")
    sent(page)
    expect(toast.last).to_be_visible()
    expect(page).to_have_title("All (3) – Kaiwa")
    assert page.evaluate("document.activeElement.dataset.commentId") == ids[2]
    page.clock.run_for(30_000)
    expect(toast.last).to_be_hidden()
    expect(log).to_contain_text("Approved")
    page.keyboard.press("z")
    expect(toast.last).to_contain_text("Undone.")
    expect(page).to_have_title("All (4) – Kaiwa")
    page.keyboard.press("s")
    sent(page)
    toast.last.get_by_role("button").hover()
    page.clock.run_for(30_000)
    expect(toast.last).to_be_visible()
    page.mouse.move(5, 300)
    page.clock.run_for(30_000)
    expect(toast.last).to_be_hidden()
    page.keyboard.press("x")
    page.keyboard.press("Shift+S")
    sent(page)
    page.keyboard.press("z")
    expect(toast.last).to_contain_text("Undone.")
    expect(log).to_contain_text("Undone.")
