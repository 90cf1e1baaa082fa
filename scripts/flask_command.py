"""The `flask` command of the virtual environment; `flask --version` also prints Kaiwa's version."""

import sys
from pathlib import Path

import click
from flask.cli import main

sys.path.insert(0, str(Path(__file__).parent.parent))

from app.version import VERSION

if __name__ == "__main__":
    if sys.argv[1:] == ["--version"]:
        click.echo(f"Kaiwa {VERSION}")
    main()
