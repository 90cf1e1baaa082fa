"""The editors' picks for programs and article pages. The page cache serves this route (app/server/cache_key.py)."""

from flask import Blueprint, Response, jsonify, request

from app.api import shapes
from app.comments import picks, reading
from app.forms.where import site_or_page

bp = Blueprint("picks", __name__)
MOST = 50


@bp.get("/picks")
def picked() -> Response:
    """Of a page, in the order in which they were picked; without `url` of the site, the last ones first."""
    site, page = site_or_page(request.args)
    rows = picks.of_page(page.thread) if page else picks.of_site(site, MOST)
    answer = jsonify(picks=[shapes.pick(row.thread, reading.show(row)) for row in rows])
    answer.headers["Access-Control-Allow-Origin"] = "*"
    answer.headers["Cache-Control"] = "public, max-age=1, stale-while-revalidate=1"
    answer.add_etag(weak=True)
    answer.make_conditional(request)
    return answer
