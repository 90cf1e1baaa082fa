"""The audit log for owners, newest first: of their sites and members, or of the whole installation for operators."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select, true
from sqlalchemy.orm import aliased

from app.extensions import db
from app.models import AuditEvent, Membership, Moderator, Role, Site

PAGE = 50
BATCH = 250  # events read at once for an export
COLUMNS = (
    "id", "made_at", "event", "site", "actor", "actor_id", "actor_name", "account_id", "account_name", "network",
    "details",
)  # fmt: skip


@dataclass(frozen=True)
class AuditFilter:
    """None matches all. `since` is inclusive, `until` exclusive. `site` is a key, '' for the installation."""

    site: str | None = None
    events: Collection[str] | None = None
    account_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class Page:
    """`before` is the cursor of the next page."""

    events: list[AuditEvent]
    names: dict[int, str]
    before: int | None


def sites_of(me: Moderator) -> list[Site]:
    """The sites whose events this moderator may read."""
    if me.is_operator:
        return Site.all()
    return list(me.sites(Site.id.in_(_owned_by(me))))


def count_sites_of(me: Moderator) -> int:
    every = select(func.count()).select_from(Site)
    return db.session.scalar(every if me.is_operator else every.where(Site.id.in_(_owned_by(me)))) or 0


def people_of(me: Moderator) -> list[Moderator]:
    """The accounts that the events may be about."""
    query = select(Moderator).order_by(Moderator.name, Moderator.id)
    if not me.is_operator:
        query = query.where(Moderator.id.in_(_members_with(me)))
    return list(db.session.scalars(query))


def events_for(me: Moderator, wanted: AuditFilter, *, before: int | None = None) -> Page:
    found = _newest(_conditions(me, wanted), before, PAGE + 1)
    shown = found[:PAGE]
    return Page(shown, _names(shown), shown[-1].id if len(found) > PAGE else None)


def all_for(me: Moderator, wanted: AuditFilter) -> Iterator[dict[str, Any]]:
    """All matching events as plain rows, without open transaction between batches: a download may be slow."""
    return _all(_conditions(me, wanted))


def _all(conditions: list[ColumnElement[bool]]) -> Iterator[dict[str, Any]]:
    before = None
    while found := _newest(conditions, before, BATCH):
        names, before = _names(found), found[-1].id
        rows = [_exported(each, names) for each in found]
        db.session.expunge_all()
        db.session.rollback()
        yield from rows


def _exported(event: AuditEvent, names: dict[int, str]) -> dict[str, Any]:
    row = {name: getattr(event, name, None) for name in COLUMNS}
    row["made_at"] = event.made_at.isoformat()
    row["account_name"] = names.get(event.account_id or 0)
    return row | {"details": event.said}


def _newest(conditions: list[ColumnElement[bool]], before: int | None, limit: int) -> list[AuditEvent]:
    query = select(AuditEvent).where(AuditEvent.event != "", *conditions)
    if before:
        query = query.where(AuditEvent.id < before)
    return list(db.session.scalars(query.order_by(AuditEvent.id.desc()).limit(limit)))


def _names(events: list[AuditEvent]) -> dict[int, str]:
    return Moderator.names_of({each.account_id for each in events if each.account_id})


def _conditions(me: Moderator, wanted: AuditFilter) -> list[ColumnElement[bool]]:
    found = [true() if me.is_operator else _visible(me)]
    if wanted.site is not None:
        found.append(AuditEvent.site == wanted.site)
    if wanted.events is not None:
        found.append(AuditEvent.event.in_(wanted.events))
    if wanted.account_id is not None:
        found.append(or_(AuditEvent.account_id == wanted.account_id, AuditEvent.actor_id == wanted.account_id))
    if wanted.since:
        found.append(AuditEvent.made_at >= wanted.since)
    return [*found, AuditEvent.made_at < wanted.until] if wanted.until else found


def _visible(me: Moderator) -> ColumnElement[bool]:
    """Events of the owner's sites, and of their members' accounts since they joined.

    Keys and ids may have belonged to an earlier site or account: only events since its creation count.
    """
    site = select(Site.id).where(
        Site.key == AuditEvent.site, Site.created_at <= AuditEvent.made_at, Site.id.in_(_owned_by(me))
    )
    account = select(Moderator.id).where(
        Moderator.id == AuditEvent.account_id,
        Moderator.created_at <= AuditEvent.made_at,
        Moderator.id.in_(_members_with(me, Membership.joined_at <= AuditEvent.made_at)),
    )
    return or_(site.exists(), and_(AuditEvent.site == "", account.exists()))


def _members_with(me: Moderator, *conditions: ColumnElement[bool]) -> Any:
    owned = Membership.site_id.in_(_owned_by(me))
    return select(Membership.moderator_id).where(owned, *conditions).correlate(AuditEvent)


def _owned_by(me: Moderator) -> Any:
    mine = aliased(Membership)
    return select(mine.site_id).where(mine.moderator_id == me.id, mine.role == Role.OWNER)
