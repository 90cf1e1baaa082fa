"""The demo's web site: a publisher's pages, on an origin of their own, strict, with Kaiwa's tag in them."""

import os
from urllib.parse import urlencode, urlsplit

from flask import Blueprint, Flask, Response, abort, current_app, redirect, render_template, request, url_for
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from demo import articles
from demo.words import WORDS, spoken_date

SERVICE_URL = "http://127.0.0.1:8000"

bp = Blueprint("pages", __name__)


def create_demo(service_url: str, site_key: str = "demo", public_url: str | None = None) -> Flask:
    """Make the demo as a WSGI application.

    `service_url` is where readers' browsers reach Kaiwa, `public_url` where they reach the demo (by default
    whatever address they asked for). Raises ValueError when either is not a plain http(s) address.
    """
    app = Flask(__name__)
    app.config["SERVICE_URL"] = service_url.rstrip("/")
    app.config["POLICY"] = policy(origin(service_url))
    app.config["PUBLIC_URL"] = origin(public_url) if public_url else None
    app.config["SITE_KEY"] = site_key
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals.update(address=address, thread_address=thread_address)
    app.jinja_env.filters["spoken"] = spoken_date
    app.register_blueprint(bp)
    app.after_request(guard)
    return app


def from_environment() -> Flask:
    """Make the demo from DEMO_SERVICE_URL, DEMO_SITE_KEY and DEMO_PUBLIC_URL, for any WSGI server.

    `granian --interface wsgi --factory demo.site:from_environment` starts it.
    """
    return create_demo(
        os.environ.get("DEMO_SERVICE_URL", SERVICE_URL),
        site_key=os.environ.get("DEMO_SITE_KEY", "demo"),
        public_url=os.environ.get("DEMO_PUBLIC_URL"),
    )


@bp.get("/")
def doorstep() -> AnyResponse:
    lang = request.accept_languages.best_match(articles.LANGUAGES, default="ja")
    answer = redirect(url_for("pages.front", lang=lang))
    answer.vary.add("Accept-Language")
    return answer


@bp.get("/<any(ja, en):lang>/")
def front(lang: str) -> str:
    lead, *rest = articles.published(lang)
    return page("front.html", lang, lead=lead, rest=rest)


@bp.get("/<any(ja, en):lang>/rules")
def rules(lang: str) -> str:
    return page("rules.html", lang)


@bp.get("/<any(ja, en):lang>/<slug>")
def article(lang: str, slug: str) -> str:
    found = articles.by_path().get(f"/{lang}/{slug}") or abort(404)
    older, newer = articles.neighbours(found)
    recommended = articles.recommended(found)
    return page("article.html", lang, article=found, older=older, newer=newer, recommended=recommended)


@bp.app_errorhandler(HTTPException)
def refused(error: HTTPException) -> AnyResponse | tuple[str, int]:
    """Answer a page that is not there in the site's own dress; let every other answer be."""
    if error.code != 404:
        return error.get_response()
    lang = "en" if request.path.startswith("/en") else "ja"
    return page("missing.html", lang), 404


def page(template: str, lang: str, **context: object) -> str:
    discussed = articles.most_discussed(lang)
    words = WORDS[lang]
    return render_template(template, lang=lang, words=words, all_words=WORDS, discussed=discussed, **context)


def guard(response: Response) -> Response:
    """Send what a careful publisher sends: nothing but our own files and the service may load."""
    response.headers["Content-Security-Policy"] = current_app.config["POLICY"]
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def policy(service: str) -> str:
    return (
        f"default-src 'none'; script-src {service}; connect-src {service}; style-src 'self'; "
        f"img-src 'self'; frame-src {service}; base-uri 'none'; form-action 'none'"
    )


def origin(url: str) -> str:
    """Return scheme://host[:port] of an address; ValueError if it is none or could break a header."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or set(parts.netloc) & set(" ;,'\"@\\"):
        raise ValueError(f"not an http(s) address: {url!r}")
    return f"{parts.scheme}://{parts.netloc}"


def address(path: str) -> str:
    """Return the full public address of a path of ours, the one that names its thread."""
    return (current_app.config["PUBLIC_URL"] or request.host_url.rstrip("/")) + path


def thread_address(path: str, lang: str) -> str:
    """Return the thread of an article as a page of the service, for readers without JavaScript."""
    query = urlencode({"site": current_app.config["SITE_KEY"], "url": address(path), "lang": lang})
    return f"{current_app.config['SERVICE_URL']}/thread?{query}"
