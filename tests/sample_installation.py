"""An installation with a value in every encrypted column and every blind index."""

import json
from datetime import timedelta

from cryptography.fernet import Fernet
from flask.testing import FlaskClient
from sqlalchemy import String, Table, select, type_coerce, update
from sqlalchemy.orm import Session

from app.abuse import address
from app.comments import members as comments_members
from app.comments.members import Member
from app.desk import checkers, member_keys, members, tokens, webhooks
from app.extensions import db
from app.lib import one_time_codes
from app.lib.clock import now
from app.lib.secrets import BlindIndex, Encrypted
from app.models import (
    ApiAnswer,
    AuthenticatorApp,
    Author,
    CheckerAnswer,
    Claim,
    Effect,
    EmailChange,
    Handover,
    Identity,
    Login,
    Moderator,
    Note,
    Reason,
    Role,
    Site,
    Subject,
    Unsubscribe,
    Vote,
    WebhookFormat,
    api_answer,
)
from app.models.audit import Who
from app.models.login import Lasts, Place
from app.moderation import legal_hold, notice_state, notices
from app.moderation.notices import Draft
from app.moderation.reports import report
from app.notify import authors, outbox
from app.screening import list_publishing, rules
from tests.cast import Reader, a_moderator, a_site, the_comment

HANAKO, QUIET, BLOCKED = "hanako@readers.example", "quiet@readers.example", "blocked@readers.example"
NOTIFIER = "taro@notifiers.example"
INVITED, PEER, REPORTER = "new@moderators.example", "2001:db8:7:8::1", "2001:db8:77::1"
WORDS, REQUEST = "We should keep the ferry.", {"Idempotency-Key": "request 1"}


def fill_database(client: FlaskClient, db_session: Session) -> tuple[Site, Moderator]:
    """Fill an empty database: readers, a moderator, and all kinds of personal data."""
    site = a_site(db_session, lang="en", public_summary=True)
    alice = a_moderator(db_session, site, role=Role.OWNER)
    hanako = Reader(client, email=HANAKO, peer=PEER)
    assert hanako.post(WORDS, notify="page", headers=REQUEST).status_code == 201
    assert Reader(client, name="Taro", email=QUIET).post("I want no emails.").status_code == 201
    author = _author(db_session, HANAKO, site)
    authors.confirm(author)
    author.vouch(author.name, author.website)
    Unsubscribe.add(site, Author.index_of(site, QUIET) or "")
    comment = the_comment(db_session, WORDS)
    with db.session.no_autoflush:
        report(comment, reader=address.reporter(site, REPORTER), reason=Reason.ATTACK, note="He means me.")
    Vote.add(comment, address.voter(site, REPORTER))
    drafts = [(Subject.EMAIL, BLOCKED), (Subject.ADDRESS, "198.51.100.0/24"), (Subject.WORD, "casino"),
              (Subject.AUTHOR, str(_author(db_session, QUIET, site).id))]  # fmt: skip
    rules.create([rules.draft(site, subject, Effect.SPAM, value) for subject, value in drafts], by=alice)
    db_session.add(Handover(site_id=site.id, moderator_id=alice.id, text="Watch the ferry thread."))
    db_session.add(Note(site_id=comment.site_id, comment=comment, moderator=alice, text="I know her."))
    with db.session.no_autoflush:
        typed = {"explanation": "I am Taro.", "law": "Privacy", "name": "Taro", "email": NOTIFIER}
        notice = notices.submit(comment, Draft(Claim.PRIVACY, **typed))
    notice.question, notice.provision, notice.facts = "Is it true?", "Article 1", "It names a person."
    notice_state.note(notice, "closed", text="It names a person.")
    Login.start(
        alice, Lasts(timedelta(hours=12), timedelta(days=14), timedelta(hours=12)), Place("198.51.100.0/24", "Firefox")
    )
    db_session.add(EmailChange(moderator=alice, email="alice@elsewhere.example"))
    db_session.flush()
    legal_hold.place(notice, reason="A lawsuit", until=now() + timedelta(days=30), by=alice)
    members.invite(site, INVITED, Role.MODERATOR, by=alice)
    db_session.add(Identity(moderator_id=alice.id, issuer="https://id.example", subject="4711"))
    db_session.add(AuthenticatorApp(moderator_id=alice.id, secret=one_time_codes.new_secret()))
    webhook = webhooks.add(
        site, name="CMS", address="https://hooks.example/x", events=["comment.held"], format=WebhookFormat.STANDARD,
        by=alice,
    )  # fmt: skip
    webhooks.rotate(webhook, by=alice)
    token, _secret = tokens.make(site, name="CMS", role=Role.ADMIN, scopes=(), by=Who.OPERATOR)
    key = api_answer.key_index(token.id, REQUEST["Idempotency-Key"])
    ApiAnswer.claim(token.id, key, api_answer.digest_of(b"request"))
    ApiAnswer.keep(token.id, key, 201, "{}")
    made, _secret = checkers.add(site, by=alice, name="Model", url="https://model.example/")
    CheckerAnswer.replace(made, comment, verdict="fine", confidence=0.9, reasons=["polite"])
    member_keys.make_secret(site, by=alice)
    list_publishing.change(site, is_on=True, words=True, domains=True, by=alice)
    author = comments_members.obtain_author(site, Member("4711", "Umeko", "Subscriber", "umeko@readers.example"))
    author.member_badge = "Subscriber"
    site.akismet_key = "0123456789ab"
    site.state_key = "a key for the states of articles"
    outbox.add("akismet", comment=comment, payload=json.dumps({"user_ip": PEER, "user_agent": "", "referrer": ""}))
    db_session.commit()
    return site, alice


def _author(db_session: Session, email: str, site: Site) -> Author:
    (author,) = Author.with_email([site.id], email)
    return author


def columns(kind: type) -> list[tuple[Table, str]]:
    """All columns of this type."""
    tables = db.metadata.sorted_tables
    return [(table, each.name) for table in tables for each in table.c if isinstance(each.type, kind)]


def make_unreadable(db_session: Session) -> dict[str, list[str]]:
    """Encrypt every value under an unknown key; return the values by table.column."""
    foreign = Fernet(Fernet.generate_key())
    for table, name in columns(Encrypted):
        for id, value in db_session.execute(select(table.c.id, type_coerce(table.c[name], String))).all():
            if value:
                spoilt = type_coerce(foreign.encrypt(b"secret").decode(), String)
                db_session.execute(update(table).where(table.c.id == id).values({table.c[name]: spoilt}))
    db_session.commit()
    db_session.expire_all()
    return stored(Encrypted)


def stored(kind: type) -> dict[str, list[str]]:
    """The raw non-empty values in these columns, by table.column."""
    found: dict[str, list[str]] = {}
    for table, name in columns(kind):
        rows = db.session.execute(table.select().with_only_columns(type_coerce(table.c[name], String))).scalars()
        found[f"{table.name}.{name}"] = sorted(each for each in rows if each)
    db.session.rollback()
    return found


def as_earlier_versions_wrote(db_session: Session) -> None:
    """Store blind indexes without the tag of their key, and no fingerprint."""
    for table, name in columns(BlindIndex):
        for row in db_session.execute(table.select().with_only_columns(table.c.id, table.c[name])).all():
            if row[1]:
                bare = type_coerce(row[1].rpartition(".")[2], String)
                db_session.execute(update(table).where(table.c.id == row[0]).values({table.c[name]: bare}))
    db_session.execute(db.metadata.tables["key_print"].delete())
    db_session.commit()
