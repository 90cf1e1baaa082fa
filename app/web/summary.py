"""The public summary of a site's moderation, without names."""

from flask import Blueprint, Response, abort, make_response, render_template, request

from app.desk.statistics import statistics_of
from app.lib.language import speak
from app.models import Reason, Site
from app.web.public import public_get

bp = Blueprint("summary", __name__)

DAYS = 30


# Counting takes 50 ms.
@public_get(bp, "/summary/<key>", "lang", fresh_s=300)
def show(key: str) -> Response:
    site = Site.with_key(key)
    if site is None or not site.public_summary:
        abort(404)
    speak(request.args.get("lang", ""), site.lang, site.timezone)
    figures = statistics_of(site, DAYS)
    figures.merge_reasons(site.own_codes, Reason.OTHER)
    answer = make_response(render_template("statistics/summary.html", site=site, figures=figures))
    answer.headers["Cache-Control"] = "public, max-age=300"
    return answer
