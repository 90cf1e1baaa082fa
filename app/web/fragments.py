"""Fragment cache of rendered HTML.

The key is the template with its whole context, so entries are never outdated and nothing is invalidated.
"""

import sys
from collections.abc import Callable, Hashable, Mapping
from typing import Any

from flask import Flask, current_app, render_template
from markupsafe import Markup

from app.comments.reading import Listed, ThreadPage
from app.forms.comment import CommentForm
from app.lib.language import clock, tag_now
from app.lib.lru import Cache

Key = tuple[Hashable, ...]

# Bytes in each process: about six thousand comments of 300 characters.
MAX_BYTES = 16 * 2**20
# Approximate overhead of an entry in bytes; the key contains the comment's text.
ENTRY = 1024


def install(app: Flask) -> None:
    app.extensions["fragments"] = Cache(MAX_BYTES)


def cached(key: Key, render: Callable[[], str]) -> Markup:
    """The cached result of `render` for an equal key. `key` holds everything that the HTML depends on."""
    cache: Cache[Key, Markup] = current_app.extensions["fragments"]
    if found := cache.get(key):
        return found
    html = Markup(render())  # noqa: S704 - escaped by Jinja
    cache.put(key, html, ENTRY + 2 * sys.getsizeof(html))
    return html


def comments_of(page: ThreadPage, context: Mapping[str, Any]) -> Markup:
    """The comments of a page; those with controls for their author are not cached."""
    template = current_app.jinja_env.get_template("thread/_comment.html")
    around = {name: context[name] for name in ("here", "lang", "reports")} | {"can_reply": page.open}
    key = (page.made_of, clock(), *around.values())

    def html_of(listed: Listed) -> str:
        if listed.row.id in page.own:
            return template.render(context, can_reply=page.open, comment=page.show(listed))
        # The template gets only the values in the key (StrictUndefined).
        return cached(
            (listed, *key), lambda: template.render(around, labels=context["labels"], comment=page.show(listed))
        )

    return Markup("".join(map(html_of, page.listed)))  # noqa: S704


def blank_form(context: Mapping[str, Any]) -> Markup:
    """The form without input, the same for all readers."""
    site = context["site"]
    key = (site.key, site.version, tag_now(), context["here"], context["stamp"], *context["where"].values())
    return cached(key, lambda: render_template("thread/_form.html", **{**context, "form": CommentForm(site)}))
