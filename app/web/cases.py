"""Cases of legal notices at the desk: list, ask the author, decide, reopen, hold, export."""

from typing import Any

from flask import Blueprint, Response, abort, current_app, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _

from app.errors import Refused
from app.extensions import db
from app.forms.notice import GROUNDS, HoldForm, InquiryForm, RulingForm, SeenForm
from app.lib import ids
from app.lib.clock import now
from app.lib.language import duration
from app.models import LegalHold, Notice, NoticeEvent, Revision, Role, claim_name, section_scope
from app.moderation import case_file, legal_hold, notices
from app.moderation.notice_state import EVENTS, note
from app.notify import authors
from app.notify.notice_email import permalink
from app.web.access import comment_or_404, current_moderator, moderator_required, site_or_404

bp = Blueprint("cases", __name__, url_prefix="/moderate/notices")

LISTED = 50
bp.add_app_template_filter(claim_name, "claim_name")
bp.add_app_template_filter(lambda moment: duration(now() - moment), "age")
bp.add_app_template_global(lambda: Notice.count_open(*_mine()), "open_notices")
bp.add_app_template_global(lambda: Notice.open_on(*_mine(), limit=LISTED), "waiting_notices")


@bp.get("")
@moderator_required
def show_all() -> str:
    """Open cases by deadline; with `closed`, decided ones."""
    if "closed" not in request.args:
        return render_template("cases/list.html", notices=Notice.open_on(*_mine(), limit=LISTED), closed=False, more=0)
    before = request.args.get("before", 0, type=ids.read) or 0
    found = Notice.closed_on(*_mine(), before=before, limit=LISTED + 1)
    more = found[LISTED - 1].id if len(found) > LISTED else 0
    return render_template("cases/list.html", notices=found[:LISTED], closed=True, more=more)


@bp.get("/<int:id>")
@moderator_required
def show(id: int) -> str:
    return _page(_notice(id))


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


@bp.post("/<int:id>/inquiry")
@moderator_required
def ask(id: int) -> Any:
    notice, form = _notice(id), InquiryForm()
    if not form.validate():
        return _page(notice, inquiry=form), 422
    try:
        notices.ask(notice, form.question.data, seen=form.seen.data, by=current_moderator())
    except Refused as no:
        db.session.rollback()
        return _page(_notice(id), inquiry=form, sentence=no.sentence), no.status
    db.session.commit()
    return _back(id, _("The author gets the question by email."))


@bp.post("/<int:id>/hold")
@moderator_required
def hold(id: int) -> Any:
    notice, form = _notice(id, Role.ADMIN), HoldForm()
    if not form.validate():
        return _page(notice, hold_form=form), 422
    legal_hold.place(notice, reason=form.reason.data, until=form.end, by=current_moderator())
    db.session.commit()
    return _back(id, _("The hold is placed."))


@bp.post("/<int:id>/release")
@moderator_required
def release(id: int) -> Any:
    notice = _notice(id, Role.ADMIN)
    if running := LegalHold.on(notice.comment):
        legal_hold.release(running, by=current_moderator())
    db.session.commit()
    return _back(id, _("The hold has ended, and its copy is deleted."))


@bp.post("/<int:id>/file")
@moderator_required
def file(id: int) -> Response:
    """The download and its SHA-256 are an event of the case."""
    notice, me = _notice(id, Role.ADMIN), current_moderator()
    given = {"notice": notice, "comment": notice.comment, "site": notice.site, "permalink": permalink(notice.comment)}
    made = {"made_at": now().isoformat(timespec="seconds"), "by": me.name, "names": EVENTS}
    text = render_template("cases/file.html", **given, **made, **case_file.contents(notice))
    note(notice, "exported", by=me, text=f"SHA-256 {legal_hold.digest(text)}")
    db.session.commit()
    answer = Response(text, mimetype="text/html")
    answer.headers["Content-Disposition"] = f"attachment; filename=case-{notice.number}.html"
    return answer


def _mine() -> tuple[Any, ...]:
    """The moderator's sites, and conditions for their sections."""
    me = current_moderator()
    return me.site_ids, *section_scope.about_comments(me, Notice.site_id, Notice.comment_id)


def _notice(id: int, least: Role = Role.MODERATOR) -> Notice:
    """A notice on one of the moderator's sites, or 404; Refused (403) if the role is below `least`."""
    notice = Notice.of_site(current_moderator().site_ids, id) or abort(404)
    comment_or_404(notice.comment_id)
    site_or_404(notice.site.key, least)
    return notice


def _page(
    notice: Notice,
    form: RulingForm | None = None,
    sentence: str = "",
    *,
    inquiry: InquiryForm | None = None,
    hold_form: HoldForm | None = None,
) -> str:
    comment, role = notice.comment, current_moderator().role_on(notice.site_id)
    return render_template(
        "cases/case.html", notice=notice, comment=comment, site=notice.site, sentence=sentence,
        form=form or RulingForm(formdata=None), inquiry=inquiry or InquiryForm(formdata=None),
        hold_form=hold_form or HoldForm(formdata=None), hold=LegalHold.on(comment),
        is_admin=role is not None and role.reaches(Role.ADMIN), until=notices.answer_until(notice),
        events=NoticeEvent.all_of(notice), names=EVENTS, grounds=GROUNDS, permalink=permalink(comment),
        changed=legal_hold.digest(comment.body) != notice.sha256, revisions=Revision.of([comment.id])[comment.id],
        can_state=authors.may_state(comment.author), others=len(Notice.newest_of(comment)) - 1,
        can_email=bool(current_app.config["MAIL_URL"]),
    )  # fmt: skip


def _back(id: int, said: str) -> Any:
    flash(said)
    return redirect(url_for("cases.show", id=id), 303)
