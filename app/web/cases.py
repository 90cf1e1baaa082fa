"""Cases of legal notices at the desk: list, decide, reopen."""

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _

from app.errors import Refused
from app.extensions import db
from app.forms.notice import GROUNDS, RulingForm, SeenForm
from app.lib import ids
from app.lib.language import use_clock
from app.models import Notice, NoticeEvent, Revision, claim_name
from app.moderation import notices
from app.moderation.notice_state import EVENTS
from app.notify import authors
from app.notify.notice_email import permalink
from app.web.access import current_moderator, moderator_required

bp = Blueprint("cases", __name__, url_prefix="/moderate/notices")

LISTED = 50
bp.add_app_template_filter(claim_name, "claim_name")
bp.add_app_template_global(lambda: Notice.count_open(current_moderator().site_ids), "open_notices")
bp.add_app_template_global(lambda: Notice.open_on(current_moderator().site_ids, limit=LISTED), "waiting_notices")


@bp.get("")
@moderator_required
def show_all() -> str:
    """Open cases by deadline; with `closed`, decided ones."""
    me = current_moderator()
    if "closed" not in request.args:
        return render_template(
            "cases/list.html", notices=Notice.open_on(me.site_ids, limit=LISTED), closed=False, more=0
        )
    before = request.args.get("before", 0, type=ids.read) or 0
    found = Notice.closed_on(me.site_ids, before=before, limit=LISTED + 1)
    more = found[LISTED - 1].id if len(found) > LISTED else 0
    return render_template("cases/list.html", notices=found[:LISTED], closed=True, more=more)


@bp.get("/<int:id>")
@moderator_required
def show(id: int) -> str:
    return _page(_notice(id), RulingForm(formdata=None))


@bp.post("/<int:id>/decision")
@moderator_required
def decide(id: int) -> Any:
    notice, form = _notice(id), RulingForm()
    if not form.validate():
        return _page(notice, form), 422
    given = {"seen": form.seen.data, "comment_seen": form.comment_seen.data, "by": current_moderator()}
    try:
        notices.close(notice, form.ruling(), **given)
    except Refused as no:
        db.session.rollback()
        return _page(_notice(id), form, no.sentence), no.status
    db.session.commit()
    return _back(id, _("Decided. The emails go out in a moment; until then, you can reopen the case."))


@bp.post("/<int:id>/reopen")
@moderator_required
def reopen(id: int) -> Any:
    notice, form = _notice(id), SeenForm()
    if not form.validate():
        abort(400)
    notices.take_back(notice, seen=form.seen.data, by=current_moderator())
    db.session.commit()
    return _back(id, _("Reopened."))


def _notice(id: int) -> Notice:
    notice = Notice.of_site(current_moderator().site_ids, id) or abort(404)
    use_clock(notice.site.timezone)
    return notice


def _page(notice: Notice, form: RulingForm, sentence: str = "") -> str:
    comment = notice.comment
    return render_template(
        "cases/case.html", notice=notice, comment=comment, site=notice.site, form=form, sentence=sentence,
        events=NoticeEvent.all_of(notice), names=EVENTS, grounds=GROUNDS, permalink=permalink(comment),
        changed=notices.hash_of(comment.body) != notice.sha256, revisions=Revision.of([comment.id])[comment.id],
        can_state=authors.may_state(comment.author), others=len(Notice.newest_of(comment)) - 1,
    )  # fmt: skip


def _back(id: int, said: str) -> Any:
    flash(said)
    return redirect(url_for("cases.show", id=id), 303)
