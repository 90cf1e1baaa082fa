"""Second opinions: the questions that wait for a moderator, agreement by reason, and cases to discuss."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, Select, func, select
from sqlalchemy.orm import joinedload

from app.database import one_of
from app.desk.cards import parent_text_of, parents_of, risks_of
from app.extensions import db
from app.lib import agreement
from app.lib.agreement import alpha
from app.lib.clock import now
from app.models import (
    AskedOpinion,
    Comment,
    Membership,
    Moderator,
    Note,
    Report,
    Sample,
    SecondOpinion,
    Site,
    section_scope,
)
from app.models.asked_opinion import MOST
from app.models.second_opinion import label_of
from app.models.thread import Named
from app.moderation.risk import Risk, risk_of

# All that wait for one moderator, and those of decisions at the same moment.
PAGE = 2 * MOST
CASES = 50
# With fewer comments alpha is little more than chance; the page says so.
FEW = 20


@dataclass(frozen=True)
class BlindCard:
    """The text, and the comment that it answers. Reasons, score, record and notes could tell the first decision."""

    asked: AskedOpinion
    parent_text: str
    # Why the text may be hard to read, from before the first decision.
    risk: Risk | None = None
    parent_risk: Risk | None = None

    @property
    def comment(self) -> Comment:
        return self.asked.comment

    @property
    def article(self) -> str:
        """As an approval of the comment names the article; its earlier name would tell that there was none."""
        claimed, thread = self.comment.claimed or {}, self.comment.thread
        if thread.named_by > Named.MODERATOR:
            return thread.label
        return claimed.get("title") or thread.title or claimed.get("url") or thread.label

    @property
    def section(self) -> str:
        thread = self.comment.thread
        return str(thread.read_section(self.comment.claimed or {}).get("section", thread.section))


@dataclass(frozen=True)
class Agreed:
    """Agreement on one label: comments that got it at least once, those that got it twice, and alpha."""

    label: str
    number: int
    both: int
    alpha: float | None


@dataclass
class Agreement:
    """Agreement on all comments of a period, by label, and by the reason why they were drawn."""

    number: int
    same: int
    alpha: float | None
    by_label: list[Agreed] = field(default_factory=list)
    # Number and alpha.
    by_sample: dict[str, tuple[int, float | None]] = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    opinion: SecondOpinion
    notes: list[Note]
    risk: Risk | None = None


def waiting_for(moderator: Moderator, *, limit: int = PAGE) -> list[BlindCard]:
    """The oldest questions for this moderator."""
    query = _waiting(
        moderator, joinedload(AskedOpinion.comment, innerjoin=True).joinedload(Comment.thread, innerjoin=True)
    )
    found = db.session.scalars(query.order_by(AskedOpinion.id).limit(limit)).all()
    comments = [each.comment for each in found]
    reports, parents = _reasons_before(found), risks_of(parents_of(comments))
    return [
        # A comment with a legal notice is not asked about.
        BlindCard(
            each,
            parent_text_of(each.comment),
            risk_of(each.comment, reports[each.comment_id], has_notice=False),
            parents.get(each.comment.parent_id or 0),
        )
        for each in found
    ]


def _reasons_before(asked: Sequence[AskedOpinion]) -> dict[int, set[str]]:
    """The reasons of the reports before each first decision. Whether there are later ones depends on it."""
    decided = {each.comment_id: each.made_at for each in asked}
    found: dict[int, set[str]] = {id: set() for id in decided}
    for id, reason, made_at in Report.made_about(decided):
        if made_at <= decided[id]:
            found[id].add(reason)
    return found


def count_for(moderator: Moderator) -> int | None:
    """Number of questions for this moderator; None if none of their sites asks."""
    if not AskedOpinion.asking_sites(moderator):
        return None
    return db.session.scalar(select(func.count()).select_from(_waiting(moderator).subquery())) or 0


def question_for(moderator: Moderator, id: int) -> AskedOpinion | None:
    return db.session.scalar(_waiting(moderator).where(AskedOpinion.id == id))


def agreement_on(site: Site, days: int) -> Agreement:
    """Agreement in the last `days`. There is none by person: the table does not know who gave an opinion."""
    rows = _counted(site, days)
    pairs = _pairs(rows)
    figures = Agreement(pairs.total(), sum(n for (first, second), n in pairs.items() if first == second), alpha(pairs))
    figures.by_label = sorted(
        (_agreed(label, pairs) for label in {each for pair in pairs for each in pair}),
        key=lambda each: (-each.number, each.label),
    )
    for sample in Sample:
        drawn = _pairs(row for row in rows if row.sample == sample)
        figures.by_sample[sample] = drawn.total(), alpha(drawn)
    return figures


def cases_of(moderator: Moderator, site: Site, *, discussed: bool, before: int | None = None) -> tuple[list[Case], int]:
    """Different opinions on comments of the moderator's sections, newest first, and the cursor of the next page."""
    query = _cases(moderator, site).where(SecondOpinion.discussed.is_(discussed))
    query = query.where(SecondOpinion.id < before) if before else query
    found = db.session.scalars(query.order_by(SecondOpinion.id.desc()).limit(CASES + 1)).all()
    shown = found[:CASES]
    notes = Note.of([each.comment_id for each in shown if each.comment_id])
    risks = risks_of([each.comment for each in shown if each.comment])
    cases = [Case(each, notes.get(each.comment_id or 0, []), risks.get(each.comment_id or 0)) for each in shown]
    return cases, shown[-1].id if len(found) > CASES else 0


