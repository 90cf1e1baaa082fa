"""Commands for the operator."""

from flask import Flask

from app.cli import demo, people, sites, upkeep, worker


def install(app: Flask) -> None:
    """Teach `flask` these commands."""
    for command in (demo.demo, sites.site, people.moderator, worker.worker, upkeep.check, upkeep.upkeep):
        app.cli.add_command(command)
