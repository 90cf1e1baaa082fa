"""The widget, its stylesheet, and the rules for requests of other origins (CORS)."""

import hashlib
import json
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, current_app, jsonify, make_response, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from app.abuse import limits
from app.abuse.timing import stamp_of_now
from app.forms.where import key_of, site_or_404
from app.lib.language import languages, speaking
from app.lib.urls import is_allowed, is_origin, origin_of
from app.models import Site, Thread
from app.version import VERSION
from app.web.public import EXPOSED, for_everybody, public_get, unless_unchanged
from app.web.sentences import SENTENCES

bp = Blueprint("embed", __name__)

PUBLIC_BLUEPRINTS = frozenset({"embed", "thread", "comments", "reports", "feeds"})
MOST_COUNTS = 100
# In the style: what follows is for the page of its own, not for the widget.
PAGE_ONLY = "/* page only */"
# Tells the reader of a publisher's page source, and the operator, which version a cache still serves.
HEADER = f"/*! Kaiwa {VERSION}, Apache-2.0 */\n"


@public_get(bp, "/embed.js")
def script() -> BaseResponse:
    """The widget with its style and sentences inside, so that a page makes one request for it."""
    return _asset(_script(), "text/javascript; charset=utf-8")


@public_get(bp, "/writing.js")
def writing() -> BaseResponse:
    """The widget's second part, loaded when a reader begins to type."""
    return _asset(_program("writing.js"), "text/javascript; charset=utf-8")


@public_get(bp, "/work.js")
def solver() -> BaseResponse:
    """Solves a challenge; loaded only with one."""
    return _asset(_program("work.js"), "text/javascript; charset=utf-8")


@public_get(bp, "/thread.css")
def stylesheet() -> BaseResponse:
    return _asset(_plain(_style()), "text/css; charset=utf-8")


@public_get(bp, "/embed/counts", "site", "url")
def counts() -> Response:
    site = site_or_404(request.args.get("site", ""))
    urls = request.args.getlist("url")[:MOST_COUNTS]
    keys = {url: key for url in urls if (key := key_of(site, url))}
    found = Thread.counts(site, list(set(keys.values())))
    answer = jsonify(counts={url: found.get(keys.get(url, ""), 0) for url in urls})
    return unless_unchanged(for_everybody(answer))


@bp.get("/embed/stamp")
def stamp() -> Response:
    """A field for the form of a reader who begins to type."""
    site = site_or_404(request.args.get("site", ""))
    limits.admit(site, "stamp")
    answer = for_everybody(make_response(render_template("thread/_stamp.html", stamp=stamp_of_now(site.key))))
    answer.headers["Cache-Control"] = "no-store"
    return answer


def for_origin(answer: BaseResponse, origin: str) -> BaseResponse:
    """An answer to one reader: only the page that sent the request may read it, and no cache keeps it."""
    if origin:
        answer.headers["Access-Control-Allow-Origin"] = origin
        answer.headers["Access-Control-Expose-Headers"] = EXPOSED
    answer.headers["Vary"] = "Origin"
    answer.headers["Cache-Control"] = "no-store"
    return answer


@bp.before_app_request
def preflight() -> Response | None:
    """Whether a page may send a header of ours; the sending itself is checked against the site."""
    if request.method != "OPTIONS" or not request.path.startswith("/embed/"):
        return None
    answer = Response(status=204)
    origin = request.headers.get("Origin", "")
    if origin_of(origin) == origin and any(is_allowed(origin, site.origins) for site in Site.all()):
        answer.headers["Access-Control-Allow-Origin"] = origin
        answer.headers["Access-Control-Allow-Methods"] = "GET, POST"
        answer.headers["Access-Control-Allow-Headers"] = "Idempotency-Key"
        answer.headers["Access-Control-Max-Age"] = "86400"
    answer.headers["Vary"] = "Origin"
    return answer


def frame_policy(site: Site) -> str:
    """Our thread page may stand in an iframe on the site's own pages only."""
    ancestors = " ".join(["'self'", *filter(is_origin, site.origins)])
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        f"form-action 'self'; base-uri 'none'; frame-ancestors {ancestors}"
    )


def _asset(text: str, kind: str) -> BaseResponse:
    answer = Response(text, content_type=kind)
    answer.set_etag(hashlib.sha256(text.encode()).hexdigest()[:20], weak=True)
    answer.headers["Access-Control-Allow-Origin"] = "*"
    answer.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    answer.headers["Cache-Control"] = "public, max-age=300, stale-while-revalidate=86400"
    return answer.make_conditional(request)


@lru_cache(maxsize=1)
def _script() -> str:
    style = re.sub(r"\n\s*", "", _style().split(PAGE_ONLY)[0])
    program = (
        _program("embed.js")
        .replace("__KAIWA_CSS__", _for_script(_plain(style)))
        .replace("__KAIWA_SENTENCES__", _for_script({lang.lower(): _sentences(lang) for lang in languages()}))
    )
    return HEADER + program


def _program(name: str) -> str:
    """A script without comments and indentation: what a reader's phone loads is the program alone."""
    lines = (line.strip() for line in _static(name).splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("//"))


def _style() -> str:
    return _static("thread.css")


def _plain(style: str) -> str:
    return re.sub(r"/\*.*?\*/", "", style, flags=re.DOTALL)


def _sentences(lang: str) -> dict[str, str]:
    with speaking(lang):
        return {name: str(sentence) for name, sentence in SENTENCES.items()}


def _for_script(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


def _static(name: str) -> str:
    return (Path(current_app.static_folder or "") / name).read_text()
