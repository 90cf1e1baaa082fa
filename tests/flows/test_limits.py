"""In a browser, a proof of work stands in for a refusal: for a comment and for a log-in."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from app.abuse import guessing
from tests.flows.people import assert_accessible, eventually, fill_in, open_article, submit
from tests.inside import run_command
from tests.services import Live

pytestmark = pytest.mark.flow


def test_a_comment_from_a_network_over_its_limit_is_sent_again_with_a_proof(
    live: Live, new_page: Callable[..., Page]
) -> None:
    limits = ["flood_per_address=1", "flood_per_author=0", "min_seconds=0", "hold_all=no", "approvals_needed=0"]
    run_command(live, "site", "set", "demo", *limits)
    page, statuses = new_page(locale="ja"), []
    page.on("response", lambda answer: answer.request.method == "POST" and statuses.append(answer.status))
    thread = open_article(page, live)
    for body in ("一つ目のコメント", "二つ目のコメント"):
        fill_in(thread, body)
        submit(thread)
        expect(thread.locator("article", has_text=body)).to_be_visible()
        expect(thread.locator("[name=body]").last).to_have_value("")
    eventually(page, lambda: statuses.count(201) == 2)
    assert [each for each in statuses if each in (201, 429)] == [201, 429, 201]
    expect(thread.locator(".error, .excuse")).to_have_count(0)


def test_a_log_in_over_its_limit_is_let_in_with_a_proof(live: Live, new_page: Callable[..., Page]) -> None:
    email, password = live.account
    page = new_page(locale="en")
    page.goto(f"{live.url}/login")
    for _ in range(guessing.PER_ACCOUNT_AND_NETWORK.burst + 1):
        page.fill("[name=email]", email)
        page.fill("[name=password]", "wrong")
        page.press("[name=password]", "Enter")
        expect(page.locator("[role=alert]")).to_be_visible()
        expect(page.locator("[name=password]")).to_have_value("")
    expect(page.locator("[role=alert]")).to_contain_text("Too many login attempts")
    expect(page.locator("#proven")).to_be_visible()
    assert_accessible(page)
    page.fill("[name=password]", password)
    page.press("[name=password]", "Enter")
    expect(page).to_have_url(f"{live.url}/moderate/")
