"""Parts of pages that were drawn before: a comment is the same bytes until something that it is made of changes.

What can change stands in the key, so nothing here can be out of date, and nobody has to tell it of a change.
"""

import secrets
from collections.abc import Callable, Hashable, Iterator
from typing import Any, TypeVar

from flask import Flask, current_app, g, render_template
from markupsafe import Markup

from app.comments.reading import Shown, ThreadPage
from app.lib.cache import Cache

# In each process, enough for some six thousand comments of three hundred characters.
ROOM = 16 * 2**20
# What an entry takes beside its text, which stands in its key as well, roughly, in bytes.
ENTRY = 1024
# Where a page's comments stand in it until it is put together. Nobody can know it, and so nobody can write it.
PLACE = Markup("<!--{}-->").format(secrets.token_hex(16))

Key = tuple[Hashable, ...]
D = TypeVar("D", Markup, bytes)


def drawn(*made_of: Hashable, caller: Callable[[], Markup]) -> Markup:
    """What the caller draws from nothing but `made_of`; drawn once."""
    cache: Cache[Key, Markup] = current_app.extensions["drawn"]
    return cache.get(made_of) or _kept(cache, made_of, caller())


def page(template: str, **given: Any) -> bytes:
    """A page with comments. They are bytes already: to join them as text and to encode that took a tenth of it."""
    before, _, behind = render_template(template, **given).partition(PLACE)
    return b"".join((before.encode(), *g.comments, behind.encode()))


def comments(page: ThreadPage, draw: Callable[[Shown], Markup], *made_of: Hashable) -> Markup:
    """The comments of a page, each drawn once from itself and `made_of`; one that only its author sees, each time."""
    g.comments = list(_each(page, draw, made_of))
    return PLACE


def _each(page: ThreadPage, draw: Callable[[Shown], Markup], made_of: Key) -> Iterator[bytes]:
    cache: Cache[Key, bytes] = current_app.extensions["drawn"]
    for listed in page.listed:
        if listed.row.id in page.own:
            yield draw(page.show(listed)).encode()
        else:
            key = (listed, *made_of)
            yield cache.get(key) or _kept(cache, key, draw(page.show(listed)).encode())


def _kept(cache: Cache[Key, D], key: Key, part: D) -> D:
    cache.put(key, part, ENTRY + 2 * len(part))
    return part


def install(app: Flask) -> None:
    app.extensions["drawn"] = Cache(ROOM)
    app.add_template_global(drawn)
    app.add_template_global(comments, "drawn_comments")
