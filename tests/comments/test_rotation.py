"""Key rotation: rows are found under every key, and finally no row depends on the old key."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from cryptography.fernet import InvalidToken
from flask import Flask
from sqlalchemy import String, text

from app import create_app
from app.abuse import address
from app.comments import key_columns, rotation
from app.comments.key_columns import STRATEGIES
from app.comments.rotation import Progress
from app.extensions import db
from app.lib import secrets
from app.lib.clock import now
from app.lib.secrets import BlindIndex, Encrypted
from app.models import Author, Comment, Delivery, Moderator, Report, Rule, Site, Subject, Unsubscribe, keyring
from app.notify import outbox, signed_links
from app.screening import rules
from app.search import query
from app.search.query import SearchQuery
from tests import sample_installation
from tests.cast import Reader, the_comment
from tests.conftest import Visitor
from tests.sample_installation import BLOCKED, HANAKO, PEER, QUIET, REPORTER, REQUEST, WORDS

A, B, C = ("".join(reversed(letter * 9 + "0123456789abcdef" * 2)) for letter in "abc")
LATER = timedelta(days=3)
# Strings that look like keyed hashes but are not.
UNKEYED = {
    "api_token.token_hash": "SHA-256 of a random token",
    "audit_event.content_digest": "SHA-256 with a salt, so that the log can be verified under any key",
    "audit_event.chain_digest": "SHA-256 of digests",
    "chain_head.chain_digest": "SHA-256 of digests",
    "chain_entry.content_digest": "SHA-256 with a salt, so that receipts can be verified under any key",
    "chain_entry.chain_digest": "SHA-256 of digests",
    "chain_day.chain_digest": "SHA-256 of digests",
    "setup_link.token_hash": "SHA-256 of a random token",
    "login.token_hash": "SHA-256 of a random token",
    "password_reset.token_hash": "SHA-256 of a derived token of half an hour",
    "pending_login.token_hash": "SHA-256 of a random token",
    "recovery_code.code_hash": "SHA-256 of a random code",
    "identity.subject": "the identity provider's id of a person",
    "passkey.public_key": "a public key",
    "moderator.password_hash": "argon2id",
    "site.key": "a name",
    "site.avatar_key": "random",
    "thread.key": "the address of a page",
    "thread_alias.key": "the address of a page",
    "key_print.digest": "the fingerprint of the key itself, replaced with it",
    "rule.subject": "a word",
    "list_subscription.digest": "SHA-256 of a public file",
    "list_subscription.key": "a public key",
    "list_line.subject": "a word",
    "rate_limit.subject": "without the tag of its key; counts begin again under another one",
}


@contextmanager
def under(settings: dict[str, str], *keys: str) -> Iterator[Flask]:
    app = create_app(settings | {"SECRET_KEY": keys[0], "SECRET_KEY_FALLBACKS": ",".join(keys[1:])})
    app.test_client_class = Visitor
    with app.app_context():
        db.session().expire_on_commit = False
        try:
            yield app
        finally:
            db.session.remove()
            db.engine.dispose()


@pytest.fixture
def inhabited(settings: dict[str, str]) -> dict[str, str]:
    with under(settings, A) as app:
        keyring.accept()
        sample_installation.fill_database(app.test_client(), db.session())
        filled = {**sample_installation.stored(Encrypted), **sample_installation.stored(BlindIndex)}
        assert all(filled.values()), [name for name, values in filled.items() if not values]
    return settings


def rotated(app: Flask, *more: str) -> dict[str, Any]:
    answer = app.test_cli_runner().invoke(args=["upkeep", "rotate-key", "--json", *more])
    told = json.loads(answer.output.splitlines()[-1])  # health lines precede it
    assert answer.exit_code == (0 if told["done"] else 1)
    return told


def opens(key: str, ciphertext: str) -> bool:
    try:
        secrets._cipher((key,), secrets.COLUMNS).decrypt(ciphertext.encode())
    except InvalidToken:
        return False
    return True


def is_under(key: str, index: str) -> bool:
    """Erased values too: no keyed value is left in them."""
    return index.startswith(secrets.tag_of(key) + ".") or len(index) < 43


def test_for_each_blind_index_it_is_known_how_it_is_made_again(app: Flask) -> None:
    with app.app_context():
        assert {f"{table.name}.{name}" for table, name in sample_installation.columns(BlindIndex)} == STRATEGIES.keys()
        assert all("id" in table.c for table in key_columns.tables())


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_no_column_that_looks_like_a_keyed_hash_is_undeclared(app: Flask) -> None:
    looks = re.compile(r"(_index|_?key|_hash|_?digest|fingerprint|recipient|subject|typed_by)$")
    with app.app_context():
        found = {
            f"{table.name}.{column.name}"
            for table in db.metadata.sorted_tables
            for column in table.columns
            if isinstance(column.type, String) and not isinstance(column.type, BlindIndex) and looks.search(column.name)
        }
    assert found == UNKEYED.keys()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_no_keyed_hash_stands_in_another_column(inhabited: dict[str, str]) -> None:
    with under(inhabited, A):
        tag = secrets.tag_of(A) + "."
        texts = [(table, column) for table in db.metadata.sorted_tables for column in table.columns]
        for table, column in texts:
            if isinstance(column.type, BlindIndex):
                continue
            for value in db.session.execute(table.select().with_only_columns(column)).scalars():
                assert tag not in str(value), f"{table.name}.{column.name}"


@pytest.mark.parametrize("version", ["today", "earlier"])
def test_everything_is_found_under_every_key(inhabited: dict[str, str], version: str) -> None:
    if version == "earlier":
        with under(inhabited, A):
            sample_installation.as_earlier_versions_wrote(db.session())
    with under(inhabited, B, A) as app:
        client = app.test_client()
        site, (alice,) = db.session.query(Site).one(), Moderator.all()
        comment = the_comment(db.session(), WORDS)
        assert Moderator.with_email("Alice@moderators.example") is alice
        # The command has a session of its own, and SQLite one lock.
        db.session.commit()
        added = ["moderator", "add", "alice@moderators.example", "--site", "paper", "--name", "Alice"]
        assert "already owner of paper" in app.test_cli_runner().invoke(args=added).output
        (hanako,) = Author.with_email([site.id], HANAKO)
        assert hanako.is_confirmed and comment.author is hanako
        assert query.search(alice, SearchQuery(email=HANAKO)).ids == [comment.id]
        assert Unsubscribe.contains(site, Author.index_of(site, QUIET))
        reporter = address.reporter(site, REPORTER)
        assert Report.count_by(reporter.network, now() - LATER) == 1
        assert Report.count_around(reporter.wide, now() - LATER) == 1
        assert Delivery.count_to(outbox.recipient(HANAKO), now() - LATER) == 1
        assert rules_about(site, BLOCKED) == 1
        db.session.commit()
        site.flood_per_address, site.akismet_key = 2, ""
        db.session.commit()
        again = Reader(client, email=HANAKO, peer=PEER)
        assert again.post(WORDS).status_code == again.post(WORDS, notify="page", headers=REQUEST).status_code == 201
        assert db.session.query(Comment).count() == 2
        db.session.rollback()
        assert again.post("A second one.").status_code == 201
        assert again.post("A third one.").status_code == 429
        assert Reader(client, email=BLOCKED).post("I am blocked.").status_code == 202
        assert the_comment(db.session(), "I am blocked.").status == "spam"


def rules_about(site: Site, email: str) -> int:
    return len(Rule.about(site, Subject.EMAIL, rules.index_of(site, Subject.EMAIL, email)))


@pytest.mark.parametrize("steps", [[(B, A)], [(B, A), (A, B)], [(B, A), (C, B, A)], [(C, B, A)]], ids=len)
@pytest.mark.parametrize("version", ["today", "earlier"])
def test_nothing_is_left_under_an_earlier_key(
    inhabited: dict[str, str], monkeypatch: pytest.MonkeyPatch, steps: list[tuple[str, ...]], version: str
) -> None:
    if version == "earlier":
        with under(inhabited, A):
            sample_installation.as_earlier_versions_wrote(db.session())
    monkeypatch.setattr(rotation, "now", lambda: now() + LATER)
    for keys in steps:
        with under(inhabited, *keys) as app:
            told = rotated(app)
            assert told["done"] and not told["unreadable"] and not told["left"] and not told["doubles"]
            for name, values in sample_installation.stored(Encrypted).items():
                assert values and all(opens(keys[0], each) for each in values), name
            for name, values in sample_installation.stored(BlindIndex).items():
                assert all(is_under(keys[0], each) for each in values), name
            assert rotated(app)["rewritten"] == {}
    with under(inhabited, steps[-1][0]) as app:
        site = db.session.query(Site).one()
        assert app.test_cli_runner().invoke(args=["site", "list"]).exit_code == 0
        assert Moderator.with_email("alice@moderators.example")
        assert Author.with_email([site.id], HANAKO)[0].is_confirmed
        assert Unsubscribe.contains(site, Author.index_of(site, QUIET))
        assert rules_about(site, BLOCKED) == 1
        comment = the_comment(db.session(), WORDS)
        assert comment.address_index in Comment.network_index(site, comment.address).all


def test_day_limits_accept_the_old_key_for_two_days(inhabited: dict[str, str]) -> None:
    with under(inhabited, B, A) as app:
        told = rotated(app)
        assert set(told["left"]) == {
            "comment.request_key", "comment.request_digest", "comment.fingerprint", "comment.typed_by",
            "comment.text_key", "delivery.recipient", "report.reporter_index",
            "report.wide_index", "author.network_index", "author.traits_index", "vote.voter_index",
            "api_answer.request_key", "api_answer.request_digest",
        }  # fmt: skip
        said = app.test_cli_runner().invoke(args=["upkeep", "rotate-key"]).output
        assert "Keep the earlier key in SECRET_KEY_FALLBACKS" in said
    with under(inhabited, B) as app:
        assert "another SECRET_KEY" in app.test_cli_runner().invoke(args=["site", "list"]).output


def test_it_can_be_stopped_and_run_again(inhabited: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rotation, "now", lambda: now() + LATER)
    monkeypatch.setattr(rotation, "BATCH", 1)
    with under(inhabited, B, A) as app:
        for stopped_after in (1, 4, 9):
            steps = rotation.rotate(Progress())
            for _ in range(stopped_after):
                next(steps)
            steps.close()
            db.session.rollback()
        assert rotated(app)["done"]


def test_concurrent_changes_are_not_lost(inhabited: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    write = rotation._write

    def slowly(table: Any, *rest: Any) -> None:
        if table is Author.__table__:
            with db.engine.begin() as other:
                other.execute(table.update().values(email="new@readers.example", email_index="changed"))
        write(table, *rest)

    monkeypatch.setattr(rotation, "_write", slowly)
    with under(inhabited, B, A):
        list(rotation.rotate(Progress()))
        assert set(db.session.execute(text("SELECT email_index FROM author")).scalars()) == {"changed"}
        assert {author.email for author in db.session.query(Author)} == {"new@readers.example"}


def test_an_unsubscribe_of_an_unknown_address_is_reported(
    inhabited: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotation, "now", lambda: now() + LATER)
    with under(inhabited, A):
        Unsubscribe.add(db.session.query(Site).one(), "x" * 43)
        db.session.commit()
    with under(inhabited, B, A) as app:
        assert rotated(app)["left"] == {"unsubscribe.email_index": 1}
        assert "--forget-unmatched" in app.test_cli_runner().invoke(args=["upkeep", "rotate-key"]).output
        assert rotated(app, "--forget-unmatched")["done"]


def test_of_a_leaked_key_nothing_is_kept(inhabited: dict[str, str]) -> None:
    with under(inhabited, B, A) as app:
        assert rotated(app, "--leaked")["done"]
        for name, values in sample_installation.stored(BlindIndex).items():
            assert all(is_under(B, each) for each in values), name
    with under(inhabited, B) as app:
        assert app.test_cli_runner().invoke(args=["site", "list"]).exit_code == 0


def test_links_in_sent_emails_work_after_everything_is_rewritten(
    inhabited: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotation, "now", lambda: now() + LATER)
    with under(inhabited, A):
        site = db.session.query(Site).one()
        (hanako,) = Author.with_email([site.id], HANAKO)
        stop, confirm = (
            link(hanako).rpartition("/")[2] for link in (signed_links.stop_link, signed_links.confirm_link)
        )
    with under(inhabited, B, A) as app:
        assert rotated(app)["done"]
        site = db.session.query(Site).one()
        assert signed_links.author_to_confirm(confirm).email == HANAKO
        Unsubscribe.add(site, signed_links.address_to_stop(stop).email_index)
        db.session.commit()
        assert Unsubscribe.contains(site, Author.index_of(site, HANAKO))
        assert rotated(app)["done"]


def test_values_under_an_unknown_key_do_not_block_other_keys(
    inhabited: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotation, "now", lambda: now() + LATER)
    with under(inhabited, C) as app:
        app.test_cli_runner().invoke(args=["upkeep", "accept-key", "--yes"])
        spoilt = sample_installation.stored(Encrypted)
        told = rotated(app, "--leaked")
        assert (
            told["done"] and told["unreadable"]["moderator.email"] == told["unreadable"]["moderator.email_index"] == 2
        )
        assert sample_installation.stored(Encrypted) == spoilt
    with under(inhabited, C, A) as app:
        assert rotated(app)["unreadable"] == {}
        assert Moderator.with_email("alice@moderators.example")


def test_two_accounts_of_one_address_are_reported_and_do_not_stop_rotation(inhabited: dict[str, str]) -> None:
    """Versions that looked up addresses under the newest key alone created a second account."""
    with under(inhabited, B, A) as app:
        email = "alice@moderators.example"
        second = Moderator(name="Alice", email=email, email_index=Moderator.index_of(email), password_hash="-")
        db.session.add(second)
        db.session.commit()
        told = rotated(app, "--leaked")
        assert told["doubles"] == ["moderator 1"] and told["left"] == {"moderator.email": 1, "moderator.email_index": 1}
        assert app.test_cli_runner().invoke(args=["moderator", "list"]).output.count(email) == 2
