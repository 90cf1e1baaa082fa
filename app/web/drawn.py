"""Pages with comments: a comment is the same bytes until something that it is made of changes.

What can change stands in the key, so nothing here can be out of date, and nobody has to tell it of a change.
"""

import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from flask import current_app, render_template
from markupsafe import Markup

from app.comments.reading import Shown, ThreadPage
from app.lib.lru import Cache
from app.web import filled
from app.web.stencil import Key, fill, hole, keep, stencil

# Where a page's comments stand in it until it is put together. Nobody can know it, and so nobody can write it.
PLACE = Markup("<!--{}-->").format(secrets.token_hex(16))


def one_page(template: str, page: ThreadPage, given: Mapping[str, Any]) -> bytes:
    """A page as one reader sees it."""
    return _joined(render_template(template, **given, page=page, comments=PLACE), _comments(page, given))


def page_for_all(template: str, page: ThreadPage, given: Mapping[str, Any]) -> bytes:
    """A page with a blank form, unless one is given; rendered once for all that are alike."""
    if given["form"]:
        return one_page(template, page, given)
    site, where = given["site"], given["where"]
    orders = {_in_order(name): address for name, (_label, address) in given["orders"].items()}
    addresses = {"here": given["here"], "next": page.next, **orders}
    filling = {name: value for name, value in (addresses | where).items() if value}
    made_of = (template, site.key, site.version, where["lang"], given["stamp"], given["letters"], *filling)
    shape = (page.total, page.sort, page.open, page.within)
    hollow = stencil((*made_of, *shape), lambda: _hollow(template, page, given))
    return _joined(fill(hollow, filling), _comments(page, given))


def said(comment: Shown, given: Mapping[str, Any], *, status: str, work: object) -> bytes:
    """The answer to a comment: what has become of it, and for its author the comment itself."""

    def render() -> str:
        more = {"comment": comment, "status": status, "work": work, "comments": PLACE}
        return render_template("thread/_posted.html", **given, **more)

    answer = render() if work else fill(stencil(("said", status, given["where"]["lang"]), render), {})
    # The same text sent by someone we do not recognise: she is told the same, and shown nothing.
    return _joined(answer, [filled.comment(comment, given)] if comment.own or comment.html is not None else [])


def _joined(rendered: str, comments: Iterable[bytes]) -> bytes:
    """Comments are bytes already: to join them as text and to encode that took a tenth of a page."""
    before, _, behind = rendered.partition(PLACE)
    return b"".join((before.encode(), *comments, behind.encode()))


def _hollow(template: str, page: ThreadPage, given: Mapping[str, Any]) -> str:
    holes = {
        "here": hole("here"),
        "orders": {name: (label, hole(_in_order(name))) for name, (label, _address) in given["orders"].items()},
        "where": {name: value and hole(name) for name, value in given["where"].items()},
        "page": replace(page, listed=[], next=page.next and hole("next")),
        "comments": PLACE,
    }
    return render_template(template, **{**given, **holes})


def _in_order(name: str) -> str:
    return f"in_order_{name}"


def _comments(page: ThreadPage, given: Mapping[str, Any]) -> Iterator[bytes]:
    """The comments of a page, each drawn once; one that only its author sees, each time."""
    cache: Cache[Key, bytes] = current_app.extensions["drawn"]
    made_of = (given["here"], given["site"].version, page.open)
    for listed in page.listed:
        if listed.row.id in page.own:
            yield render_template("thread/_comment.html", **given, page=page, comment=page.show(listed)).encode()
        else:
            key = (listed, *made_of)
            yield cache.get(key) or keep(cache, key, filled.comment(page.show(listed), given, is_open=page.open))
