"""The rules page, with tests on past comments."""

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _

from app.errors import Refused
from app.extensions import db
from app.forms.rule import EFFECTS, SUBJECTS, RuleForm
from app.models import AskedOpinion, Effect, Role, Rule, Site, Subject
from app.screening import rules
from app.web.access import current_moderator, moderator_required, site_or_404

bp = Blueprint("rules", __name__, url_prefix="/sites/<key>/rules")

LISTED = 50  # comments of a test, and ended rules


@bp.get("")
@moderator_required
def show(key: str) -> str:
    return _page(site_or_404(key, Role.ADMIN), RuleForm(request.args))


@bp.post("")
@moderator_required
def make(key: str) -> Any:
    """Add a rule; with `try`, only show the past comments that it matches."""
    site, form = site_or_404(key, Role.ADMIN), RuleForm()
    if not form.validate():
        return _page(site, form), 422
    try:
        draft = _draft(site, form)
    except Refused as no:
        return _page(site, _blamed(form, no)), no.status
    if "try" in request.form:
        trial = rules.dry_run(draft).without(AskedOpinion.kept_from(current_moderator()))
        return _page(site, form, draft=draft, trial=trial)
    rules.create([draft], by=current_moderator())
    db.session.commit()
    flash(_("Rule added."))
    return redirect(url_for("rules.show", key=key), 303)


@bp.post("/<int:id>/end")
@moderator_required
def end(key: str, id: int) -> Any:
    site = site_or_404(key, Role.ADMIN)
    rules.end(Rule.of_site([site.id], id) or abort(404), by=current_moderator())
    db.session.commit()
    flash(_("Rule ended."))
    return redirect(url_for("rules.show", key=key), 303)


def _draft(site: Site, form: RuleForm) -> Rule:
    subject, effect = Subject(form.subject.data), Effect(form.effect.data)
    return rules.draft(
        site, subject, effect, form.value.data, reason=form.reason.data or "", expires_at=form.expires_at
    )


def _blamed(form: RuleForm, no: Refused) -> RuleForm:
    form["days" if no.field == "expires_at" else no.field or "value"].errors = [no.sentence]
    return form


def _page(site: Site, form: RuleForm, draft: Rule | None = None, trial: rules.DryRun | None = None) -> str:
    # A tested draft must not be written by autoflush.
    with db.session.no_autoflush:
        standing, ended = Rule.standing(site), Rule.ended(site, LISTED)
    return render_template(
        "sites/rules.html", site=site, form=form, standing=standing, ended=ended,
        subjects=SUBJECTS, effects=EFFECTS, listed=LISTED, draft=draft, trial=trial,
    )  # fmt: skip
