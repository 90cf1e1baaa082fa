"""The web server's entry point."""

from app import create_app
from app.server.rsgi import RsgiServer, served


def service() -> RsgiServer:
    return served(create_app())
