"""Cross-origin requests of pages: to public operations only, never with credentials or a token."""

from flask import Response, current_app, g, request
from werkzeug.exceptions import HTTPException

from app.api.operation import Operation
from app.connections import SAFE_METHODS
from app.lib.urls import origin_of
from app.models import Site

# No Authorization: a token must not be in a page.
ALLOWED = "Content-Type, Idempotency-Key, If-None-Match"
EXPOSED = "ETag, Link, Retry-After"
LASTS_S = "86400"


def preflight() -> Response | None:
    """204 for every OPTIONS request; with permission if its operation is public and, to write, the page a site's."""
    if request.method != "OPTIONS":
        return None
    method, origin = request.headers.get("Access-Control-Request-Method", ""), request.headers.get("Origin", "")
    answer = Response(status=204)
    answer.headers["Vary"] = "Origin, Access-Control-Request-Method"
    about = _operation_of(method)
    if about is None or about.scope is not None or not origin:
        return answer
    allowed = "*" if method in SAFE_METHODS else origin if _is_of_a_site(origin) else ""
    if allowed:
        answer.headers["Access-Control-Allow-Origin"] = allowed
        answer.headers["Access-Control-Allow-Methods"] = method
        answer.headers["Access-Control-Allow-Headers"] = ALLOWED
        answer.headers["Access-Control-Max-Age"] = LASTS_S
    return answer


def for_every_page(answer: Response) -> Response:
    """A read that is the same for everybody: any page may have it, a cache keeps it for a second, 304 if unchanged."""
    answer.headers["Access-Control-Allow-Origin"] = "*"
    answer.headers["Access-Control-Expose-Headers"] = EXPOSED
    answer.headers["Cache-Control"] = "public, max-age=1, stale-while-revalidate=1"
    answer.add_etag(weak=True)
    answer.make_conditional(request)
    return answer


def allow(origin: str) -> None:
    """Let the page of this origin, which was checked, read the response, also if it is an error."""
    g.reader_origin = origin


def tell_origin(answer: Response) -> Response:
    if origin := g.get("reader_origin", ""):
        answer.headers["Access-Control-Allow-Origin"] = origin
        answer.headers["Access-Control-Expose-Headers"] = EXPOSED
    if "reader_origin" in g:
        answer.vary.add("Origin")
    return answer


def _operation_of(method: str) -> Operation | None:
    try:
        endpoint, _arguments = current_app.url_map.bind("").match(request.path, method=method or None)
    except HTTPException:
        return None
    return getattr(current_app.view_functions[endpoint], "operation", None)


def _is_of_a_site(origin: str) -> bool:
    # Only as browsers write it: the answer repeats it in a header.
    return origin_of(origin) == origin and Site.any_allows(origin)
