"""The decision log for programs, in pages and as a stream, and search."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, stream_with_context

from app.api import desk_shapes
from app.api.access import current_program, current_site
from app.api.declared import Doc
from app.api.desk_shapes import CommentPage, DecisionMade
from app.api.operation import operation
from app.desk import search
from app.forms.day import FIRST, LAST
from app.forms.search import LONGEST
from app.models import Reason, Scope, Status
from app.moderation import history
from app.moderation.history import LogFilter
from app.search.query import SearchQuery

bp = Blueprint("log", __name__)

JSON_LINES = "application/jsonl"
BROKEN_OFF = json.dumps({"error": "broken off"}) + "\n"


@dataclass(frozen=True)
class LogQuery:
    """Days are those of the site's time zone."""

    status: Status | None = None
    reason: Annotated[str, Doc("Such as hate, or undo", longest=64)] = ""
    people: Annotated[bool, Doc("Without automatic checks and imports")] = False
    since: Annotated[date | None, Doc("From this day on", example="2026-11-01")] = None
    until: Annotated[date | None, Doc("This day is the last one")] = None
    after: Annotated[int | None, Doc("The `next` of the page before", least=1)] = None


@dataclass(frozen=True)
class LogPage:
    """With filters, a page may be empty although there are more."""

    decisions: list[DecisionMade]
    next: str | None


@dataclass(frozen=True)
class SearchRequest:
    q: Annotated[str, Doc("Words of the text", longest=LONGEST, example="ferry")] = ""
    name: Annotated[str, Doc("Words of the author's name", longest=LONGEST)] = ""
    article: Annotated[str, Doc("Part of a page's address or title", longest=2_000)] = ""
    status: Status | None = None
    reason: Annotated[Reason | None, Doc("Of a decision")] = None
    since: Annotated[date | None, Doc("Written from this day on")] = None
    until: Annotated[date | None, Doc("This day is the last one")] = None
    after: Annotated[int | None, Doc("The `next` of the page before", least=1)] = None


@bp.get("/log")
@operation("Decisions, newest first", scope=Scope.READ, query=LogQuery, answers={200: LogPage})
def show(query: LogQuery) -> LogPage:
    page = history.decisions_for(current_program(), _filter(query), before=query.after)
    following = page.before or page.further
    return LogPage(desk_shapes.decisions(page.decisions), str(following) if following else None)


@bp.get("/log.jsonl")
@operation("All decisions, newest first, one JSON object a line", scope=Scope.READ, query=LogQuery,
           answers={200: JSON_LINES},
           description="A last line with `error` means that it was broken off.")  # fmt: skip
def export(query: LogQuery) -> Response:
    rows = history.all_for(current_program(), _filter(query))
    return Response(stream_with_context(_lines(rows)), content_type=JSON_LINES)


@bp.get("/search")
@operation("Search comments", scope=Scope.READ, query=SearchRequest, answers={200: CommentPage})
def find(query: SearchRequest) -> CommentPage:
    wanted = SearchQuery(
        text=query.q.strip(), name=query.name.strip(), article=query.article.strip(), status=query.status or "",
        since=_day(query.since), until=_day(query.until), reason=query.reason or "",
    )  # fmt: skip
    if wanted.is_empty():
        return CommentPage([], None)
    page = search.find(current_program(), wanted, query.after)
    return desk_shapes.comments(page.cards, page.after or page.further)


def _filter(query: LogQuery) -> LogFilter:
    return LogFilter(
        site_id=current_site().id,
        status=query.status,
        reason=query.reason or None,
        since=_midnight(query.since) if query.since else None,
        until=_midnight(query.until) + timedelta(days=1) if query.until else None,
        people=query.people,
    )


def _midnight(day: date) -> datetime:
    return datetime.combine(_day(day) or FIRST, time(), ZoneInfo(current_site().timezone))


def _day(day: date | None) -> date | None:
    """As in the forms (forms/day.py)."""
    return min(max(day, FIRST), LAST) if day else None


def _lines(rows: Iterator[dict[str, object] | None]) -> Iterator[str]:
    try:
        for row in rows:
            yield json.dumps(row, ensure_ascii=False) + "\n" if row else ""
    except Exception:
        yield BROKEN_OFF
        raise
