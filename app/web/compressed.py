"""Compress responses that the page cache does not handle."""

import secrets

from flask import Flask, Response, request

from app.lib.compression import PLAIN, SMALLEST, best_of, compress

KINDS = frozenset(
    {"text/html", "text/plain", "text/css", "text/javascript", "application/json", "application/problem+json"}
)
# Bytes of a comment at the end of a page.
PADDING = 64


def install(app: Flask) -> None:
    """Installed before other handlers, because Flask calls the first one last."""
    app.after_request(_smaller)


def _smaller(answer: Response) -> Response:
    # The page cache compresses once for all readers.
    if "kaiwa.page_cache" in request.environ or answer.is_streamed or answer.status_code in (204, 304):
        return answer
    if answer.mimetype not in KINDS or "Content-Encoding" in answer.headers:
        return answer
    if "no-store" not in answer.headers.get("Cache-Control", "no-store"):
        answer.vary.add("Accept-Encoding")
    encoding, body = best_of(request.headers.get("Accept-Encoding", "")), answer.get_data()
    if encoding != PLAIN and len(body) >= SMALLEST:
        answer.set_data(compress(body + _padding(answer), encoding))
        answer.headers["Content-Encoding"] = encoding
    return answer


def _padding(answer: Response) -> bytes:
    """A comment of random length on pages with a token (BREACH)."""
    if answer.mimetype != "text/html":
        return b""
    return f"<!--{secrets.token_hex(secrets.randbelow(PADDING // 2) + 1)}-->".encode()
