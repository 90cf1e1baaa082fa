"""Routes with the same response for all readers, and their declared query parameters.

The page cache serves these routes only, and passes on declared parameters only.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from flask import Blueprint, Response, request
from werkzeug.datastructures import ImmutableMultiDict, MultiDict

from app.forms.where import Where
from app.models.site import KEY

EXPOSED = "Kaiwa-Token, Kaiwa-Author, ETag, Retry-After"
# Seconds before a cached response is revalidated.
FRESH_S = 1.0


# Compared by identity: a hash of all fields took as long as everything else that a cached response needs.
@dataclass(frozen=True, eq=False)
class PublicRoute:
    """The response depends on `parameters` only. With one of `private` it is for one reader and not cached."""

    path: re.Pattern[str]
    parameters: tuple[str, ...]
    private: tuple[str, ...]
    fresh_s: float


ROUTES: list[PublicRoute] = []
# Those of one path, to find them at once.
BY_PATH: dict[str, PublicRoute] = {}


class UndeclaredParameter(RuntimeError):
    """A view reads an undeclared parameter, which the page cache would not pass on."""


class Declared(ImmutableMultiDict[str, str]):
    """The declared parameters of a request. Raises UndeclaredParameter for others."""

    def __init__(self, given: MultiDict[str, str], names: Iterable[str]) -> None:
        self.names = frozenset(names)
        super().__init__([each for each in given.items(multi=True) if each[0] in self.names])

    def check(self, name: object) -> None:
        if name not in self.names:
            raise UndeclaredParameter(f"{request.path} does not declare the parameter {name!r}")

    def __getitem__(self, name: str) -> str:
        self.check(name)
        return super().__getitem__(name)

    def __contains__(self, name: object) -> bool:
        self.check(name)
        return super().__contains__(name)

    def getlist(self, name: str, type: Any = None) -> list[Any]:
        self.check(name)
        return super().getlist(name) if type is None else super().getlist(name, type)


def public_get(
    bp: Blueprint, rule: str, *parameters: str, private: tuple[str, ...] = (), fresh_s: float = FRESH_S
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a view at `rule` that can read the declared parameters only."""

    def register(view: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view)
        def restricted(**values: Any) -> Any:
            request.args = Declared(request.args, parameters + private)
            return view(**values)

        path = re.compile(re.sub("<key>", KEY.pattern, re.escape(rule)))
        ROUTES.append(PublicRoute(path, parameters, private, fresh_s))
        if "<" not in rule:
            BY_PATH[rule] = ROUTES[-1]
        return bp.get(rule)(restricted)

    return register


def route_of(path: str) -> PublicRoute | None:
    return BY_PATH.get(path) or next((route for route in ROUTES if route.path.fullmatch(path)), None)


def for_everybody(answer: Response) -> Response:
    """Readable by any page, cacheable for a second."""
    answer.headers["Access-Control-Allow-Origin"] = "*"
    answer.headers["Access-Control-Expose-Headers"] = EXPOSED
    answer.headers["Cache-Control"] = "public, max-age=1, stale-while-revalidate=1"
    return answer


def unless_unchanged(answer: Response) -> Response:
    """304 if the client has the same bytes; for ETags made from the content."""
    answer.add_etag(weak=True)
    return answer.make_conditional(request)  # type: ignore[return-value]


def note_known(here: Where | None) -> None:
    """Tell the page cache whether the page has a confirmed address and title.

    Then one entry serves all spellings of the address; not for a section that the site does not have, or that is not
    signed for this page, which a stranger can make up.
    """
    named = request.args.get("section", "")
    known = here is not None and here.thread is not None and here.thread.is_named
    known = known and (not named or bool(here and here.named_section))
    request.environ.get("kaiwa.page_cache", {})["has_thread"] = known
