"""A reader writes: posts, previews, edits, withdraws, and sees what of hers still waits."""

from dataclasses import replace

from flask import Blueprint, abort, make_response, redirect, render_template, request
from werkzeug.wrappers import Response

from app.abuse import work
from app.abuse.junk import refuse_what_is_no_form
from app.abuse.origin import check_origin
from app.comments import amend, reading, tokens
from app.comments.submit import Submitted, consider, submit
from app.errors import Refused
from app.extensions import csrf, db, only_look, then_write
from app.forms.comment import CommentForm, EditForm
from app.forms.where import Where, is_navigation, site_or_404, where
from app.models import Comment, Status
from app.moderation import proof
from app.web import cookie, drawn
from app.web.embed import for_origin
from app.web.thread import address_of, around, context, read

bp = Blueprint("comments", __name__)
# Nothing here acts with the rights of a log-in: who may do what is shown by tokens and by the Origin header.
csrf.exempt(bp)
bp.before_request(refuse_what_is_no_form)


@bp.post("/embed/comments")
def post() -> Response:
    only_look()
    here = where(request.form)
    origin, form = check_origin(here.site), CommentForm(here.site, request.form)
    if not form.validate():
        return _form_again(here, form, origin, 422)
    try:
        draft = form.draft(here.lang, page=here.key, claimed=here.claimed, author=_author_token())
        considered = consider(here.site, draft)
        then_write()
        submitted = submit(here.obtain_thread(), draft, considered)
    except Refused as no:
        db.session.rollback()
        only_look()
        return _refused(where(request.form), form, origin, no)
    db.session.commit()
    only_look()
    return _posted(replace(here, thread=submitted.comment.thread), form, submitted, origin)


@bp.post("/embed/preview")
def preview() -> Response:
    """Exactly what would be stored."""
    only_look()
    here = where(request.form)
    origin, form = check_origin(here.site), CommentForm(here.site, request.form)
    shown = reading.preview(form.body.data) if EditForm(request.form).validate() else None
    if shown is None:
        form.validate()
        return _form_again(here, form, origin, 422)
    if is_navigation():
        return _page_again(here, form, 200, preview=shown)
    return for_origin(make_response(render_template("thread/_preview.html", preview=shown)), origin)


@bp.post("/embed/comments/<int:id>/edit")
def edit(id: int) -> Response:
    here, (comment, token, origin) = where(request.form), _own(id)
    form = EditForm(request.form)
    if not form.validate():
        shown = reading.show_own(comment, token)
        return _answer(here, "thread/_own.html", 422, origin, comment=shown, errors=form.body.errors)
    amend.edit(comment, form.body.data)
    db.session.commit()
    return _shown_again(here, comment, token, origin)


@bp.post("/embed/comments/<int:id>/withdraw")
def withdraw(id: int) -> Response:
    here, (comment, token, origin) = where(request.form), _own(id)
    amend.withdraw(comment)
    db.session.commit()
    return _shown_again(here, comment, token, origin)


@bp.post("/embed/comments/<int:id>/proof")
def prove(id: int) -> Response:
    """Her browser has computed: what nothing but doubts held is public now."""
    here, (comment, token, origin) = where(request.form), _own(id)
    if not work.is_done(comment, request.form.get("altcha", "")):
        abort(400)
    proof.accept(comment)
    db.session.commit()
    return _said(here, comment, token, origin)


@bp.post("/embed/own")
def own() -> Response:
    """The asking reader's own comments of a page that nobody else sees, or that she may still amend."""
    only_look()
    here = where(request.form)
    origin = check_origin(here.site)
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
    asked = work.challenge(comment) if token and proof.would_help(comment) else None
    html = drawn.said(shown, around(here), status=status, work=asked)
    return for_origin(make_response(html, 201 if status == "approved" else 202), origin)


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
    answer = _form_again(here, form, origin, no.status, notice=no.sentence)
    if no.status == 429:
        answer.headers["Retry-After"] = "60"
    return answer


def _form_again(here: Where, form: CommentForm, origin: str, status: int, notice: str = "") -> Response:
    if is_navigation():
        return _page_again(here, form, status, notice=notice)
    html = render_template("thread/_form.html", **context(here, form), notice=notice)
    return for_origin(make_response(html, status), origin)


def _page_again(here: Where, form: CommentForm, status: int, **more) -> Response:
    return make_response(drawn.one_page("thread/page.html", read(here), context(here, form, **more)), status)


def _answer(here: Where, template: str, status: int, origin: str, **more) -> Response:
    if is_navigation():
        page, waiting = reading.with_own(read(here), [more["comment"]])
        more = {"mine": waiting, "errors": more["errors"]}
        return make_response(drawn.one_page("thread/page.html", page, context(here, **more)), status)
    return for_origin(make_response(render_template(template, **context(here), **more), status), origin)
