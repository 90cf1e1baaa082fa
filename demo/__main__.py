"""Start the demo on its own port: `python -m demo --port 8001 --service http://127.0.0.1:8000`."""

import argparse
import os
import signal

from werkzeug.serving import WSGIRequestHandler, make_server

from demo.site import SERVICE_URL, create_demo


class QuietHandler(WSGIRequestHandler):
    """Serve without a line per request: the terminal belongs to the service that is being shown."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing; errors still speak through `log_error`."""


def main() -> None:
    """Serve until SIGINT or SIGTERM, then leave with 0; 2 for a wrong address, 1 for a port that is taken."""
    options = parser().parse_args()
    try:
        app = create_demo(options.service, site_key=options.site_key, public_url=public_url(options))
    except ValueError as error:
        parser().error(str(error))
    # A shell starts background jobs with SIGINT ignored; both signals end serve_forever() as Ctrl+C does.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    server = make_server(options.host, options.port, app, threaded=True, request_handler=QuietHandler)
    server.serve_forever()


def parser() -> argparse.ArgumentParser:
    """Return the options; each falls back to an environment variable, for who starts it in a container."""
    made = argparse.ArgumentParser(prog="python -m demo", description="A small news site that embeds Kaiwa.")
    for flag, variable, default, text in OPTIONS:
        kind = int if flag == "--port" else str
        value = os.environ.get(variable, default)
        made.add_argument(flag, type=kind, default=value, help=f"{text} [{variable}, default {default}]")
    return made


def public_url(options: argparse.Namespace) -> str | None:
    """Return the one name of the demo: localhost and 127.0.0.1 are the same page, so the same thread."""
    if options.public_url or options.host not in ("127.0.0.1", "localhost"):
        return options.public_url
    return f"http://127.0.0.1:{options.port}"


OPTIONS = (
    ("--host", "DEMO_HOST", "127.0.0.1", "address to listen on"),
    ("--port", "DEMO_PORT", "8001", "port to listen on"),
    ("--service", "DEMO_SERVICE_URL", SERVICE_URL, "where browsers reach Kaiwa"),
    ("--site-key", "DEMO_SITE_KEY", "demo", "the demo's key in Kaiwa"),
    ("--public-url", "DEMO_PUBLIC_URL", None, "where browsers reach the demo, if not here"),
)


if __name__ == "__main__":
    main()
