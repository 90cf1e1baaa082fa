"""The statistics page: plots with tables."""

from flask import Blueprint, abort, render_template, request

from app.desk.statistics import statistics_of
from app.web.access import current_moderator, moderator_required, site_or_404

bp = Blueprint("statistics", __name__, url_prefix="/sites/<key>/figures")

PERIODS = (7, 30, 90)  # days


@bp.get("")
@moderator_required
def show(key: str) -> str:
    site = site_or_404(key)
    days = request.args.get("days", PERIODS[1], type=int)
    if days not in PERIODS:
        abort(404)
    figures = statistics_of(site, days, current_moderator())
    return render_template("statistics/page.html", site=site, figures=figures, periods=PERIODS)
