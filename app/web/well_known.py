"""Well-known addresses (RFC 8615): the contact for security problems, and where a password is changed."""

from datetime import datetime, time, timedelta
from typing import Any

from flask import Blueprint, Response, abort, current_app, redirect, url_for

from app.lib.clock import now
from app.lib.language import languages

bp = Blueprint("well_known", __name__, url_prefix="/.well-known")

# RFC 9116 recommends less than a year, so that a forgotten file ends.
SECURITY_TXT_LASTS = timedelta(days=180)


@bp.get("/security.txt")
def security_txt() -> Response:
    """RFC 9116; 404 without SECURITY_CONTACT."""
    config = current_app.config
    contacts = config["SECURITY_CONTACT"] or abort(404)
    expires = datetime.combine(now() + SECURITY_TXT_LASTS, time(), now().tzinfo)
    lines = [
        *(f"Contact: {contact}" for contact in contacts),
        f"Expires: {expires:%Y-%m-%dT%H:%M:%SZ}",
        f"Preferred-Languages: {', '.join(languages())}",
        f"Canonical: {config['PUBLIC_URL']}/.well-known/security.txt",
    ]
    return Response("\n".join(lines) + "\n", content_type="text/plain; charset=utf-8")


@bp.get("/change-password")
def change_password() -> Any:
    """For password managers (W3C, "A Well-Known URL for Changing Passwords")."""
    return redirect(url_for("profile.show", _anchor="password"), 302)
