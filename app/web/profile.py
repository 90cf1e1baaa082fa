"""The account page: one section for each of its forms."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _

from app.desk import factors, single_sign_on
from app.extensions import db
from app.forms.account import AddressForm, AliasForm, EmailsForm, NameForm, PasswordForm
from app.forms.care import CareForm
from app.forms.filters import MOST_SITES
from app.models import EmailChange, Identity, Login, Membership, Moderator
from app.web.access import current_moderator, moderator_required, session_lasts, this_login

bp = Blueprint("profile", __name__, url_prefix="/account")


@bp.get("")
@moderator_required
def show() -> Response:
    return page()


@bp.post("/name")
@moderator_required
def rename() -> Any:
    me, name, aliases = current_moderator(), NameForm(), _aliases(request.form)
    # Each of them, so that every wrong field is marked.
    valid = [name.validate(), *(form.validate() for form in aliases.values())]
    if not all(valid):
        return page(422, name=name, aliases=aliases)
    me.name = name.name.data
    for membership, form in aliases.items():
        alias = form.alias.data or ""
        membership.alias = "" if alias == membership.site.name else alias
    return saved("name")


@bp.post("/emails")
@moderator_required
def choose_emails() -> Any:
    me, form = current_moderator(), EmailsForm()
    if not form.validate():
        return page(422, emails=form)
    me.emails, (me.quiet_from, me.quiet_until) = form.emails.data, form.quiet
    return saved("emails")


def saved(section: str) -> Any:
    """Commit, and lead back to a section of the page."""
    db.session.commit()
    flash(_("Settings saved."))
    return back_to(section)


def back_to(section: str) -> Any:
    return redirect(url_for("profile.show", _anchor=section), 303)


def page(status: int = 200, **forms: Any) -> Response:
    """The whole page; `forms` replaces the forms of sections, with their errors."""
    context = {each: forms.get(each) or make() for each, make in _FORMS.items()}
    me, lasts = current_moderator(), session_lasts()
    page = render_template(
        "account/page.html", **context, change=EmailChange.of(me),
        logins=Login.all_of(me, lasts), this=this_login(), lasts=lasts,
        factors=factors.overview(me), has_password=me.has_password, **_single_sign_on(me),
    )  # fmt: skip
    return make_response(page, status)


def _single_sign_on(me: Moderator) -> dict[str, Any]:
    if not single_sign_on.is_on():
        return {"provider": "", "only_way": False}
    ways = {"only_way": Identity.is_only_way(me), "fixed": Identity.is_fixed(me)}
    return {"provider": single_sign_on.provider_name(), "identity": Identity.of(me), **ways}


def _name() -> NameForm:
    return NameForm(formdata=None, name=current_moderator().name)


def _aliases(given: Any = None) -> dict[Membership, AliasForm]:
    """Of many sites, those on which one has such a name."""
    me = current_moderator()
    mine = Membership.for_aliases(me, most=MOST_SITES, only_named=len(me.site_ids) > MOST_SITES)
    return {each: AliasForm(given, prefix=each.site.key, alias=each.alias) for each in mine}


def _address() -> AddressForm:
    return AddressForm(formdata=None)


def _password() -> PasswordForm:
    return PasswordForm(formdata=None)


def _emails() -> EmailsForm:
    me = current_moderator()
    start, end = ("" if hour is None else str(hour) for hour in (me.quiet_from, me.quiet_until))
    return EmailsForm(formdata=None, emails=me.emails, quiet_from=start, quiet_until=end)


def _care() -> CareForm:
    me = current_moderator()
    kept = {"hard_in_a_row": str(me.hard_in_a_row), "pause_minutes": str(me.pause_minutes)}
    return CareForm(formdata=None, cover_hard=me.cover_hard, **kept)


_FORMS: dict[str, Callable[[], Any]] = {
    "name": _name,
    "aliases": _aliases,
    "address": _address,
    "password": _password,
    "emails": _emails,
    "care": _care,
}
