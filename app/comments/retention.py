"""Delete networks, spam, earlier texts, votes and decided notices after a site's retention period."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, String, cast, delete, func, literal, select, text, tuple_, update

from app.database import rows_changed, snapshot
from app.extensions import db
from app.lib.clock import now
from app.models import (
    Author,
    CheckerAnswer,
    Comment,
    Decision,
    LegalHold,
    Notice,
    NoticeState,
    Report,
    Revision,
    Site,
    Vote,
    WebhookDelivery,
)
from app.models.author import RECOGNIZED
from app.models.comment import TRACED, WHOLE_SPAM
from app.moderation import legal_hold
from app.spam import learning

BATCH = 200  # rows in a transaction, so others wait for milliseconds
# No keyed hash starts with it. The report's id is appended, because it is unique for each comment.
FORGOTTEN = "-"


@dataclass(frozen=True)
class Kind:
    """The site's setting, the condition of expired rows, how to erase them, and the columns that order them.

    An index that begins with the site has these columns: each batch reads what it erases, and not the whole past.
    """

    days: str
    record: Any
    expired: Callable[[Any, datetime], ColumnElement[bool]]
    forget: Callable[[Sequence[int]], object]
    order: tuple[Any, ...]

    def due(self, site: Site) -> ColumnElement[bool] | None:
        days = getattr(site, self.days)
        return self.expired(site, now() - timedelta(days=days)) if days else None

    def sites(self) -> list[int]:
        """Ids of those that have expired rows: one statement for each number of days that sites have chosen."""
        setting, found = getattr(Site, self.days), list[int]()
        chosen = select(setting).where(setting > 0).distinct()
        for days in sorted(db.session.scalars(chosen)):
            expired = self.expired(Site, now() - timedelta(days=days))
            due = select(self.record.id).where(expired).correlate(Site).exists()
            found += db.session.scalars(select(Site.id).where(setting == days, due).order_by(Site.id))
        return found

    def batches(self, site: Site) -> Iterator[Sequence[int]]:
        """Ids of rows that have expired by now; the caller may commit after each batch."""
        # The same for all batches: rows that expire during a long run would never let it end.
        due, last = self.due(site), tuple[Any, ...]()
        while due is not None and (rows := self._next(due, last)):
            yield [row.id for row in rows]
            last = tuple(rows[-1])

    def still_due(self, site_id: int, ids: Sequence[int]) -> Sequence[int]:
        """Those of these rows that are still to be erased, locked until the commit.

        Since they were read, a moderator may have decided on them, or the site may have another period, or be gone.
        """
        site = db.session.get(Site, site_id)
        due = self.due(site) if site else None
        if due is None:
            return []
        query = select(self.record.id).where(self.record.id.in_(ids), due).order_by(self.record.id)
        return db.session.scalars(query.with_for_update()).all()

    def _next(self, due: ColumnElement[bool], last: tuple[Any, ...]) -> Sequence[Any]:
        query = select(*self.order).where(due).order_by(*self.order).limit(BATCH)
        with snapshot():
            return db.session.execute(query.where(tuple_(*self.order) > last) if last else query).all()


def forget_all() -> Iterator[Counter[str]]:
    """Erase expired data of all sites; yields counts after each batch, and the caller commits."""
    for _step in legal_hold.release_overdue():
        yield Counter({"holds": 1})
    for name, kind in KINDS.items():
        for site_id in kind.sites():
            for ids in _locked(site_id, kind):
                _keep_held(kind.record, ids)
                kind.forget(ids)
                yield Counter({name: len(ids)})


def _locked(site_id: int, kind: Kind) -> Iterator[Sequence[int]]:
    site = db.session.get(Site, site_id)
    for batch in kind.batches(site) if site else ():
        if ids := kind.still_due(site_id, batch):
            yield ids


def _keep_held(record: Any, ids: Sequence[int]) -> None:
    """Copy what a legal hold keeps, before it is deleted."""
    if record in COMMENTS_OF:
        held = select(LegalHold.comment_id).where(LegalHold.is_running())
        legal_hold.absorb(set(db.session.scalars(COMMENTS_OF[record](ids).where(Comment.id.in_(held)))))


def count_all() -> Counter[str]:
    counts: Counter[str] = Counter()
    for name, kind in KINDS.items():
        for site_id in kind.sites():
            due = kind.due(db.session.get_one(Site, site_id))
            if due is not None:
                counts[name] += db.session.scalar(select(func.count()).select_from(kind.record).where(due)) or 0
    return counts


def _old_networks(site: Site, before: datetime) -> ColumnElement[bool]:
    return (Comment.site_id == site.id) & (Comment.created_at < before) & text(f"({TRACED})")


def _old_spam(site: Site, before: datetime) -> ColumnElement[bool]:
    decided = select(Decision.id).where(Decision.comment_id == Comment.id, Decision.made_at >= before).exists()
    return (Comment.site_id == site.id) & (Comment.created_at < before) & text(WHOLE_SPAM) & ~decided


def _old_texts(site: Site, before: datetime) -> ColumnElement[bool]:
    return (Revision.site_id == site.id) & (Revision.replaced_at < before)


def _old_reports(site: Site, before: datetime) -> ColumnElement[bool]:
    known = Report.reporter_index.not_like(f"{FORGOTTEN}%")
    return (Report.site_id == site.id) & (Report.made_at < before) & known


def _old_votes(site: Site, before: datetime) -> ColumnElement[bool]:
    """Those that the comment's number contains."""
    return (Vote.site_id == site.id) & (Vote.made_at < before) & (Vote.standing == Vote.counted)


