"""The newest comments of a site for its other pages. The page cache serves this route (app/server/cache_key.py)."""

from dataclasses import dataclass
from typing import Annotated

from flask import Blueprint, Response, jsonify, request
from flask_babel import gettext as _

from app import replica
from app.api import cors, shapes
from app.api.declared import Doc, written
from app.api.operation import public
from app.comments import reading
from app.errors import Refused
from app.forms.where import site_or_404
from app.lib.language import languages, speak
from app.models import Site, newest_comments
from app.models.section import Section, sections_of

bp = Blueprint("latest", __name__)
MOST = 20


@dataclass(frozen=True)
class LatestQuery:
    site: Annotated[str, Doc("The site's key", example="news")]
    section: Annotated[str, Doc("Key of a section; only comments on its articles", example="")] = ""
    picked: Annotated[str, Doc("1: only editors' picks, the last pick first", example="1")] = ""
    lang: Annotated[str, Doc("Language of sentences", choices=languages)] = ""


@bp.get("/comments/latest")
@public("The newest comments of a site", query=LatestQuery, answers={200: shapes.Latest}, errors=(404,))
def latest() -> Response:
    """The last 20 approved comments on visible articles, newest first, of the last 5,000 of the site."""
    site = site_or_404(request.args.get("site", ""))
    speak(request.args.get("lang", ""), site.lang, site.timezone)
    section = _section_or_404(site, request.args.get("section", ""))
    picked = request.args.get("picked") == "1"
    return cors.for_every_page(jsonify(written(replica.current(lambda: _latest(site, section, picked=picked)))))


def _latest(site: Site, section: Section | None, *, picked: bool) -> shapes.Latest:
    rows = newest_comments.latest(site, MOST, section=section, picked=picked)
    return shapes.Latest([shapes.latest(row.thread, reading.show(row)) for row in rows])


def _section_or_404(site: Site, key: str) -> Section | None:
    found = sections_of(site).get(key)
    if key and found is None:
        said = _("This site has no section with this short name. They are listed under “Sections”.")
        raise Refused("unknown_section", said, field="section", status=404)
    return found
