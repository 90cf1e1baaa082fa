"""The audit log for owners: page and downloads."""

import json
from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Response, abort, render_template, request
from flask_babel import gettext as _

from app.database import read_only
from app.desk import audit_log
from app.errors import Refused
from app.extensions import db
from app.forms.audit import AuditForm
from app.lib import ids, language, spreadsheet
from app.models import audit as log
from app.models.audit import Event
from app.web import audit_words
from app.web.access import current_moderator, moderator_required
from app.web.confirmation import confirmation_required
from app.web.history import BROKEN_OFF, file_response

bp = Blueprint("audit", __name__, url_prefix="/moderate/log/audit")


@bp.get("")
@moderator_required
def show() -> str:
    form = _form(request.args)
    language.use_clock(form.zone.key)
    page = audit_log.events_for(current_moderator(), form.wanted, before=request.args.get("before", type=ids.read))
    return render_template("history/audit.html", page=page, form=form, words=audit_words)


@bp.post("/csv")
@moderator_required
@confirmation_required
def as_csv() -> Response:
    """A POST, because the log records who has downloaded it."""
    return file_response("audit.csv", "text/csv; charset=utf-8", _csv(_rows()), BROKEN_OFF)


@bp.post("/jsonl")
@moderator_required
@confirmation_required
def as_jsonl() -> Response:
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in _rows())
    return file_response("audit.jsonl", "application/jsonl; charset=utf-8", lines, json.dumps({"error": BROKEN_OFF}))


def _form(given: Any) -> AuditForm:
    me = current_moderator()
    if not me.is_owner:
        raise Refused("role_too_small", _("Only owners of a site can read the audit log."), status=403)
    form = AuditForm.of(me, audit_log.people_of(me), given)
    return form if form.validate() else abort(404)


def _rows() -> Iterator[dict[str, Any]]:
    me, form = current_moderator(), _form(request.form)
    rows = audit_log.all_for(me, form.wanted)
    log.record(Event.LOG_EXPORTED, by=me, account=me)
    db.session.commit()
    read_only()
    return rows


def _csv(rows: Iterator[dict[str, Any]]) -> Iterator[str]:
    yield spreadsheet.header(audit_log.COLUMNS)
    for row in rows:
        yield spreadsheet.line((row | {"details": json.dumps(row["details"], ensure_ascii=False)}).values())
