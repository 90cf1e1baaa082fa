"""The audit log: log-ins, members, settings, rules, exports and other administration. Rows are only added.

A trigger refuses every other change than erasing a row's content (migrations). Decisions on comments have their own
log (app/models/decision.py).
"""

import json
from collections import Counter
from collections.abc import Collection, Generator, Iterator, Mapping
from contextlib import closing
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Index, String, Text, and_, false, func, or_, select, update
from sqlalchemy.orm import Mapped, mapped_column

from app.database import rows_changed
from app.extensions import Id, Model, db
from app.lib import chain
from app.lib.clock import Moment, now
from app.models.audit_events import LOGINS as LOGINS
from app.models.audit_events import Event as Event
from app.models.chain_head import ChainHead
from app.models.moderator import Moderator
from app.models.site import Site

CHAIN = "audit"
LONGEST_TEXT = 300  # characters of one text in the details
MOST_ITEMS = 100  # of a list in the details
BATCH = 500


class Who(StrEnum):
    MODERATOR = "moderator"
    OPERATOR = "operator"  # on the command line
    SYSTEM = "system"
    VISITOR = "visitor"  # without a log-in
    TOKEN = "token"  # noqa: S105 (of the API)


class By(NamedTuple):
    """Who acted; the name at that time."""

    kind: str
    id: int | None = None
    name: str = ""


class AuditEvent(Model):
    __tablename__ = "audit_event"
    __table_args__ = (
        Index("ix_audit_event_site", "site", "id"),
        Index("ix_audit_event_account", "account_id", "id"),
        Index("ix_audit_event_event", "event", "id"),
    )

    # Ascending without gaps: the number in the chain. No foreign keys, because the rows outlive what they are about.
    id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    made_at: Mapped[datetime] = mapped_column(Moment)
    # '' in a row whose content was erased; its salt is '', too.
    event: Mapped[str] = mapped_column(String(32))
    # Key of the site; '': the installation.
    site: Mapped[str] = mapped_column(String(64), default="")
    actor: Mapped[str] = mapped_column(String(16))
    actor_id: Mapped[int | None] = mapped_column(Id)
    actor_name: Mapped[str] = mapped_column(String(400), default="")
    # The moderator account that it is about.
    account_id: Mapped[int | None] = mapped_column(Id)
    # Of log-ins: /24 or /56.
    network: Mapped[str] = mapped_column(String(64), default="")
    # JSON, as text: the digest needs the same bytes on each database.
    details: Mapped[str] = mapped_column(Text, default="")
    salt: Mapped[str] = mapped_column(String(32))
    content_digest: Mapped[str] = mapped_column(String(64))
    chain_digest: Mapped[str] = mapped_column(String(64))

    @property
    def content(self) -> list[Any]:
        who = [self.actor, self.actor_id, self.actor_name]
        made_at = self.made_at.isoformat()
        return [self.id, made_at, self.event, self.site, *who, self.account_id, self.network, self.details]

    @property
    def is_erased(self) -> bool:
        return all(getattr(self, name) == empty for name, empty in _ERASED.items())

    @property
    def said(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.details) if self.details else {}
        return found

    @classmethod
    def newest(cls, event: Event) -> "AuditEvent | None":
        return db.session.scalar(select(cls).where(cls.event == event).order_by(cls.id.desc()).limit(1))

    @classmethod
    def oldest(cls, event: Event | None = None) -> "AuditEvent | None":
        query = select(cls).where(cls.event == event) if event else select(cls)
        return db.session.scalar(query.order_by(cls.id).limit(1))

    def __repr__(self) -> str:
        return f"<AuditEvent {self.id}: {self.event}>"


_ERASED: dict[str, Any] = {
    **dict.fromkeys(("event", "site", "actor", "actor_name", "network", "details", "salt"), ""),
    **dict.fromkeys(("actor_id", "account_id")),
}


