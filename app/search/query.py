"""Search by text, author, page, date and decision."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Row, Select, and_, exists, func, or_, select, text

from app.database import among, no_index, one_of
from app.extensions import db
from app.models import (
    Author,
    Comment,
    Decision,
    DirtyComment,
    Moderator,
    SearchSegment,
    Status,
    Thread,
    newest_comments,
    section_scope,
)
from app.models.search_segment import SIZE
from app.search import index
from app.search.ngrams import contains, required_ngrams, words_of

# Ids scanned for a page of results without a suitable index,
MAX_SCANNED = 50_000
# and candidates read.
MAX_READ = 5000
PAGE = 25  # results on a page, shown as cards
AT_ONCE = 500  # candidates in one query
# Segments in one query: few at first, because common words match there.
SEGMENTS = (1, 4, 16, 64)
# Looking up more than the rarest would cost more than it filters out.
MAX_NGRAMS = 6
MAX_THREADS = 50  # more threads do not help


Matching = Select[int, str, str]  # id, body, name


@dataclass(frozen=True)
class SearchQuery:
    """Empty criteria match all. Dates are whole days in the site's time zone."""

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
        return self == SearchQuery()

    @property
    def is_indexed(self) -> bool:
        return bool(self.email or self.alike)


@dataclass(frozen=True)
class Words:
    """All words must occur, in the text and in the name."""

    text: list[str]
    name: list[str]

    def __bool__(self) -> bool:
        return bool(self.text or self.name)

    def are_in(self, row: Row[int, str, str]) -> bool:
        return contains(row.body, self.text) and contains(row.name, self.name)

    def ngrams(self) -> set[str]:
        ngrams = {ngram for word in self.text for ngram in required_ngrams(word)}
        return ngrams.union(index.name_key(ngram) for word in self.name for ngram in required_ngrams(word))


@dataclass(frozen=True)
class Found:
    """Ids of a page, newest first; `after`: cursor of the next page; `further`: of an unfinished scan."""

    ids: list[int]
    after: int = 0
    further: int = 0


def search(viewer: Moderator, query: SearchQuery, after: int | None = None) -> Found:
    start = after or (db.session.scalar(select(func.max(Comment.id))) or 0) + 1
    words, thread_ids = Words(words_of(query.text), words_of(query.name)), _threads(viewer, query.article)
    by_columns = query.is_indexed or not (words or thread_ids)
    # Only the indexes by status and of near duplicates are sorted by id; others would be read completely.
    walks = by_columns and (query.alike or query.status)
    site = Comment.site_id if walks else no_index(Comment.site_id)
    matching: Matching = select(Comment.id, Comment.body, Comment.name).order_by(Comment.id.desc())
    matching = matching.where(one_of(site, viewer.site_ids), *section_scope.comments_of(viewer))
    matching = matching.where(*_conditions(viewer, query, thread_ids))
    if query.email and not query.alike:
        ids, end = _by_index(matching, words, _slices(_written_by(viewer, query.email, start)))
    elif by_columns:
        ids, end = _by_columns(matching, words, start, 0 if query.is_indexed else start - MAX_SCANNED)
    else:
        ids, end = _by_index(matching, words, _candidates(viewer, words, thread_ids, start))
    if len(ids) > PAGE:
        return Found(ids[:PAGE], after=ids[PAGE - 1])
    return Found(ids, further=end if end > 1 else 0)


def _by_columns(matching: Matching, words: Words, start: int, end: int) -> tuple[list[int], int]:
    ids: list[int] = []
    last, looked = start, 0
    while len(ids) <= PAGE and looked < MAX_READ:
        most = min(AT_ONCE, MAX_READ - looked) if words else PAGE + 1
        rows = db.session.execute(matching.where(Comment.id < last, Comment.id >= end).limit(most)).all()
        ids += [row.id for row in rows if words.are_in(row)]
        if len(rows) < most:
            return ids, max(end, 0)
        looked, last = looked + most, rows[-1].id
    return ids, last


def _by_index(matching: Matching, words: Words, candidates: Iterator[list[int]]) -> tuple[list[int], int]:
    """The same for index candidates, which may be false positives."""
    found: list[int] = []
    looked = 0
    for ids in candidates:
        rows = db.session.execute(matching.where(Comment.id.in_(ids)))
        found += [row.id for row in rows if words.are_in(row)]
        looked += len(ids)
        if len(found) > PAGE or looked >= MAX_READ:
            return found[: PAGE + 1], ids[-1]
    return found, 0


