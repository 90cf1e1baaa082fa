"""Reasons on the cards in a real browser: the score with "Why?", and the texts that authors read."""

import re

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from app.models import Comment, Site
from tests.flows.people import assert_accessible
from tests.flows.test_desk import NewPage, at_the_desk, paper, wait_there
from tests.inside import database_of
from tests.services import Live

__all__ = ["paper"]

pytestmark = pytest.mark.flow
SCORE = {
    "check": "score", "verdict": "pass", "score": 0.36, "band": "fine", "examples": 40,
    "signals": [["word", "朝食", -1.2, 12, 0], ["length", "3", -0.4, 9, 2], ["links", "3", 0.6, 1, 8]],
}  # fmt: skip


@pytest.mark.parametrize(
    ("width", "locale", "scheme"), [pytest.param(1280, "en", "dark", marks=pytest.mark.torture), (375, "ja", "light")]
)
def test_reasons_fit_the_screen_and_are_accessible(
    new_page: NewPage, live: Live, paper: str, width: int, locale: str, scheme: str
) -> None:
    wait_there(live, paper, 2)
    with database_of(live) as session:
        site = session.scalars(select(Site).where(Site.key == paper)).one()
        site.reason_texts = {"off_topic": {"en": "Please write about the ferry, and see our rules at paper.example."}}
        for comment in session.scalars(select(Comment).where(Comment.site_id == site.id)):
            comment.reasons, comment.score = [*comment.reasons, SCORE], 0.36
        session.commit()
    screen = {"viewport": {"width": width, "height": 800}, "color_scheme": scheme}
    page = at_the_desk(new_page, live, paper, locale=locale, **screen)
    card = page.locator("article").first
    expect(card.locator(".score")).to_contain_text("36 %")
    expect(card.locator(".score")).to_contain_text("朝食")
    expect(page.locator(".held")).to_have_count(1)
    card.locator(".because summary").click()
    expect(card.locator(".because")).to_contain_text("8")
    assert_accessible(page)
    card.locator(".why summary").click()
    menu = card.locator(".why .pop")
    expect(menu).to_contain_text("Please write about the ferry")
    box = menu.bounding_box()
    assert box and box["x"] >= 0 and box["x"] + box["width"] <= width
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert_accessible(page)
    page.goto(f"{live.url}/sites/{paper}/reasons")
    expect(page.locator("textarea[name='off_topic.en']")).to_have_value(re.compile("Please write about the ferry"))
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert_accessible(page)
