"""Administrators add checkers, try them, see how good they are, and let them hold comments."""

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _

from app.desk import checkers
from app.errors import Refused
from app.extensions import db
from app.forms.checker import MODES, CheckerForm, TryForm
from app.models import Checker, CheckerAnswer, Mode, Role, Site
from app.moderation.checker_figures import LEAST_DECIDED, LEAST_FLAGGED, figures_of
from app.screening.checker_protocol import Reply
from app.screening.reasons import checker_says, checker_trouble
from app.web.access import current_moderator, moderator_required, site_or_404
from app.web.confirmation import confirmation_required

bp = Blueprint("checkers", __name__, url_prefix="/sites/<key>/checkers")

ANSWERS = 20  # newest answers on the page


@bp.get("")
@moderator_required
def show_all(key: str) -> str:
    return _list(site_or_404(key, Role.ADMIN), CheckerForm(formdata=None))


@bp.post("")
@moderator_required
@confirmation_required
def add(key: str) -> Any:
    """The answer is the only one that shows the secret."""
    site, form = site_or_404(key, Role.ADMIN), CheckerForm()
    if not form.validate():
        return _list(site, form), 422
    try:
        checker, secret = checkers.add(site, by=current_moderator(), **form.settings)
    except Refused as no:
        return _list(site, _blamed(form, no)), no.status
    db.session.commit()
    return _page(checker, secret=secret), 201


@bp.get("/<int:id>")
@moderator_required
def show(key: str, id: int) -> str:
    return _page(_checker_or_404(key, id))


@bp.post("/<int:id>")
@moderator_required
@confirmation_required
def change(key: str, id: int) -> Any:
    checker, form = _checker_or_404(key, id), CheckerForm()
    if not form.validate():
        return _page(checker, form), 422
    try:
        checkers.change(checker, by=current_moderator(), **form.settings)
    except Refused as no:
        # Drop the refused values, also for the page.
        db.session.rollback()
        return _page(checker, _blamed(form, no)), no.status
    db.session.commit()
    flash(_("Settings saved."))
    return redirect(url_for("checkers.show", key=key, id=id), 303)


@bp.post("/<int:id>/mode")
@moderator_required
def set_mode(key: str, id: int) -> Any:
    checker, wanted = _checker_or_404(key, id), request.form.get("mode", "")
    if wanted not in list(Mode):
        abort(400)
    try:
        checkers.set_mode(checker, Mode(wanted), by=current_moderator())
    except Refused as no:
        return _page(checker, refused=no.sentence), no.status
    db.session.commit()
    flash(_("Mode changed."))
    return redirect(url_for("checkers.show", key=key, id=id), 303)


@bp.post("/<int:id>/secret")
@moderator_required
@confirmation_required
def renew_secret(key: str, id: int) -> Any:
    checker = _checker_or_404(key, id)
    secret = checkers.renew_secret(checker, by=current_moderator())
    db.session.commit()
    return _page(checker, secret=secret), 201


@bp.post("/<int:id>/try")
@moderator_required
def try_text(key: str, id: int) -> Any:
    checker, form = _checker_or_404(key, id), TryForm()
    if not form.validate():
        return _page(checker, trial=form), 422
    try:
        reply = checkers.try_text(checker, form.text.data or "", checker.site.lang)
    except Refused as no:
        form.text.errors = [no.sentence]
        return _page(checker, trial=form), no.status
    # It may have been removed while it was asked.
    return _page(_checker_or_404(key, id), trial=form, reply=reply)


@bp.post("/<int:id>/remove")
@moderator_required
@confirmation_required
def remove(key: str, id: int) -> Any:
    checkers.remove(_checker_or_404(key, id), by=current_moderator())
    db.session.commit()
    flash(_("Checker removed."))
    return redirect(url_for("checkers.show_all", key=key), 303)


def _checker_or_404(key: str, id: int) -> Checker:
    return Checker.on_site(site_or_404(key, Role.ADMIN), id) or abort(404)


def _blamed(form: CheckerForm, no: Refused) -> CheckerForm:
    form.blame(no.field, no.sentence)
    return form


def _list(site: Site, form: CheckerForm) -> str:
    return render_template("sites/checkers.html", site=site, form=form, checkers=Checker.of_site(site), modes=MODES)


def _page(
    checker: Checker,
    form: CheckerForm | None = None,
    *,
    trial: TryForm | None = None,
    reply: Reply | None = None,
    secret: str = "",
    refused: str = "",
) -> str:
    form = form or CheckerForm.of(checker)
    found = figures_of(checker)
    return render_template(
        "sites/checker.html", site=checker.site, checker=checker, form=form, trial=trial or TryForm(formdata=None),
        reply=reply, secret=secret, refused=refused, modes=MODES, figures=found, may_hold=found.may_hold(checker),
        answers=CheckerAnswer.newest_of(checker, ANSWERS), says=checker_says, trouble=checker_trouble,
        least=(LEAST_DECIDED, LEAST_FLAGGED),
    )  # fmt: skip
