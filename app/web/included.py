"""The comments of a page as plain HTML without the form, for server-side includes and build steps."""

from typing import Any

from flask import Blueprint, Response, render_template, request

from app.comments import reading
from app.comments.orders import order_or_default
from app.comments.shown import Shown
from app.forms.where import PARAMETERS, where
from app.models import State
from app.web.embed import frame_policy
from app.web.public import for_everybody, note_known, public_get
from app.web.thread import around, etag_of

bp = Blueprint("included", __name__)


@public_get(bp, "/embed/static", *PARAMETERS, "after")
def static() -> Response:
    here = where(request.args)
    note_known(here)
    answer = for_everybody(Response(content_type="text/html; charset=utf-8"))
    answer.headers["Content-Security-Policy"] = frame_policy(here.site)
    version = etag_of(here, "after")
    answer.set_etag(version, weak=True)
    if answer.make_conditional(request).status_code == 304:
        return answer
    state = here.section.state if here.section else State.OPEN
    page = reading.page_of(here.site, here.thread, sort=here.sort, after=request.args.get("after", ""), at_least=state)
    comments = page.comments
    shown: dict[str, Any] = {"page": page, "comments": comments, "data": _data(page, comments), "version": version}
    shown |= {"is_first": not request.args.get("after"), "usual_sort": order_or_default(None)}
    answer.set_data(render_template("thread/static.html", **around(here), **shown))
    return answer


def _data(page: reading.ThreadPage, comments: list[Shown]) -> dict[str, Any] | None:
    """JSON-LD (https://schema.org/Comment) of the comments that are shown; None without any."""
    shown = {comment.id: comment for comment in comments if comment.html is not None}
    if not shown or page.thread is None:
        return None
    return {
        "@context": "https://schema.org",
        "@type": "WebPage",
        "@id": page.thread.address,
        "commentCount": page.total,
        "comment": [_comment(each, shown.get(each.parent_id or 0)) for each in shown.values()],
    }


def _comment(shown: Shown, parent: Shown | None) -> dict[str, Any]:
    data: dict[str, Any] = {
        "@type": "Comment",
        "@id": shown.permalink,
        "url": shown.permalink,
        "author": {"@type": "Person", "name": shown.name},
        "dateCreated": shown.iso,
        "text": shown.text,
    }
    if shown.edited_at:
        data["dateModified"] = shown.edited_at.isoformat()
    if shown.helpful is not None:
        data["upvoteCount"] = shown.helpful
    if parent:
        data["parentItem"] = {"@type": "Comment", "@id": parent.permalink}
    return data
