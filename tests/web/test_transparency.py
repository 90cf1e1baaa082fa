"""The transparency report: the figures of the statistics page for any days, by source, as page, CSV and JSON."""

import csv
import io
from datetime import timedelta

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.desk import staff, statistics, transparency
from app.desk.statistics import statistics_of
from app.lib.clock import now
from app.models import Decision, Moderator, Notice, Reason, Report, Role, Site, Status
from app.models.notice import Claim, NoticeState, Outcome
from app.moderation import appeals, covers
from app.moderation.decide import decide
from app.moderation.decide import undo as undo_decision
from tests.cast import Reader, a_moderator, a_site, the_comment
from tests.web.test_queue import ENGLISH, at_the_desk

TODAY = now().date()
PAGE = f"/sites/paper/transparency?since={TODAY}&until={TODAY}"
FILE = f"/sites/paper/transparency/report.%s?since={TODAY}&until={TODAY}&lang=%s"


@pytest.fixture
def paper(db_session: Session) -> Site:
    return a_site(db_session, hold_all=True, timezone="UTC", own_reasons=[])


@pytest.fixture
def olga(db_session: Session, paper: Site) -> Moderator:
    return a_moderator(db_session, paper, "olga", Role.ADMIN)


@pytest.fixture
def desk(app: Flask, olga: Moderator) -> FlaskClient:
    return at_the_desk(app, "olga")


def decided(db_session: Session, body: str, status: Status, by: Moderator, reason: str = "") -> Decision:
    comment = the_comment(db_session, body)
    decision = decide(comment, status, seen=comment.version, by=by, reason=reason)
    db_session.flush()
    return decision


@pytest.fixture
def day(client: FlaskClient, db_session: Session, paper: Site, olga: Moderator) -> None:
    """Six comments: held, reported, noticed, appealed, spam by a check, and one that is still pending."""
    rita = a_moderator(db_session, paper, "rita")
    for body in ("held", "reported", "noticed", "appealed", "pending"):
        assert Reader(client).post(body).status_code == 202
    assert Reader(client).post("trapped", subject="filled in").status_code in (201, 202)
    decided(db_session, "held", Status.APPROVED, olga)
    decided(db_session, "reported", Status.APPROVED, olga)
    report = Report(site_id=paper.id, comment_id=the_comment(db_session, "reported").id, reporter_index="r",
                    reason=Reason.HATE, comment_version=1)  # fmt: skip
    db_session.add(report)
    report.decision_id = decided(db_session, "reported", Status.REJECTED, rita, Reason.HATE).id
    decided(db_session, "noticed", Status.APPROVED, olga)
    removal = decided(db_session, "noticed", Status.REJECTED, rita, Reason.ILLEGAL)
    db_session.add(
        Notice(site_id=paper.id, comment_id=removal.comment_id, claim=Claim.DEFAMATION, state=NoticeState.CLOSED,
               outcome=Outcome.REMOVED, made_at=now() - timedelta(hours=1), due_at=now(), closed_at=now(),
               decision_id=removal.id)
    )  # fmt: skip
    appeals.appeal(decided(db_session, "appealed", Status.REJECTED, olga, Reason.ATTACK), "please look again")
    decided(db_session, "appealed", Status.APPROVED, rita)
    db_session.commit()


@pytest.mark.usefixtures("day")
def test_the_report_counts_by_reason_and_source(db_session: Session, paper: Site) -> None:
    report, figures = transparency.report_of(paper, TODAY, TODAY), statistics_of(paper, 7)
    assert report.figures.outcomes == figures.outcomes
    assert (report.figures.all.decided, report.figures.all.median) == (figures.all.decided, figures.all.median)
    assert {reason: share.decided for reason, share in report.figures.by_reason.items()} == {
        "hate": 1, "illegal": 1, "attack": 1,
    }  # fmt: skip
    sources = {source: share.decided for source, share in report.figures.by_source.items()}
    assert sources == {"screening": 4, "report": 1, "notice": 1, "appeal": 1}
    assert sum(sources.values()) == report.figures.all.decided
    assert report.figures.by_source["screening"].reversed == 3
    assert (report.received, report.appeals, report.granted) == (6, 1, 1)
    assert report.reports == {"hate": 1}
    assert (report.notices.received, report.notices.outcomes) == ({"defamation": 1}, {"removed": 1})
    assert round(report.notices.median or 0) in range(3600, 3700)
    assert report.automatic == {"spam": 1} and report.share_automatic == 1 / 8


