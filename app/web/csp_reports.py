"""Browsers report violations of our pages' Content-Security-Policy."""

import logging
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, abort, current_app, request
from werkzeug.exceptions import HTTPException

from app.abuse import limits
from app.abuse.address import client, network
from app.database import read_only
from app.extensions import csrf
from app.lib.secrets import blind_index
from app.models import Rate, RateLimit

bp = Blueprint("csp_reports", __name__)
# Sent by the browser itself.
csrf.exempt(bp)
log = logging.getLogger(__name__)

# Of each network. A page that breaks its policy does so many times; the first reports tell it.
REPORTS = Rate(10, 60)
LONGEST_REPORT = 16 << 10  # bytes
MOST_REPORTS = 20  # of one request
# CSP Level 3 (W3C), sections 6.1 to 6.4, and Trusted Types.
DIRECTIVES = frozenset({
    "base-uri", "child-src", "connect-src", "default-src", "font-src", "form-action", "frame-ancestors", "frame-src",
    "img-src", "manifest-src", "media-src", "object-src", "require-trusted-types-for", "script-src", "script-src-attr",
    "script-src-elem", "style-src", "style-src-attr", "style-src-elem", "trusted-types", "worker-src",
})  # fmt: skip


@bp.post("/csp-reports")
def take() -> tuple[str, int]:
    """Log which directive was violated on which of our pages; addresses and samples may contain personal data."""
    if (request.content_length or 0) > LONGEST_REPORT:
        abort(413)
    read_only()
    if wait := RateLimit.take(blind_index("limit csp report", network(client())), REPORTS):
        raise limits.too_many(wait)
    for directive, endpoint in dict.fromkeys(_violations(_sent())):
        log.warning("a page violated its Content-Security-Policy", extra={"directive": directive, "page": endpoint})
    return "", 204


def _sent() -> Any:
    try:
        return request.get_json(force=True, silent=True)
    except RecursionError:  # too deep for Python's parser
        return None


def _violations(sent: Any) -> Iterator[tuple[str, str]]:
    """Directive and endpoint of each violation, in either format; other values are left out."""
    # `report-uri` sends one object, the Reporting API a list.
    for each in sent[:MOST_REPORTS] if isinstance(sent, list) else [sent]:
        body = (each.get("body") or each.get("csp-report")) if isinstance(each, dict) else None
        if isinstance(body, dict):
            directive = body.get("effectiveDirective") or body.get("effective-directive")
            if isinstance(directive, str) and directive in DIRECTIVES:
                yield directive, _endpoint(body.get("documentURL") or body.get("document-uri"))


def _endpoint(url: Any) -> str:
    """The endpoint of one of our addresses, without parts that tell a person or token; '' for any other."""
    adapter = current_app.create_url_adapter(request)
    try:
        path = urlsplit(str(url)).path.removeprefix(request.script_root)
        found, _arguments = adapter.match(path, method="GET") if adapter else ("", {})
    except (ValueError, HTTPException):
        return ""
    return str(found)
