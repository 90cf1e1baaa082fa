"""What was published lately, for feed readers."""

from flask import Blueprint, Response, render_template, request

from app.comments import reading
from app.forms.where import site_or_404, where
from app.lib import markup
from app.lib.language import speak
from app.models import Comment, Site, Thread
from app.web.embed import for_everybody

bp = Blueprint("feeds", __name__)

NEWEST = 50


@bp.get("/feeds/site/<key>.atom")
def site(key: str) -> Response:
    found = site_or_404(key)
    speak(request.args.get("lang", ""), found.lang, found.timezone)
    return _feed(found, None, Comment.newest_approved(found, NEWEST))


@bp.get("/feeds/thread")
def thread() -> Response:
    here = where(request.args)
    rows = Comment.newest_approved(here.site, NEWEST, here.thread) if here.thread else []
    return _feed(here.site, here.thread, rows)


def _feed(site: Site, thread: Thread | None, rows: list[Comment]) -> Response:
    entries = [(row.thread, reading.show(row), markup.plain(row.html)) for row in rows]
    xml = render_template("feeds/comments.atom", site=site, thread=thread, entries=entries)
    return for_everybody(Response(xml, content_type="application/atom+xml; charset=utf-8"))
