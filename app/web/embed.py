"""The widget, its stylesheet, and CORS."""

import hashlib
import json
import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, current_app, jsonify, make_response, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from app.abuse import limits
from app.abuse.timing import stamp_of_now
from app.forms.where import key_of, site_or_404
from app.lib.language import languages, speaking
from app.lib.urls import is_origin, origin_of
from app.models import Site, Thread
from app.version import VERSION
from app.web.public import EXPOSED, for_everybody, public_get, unless_unchanged
from app.web.sentences import SENTENCES, live_sentences, replies

bp = Blueprint("embed", __name__)

PUBLIC_BLUEPRINTS = frozenset(
    {"embed", "thread", "comments", "reports", "votes", "states", "member", "feeds", "included"}
)
MOST_COUNTS = 100
# The parts of the widget in app/static/widget, in the order in which they need each other. A reader of comments loads
# the first ones; WRITING is loaded when a reader begins to write, LIVE when the thread is in view.
READING = ("tag", "language", "dom", "storage", "theme", "able", "times", "thread", "start")
WRITING = (
    "writing/frame",
    "writing/storage",
    "writing/fields",
    "writing/errors",
    "writing/accepted",
    "writing/composer",
    "writing/proof",
    "place",
    "writing/votes",
    "live/still",
    "writing/included",
    "writing/own",
    "writing/writing",
)
LIVE = (
    "place",
    "live/keys",
    "live/print",
    "live/state",
    "live/theme",
    "live/poll",
    "live/still",
    "live/fresh",
    "live/mutes",
    "live/members",
    "live/live",
)
MEMBER = ("member/member",)
# The parts of the style: of the thread, of what a reader needs later, needs to write, and of the page of its own.
PARTS = re.compile(r"/\* (?:live|writing|page only)\b.*?\*/")
# Layout that only people need: spaces around these, except in strings, and line breaks beside brackets.
SPACES = re.compile(r"""('(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\\n])*`)|[ ]?([=<>?:&|,;{}()]+)[ ]?""")
BREAKS = re.compile(r"(?<=[{(\[,;])\n|\n(?=[})\].?:])")
# Tells the reader of a publisher's page source, and the operator, which version a cache still serves.
HEADER = f"/*! Kaiwa {VERSION}, Apache-2.0 */\n"


@public_get(bp, "/embed.js")
def script() -> BaseResponse:
    """The widget with its style and texts, in one request."""
    return _asset(_script(), "text/javascript; charset=utf-8")


@public_get(bp, "/writing.js")
def writing() -> BaseResponse:
    """The widget's second part, loaded when a reader begins to type, or a browser cannot show the first one."""
    return _asset(_writing(languages()), "text/javascript; charset=utf-8")


@public_get(bp, "/live.js")
def live() -> BaseResponse:
    """The widget's third part, loaded when the thread is in view."""
    return _asset(_live(languages()), "text/javascript; charset=utf-8")


@public_get(bp, "/member.js")
def member() -> BaseResponse:
    """The widget's part for members, loaded where a page has a signed token of one."""
    return _asset(_parts(MEMBER), "text/javascript; charset=utf-8")


@public_get(bp, "/frame.js")
def framed() -> BaseResponse:
    """The script of the page of its own."""
    text = "\n".join(map(_program, ("widget/times.js", "widget/live/keys.js", "widget/live/print.js", "frame.js")))
    return _asset(text, "text/javascript; charset=utf-8")


@public_get(bp, "/work.js")
def solver() -> BaseResponse:
    """Loaded with a challenge only."""
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
    """A hidden field for the form of a reader who starts to type."""
    site = site_or_404(request.args.get("site", ""))
    limits.admit(site, "stamp")
    answer = for_everybody(make_response(render_template("thread/_stamp.html", stamp=stamp_of_now(site.key))))
    answer.headers["Cache-Control"] = "no-store"
    return answer


def for_origin(answer: BaseResponse, origin: str) -> BaseResponse:
    """A response to one reader: readable by the requesting page only, never cached."""
    if origin:
        answer.headers["Access-Control-Allow-Origin"] = origin
        answer.headers["Access-Control-Expose-Headers"] = EXPOSED
    answer.headers["Vary"] = "Origin"
    answer.headers["Cache-Control"] = "no-store"
    return answer


@bp.before_app_request
def preflight() -> Response | None:
    """Allow a page to send our headers; the request itself is checked against the site."""
    if request.method != "OPTIONS" or not request.path.startswith("/embed/"):
        return None
    answer = Response(status=204)
    origin = request.headers.get("Origin", "")
    if origin_of(origin) == origin and Site.any_allows(origin):
        answer.headers["Access-Control-Allow-Origin"] = origin
        answer.headers["Access-Control-Allow-Methods"] = "GET, POST"
        answer.headers["Access-Control-Allow-Headers"] = "Idempotency-Key"
        answer.headers["Access-Control-Max-Age"] = "86400"
    answer.headers["Vary"] = "Origin"
    return answer


def frame_policy(site: Site) -> str:
    """Frames are allowed on the site's own pages only."""
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
    sentences = {lang.lower(): _said(_sentences, lang) for lang in languages()}
    given = f"const STYLE={_style_part(0)}\nconst SENTENCES={_for_script(sentences)}"
    return f"{HEADER}(()=>{{\n{given}\n{_parts(READING)}\n}})()\n"


@lru_cache(maxsize=1)
def _writing(installed: tuple[str, ...]) -> str:
    help = _for_script({lang.lower(): _formatting(lang) for lang in installed})
    return f"const STYLE={_style_part(2)}\nconst HELP={help}\n{_replies(installed)}\n{_parts(WRITING)}"


@lru_cache(maxsize=1)
def _live(installed: tuple[str, ...]) -> str:
    sentences = _for_script({lang: _said(live_sentences, lang) for lang in installed})
    return f"const STYLE={_style_part(1)}\nconst SAY={sentences}\n{_replies(installed)}\n{_parts(LIVE)}"


@lru_cache(maxsize=1)
def _replies(installed: tuple[str, ...]) -> str:
    return f"const REPLIES={_for_script({lang: _said(replies, lang) for lang in installed})}"


def _said(sentences: Callable[[], dict[str, Any]], lang: str) -> dict[str, Any]:
    with speaking(lang):
        return sentences()


def _formatting(lang: str) -> str:
    with speaking(lang):
        return render_template("thread/_formatting.html").replace("\n", "")


def _parts(names: tuple[str, ...]) -> str:
    return "\n".join(_program(f"widget/{name}.js") for name in names)


def _program(name: str) -> str:
    """A script without comments and layout: what a reader's phone loads is the program alone."""
    lines = (re.sub(r"(^|\s+)// .*", "", line).strip() for line in _static(name).splitlines())
    program = SPACES.sub(lambda found: found[1] or found[2], "\n".join(filter(None, lines)))
    return BREAKS.sub("", program)


def _style() -> str:
    return _static("thread.css")


def _style_part(number: int) -> str:
    return _for_script(re.sub(r"\n\s*", "", _plain(PARTS.split(_style())[number])))


def _plain(style: str) -> str:
    return re.sub(r"/\*.*?\*/", "", style, flags=re.DOTALL)


def _sentences() -> dict[str, str]:
    return {name: str(sentence) for name, sentence in SENTENCES.items()}


def _for_script(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


def _static(name: str) -> str:
    return (Path(current_app.static_folder or "") / name).read_text()
