"""Headers of all responses: CSP, isolation, HSTS, caching."""

from flask import Flask, Response, current_app, request, url_for

from app.web import embed

# Trusted Types: only app/static/parse.js makes a document from text.
PRIVATE_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types kaiwa"
)
# What no page of ours uses; a script that got in cannot ask for it. Passkeys and the clipboard stay.
PERMISSIONS = ", ".join(
    f"{feature}=()"
    for feature in (
        "accelerometer", "autoplay", "browsing-topics", "camera", "display-capture", "encrypted-media", "fullscreen",
        "geolocation", "gyroscope", "magnetometer", "microphone", "midi", "payment", "usb", "xr-spatial-tracking",
    )
)  # fmt: skip
# A year, the minimum of preload lists. Subdomains are not ours to decide.
HSTS = "max-age=31536000"
# Blueprints with a token in the address.
SECRET = ("links", "emails", "own_comment", "notice_links", "inquiries", "invitation", "setup", "reset", "email_change")


def install(app: Flask) -> None:
    app.after_request(_always)


def _always(answer: Response) -> Response:
    answer.headers.setdefault("X-Content-Type-Options", "nosniff")
    answer.headers.setdefault("Content-Security-Policy", PRIVATE_CSP)
    if answer.headers["Content-Security-Policy"] == PRIVATE_CSP:
        _isolate(answer)
    if current_app.config["PUBLIC_URL"].startswith("https://"):
        answer.headers.setdefault("Strict-Transport-Security", HSTS)
    if request.blueprint not in embed.PUBLIC_BLUEPRINTS:
        answer.headers.setdefault("X-Frame-Options", "DENY")
    # Without a referrer, browsers send our forms with "Origin: null"; but addresses with a token must not leak.
    secret = request.blueprint in SECRET
    answer.headers.setdefault("Referrer-Policy", "no-referrer" if secret else "same-origin")
    # Caching only if the view says so.
    answer.headers.setdefault("Cache-Control", "no-store")
    return answer


def _isolate(answer: Response) -> None:
    """Headers of pages that no other site embeds: separate from other windows and pages, with reports of violations."""
    reports = url_for("csp_reports.take")
    # `report-uri` for browsers without the Reporting API.
    answer.headers["Content-Security-Policy"] += f"; report-uri {reports}; report-to csp"
    answer.headers["Reporting-Endpoints"] = f'csp="{reports}"'
    answer.headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    answer.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    answer.headers.setdefault("Permissions-Policy", PERMISSIONS)
