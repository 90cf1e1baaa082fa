"""Commands for the operator."""

from flask import Flask

from app.cli import demo


def install(app: Flask) -> None:
    """Teach `flask` these commands."""
    app.cli.add_command(demo.demo)
