"""Owners invite moderators, set roles and remove members; invited people accept."""

from typing import Any

from flask import Blueprint, abort, current_app, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext as _n

from app.desk import factors, members, settings
from app.desk.accounts import words_about
from app.errors import Refused
from app.extensions import db
from app.forms.factor import FactorRoleForm
from app.forms.members import InvitationForm, RoleForm, WelcomeForm
from app.lib.language import speak
from app.models import ApiToken, Invitation, Membership, Moderator, Role, Site
from app.models.section import sections_of
from app.notify.invitation import invitation_of
from app.web.access import current_moderator, moderator_required, site_or_404
from app.web.confirmation import confirmation_required

bp = Blueprint("members", __name__, url_prefix="/sites/<key>/moderators")
answers = Blueprint("invitation", __name__, url_prefix="/invitation")


@bp.get("")
@moderator_required
def show(key: str) -> str:
    return _page(site_or_404(key, Role.OWNER), InvitationForm())


@bp.post("")
@moderator_required
@confirmation_required
def invite(key: str) -> Any:
    site, form = site_or_404(key, Role.OWNER), InvitationForm()
    if not form.validate():
        return _page(site, form), 422
    try:
        members.invite(site, form.email.data, Role(form.role.data), by=current_moderator())
    except Refused as no:
        form.email.errors = [no.sentence]
        return _page(site, form), no.status
    db.session.commit()
    flash(_("Invitation sent."))
    return _back(key)


@bp.post("/<int:id>/role")
@moderator_required
@confirmation_required
def change_role(key: str, id: int) -> Any:
    membership, form = _membership(site_or_404(key, Role.OWNER), id), RoleForm()
    if not form.validate():
        abort(400)
    members.change_role(membership, Role(form.role.data), by=current_moderator())
    chosen, known = set(request.form.getlist("section")), sections_of(membership.site)
    members.choose_sections(membership, [each for each in known if each in chosen], by=current_moderator())
    db.session.commit()
    if membership.role != Role.OWNER:
        _tell_of_tokens(membership.site, membership.moderator)
    return _back(key)


@bp.post("/<int:id>/remove")
@moderator_required
@confirmation_required
def remove(key: str, id: int) -> Any:
    site = site_or_404(key, Role.OWNER)
    membership = _membership(site, id)
    moderator = membership.moderator
    members.remove(membership, by=current_moderator())
    db.session.commit()
    _tell_of_tokens(site, moderator)
    return _back(key)


@bp.post("/factor")
@moderator_required
@confirmation_required
def require_factor(key: str) -> Any:
    site, form = site_or_404(key, Role.OWNER), FactorRoleForm()
    if not form.validate():
        abort(400)
    settings.change(site, {"factor_role": form.factor_role.data}, by=current_moderator())
    db.session.commit()
    flash(_("Settings saved."))
    return _back(key)


@bp.post("/invitations/<int:id>/withdraw")
@moderator_required
def revoke(key: str, id: int) -> Any:
    invitation = Invitation.of_site(site_or_404(key, Role.OWNER), id) or abort(404)
    members.revoke(invitation, by=current_moderator())
    db.session.commit()
    return _back(key)


@answers.get("/<token>")
def look(token: str) -> str:
    return _welcome(invitation_of(token), WelcomeForm())


@answers.post("/<token>")
def accept(token: str) -> Any:
    invitation, form = invitation_of(token, lock=True), WelcomeForm()
    known = Moderator.with_email(invitation.email) is not None
    form.own_words = words_about(form.name.data or "", invitation.email, [invitation.site])
    if not known and not form.validate():
        return _welcome(invitation, form), 422
    members.accept(invitation, name=form.name.data or "", password=form.password.data or "")
    db.session.commit()
    return redirect(url_for("account.login"), 303)


def _page(site: Site, form: InvitationForm) -> str:
    memberships = Membership.of_site(site)
    return render_template(
        "sites/moderators.html", site=site, form=form, memberships=memberships, roles=RoleForm,
        invitations=Invitation.open_of(site), sections=sections_of(site),
        can_email=bool(current_app.config["MAIL_URL"]),
        factor_form=FactorRoleForm(formdata=None, factor_role=site.factor_role),
        with_factor=factors.ids_with_factor([each.moderator_id for each in memberships]),
    )  # fmt: skip


def _welcome(invitation: Invitation, form: WelcomeForm) -> str:
    speak("", invitation.site.lang, invitation.site.timezone)
    known = Moderator.with_email(invitation.email) is not None
    return render_template(
        "emails/invitation.html", site=invitation.site, invitation=invitation, form=form, known=known
    )


def _tell_of_tokens(site: Site, moderator: Moderator) -> None:
    """They are the site's, and programs depend on them; but the person may have kept one."""
    if count := ApiToken.count_made_by(moderator, site):
        flash(
            _n(
                "%(name)s made %(num)d API token, which still works. Revoke it if %(name)s may have kept it.",
                "%(name)s made %(num)d API tokens, which still work. Revoke those that %(name)s may have kept.",
                count,
                name=moderator.name,
            )
        )


def _membership(site: Site, moderator_id: int) -> Membership:
    return next((each for each in Membership.of_site(site) if each.moderator_id == moderator_id), None) or abort(404)


def _back(key: str) -> Any:
    return redirect(url_for("members.show", key=key), 303)
