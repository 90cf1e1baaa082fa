"""A thread: a fragment for the widget, or a page."""

import hashlib
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, current_app, make_response, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.local import LocalProxy

from app.abuse import address
from app.abuse.timing import stamp_again, stamp_of_the_hour
from app.comments import members, reading, votes
from app.comments.orders import orders_of
from app.comments.shown import Shown
from app.desk.review_time import usual_review_time
from app.errors import Refused
from app.forms.comment import CommentForm
from app.forms.where import PARAMETERS, Where, where
from app.lib import ids, markup
from app.lib.language import speaking
from app.models import Comment, State, Status, Vote
from app.web import cookie, first_view, fragments
from app.web.embed import frame_policy
from app.web.public import for_everybody, note_known, public_get

bp = Blueprint("thread", __name__)

# As in Werkzeug, so that equal links are equal text.
AS_THEY_ARE = "!$'()*,/:;?@"


@public_get(bp, "/embed/thread", *PARAMETERS, "after", "comment", private=("parent",))
def fragment() -> Response:
    return _for_all("thread/fragment.html")


@public_get(bp, "/thread", *PARAMETERS, "after", "comment", private=("own", "parent", "voted"))
def page() -> Response:
    private = "own" in request.args or "voted" in request.args
    return _private(where(request.args)) if private else _for_all("thread/page.html")


def context(here: Where, form: CommentForm | None = None, stamp: str = "", **more: Any) -> dict[str, Any]:
    """Context of the thread's templates. `form` is None without input."""
    if form is None and "parent" in request.args:
        form = CommentForm(here.site, parent=request.args.get("parent", "")[:20])
    return {
        "form": form,
        "orders": {
            name: (order.label, _address(here, sort=name)) for name, order in orders_of(votes=here.site.votes).items()
        },
        "stamp": stamp or stamp_again(here.site.key, (form and form.stamp.data) or ""),
        "reply_to": _reply_to(here, form) if form else None,
        "can_email": bool(current_app.config["MAIL_URL"]),
        "notice": "",
        "challenge": None,
        "preview": None,
        "canonical": _canonical(here),
        "mine": (),
        "for_members": here.is_for_members,
        **around(here),
        **more,
    }


def around(here: Where) -> dict[str, Any]:
    """Context of a single comment's templates."""
    return {
        "site": here.site,
        # Read only where a template shows them: a cached form needs no query.
        "words": LocalProxy(lambda: here.words),
        "where": here.fields,
        "section": here.section.key if here.section else "",
        "here": _address(here),
        "lang": here.lang,
        "labels": _labels(here.lang),
        "errors": (),
        "can_reply": True,
        "posted": False,
        "review_time": usual_review_time,
        **_addresses(current_app.config["PUBLIC_URL"]),
    }


@lru_cache
def _addresses(_public_url: str) -> dict[str, str]:
    """Addresses that are the same on every page, built once."""
    return {
        "page_address": url_for("thread.page", _external=True),
        "action": url_for("comments.post", _external=True),
        "preview_action": url_for("comments.preview", _external=True),
        "votes": url_for("votes.cast", _external=True),
        # The templates append a comment's id.
        "reports": url_for("reports.ask", id=0, _external=True).removesuffix("0"),
    }


@lru_cache
def _labels(lang: str) -> dict[str, str]:
    """Labels of comments, translated once: gettext takes longer than the rest of the template."""
    with speaking(lang):
        return {
            "reply": _("Reply"),
            "reply_to": _("Reply to %(name)s", name="%(name)s"),
            "in_reply": _("In reply to %(name)s", name="%(name)s"),
            "report": _("Report"),
            "helpful": _("Helpful"),
            "pick": _("Editors’ pick"),
            "report_by": _("Report %(name)s’s comment", name="%(name)s"),
        }


def address_of(here: Where, anchor: str, **more: Any) -> str:
    """The address of a position in a thread as a page."""
    return f"{_address(here, **more)}#{anchor}"


