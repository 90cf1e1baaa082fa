"""Fragment cache of rendered HTML.

The key is the template with its whole context, so entries are never outdated and nothing is invalidated.
"""

import sys
from collections.abc import Callable, Hashable, Iterator, Mapping
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

    return Markup("".join(_collapsible(each, html_of) for each in _branches(page.listed)))  # noqa: S704


def _branches(listed: list[Listed]) -> Iterator[list[Listed]]:
    """Each root with its replies; a page that begins within a branch has its rest first."""
    branch: list[Listed] = []
    for each in listed:
        if branch and each.row.depth == 0:
            yield branch
            branch = []
        branch.append(each)
    if branch:
        yield branch


def _collapsible(branch: list[Listed], html_of: Callable[[Listed], str]) -> str:
    """The replies of a root in <details>: a reader collapses them without a script."""
    root, *replies = map(html_of, branch)
    if branch[0].row.depth or not replies:
        return "".join((root, *replies))
    return "".join((root, _opening(len(replies), more=branch[-1].more is not None), *replies, "</details>\n"))


def _opening(count: int, *, more: bool) -> str:
    key = ("branch", tag_now(), count, more)
    return cached(key, lambda: render_template("thread/_branch.html", count=count, more=more))


def blank_form(context: Mapping[str, Any]) -> Markup:
    """The form without input, the same for all readers."""
    site = context["site"]
    where = context["section"], context["here"], *context["where"].values()
    key = site.key, site.version, tag_now(), context["stamp"], *where
    return cached(key, lambda: render_template("thread/_form.html", **{**context, "form": CommentForm(site)}))
