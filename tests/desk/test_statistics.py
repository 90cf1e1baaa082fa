"""Statistics of a site: waiting times, decisions by moderator, reversals; and their two pages."""

from datetime import UTC, datetime, timedelta

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from sqlalchemy.orm import Session

from app.desk import statistics
from app.desk.statistics import percentile, statistics_of
from app.lib.clock import now
from app.models import Comment, Decision, Moderator, Reason, Role, Site, Status
from app.moderation.decide import decide, undo
from tests.cast import Reader, a_moderator, a_site, the_comment
from tests.web.test_queue import ENGLISH, at_the_desk


@pytest.fixture
def paper(db_session: Session) -> Site:
    return a_site(db_session, hold_all=True, timezone="UTC")


@pytest.fixture
def alice(db_session: Session, paper: Site) -> Moderator:
    return a_moderator(db_session, paper, "alice", Role.OWNER)


def waits(app: Flask, db_session: Session, body: str, minutes: int) -> Comment:
    """A comment that has waited this long."""
    Reader(app.test_client()).post(body)
    comment = the_comment(db_session, body)
    held = Decision.newest_of(comment)
    assert held
    comment.created_at = held.made_at = now() - timedelta(minutes=minutes)
    db_session.commit()
    return comment


def decides(db_session: Session, comment: Comment, status: Status, by: Moderator, reason: str = "") -> Decision:
    decision = decide(comment, status, seen=comment.version, by=by, reason=reason)
    db_session.commit()
    return decision


def test_the_nearest_rank_is_a_value_that_occurs() -> None:
    assert percentile([], 50) is None
    assert [percentile([3.0, 1.0, 2.0, 4.0], percent) for percent in (1, 50, 90, 100)] == [1.0, 2.0, 4.0, 4.0]


def test_the_figures_tell_how_long_who_why_and_what_did_not_stand(
    app: Flask, db_session: Session, paper: Site, alice: Moderator
) -> None:
    bob = a_moderator(db_session, paper, "bob")
    first, second, third, _fourth = (waits(app, db_session, f"number {at}", minutes=10 * at) for at in range(1, 5))
    decides(db_session, first, Status.APPROVED, alice)
    decides(db_session, second, Status.REJECTED, bob, Reason.ATTACK)
    decides(db_session, third, Status.REJECTED, bob, Reason.ATTACK)
    decides(db_session, third, Status.APPROVED, alice)
    slip = decides(db_session, first, Status.SPAM, alice)
    undo(slip, by=alice)
    db_session.commit()
    figures = statistics_of(paper, 7)
    assert (figures.waiting, figures.complete) == (1, True)
    assert figures.oldest and now() - figures.oldest > timedelta(minutes=39)
    assert round((figures.all.median or 0) / 60) == 20
    assert round((figures.all.p90 or 0) / 60) == 30
    assert {name: (share.decided, share.reversed) for name, share in figures.by_moderator.items()} == {
        "Alice": (4, 0), "Bob": (2, 1),
    }  # fmt: skip
    assert figures.by_reason["attack"].share_reversed == 0.5
    # Approvals need no reason.
    assert {reason: share.decided for reason, share in figures.by_reason.items()} == {"attack": 2, "": 1}
    assert [(thread.url, count) for thread, count in figures.hot] == [("https://paper.example/story", 4)]
    assert list(figures.by_day)[-1] == now().date() and figures.by_day[now().date()].decided == 6


def test_days_are_whole_days_of_the_sites_time_zone(
    app: Flask, db_session: Session, paper: Site, alice: Moderator, monkeypatch: pytest.MonkeyPatch
) -> None:
    paper.timezone = "Asia/Tokyo"
    db_session.commit()
    comment = waits(app, db_session, "number 1", 5)
    # 08:00 on 8 March in Tokyo; the first of seven days begins at 15:00 UTC.
    monkeypatch.setattr(statistics, "now", lambda: datetime(2026, 3, 7, 23, tzinfo=UTC))
    for made_at, days in (
        (datetime(2026, 3, 1, 14, 59, tzinfo=UTC), []),
        (datetime(2026, 3, 1, 15, 1, tzinfo=UTC), [2]),
    ):
        decides(db_session, comment, Status.REJECTED, alice).made_at = made_at
        db_session.commit()
        figures = statistics_of(paper, 7)
        assert [day.day for day in figures.by_day] == [2, 3, 4, 5, 6, 7, 8]
        assert [day.day for day, share in figures.by_day.items() if share.decided] == days
    db_session.commit()
    page = at_the_desk(app).get("/sites/paper/figures?days=7", headers=ENGLISH).text
    assert "Time zone: Asia/Tokyo" in page


