"""The `flask` command of the source folder, and the `kaiwa` command of the wheel: the same commands."""

import sys
from pathlib import Path

import click
from flask import Flask
from flask.cli import FlaskGroup, get_version

# Also in the wheel, where everything of ours is below one folder (docs/decisions/0028-the-wheel.md).
sys.path.insert(0, str(Path(__file__).parent.parent))

# `app` is imported only by the functions: some of its modules read the environment, and --env-file and .env come first.


def _version(context: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    if wanted:
        from app.version import VERSION

        click.echo(f"Kaiwa {VERSION}")
        get_version(context, parameter, wanted)


def _created() -> Flask:
    from app import create_app

    return create_app()


# With the function, not the name of its module: Flask would look for that in the current folder first.
commands = FlaskGroup(
    create_app=_created,
    help="Kaiwa: comments and moderation for publishers.",
    add_version_option=False,
    params=[click.Option(["--version"], is_flag=True, is_eager=True, expose_value=False, callback=_version)],
)


def main() -> None:
    commands.main()


if __name__ == "__main__":
    main()
