"""The demo: one site with articles in two languages, and people who talk about them."""

import secrets
from datetime import timedelta
from pathlib import Path

import click
from flask import current_app
from flask.cli import AppGroup, with_appcontext

from app.comments import tokens
from app.comments.submit import Draft, submit
from app.extensions import db
from app.lib.clock import now
from app.lib.passwords import hash_password
from app.lib.text import clean_body
from app.lib.urls import page_key
from app.models import Comment, Membership, Moderator, Role, Site, Status, Thread
from app.models.thread import Named
from app.moderation.decide import decide
from app.transfer.moves import remap
from demo import articles
from demo.conversation import CONVERSATION, Remark

SITE = "demo"
MODERATOR = "demo@example.org"
PASSWORD_FILE = "demo_password"  # noqa: S105

demo = AppGroup("demo", help="The demo site: make it, and tell its log-in.")


@demo.command("seed")
@click.option("--origin", help="Where the demo's articles are served; on the port after PORT unless said otherwise.")
@with_appcontext
def seed(origin: str | None) -> None:
    """Make the demo site, its moderator and its conversation; a second run only renews the origin."""
    origin = origin or f"http://127.0.0.1:{current_app.config['PORT'] + 1}"
    if others := [each.key for each in Site.all() if each.key != SITE]:
        raise click.ClickException(
            f"This database serves {', '.join(others[:5])}: the demo's account must not get in. "
            "`make run` has a database of its own; DEMO_DATABASE_URL names another."
        )
    site = Site.with_key(SITE)
    if site is None:
        site = Site(key=SITE, name="Demo", lang="ja", origins=[], flood_per_author=0, flood_per_address=0)
        db.session.add(site)
        _add_moderator(site)
        db.session.flush()
        _move(site, origin)
        _talk(site, origin)
        # From here on readers come from outside.
        site.flood_per_author, site.flood_per_address = 6, 30
    _move(site, origin)
    db.session.commit()
    click.echo(f"Log in at {current_app.config['PUBLIC_URL']}/login as {MODERATOR} with {_password()}")


def _password() -> str:
    """Made once for each installation and kept beside its database: a known one would be an open door."""
    file = Path(current_app.instance_path) / PASSWORD_FILE
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(12))
    return file.read_text()


def _add_moderator(site: Site) -> None:
    moderator = Moderator(
        name="Demo",
        email=MODERATOR,
        email_index=Moderator.index_of(MODERATOR),
        password_hash=hash_password(_password()),
    )
    db.session.add(moderator)
    moderator.memberships.append(Membership(site=site, role=Role.OWNER))


def _move(site: Site, origin: str) -> None:
    """Serve the articles from this origin; the threads follow. Browsers know this machine by two names."""
    before, site.origins = site.origins, [origin, origin.replace("127.0.0.1", "localhost")]
    changed = [pair for pair in zip(before, site.origins, strict=False) if len(set(pair)) > 1]
    pairs = [(old + path, new + path) for old, new in changed for path in articles.by_path()]
    if pairs:
        remap(site, pairs)


def _talk(site: Site, origin: str) -> None:
    for path, remarks in CONVERSATION.items():
        article = articles.by_path()[path]
        thread = Thread.obtain(
            site, key=page_key(origin + path), url=origin + path, title=article.title, named_by=Named.HAND
        )
        known: dict[str, str] = {}
        for remark in remarks:
            _say(thread, remark, None, known, article.lang)


def _say(thread: Thread, remark: Remark, parent: Comment | None, known: dict[str, str], lang: str) -> None:
    """`known` keeps the token of everybody who spoke, by address, as their browsers would."""
    draft = Draft(
        body=clean_body(remark.body),
        name=remark.name,
        email=remark.email,
        website=remark.website,
        parent_id=parent.id if parent else None,
        author_token=known.get(remark.email, ""),
        lang=lang,
    )
    comment = submit(thread, draft).comment
    known[remark.email] = tokens.for_author(comment.author)
    comment.created_at = now() - timedelta(minutes=remark.minutes_ago)
    db.session.flush()
    if comment.status != remark.status:
        decide(comment, Status(remark.status), seen=comment.version, by=Moderator.with_email(MODERATOR))
    for reply in remark.replies:
        _say(thread, reply, comment, known, lang)
