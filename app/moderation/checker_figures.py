"""How good a checker is: its answers against moderators' decisions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import select

from app.extensions import db
from app.lib.intervals import wilson
from app.models import Actor, Checker, CheckerAnswer, Comment, Decision, Moderator, Said, Status

# Newest decided comments that are compared, and answers among which they are looked for: reading has a limit.
COMPARED, AMONG = 1_000, 10_000
# Decisions that an admin needs before a checker may hold, and how many comments it would have held.
LEAST_DECIDED, LEAST_FLAGGED = 100, 10
STATUS_OF = {Said.FINE: Status.APPROVED, Said.REJECT: Status.REJECTED, Said.SPAM: Status.SPAM}


class Pair(NamedTuple):
    """An answer, and what a moderator decided; `shown`: the moderator could see the answer."""

    verdict: str
    confidence: float | None
    decided: str
    shown: bool


@dataclass(frozen=True)
class Share:
    """`hits` of `of`, with the 95 percent interval."""

    hits: int
    of: int

    @property
    def low(self) -> float:
        return wilson(self.hits, self.of)[0]

    @property
    def high(self) -> float:
        return wilson(self.hits, self.of)[1]

    @property
    def value(self) -> float | None:
        return self.hits / self.of if self.of else None


@dataclass(frozen=True)
class Quality:
    """`precision`: of the comments with this verdict, those that moderators decided so. `recall`: of the comments that
    they decided so, those with this verdict."""

    precision: Share
    recall: Share


@dataclass(frozen=True)
class Figures:
    """`held`: comments that it holds, or would hold, against those that moderators rejected or marked as spam."""

    decided: int
    flagged: int
    held: Quality
    verdicts: dict[str, Quality]

    def may_hold(self, checker: Checker) -> bool:
        """True if enough decisions show that what it holds is mostly rejected."""
        enough = self.decided >= LEAST_DECIDED and self.flagged >= LEAST_FLAGGED
        return enough and self.held.precision.low * 100 >= checker.least_precision


def figures_of(checker: Checker) -> Figures:
    """From decisions that moderators made without seeing its answer."""
    return figures(checker, [each for each in pairs_of(checker, COMPARED) if not each.shown])


def figures(checker: Checker, pairs: Sequence[Pair]) -> Figures:
    flags = [(checker.flags(each.verdict, each.confidence), each.decided != Status.APPROVED) for each in pairs]
    verdicts = {
        said.value: _quality([(each.verdict == said, each.decided == status) for each in pairs])
        for said, status in STATUS_OF.items()
    }
    return Figures(len(pairs), sum(flagged for flagged, _against in flags), _quality(flags), verdicts)


def pairs_of(checker: Checker, most: int, among: int = AMONG) -> list[Pair]:
    """The newest answers about comments on which a moderator's decision stands. Those of programs do not count."""
    answers = CheckerAnswer.__table__.c
    newest = select(answers.id, answers.comment_id, answers.verdict, answers.confidence, answers.shown)
    newest = newest.where(answers.checker_id == checker.id, answers.made_at >= checker.counted_from)
    each = newest.where(answers.verdict != "").order_by(answers.id.desc()).limit(among).subquery().c
    query = (
        select(each.verdict, each.confidence, Decision.to_status, each.shown)
        .join(Comment, Comment.id == each.comment_id)
        .join(Decision, (Decision.comment_id == Comment.id) & (Decision.version == Comment.version))
        .join(Moderator, Moderator.id == Decision.moderator_id)
        .where(Decision.actor == Actor.MODERATOR, ~Moderator.is_program)
        .where(Decision.to_status.in_(list(STATUS_OF.values())))
    )
    return [Pair(*row) for row in db.session.execute(query.order_by(each.id.desc()).limit(most))]


def _quality(pairs: Sequence[tuple[bool, bool]]) -> Quality:
    """Of pairs (said so, decided so)."""
    both = sum(said and decided for said, decided in pairs)
    return Quality(Share(both, sum(said for said, _ in pairs)), Share(both, sum(decided for _, decided in pairs)))
