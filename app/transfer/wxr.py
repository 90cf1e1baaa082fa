"""Export pages and comments as WXR 1.2, which most systems can read."""

from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from app.extensions import db
from app.models import Author, Comment, Site, Status, Thread
from app.models.thread_state import ACCEPTING
from app.transfer.archive import BATCH
from app.transfer.fields import legible

# wp_comments.comment_approved. WordPress has no state for withdrawn comments and hides such rows.
APPROVED = {
    Status.APPROVED: "1",
    Status.PENDING: "0",
    Status.SPAM: "spam",
    Status.REJECTED: "trash",
    Status.DELETED: "deleted",
}
HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:wp="http://wordpress.org/export/1.2/" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:excerpt="http://wordpress.org/export/1.2/excerpt/">
<channel>
"""
TAIL = "</channel>\n</rss>\n"


def lines(site: Site) -> Iterator[str]:
    """Each page as an item with its comments; addresses are the stored networks."""
    yield HEAD
    yield _element("title", site.name) + _element("language", site.lang) + _element("wp:wxr_version", "1.2")
    clock = ZoneInfo(site.timezone)
    spoken = groupby(_rows(_comments(site)), key=lambda row: row.thread_id)
    id, comments = next(spoken, (None, iter(())))
    for thread in _threads(site):
        yield "<item>\n" + _page(thread, clock)
        if thread.id == id:
            for row in comments:
                yield _comment(row, clock)
            id, comments = next(spoken, (None, iter(())))
        yield "</item>\n"
    yield TAIL


def count_lines(site: Site) -> int:
    comments, threads = (
        db.session.scalar(select(func.count()).where(record.site_id == site.id)) or 0 for record in (Comment, Thread)
    )
    return len((HEAD, "title", TAIL)) + comments + 2 * threads


def _threads(site: Site) -> Iterator[Thread]:
    query = select(Thread).where(Thread.site_id == site.id).order_by(Thread.id)
    yield from db.session.scalars(query, execution_options={"yield_per": BATCH})


def _comments(site: Site) -> Any:
    author = Author.email.label("email")
    return (
        select(Comment.__table__, author).join(Author, Comment.author_id == Author.id)
        .where(Comment.site_id == site.id).order_by(Comment.thread_id, Comment.id)
    )  # fmt: skip


def _rows(query: Any) -> Iterator[Any]:
    yield from db.session.execute(query, execution_options={"yield_per": BATCH})


def _page(thread: Thread, clock: tzinfo) -> str:
    return (
        _element("title", thread.label)
        + _element("link", thread.address)
        + _element("wp:post_id", thread.id)
        + _dates("wp:post_date", thread.created_at, clock)
        + _element("wp:comment_status", "open" if thread.state in ACCEPTING else "closed")
        + _element("wp:post_type", "post")
        + _element("wp:status", "publish" if thread.visible else "private")
    )


def _comment(row: Any, clock: tzinfo) -> str:
    return (
        "<wp:comment>\n"
        + _element("wp:comment_id", row.id)
        + _element("wp:comment_author", row.name)
        + _element("wp:comment_author_email", row.email or "")
        + _element("wp:comment_author_url", row.website)
        + _element("wp:comment_author_IP", (row.address or "").split("/")[0])
        + _dates("wp:comment_date", row.created_at, clock)
        + _element("wp:comment_content", row.html)
        + _element("wp:comment_approved", APPROVED[Status(row.status)])
        + _element("wp:comment_type", "comment")
        + _element("wp:comment_parent", row.parent_id or 0)
        + "</wp:comment>\n"
    )


def _dates(name: str, moment: datetime, clock: tzinfo) -> str:
    local, universal = (f"{moment.astimezone(zone):%Y-%m-%d %H:%M:%S}" for zone in (clock, UTC))
    return _element(name, local) + _element(f"{name}_gmt", universal)


def _element(name: str, value: object) -> str:
    """Without characters that XML forbids (2.2), and with split ends of CDATA."""
    text = legible(str(value)).replace("]]>", "]]]]><![CDATA[>")
    return f"<{name}><![CDATA[{text}]]></{name}>\n"
