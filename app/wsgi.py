"""What the web server loads: Kaiwa as the environment configures it."""

from app import create_app
from app.server.rsgi import Wire, served


def service() -> Wire:
    return served(create_app())
