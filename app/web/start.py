"""The first steps after a site was added: the tag, its first view, a test email."""

from typing import Any

from flask import Blueprint, current_app, flash, redirect, render_template, url_for
from flask_babel import gettext as _

from app.desk import first_steps
from app.errors import Refused
from app.extensions import db
from app.models import Role
from app.web.access import current_moderator, moderator_required, site_or_404

bp = Blueprint("start", __name__, url_prefix="/sites/<key>/start")


@bp.get("")
@moderator_required
def show(key: str) -> str:
    """A script asks for it again until a page was viewed."""
    site = site_or_404(key, Role.ADMIN)
    return render_template(
        "sites/start.html", site=site, service=current_app.config["PUBLIC_URL"],
        progress=first_steps.progress_of(site, current_moderator()), can_email=bool(current_app.config["MAIL_URL"]),
    )  # fmt: skip


@bp.post("/email")
@moderator_required
def send_test_email(key: str) -> Any:
    site = site_or_404(key, Role.ADMIN)
    try:
        first_steps.send_test_email(site, current_moderator())
    except Refused as no:
        db.session.rollback()
        flash(no.sentence)
    else:
        db.session.commit()
        flash(_("Test email queued."))
    return redirect(url_for("start.show", key=key) + "#email", 303)
