"""Alice forgets her password on a phone, sets a new one by email, and looks after her account on her desk."""

import re
from collections.abc import Callable
from datetime import timedelta
from time import monotonic, sleep

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import update

from app.lib.clock import now
from app.models import Login, Role, Site
from tests.cast import a_moderator
from tests.flows.people import assert_accessible
from tests.inside import database_of
from tests.services import Live, MailServer

pytestmark = pytest.mark.flow
NewPage = Callable[..., Page]
ALICE, ELSEWHERE = "alice@moderators.example", "alice@elsewhere.example"
NEW, NEXT = "violet anchor tundra", "marble ferry whistle"


def link_to(smtp: MailServer, address: str, path: str) -> str:
    """The link in the newest email to this address, once the worker has sent it."""
    deadline = monotonic() + 30
    while not (found := [each for each in smtp.to(address) if f"/{path}/" in each.text]):
        assert monotonic() < deadline, f"no email to {address}"
        sleep(0.1)
    return re.findall(rf"http://\S+/{path}/\S+", found[-1].text)[0]


def assert_fits(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), page.url


def test_alice_resets_her_password_and_looks_after_her_account(
    live: Live, new_page: NewPage, _smtp: MailServer
) -> None:
    with database_of(live) as session:
        a_moderator(session, session.query(Site).one(), role=Role.OWNER).lang = ""
        session.commit()
    phone = new_page(locale="ja", viewport={"width": 375, "height": 800})
    phone.goto(f"{live.url}/login")
    phone.get_by_role("link", name="パスワードを忘れた場合").click()
    assert_accessible(phone)
    phone.get_by_label("メール").fill(ALICE)
    phone.keyboard.press("Enter")
    expect(phone.get_by_text("このアドレスのアカウントがあれば")).to_be_visible()
    phone.goto(link_to(_smtp, ALICE, "reset"))
    assert_fits(phone)
    field = phone.get_by_label("新しいパスワード")
    field.fill("passwordpassword1")
    phone.keyboard.press("Enter")
    expect(phone.get_by_text("漏えいしたパスワード")).to_be_visible()
    expect(field).to_have_attribute("aria-invalid", "true")
    assert_accessible(phone)
    field.fill(NEW)
    phone.keyboard.press("Enter")
    expect(phone.get_by_text("新しいパスワードを設定しました")).to_be_visible()
    log_in(phone, NEW)
    phone.goto(f"{live.url}/account")
    assert_fits(phone)
    assert_accessible(phone)

    desk = new_page(locale="en", viewport={"width": 1280, "height": 900})
    desk.goto(f"{live.url}/login")
    log_in(desk, NEW)
    desk.locator(".menu summary", has_text="Alice").click()
    desk.get_by_role("link", name="Account").click()
    assert_accessible(desk)
    names = desk.locator("form#name")
    names.get_by_label("Display name").fill("Alice L.")
    names.get_by_role("button", name="Save").click()
    expect(desk.locator("[data-me]")).to_have_text("Alice L.")
    others = desk.get_by_role("button", name="Log out: Chrome")
    expect(others).to_have_count(1)
    others.click()
    expect(desk.get_by_role("status").get_by_text("Logged out there.")).to_be_visible()
    phone.reload()
    expect(phone).to_have_url(re.compile("/login"))

    passwords = desk.locator("form#password")
    passwords.get_by_label("Current password").fill(NEW)
    passwords.get_by_label("New password").fill(NEXT)
    desk.keyboard.press("Enter")
    expect(desk.get_by_role("status").get_by_text("Password changed.")).to_be_visible()

    # An hour later.
    with database_of(live) as session:
        session.execute(update(Login).values(confirmed_at=now() - timedelta(hours=1)))
        session.commit()
    addresses = desk.locator("section#email")
    addresses.get_by_label("New email address").fill(ELSEWHERE)
    desk.keyboard.press("Enter")
    expect(desk.get_by_role("heading", name="Confirm that it’s you")).to_be_visible()
    expect(desk.get_by_label("Password", exact=True)).to_be_focused()
    assert_accessible(desk)
    desk.keyboard.type(NEXT)
    desk.keyboard.press("Enter")
    expect(addresses.get_by_text(f"{ELSEWHERE} is waiting")).to_be_visible()
    for address in (ELSEWHERE, ALICE):
        desk.goto(link_to(_smtp, address, "email"))
        assert_accessible(desk)
        desk.get_by_role("button", name="Confirm").click()
    expect(desk).to_have_url(f"{live.url}/moderate/")
    desk.goto(f"{live.url}/account")
    expect(addresses.locator("p").first).to_have_text(ELSEWHERE)


def log_in(page: Page, password: str) -> None:
    page.fill("[name=email]", ALICE)
    page.fill("[name=password]", password)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/moderate/$"))
