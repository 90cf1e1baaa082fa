"""PUBLIC_URL is the only source of our address; Host and X-Forwarded-Host are ignored."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from flask import Flask

from app.lib import seen_host


def install(app: Flask) -> None:
    public = urlsplit(app.config["PUBLIC_URL"])
    inner = app.wsgi_app
    notes = seen_host.Notes(app.instance_path) if public.hostname in seen_host.LOOPBACK else None

    def outer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if notes:
            notes.note(environ.get("HTTP_HOST", ""))
        environ["HTTP_HOST"] = public.netloc
        environ["wsgi.url_scheme"] = public.scheme
        environ["SCRIPT_NAME"] = public.path
        return inner(environ, start_response)

    app.wsgi_app = outer  # type: ignore[method-assign]
