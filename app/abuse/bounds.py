"""Limit the size of each part of a request, by its headers."""

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any, TypeVar

from flask import Flask, abort, current_app, request, session

# Characters as sent. Counts of 100 long URLs have some 30,000; browsers and proxies send headers up to 8,192.
LONGEST_PATH, LONGEST_QUERY, LONGEST_HEADER = 4_096, 32_768, 8_192
# Our largest form has some forty. Parsing a field costs more than sending its byte or two.
MOST_FIELDS = 200
URLENCODED = "application/x-www-form-urlencoded"

WSGI = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
Route = TypeVar("Route", bound=Callable[..., Any])


def takes_fields(most: int, *, with_session: str) -> Callable[[Route], Route]:
    """Allow up to `most` fields in a route's form if the signed session has the key `with_session`."""

    def mark(route: Route) -> Route:
        route.most_fields = most, with_session  # type: ignore[attr-defined]
        return route

    return mark


def install(app: Flask) -> None:
    """Limit every request of `app`. Installed first, so nothing else sees a refused request."""
    app.wsgi_app = _bounded(app.wsgi_app)  # type: ignore[assignment,method-assign]
    app.before_request(_refuse_body)


def _bounded(inner: WSGI) -> WSGI:
    def bounded(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        refusal = _refusal(environ)
        if refusal is None:
            return inner(environ, start_response)
        said = f"{refusal.phrase}\n".encode()
        about = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(said)))]
        start_response(f"{refusal.value} {refusal.phrase}", [*about, ("Cache-Control", "no-store")])
        return [said]

    return bounded


def _refusal(environ: dict[str, Any]) -> HTTPStatus | None:
    query = environ.get("QUERY_STRING", "")
    if len(environ.get("PATH_INFO", "")) > LONGEST_PATH or len(query) > LONGEST_QUERY:
        return HTTPStatus.REQUEST_URI_TOO_LONG
    if query.count("&") >= MOST_FIELDS:
        return HTTPStatus.BAD_REQUEST
    headers = (value for name, value in environ.items() if name.startswith("HTTP_") or name == "CONTENT_TYPE")
    if any(len(value) > LONGEST_HEADER for value in headers):
        return HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
    return None


def _refuse_body() -> None:
    """413 for a body that is too large or has too many fields; of a multipart form, Werkzeug counts the parts."""
    if (request.content_length or 0) > (request.max_content_length or 0):
        abort(413)
    most = request.max_form_parts = _most_fields()
    if request.mimetype == URLENCODED and request.get_data(cache=True).count(b"&") >= most:
        abort(413)


def _most_fields() -> int:
    most, key = getattr(current_app.view_functions.get(request.endpoint or ""), "most_fields", (MOST_FIELDS, ""))
    # Reading the session makes an answer vary by cookie.
    return most if key and key in session else MOST_FIELDS
