"""Change the sections of a site, and put its articles into them by their paths."""

from collections import defaultdict
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import ColumnElement, and_, bindparam, delete, select, update

from app.database import rows_changed
from app.errors import Refused
from app.extensions import db
from app.lib.urls import page_key
from app.models import Moderator, Site, Thread, Wording, audit
from app.models.audit import Event, Who
from app.models.section import MOST_SECTIONS, Section, SectionBy, as_json, columns_of, sections_of

AT_ONCE = 500  # articles changed by one statement
_NO_BETTER = select(Thread.id, Thread.key, Thread.section, Thread.section_by).where(
    Thread.site_id == bindparam("site"), Thread.section_by <= SectionBy.PATH
)


def put(site: Site, section: Section, *, by: Moderator | Who) -> None:
    """Add a section, or change the one with its key. Raises Refused (422) for too many."""
    _lock(site)
    sections = sections_of(site)
    if section.key not in sections and len(sections) >= MOST_SECTIONS:
        raise Refused("too_many", _("A site can have %(most)d sections.", most=MOST_SECTIONS), field="key")
    _write(site, {**sections, section.key: section}, by)


def remove(site: Site, key: str, *, by: Moderator | Who) -> None:
    """Its articles stay without a section. Moderators of this section alone moderate nothing until an owner decides."""
    _lock(site)
    sections = sections_of(site)
    sections.pop(key, None)
    db.session.execute(delete(Wording).where(Wording.site_id == site.id, Wording.section == key))
    _move(site, None, SectionBy.NOTHING, Thread.section == key)
    _write(site, sections, by)


def _lock(site: Site) -> None:
    # Two administrators who save at once would each write a list without the other's section.
    db.session.refresh(site, ("sections", "version"), with_for_update={"key_share": True})


def _write(site: Site, sections: dict[str, Section], by: Moderator | Who) -> None:
    before, after = site.sections, as_json(sections.values())
    if before == after:
        return
    site.change({"sections": after})
    _follow_paths(site, sections)
    for section in sections.values():
        stale = and_(Thread.section == section.key, Thread.section_by > SectionBy.CLAIM)
        _change(site, {"section_state": section.state}, stale, Thread.section_state != section.state)
    audit.record(
        Event.SETTINGS_CHANGED, by=by, site=site, changes={"sections": [[_told(each) for each in before],
                                                                        [_told(each) for each in after]]}
    )  # fmt: skip


def follow_paths(site: Site) -> None:
    """Put articles into the sections of their paths, also after the origins changed: they may be older."""
    _follow_paths(site, sections_of(site))


def _follow_paths(site: Site, sections: dict[str, Section]) -> None:
    """Only articles whose section comes from a path, or from nothing better; the longest path wins."""
    starts, moved = _starts(site, sections), defaultdict[str, list[int]](list)
    for id, key, *now in db.session.execute(_NO_BETTER, {"site": site.id}):
        section = _longest(starts, key)
        if section and now != [section.key, SectionBy.PATH]:
            moved[section.key].append(id)
        elif not section and now[1] == SectionBy.PATH:
            moved[""].append(id)
    for key, ids in moved.items():
        for at in range(0, len(ids), AT_ONCE):
            still = Thread.id.in_(ids[at : at + AT_ONCE]), Thread.section_by <= SectionBy.PATH
            _move(site, sections.get(key), SectionBy.PATH if key else SectionBy.NOTHING, *still)


def _starts(site: Site, sections: dict[str, Section]) -> dict[str, Section]:
    """Sections by the keys of the pages at their paths, on each origin."""
    origins = [page_key(f"{origin}/").rstrip("/") for origin in site.origins]
    # The first section with a path has it, as in `section_at`.
    first = {path: section for section in reversed(sections.values()) for path in section.paths}
    return {f"{origin}{path}": section for origin in origins for path, section in first.items()}


def _longest(starts: dict[str, Section], key: str) -> Section | None:
    """The section with the longest path that this page is at or below."""
    page = key.partition("?")[0]
    while page and page not in starts:
        page = page.rpartition("/")[0]
    return starts.get(page)


def _move(site: Site, section: Section | None, by: SectionBy, *which: ColumnElement[bool]) -> None:
    _change(site, columns_of(section, by), *which)


def _change(site: Site, values: dict[str, Any], *which: ColumnElement[bool]) -> None:
    # Page caches and ETags follow the version.
    query = update(Thread).where(Thread.site_id == site.id, *which).values(**values, version=Thread.version + 1)
    rows_changed(query.execution_options(synchronize_session=False))


def _told(section: dict[str, Any]) -> str:
    hold = {True: "+", False: "-", None: ""}[section["hold"]]
    return " ".join(
        filter(None, (section["key"], section["state"], hold, section.get("commenters"), *section["paths"]))
    )
