"""Articles with comments, and URL changes."""

from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext as _n

from app.desk import naming
from app.errors import Refused
from app.extensions import db
from app.forms.article import StateForm
from app.forms.decision import UndoForm
from app.lib import ids
from app.lib.text import clean_line
from app.models import Role, Site, State, Thread, ThreadAlias, ThreadChange, comment_counts
from app.models.section import SectionBy, sections_of
from app.moderation import articles
from app.transfer import moves
from app.transfer.moves import REFUSED, Outcome
from app.web.access import current_moderator, moderator_required, own_path, say, site_or_404, thread_or_404

bp = Blueprint("threads", __name__, url_prefix="/sites/<key>/threads")

LISTED = 50
# Threads that a search reads at once.
LOOK = 2000
# Characters of an address in a link, of a search; and lines of a move.
LONGEST_OLD, LONGEST_SEARCH, MOST_LINES = 2_500, 200, 500
MOST_TYPED = 4000  # characters of a field
OUTCOMES = {
    Outcome.MOVED: _l("will be moved"),
    Outcome.MERGED: _l("will be merged with the comments there"),
    Outcome.SAME: _l("already at this URL"),
    Outcome.MISSING: _l("no comments"),
    Outcome.TAKEN: _l("the new URL already has comments"),
    Outcome.TWICE: _l("has two new URLs"),
    Outcome.WRONG_OLD: _l("the old URL is invalid"),
    Outcome.WRONG_NEW: _l("the new URL doesn’t belong to this site"),
}


@bp.get("")
@moderator_required
def show(key: str) -> str:
    return _page(site_or_404(key, Role.ADMIN), typed=_first_line())


@bp.post("")
@moderator_required
def move(key: str) -> Any:
    """Move the pages of all lines; with `try` or an impossible line, only show the outcomes."""
    site, typed = site_or_404(key, Role.ADMIN), request.form.get("moves", "")
    try:
        done = moves.remap(site, moves.pairs_of(_lines(typed)))
    except Refused as no:
        return _page(site, typed=typed, wrong=no.sentence), no.status
    refused = any(each.outcome in REFUSED for each in done)
    moved = [each for each in done if each.outcome in (Outcome.MOVED, Outcome.MERGED)]
    if refused or not moved or "try" in request.form:
        db.session.rollback()
        idle = not refused and not moved and "try" not in request.form
        page = _page(site_or_404(key, Role.ADMIN), typed=typed, tried=done, refused=refused, idle=idle)
        return page, 422 if refused else 200
    db.session.commit()
    flash(_("Comments moved to the new URLs. Old URLs redirect there.") + _skipped(len(done) - len(moved)))
    return redirect(url_for("threads.show", key=key), 303)


def _skipped(count: int) -> str:
    said = _n("%(num)d line had no comments to move.", "%(num)d lines had no comments to move.", count)
    return f" {said}" if count else ""


def _lines(typed: str) -> list[str]:
    lines = typed.splitlines()
    if len(lines) > MOST_LINES:
        said = _("Enter %(most)d lines or fewer. For longer files, use `flask thread remap`.", most=MOST_LINES)
        raise Refused("too_many_lines", said)
    return lines


@bp.get("/<int:id>")
@moderator_required
def page(key: str, id: int) -> str:
    return _named(_thread(key, id))


@bp.post("/<int:id>")
@moderator_required
def name(key: str, id: int) -> Any:
    """Set title, address and date of a page."""
    thread = _thread(key, id)
    given = {field: request.form.get(field, "")[:MOST_TYPED] for field in naming.FIELDS}
    try:
        naming.name(thread, given, by=current_moderator())
    except Refused as no:
        return _named(thread, given, no), no.status
    db.session.commit()
    flash(_("Saved."))
    return redirect(url_for("threads.page", key=key, id=id), 303)


@bp.post("/new")
@moderator_required
def add(key: str) -> Any:
    """The page of an article that has no comments yet, to set its state before the first one."""
    site, typed = site_or_404(key, Role.ADMIN), request.form.get("url", "")[:MOST_TYPED]
    try:
        thread = moves.obtain_thread(site, typed)
    except Refused as no:
        return _page(site, typed="", wrong_article=no.sentence, article=typed), no.status
    db.session.commit()
    return redirect(url_for("threads.page", key=key, id=thread.id), 303)


@bp.post("/<int:id>/state")
@moderator_required
def set_state(key: str, id: int) -> Any:
    """Open, close, hold or hide the comments of an article."""
    thread, form = _thread(key, id), StateForm()
    if not form.validate():
        abort(400)
    change = articles.set_state(thread, State(form.state.data), by=current_moderator(), reason=form.reason.data or "")
    db.session.commit()
    return _said(thread, change, form.next.data or "")


@bp.post("/changes/<int:id>/undo")
@moderator_required
def undo(key: str, id: int) -> Any:
    site, form = site_or_404(key), UndoForm()
    change = ThreadChange.of_site([site.id], id) or abort(404)
    thread_or_404(site, change.thread_id)
    undone = articles.undo(change, by=current_moderator())
    db.session.commit()
    return _said(undone.thread, undone, form.next.data or "")


def _said(thread: Thread, change: ThreadChange | None, back: str) -> Any:
    """A confirmation with an undo button: a fragment for our script, else on the page before."""
    back = own_path(back)
    said = render_template(
        "sites/_state_said.html", thread=thread, change=change, states=articles.STATES, back=back, site=thread.site
    )
    return say(said, back)


def _thread(key: str, id: int) -> Thread:
    return thread_or_404(site_or_404(key), id)


def _named(thread: Thread, typed: dict[str, str] | None = None, wrong: Refused | None = None) -> str:
    started = thread.started_at
    local = started.astimezone(ZoneInfo(thread.site.timezone)).isoformat(timespec="minutes")[:16] if started else ""
    by_hand = thread.section if thread.section_by == SectionBy.HAND else ""
    typed = typed or {
        "title": thread.title,
        "url": thread.url,
        "published": local,
        "section": by_hand,
        "commenters": thread.commenters,
    }
    return render_template(
        "sites/thread.html",
        site=thread.site,
        thread=thread,
        typed=typed,
        wrong=wrong,
        sections=sections_of(thread.site),
        **articles.shown(thread),
    )


def _first_line() -> str:
    old = clean_line(request.args.get("old", "")[:LONGEST_OLD])
    return f"{old}," if old else ""


def _page(
    site: Site,
    *,
    typed: str,
    wrong: str = "",
    wrong_article: str = "",
    article: str = "",
    tried: Sequence[moves.Move] = (),
    refused: bool = False,
    idle: bool = False,
) -> str:
    search, after = clean_line(request.args.get("q", "")[:LONGEST_SEARCH]), request.args.get("after", 0, type=ids.read)
    down_to = Thread.id_back(site, LOOK, after) if search else 0
    found = Thread.of_site(site, after=after, down_to=down_to, limit=LISTED + 1, search=search)
    threads = found[:LISTED]
    listed = [thread.id for thread in threads]
    return render_template(
        "sites/threads.html", site=site, threads=threads, search=search, outcomes=OUTCOMES, stops=REFUSED,
        numbers=comment_counts.by_thread(listed), earlier=ThreadAlias.of(listed),
        next=listed[-1] if len(found) > LISTED else None,
        further=down_to if len(found) <= LISTED else None,
        typed=typed, wrong=wrong, tried=tried, refused=refused, idle=idle, states=articles.STATES,
        wrong_article=wrong_article, article=article,
    )  # fmt: skip
