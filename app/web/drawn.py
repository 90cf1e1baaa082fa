"""Parts of pages that were drawn before: a comment is the same bytes until something that it is made of changes.

What can change stands in the key, so nothing here can be out of date, and nobody has to tell it of a change.
"""

from collections.abc import Callable, Hashable, Iterator

from flask import Flask, current_app
from markupsafe import Markup

from app.comments.reading import Shown, ThreadPage
from app.lib.cache import Cache

# In each process, enough for some six thousand comments of three hundred characters.
ROOM = 16 * 2**20
# What an entry takes beside its text, which stands in its key as well, roughly, in bytes.
ENTRY = 1024

Key = tuple[Hashable, ...]


def drawn(*made_of: Hashable, caller: Callable[[], Markup]) -> Markup:
    """What the caller draws from nothing but `made_of`; drawn once."""
    cache: Cache[Key, Markup] = current_app.extensions["drawn"]
    return cache.get(made_of) or _kept(cache, made_of, caller())


def comments(page: ThreadPage, draw: Callable[[Shown], Markup], *made_of: Hashable) -> Markup:
    """The comments of a page, each drawn once from itself and `made_of`; one that only its author sees, each time."""
    # Each of them is Markup; its own `join` would ask each for that again, which took a twenty-fifth of the page.
    return Markup("".join(_each(page, draw, made_of)))  # noqa: S704


def _each(page: ThreadPage, draw: Callable[[Shown], Markup], made_of: Key) -> Iterator[Markup]:
    cache: Cache[Key, Markup] = current_app.extensions["drawn"]
    for listed in page.listed:
        if listed.row.id in page.own:
            yield draw(page.show(listed))
        else:
            key = (listed, *made_of)
            yield cache.get(key) or _kept(cache, key, draw(page.show(listed)))


def _kept(cache: Cache[Key, Markup], key: Key, text: Markup) -> Markup:
    cache.put(key, text, ENTRY + 2 * len(text))
    return text


def install(app: Flask) -> None:
    app.extensions["drawn"] = Cache(ROOM)
    app.add_template_global(drawn)
    app.add_template_global(comments, "drawn_comments")
