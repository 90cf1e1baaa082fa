"""One comment, filled into what was rendered once for all of its shape: as deep, an answer, with a website, and so on.

The stencil is the same in all threads, so even what nobody has read yet takes no rendering.
"""

from collections.abc import Mapping
from typing import Any

from flask import render_template

from app.comments.reading import AuthorView, Shown
from app.web.stencil import fill, hole, stencil

# What differs from comment to comment, and what of it may be missing, so that a comment has another shape without it.
FILLED = (
    "id", "anchor", "parent_id", "parent_name", "name", "website", "html", "avatar", "permalink", "iso", "when",
    "edited_at", "badge", "more",
)  # fmt: skip
OPTIONAL = ("parent_id", "parent_name", "website", "html", "edited_at", "badge", "more")
HOLES = {name: hole(name) for name in FILLED}
OWN_HOLES = {name: hole(name) for name in ("token", "body", "until")}


def comment(shown: Shown, given: Mapping[str, Any], *, is_open: bool = True) -> bytes:
    """What `thread/_comment.html` would render of it; `is_open`: whether one can answer it."""
    where, own = {name: value for name, value in given["where"].items() if value}, shown.own
    shape = {name: value for name in OPTIONAL if not (value := getattr(shown, name))}
    shape |= {"depth": shown.depth, "is_long": shown.is_long}
    # Only its author has forms, which say where they are.
    hers = (own.status, bool(own.editable_until), *where) if own else ()
    made_of = (*shape.items(), *hers, where["lang"], is_open)
    hollow = stencil(made_of, lambda: _hollow(shape, own, given, where, is_open))
    filling = _filling(shown, given["here"])
    return fill(hollow, filling | _filling_of_own(own, where) if own else filling).encode()


def _hollow(
    shape: Mapping[str, Any], own: AuthorView | None, given: Mapping[str, Any], where: Mapping[str, str], is_open: bool
) -> str:
    hollow_own = own and {**OWN_HOLES, "status": own.status, "editable_until": own.editable_until}
    holes = {
        "here": hole("here"),
        "where": {name: hole(name) for name in where} | {"lang": where["lang"]},
        "page": {"open": is_open},
        "comment": {**HOLES, **shape, "own": hollow_own},
    }
    return render_template("thread/_comment.html", **{**given, **holes})


def _filling(shown: Shown, here: str) -> dict[str, object]:
    return {
        "here": here,
        "id": shown.id,
        "anchor": shown.anchor or shown.id,
        "parent_id": shown.parent_id,
        "parent_name": shown.parent_name,
        "name": shown.name,
        "website": shown.website,
        "html": shown.html,
        "avatar": shown.avatar,
        "permalink": shown.permalink,
        "iso": shown.iso,
        "when": shown.when,
        "badge": shown.badge,
        "more": shown.more,
    }


def _filling_of_own(own: AuthorView, where: Mapping[str, str]) -> dict[str, object]:
    return {"token": own.token, "body": own.body, "until": own.until, **where}
