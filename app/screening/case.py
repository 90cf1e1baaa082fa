"""What the checks of screening get, and what they give: a comment with all that is known of it, and findings."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property
from typing import Any

from app.models import Comment, Site, Status, Subject
from app.screening import hosts
from app.screening.akismet import Sender
from app.screening.rulebook import Hit, rulebook
from app.spam import scores
from app.spam.scores import NOTHING, Judged


class Verdict(IntEnum):
    """What a finding asks for; the strictest of all wins."""

    PASS = 0
    HOLD = 1
    REJECT = 2
    SPAM = 3


@dataclass(frozen=True)
class Case:
    """What a check may look at. The comment may not be kept yet; its author is who she says she is."""

    site: Site
    comment: Comment
    # The author showed a token of hers; a name and an address that were merely typed prove nothing.
    proven: bool
    trapped: bool = False
    # From the first key to sending it; None when unknown. `stamp`: what is wrong with what tells it, or ''.
    seconds: float | None = None
    stamp: str = ""
    # What a known author changed since trust was earned (Author.changes).
    changed: tuple[str, ...] = ()
    # What the comment said while everybody saw it, when it is an edit of such a one.
    published: str | None = None
    # None for an edit: who sent it is known from the first time.
    sender: Sender | None = None

    @cached_property
    def hits(self) -> list[Hit]:
        """What the site's rules say."""
        return rulebook(self.site).look(self.comment)

    @cached_property
    def hosts(self) -> list[hosts.Named]:
        """The hosts that it names, without those that the site allows."""
        allowed = {hit.found for hit in self.hits if hit.line.subject == Subject.LINK_DOMAIN and hit.allows}
        return [named for named in hosts.named_in(self.comment) if named.typed not in allowed]

    @cached_property
    def record(self) -> dict[str, int]:
        """How many comments of each status its author has, as far as she has shown who she is."""
        id = self.comment.author_id
        return Comment.records([id])[id] if self.proven else {}

    @cached_property
    def judged(self) -> Judged:
        """What the filter says."""
        return scores.judge(self.comment, self.site.id, self.facts)

    @property
    def judged_so_far(self) -> Judged:
        """The same, and nothing when nobody has asked it, or it has failed."""
        return vars(self).get("judged", NOTHING)

    @property
    def approved(self) -> int:
        return self.record.get(Status.APPROVED, 0)

    @property
    def facts(self) -> dict[str, Any]:
        """What the filter looks at beside the comment itself."""
        refused = self.record.get(Status.REJECTED, 0) + self.record.get(Status.SPAM, 0)
        return {"seconds": self.seconds, "approved": self.approved, "rejected": refused}

    @property
    def trusted(self) -> bool:
        return self.proven and any(hit.line.subject == Subject.AUTHOR and hit.allows for hit in self.hits)

    @property
    def relies_on_trust(self) -> bool:
        """Whether it would pass because its author is trusted, and would not otherwise."""
        return self.trusted or bool(self.approved and (self.site.approvals_needed or self.site.score_publishes))


@dataclass(frozen=True)
class Finding:
    """`then` is what it causes: done once the comment is kept, for a check writes nothing."""

    check: str
    verdict: Verdict
    facts: dict[str, Any] = field(default_factory=dict)
    then: Callable[[], None] | None = field(default=None, compare=False)

    def as_reason(self) -> dict[str, Any]:
        """JSON data, as kept with the comment; `sentence_of` puts it into words."""
        return {"check": self.check, "verdict": self.verdict.name.lower(), **self.facts}