def test_another_sites_figures_do_not_mix_in(app: Flask, db_session: Session, paper: Site, alice: Moderator) -> None:
    decides(db_session, waits(app, db_session, "number 1", 5), Status.APPROVED, alice)
    other = a_site(db_session, "other")
    assert statistics_of(paper, 7).all.decided == 1
    assert (statistics_of(other, 7).all.decided, statistics_of(other, 7).hot) == (0, [])


def test_each_plot_stands_beside_a_table(app: Flask, db_session: Session, paper: Site, alice: Moderator) -> None:
    decides(db_session, waits(app, db_session, "number 1", 5), Status.REJECTED, alice, Reason.OFF_TOPIC)
    page = BeautifulSoup(at_the_desk(app).get("/sites/paper/figures?days=7", headers=ENGLISH).text, "html.parser")
    for section in page.select("section"):
        chart = section.select_one("svg")
        assert page.find(id=chart["aria-labelledby"]).text
        # Keyboard and screen reader use the links of the table.
        assert all(each["tabindex"] == "-1" and each["aria-hidden"] == "true" for each in chart.select("a"))
        assert section.select_one("table tbody tr")
    assert [each.text for each in page.select_one(".heights").select("span")] == ["1", "0.5", "0"]
    assert "Off topic" in page.text and "5 min" in page.text
    assert not page.select("[style]")
    assert at_the_desk(app).get("/sites/paper/figures?days=8").status_code == 404


def test_a_bar_leads_to_its_decisions(app: Flask, db_session: Session, paper: Site, alice: Moderator) -> None:
    bob = a_moderator(db_session, paper, "bob")
    decides(db_session, waits(app, db_session, "number 1", 5), Status.REJECTED, alice, Reason.OFF_TOPIC)
    decides(db_session, waits(app, db_session, "number 2", 5), Status.REJECTED, bob, Reason.ATTACK)
    desk = at_the_desk(app)
    page = BeautifulSoup(desk.get("/sites/paper/figures?days=7", headers=ENGLISH).text, "html.parser")
    behind = {
        heading.text: desk.get(heading.a["href"], headers=ENGLISH).text
        for heading in page.select("section tbody th:has(a[href*='/moderate/log'])")
    }
    assert [
        ("number 1" in log, "number 2" in log) for name, log in behind.items() if name in ("Alice", "Off topic")
    ] == [
        (True, False),
        (True, False),
    ]
    assert [("number 1" in log, "number 2" in log) for name, log in behind.items() if name == "Bob"] == [(False, True)]
    for section in page.select("section"):
        bars = {each["href"] for each in section.select("svg a") if "log" in each["href"]}
        assert {each["href"] for each in section.select("tbody th a") if "log" in each["href"]} <= bars


def test_the_summary_is_public_only_if_enabled_and_has_no_names(
    app: Flask, db_session: Session, paper: Site, alice: Moderator
) -> None:
    decides(db_session, waits(app, db_session, "number 1", 5), Status.REJECTED, alice, Reason.HATE)
    assert app.test_client().get("/summary/paper").status_code == 404
    paper.public_summary = True
    db_session.commit()
    answer = app.test_client().get("/summary/paper?lang=en")
    assert answer.status_code == 200 and "public" in answer.headers["Cache-Control"]
    assert "Hate" in answer.text and "5 min" in answer.text
    assert not any(word in answer.text for word in ("Alice", "alice", "Hanako", "number 1"))
    assert app.test_client().get("/summary/other").status_code == 404
