"""Comments for programs: posts by readers' programs, and comments in every status for moderators' programs."""

from dataclasses import dataclass, fields
from typing import Annotated, Any

from flask import Blueprint, Response, jsonify, make_response
from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict

from app.abuse import limits
from app.abuse.junk import require_json
from app.abuse.origin import check_origin
from app.api import cors, desk_shapes, shapes
from app.api.access import authenticate, comment_or_404, current_program, current_site, missing
from app.api.body import json_object, not_understood
from app.api.declared import Doc, parsed, written
from app.api.desk_shapes import CommentPage, DecisionMade, ModeratedComment
from app.api.once import once
from app.api.operation import operation, public
from app.api.problems import problem
from app.comments import members, reading, tokens
from app.comments.admission import Crowded
from app.comments.members import Member
from app.comments.submit import Submitted, screen, sent_before, submit
from app.database import after_commit, read_only, write_transaction
from app.desk import listing
from app.desk.cards import card_of, cards_of, load
from app.errors import Refused
from app.forms import comment as lengths
from app.forms.comment import CommentForm
from app.forms.member import member_of
from app.forms.where import Where, where
from app.lib.language import languages
from app.models import Decision, Scope, Site, Status
from app.models.badge import LONGEST_BADGE

bp = Blueprint("comments", __name__)
bp.before_request(require_json)

MOST = 100


@dataclass(frozen=True)
class MemberFacts:
    """A member of the publisher. Lengths are counted in graphemes."""

    sub: Annotated[str, Doc("Their id at the publisher, which never changes; no email address", example="4711")]
    name: Annotated[str, Doc(longest=lengths.NAME_LENGTH, loose=True, example="Hanako")]
    badge: Annotated[str, Doc("Shown beside the name", longest=LONGEST_BADGE, loose=True, example="Subscriber")] = ""
    email: Annotated[str, Doc("Never shown", longest=lengths.EMAIL_LENGTH, loose=True)] = ""


@dataclass(frozen=True)
class NewComment:
    """A reader's comment. Lengths are counted in graphemes."""

    site: Annotated[str, Doc("The site's key", example="news")]
    url: Annotated[str, Doc("The page's address", example="https://news.example/story")]
    body: Annotated[str, Doc("Markdown", longest=lengths.BODY_LENGTH, example="I was there.")]
    thread: Annotated[str, Doc("The page's own id")] = ""
    title: Annotated[str, Doc("The page's title")] = ""
    published: Annotated[str, Doc("When the page was published (ISO 8601)")] = ""
    section: Annotated[str, Doc("Key of the page's section, where no path of the site's sections tells it")] = ""
    lang: Annotated[str, Doc("Language of sentences", choices=languages)] = ""
    name: Annotated[str, Doc("Required where the site says so", longest=lengths.NAME_LENGTH)] = ""
    email: Annotated[str, Doc("Never shown; required where the site says so", longest=lengths.EMAIL_LENGTH)] = ""
    website: Annotated[str, Doc("http or https", longest=lengths.WEBSITE_LENGTH)] = ""
    parent: Annotated[str | int, Doc("Id of the comment that is answered")] = ""
    accepted: Annotated[
        str,
        Doc("Where the thread has rules with a version: that version, once the author has accepted it"),
    ] = ""
    author: Annotated[str, Doc("The token of an earlier comment's author")] = ""
    member: Annotated[
        MemberFacts | None,
        Doc("Whose comment it is, with a token of the site that has the scope comment; replaces name and email"),
    ] = None
    stamp: Annotated[
        str,
        Doc("What /embed/stamp gave when the reader began to type; without one the comment may be held"),
    ] = ""


@dataclass(frozen=True)
class CommentsQuery:
    status: Status | None = None
    thread: Annotated[int | None, Doc("Id of a thread", least=1)] = None
    author: Annotated[int | None, Doc("Id of an author", least=1)] = None
    after: Annotated[int | None, Doc("The `next` of the page before", least=1)] = None
    limit: Annotated[int, Doc("Comments of a page", least=1, most=MOST)] = 25


@dataclass(frozen=True)
class Decisions:
    decisions: list[DecisionMade]


@bp.post("/comments")
@public("Write a comment as a reader, or with a token on behalf of a member", body=NewComment,
        answers={201: shapes.Posted, 202: shapes.Posted}, errors=(400, 401, 403, 404, 413, 415, 422, 429),
        headers={"Idempotency-Key": "The same key again gives the same comment"})  # fmt: skip
