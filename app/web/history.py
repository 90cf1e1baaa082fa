"""The log: decisions, undo, and export."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from flask import Blueprint, Response, abort, render_template, request, stream_with_context

from app.forms.log import EVERYONE, PEOPLE, LogForm
from app.lib import ids, language, spreadsheet
from app.models import ThreadChange, section_scope
from app.moderation import articles, history
from app.web.access import current_moderator, moderator_required

BROKEN_OFF = "This export is not complete: an error interrupted it. Please download it again."

bp = Blueprint("history", __name__, url_prefix="/moderate")


@bp.get("/log")
@moderator_required
def show() -> str:
    form = _form(PEOPLE)
    language.use_clock(form.zone.key)
    page = history.decisions_for(current_moderator(), form.wanted, before=request.args.get("before", type=ids.read))
    return render_template("history/page.html", page=page, form=form, can_be_undone=history.can_be_undone)


@bp.get("/log/articles")
@moderator_required
def show_articles() -> str:
    """Changes of the state of articles."""
    me, before = current_moderator(), request.args.get("before", 0, type=ids.read) or 0
    mine = section_scope.about_threads(me, ThreadChange.site_id, ThreadChange.thread_id)
    found = ThreadChange.on_sites(me.site_ids, *mine, before=before, limit=history.PAGE + 1)
    more = found[history.PAGE - 1].id if len(found) > history.PAGE else None
    newest = ThreadChange.newest_ids({each.thread_id for each in found})
    return render_template(
        "history/articles.html", changes=found[: history.PAGE], before=more, states=articles.STATES,
        cause_of=articles.cause_of, can_be_undone=lambda change: change.id in newest,
    )  # fmt: skip


@bp.get("/log/articles.csv")
@moderator_required
def articles_as_csv() -> Response:
    rows = articles.all_for(current_moderator())
    return file_response("articles.csv", "text/csv; charset=utf-8", _csv(articles.COLUMNS, rows), BROKEN_OFF)


@bp.get("/log/articles.jsonl")
@moderator_required
def articles_as_jsonl() -> Response:
    rows = articles.all_for(current_moderator())
    return file_response("articles.jsonl", "application/jsonl; charset=utf-8", _jsonl(rows), _jsonl_broken_off())


@bp.get("/log.csv")
@moderator_required
def as_csv() -> Response:
    return file_response("log.csv", "text/csv; charset=utf-8", _csv(history.COLUMNS, _rows()), BROKEN_OFF)


@bp.get("/log.jsonl")
@moderator_required
def as_jsonl() -> Response:
    return file_response("log.jsonl", "application/jsonl; charset=utf-8", _jsonl(_rows()), _jsonl_broken_off())


def _form(usual: str) -> LogForm:
    me = current_moderator()
    form = LogForm.of(me, history.colleagues(me), request.args, usual=usual)
    return form if form.validate() else abort(404)


def _rows() -> Iterator[dict[str, Any] | None]:
    return history.all_for(current_moderator(), _form(EVERYONE).wanted)


def _csv(columns: Sequence[str], rows: Iterable[dict[str, Any] | None]) -> Iterator[str]:
    yield spreadsheet.header(columns)
    for row in rows:
        yield spreadsheet.line(row.values()) if row else ""


def _jsonl(rows: Iterable[dict[str, Any] | None]) -> Iterator[str]:
    for row in rows:
        yield json.dumps(row, ensure_ascii=False) + "\n" if row else ""


def _jsonl_broken_off() -> str:
    return json.dumps({"error": BROKEN_OFF})


def file_response(name: str, kind: str, lines: Iterator[str], broken_off: str) -> Response:
    answer = Response(stream_with_context(to_the_end(lines, broken_off)), content_type=kind)
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def to_the_end(lines: Iterator[str], broken_off: str) -> Iterator[str]:
    """A broken download looks complete to browsers, so the last line tells."""
    try:
        yield from lines
    except Exception:
        yield broken_off + "\n"
        raise
