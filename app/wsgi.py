"""The web server's entry point."""

from app import create_app
from app.operations import extras
from app.server.rsgi import RsgiServer, served


def service() -> RsgiServer:
    app = create_app()
    extras.install(app)
    return served(app)
