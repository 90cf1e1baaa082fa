"""Commands for the operator."""

from flask import Flask

from app.cli import demo, serve


def install(app: Flask) -> None:
    """Teach `flask` these commands."""
    app.cli.add_command(demo.demo)
    app.cli.add_command(serve.serve)
