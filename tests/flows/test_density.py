"""How much of the queue fits on a screen: heights, counts and tab stops at four widths."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from app.comments.submit import Draft, submit
from app.models import Site, Thread
from tests.cast import PASSWORD
from tests.flows.people import assert_accessible
from tests.flows.test_desk import NewPage, at_the_desk, ids_on, made_by, paper, sent
from tests.inside import database_of
from tests.services import Live

__all__ = ["paper"]
pytestmark = pytest.mark.flow

MEASURED = """() => {
  const cards = [...document.querySelectorAll("[data-queue] > article")];
  const controls = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex]";
  const isSeen = (each) => {
    const box = each.getBoundingClientRect();
    return box.top >= 0 && box.bottom <= innerHeight;
  };
  return {
    heights: cards.map((card) => card.getBoundingClientRect().height),
    stops: cards.map((card) => [...card.querySelectorAll(controls)].filter((each) =>
      each.tabIndex >= 0 && each.checkVisibility({ visibilityProperty: true })).length),
    seen: cards.filter((card) => [card.querySelector(".body"), ...card.querySelectorAll(".actions > *")].every(
      (each) => each.matches("[type=hidden]") || isSeen(each))).length,
    caps: cards.map((card) => [...card.querySelectorAll("kbd")].filter((each) => each.checkVisibility()).length),
    sideways: [document.documentElement, ...document.querySelectorAll("body *")].filter((each) =>
      each.scrollWidth > each.clientWidth + 1 && (each === document.documentElement ? each.scrollWidth > innerWidth
        : /auto|scroll/.test(getComputedStyle(each).overflowX))).map((each) => each.className || each.tagName),
  };
}"""

JA = (
    "最終便が早まると帰れません。",
    "冬の間だけでも、土曜日の最終便を残してもらえないでしょうか。"
    "島には病院がなく、付き添いの家族は夜の便でしか戻れません。",
)
EN = (
    "The last boat is too early.",
    "Could the Saturday boat stay, at least in winter? " * 3 + "http://ferry.example",
)


def fill(live: Live, key: str, lang: str, number: int = 12) -> None:
    """Short comments and comments of two lines, with a parent, a link and near-copies among them."""
    short, long = JA if lang == "ja" else EN
    with database_of(live) as session:
        site = session.scalars(select(Site).where(Site.key == key)).one()
        thread = Thread.obtain(site, key=key, url="https://paper.example/ferry", title=short * 3)
        for at in range(number):
            body = long if at % 3 == 2 else f"{short} {at}"
            submit(thread, Draft(body=body, name=f"{short[:4]} {at}", email="", website="", parent_id=None))
        session.commit()


def measured(page: Page) -> Any:
    return page.evaluate(MEASURED)


@pytest.mark.parametrize("lang", [pytest.param("en", marks=pytest.mark.torture), "ja"])
def test_a_screen_shows_many_comments_and_few_tab_stops(live: Live, new_page: NewPage, paper: str, lang: str) -> None:
    fill(live, paper, lang)
    page = at_the_desk(new_page, live, paper, locale=lang, viewport={"width": 1280, "height": 900})
    for width, height, fewest in ((1280, 900, 6), (1440, 900, 6), (375, 812, 2), (320, 640, 1)):
        page.set_viewport_size({"width": width, "height": height})
        page.evaluate("scrollTo(0, 0)")
        found = measured(page)
        assert found["seen"] >= fewest, (width, found)
        assert found["sideways"] == [], width
        assert max(found["stops"][1:]) <= 5 < found["stops"][0]
        if width >= 1280:
            assert max(found["heights"][1:]) <= 120, (width, found)
            assert found["caps"][0] > 4 and sum(found["caps"][1:]) == 0
    assert_accessible(page)


def test_the_current_card_opens_and_no_menu_covers_its_text(live: Live, new_page: NewPage, paper: str) -> None:
    fill(live, paper, "en", 4)
    page = at_the_desk(new_page, live, paper, viewport={"width": 1280, "height": 900})
    ids = ids_on(page)
    cards = page.locator("[data-queue] > article")
    for width in (1280, 375):
        page.set_viewport_size({"width": width, "height": 812})
        for at in (0, 3):
            cards.nth(at).focus()
            expect(cards.nth(at).get_by_role("button", name="Trust author")).to_be_visible()
            expect(page.get_by_role("button", name="Trust author")).to_have_count(1)
            page.keyboard.press("r")
            menu, text = cards.nth(at).locator(".pop"), cards.nth(at).locator(".body")
            expect(menu).to_be_visible()
            expect(menu.get_by_role("button").last).to_be_in_viewport(ratio=1)
            over, under = menu.bounding_box(), text.bounding_box()
            assert over and under
            apart = over["x"] >= under["x"] + under["width"] or over["y"] >= under["y"] + under["height"]
            assert apart, (width, at, over, under)
            assert_accessible(page, "[data-queue]")
            page.keyboard.press("Escape")
    # A click on a card that is not the current one reaches its button.
    page.set_viewport_size({"width": 1280, "height": 812})
    cards.nth(0).focus()
    cards.nth(2).get_by_role("button", name="Spam", exact=True).click()
    sent(page)
    assert [(str(id), status) for id, status, _reason in made_by(live, paper)] == [(ids[2], "spam")]


def test_without_a_script_every_card_shows_everything(live: Live, new_page: NewPage, paper: str) -> None:
    fill(live, paper, "en", 3)
    page = new_page(locale="en", java_script_enabled=False, viewport={"width": 320, "height": 640})
    page.goto(f"{live.url}/login")
    page.fill("[name=email]", f"alice@{paper}.example")
    page.fill("[name=password]", PASSWORD)
    page.click("main form button")
    for name in ("Approve", "Reject", "Spam", "Snooze (1 h)", "Thread", "Block…", "Trust author"):
        expect(page.locator("article").get_by_role("button", name=name, exact=True)).to_have_count(3)
    page.locator("article").last.get_by_role("button", name="Approve").click()
    expect(page.locator("article")).to_have_count(2)


@pytest.mark.parametrize("script", [True, False])
def test_a_list_has_one_line_a_comment_to_select_and_decide(
    live: Live, new_page: NewPage, paper: str, script: bool
) -> None:
    fill(live, paper, "en", 40)
    page = new_page(locale="en", java_script_enabled=script, viewport={"width": 1280, "height": 900})
    page.goto(f"{live.url}/login?next=/moderate/")
    page.fill("[name=email]", f"alice@{paper}.example")
    page.fill("[name=password]", PASSWORD)
    page.click("main form button")
    page.get_by_role("link", name="List view").click()
    rows, bar = page.locator("article.row"), page.get_by_role("form", name="Selected comments")
    expect(rows).to_have_count(40)
    ids = [rows.nth(at).get_attribute("data-comment-id") for at in range(6)]
    for width in (1280, 320):
        page.set_viewport_size({"width": width, "height": 900})
        boxes = [rows.nth(at).bounding_box() for at in range(1, 12)]
        assert all(box and box["height"] <= 40 for box in boxes), (width, boxes)
    for at in (2, 4):
        rows.nth(at).get_by_role("checkbox").check()
    bar.get_by_role("button", name="Spam").click()
    expect(rows).to_have_count(38)
    if script:
        assert_accessible(page)
        rows.first.focus()
        for key in ("x", "j", "Shift+X", "Shift+A"):
            page.keyboard.press(key)
        sent(page)
        expect(rows).to_have_count(36)
        page.get_by_label("Select all").check()
        expect(page.locator("[data-marked-count]")).to_have_text("36")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    spam = [str(id) for id, status, _reason in made_by(live, paper) if status == "spam"]
    assert sorted(spam) == sorted([ids[2], ids[4]])
    assert page.url.endswith("view=list")
