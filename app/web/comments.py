"""Readers post, preview, edit and delete comments, and see their pending ones."""

from dataclasses import replace
from typing import Any

from flask import Blueprint, abort, make_response, redirect, render_template, request
from werkzeug.wrappers import Response

from app.abuse import address, limits, proof_of_work
from app.abuse.junk import require_form
from app.abuse.origin import check_origin
from app.comments import amend, members, reading, tokens
from app.comments.admission import Crowded
from app.comments.members import Member
from app.comments.submit import Draft, Submitted, screen, sent_before, submit
from app.database import read_only, write_transaction
from app.errors import Refused
from app.extensions import csrf
from app.forms.comment import CommentForm, EditForm, about_posts
from app.forms.where import Where, is_navigation, site_or_404, where
from app.models import Comment, Site, Status
from app.moderation import challenge
from app.web import cookie
from app.web.embed import for_origin
from app.web.thread import address_of, around, context, read, render

bp = Blueprint("comments", __name__)
# Tokens and the Origin header give the rights, not a log-in.
csrf.exempt(bp)
bp.before_request(require_form)
bp.before_request(read_only)


@bp.post("/embed/comments")
def post() -> Response:
    here = where(request.form)
    origin, form = check_origin(here.site), CommentForm(here.site, request.form, here.words)
    try:
        if member := _member(here.site):
            form.be(member)
        limits.refuse_exhausted(here.site, "post", "crowded")
    except Refused as no:
        return _refused(here, form, origin, no)
    try:
        submitted = _submit(here, form) if form.validate() else _sent_before(here, form)
    except Refused as no:
        here = where(request.form)
        limits.count(here.site, "crowded" if isinstance(no, Crowded) else "post")
        return _refused(here, form, origin, no)
    if submitted is None or submitted.again:
        limits.count(here.site, "post")
    if submitted is None:
        return _form_again(here, form, origin, 422)
    return _posted(replace(here, thread=submitted.comment.thread), form, submitted, origin)


def _submit(here: Where, form: CommentForm) -> Submitted:
    draft = _draft(here, form)
    screened = screen(here.site, draft)
    with write_transaction():
        submitted = submit(here.obtain_thread(), draft, screened)
    submitted.count()
    return submitted


def _sent_before(here: Where, form: CommentForm) -> Submitted | None:
    """The stored comment, if this is a retry and only the house rules have changed since."""
    return sent_before(here.thread, _draft(here, form)) if here.thread and form.lacks_only_acceptance else None


def _draft(here: Where, form: CommentForm) -> Draft:
    return form.draft(here.lang, page=here.key, claimed=here.claimed(request.form), author=_author_token())


@bp.post("/embed/preview")
def preview() -> Response:
    """Exactly what would be stored."""
    here = where(request.form)
    origin, form = check_origin(here.site), CommentForm(here.site, request.form)
    try:
        limits.admit(here.site, "preview")
    except Refused as no:
        return _refused(here, form, origin, no)
    shown = reading.preview(form.body.data) if EditForm(request.form).validate() else None
    if shown is None:
        form.validate()
        return _form_again(here, form, origin, 422)
    if is_navigation():
        return _page_again(here, form, 200, preview=shown)
    return for_origin(make_response(render_template("thread/_preview.html", preview=shown)), origin)


@bp.post("/embed/comments/<int:id>/edit")
def edit(id: int) -> Response:
    form = EditForm(request.form)
    try:
        _admit("edit")
        if not form.validate():
            return _edit_again(id, 422, form.body.errors)
        with write_transaction():
            comment, token, origin = _own(id)
            amend.edit(comment, form.body.data)
    except Refused as no:
        if no.status != 429:
            raise
        answer = _edit_again(id, no.status, [no.sentence])
        answer.headers["Retry-After"] = str(no.retry_after)
        return answer
    return _shown_again(comment, token, origin)


@bp.post("/embed/comments/<int:id>/withdraw")
def withdraw(id: int) -> Response:
    _admit("withdraw")
    with write_transaction():
        comment, token, origin = _own(id)
        amend.withdraw(comment)
    return _shown_again(comment, token, origin)


@bp.post("/embed/comments/<int:id>/proof")
def prove(id: int) -> Response:
    """Publish a comment that was held for doubts only, after its challenge is solved."""
    _admit("proof")
    with write_transaction():
        comment, token, origin = _own(id)
        if not proof_of_work.is_done(comment, request.form.get("altcha", "")):
            abort(400)
        challenge.accept(comment)
    return _said(where(request.form), comment, token, origin, remembered="remember" in request.form)


