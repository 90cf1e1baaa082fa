"""The queue: pending comments by lane, and who is reviewing them."""

import re
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, Select, exists, func, select, text, tuple_, union_all

from app.database import FEW, one_of
from app.desk.cards import Card, cards_of, load
from app.desk.pacing import Paced
from app.extensions import db
from app.lib.clock import runs
from app.models import Comment, Lease, Membership, Moderator, Site, Snooze, Status, lease, section_scope, snooze
from app.moderation.lanes import Lane

PAGE = 25
LIST_PAGE = 100  # lines
# Counting stops here, so that pages do not slow down with the queue.
COUNTED = 1_000
ALL = 5  # all lanes together
LANES = (*(lane for lane in Lane if lane), ALL)
PLACE = re.compile(r"\d{1,18}\.\d\.\d{1,18}\.[0-9a-f]{0,32}\.\d{1,18}", re.ASCII)
# Lane, thread, near duplicates, oldest first: index ix_comment_lane.
BY_MILDNESS = re.compile(r"\d{1,3}\.\d{1,18}", re.ASCII)
ORDER = (Comment.site_id, Comment.lane, Comment.thread_id, Comment.cluster, Comment.id)


@dataclass(frozen=True)
class Page:
    """Cards of a lane or status, counts by lane, and the cursor of the next page."""

    cards: list[Card]
    counts: dict[int, int]
    after: str = ""
    # Other moderators with their number of leased comments; number of snoozed comments.
    reviewing: dict[str, int] | None = None
    snoozed: int = 0
    # Difficult comments at its end, and True if too many follow each other for want of others.
    run: int = 0
    only_hard: bool = False
    # Where to continue an unfinished search.
    further: str = ""


def ids_in(
    moderator: Moderator,
    lane: int,
    after: str = "",
    *,
    snoozed: bool = False,
    size: int | None = None,
    by_likelihood: bool = False,
) -> list[int]:
    """Ids of a page of `size` (default: PAGE) and one more, without comments leased by others.

    `after` is a page's `after`; `snoozed` selects the snoozed comments; `by_likelihood` begins with likely rejections.
    """
    mine = Comment.id.in_(Snooze.newest(moderator)) if snoozed else ~_snoozed_by(moderator)
    following = _likeliest if by_likelihood else _next
    return following(moderator, lane, after, ~_with_others(moderator), mine, size=size or PAGE)


def ids_with_others(moderator: Moderator, lane: int) -> list[int]:
    """Comments leased by others, shown last."""
    return _next(moderator, lane, "", _with_others(moderator), size=PAGE)[:PAGE]


def page_of(
    moderator: Moderator,
    lane: int,
    ids: list[int],
    *,
    order: Paced | None = None,
    with_others: list[int] | None = None,
    size: int | None = None,
    by_likelihood: bool = False,
) -> Page:
    """The page of these comments, in `order` if it is given; `ids_in` gave one more than it shows."""
    size = size or PAGE
    order = order or Paced(ids[:size])
    shown = order.ids
    # A comment may have been leased between the two queries.
    others = [id for id in with_others or [] if id not in shown]
    comments = load([*shown, *others])
    last = next((comment for comment in comments if comment.id == ids[size - 1]), None) if len(ids) > size else None
    return Page(
        cards_of(comments, moderator),
        counts(moderator),
        place_of(last, by_likelihood=by_likelihood) if last else "",
        Lease.counts_of_others(moderator),
        Snooze.count(moderator),
        order.run,
        order.only_hard,
    )


def decided(moderator: Moderator, status: Status, after: int | None = None, size: int | None = None) -> Page:
    """Comments with this status, newest first, before the comment `after`."""
    size = size or PAGE
    query = select(Comment.id).where(one_of(Comment.site_id, moderator.site_ids), Comment.status == status)
    query = query.where(*section_scope.comments_of(moderator))
    if after:
        query = query.where(Comment.id < after)
    ids = list(db.session.scalars(query.order_by(Comment.id.desc()).limit(size + 1)))
    cards = cards_of(load(ids[:size]), moderator)
    return Page(cards, counts(moderator), str(ids[size - 1]) if len(ids) > size else "")


def always_held(moderator: Moderator, cards: list[Card]) -> dict[tuple[bool, int], list[Site]]:
    """The sites of these cards by what holds every comment there: `hold_all` and `approvals_needed`.

    Without sites if it is the same on all of the moderator's sites.
    """
    mine = select(Membership.site_id).where(Membership.moderator_id == moderator.id)
    ways = select(Site.hold_all, Site.approvals_needed).where(Site.id.in_(mine)).distinct().limit(2)
    if len(usual := db.session.execute(ways).all()) == 1:
        return {(usual[0].hold_all, usual[0].approvals_needed): []}
    found: dict[tuple[bool, int], list[Site]] = {}
    for site in sorted({card.comment.site for card in cards}, key=lambda each: each.name):
        found.setdefault((site.hold_all, site.approvals_needed), []).append(site)
    return found