def post() -> Response:
    given = _fields()
    read_only()
    here = where(given)
    cors.allow(check_origin(here.site))
    if (facts := json_object().get("member")) is not None:
        return _post_for(here, given, facts)
    limits.refuse_exhausted(here.site, "post", "crowded")
    form = CommentForm(here.site, given, here.words, _member(here.site, given))
    if not form.validate():
        limits.count(here.site, "post")
        # A retry of a stored comment may be older than this version of the rules.
        if not (here.thread and form.lacks_only_acceptance):
            return _invalid(form)
        draft = form.draft(here.lang, page=here.key, claimed={}, author=given.get("author", ""))
        earlier = sent_before(here.thread, draft)
        return _answer(earlier) if earlier else _invalid(form)
    draft = form.draft(here.lang, page=here.key, claimed=here.claimed(given), author=given.get("author", ""))
    screened = screen(here.site, draft)
    try:
        with write_transaction():
            submitted = submit(here.obtain_thread(), draft, screened)
    except Refused as no:
        limits.count(where(given).site, "crowded" if isinstance(no, Crowded) else "post")
        raise
    submitted.count()
    if submitted.again:
        limits.count(here.site, "post")
    return _answer(submitted)


def _post_for(here: Where, given: MultiDict[str, str], facts: Any) -> Response:
    """A comment of a member, by a program that has the right to say so. Nothing is known of the member's browser."""
    authenticate(Scope.COMMENT)
    if current_site().id != here.site.id:
        raise missing()
    return once(lambda: _store_for(here, given, facts))


def _store_for(here: Where, given: MultiDict[str, str], facts: Any) -> Response:
    member = member_of(here.site, vars(parsed(MemberFacts, facts)) if isinstance(facts, dict) else {})
    form = CommentForm(here.site, given, here.words, member)
    if not form.validate():
        return _invalid(form)
    draft = form.draft(here.lang, page=here.key, claimed=here.claimed(given)).from_a_program()
    screened = screen(here.site, draft)
    with write_transaction():
        submitted = submit(here.obtain_thread(), draft, screened)
    after_commit(submitted.count)
    return _answer(submitted)


def _member(site: Site, given: MultiDict[str, str]) -> Member | None:
    token = given.get("author", "")
    return members.member_of(site, token) if members.is_token(token) else None


def _invalid(form: CommentForm) -> Response:
    return problem(422, _("Check your entries."), "invalid", errors=form.errors)


def _answer(submitted: Submitted) -> Response:
    approved = submitted.comment.status == Status.APPROVED
    # A copy of an earlier comment from an unknown sender gets the same answer, without a text that is held.
    shown = reading.show_own(submitted.comment, "") if submitted.recognised else reading.show(submitted.comment)
    answer = {"status": "approved" if approved else "pending", "comment": written(shapes.comment(shown))}
    if submitted.recognised:
        answer["token"] = tokens.for_comment(submitted.comment)
        answer["author"] = tokens.for_author(submitted.comment.author)
    return make_response(jsonify(answer), 201 if approved else 202)


def _fields() -> MultiDict[str, str]:
    """The fields as a form has them. Raises Refused (400) for other types than text and whole numbers."""
    given = json_object()
    known = {each.name: given[each.name] for each in fields(NewComment) if each.name in given and each.name != "member"}
    if not all(isinstance(value, str | int) for value in known.values()):
        raise not_understood()
    return MultiDict({name: str(value) for name, value in known.items()})


@bp.get("/comments")
@operation("Comments in every status, newest first", scope=Scope.READ, query=CommentsQuery, answers={200: CommentPage})
def show_all(query: CommentsQuery) -> CommentPage:
    wanted = listing.Wanted(query.status, query.thread, query.author)
    ids = listing.newest(current_site(), wanted, before=query.after, limit=query.limit + 1)
    shown = ids[: query.limit]
    return desk_shapes.comments(cards_of(load(shown), current_program()), shown[-1] if len(ids) > len(shown) else None)


@bp.get("/comments/<int:id>")
@operation("A comment", scope=Scope.READ, answers={200: ModeratedComment})
def show(id: int) -> ModeratedComment:
    return desk_shapes.comment(card_of(comment_or_404(id), current_program()))


@bp.get("/comments/<int:id>/decisions")
@operation("The newest 100 decisions on a comment, oldest first", scope=Scope.READ, answers={200: Decisions})
def decisions(id: int) -> Decisions:
    return Decisions(desk_shapes.decisions(Decision.all_of(comment_or_404(id))[-MOST:]))
