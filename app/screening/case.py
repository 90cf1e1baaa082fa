"""Input and output of the checks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property
from typing import Any

from app.lib.tongue import tongue
from app.models import Checker, Comment, Site, Status, Subject, comment_counts
from app.models.section import Section
from app.screening import hosts
from app.screening.akismet import Sender
from app.screening.rulebook import Hit, rulebook
from app.spam import scores
from app.spam.scores import NO_PREDICTION, Prediction


class Verdict(IntEnum):
    """What a finding asks for; the strictest wins."""

    PASS = 0
    HOLD = 1
    REJECT = 2
    SPAM = 3


@dataclass(frozen=True)
class Case:
    """The checks' input. The comment may not be stored yet; its author may be as typed."""

    site: Site
    comment: Comment
    # True if the author showed a token.
    proven: bool
    trapped: bool = False
    # Seconds from the first key to submit, or None; `stamp`: problem of the form's stamp, or ''.
    seconds: float | None = None
    stamp: str = ""
    # Author fields that changed since they were trusted (Author.changes).
    changed: tuple[str, ...] = ()
    # The section that the page claims, where the thread has none.
    section: Section | None = None
    # The public text before an edit.
    published: str | None = None
    # None for an edit: the first check has stored the sender.
    sender: Sender | None = None

    @cached_property
    def hits(self) -> list[Hit]:
        """Of the site's own rules and the built-in ones."""
        return [hit for hit in self._all_hits if hit.rule.is_own]

    @property
    def listed(self) -> list[Hit]:
        """Of the shared lists that the site subscribes to."""
        return [hit for hit in self._all_hits if not hit.rule.is_own]

    @cached_property
    def _all_hits(self) -> list[Hit]:
        return rulebook(self.site).match(self.comment)

    @cached_property
    def hosts(self) -> list[hosts.HostMention]:
        """Hosts in the comment, without those that the site allows."""
        allowed = {hit.found for hit in self.hits if hit.rule.subject == Subject.LINK_DOMAIN and hit.allows}
        return [mention for mention in hosts.hosts_in(self.comment) if mention.typed not in allowed]

    @cached_property
    def checkers(self) -> Sequence[Checker]:
        """The site's checkers that are asked about this comment."""
        lang = self.comment.lang or self.site.lang
        return [each for each in Checker.active_on(self.site) if each.is_asked_about(lang)]

    @cached_property
    def record(self) -> dict[str, int]:
        """The author's comments by status; empty unless proven."""
        id = self.comment.author_id
        return comment_counts.by_author([id])[id] if self.proven else {}

    @cached_property
    def prediction(self) -> Prediction:
        return scores.predict(self.comment, self.site.id, self.features)

    @cached_property
    def written_in(self) -> str:
        return tongue(self.comment.body, self.site.lang)

    @property
    def known_prediction(self) -> Prediction:
        """The prediction, if a check has asked for it and the filter did not fail."""
        prediction: Prediction = vars(self).get("prediction", NO_PREDICTION)
        return prediction

    @property
    def approved(self) -> int:
        return self.record.get(Status.APPROVED, 0)

    @property
    def features(self) -> dict[str, Any]:
        """Features that are not in the comment itself."""
        rejected = self.record.get(Status.REJECTED, 0) + self.record.get(Status.SPAM, 0)
        return {"seconds": self.seconds, "approved": self.approved, "rejected": rejected}

    @property
    def trusted(self) -> bool:
        return self.proven and any(hit.rule.subject == Subject.AUTHOR and hit.allows for hit in self.hits)

    @property
    def relies_on_trust(self) -> bool:
        """True if it would be held without trust in its author."""
        return self.trusted or bool(self.approved and (self.site.approvals_needed or self.site.score_publishes))


@dataclass(frozen=True)
class Finding:
    """`then` is the side effect, run when the comment is stored: checks write nothing.

    One that is not `told` changes nothing but that: it is no reason.
    """

    check: str
    verdict: Verdict
    details: dict[str, Any] = field(default_factory=dict)
    then: Callable[[], None] | None = field(default=None, compare=False)
    told: bool = True

    @classmethod
    def of_reason(cls, reason: dict[str, Any]) -> "Finding":
        """The finding that was stored as this reason."""
        details = {name: value for name, value in reason.items() if name not in ("check", "verdict")}
        return cls(reason["check"], Verdict[reason["verdict"].upper()], details)

    def as_reason(self) -> dict[str, Any]:
        """JSON data, rendered by `reasons.sentence_of`."""
        return {"check": self.check, "verdict": self.verdict.name.lower(), **self.details}