def _old_browsers(site: Site, before: datetime) -> ColumnElement[bool]:
    """Authors with a stored network or browser and without a comment since `before`."""
    lately = select(Comment.id).where(Comment.author_id == Author.id, Comment.created_at >= before).exists()
    return (Author.site_id == site.id) & text(f"({RECOGNIZED})") & ~lately


def _old_notices(site: Site, before: datetime) -> ColumnElement[bool]:
    held = select(LegalHold.id).where(LegalHold.comment_id == Notice.comment_id, LegalHold.is_running()).exists()
    return (Notice.site_id == site.id) & (Notice.state == NoticeState.CLOSED) & (Notice.closed_at < before) & ~held


def _forget_notices(ids: Sequence[int]) -> None:
    """With the log of the case."""
    rows_changed(delete(Notice).where(Notice.id.in_(ids)))


def _forget_browsers(ids: Sequence[int]) -> None:
    rows_changed(update(Author).where(Author.id.in_(ids)).values(network_index=None, traits_index=None))


def _forget_networks(ids: Sequence[int]) -> None:
    rows_changed(update(Comment).where(Comment.id.in_(ids)).values(Comment.FROM_NOWHERE))


def _forget_spam(ids: Sequence[int]) -> None:
    """The row stays for the log, and so does its author's row if it has no other comment."""
    rows_changed(delete(Revision).where(Revision.comment_id.in_(ids)))
    CheckerAnswer.forget_reasons(ids)
    WebhookDelivery.forget_answers(ids)
    for comment in db.session.scalars(select(Comment).where(Comment.id.in_(ids))):
        learning.store_slots(comment)
        comment.empty()
    db.session.flush()
    authors = select(Comment.author_id).where(Comment.id.in_(ids))
    has_text = select(Comment.id).where(Comment.author_id == Author.id, Comment.emptied_at.is_(None)).exists()
    emptied = update(Author).where(Author.id.in_(authors), ~has_text)
    indexes = ("email_index", "confirmed_index", "vouched_index", "network_index", "traits_index")
    rows_changed(emptied.values(name="", email="", website="", **dict.fromkeys(indexes)))


def _forget_texts(ids: Sequence[int]) -> None:
    rows_changed(delete(Revision).where(Revision.id.in_(ids)))


def _forget_votes(ids: Sequence[int]) -> None:
    rows_changed(delete(Vote).where(Vote.id.in_(ids)))


def _forget_reporters(ids: Sequence[int]) -> None:
    placeholder = literal(FORGOTTEN) + cast(Report.id, String)
    rows_changed(update(Report).where(Report.id.in_(ids)).values(reporter_index=placeholder, wide_index=None))


# The comments of expired rows.
COMMENTS_OF: dict[Any, Callable[[Sequence[int]], Select[Any]]] = {
    Comment: lambda ids: select(Comment.id).where(Comment.id.in_(ids)),
    Author: lambda ids: select(Comment.id).where(Comment.author_id.in_(ids)),
    Report: lambda ids: select(Comment.id).join(Report, Report.comment_id == Comment.id).where(Report.id.in_(ids)),
    Revision: lambda ids: select(Comment.id).join(Revision, Revision.comment_id == Comment.id).where(
        Revision.id.in_(ids)
    ),
}  # fmt: skip
KINDS = {
    "networks": Kind("keep_address_days", Comment, _old_networks, _forget_networks, (Comment.created_at, Comment.id)),
    "browsers": Kind("keep_address_days", Author, _old_browsers, _forget_browsers, (Author.id,)),
    "reporters": Kind("keep_address_days", Report, _old_reports, _forget_reporters, (Report.made_at, Report.id)),
    "spam": Kind("keep_spam_days", Comment, _old_spam, _forget_spam, (Comment.created_at, Comment.id)),
    "earlier_texts": Kind(
        "keep_revision_days", Revision, _old_texts, _forget_texts, (Revision.replaced_at, Revision.id)
    ),
    "votes": Kind("keep_vote_days", Vote, _old_votes, _forget_votes, (Vote.made_at, Vote.id)),
    "notices": Kind("keep_notice_days", Notice, _old_notices, _forget_notices, (Notice.closed_at, Notice.id)),
}
