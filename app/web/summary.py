"""The public summary of a site's moderation, without names."""

from flask import Blueprint, Response, abort, jsonify, make_response, render_template, request

from app.desk.statistics import statistics_of
from app.lib.language import speak
from app.models import ChainDay, Reason, Site
from app.moderation import receipts
from app.web.public import public_get

bp = Blueprint("summary", __name__)

DAYS = 30
# Days whose heads the page shows, and the file.
SHOWN, LISTED = 14, 400


# Counting takes 50 ms.
@public_get(bp, "/summary/<key>", "lang", fresh_s=300)
def show(key: str) -> Response:
    site = _site(key)
    speak(request.args.get("lang", ""), site.lang, site.timezone)
    figures = statistics_of(site, DAYS)
    figures.merge_reasons(site.own_codes, Reason.OTHER)
    days = ChainDay.published(site, SHOWN)
    answer = make_response(render_template("statistics/summary.html", site=site, figures=figures, days=days))
    answer.headers["Cache-Control"] = "public, max-age=300"
    return answer


@public_get(bp, "/summary/<key>/heads.json", "before", fresh_s=300)
def heads(key: str) -> Response:
    """The heads of the decision log, newest first; `before` is a day."""
    days = ChainDay.published(_site(key), LISTED, _day(request.args.get("before", "")))
    answer = jsonify({"site": key, "days": [receipts.as_json(day) for day in days]})
    answer.headers["Cache-Control"] = "public, max-age=300"
    return answer


def _site(key: str) -> Site:
    site = Site.with_key(key)
    if site is None or not site.public_summary:
        abort(404)
    return site


def _day(text: str) -> str:
    """'' for anything that does not look like a day."""
    digits = text.replace("-", "")
    return text if len(text) == len("YYYY-MM-DD") and digits.isascii() and digits.isdecimal() else ""
