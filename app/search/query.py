"""Search: comments of a moderator's sites by what was said, by whom, where, when, and how it was decided."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Row, Select, and_, exists, func, or_, select, text

from app.database import no_index
from app.extensions import db
from app.models import Author, Comment, Decision, Moderator, Shelf, Site, Status, Thread, Unshelved
from app.models.shelf import SIZE
from app.search import index
from app.search.ngrams import needed, says, words_of

# So many comments, by their ids, are looked through for one answer where no index leads to what is wanted,
STEP = 50_000
# and so many are read that may be what is wanted.
LOOK = 5000
PAGE = 25  # results on one page, as cards of the queue
AT_ONCE = 500  # of these in one question
# Shelves in one question: what is often said is on the first.
SHELVES = (1, 4, 16, 64)
# The rarest pieces leave so little that more of them would cost more than they spare.
PIECES = 6
ARTICLES = 50  # more of them with one name are no help


Matching = Select[int, str, str]  # id, body, name


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


@dataclass(frozen=True)
class Words:
    """Every word that she typed must be there, in the text and in the name."""

    text: list[str]
    name: list[str]

    def __bool__(self) -> bool:
        return bool(self.text or self.name)

    def are_in(self, row: Row[int, str, str]) -> bool:
        return says(row.body, self.text) and says(row.name, self.name)

    def pieces(self) -> set[str]:
        said = {piece for word in self.text for piece in needed(word)}
        return said.union(index.of_name(piece) for word in self.name for piece in needed(word))


@dataclass(frozen=True)
class Found:
    """A page of ids, the newest first; before which comment the next page begins, or where the look ended (0: not)."""

    ids: list[int]
    after: int = 0
    further: int = 0


def look(viewer: Moderator, wanted: Wanted, after: int | None = None) -> Found:
    start = after or (db.session.scalar(select(func.max(Comment.id))) or 0) + 1
    words, articles = Words(words_of(wanted.text), words_of(wanted.name)), _articles(viewer, wanted.article)
    by_columns = wanted.is_indexed or not (words or articles)
    # A site's comments of one status stand in the order of their ids, and those alike beside each other; by any other
    # of its indexes all would be read.
    walks = by_columns and (wanted.alike or wanted.status)
    site = Comment.site_id if walks else no_index(Comment.site_id)
    matching: Matching = select(Comment.id, Comment.body, Comment.name).order_by(Comment.id.desc())
    matching = matching.where(site.in_(viewer.site_ids), *_conditions(viewer, wanted, articles))
    if wanted.email and not wanted.alike:
        ids, end = _by_shelves(matching, words, _slices(_written_by(viewer, wanted.email, start)))
    elif by_columns:
        ids, end = _by_columns(matching, words, start, 0 if wanted.is_indexed else start - STEP)
    else:
        ids, end = _by_shelves(matching, words, _candidates(viewer, words, articles, start))
    if len(ids) > PAGE:
        return Found(ids[:PAGE], after=ids[PAGE - 1])
    return Found(ids, further=end if end > 1 else 0)


def _by_columns(matching: Matching, words: Words, start: int, end: int) -> tuple[list[int], int]:
    """A page of ids and one more, and before which comment to go on (0: everything was looked through)."""
    ids: list[int] = []
    last, looked = start, 0
    while len(ids) <= PAGE and looked < LOOK:
        most = min(AT_ONCE, LOOK - looked) if words else PAGE + 1
        rows = db.session.execute(matching.where(Comment.id < last, Comment.id >= end).limit(most)).all()
        ids += [row.id for row in rows if words.are_in(row)]
        if len(rows) < most:
            return ids, max(end, 0)
        looked, last = looked + most, rows[-1].id
    return ids, last


def _by_shelves(matching: Matching, words: Words, candidates: Iterator[list[int]]) -> tuple[list[int], int]:
    """The same from what the shelves hold: that may be a little more than what was asked for."""
    found: list[int] = []
    looked = 0
    for ids in candidates:
        rows = db.session.execute(matching.where(Comment.id.in_(ids)))
        found += [row.id for row in rows if words.are_in(row)]
        looked += len(ids)
        if len(found) > PAGE or looked >= LOOK:
            return found[: PAGE + 1], ids[-1]
    return found, 0


def _candidates(viewer: Moderator, words: Words, articles: Collection[int] | None, start: int) -> Iterator[list[int]]:
    """Ids of what may be it, the newest first, some at a time: what is not shelved yet, and what the shelves hold."""
    # Before the shelves, so that nothing can be shelved in between and be missed in both.
    fresh = Unshelved.newest(start, LOOK)
    end = fresh[-1] if len(fresh) == LOOK else 0
    numbers = sorted((each for each in Shelf.numbers() if end // SIZE <= each <= start // SIZE), reverse=True)
    pieces = _pieces(viewer, words, articles, numbers)
    for some in _stretches(numbers, {id // SIZE for id in fresh}):
        held = index.holding([each for each in some if each in numbers], pieces)
        ids = {id for id in fresh if id // SIZE in some}.union(*held.values())
        yield from _slices(sorted((id for id in ids if end <= id < start), reverse=True))


def _pieces(
    viewer: Moderator, words: Words, articles: Collection[int] | None, numbers: list[int]
) -> list[Collection[str]]:
    """Of each of these collections, one piece must be there."""
    pieces = words.pieces()
    kept = index.rarest(numbers[0], pieces, PIECES) if numbers else pieces
    wheres = [{index.of_thread(id) for id in articles}] if articles else []
    return [*({piece} for piece in kept), *wheres, {index.of_site(id) for id in viewer.site_ids}]


def _stretches(made: list[int], fresh: Collection[int]) -> Iterator[list[int]]:
    """Numbers of shelves, the newest first: a few, then more at once."""
    numbers = sorted({*made, *fresh}, reverse=True)
    sizes = iter(SHELVES)
    while numbers:
        size = next(sizes, SHELVES[-1])
        yield numbers[:size]
        numbers = numbers[size:]


def _slices(ids: list[int]) -> Iterator[list[int]]:
    """A few first: mostly they are enough for a page."""
    if ids:
        yield ids[: 2 * PAGE]
    for at in range(2 * PAGE, len(ids), AT_ONCE):
        yield ids[at : at + AT_ONCE]


def _conditions(viewer: Moderator, wanted: Wanted, articles: Collection[int] | None) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool] | None] = [
        _wrote_as(viewer, wanted.email) if wanted.alike else None,
        _below(viewer, wanted.article) if articles is None else Comment.thread_id.in_(articles),
        Comment.status == wanted.status if wanted.status else Comment.status != Status.DELETED,
        Comment.created_at >= _midnight(viewer, wanted.since) if wanted.since else None,
        Comment.created_at < _midnight(viewer, wanted.until + timedelta(days=1)) if wanted.until else None,
        _decided(wanted),
        _alike(viewer, wanted.alike),
    ]
    return [condition for condition in found if condition is not None]


def _written_by(viewer: Moderator, email: str, start: int) -> list[int]:
    """The newest comments of those who gave this whole address: its keyed hash is all that can be compared."""
    return Comment.newest_ids(Comment.author_id, _authors(viewer, email), LOOK, below=start)


def _wrote_as(viewer: Moderator, email: str) -> ColumnElement[bool] | None:
    return Comment.author_id.in_(_authors(viewer, email)) if email else None


def _authors(viewer: Moderator, email: str) -> Sequence[int]:
    return [author.id for author in Author.with_email(_sites(viewer), email)]


def _articles(viewer: Moderator, article: str) -> Sequence[int] | None:
    """Ids of the threads that are meant; None when none is asked for, or when they are too many to name."""
    if not article:
        return None
    ids = db.session.scalars(select(Thread.id).where(_named(viewer, article)).limit(ARTICLES + 1)).all()
    return ids if len(ids) <= ARTICLES else None


def _below(viewer: Moderator, article: str) -> ColumnElement[bool] | None:
    return Comment.thread_id.in_(select(Thread.id).where(_named(viewer, article))) if article else None


def _named(viewer: Moderator, article: str) -> ColumnElement[bool]:
    """The title has these words, or the address begins so."""
    titled = Thread.title.icontains(article, autoescape=True)
    begins = or_(*(column.startswith(article, autoescape=True) for column in (Thread.url, Thread.key)))
    return and_(Thread.site_id.in_(viewer.site_ids), or_(titled, begins))


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
    return and_(Comment.site_id == like.site_id, Comment.cluster == like.cluster, text("comment.cluster <> ''"))


def _midnight(viewer: Moderator, day: date) -> datetime:
    sites = _sites(viewer)
    return datetime.combine(day, time.min, ZoneInfo(sites[0].timezone if sites else "UTC"))


def _sites(viewer: Moderator) -> list[Site]:
    return [membership.site for membership in viewer.memberships]