@bp.post("/embed/own")
def own() -> Response:
    """A reader's own comments on a page that are pending or editable."""
    here = where(request.form)
    origin = check_origin(here.site)
    limits.admit(here.site, "own")
    mine = reading.show_own_all(here.site, here.thread, request.form.getlist("token")[: cookie.MOST_TOKENS])
    if member := _member(here.site):
        mine += reading.waiting_or_editable(members.own_comments(here.site, member, here.thread))
    html = render_template("thread/_mine.html", **around(here), comments=mine)
    return for_origin(make_response(html), origin)


def _member(site: Site) -> Member | None:
    """Raises Refused (403) for a log-in that is over."""
    token = _author_token()
    return members.member_of(site, token) if members.is_token(token) else None


def _author_token() -> str:
    return request.form.get("author") or (cookie.author_token() if is_navigation() else "")


def _posted(here: Where, form: CommentForm, submitted: Submitted, origin: str) -> Response:
    comment = submitted.comment
    token = tokens.for_comment(comment) if submitted.recognised else ""
    author = tokens.for_author(comment.author) if submitted.recognised else ""
    if is_navigation():
        answer = redirect(address_of(here, f"comment-{comment.id}", own=1), 303)
        if token:
            cookie.set_tokens(answer, author or _author_token(), token, lasting=bool(form.remember.data))
        return answer
    answer = _said(here, comment, token, origin, remembered=bool(form.remember.data))
    if token:
        answer.headers["Kaiwa-Token"] = token
    if author:
        answer.headers["Kaiwa-Author"] = author
    return answer


def _said(here: Where, comment: Comment, token: str, origin: str, *, remembered: bool = False) -> Response:
    """The status of a comment, the author's link to it, and a challenge if solving it would publish the comment."""
    status = "approved" if comment.status == Status.APPROVED else "pending"
    shown = reading.show_own(comment, token) if token else reading.show(comment)
    asked = proof_of_work.challenge(comment) if token and challenge.would_help(comment) else None
    # For a repeated comment from an unknown sender, the same answer without the comment.
    visible = shown.own or shown.html is not None
    html = render_template(
        "thread/_posted.html", **around(here), comment=shown if visible else None, status=status, work=asked,
        remembered=remembered, of_member=bool(token and comment.author.member_sub),
    )  # fmt: skip
    return for_origin(make_response(html, 201 if status == "approved" else 202), origin)


def _admit(purpose: str) -> None:
    """Count a request before it takes the write lock."""
    site = site_or_404(request.form.get("site", ""))
    check_origin(site)
    limits.admit(site, purpose)


def _own(id: int) -> tuple[Comment, str, str]:
    site = site_or_404(request.form.get("site", ""))
    origin = check_origin(site)
    comment = Comment.of_site([site.id], id) or abort(404)
    given = [request.form.get("token", ""), *(cookie.comment_tokens() if is_navigation() else [])]
    token = next((each for each in given if tokens.opens(each, comment)), "")
    return (comment, token, origin) if token else abort(403)


def _shown_again(comment: Comment, token: str, origin: str) -> Response:
    here = where(request.form)
    if is_navigation():
        return redirect(address_of(here, f"comment-{comment.id}", own=1), 303)
    html = render_template("thread/_comment.html", **around(here), comment=reading.show_own(comment, token))
    return for_origin(make_response(html), origin)


def _refused(here: Where, form: CommentForm, origin: str, no: Refused) -> Response:
    """The form with its input; `here` was reloaded after the rollback."""
    answer = _form_again(here, form, origin, no.status, notice=no.sentence, challenge=_challenge(here, no))
    if no.status == 429:
        answer.headers["Retry-After"] = str(no.retry_after)
    return answer


def _challenge(here: Where, no: Refused) -> dict[str, Any] | None:
    if not isinstance(no, Crowded) or no.excess is None:
        return None
    network = Comment.network_index(here.site, address.network(address.client()))
    return proof_of_work.challenge_beyond(about_posts(here.site, network), no.excess)


def _form_again(here: Where, form: CommentForm, origin: str, status: int, **more: Any) -> Response:
    if is_navigation():
        return _page_again(here, form, status, **more)
    html = render_template("thread/_form.html", **context(here, form, **more))
    return for_origin(make_response(html, status), origin)


def _page_again(here: Where, form: CommentForm, status: int, **more: Any) -> Response:
    return make_response(render("thread/page.html", read(here), context(here, form, **more)), status)


def _edit_again(id: int, status: int, errors: Any) -> Response:
    here, (comment, token, origin) = where(request.form), _own(id)
    shown = reading.show_own(comment, token)
    if shown.own:
        shown = replace(shown, own=replace(shown.own, body=EditForm(request.form).body.data or ""))
    if is_navigation():
        page, waiting = reading.with_own(read(here), [shown])
        given = context(here, mine=waiting, errors=errors)
        return make_response(render("thread/page.html", page, given), status)
    html = render_template("thread/_own.html", **around(here) | {"errors": errors}, comment=shown)
    return for_origin(make_response(html, status), origin)