def _canonical(here: Where) -> str:
    """The address that search engines list: this page without its variants, or else the article."""
    plain = dict.fromkeys(("lang", "sort", "title", "section"), "")
    return _address(here, **plain) if here.site.index_thread else here.fields["url"]


def _address(here: Where, **more: Any) -> str:
    given = {name: value for name, value in (here.fields | more).items() if value}
    page = _addresses(current_app.config["PUBLIC_URL"])["page_address"]
    return f"{page}?{urlencode(given, safe=AS_THEY_ARE)}"


def read(here: Where) -> reading.ThreadPage:
    return reading.page_of(
        here.site,
        here.thread,
        sort=here.sort,
        after=request.args.get("after", ""),
        comment=request.args.get("comment", type=ids.read),
        at_least=here.section.state if here.section else State.OPEN,
    )


def render(template: str, page: reading.ThreadPage, context: dict[str, Any]) -> str:
    """A page of a thread, by default with a blank form."""
    blank_form = None if context["form"] else fragments.blank_form(context)
    comments = fragments.comments_of(page, context)
    return render_template(template, **context, page=page, comments=comments, blank_form=blank_form)


def _for_all(template: str) -> Response:
    here = where(request.args)
    note_known(here)
    stamp = stamp_of_the_hour(here.site.key)
    answer = Response()
    answer.set_etag(etag_of(here, "after", "comment", "parent", stamp=stamp), weak=True)
    for_everybody(answer)
    answer.headers["Content-Security-Policy"] = frame_policy(here.site)
    if answer.make_conditional(request).status_code == 304:
        return answer
    answer.set_data(render(template, read(here), context(here, stamp=stamp)))
    answer.content_type = "text/html; charset=utf-8"
    first_view.note(here.site)
    return answer


def _private(here: Where) -> Response:
    mine = reading.show_own_all(here.site, here.thread, cookie.comment_tokens())
    page, elsewhere = reading.with_own(read(here), [*mine, *_voted(here)])
    waiting = [shown for shown in elsewhere if shown.own]
    answer = make_response(render("thread/page.html", page, context(here, mine=waiting) | _as_member(here)))
    answer.headers["Content-Security-Policy"] = frame_policy(here.site)
    return answer


def _as_member(here: Where) -> dict[str, Any]:
    """The form of a member who logged in without a script, and links that keep it."""
    token = cookie.author_token()
    try:
        member = members.member_of(here.site, token) if members.is_token(token) else None
    except Refused:
        return {}
    parent = request.args.get("parent", "")[:20]
    form = CommentForm(here.site, member=member, parent=parent) if member else None
    return {"form": form, "here": _address(here, own=1), "reply_to": _reply_to(here, form)} if form else {}


def _voted(here: Where) -> list[Shown]:
    """The comment that the reader has just marked as helpful."""
    id = request.args.get("voted", type=ids.read)
    comment = Comment.public(id) if id and here.site.votes else None
    return [reader_view(comment)] if comment and comment.site_id == here.site.id else []


def reader_view(comment: Comment) -> Shown:
    """A comment with the vote of this reader's network."""
    voted = Vote.is_standing(comment, address.voter(comment.site, address.client()))
    return reading.show_vote(comment, votes.current_count(comment), voted=voted)


def etag_of(here: Where, *parameters: str, stamp: str = "") -> str:
    """A hash of everything on the page; the thread's version stands for its comments.

    `parameters`: those that the view reads besides PARAMETERS.
    """
    thread = here.thread
    shown = (request.path, *(request.args.get(name, "") for name in parameters))
    thread_now = (thread.id, thread.version, thread.state_now) if thread else (here.site.open,)
    parts = (shown, sorted(here.fields.items()), here.site.version, thread_now, stamp, markup.RENDERER, VERSION)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:20]


def _reply_to(here: Where, form: CommentForm) -> Comment | None:
    thread = here.thread if form.parent_id and here.thread and here.thread.visible else None
    parent = Comment.of_site([here.site.id], form.parent_id or 0) if thread else None
    public = parent and thread and parent.thread_id == thread.id and parent.status == Status.APPROVED
    return parent if public else None


# Part of every ETag; increase it when templates change.
VERSION = "1"