def _candidates(viewer: Moderator, words: Words, thread_ids: Collection[int] | None, start: int) -> Iterator[list[int]]:
    # Before the segments: a comment that is indexed meantime is found twice rather than missed.
    dirty = DirtyComment.newest(start, MAX_READ)
    end = dirty[-1] if len(dirty) == MAX_READ else 0
    numbers = sorted((each for each in SearchSegment.numbers() if end // SIZE <= each <= start // SIZE), reverse=True)
    ngrams = _required_ngrams(viewer, words, thread_ids, numbers)
    for some in _segment_batches(numbers, {id // SIZE for id in dirty}):
        matches = index.candidates([each for each in some if each in numbers], ngrams)
        ids = {id for id in dirty if id // SIZE in some}.union(*matches.values())
        yield from _slices(sorted((id for id in ids if end <= id < start), reverse=True))


def _required_ngrams(
    viewer: Moderator, words: Words, thread_ids: Collection[int] | None, numbers: list[int]
) -> list[Collection[str]]:
    """A match must contain one n-gram of each collection."""
    ngrams = words.ngrams()
    rarest = index.rarest(numbers[0], ngrams, MAX_NGRAMS) if numbers else ngrams
    threads = [{index.thread_key(id) for id in thread_ids}] if thread_ids else []
    return [*({ngram} for ngram in rarest), *threads, {index.site_key(id) for id in viewer.site_ids}]


def _segment_batches(built: list[int], dirty: Collection[int]) -> Iterator[list[int]]:
    numbers = sorted({*built, *dirty}, reverse=True)
    sizes = iter(SEGMENTS)
    while numbers:
        size = next(sizes, SEGMENTS[-1])
        yield numbers[:size]
        numbers = numbers[size:]


def _slices(ids: list[int]) -> Iterator[list[int]]:
    if ids:
        yield ids[: 2 * PAGE]
    for at in range(2 * PAGE, len(ids), AT_ONCE):
        yield ids[at : at + AT_ONCE]


def _conditions(viewer: Moderator, query: SearchQuery, thread_ids: Collection[int] | None) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool] | None] = [
        _wrote_as(viewer, query.email) if query.alike else None,
        _below(viewer, query.article) if thread_ids is None else Comment.thread_id.in_(thread_ids),
        Comment.status == query.status if query.status else Comment.status != Status.DELETED,
        Comment.created_at >= _midnight(viewer, query.since) if query.since else None,
        Comment.created_at < _midnight(viewer, query.until + timedelta(days=1)) if query.until else None,
        _decided(query),
        _alike(viewer, query.alike),
    ]
    return [condition for condition in found if condition is not None]


def _written_by(viewer: Moderator, email: str, start: int) -> list[int]:
    """The newest comments by authors with this exact address, by keyed hash."""
    return newest_comments.ids(Comment.author_id, _authors(viewer, email), MAX_READ, below=start)


def _wrote_as(viewer: Moderator, email: str) -> ColumnElement[bool] | None:
    return Comment.author_id.in_(among(_authors(viewer, email))) if email else None


def _authors(viewer: Moderator, email: str) -> Sequence[int]:
    return [author.id for author in Author.with_email(viewer.site_ids, email)]


def _threads(viewer: Moderator, article: str) -> Sequence[int] | None:
    """Ids of matching threads; None without such words, or for too many."""
    if not article:
        return None
    ids = db.session.scalars(select(Thread.id).where(_named(viewer, article)).limit(MAX_THREADS + 1)).all()
    return ids if len(ids) <= MAX_THREADS else None


def _below(viewer: Moderator, article: str) -> ColumnElement[bool] | None:
    return Comment.thread_id.in_(select(Thread.id).where(_named(viewer, article))) if article else None


def _named(viewer: Moderator, article: str) -> ColumnElement[bool]:
    """The title contains these words, or the address starts with them."""
    titled = Thread.title.icontains(article, autoescape=True)
    begins = or_(*(column.startswith(article, autoescape=True) for column in (Thread.url, Thread.key)))
    return and_(one_of(Thread.site_id, viewer.site_ids), or_(titled, begins))


def _decided(query: SearchQuery) -> ColumnElement[bool] | None:
    if not (query.moderator or query.reason):
        return None
    decision = exists().where(Decision.comment_id == Comment.id)
    if query.moderator:
        decision = decision.where(Decision.moderator_id == query.moderator)
    return decision.where(Decision.reason == query.reason) if query.reason else decision


def _alike(viewer: Moderator, id: int | None) -> ColumnElement[bool] | None:
    if not id:
        return None
    like = Comment.of_site(viewer.site_ids, id)
    if like is None or not section_scope.sees(viewer, like) or not like.cluster:
        return Comment.id == id
    return and_(Comment.site_id == like.site_id, Comment.cluster == like.cluster, text("comment.cluster <> ''"))


def _midnight(viewer: Moderator, day: date) -> datetime:
    return datetime.combine(day, time.min, ZoneInfo(viewer.timezone))
