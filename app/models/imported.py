"""Queries for imported comments by their ids in the source program."""

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import func, select

from app.extensions import db
from app.lib.secrets import Index
from app.models.alias import ThreadAlias
from app.models.author import Author
from app.models.comment import Comment
from app.models.site import Site
from app.models.thread import Thread

# Programs with numbered comments, for old links such as #comment-123 and #isso-123.
NUMBERING = ("wordpress", "disqus", "isso")


class Known(NamedTuple):
    """The fields that a reply's position depends on."""

    id: int
    path: str
    thread_id: int


def known(site: Site, source: str, source_ids: Iterable[str]) -> dict[str, Known]:
    """Comments of a program that are imported already, by their ids there."""
    query = select(Comment.source_id, Comment.id, Comment.path, Comment.thread_id).where(
        Comment.site_id == site.id, Comment.source == source, Comment.source_id.in_(list(source_ids))
    )
    rows = db.session.execute(query)
    return {source_id or "": Known(id, path, thread_id) for source_id, id, path, thread_id in rows}


def authors_by_comment(site: Site, source: str, source_ids: Iterable[str]) -> dict[str, int]:
    """Author ids of a program's comments that are imported already, by comment id there."""
    theirs = (Comment.site_id == site.id, Comment.source == source, Comment.source_id.in_(list(source_ids)))
    rows = db.session.execute(select(Comment.source_id, Comment.author_id).where(*theirs))
    return {source_id or "": author_id for source_id, author_id in rows}


def numbered_elsewhere(thread: Thread, number: int) -> list[Comment]:
    """Imported comments that had this number in the source program."""
    theirs = (Comment.site_id == thread.site_id, Comment.source.in_(NUMBERING), Comment.source_id == str(number))
    return list(db.session.scalars(select(Comment).where(*theirs).order_by(Comment.id)))


def keys(site: Site, source: str, source_ids: Iterable[str]) -> dict[str, set[str]]:
    """Current and earlier keys of the threads with a program's comments, by comment id there."""
    here = known(site, source, source_ids)
    ids = {each.thread_id for each in here.values()}
    today, earlier = Thread.keys(ids), ThreadAlias.of(list(ids))
    return {source_id: {today[each.thread_id], *earlier[each.thread_id]} for source_id, each in here.items()}


def authors(site: Site, email_indexes: Iterable[Index]) -> dict[str, int]:
    """Ids of authors of imported comments by email index.

    A reader who types the same address is a different author until the address is confirmed.
    """
    wanted = {text: str(index) for index in email_indexes for text in index.all}
    came = select(Comment.id).where(Comment.author_id == Author.id, Comment.source.is_not(None)).exists()
    query = (
        select(Author.email_index, func.min(Author.id))
        .where(Author.site_id == site.id, Author.email_index.in_(list(wanted)), came)
        .group_by(Author.email_index)
    )
    found = sorted((id, wanted[index or ""]) for index, id in db.session.execute(query))
    # Of several under different keys, the oldest.
    return {index: id for id, index in reversed(found)}
