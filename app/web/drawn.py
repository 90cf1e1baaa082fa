"""Parts of pages that were drawn before: a comment is the same bytes until something that it is made of changes.

What can change stands in the key, so nothing here can be out of date, and nobody has to tell it of a change.
"""

import secrets
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from flask import Flask, current_app, render_template
from markupsafe import Markup, escape

from app.comments.reading import Shown, ThreadPage
from app.lib.cache import Cache
from app.web.stencil import cut, fill, hole

# In each process, enough for some six thousand comments of three hundred characters.
ROOM = 16 * 2**20
# What an entry takes beside its text, which stands in its key as well, roughly, in bytes.
ENTRY = 1024
# Where a page's comments stand in it until it is put together. Nobody can know it, and so nobody can write it.
PLACE = Markup("<!--{}-->").format(secrets.token_hex(16))

Key = tuple[Hashable, ...]
D = TypeVar("D", str, bytes)

# What differs from comment to comment, and what of it may be missing, so that a comment has another shape without it.
FILLED = (
    "id", "anchor", "parent_id", "parent_name", "name", "website", "html", "avatar", "permalink", "iso", "when",
    "edited_at", "badge", "more",
)  # fmt: skip
HOLES = {name: hole(name) for name in FILLED}
OPTIONAL = ("parent_id", "parent_name", "website", "html", "edited_at", "badge", "more")


def one_page(template: str, page: ThreadPage, given: Mapping[str, Any]) -> bytes:
    """A page with comments, as one reader sees it."""
    return _joined(render_template(template, **given, page=page, comments=PLACE), page, given)


def page_for_all(template: str, page: ThreadPage, given: Mapping[str, Any]) -> bytes:
    """A page with comments and, unless a form is given, a blank one: by a stencil that pages alike share."""
    if given["form"]:
        return one_page(template, page, given)
    site, where = given["site"], given["where"]
    addresses = {"here": given["here"], "here_otherwise": given["here_otherwise"], "next": page.next}
    filling = {name: value for name, value in (addresses | where).items() if value}
    made_of = (site.key, site.version, where["lang"], given["stamp"], given["letters"], *filling)
    shape = (page.total, page.sort, page.open, page.within)
    stencil = _once((template, *made_of, *shape), lambda: _hollow_page(template, page, given))
    return _joined(fill(stencil, {name: escape(value) for name, value in filling.items()}), page, given)


def _joined(rendered: str, page: ThreadPage, given: Mapping[str, Any]) -> bytes:
    """The comments are bytes already: to join them as text and to encode that took a tenth of a page."""
    before, _, behind = rendered.partition(PLACE)
    return b"".join((before.encode(), *_comments(page, given), behind.encode()))


def _hollow_page(template: str, page: ThreadPage, given: Mapping[str, Any]) -> str:
    holes = {
        "here": hole("here"),
        "here_otherwise": hole("here_otherwise"),
        "where": {name: value and hole(name) for name, value in given["where"].items()},
        "page": replace(page, listed=[], next=page.next and hole("next")),
        "comments": PLACE,
    }
    return render_template(template, **{**given, **holes})


def _comments(page: ThreadPage, given: Mapping[str, Any]) -> Iterator[bytes]:
    """The comments of a page, each drawn once; one that only its author sees, each time."""
    cache: Cache[Key, bytes] = current_app.extensions["drawn"]
    made_of = (given["here"], given["site"].version, page.open)
    for listed in page.listed:
        if listed.row.id in page.own:
            yield render_template("thread/_comment.html", **given, page=page, comment=page.show(listed)).encode()
        else:
            key = (listed, *made_of)
            yield cache.get(key) or _kept(cache, key, filled_in(page.show(listed), page, given))


def filled_in(comment: Shown, page: ThreadPage, given: Mapping[str, Any]) -> bytes:
    """A comment by the stencil of its shape, which is the same in all threads."""
    missing = {name: value for name in OPTIONAL if not (value := getattr(comment, name))}
    shape = {"depth": comment.depth, "is_long": comment.is_long, **missing}
    stencil = _once(
        (*shape.items(), given["where"]["lang"], page.open),
        lambda: render_template(
            "thread/_comment.html", **{**given, "here": hole("here")}, page=page, comment={**HOLES, **shape}
        ),
    )
    return fill(stencil, _filling(comment, given["here"])).encode()


def _filling(comment: Shown, here: str) -> dict[str, object]:
    return {
        "here": escape(here),
        "id": comment.id,
        "anchor": comment.anchor or comment.id,
        "parent_id": comment.parent_id,
        "parent_name": escape(comment.parent_name),
        "name": escape(comment.name),
        "website": escape(comment.website),
        "html": comment.html,
        "avatar": comment.avatar,
        "permalink": escape(comment.permalink),
        "iso": comment.iso,
        "when": escape(comment.when),
        "badge": escape(comment.badge),
        "more": escape(comment.more),
    }


def _once(made_of: Key, draw: Callable[[], str]) -> str:
    """The stencil of what is drawn; drawn once."""
    cache: Cache[Key, str] = current_app.extensions["drawn"]
    return cache.get(made_of) or _kept(cache, made_of, cut(draw()))


def _kept(cache: Cache[Key, D], key: Key, part: D) -> D:
    cache.put(key, part, ENTRY + 2 * len(part))
    return part


def install(app: Flask) -> None:
    app.extensions["drawn"] = Cache(ROOM)