def counts(moderator: Moderator) -> dict[int, int]:
    """Comments in each lane and in all; `COUNTED` means as many or more."""
    lanes = [lane for lane in LANES if lane != ALL]
    found = db.session.execute(select(*(_count(moderator, lane) for lane in lanes))).one()
    return dict(zip(lanes, found, strict=True)) | {ALL: min(sum(found), COUNTED)}


def _count(moderator: Moderator, lane: int) -> ScalarSelect[int]:
    here = one_of(Comment.site_id, moderator.site_ids), Comment.lane == lane, text("comment.lane <> 0")
    mine = select(Comment.id).where(*here, *section_scope.in_sections_of(moderator))
    return select(func.count()).select_from(mine.limit(COUNTED).subquery()).scalar_subquery()


def place_of(comment: Comment, *, by_likelihood: bool = False) -> str:
    if by_likelihood:
        return f"{comment.mildness}.{comment.id}"
    return ".".join(str(part) for part in _place(comment))


def _place(comment: Comment) -> tuple[int, int, int, str, int]:
    return comment.site_id, comment.lane, comment.thread_id, comment.cluster, comment.id


def _next(moderator: Moderator, lane: int, after: str, *conditions: ColumnElement[bool], size: int) -> list[int]:
    """Each part is an index range, read up to the limit."""
    conditions += tuple(section_scope.in_sections_of(moderator))
    parts = [part.where(*conditions).order_by(*ORDER).limit(size + 1) for part in _parts(moderator, lane, after)]
    if len(parts) == 1:
        return list(db.session.scalars(parts[0]))
    whole = union_all(*(select(part.subquery()) for part in parts)).subquery()
    return list(db.session.scalars(select(whole.c.id).order_by(*(whole.c[each.key] for each in ORDER)).limit(size + 1)))


def _likeliest(moderator: Moderator, lane: int, after: str, *conditions: ColumnElement[bool], size: int) -> list[int]:
    """Comments of one lane, the likeliest rejections first; of each site its index range."""
    conditions += (Comment.lane == lane, *section_scope.in_sections_of(moderator))
    if BY_MILDNESS.fullmatch(after):
        mildness, id = map(int, after.split("."))
        conditions += (tuple_(Comment.mildness, Comment.id) > tuple_(mildness, id),)
    order = Comment.mildness, Comment.id
    found: list[tuple[int, int]] = []
    if len(moderator.site_ids) > FEW:
        every = select(Comment.id).where(one_of(Comment.site_id, moderator.site_ids), text("comment.lane <> 0"))
        return list(db.session.scalars(every.where(*conditions).order_by(*order).limit(size + 1)))
    for site_id in moderator.site_ids:
        waits = select(*order).where(Comment.site_id == site_id, text("comment.lane <> 0"), *conditions)
        query = waits.order_by(*order).limit(size + 1)
        found += [(row.mildness, row.id) for row in db.session.execute(query)]
    return [id for _mildness, id in sorted(found)[: size + 1]]


def _parts(moderator: Moderator, lane: int, after: str) -> list[Select[Any]]:
    """The rest of the current site, and the following sites."""
    waits = select(Comment.id, *ORDER[:-1]).where(text("comment.lane <> 0"))
    prefix = 1 if lane == ALL else 2
    if lane != ALL:
        waits = waits.where(Comment.lane == lane)
    if not PLACE.fullmatch(after):
        return [waits.where(one_of(Comment.site_id, moderator.site_ids))]
    site, *rest = after.split(".")
    values = (int(site), int(rest[0]), int(rest[1]), rest[2], int(rest[3]))
    here = waits.where(Comment.site_id == values[0], tuple_(*ORDER[prefix:]) > tuple_(*values[prefix:]))
    further = [each for each in moderator.site_ids if each > values[0]]
    parts = [here] if values[0] in moderator.site_ids else []
    return [*parts, waits.where(one_of(Comment.site_id, further))] if further or not parts else parts


def _with_others(moderator: Moderator) -> ColumnElement[bool]:
    own = Lease.moderator_id == moderator.id
    return exists().where(Lease.comment_id == Comment.id, ~own, runs(Lease.until, lease.LASTS))


def _snoozed_by(moderator: Moderator) -> ColumnElement[bool]:
    mine = (Snooze.comment_id == Comment.id, Snooze.moderator_id == moderator.id)
    return exists().where(*mine, runs(Snooze.until, snooze.LASTS))
