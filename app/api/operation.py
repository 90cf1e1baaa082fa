"""Declare an operation beside its view: what it takes and answers, its scope and errors.

The declaration parses the request and writes the response, and contract.py describes it: they cannot differ.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from flask import Response, abort, current_app, jsonify, request

from app.api import access
from app.api.body import json_object
from app.api.declared import hints, parsed, written
from app.api.once import once
from app.connections import SAFE_METHODS
from app.models import Scope

View = Callable[..., Any]
ANY_TOKEN = "any"  # noqa: S105


@dataclass(frozen=True)
class Operation:
    """`scope` is None for the public. `query` and `body` are dataclasses; the view gets them under these names.

    `answers` maps a status to the type of the response, or to a media type for other content than JSON.
    """

    summary: str
    scope: Scope | str | None
    answers: Mapping[int, Any]
    query: type[Any] | None = None
    body: type[Any] | None = None
    # Bytes of another kind than JSON.
    takes: str = ""
    errors: tuple[int, ...] = ()
    description: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    # The view parses the request itself.
    parses: bool = True

    @property
    def is_repeatable(self) -> bool:
        """True if a write with an Idempotency-Key is answered once: all but those that answer with a file."""
        return self.scope is not None and not any(isinstance(kind, str) for kind in self.answers.values())


def operation(summary: str, *, scope: Scope | str, **declared: Any) -> Callable[[View], View]:
    """For a view that needs a token. It returns an instance of the declared type (200), (instance, status), or a
    Response."""
    about = Operation(summary, scope, **declared)

    def mark(view: View) -> View:
        @wraps(view)
        def answer(**path: Any) -> Response:
            access.authenticate(None if about.scope == ANY_TOKEN else Scope(about.scope or ""))

            def act() -> Response:
                return _response(view(**path, **_given(about)), about)

            return once(act) if about.is_repeatable and request.method not in SAFE_METHODS else act()

        answer.operation = about  # type: ignore[attr-defined]
        return answer

    return mark


def public(summary: str, **declared: Any) -> Callable[[View], View]:
    """For a view that needs no token, and reads its request itself."""

    def mark(view: View) -> View:
        view.operation = Operation(summary, None, parses=False, **declared)  # type: ignore[attr-defined]
        return view

    return mark


def _given(about: Operation) -> dict[str, Any]:
    given: dict[str, Any] = {}
    if about.query:
        given["query"] = parsed(about.query, _texts(about.query), text=True)
    if about.body:
        if not request.is_json:
            abort(415)
        given["body"] = parsed(about.body, json_object())
    return given


def _texts(kind: type[Any]) -> dict[str, str]:
    return {name: request.args[name] for name in hints(kind) if name in request.args}


def _response(result: Any, about: Operation) -> Response:
    if isinstance(result, Response):
        return result
    value, status = result if isinstance(result, tuple) else (result, next(iter(about.answers)))
    answer = jsonify(written(value))
    answer.status_code = status
    tell_next(answer, getattr(value, "next", None))
    if request.method in SAFE_METHODS:
        # Only the program that has the token may keep it, and asks each time.
        answer.headers["Cache-Control"] = "private, no-cache"
        answer.headers["Vary"] = "Authorization, Accept-Language"
        answer.add_etag(weak=True)
        answer.make_conditional(request)
    return answer


def tell_next(answer: Response, cursor: Any) -> None:
    """The address of the next page (RFC 8288)."""
    if cursor:
        query = request.args.to_dict() | {"after": str(cursor)}
        answer.headers["Link"] = f'<{current_app.config["PUBLIC_URL"]}{request.path}?{urlencode(query)}>; rel="next"'
