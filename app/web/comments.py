"""A reader writes: posts, previews, edits, withdraws, and sees what of hers still waits."""

from dataclasses import replace
from typing import Any

from flask import Blueprint, abort, make_response, redirect, render_template, request
from werkzeug.wrappers import Response

from app.abuse import address, limits, proof_of_work
from app.abuse.junk import refuse_what_is_no_form
from app.abuse.origin import check_origin
from app.comments import amend, reading, tokens
from app.comments.admission import Crowded
from app.comments.submit import Submitted, screen, submit
from app.database import only_look, then_write
from app.errors import Refused
from app.extensions import csrf, db
from app.forms.comment import CommentForm, EditForm, about_posts
from app.forms.where import Where, is_navigation, site_or_404, where
from app.models import Comment, Status
from app.moderation import challenge
from app.web import cookie
from app.web.embed import for_origin
from app.web.thread import address_of, around, context, read, render

bp = Blueprint("comments", __name__)
# Nothing here acts with the rights of a log-in: who may do what is shown by tokens and by the Origin header.
csrf.exempt(bp)
bp.before_request(refuse_what_is_no_form)


@bp.post("/embed/comments")
def post() -> Response:
    only_look()
    here = where(request.form)
    origin, form = check_origin(here.site), CommentForm(here.site, request.form)
    try:
        limits.refuse_exhausted(here.site, "post")
    except Refused as no:
        return _refused(here, form, origin, no)
    if not form.validate():
        limits.count(here.site, "post")
        return _form_again(here, form, origin, 422)
    try:
        draft = form.draft(here.lang, page=here.key, claimed=here.claimed(request.form), author=_author_token())
        screened = screen(here.site, draft)
        then_write()
        submitted = submit(here.obtain_thread(), draft, screened)
    except Refused as no:
        db.session.rollback()
        only_look()
        here = where(request.form)
        if not isinstance(no, Crowded):
            limits.count(here.site, "post")
        return _refused(here, form, origin, no)
    if submitted.again:
        limits.count(here.site, "post")
    db.session.commit()
    only_look()
    return _posted(replace(here, thread=submitted.comment.thread), form, submitted, origin)


@bp.post("/embed/preview")
def preview() -> Response:
    """Exactly what would be stored."""
    only_look()
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
    try:
        _admit("edit")
        here, (comment, token, origin) = where(request.form), _own(id)
        form = EditForm(request.form)
        if not form.validate():
            return _edit_again(here, comment, token, origin, 422, form.body.errors)
        amend.edit(comment, form.body.data)
    except Refused as no:
        if no.status != 429:
            raise
        db.session.rollback()
        here, (comment, token, origin) = where(request.form), _own(id)
        answer = _edit_again(here, comment, token, origin, no.status, [no.sentence])
        answer.headers["Retry-After"] = str(no.retry_after)
        return answer
    db.session.commit()
    return _shown_again(here, comment, token, origin)


@bp.post("/embed/comments/<int:id>/withdraw")
def withdraw(id: int) -> Response:
    _admit("withdraw")
    here, (comment, token, origin) = where(request.form), _own(id)
    amend.withdraw(comment)
    db.session.commit()
    return _shown_again(here, comment, token, origin)


@bp.post("/embed/comments/<int:id>/proof")
def prove(id: int) -> Response:
    """Her browser has computed: what nothing but doubts held is public now."""
    _admit("proof")
    here, (comment, token, origin) = where(request.form), _own(id)
    if not proof_of_work.is_done(comment, request.form.get("altcha", "")):
        abort(400)
    challenge.accept(comment)
    db.session.commit()
    return _said(here, comment, token, origin)


@bp.post("/embed/own")
def own() -> Response:
    """The asking reader's own comments of a page that nobody else sees, or that she may still amend."""
    only_look()
    here = where(request.form)
    origin = check_origin(here.site)
    limits.admit(here.site, "own")
    mine = reading.show_own_all(here.site, here.thread, request.form.getlist("token")[: cookie.MOST_TOKENS])
    html = render_template("thread/_mine.html", **around(here), comments=mine)
    return for_origin(make_response(html), origin)


def _author_token() -> str:
    return request.form.get("author") or (cookie.author_token() if is_navigation() else "")


def _posted(here: Where, form: CommentForm, submitted: Submitted, origin: str) -> Response:
    comment = submitted.comment
    token = tokens.for_comment(comment) if submitted.recognised else ""
    author = tokens.for_author(comment.author) if submitted.recognised else ""
    if is_navigation():
        answer = redirect(address_of(here, f"comment-{comment.id}", own=1), 303)
        if token:
            cookie.keep(answer, author, token, lasting=bool(form.remember.data))
        return answer
    answer = _said(here, comment, token, origin)
    if token:
        answer.headers["Kaiwa-Token"], answer.headers["Kaiwa-Author"] = token, author
    return answer


def _said(here: Where, comment: Comment, token: str, origin: str) -> Response:
    """What has become of a comment, and what its author's browser may do about it."""
    status = "approved" if comment.status == Status.APPROVED else "pending"
    shown = reading.show_own(comment, token) if token else reading.show(comment)
    asked = proof_of_work.challenge(comment) if token and challenge.would_help(comment) else None
    # A copy of an earlier comment from an unknown sender gets the same answer, without the comment.
    visible = shown.own or shown.html is not None
    html = render_template(
        "thread/_posted.html", **around(here), comment=shown if visible else None, status=status, work=asked
    )
    return for_origin(make_response(html, 201 if status == "approved" else 202), origin)


def _admit(purpose: str) -> None:
    """Count a request that writes, before it takes the database's lock."""
    only_look()
    site = site_or_404(request.form.get("site", ""))
    check_origin(site)
    limits.admit(site, purpose)
    then_write()


def _own(id: int) -> tuple[Comment, str, str]:
    site = site_or_404(request.form.get("site", ""))
    origin = check_origin(site)
    comment = Comment.of_site([site.id], id) or abort(404)
    given = [request.form.get("token", ""), *(cookie.comment_tokens() if is_navigation() else [])]
    token = next((each for each in given if tokens.opens(each, comment)), "")
    return (comment, token, origin) if token else abort(403)


def _shown_again(here: Where, comment: Comment, token: str, origin: str) -> Response:
    if is_navigation():
        return redirect(address_of(here, f"comment-{comment.id}", own=1), 303)
    html = render_template("thread/_comment.html", **around(here), comment=reading.show_own(comment, token))
    return for_origin(make_response(html), origin)


def _refused(here: Where, form: CommentForm, origin: str, no: Refused) -> Response:
    """The form with everything typed still in it; `here` is read anew, since a rollback forgot the records."""
    answer = _form_again(here, form, origin, no.status, notice=no.sentence, challenge=_challenge(here, no))
    if no.status == 429:
        answer.headers["Retry-After"] = str(no.retry_after)
    return answer


def _challenge(here: Where, no: Refused) -> dict[str, Any] | None:
    """What the browser may solve to be let in all the same."""
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


def _edit_again(here: Where, comment: Comment, token: str, origin: str, status: int, errors: Any) -> Response:
    """The edit form with what was typed still in it."""
    shown = reading.show_own(comment, token)
    if shown.own:
        shown = replace(shown, own=replace(shown.own, body=EditForm(request.form).body.data or ""))
    if is_navigation():
        page, waiting = reading.with_own(read(here), [shown])
        given = context(here, mine=waiting, errors=errors)
        return make_response(render("thread/page.html", page, given), status)
    html = render_template("thread/_own.html", **around(here) | {"errors": errors}, comment=shown)
    return for_origin(make_response(html, status), origin)
