"""Commands for the operator."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import click
from flask import Flask
from flask.cli import with_appcontext

from app.cli import (
    backups,
    check,
    checkers,
    demo,
    export,
    imports,
    keys,
    member_keys,
    moderators,
    moving,
    person,
    reindex,
    rules,
    serve,
    setup_link,
    shared_lists,
    sites,
    threads,
    tokens,
    upkeep,
    webhooks,
    worker,
)
from app.models import keyring

# Diagnosis and repair: they must work with a wrong key.
WITH_ANY_KEY = {
    "check", "backup", "restore-check", "drill", "decrypt", "backup-key", "evaluate", "accept-key",
}  # fmt: skip


def install(app: Flask) -> None:
    """Register the commands."""
    upkeep.upkeep.add_command(reindex.reindex)
    upkeep.upkeep.add_command(reindex.shelve)
    upkeep.upkeep.add_command(keys.rotate_key)
    for each in (backups.take, backups.check, backups.practise, backups.decrypt, backups.make_key, moving.move_to):
        upkeep.upkeep.add_command(each)
    commands = (
        serve.serve,
        setup_link.setup_link,
        worker.worker,
        demo.demo,
        sites.site,
        moderators.moderator,
        tokens.token,
        webhooks.webhook,
        checkers.checker,
        member_keys.member_key,
        imports.import_,
        threads.thread,
        person.person,
        rules.rule,
        shared_lists.lists,
        export.export,
        check.check,
        upkeep.upkeep,
    )
    for command in commands:
        _guard(command)
        app.cli.add_command(command)


def _guard(command: click.Command) -> None:
    """Make the command refuse a SECRET_KEY that does not belong to the database."""
    if isinstance(command, click.Group):
        for each in command.commands.values():
            _guard(each)
    elif command.callback and command.name not in WITH_ANY_KEY and not hasattr(command.callback, "guarded"):
        command.callback = _guarded(command.callback)


def _guarded(callback: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(callback)
    @with_appcontext
    def run(*args: Any, **options: Any) -> Any:
        try:
            keyring.admit()
        except keyring.WrongKey as wrong:
            raise click.ClickException(str(wrong)) from wrong
        return callback(*args, **options)

    run.guarded = True  # type: ignore[attr-defined]
    return run
