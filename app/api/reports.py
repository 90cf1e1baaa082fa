"""Readers' reports for programs."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from flask import Blueprint

from app.api.access import current_site
from app.api.declared import Doc
from app.api.operation import operation
from app.models import Report, Scope

bp = Blueprint("reports", __name__)

MOST = 100


@dataclass(frozen=True)
class ReportsQuery:
    open: Annotated[bool, Doc("Only those that no decision has answered")] = False
    after: Annotated[int | None, Doc("The `next` of the page before", least=1)] = None
    limit: Annotated[int, Doc("Reports of a page", least=1, most=MOST)] = 25


@dataclass(frozen=True)
class ReportShown:
    """A reader's report. Nothing is known of the reader."""

    id: int
    comment: int
    reason: Annotated[str, Doc(example="hate")]
    note: Annotated[str, Doc("As the reader typed it")]
    made_at: datetime
    decision: Annotated[int | None, Doc("The decision that answered it")]


@dataclass(frozen=True)
class ReportPage:
    reports: list[ReportShown]
    next: str | None


@bp.get("/reports")
@operation("Reports, newest first", scope=Scope.READ, query=ReportsQuery, answers={200: ReportPage})
def show(query: ReportsQuery) -> ReportPage:
    found = Report.of_site(current_site(), open_only=query.open, before=query.after, limit=query.limit + 1)
    listed = found[: query.limit]
    return ReportPage([_shown(each) for each in listed], str(listed[-1].id) if len(found) > len(listed) else None)


def _shown(of: Report) -> ReportShown:
    return ReportShown(of.id, of.comment_id, of.reason, str(of.note), of.made_at, of.decision_id)
