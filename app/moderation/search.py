"""Search: comments of a moderator's sites by what was said, by whom, where, when, and how it was decided."""

import unicodedata
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_, exists, func, or_, select

from app.extensions import db
from app.models import Author, Comment, Decision, Moderator, Site, Status, Thread
from app.moderation.cards import cards_of, load
from app.moderation.queue import PAGE, Page, counts

# So many comments, by their ids, are looked through for one answer where no index leads to what is wanted.
STEP = 200_000


@dataclass(frozen=True)
class Wanted:
    """What she asks for; what is empty does not narrow. Dates are whole days of the site's clock."""

    text: str = ""
    name: str = ""
    email: str = ""
    article: str = ""
    status: str = ""
    since: date | None = None
    until: date | None = None
    moderator: int | None = None
    reason: str = ""
    alike: int | None = None

    def is_empty(self) -> bool:
        return self == Wanted()

    @property
    def is_indexed(self) -> bool:
        return bool(self.email or self.alike)


def find(viewer: Moderator, wanted: Wanted, after: int | None = None) -> Page:
    """A page of what was found, the newest first, from before the comment `after`; it ends after a bounded look."""
    start = after or (db.session.scalar(select(func.max(Comment.id))) or 0) + 1
    end = 1 if wanted.is_indexed else max(start - STEP, 1)
    looked_at = (Comment.site_id.in_(viewer.site_ids), Comment.id < start, Comment.id >= end)
    query = select(Comment.id).where(*looked_at, *_conditions(viewer, wanted))
    ids = list(db.session.scalars(query.order_by(Comment.id.desc()).limit(PAGE + 1)))
    more = len(ids) > PAGE
    return Page(
        cards_of(load(ids[:PAGE]), viewer),
        counts(viewer),
        after=str(ids[PAGE - 1]) if more else "",
        further=str(end) if end > 1 and not more else "",
    )


def _conditions(viewer: Moderator, wanted: Wanted) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool] | None] = [
        _says(wanted.text),
        Comment.name.icontains(wanted.name, autoescape=True) if wanted.name else None,
        _wrote_as(viewer, wanted.email),
        _below(viewer, wanted.article),
        Comment.status == wanted.status if wanted.status else Comment.status != Status.DELETED,
        Comment.created_at >= _midnight(viewer, wanted.since) if wanted.since else None,
        Comment.created_at < _midnight(viewer, wanted.until + timedelta(days=1)) if wanted.until else None,
        _decided(wanted),
        _alike(viewer, wanted.alike),
    ]
    return [condition for condition in found if condition is not None]


def _says(text: str) -> ColumnElement[bool] | None:
    """Everything that she typed, between spaces, somewhere in the text; full-width letters as half-width too."""
    words = text.split()
    if not words:
        return None
    return and_(*(or_(*(Comment.body.icontains(form, autoescape=True) for form in _forms(word))) for word in words))


def _forms(word: str) -> list[str]:
    return list(dict.fromkeys((word, unicodedata.normalize("NFKC", word))))


def _wrote_as(viewer: Moderator, email: str) -> ColumnElement[bool] | None:
    """Only the whole address: its keyed hash is all that can be compared."""
    if not email:
        return None
    indexes = [Author.index_of(site, email) for site in _sites(viewer)]
    authors = select(Author.id).where(Author.site_id.in_(viewer.site_ids), Author.email_index.in_(indexes))
    return Comment.author_id.in_(authors)


def _below(viewer: Moderator, article: str) -> ColumnElement[bool] | None:
    """On an article whose title has these words, or whose address begins so."""
    if not article:
        return None
    named = or_(Thread.title.icontains(article, autoescape=True), Thread.url.startswith(article, autoescape=True))
    return Comment.thread_id.in_(select(Thread.id).where(Thread.site_id.in_(viewer.site_ids), named))


def _decided(wanted: Wanted) -> ColumnElement[bool] | None:
    if not (wanted.moderator or wanted.reason):
        return None
    query = exists().where(Decision.comment_id == Comment.id)
    if wanted.moderator:
        query = query.where(Decision.moderator_id == wanted.moderator)
    return query.where(Decision.reason == wanted.reason) if wanted.reason else query


def _alike(viewer: Moderator, id: int | None) -> ColumnElement[bool] | None:
    if not id:
        return None
    like = Comment.of_site(viewer.site_ids, id)
    if like is None or not like.cluster:
        return Comment.id == id
    return and_(Comment.site_id == like.site_id, Comment.cluster == like.cluster)


def _midnight(viewer: Moderator, day: date) -> datetime:
    sites = _sites(viewer)
    return datetime.combine(day, time.min, ZoneInfo(sites[0].timezone if sites else "UTC"))


def _sites(viewer: Moderator) -> list[Site]:
    return [membership.site for membership in viewer.memberships]
