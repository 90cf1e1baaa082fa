"""Staff reply from the desk, and edit or withdraw their replies."""

from typing import Any

from flask import Blueprint, render_template, request
from flask_babel import gettext as _

from app.desk import staff
from app.errors import Refused
from app.extensions import db
from app.forms.staff import StaffEditForm, StaffReplyForm
from app.models import Comment, Site, Status
from app.web.access import comment_or_404, current_moderator, done, moderator_required, wants_fragment

bp = Blueprint("staff", __name__, url_prefix="/moderate")


@bp.get("/comments/<int:id>/reply")
@moderator_required
def ask(id: int) -> str:
    """The form of a reply, or of an edit of one's own reply."""
    comment = comment_or_404(id)
    return _form(comment, comment.body if _is_own(comment) else _saved(comment.site))


@bp.post("/comments/<int:id>/reply")
@moderator_required
def reply(id: int) -> Any:
    comment, form, me = comment_or_404(id), StaffReplyForm(), current_moderator()
    if not form.validate():
        return _again(comment, form)
    waited = comment.status == Status.PENDING
    staff.reply(comment, form.body.data, name=form.name.data, seen=form.seen.data, by=me)
    db.session.commit()
    return done(_("Your reply is live."), gone=[comment.id] if waited else [])


@bp.post("/comments/<int:id>/reply/edit")
@moderator_required
def edit(id: int) -> Any:
    comment, form = comment_or_404(id), StaffEditForm()
    if not form.validate():
        return _again(comment, form)
    staff.edit(comment, form.body.data, by=current_moderator())
    db.session.commit()
    return done(_("Saved."))


@bp.post("/comments/<int:id>/reply/withdraw")
@moderator_required
def withdraw(id: int) -> Any:
    comment = comment_or_404(id)
    staff.withdraw(comment, by=current_moderator())
    db.session.commit()
    return done(_("Your reply has been deleted."), gone=[comment.id])


def _saved(site: Site) -> str:
    """The text of the saved reply that a browser without JavaScript asked for."""
    wanted = request.args.get("saved", "")
    return next((each["text"] for each in site.saved_replies if each["id"] == wanted), "")


def _is_own(comment: Comment) -> bool:
    return comment.moderator_id == current_moderator().id


def _again(comment: Comment, form: StaffEditForm) -> Any:
    """Our script keeps its form with the typed text and shows the sentence; browsers get the form again."""
    wrong = {control.short_name: " ".join(map(str, control.errors)) for control in form if control.errors}
    if wants_fragment():
        raise Refused("bad_reply", " ".join(wrong.values()), status=422)
    return _form(comment, form.body.data or "", name=form.data.get("name", ""), wrong=wrong), 422


def _form(comment: Comment, body: str, *, name: str = "", wrong: dict[str, str] | None = None) -> str:
    me, site = current_moderator(), comment.site
    return render_template(
        f"queue/{'_' if wants_fragment() else ''}reply.html", comment=comment, body=body, wrong=wrong or {},
        name=name or staff.name_of(me, site), may=staff.may_reply(me, site), own=_is_own(comment),
        saved=site.saved_replies,
        can=comment.status in staff.ANSWERED and comment.thread.visible,
    )  # fmt: skip
