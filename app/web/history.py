"""The log page: who decided what, when and why; a way back; and all of it as a file."""

import json
from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Response, abort, render_template, request, stream_with_context

from app.forms.log import LogForm
from app.lib import ids, spreadsheet
from app.moderation import history
from app.web.access import current_moderator, moderator_required

bp = Blueprint("history", __name__, url_prefix="/moderate")


@bp.get("/log")
@moderator_required
def show() -> str:
    form = _form()
    page = history.decisions_for(current_moderator(), form.wanted, before=request.args.get("before", type=ids.read))
    return render_template("history/page.html", page=page, form=form, can_be_undone=history.can_be_undone)


@bp.get("/log.csv")
@moderator_required
def as_csv() -> Response:
    return _file("log.csv", "text/csv; charset=utf-8", _csv(_rows()))


@bp.get("/log.jsonl")
@moderator_required
def as_jsonl() -> Response:
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in _rows())
    return _file("log.jsonl", "application/jsonl; charset=utf-8", lines)


def _form() -> LogForm:
    """What is not hers to ask for does not exist."""
    me = current_moderator()
    form = LogForm.of(me, history.colleagues(me), request.args)
    return form if form.validate() else abort(404)


def _rows() -> Iterator[dict[str, Any]]:
    return history.all_for(current_moderator(), _form().wanted)


def _csv(rows: Iterator[dict[str, Any]]) -> Iterator[str]:
    yield spreadsheet.header(history.COLUMNS)
    for row in rows:
        yield spreadsheet.line(row[name] for name in history.COLUMNS)


def _file(name: str, kind: str, lines: Iterator[str]) -> Response:
    answer = Response(stream_with_context(lines), content_type=kind)
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer
