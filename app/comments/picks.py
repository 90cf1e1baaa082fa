"""The editors' picks: up to three comments above a thread, and the newest of a site for its article pages."""

from flask_babel import gettext as _
from sqlalchemy import Select, select
from sqlalchemy.orm import selectinload

from app.errors import Refused
from app.extensions import db
from app.lib.clock import now
from app.lib.text import excerpt
from app.models import Comment, Moderator, Pick, Site, Status, Thread
from app.models.pick import MOST

NAME_GRAPHEMES = 30


def pick(comment: Comment, *, by: Moderator) -> None:
    """Raises Refused (409) for a comment that is not public, and for a fourth one in its thread."""
    _lock(comment)
    if not comment.is_public:
        raise Refused("not_public", _("Only approved comments can be picked."), status=409)
    if comment.picked_at:
        return
    if len(others := of_thread(comment.thread)) >= MOST:
        names = _(", ").join(excerpt(each.name or _("Anonymous"), NAME_GRAPHEMES) for each in others)
        said = _("Three comments of this article are picked already: %(names)s. Unpick one of them first.", names=names)
        raise Refused("too_many_picks", said, status=409)
    _change(comment, picked=True, by=by)


def unpick(comment: Comment, *, by: Moderator) -> None:
    _lock(comment)
    if comment.picked_at:
        _change(comment, picked=False, by=by)


def of_thread(thread: Thread) -> list[Comment]:
    """The public picks of a thread, in the order in which they were picked."""
    query = _public().where(Comment.thread_id == thread.id).order_by(Comment.picked_at, Comment.id)
    return list(db.session.scalars(query.limit(MOST)))


def of_page(thread: Thread | None) -> list[Comment]:
    """The same of a page that may have no thread, or a hidden one."""
    return of_thread(thread) if thread and thread.visible else []


def of_site(site: Site, limit: int) -> list[Comment]:
    """The public picks of a site, those that were picked last first."""
    query = _public().where(Comment.site_id == site.id, Comment.thread.has(Thread.visible))
    return list(db.session.scalars(query.order_by(Comment.picked_at.desc(), Comment.id.desc()).limit(limit)))


def _public() -> Select[Comment]:
    # Related records are loaded afterwards by id: with a join, SQLite would scan all threads first.
    related = selectinload(Comment.thread), selectinload(Comment.author), selectinload(Comment.parent)
    query = select(Comment).where(Comment.picked_at.is_not(None), Comment.status == Status.APPROVED)
    return query.options(*related)


def _lock(comment: Comment) -> None:
    """In the order of decisions: the comment, then its thread, so that two moderators cannot both pick the third."""
    comment.lock()
    db.session.refresh(comment.thread, with_for_update=True)


def _change(comment: Comment, *, picked: bool, by: Moderator) -> None:
    comment.picked_at = now() if picked else None
    db.session.add(Pick(site_id=comment.site_id, comment=comment, picked=picked, moderator=by))
    db.session.flush()
    comment.thread.changed()
