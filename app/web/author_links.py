"""Pages of links in emails to authors; only their buttons act."""

from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for

from app.extensions import csrf, db
from app.forms.appeal import AppealForm
from app.lib.language import preferred, speak
from app.models import Decision, Site, Unsubscribe
from app.moderation.appeals import appeal, refuse_second
from app.notify import author_email, authors, replies
from app.notify.signed_links import address_to_stop, author_to_confirm, decision_to_appeal, following_to_end

bp = Blueprint("emails", __name__)


@bp.get("/mail/confirm/<token>")
def show_confirm(token: str) -> str:
    author = author_to_confirm(token)
    _speak_of(author.site)
    article = authors.article_of(author) if author.is_confirmed else ""
    return render_template("emails/confirm.html", author=author, site=author.site, article=article)


@bp.post("/mail/confirm/<token>")
def confirm(token: str) -> Any:
    author = author_to_confirm(token)
    authors.confirm(author)
    replies.catch_up(author)
    db.session.commit()
    return redirect(url_for("emails.show_confirm", token=token), 303)


@bp.get("/mail/stop/<token>")
def show_stop(token: str) -> str:
    address = address_to_stop(token)
    _speak_of(address.site)
    stopped = Unsubscribe.contains(address.site, address.email_index)
    return render_template("emails/stop.html", site=address.site, stopped=stopped)


@bp.post("/mail/stop/<token>")
@csrf.exempt  # type: ignore[untyped-decorator]
def stop(token: str) -> Any:
    """Also for mail programs, which send only the token (RFC 8058). `again` resubscribes."""
    address = address_to_stop(token)
    (Unsubscribe.remove if "again" in request.form else Unsubscribe.add)(address.site, address.email_index)
    db.session.commit()
    return redirect(url_for("emails.show_stop", token=token), 303)


@bp.get("/mail/unfollow/<token>")
def show_unfollow(token: str) -> str:
    following = following_to_end(token)
    _speak_of(following.site)
    return render_template("emails/unfollow.html", site=following.site, following=following, ended=following.ended)


@bp.post("/mail/unfollow/<token>")
@csrf.exempt  # type: ignore[untyped-decorator]
def unfollow(token: str) -> Any:
    """As `stop`, for one comment or one page."""
    following_to_end(token).end(again="again" in request.form)
    db.session.commit()
    return redirect(url_for("emails.show_unfollow", token=token), 303)


@bp.get("/appeal/<token>")
def show_appeal(token: str) -> str:
    decision = decision_to_appeal(token)
    _speak_of(decision.comment.site)
    return _appeal_page(decision, AppealForm())


@bp.post("/appeal/<token>")
def send_appeal(token: str) -> Any:
    decision, form = decision_to_appeal(token), AppealForm()
    _speak_of(decision.comment.site)
    refuse_second(decision)
    if not form.validate():
        return _appeal_page(decision, form), 422
    appeal(decision, form.text.data)
    db.session.commit()
    return redirect(url_for("emails.show_appeal", token=token), 303)


def _appeal_page(decision: Decision, form: AppealForm) -> str:
    comment = decision.comment
    return render_template(
        "emails/appeal.html", decision=decision, comment=comment, site=comment.site, form=form,
        why=author_email.why(decision), objected=Decision.has_reason(comment, "appeal"),
        standing=comment.version == decision.version,
    )  # fmt: skip


def _speak_of(site: Site) -> None:
    speak(preferred(request.accept_languages), site.lang, site.timezone)
