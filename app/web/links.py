"""Links in emails to moderators. Mail scanners open links, so only the page's button acts."""

from typing import Any

from flask import Blueprint, Response, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _

from app.desk import factors
from app.extensions import db
from app.lib import language
from app.models import Decision, Login, Moderator, Report
from app.moderation.decide import AlreadyDecided, decide
from app.notify.decision_links import Offer, offer_of
from app.web.access import current_login

bp = Blueprint("links", __name__)


@bp.get("/act/<token>")
def show(token: str) -> Response:
    offer = offer_of(token)
    _speak_to(offer)
    return _page(offer)


@bp.post("/act/<token>")
def act(token: str) -> Any:
    offer = offer_of(token)
    _speak_to(offer)
    login = _login_of(offer.moderator)
    if not (login and login.factor_checked):
        factors.require(offer.moderator)
    if (site := factors.required_by(offer.moderator)) and login is None:
        # Else a stolen mailbox would decide without the factor.
        flash(_("Log in first: %(site)s requires a second factor for your role.", site=site.name))
        return redirect(url_for("account.login", next=url_for("links.show", token=token)), 303)
    try:
        decide(offer.comment, offer.status, seen=offer.seen, by=offer.moderator, reason="mail")
    except AlreadyDecided as conflict:
        db.session.rollback()
        return _page(offer_of(token), notice=conflict.sentence), 409
    db.session.commit()
    return redirect(url_for("links.show", token=token), 303)


def _login_of(moderator: Moderator) -> Login | None:
    """This browser's log-in, if it is the moderator's."""
    login = current_login()
    return login if login and login.moderator_id == moderator.id else None


def _page(offer: Offer, notice: str = "") -> Response:
    decision = None if offer.comment.version == offer.seen else Decision.newest_of(offer.comment)
    answered = Report.answered_by([decision.id]).total() if decision else 0
    page = render_template("links/act.html", offer=offer, decision=decision, notice=notice, answered=answered)
    return make_response(page)


def _speak_to(offer: Offer) -> None:
    otherwise = language.preferred(request.accept_languages) or offer.comment.site.lang
    language.speak(offer.moderator.lang or otherwise, offer.comment.site.lang)
