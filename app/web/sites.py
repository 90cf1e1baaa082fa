"""Pages of a site: list, settings, texts for authors, spam score, embed code."""

from datetime import timedelta
from typing import Any

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _

from app.desk import new_site
from app.desk import settings as site_settings
from app.extensions import db
from app.forms.house_checks import HOUSE_CHECKS
from app.forms.new_site import NewSiteForm
from app.forms.reason_texts import form_of
from app.forms.site_page import GROUPS, SettingsForm
from app.lib import ids
from app.lib.clock import now
from app.models import Membership, RejectionModel, Role
from app.moderation import page_state
from app.operations import metrics
from app.screening import backtest
from app.screening import house_checks as checks
from app.spam.rejections import ENOUGH
from app.web.access import current_moderator, moderator_required, require_operator, site_or_404

bp = Blueprint("sites", __name__, url_prefix="/sites")

LISTED = 50  # sites on a page
MOST_PAGES = 100_000
DAYS = 7  # of comments on the spam score page


@bp.get("/")
@moderator_required
def list_all() -> str:
    """Pages of the moderator's sites by name; `q` is a part of their name or key."""
    me, asked = current_moderator(), request.args.get("q", "").replace("\0", "").strip()[:200]
    page = max(1, min(request.args.get("page", 1, type=ids.read), MOST_PAGES))
    found = Membership.page_of(me, asked, at=(page - 1) * LISTED, limit=LISTED + 1)
    waiting = metrics.pending_on([each.site_id for each in found])
    return render_template(
        "sites/list.html", memberships=found[:LISTED], asked=asked, is_long=len(me.site_ids) > LISTED,
        waiting=waiting, next=page + 1 if len(found) > LISTED else 0,
    )  # fmt: skip


@bp.get("/new")
@moderator_required
def new() -> str:
    require_operator()
    return render_template("sites/new.html", form=NewSiteForm(formdata=None))


@bp.post("/")
@moderator_required
def add() -> Any:
    require_operator()
    form = NewSiteForm()
    if not form.validate():
        return render_template("sites/new.html", form=form), 422
    me = current_moderator()
    name, address = form.site_name.data or "", form.address.data or ""
    site = new_site.add(name, address, lang=form.lang.data, timezone=form.timezone.data, by=me)
    db.session.commit()
    return redirect(url_for("start.show", key=site.key), 303)


@bp.get("/<key>/settings")
@moderator_required
def settings(key: str) -> str:
    site = site_or_404(key, Role.ADMIN)
    return render_template("sites/settings.html", site=site, form=SettingsForm.of(site), groups=GROUPS)


@bp.post("/<key>/settings")
@moderator_required
def change_settings(key: str) -> Any:
    site, form = site_or_404(key, Role.ADMIN), SettingsForm()
    if not form.validate():
        return render_template("sites/settings.html", site=site, form=form, groups=GROUPS), 422
    site_settings.change(site, form.values(), by=current_moderator())
    db.session.commit()
    flash(_("Settings saved."))
    return redirect(url_for("sites.settings", key=key), 303)


@bp.get("/<key>/reasons")
@moderator_required
def reasons(key: str) -> str:
    site = site_or_404(key, Role.ADMIN)
    return render_template("sites/reasons.html", site=site, form=form_of(site))


@bp.post("/<key>/reasons")
@moderator_required
def change_reasons(key: str) -> Any:
    site, form = site_or_404(key, Role.ADMIN), form_of()
    if not form.validate():
        return render_template("sites/reasons.html", site=site, form=form), 422
    site_settings.change(site, {"reason_texts": form.texts()}, by=current_moderator())
    db.session.commit()
    flash(_("Settings saved."))
    return redirect(url_for("sites.reasons", key=key), 303)


@bp.get("/<key>/screening")
@moderator_required
def screening(key: str) -> str:
    site = site_or_404(key, Role.ADMIN)
    seen = backtest.backtest(site, now() - timedelta(days=DAYS))
    rejections = db.session.get(RejectionModel, site.id)
    return render_template(
        "sites/screening.html", site=site, seen=seen, days=DAYS, rejections=rejections, enough=ENOUGH
    )


@bp.get("/<key>/house-checks")
@moderator_required
def house_checks(key: str) -> str:
    site = site_or_404(key, Role.ADMIN)
    return render_template("sites/house_checks.html", site=site, tried=checks.dry_run(site), labels=HOUSE_CHECKS)


@bp.get("/<key>/embed")
@moderator_required
def embed(key: str) -> str:
    site, role = site_or_404(key), current_moderator().role_on
    may_sign = (role(site.id) or Role.MODERATOR).reaches(Role.ADMIN)
    return render_template("sites/embed.html", site=site, service=current_app.config["PUBLIC_URL"], may_sign=may_sign)


@bp.post("/<key>/embed/key")
@moderator_required
def make_state_key(key: str) -> Any:
    """A new key for signed states of articles; the earlier one ends."""
    site = site_or_404(key, Role.ADMIN)
    site_settings.change(site, {"state_key": page_state.new_key()}, by=current_moderator())
    db.session.commit()
    flash(_("Key made. The earlier key no longer works."))
    return redirect(url_for("sites.embed", key=key) + "#state", 303)
