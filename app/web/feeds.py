"""Atom feeds of the newest approved comments."""

from collections.abc import Callable

from flask import Blueprint, Response, render_template, request, url_for
from flask_babel import gettext as _

from app import replica
from app.comments import picks, reading
from app.comments.shown import Shown
from app.forms.where import PARAMETERS, site_or_404, site_or_page, where
from app.lib import markup
from app.lib.language import speak, tag_now
from app.models import Comment, Site, Thread, newest_comments
from app.web.public import for_everybody, note_known, public_get, unless_unchanged

bp = Blueprint("feeds", __name__)

NEWEST = 50

Entries = list[tuple[Thread, Shown, str]]


@public_get(bp, "/feeds/site/<key>.atom", "lang")
def site(key: str) -> Response:
    found = site_or_404(key)
    lang = speak(request.args.get("lang", ""), found.lang, found.timezone)
    here = url_for("feeds.site", key=found.key, lang=lang, _external=True)
    entries = replica.current(lambda: _entries(newest_comments.approved(found, NEWEST)))
    return _feed(here, found, None, entries)


@public_get(bp, "/feeds/picks", *PARAMETERS)
def picked() -> Response:
    """The editors' picks of a site, or of one page."""
    found, page = site_or_page(request.args)
    thread = page.thread if page else None
    note_known(page)
    entries = _of_thread(thread, picks.of_page) if page else _picks_of(found)
    fields = page.fields if page else {"site": found.key, "lang": tag_now()}
    named = {name: fields.get(name) or None for name in ("site", "url", "thread", "lang")}
    title = _("Editors’ picks: %(title)s", title=thread.label if thread else found.name)
    return _feed(url_for("feeds.picked", **named, _external=True), found, thread, entries, title)


@public_get(bp, "/feeds/thread", *PARAMETERS)
def thread() -> Response:
    page = where(request.args)
    note_known(page)
    entries = _of_thread(page.thread, lambda thread: newest_comments.approved(page.site, NEWEST, thread))
    named = {name: page.fields[name] or None for name in ("site", "url", "thread", "lang")}
    return _feed(url_for("feeds.thread", **named, _external=True), page.site, page.thread, entries)


def _picks_of(site: Site) -> Entries:
    return replica.current(lambda: _entries(picks.of_site(site, NEWEST)))


def _of_thread(thread: Thread | None, read: Callable[[Thread], list[Comment]]) -> Entries:
    return replica.of_thread(thread, lambda: _entries(read(thread))) if thread else []


def _entries(rows: list[Comment]) -> Entries:
    return [(row.thread, reading.show(row), markup.plain(row.html)) for row in rows]


def _feed(here: str, site: Site, thread: Thread | None, entries: Entries, title: str = "") -> Response:
    title = title or _("Comments on “%(title)s”", title=thread.label if thread else site.name)
    xml = render_template("feeds/comments.atom", here=here, site=site, title=title, entries=entries)
    return unless_unchanged(for_everybody(Response(xml, content_type="application/atom+xml; charset=utf-8")))
