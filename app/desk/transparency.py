"""The transparency report of a site: how much was decided in a period, why, what led to it, and how fast."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Row, func, select

from app.desk import statistics
from app.desk.statistics import Statistics, percentile, within
from app.extensions import db
from app.models import Actor, Comment, Decision, Notice, Report, Site, Status
from app.models.decision import COVERS

MOST_DAYS = 366
APPEAL, UNDO = "appeal", "undo"


class Source(StrEnum):
    """What led to a moderator's decision."""

    NOTICE = "notice"
    REPORT = "report"
    APPEAL = "appeal"
    SCREENING = "screening"
    OWN = "own"  # the moderator's initiative


@dataclass
class Notices:
    """Legal notices that came in, by claim; those that were closed, by outcome, with the seconds until then."""

    received: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    waits: list[float] = field(default_factory=list)

    @property
    def median(self) -> float | None:
        return percentile(self.waits, 50)


@dataclass
class TransparencyReport:
    """`figures` are those of the statistics page, for the same days."""

    first: date
    last: date
    figures: Statistics
    received: int
    # Statuses that screening gave without a person: approved, spam, rejected.
    automatic: Counter[str]
    # Readers' reports by reason.
    reports: Counter[str]
    # Appeals that came in, and decisions after one that published the comment.
    appeals: int
    granted: int
    notices: Notices

    @property
    def share_automatic(self) -> float | None:
        """Of all decisions that published or removed a comment, those without a person."""
        automatic = self.automatic.total()
        decided = automatic + self.figures.all.decided
        return automatic / decided if decided else None


def report_of(site: Site, first: date, last: date) -> TransparencyReport:
    """The report of these days in the site's time zone."""
    zone = ZoneInfo(site.timezone)
    days = [first + timedelta(days=at) for at in range((last - first).days + 1)]
    since, until = statistics.bounds(first, last, zone)
    rows, complete = statistics.decisions(site, days, statistics.MOST)
    sources = _sources(site, rows)
    figures = statistics.count(rows, zone, days, sources)
    figures.complete = complete
    return TransparencyReport(
        first=first,
        last=last,
        figures=figures,
        received=_received(site, since, until),
        automatic=_automatic(site, since, until),
        reports=_by(Report, Report.reason, site, Report.made_at, since, until),
        appeals=sum(row.reason == APPEAL and row.moderator_id is None and row.made_at >= since for row in rows),
        granted=_granted(rows, sources),
        notices=_notices(site, since, until),
    )


def _sources(site: Site, rows: list[Row[Any]]) -> dict[int, str]:
    """What led to each decision of a moderator, by its id."""
    if not rows:
        return {}
    ids = rows[0].id, rows[-1].id
    noticed, reported = (_answered(record, site, ids) for record in (Notice, Report))
    asked: dict[int, str] = {}
    sources: dict[int, str] = {}
    # The newest source of each comment, which an undo shares.
    newest: dict[int, str] = {}
    for row in rows:
        if row.actor != Actor.MODERATOR:
            asked[row.comment_id] = row.reason
            continue
        if row.reason in COVERS:
            continue
        if row.reason == UNDO:
            source = newest.get(row.comment_id, Source.OWN)
        elif row.id in noticed:
            source = Source.NOTICE
        elif row.id in reported:
            source = Source.REPORT
        elif row.from_status != Status.PENDING:
            source = Source.OWN
        else:
            source = Source.APPEAL if asked.get(row.comment_id) == APPEAL else Source.SCREENING
        sources[row.id] = newest[row.comment_id] = source
    return sources


def _granted(rows: list[Row[Any]], sources: dict[int, str]) -> int:
    """Appeals whose newest decision published the comment."""
    last = {row.comment_id: row.to_status for row in rows if sources.get(row.id) == Source.APPEAL}
    return sum(status == Status.APPROVED for status in last.values())


def _answered(record: Any, site: Site, ids: tuple[int, int]) -> set[int]:
    """Ids of the decisions that answered a notice or report."""
    answered = record.site_id == site.id, record.decision_id.between(*ids)
    return set(db.session.scalars(select(record.decision_id).where(*answered)))


def _received(site: Site, since: datetime, until: datetime) -> int:
    """Comments that readers wrote here; imported ones are the past of another system."""
    by_readers = Comment.site_id == site.id, Comment.source.is_(None), Comment.badge.is_(None)
    written = *by_readers, *within(Comment.created_at, since, until)
    return db.session.scalar(select(func.count()).select_from(Comment).where(*written)) or 0


def _automatic(site: Site, since: datetime, until: datetime) -> Counter[str]:
    among = Decision.site_id == site.id, Decision.id >= Decision.id_back(site.id, statistics.MOST)
    alone = Decision.actor == Actor.SCREENING, Decision.to_status != Status.PENDING
    made = within(Decision.made_at, since, until)
    query = select(Decision.to_status, func.count()).where(*among, *alone, *made).group_by(Decision.to_status)
    return Counter({row[0]: row[1] for row in db.session.execute(query)})


def _by(record: Any, column: Any, site: Site, moment: Any, since: datetime, until: datetime) -> Counter[str]:
    query = select(column, func.count()).where(record.site_id == site.id, *within(moment, since, until))
    return Counter({row[0]: row[1] for row in db.session.execute(query.group_by(column))})


def _notices(site: Site, since: datetime, until: datetime) -> Notices:
    received = _by(Notice, Notice.claim, site, Notice.made_at, since, until)
    query = select(Notice.outcome, Notice.made_at, Notice.closed_at)
    closed = list(db.session.execute(query.where(Notice.site_id == site.id, *within(Notice.closed_at, since, until))))
    waits = [(row.closed_at - row.made_at).total_seconds() for row in closed]
    return Notices(received, Counter(row.outcome for row in closed), waits)
