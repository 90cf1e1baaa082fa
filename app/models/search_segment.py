"""Index segments: which of 32,768 comments contain each n-gram; rebuilt where comments change."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from sqlalchemy import LargeBinary, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from app.database import rows_changed
from app.extensions import Id, Model, db

SIZE = 32_768  # consecutive comment ids; an offset fits into 16 bits
PAGES = 4096
AT_ONCE = 1000  # values in one statement


class SearchSegment(Model):
    """A range of comment ids. Writing its pages requires the revision that was read (optimistic lock)."""

    __tablename__ = "search_segment"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    revision: Mapped[int] = mapped_column(default=1)

    @staticmethod
    def ids_of(number: int) -> range:
        return range(number * SIZE, (number + 1) * SIZE)

    @classmethod
    def numbers(cls) -> Sequence[int]:
        return db.session.scalars(select(cls.number)).all()

    @classmethod
    def revision_of(cls, number: int) -> int:
        """0 if it was never built."""
        return db.session.scalar(select(cls.revision).where(cls.number == number)) or 0

    @classmethod
    def replace(cls, number: int, pages: Mapping[int, bytes], *, seen: int) -> bool:
        """Replace all pages, given by number; False after another write since revision `seen`."""
        if not cls._claim(number, seen):
            return False
        first = number * PAGES
        rows_changed(delete(SegmentPage).where(SegmentPage.id.between(first, first + PAGES - 1)))
        if rows := [{"id": first + page, "lists": lists} for page, lists in sorted(pages.items())]:
            db.session.execute(insert(SegmentPage), rows)
        return True

    @classmethod
    def change(cls, number: int, pages: Mapping[int, bytes], *, seen: int) -> bool:
        """Replace some pages, given by number; False after another write since revision `seen`."""
        if not cls._claim(number, seen):
            return False
        first = number * PAGES
        for page, lists in sorted(pages.items()):
            rows_changed(update(SegmentPage).where(SegmentPage.id == first + page).values(lists=lists))
        return True

    @classmethod
    def _claim(cls, number: int, seen: int) -> bool:
        if seen:
            known = update(cls).where(cls.number == number, cls.revision == seen)
            return rows_changed(known.values(revision=seen + 1)) == 1
        try:
            with db.session.begin_nested():
                db.session.add(cls(number=number))
        except IntegrityError:  # two processes created it at once
            return False
        return True


class SegmentPage(Model):
    """Some posting lists of a segment, packed by search/index.py; the id is segment number * PAGES + page number."""

    __tablename__ = "segment_page"

    id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    lists: Mapped[bytes] = mapped_column(LargeBinary)

    @classmethod
    def of(cls, segments: Collection[int], pages: Collection[int]) -> dict[tuple[int, int], bytes]:
        """Lists by segment and page number, without empty pages."""
        found: dict[tuple[int, int], bytes] = {}
        for ids in _parts([segment * PAGES + page for segment in segments for page in pages]):
            for row in db.session.execute(select(cls.id, cls.lists).where(cls.id.in_(ids))):
                found[row.id // PAGES, row.id % PAGES] = row.lists
        return found


class DirtyComment(Model):
    """A comment that changed since its segment was built: new, edited, moved or deleted.

    Database triggers insert the rows, so no code path can forget to.
    """

    __tablename__ = "dirty_comment"

    comment_id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    # Changes since the build; a higher number than was read means another change during the build.
    times: Mapped[int] = mapped_column(server_default="1")

    @classmethod
    def newest(cls, below: int, limit: int) -> Sequence[int]:
        """Ids of dirty comments, newest first."""
        query = select(cls.comment_id).where(cls.comment_id < below).order_by(cls.comment_id.desc())
        return db.session.scalars(query.limit(limit)).all()

    @classmethod
    def ids(cls) -> Sequence[int]:
        return db.session.scalars(select(cls.comment_id)).all()

    @classmethod
    def by_segment(cls) -> dict[int, int]:
        """Number of dirty comments by segment."""
        segment = cls.comment_id.op("/")(SIZE)
        return {row[0]: row[1] for row in db.session.execute(select(segment, func.count()).group_by(segment))}

    @classmethod
    def within(cls, ids: range) -> dict[int, int]:
        """Number of changes by comment id, of dirty comments only."""
        rows = db.session.execute(select(cls.comment_id, cls.times).where(cls.comment_id.between(ids[0], ids[-1])))
        return {row.comment_id: row.times for row in rows}

    @classmethod
    def clear(cls, read: Mapping[int, int]) -> None:
        """Delete the marks that `within` returned; locked rows are skipped, because waiting for them could deadlock.

        Two statements: PostgreSQL ran the subquery of a combined one for each row.
        """
        for times in set(read.values()):
            for ids in _parts([id for id in read if read[id] == times]):
                same = select(cls.comment_id).where(cls.comment_id.in_(ids), cls.times == times)
                ours = db.session.scalars(same.with_for_update(skip_locked=True)).all()
                rows_changed(delete(cls).where(cls.comment_id.in_(ours)))


def _parts(ids: list[int]) -> Iterator[list[int]]:
    return (ids[at : at + AT_ONCE] for at in range(0, len(ids), AT_ONCE))
