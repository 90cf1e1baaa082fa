"""Headers of all responses: CSP, HSTS, caching."""

from flask import Flask, Response, current_app, request

from app.web import embed

PRIVATE_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# A year, the minimum of preload lists. Subdomains are not ours to decide.
HSTS = "max-age=31536000"


def install(app: Flask) -> None:
    app.after_request(_always)


def _always(answer: Response) -> Response:
    answer.headers.setdefault("X-Content-Type-Options", "nosniff")
    answer.headers.setdefault("Content-Security-Policy", PRIVATE_CSP)
    if current_app.config["PUBLIC_URL"].startswith("https://"):
        answer.headers.setdefault("Strict-Transport-Security", HSTS)
    if request.blueprint not in embed.PUBLIC_BLUEPRINTS:
        answer.headers.setdefault("X-Frame-Options", "DENY")
    # Without a referrer, browsers send our forms with "Origin: null"; but addresses with a token must not leak.
    secret = request.blueprint in ("links", "emails", "own_comment", "notice_links", "invitation", "setup")
    answer.headers.setdefault("Referrer-Policy", "no-referrer" if secret else "same-origin")
    # Caching only if the view says so.
    answer.headers.setdefault("Cache-Control", "no-store")
    return answer
