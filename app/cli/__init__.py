"""Commands for the operator."""

from flask import Flask

from app.cli import demo, imports, people, rules, serve, sites, upkeep, worker


def install(app: Flask) -> None:
    """Teach `flask` these commands."""
    doors = (
        serve.serve,
        worker.worker,
        demo.demo,
        sites.site,
        people.moderator,
        imports.import_,
        rules.rule,
        upkeep.check,
        upkeep.upkeep,
    )
    for command in doors:
        app.cli.add_command(command)
