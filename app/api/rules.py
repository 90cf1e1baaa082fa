"""Rules for programs: list, try on past comments, add and end."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from flask import Blueprint

from app.api.access import current_program, current_site, missing
from app.api.declared import Doc
from app.api.operation import operation
from app.database import write_transaction
from app.errors import Refused
from app.extensions import db
from app.forms.rule import MOST_DAYS, REASON_LENGTH, VALUE_LENGTH
from app.lib.clock import now
from app.lib.secrets import is_unreadable
from app.lib.text import clean_line
from app.models import Effect, Rule, Scope, Subject
from app.screening import rules

bp = Blueprint("rules", __name__)

MOST_ENDED = 50
# Their values are a person's data, which no answer has.
PERSONAL = frozenset({Subject.EMAIL, Subject.ADDRESS})


@dataclass(frozen=True)
class RuleShown:
    """A screening rule. The value of rules about an email address or a network is null."""

    id: int
    subject: Subject
    value: Annotated[str | None, Doc(example="casino")]
    effect: Effect
    reason: str
    made_by: Annotated[str | None, Doc("Null: by the operator, or by an account that is gone")]
    made_at: datetime
    expires_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True)
class Rules:
    """`ended` has the newest 50."""

    active: list[RuleShown]
    ended: list[RuleShown]


@dataclass(frozen=True)
class NewRule:
    subject: Subject
    value: Annotated[str, Doc(longest=VALUE_LENGTH, example="casino")]
    effect: Effect
    reason: Annotated[str, Doc("For other moderators", longest=REASON_LENGTH)] = ""
    days: Annotated[int | None, Doc("Until it expires", least=1, most=MOST_DAYS)] = None
    dry_run: Annotated[bool, Doc("Only try it on past comments")] = False


@dataclass(frozen=True)
class Trial:
    """What the rule matches among the newest comments."""

    looked_at: int
    by_status: Annotated[dict[str, int], Doc(example={"approved": 2})]
    comments: Annotated[list[int], Doc("Ids of the newest 50")]


@bp.get("/rules")
@operation("The site's rules", scope=Scope.MANAGE, answers={200: Rules})
def show() -> Rules:
    site = current_site()
    return Rules([shown(rule) for rule in Rule.standing(site)], [shown(rule) for rule in Rule.ended(site, MOST_ENDED)])


@bp.post("/rules")
@operation("Add a rule, or try it", scope=Scope.MANAGE, body=NewRule, answers={201: RuleShown, 200: Trial},
           errors=(409,), description="201 for a new or equal rule, 200 for a dry run.")  # fmt: skip
def make(body: NewRule) -> tuple[RuleShown | Trial, int]:
    if body.dry_run:
        # The draft must not be written.
        with db.session.no_autoflush:
            return _tried(_draft(body)), 200
    with write_transaction():
        (made,) = rules.create([_draft(body)], by=current_program())
    return shown(made), 201


@bp.post("/rules/<int:id>/end")
@operation("End a rule", scope=Scope.MANAGE, answers={200: RuleShown}, errors=(404,))
def end(id: int) -> RuleShown:
    rule = Rule.of_site([current_site().id], id)
    if rule is None:
        raise missing()
    with write_transaction():
        rules.end(rule, by=current_program())
    return shown(rule)


def _draft(body: NewRule) -> Rule:
    expires_at = now() + timedelta(days=body.days) if body.days else None
    site, reason = current_site(), clean_line(body.reason)
    try:
        return rules.draft(site, body.subject, body.effect, body.value, reason=reason, expires_at=expires_at)
    except Refused as no:
        raise Refused(no.code, no.sentence, field="days" if no.field == "expires_at" else no.field) from no


def _tried(draft: Rule) -> Trial:
    trial = rules.dry_run(draft)
    ids = [comment.id for comment, _hits in trial.touched[: rules.SHOWN]]
    answer = Trial(trial.looked_at, dict(trial.by_status), ids)
    db.session.rollback()
    return answer


def shown(rule: Rule) -> RuleShown:
    hidden = rule.subject in PERSONAL or is_unreadable(rule.value)
    return RuleShown(
        id=rule.id,
        subject=Subject(rule.subject),
        value=None if hidden else rule.value,
        effect=Effect(rule.effect),
        reason=rule.reason,
        made_by=rule.made_by.name if rule.made_by else None,
        made_at=rule.made_at,
        expires_at=rule.expires_at,
        ended_at=rule.ended_at,
    )
