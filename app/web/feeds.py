"""Atom feeds of the newest approved comments."""

from flask import Blueprint, Response, render_template, request, url_for
from flask_babel import gettext as _

from app.comments import picks, reading
from app.forms.where import PARAMETERS, site_or_404, site_or_page, where
from app.lib import markup
from app.lib.language import speak, tag_now
from app.models import Comment, Site, Thread, newest_comments
from app.web.public import for_everybody, note_known, public_get, unless_unchanged

bp = Blueprint("feeds", __name__)

NEWEST = 50


@public_get(bp, "/feeds/site/<key>.atom", "lang")
def site(key: str) -> Response:
    found = site_or_404(key)
    lang = speak(request.args.get("lang", ""), found.lang, found.timezone)
    here = url_for("feeds.site", key=found.key, lang=lang, _external=True)
    return _feed(here, found, None, newest_comments.approved(found, NEWEST))


@public_get(bp, "/feeds/picks", *PARAMETERS)
def picked() -> Response:
    """The editors' picks of a site, or of one page."""
    found, page = site_or_page(request.args)
    thread = page.thread if page else None
    note_known(thread)
    rows = picks.of_page(thread) if page else picks.of_site(found, NEWEST)
    fields = page.fields if page else {"site": found.key, "lang": tag_now()}
    named = {name: fields.get(name) or None for name in ("site", "url", "thread", "lang")}
    title = _("Editors’ picks: %(title)s", title=thread.label if thread else found.name)
    return _feed(url_for("feeds.picked", **named, _external=True), found, thread, rows, title)


@public_get(bp, "/feeds/thread", *PARAMETERS)
def thread() -> Response:
    page = where(request.args)
    note_known(page.thread)
    rows = newest_comments.approved(page.site, NEWEST, page.thread) if page.thread else []
    named = {name: page.fields[name] or None for name in ("site", "url", "thread", "lang")}
    return _feed(url_for("feeds.thread", **named, _external=True), page.site, page.thread, rows)


def _feed(here: str, site: Site, thread: Thread | None, rows: list[Comment], title: str = "") -> Response:
    entries = [(row.thread, reading.show(row), markup.plain(row.html)) for row in rows]
    title = title or _("Comments on “%(title)s”", title=thread.label if thread else site.name)
    xml = render_template("feeds/comments.atom", here=here, site=site, title=title, entries=entries)
    return unless_unchanged(for_everybody(Response(xml, content_type="application/atom+xml; charset=utf-8")))
