"""The editors' picks for programs and article pages. The page cache serves this route (app/server/cache_key.py)."""

from dataclasses import dataclass
from typing import Annotated

from flask import Blueprint, Response, jsonify, request

from app import replica
from app.api import cors, shapes
from app.api.declared import Doc, written
from app.api.operation import public
from app.comments import picks, reading
from app.forms.where import site_or_page
from app.lib.language import languages
from app.models import Comment, Site, Thread

bp = Blueprint("picks", __name__)
MOST = 50


@dataclass(frozen=True)
class PicksQuery:
    site: Annotated[str, Doc("The site's key", example="news")]
    url: Annotated[str, Doc("The page's address; without it the picks of the whole site")] = ""
    thread: Annotated[str, Doc("The page's own id, where it gives one")] = ""
    lang: Annotated[str, Doc("Language of sentences", choices=languages)] = ""


@bp.get("/picks")
@public("The editors' picks of a page or of a site", query=PicksQuery, answers={200: shapes.Picks},
        errors=(404, 422))  # fmt: skip
def picked() -> Response:
    """Of a page, in the order in which they were picked; without `url` of the site, the last ones first."""
    site, page = site_or_page(request.args)
    return cors.for_every_page(jsonify(written(_of_page(page.thread) if page else _of_site(site))))


def _of_page(thread: Thread | None) -> shapes.Picks:
    return replica.of_thread(thread, lambda: _shown(picks.of_page(thread))) if thread else shapes.Picks([])


def _of_site(site: Site) -> shapes.Picks:
    return replica.current(lambda: _shown(picks.of_site(site, MOST)))


def _shown(rows: list[Comment]) -> shapes.Picks:
    return shapes.Picks([shapes.pick(row.thread, reading.show(row)) for row in rows])
