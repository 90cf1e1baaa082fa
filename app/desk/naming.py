"""Set title, address, date, section and commenters of a page by hand."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask_babel import gettext as _

from app.errors import Refused
from app.lib.clock import now
from app.lib.text import clean_line
from app.lib.urls import canonical, is_allowed, page_key
from app.models import Moderator, Thread, audit
from app.models.audit import Event, Who
from app.models.commenters import INHERITED, Commenters
from app.models.section import SectionBy, section_at, sections_of
from app.models.thread import LONGEST_TITLE, Named
from app.notify import events

FIELDS = ("title", "url", "published", "section", "commenters")
# No page is older; before it, some time zone has no date for some moment.
FIRST = datetime(1900, 1, 1, tzinfo=UTC)


def name(thread: Thread, given: dict[str, str], *, by: Moderator | Who = Who.OPERATOR) -> None:
    """Change title, url, published (ISO 8601), section (a key) or commenters (commenters.py).

    Raises Refused (422) with the invalid field.

    Values set by hand override those that comments claim, until title and address are set to ''. Without a section by
    hand, the paths of the sections decide.
    """
    before, commenters = _details(thread), thread.commenters
    _name(thread, given)
    if _details(thread) != before:
        events.thread_changed(thread, "details")
    if thread.commenters != commenters:
        changes = {"commenters": [commenters, thread.commenters]}
        audit.record(Event.SETTINGS_CHANGED, by=by, site=thread.site, changes=changes, article=thread.key)


def _details(thread: Thread) -> tuple[Any, ...]:
    return thread.title, thread.url, thread.started_at, thread.section, thread.section_by


def _name(thread: Thread, given: dict[str, str]) -> None:
    section = given.get("section")
    if section is not None and section.strip() != (thread.section if thread.section_by == SectionBy.HAND else ""):
        _choose_section(thread, section.strip())
    if (commenters := given.get("commenters")) is not None:
        _choose_commenters(thread, commenters.strip())
    given = {field: text for field, text in given.items() if field not in ("section", "commenters")}
    if not given:
        return
    read = {field: _NORMALISE[field](thread, text.strip()) for field, text in given.items()}
    values: dict[str, Any] = {"started_at" if field == "published" else field: value for field, value in read.items()}
    after = {"title": thread.title, "url": thread.url} | values
    values["named_by"] = Named.HAND if after["title"] or after["url"] else Named.NOBODY
    thread.change(**values)


def _choose_section(thread: Thread, key: str) -> None:
    section = sections_of(thread.site).get(key)
    if key and section is None:
        raise Refused("no_section", _("This site has no such section."), field="section")
    by_path = None if section else section_at(thread.site, thread.key)
    by = SectionBy.HAND if section else SectionBy.PATH if by_path else SectionBy.NOTHING
    thread.put_into_section(section or by_path, by)


def _choose_commenters(thread: Thread, commenters: str) -> None:
    if commenters not in (INHERITED, *Commenters):
        said = _("Use one of these: %(choices)s", choices=", ".join(Commenters))
        raise Refused("bad_commenters", said, field="commenters")
    thread.let_comment(commenters)


def _title(thread: Thread, text: str) -> str:
    title = clean_line(text)
    if len(title) > LONGEST_TITLE:
        raise Refused("long_title", _("Use %(most)d characters or fewer.", most=LONGEST_TITLE), field="title")
    return title


def _url(thread: Thread, text: str) -> str:
    if not text:
        return ""
    try:
        url = canonical(text)
        ours = is_allowed(url, thread.site.origins)
        same = not thread.key.startswith("https://") or page_key(url) == thread.key
    except ValueError:
        ours = same = False
    if not ours:
        raise Refused("wrong_page", _("This URL doesn’t belong to this site."), field="url")
    if not same:
        raise Refused(
            "other_page", _("This URL belongs to another article. Move the comments there instead."), field="url"
        )
    return url


def _published(thread: Thread, text: str) -> datetime | None:
    """In the site's time zone unless given; None lets the next approved comment set the date."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        local = moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(thread.site.timezone))
        at = local.astimezone(UTC)
        if at < FIRST:
            raise ValueError("too early")
    except (ValueError, OverflowError) as trouble:
        raise Refused("bad_date", _("Enter a date such as 2026-11-29."), field="published") from trouble
    if at > now():
        raise Refused("future_date", _("This date is in the future."), field="published")
    return at


_NORMALISE = {"title": _title, "url": _url, "published": _published}