@pytest.mark.usefixtures("day")
@pytest.mark.parametrize("most", [100_000, 5])
def test_the_statistics_page_has_the_same_figures(paper: Site, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """Also where the newest decisions are not all."""
    monkeypatch.setattr(statistics, "MOST", most)
    report, figures = transparency.report_of(paper, TODAY - timedelta(days=6), TODAY).figures, statistics_of(paper, 7)
    assert figures.complete == report.complete == (most > 5) and figures.all.decided
    for name in ("all", "outcomes", "by_day", "by_moderator", "by_reason", "moderator_ids"):
        assert getattr(report, name) == getattr(figures, name), name


@pytest.mark.usefixtures("day")
def test_other_days_and_sites_are_not_counted(db_session: Session, paper: Site) -> None:
    earlier = transparency.report_of(paper, TODAY - timedelta(days=3), TODAY - timedelta(days=1))
    other = transparency.report_of(a_site(db_session, "other"), TODAY, TODAY)
    for report in (earlier, other):
        assert (report.received, report.figures.all.decided, report.appeals) == (0, 0, 0)
        assert not report.automatic and not report.notices.received and report.share_automatic is None


def test_an_undo_belongs_to_the_source_of_its_decision(
    client: FlaskClient, db_session: Session, paper: Site, olga: Moderator
) -> None:
    Reader(client).post("held")
    decided(db_session, "held", Status.APPROVED, olga)
    undo_decision(decided(db_session, "held", Status.SPAM, olga), by=olga)
    db_session.commit()
    report = transparency.report_of(paper, TODAY, TODAY)
    assert {source: share.decided for source, share in report.figures.by_source.items()} == {"screening": 1, "own": 2}


def test_an_appeal_of_an_earlier_day_led_to_the_decision(
    client: FlaskClient, db_session: Session, paper: Site, olga: Moderator
) -> None:
    """Also after a cover and an undo; the time to review begins with the appeal, and one appeal is granted once."""
    Reader(client).post("appealed")
    asked = appeals.appeal(decided(db_session, "appealed", Status.REJECTED, olga), "please look again")
    for each in Decision.all_of(asked.comment):
        each.made_at = now() - timedelta(days=9 if each.id < asked.id else 2)
    asked.comment.created_at = now() - timedelta(days=9)
    db_session.commit()
    covers.cover(asked.comment, ["peal"], seen=asked.comment.version, by=olga)
    undo_decision(decided(db_session, covers.label_of(paper).join(["ap", "ed"]), Status.APPROVED, olga), by=olga)
    decided(db_session, asked.comment.body, Status.APPROVED, olga)
    db_session.commit()
    report = transparency.report_of(paper, TODAY, TODAY)
    assert {source: share.decided for source, share in report.figures.by_source.items()} == {"appeal": 2}
    assert (report.appeals, report.granted) == (0, 1)
    assert round((report.figures.all.median or 0) / 3600) == 48


def test_replies_by_staff_are_no_decisions(
    client: FlaskClient, db_session: Session, paper: Site, olga: Moderator
) -> None:
    Reader(client).post("asked")
    comment = the_comment(db_session, "asked")
    staff.reply(comment, "answered", name="Olga", seen=comment.version, by=olga)
    db_session.commit()
    report = transparency.report_of(paper, TODAY, TODAY)
    assert (report.received, report.figures.all.decided, report.figures.outcomes) == (1, 1, {"approved": 1})
    assert statistics_of(paper, 7).all.decided == 1


@pytest.mark.usefixtures("day")
def test_the_page_and_both_files_have_the_same_figures(desk: FlaskClient) -> None:
    page = BeautifulSoup(desk.get(PAGE, headers=ENGLISH).text, "html.parser")
    told = desk.get(FILE % ("json", "en")).json
    assert told["summary"]["comments"] == 6 and told["from"] == TODAY.isoformat() and told["complete"]
    for part, rows in told["parts"].items():
        shown = page.select(f"section[aria-labelledby=part-{part}] tbody tr")
        assert [(each.th.text, each.td.text) for each in shown] == [(row["name"], str(row["number"])) for row in rows]
    answer = desk.get(FILE % ("csv", "en"))
    assert answer.headers["Content-Disposition"].endswith(f'transparency-{TODAY}-{TODAY}.csv"')
    lines = list(csv.reader(io.StringIO(answer.get_data(as_text=True).removeprefix("\ufeff"))))
    assert {len(line) for line in lines} == {8}
    named = {(line[0], line[2]): line[3] for line in lines}
    assert named["What led to the decisions", "Legal notice"] == "1"
    assert named["Legal notices decided", "Comment removed"] == "1"
    assert lines[0][6:] == ["Overturned (count)", "Overturned (share)"]
    shares = {line[1]: line[6:] for line in lines if line[0] == "What led to the decisions"}
    assert shares["screening"] == ["3", "0.75"] and told["parts"]["sources"][0]["share_overturned"] == 0.75
    japanese = desk.get(FILE % ("csv", "ja")).get_data(as_text=True)
    assert "透明性" not in japanese and "判断のきっかけ" in japanese and "notice" in japanese


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_without_days_it_is_the_month_before(desk: FlaskClient) -> None:
    answer = desk.get("/sites/paper/transparency", headers=ENGLISH)
    assert answer.status_code == 200
    page = BeautifulSoup(answer.text, "html.parser")
    last = TODAY.replace(day=1) - timedelta(days=1)
    days = [page.select_one(f"#period-{name}")["value"] for name in ("since", "until")]
    assert days == [last.replace(day=1).isoformat(), last.isoformat()]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("since", "until", "said"),
    [
        ("2026-02-02", "2026-02-01", "The end is before the beginning."),
        ("2025-01-01", "2026-01-02", "Choose at most 366 days."),
        ("", "2026-02-01", "Enter a day."),
        ("x", "2026-02-01", ""),
    ],
)
def test_wrong_days_are_told_beside_their_field(desk: FlaskClient, since: str, until: str, said: str) -> None:
    query = f"since={since}&until={until}"
    answer = desk.get(f"/sites/paper/transparency?{query}", headers=ENGLISH)
    assert answer.status_code == 422 and said in answer.text and 'aria-invalid="true"' in answer.text
    assert desk.get(f"/sites/paper/transparency/report.csv?{query}").status_code == 404


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_moderators_without_further_rights_do_not_see_it(app: Flask, db_session: Session, paper: Site) -> None:
    a_moderator(db_session, paper, "bob")
    assert at_the_desk(app, "bob").get(PAGE).status_code == 403
