"""`flask setup-link`: the one-time link with which the first account is created in the browser."""

import click
from flask.cli import with_appcontext

from app.desk import first_run
from app.extensions import db


@click.command("setup-link")
@click.option("--new", is_flag=True, help="Make a new link; the earlier one ends.")
@with_appcontext
def setup_link(new: bool) -> None:
    """Print the link that creates the first account and site in the browser.

    It works once, for 24 hours, while there is no account.
    """
    if not first_run.is_needed():
        raise click.ClickException("There is an account already. Add others with: flask moderator add EMAIL")
    link = first_run.offer(renew=new)
    db.session.commit()
    if not link:
        raise click.ClickException(
            "The link is not in this instance folder. Make a new one with: flask setup-link --new"
        )
    click.echo(link)
