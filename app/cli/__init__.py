"""Commands for the operator."""

from flask import Flask

from app.cli import demo, export, imports, people, person, rules, serve, shelve, sites, threads, upkeep, worker


def install(app: Flask) -> None:
    """Teach `flask` these commands."""
    upkeep.upkeep.add_command(shelve.shelve)
    doors = (
        serve.serve,
        worker.worker,
        demo.demo,
        sites.site,
        people.moderator,
        imports.import_,
        threads.thread,
        person.person,
        rules.rule,
        export.export,
        upkeep.check,
        upkeep.upkeep,
    )
    for command in doors:
        app.cli.add_command(command)
