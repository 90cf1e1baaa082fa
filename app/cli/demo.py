"""`flask demo`: one site with articles in two languages and comments on them."""

import secrets
from datetime import timedelta
from pathlib import Path

import click
from flask import current_app
from flask.cli import AppGroup, with_appcontext

from app.comments import picks, tokens
from app.comments.submit import Draft, submit
from app.desk import staff
from app.desk.setup_checks import DEMO_MODERATOR, DEMO_SITE
from app.extensions import db
from app.lib import markup
from app.lib.clock import now
from app.lib.passwords import hash_password
from app.lib.text import clean_body
from app.lib.urls import page_key
from app.models import Comment, Membership, Moderator, Role, Site, State, Status, Thread, Wording
from app.models.thread import Named
from app.models.wording import DEFAULTS
from app.moderation import articles as articles_state
from app.moderation.decide import decide
from app.transfer.addresses import Addresses
from app.transfer.load import load
from app.transfer.moves import remap
from app.transfer.staging import Staging
from config import kept_secret
from demo import articles, generated
from demo.conversation import CLOSED, CONVERSATION, HOUSE_RULES, Remark

SITE, MODERATOR = DEMO_SITE, DEMO_MODERATOR
PASSWORD_FILE = "demo_password"  # noqa: S105

demo = AppGroup("demo", help="Create and fill the demo site.")


@demo.command("seed")
@click.option("--comments", type=click.IntRange(0, 10_000_000), default=0, help="Also add generated comments.")
@click.option("--origin", help="Origin of the demo articles. Default: this machine, on the port after PORT.")
@with_appcontext
def seed(comments: int, origin: str | None) -> None:
    """Create the demo site with its moderator and comments. If it exists, only update its origin."""
    origin = origin or f"http://127.0.0.1:{current_app.config['PORT'] + 1}"
    if others := [each.key for each in Site.all() if each.key != SITE]:
        raise click.ClickException(
            f"This database has other sites ({', '.join(others[:5])}); the demo account must not moderate them. "
            "Use `make run`, which has its own database, or set DEMO_DATABASE_URL."
        )
    site = Site.with_key(SITE)
    if site is None:
        site = Site(key=SITE, name="Demo", lang="ja", origins=[], votes=True, flood_per_author=0, flood_per_address=0)
        db.session.add(site)
        _add_moderator(site)
        db.session.flush()
        _move(site, origin)
        _add_comments(site, origin)
        _write_rules(site, origin)
        # The limits apply to real readers only.
        site.flood_per_author, site.flood_per_address = 6, 30
    _move(site, origin)
    db.session.commit()
    if comments:
        _generate(site, origin, comments)
    click.echo(f"Log in at {current_app.config['PUBLIC_URL']}/login as {MODERATOR} with {_password()}")


def _generate(site: Site, origin: str, comments: int) -> None:
    with Staging(Addresses(site, SITE)) as staging:
        for _count in staging.collect(generated.records(origin, comments)):
            pass
        for _count in load(site, staging, source=SITE):
            db.session.commit()


def _password() -> str:
    """Random for each installation, stored beside its database."""
    return kept_secret(Path(current_app.instance_path) / PASSWORD_FILE, secrets.token_urlsafe(12))


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


def _write_rules(site: Site, origin: str) -> None:
    for lang, text in HOUSE_RULES.items():
        rules = DEFAULTS | {"intro": text, "html": markup.render(text), "rules_url": f"{origin}/{lang}/rules"}
        Wording.put(site, lang, rules)


def _add_comments(site: Site, origin: str) -> None:
    for path, remarks in CONVERSATION.items():
        article = articles.by_path()[path]
        thread = Thread.obtain(
            site, key=page_key(origin + path), url=origin + path, title=article.title, named_by=Named.HAND
        )
        tokens_by_email: dict[str, str] = {}
        for remark in remarks:
            _add_comment(thread, remark, None, tokens_by_email, article.lang)
        if path in CLOSED:
            articles_state.set_state(thread, State.CLOSED, by=Moderator.with_email(MODERATOR))


def _add_comment(
    thread: Thread, remark: Remark, parent: Comment | None, tokens_by_email: dict[str, str], lang: str
) -> None:
    """`tokens_by_email` keeps each author's token, like a browser."""
    if remark.staff and parent:
        _add_staff_reply(parent, remark)
        return
    draft = Draft(
        body=clean_body(remark.body),
        name=remark.name,
        email=remark.email,
        website=remark.website,
        parent_id=parent.id if parent else None,
        author_token=tokens_by_email.get(remark.email, ""),
        lang=lang,
    )
    comment = submit(thread, draft).comment
    tokens_by_email[remark.email] = tokens.for_author(comment.author)
    comment.created_at, comment.helpful = now() - timedelta(minutes=remark.minutes_ago), remark.helpful
    db.session.flush()
    if comment.status != remark.status:
        decide(comment, Status(remark.status), seen=comment.version, by=Moderator.with_email(MODERATOR))
    if remark.picked and (moderator := Moderator.with_email(MODERATOR)):
        picks.pick(comment, by=moderator)
    for reply in remark.replies:
        _add_comment(thread, reply, comment, tokens_by_email, lang)


def _add_staff_reply(to: Comment, remark: Remark) -> None:
    moderator = Moderator.with_email(MODERATOR)
    comment = moderator and staff.reply(to, clean_body(remark.body), name=remark.name, seen=to.version, by=moderator)
    if comment:
        comment.created_at = now() - timedelta(minutes=remark.minutes_ago)
        db.session.flush()
