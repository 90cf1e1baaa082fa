"""Authors for programs: their record, and to trust, hold or block them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from flask import Blueprint
from flask_babel import gettext as _

from app.api.access import current_program, current_site, missing
from app.api.declared import Doc
from app.api.operation import operation
from app.api.rules import RuleShown, shown
from app.database import write_transaction
from app.desk import blocking, listing
from app.errors import Refused
from app.forms.block import LONGEST
from app.forms.rule import REASON_LENGTH
from app.lib.text import clean_line
from app.models import Author, Comment, Effect, Rule, Scope, Subject, comment_counts
from app.screening import rules

bp = Blueprint("authors", __name__)


@dataclass(frozen=True)
class AuthorShown:
    """An author, without email address and network."""

    id: int
    name: Annotated[str, Doc(example="Hanako")]
    website: str
    member: Annotated[str | None, Doc("Their id at the publisher, if they are a member")]
    member_badge: Annotated[str, Doc("The newest badge of a member, or empty")]
    created_at: datetime
    record: Annotated[dict[str, int], Doc("Comments by status", example={"approved": 3})]
    rules: Annotated[list[RuleShown], Doc("Active rules about this author")]


@dataclass(frozen=True)
class Trust:
    effect: Annotated[Effect, Doc("allow: trusted; hold: each comment waits for a moderator", example="allow")]


@dataclass(frozen=True)
class Block:
    """Tokens with the role moderator must give 1 to 90 days."""

    days: Annotated[int, Doc("0: for good", least=0, most=LONGEST)] = 0
    reason: Annotated[str, Doc("For other moderators", longest=REASON_LENGTH)] = ""
    clear: Annotated[bool, Doc("Mark the author's pending comments as spam")] = False


@dataclass(frozen=True)
class Blocked:
    """`cleared` and `skipped` are ids of comments; the skipped ones had changed."""

    rule: RuleShown
    cleared: list[int]
    skipped: list[int]


@bp.get("/authors/<int:id>")
@operation("An author's record", scope=Scope.READ, answers={200: AuthorShown}, errors=(404,))
def show(id: int) -> AuthorShown:
    author = _author(id)
    site, value = current_site(), str(author.id)
    active = Rule.about(site, Subject.AUTHOR, rules.index_of(site, Subject.AUTHOR, value))
    return AuthorShown(
        id=author.id,
        name=author.name,
        website=author.website,
        member=author.member_sub,
        member_badge=author.member_badge,
        created_at=author.created_at,
        record=comment_counts.by_author([author.id])[author.id],
        rules=[shown(rule) for rule in active],
    )


@bp.post("/authors/<int:id>/trust")
@operation("Trust an author, or always hold their comments", scope=Scope.MODERATE, body=Trust,
           answers={200: RuleShown}, errors=(404, 409))  # fmt: skip
def trust(id: int, body: Trust) -> RuleShown:
    if body.effect not in (Effect.ALLOW, Effect.HOLD):
        raise Refused("bad_effect", _("Use one of these: %(choices)s", choices="allow, hold"), field="effect")
    comment = _newest(_author(id))
    with write_transaction():
        return shown(blocking.trust(comment, body.effect, by=current_program()))


@bp.post("/authors/<int:id>/block")
@operation("Block an author", scope=Scope.MODERATE, body=Block, answers={200: Blocked}, errors=(404, 409))
def block(id: int, body: Block) -> Blocked:
    comment, me = _newest(_author(id)), current_program()
    with write_transaction():
        name = f"{Subject.AUTHOR} {comment.author_id}"
        rule = blocking.block(comment, name, by=me, days=body.days, reason=clean_line(body.reason))
        outcome = blocking.clear(rule, by=me) if body.clear else None
    cleared = [made.comment_id for made in outcome.decided] if outcome else []
    skipped = [*(each.id for each in outcome.changed), *outcome.gone] if outcome else []
    return Blocked(shown(rule), cleared, skipped)


def _author(id: int) -> Author:
    found = Author.of_site(current_site(), id)
    if found is None:
        raise missing()
    return found


def _newest(author: Author) -> Comment:
    """Rules about people are made beside a comment."""
    ids = listing.newest(current_site(), listing.Wanted(author=author.id), before=None, limit=1)
    comment = Comment.of_site([author.site_id], ids[0]) if ids else None
    if comment is None:
        raise missing()
    return comment
