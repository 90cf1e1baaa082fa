"""The signed list of a site's rules, for the programs of other sites."""

from flask import Blueprint, Response, abort

from app.models import PublishedList, Site
from app.web.public import for_everybody, public_get, unless_unchanged

bp = Blueprint("published_list", __name__)


@public_get(bp, "/lists/<key>.json", fresh_s=60)
def show(key: str) -> Response:
    """404 while the site publishes none."""
    site = Site.with_key(key)
    found = PublishedList.of_site(site) if site else None
    if found is None or not found.document:
        abort(404)
    answer = for_everybody(Response(found.document, content_type="application/json; charset=utf-8"))
    answer.headers["Cache-Control"] = "public, max-age=60"
    return unless_unchanged(answer)