def case_of(moderator: Moderator, site: Site, id: int) -> SecondOpinion | None:
    return db.session.scalar(_cases(moderator, site).where(SecondOpinion.id == id))


def alone_in(site: Site) -> list[str] | None:
    """Keys of the sections with a single moderator, where nothing is drawn; None if the whole site has a single one."""
    members = Membership.of_site(site)
    if len(members) < 2:
        return None
    keys = [each["key"] for each in site.sections]
    return [key for key in keys if sum(not each.limits or key in each.limits for each in members) < 2]


def _waiting(moderator: Moderator, *options: Any) -> Select[AskedOpinion]:
    mine = section_scope.in_sections_of(moderator)
    query = select(AskedOpinion).join(Comment, Comment.id == AskedOpinion.comment_id)
    return query.where(*AskedOpinion.waiting_for(moderator), *mine).options(*options)


def _counted(site: Site, days: int) -> list[Row[Any]]:
    columns = (
        SecondOpinion.sample, SecondOpinion.first_status, SecondOpinion.first_reason, SecondOpinion.status,
        SecondOpinion.reason,
    )  # fmt: skip
    lately = SecondOpinion.site_id == site.id, SecondOpinion.given_on > now() - timedelta(days=days)
    query = select(*columns, func.count().label("number")).where(*lately).group_by(*columns)
    return list(db.session.execute(query))


def _pairs(rows: Iterable[Row[Any]]) -> Counter[tuple[str, str]]:
    found: Counter[tuple[str, str]] = Counter()
    for row in rows:
        found[label_of(row.first_status, row.first_reason), label_of(row.status, row.reason)] += row.number
    return found


def _agreed(label: str, pairs: Counter[tuple[str, str]]) -> Agreed:
    return Agreed(
        label,
        agreement.number_with(label, pairs),
        pairs[label, label],
        alpha(agreement.about(label, pairs)),
    )


def _cases(moderator: Moderator, site: Site) -> Select[SecondOpinion]:
    mine = section_scope.about_comments(moderator, SecondOpinion.site_id, SecondOpinion.comment_id)
    seen = one_of(SecondOpinion.site_id, moderator.site_ids)
    of_site = seen, SecondOpinion.site_id == site.id, SecondOpinion.comment_id.is_not(None)
    loaded = joinedload(SecondOpinion.comment, innerjoin=True).joinedload(Comment.thread, innerjoin=True)
    return select(SecondOpinion).where(*of_site, *mine).options(loaded)
