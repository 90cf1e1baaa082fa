"""Change the moderator's email address; the links in the emails to both addresses."""

from typing import Any

from flask import Blueprint, Response, current_app, flash, make_response, redirect, render_template, url_for
from flask_babel import gettext as _

from app.desk import accounts
from app.errors import Refused
from app.extensions import db
from app.forms.account import AddressForm
from app.lib import language
from app.models import EmailChange, Moderator
from app.notify.account_email import change_of
from app.web import profile
from app.web.access import current_moderator, moderator_required
from app.web.confirmation import confirmation_required

bp = Blueprint("address", __name__, url_prefix="/account/email")
# Links in emails, without log-in.
links = Blueprint("email_change", __name__, url_prefix="/email")


@bp.post("")
@moderator_required
@confirmation_required
def change() -> Any:
    me, form = current_moderator(), AddressForm()
    if not form.validate():
        return profile.page(422, address=form)
    if Moderator.index_of(form.email.data) == Moderator.index_of(me.email):
        form.email.errors = [_("This is your current address.")]
        return profile.page(422, address=form)
    if not current_app.config["MAIL_URL"]:
        form.email.errors = [_("Email isn’t set up on this service, so the addresses can’t be confirmed.")]
        return profile.page(422, address=form)
    try:
        accounts.ask_for_email_change(me, form.email.data)
    except Refused as no:
        form.email.errors = [no.sentence]
        return profile.page(no.status, address=form)
    db.session.commit()
    flash(_("Check both inboxes: the old and the new address must confirm the change."))
    return profile.back_to("email")


@bp.post("/cancel")
@moderator_required
def cancel() -> Any:
    EmailChange.end_all(current_moderator())
    db.session.commit()
    flash(_("The change was cancelled."))
    return profile.back_to("email")


@links.get("/<token>")
def show(token: str) -> Response:
    change, side = change_of(token)
    language.speak(change.moderator.lang or language.choose(), language.choose())
    return make_response(
        render_template("account/email_change.html", change=change, confirmed=change.confirmed_by(side))
    )


@links.post("/<token>/confirm")
def confirm(token: str) -> Any:
    change = accounts.confirm_email_change(token)
    complete = change.is_complete
    db.session.commit()
    if not complete:
        return redirect(url_for("email_change.show", token=token), 303)
    flash(_("The email address was changed."))
    return redirect(url_for("account.login"), 303)


@links.post("/<token>/refuse")
def refuse(token: str) -> Any:
    accounts.refuse_email_change(token)
    db.session.commit()
    flash(_("The change was cancelled."))
    return redirect(url_for("account.login"), 303)