def record(
    event: Event,
    *,
    by: Moderator | By | Who,
    site: Site | None = None,
    account: Moderator | None = None,
    network: str = "",
    **details: Any,
) -> None:
    """Add an event to the log, in the transaction of the change itself.

    It locks the chain until the commit: call it after the other writes. `account` is the account that the event is
    about. `network` is given for log-ins (`app.abuse.address.network`). `details` are JSON values, never secrets or
    readers' data.
    """
    db.session.flush()
    who = _by(by)
    number, before = ChainHead.take(CHAIN)
    entry = AuditEvent(
        id=number, made_at=now(), event=event, site=site.key if site else "",
        actor=who.kind, actor_id=who.id, actor_name=who.name, account_id=account.id if account else None,
        network=network, details=_written(details), salt=chain.new_salt(),
    )  # fmt: skip
    entry.content_digest = chain.digest(entry.salt, entry.content)
    entry.chain_digest = chain.link(before, entry.content_digest)
    db.session.add(entry)
    ChainHead.move(CHAIN, entry.chain_digest)
    db.session.flush()


def _by(by: Moderator | By | Who) -> By:
    if isinstance(by, Moderator):
        return By(Who.TOKEN if by.is_program else Who.MODERATOR, by.id, by.name)
    return by if isinstance(by, By) else By(by)


def _written(details: dict[str, Any]) -> str:
    return json.dumps(_bounded(details), sort_keys=True) if details else ""


def _bounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _bounded(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_bounded(each) for each in value[:MOST_ITEMS]]
    return f"{value[:LONGEST_TEXT]}…" if isinstance(value, str) and len(value) > LONGEST_TEXT else value


class Verified(NamedTuple):
    chain: chain.Verified
    # Rows without content, beyond those whose erasure is in the log.
    unrecorded: int

    @property
    def ok(self) -> bool:
        return self.chain.problem is None and self.unrecorded == 0


def verify(*asked: int) -> Verified:
    """Verify the whole log; call it within `database.snapshot`."""
    last, head = ChainHead.of(CHAIN)
    recorded: Counter[str] = Counter()
    with closing(_rows(recorded)) as rows:
        found = chain.verify(rows, last, head, asked=asked)
    return Verified(found, 0 if found.problem else found.erased - recorded["rows"])


def _rows(recorded: Counter[str]) -> Generator[chain.Row, None, None]:
    query = select(AuditEvent).order_by(AuditEvent.id).execution_options(yield_per=BATCH, populate_existing=True)
    with db.session.execute(query) as rows:
        for (row,) in rows:
            if row.event == Event.LOG_ERASED:
                recorded["rows"] += _erased_by(row)
            content = None if row.is_erased else row.content
            yield chain.Row(row.id, content, row.salt, row.content_digest, row.chain_digest)


def _erased_by(row: AuditEvent) -> int:
    """0 for details that were changed by hand, which the digest shows."""
    try:
        return int(row.said["rows"])
    except (ValueError, TypeError, KeyError):
        return 0


def erase(ids: Collection[int], *, because: str, by: Moderator | Who) -> int:
    """Erase the content of rows, and record how many; returns that. Their digests stay."""
    rows = AuditEvent.id.in_(ids), AuditEvent.event.not_in(("", Event.LOG_ERASED))
    if erased := rows_changed(update(AuditEvent).where(*rows).values(_ERASED)):
        record(Event.LOG_ERASED, by=by, rows=erased, because=because)
    return erased


def forget(days: Mapping[str, int]) -> Iterator[int]:
    """Erase events after their time (`AUDIT_LOGIN_DAYS`, `AUDIT_DAYS`; 0: never).

    Yields the number of rows after each step, and the caller commits.
    """
    # The same events for all steps: those that come due during a long run wait for the next one.
    query = select(AuditEvent.id).where(_due(days)).order_by(AuditEvent.id).limit(BATCH)
    while ids := db.session.scalars(query).all():
        yield erase(ids, because="retention", by=Who.SYSTEM)


def count_due(days: Mapping[str, int]) -> int:
    return db.session.scalar(select(func.count()).select_from(AuditEvent).where(_due(days))) or 0


def _due(days: Mapping[str, int]) -> ColumnElement[bool]:
    others = [event for event in Event if event not in LOGINS | {Event.LOG_ERASED}]
    kinds = ((days["AUDIT_LOGIN_DAYS"], sorted(LOGINS)), (days["AUDIT_DAYS"], others))
    return or_(false(), *(_older(events, kept) for kept, events in kinds if kept))


def _older(events: Collection[Event], days: int) -> ColumnElement[bool]:
    return and_(AuditEvent.event.in_(events), AuditEvent.made_at < now() - timedelta(days=days))
