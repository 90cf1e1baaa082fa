"""A part of a page that is rendered once with holes in it, and filled in as often as it is asked for.

Rendering costs ten times as much as filling in, and comments differ in a few words only. A hole stands where a template
would have escaped a text or a quoted attribute; what is filled in is escaped as Jinja would have done it.
"""

import re
import secrets
from collections.abc import Callable, Hashable, Mapping
from typing import TypeVar

from flask import Flask, current_app
from markupsafe import escape

from app.lib.lru import Cache

# In each process, enough for some six thousand comments of three hundred characters.
ROOM = 16 * 2**20
# What an entry takes beside its text, which stands in its key as well, roughly, in bytes.
ENTRY = 1024
# Nobody can know it, so nobody can write a hole of their own.
_EDGE = secrets.token_hex(16)
_HOLE = re.compile(f"{_EDGE}([a-z_]+){_EDGE}")

Key = tuple[Hashable, ...]
D = TypeVar("D", str, bytes)


def hole(name: str) -> str:
    """What to give to the template in place of the value that will be filled in under this name."""
    return f"{_EDGE}{name}{_EDGE}"


def stencil(made_of: Key, render: Callable[[], str]) -> str:
    """What is rendered with holes from nothing but `made_of`, ready to be filled in; rendered once."""
    cache: Cache[Key, str] = current_app.extensions["drawn"]
    return cache.get(made_of) or keep(cache, made_of, _HOLE.sub(r"%(\1)s", render().replace("%", "%%")))


def fill(stencil: str, given: Mapping[str, object]) -> str:
    """The stencil with what is given under each hole's name; what is no Markup is escaped."""
    return stencil % {name: escape(value) for name, value in given.items()}


def keep(cache: Cache[Key, D], key: Key, part: D) -> D:
    cache.put(key, part, ENTRY + 2 * len(part))
    return part


def install(app: Flask) -> None:
    app.extensions["drawn"] = Cache(ROOM)
