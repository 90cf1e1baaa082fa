"""Change the sections of a site, and put its articles into them by their paths."""

from typing import Any

from flask_babel import gettext as _
from sqlalchemy import ColumnElement, and_, delete, not_, or_, update

from app.database import rows_changed
from app.errors import Refused
from app.extensions import db
from app.lib.urls import page_key
from app.models import Moderator, Site, Thread, Wording, audit
from app.models.audit import Event, Who
from app.models.section import MOST_SECTIONS, Section, SectionBy, as_json, columns_of, sections_of


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


def _follow_paths(site: Site, sections: dict[str, Section]) -> None:
    """Move articles whose section comes from a path; the longest path wins."""
    rules = _rules(sections)
    anywhere = or_(*(_below(site, path) for path, _section in rules)) if rules else None
    left = Thread.section_by == SectionBy.PATH
    _move(site, None, SectionBy.NOTHING, left if anywhere is None else and_(left, not_(anywhere)))
    _enter(site, rules)


def enter_by_path(site: Site) -> None:
    """Put articles into sections after the site got an origin: they may be older, such as imported ones."""
    _enter(site, _rules(sections_of(site)))


def _rules(sections: dict[str, Section]) -> list[tuple[str, Section]]:
    # The first section with a path has it, as in `section_at`.
    return list({path: section for section in reversed(sections.values()) for path in section.paths}.items())


def _enter(site: Site, rules: list[tuple[str, Section]]) -> None:
    for path, section in sorted(rules, key=lambda rule: len(rule[0])):
        longer = [other for other, _section in rules if len(other) > len(path)]
        here = [_below(site, path), *(not_(_below(site, other)) for other in longer if other.startswith(f"{path}/"))]
        _move(
            site, section, SectionBy.PATH, *here, Thread.section_by <= SectionBy.PATH,
            or_(Thread.section != section.key, Thread.section_by != SectionBy.PATH),
        )  # fmt: skip


def _below(site: Site, path: str) -> ColumnElement[bool]:
    """Pages with this path, or below it, on each origin."""
    starts = {page_key(f"{origin}{path or '/'}").rstrip("/") for origin in site.origins}
    return or_(
        *(
            or_(Thread.key == start, *(Thread.key.startswith(f"{start}{sign}", autoescape=True) for sign in "/?"))
            for start in starts
        )
    )


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
