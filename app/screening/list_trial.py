"""Try new lines of a shared list on what the site has published, before they hold a comment."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from time import monotonic

from sqlalchemy import select

from app.database import new
from app.extensions import db
from app.models import Comment, Effect, Status
from app.models.newest_comments import ids as newest_ids
from app.screening.list_file import Line
from app.screening.rulebook import ActiveRule, Rulebook
from app.screening.rules import AMONG

# A line that could not be tried on all comments in this time is held, too.
TRIAL_SECONDS = 10.0


@dataclass
class Trial:
    """The comments that each line would have hit, the newest first, by the line's key."""

    tried: frozenset[tuple[str, str]] = frozenset()
    looked_at: int = 0
    is_complete: bool = True
    hits: dict[tuple[str, str], list[int]] = field(default_factory=dict)


def published(site_id: int) -> list[Comment]:
    """The newest public comments, outside of the session: they are read without a transaction."""
    ids = newest_ids(Comment.site_id, [site_id], AMONG, *(set(Status) - {Status.APPROVED}))
    columns = select(Comment.id, Comment.name, Comment.website, Comment.body).where(Comment.id.in_(ids))
    rows = db.session.execute(columns.order_by(Comment.id.desc()))
    return [new(Comment, **row, author_id=None, address=None, author=None) for row in rows.mappings()]


def try_lines(comments: Iterable[Comment], lines: list[Line]) -> Trial:
    """All lines at once: the time depends on the comments, not on the number of lines."""
    key_of = {(str(line.subject), line.value): line.key for line in lines}
    done = Trial(frozenset(key_of.values()))
    if not lines:
        return done
    rules = [ActiveRule(None, line.subject, Effect.HOLD, line.value, line.value) for line in lines]
    book, until = Rulebook(rules), monotonic() + TRIAL_SECONDS
    for comment in comments:
        if monotonic() > until:
            done.is_complete = False
            break
        done.looked_at += 1
        for key in {key_of[hit.rule.subject, hit.rule.value] for hit in book.match(comment)}:
            done.hits.setdefault(key, []).append(comment.id)
    return done
