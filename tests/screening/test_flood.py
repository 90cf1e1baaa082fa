"""A burst of comments is held, and the site's moderators get one email about it."""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update
from sqlalchemy.orm import Session

from app.extensions import db
from app.lib import clock
from app.models import Comment, Decision, Delivery, Effect, Site, Status, Subject
from app.models.site import FEWEST_IN_A_BURST
from app.notify import outbox
from app.screening import flood, rules
from tests.cast import PASSWORD, Reader, a_moderator, a_site, the_comment
from tests.services import MailServer
from tests.statements import recorded

BURST = 4


@pytest.fixture
def later(db_session: Session) -> Callable[..., None]:
    """Let time pass, `later(minutes=11)`, by moving all timestamps back."""

    def pass_by(**time: float) -> None:
        ago = timedelta(**time)
        for comment in db_session.query(Comment):
            comment.created_at -= ago
        for site in db_session.query(Site).populate_existing():
            site.pressed_until = site.pressed_until - ago if site.pressed_until else None
            site.learnt_at = site.learnt_at - ago if site.learnt_at else None
        db_session.commit()

    return pass_by


@pytest.fixture
def paper(db_session: Session) -> Site:
    return a_site(db_session, flood_per_site=BURST, lang="en")


def many(client: FlaskClient, count: int, site: str = "paper", name: str = "Reader") -> list[int]:
    readers = [Reader(client, f"{name} {n}", f"{n}@readers.example", site) for n in range(count)]
    return [reader.post(f"{reader.name} speaks").status_code for reader in readers]


def test_a_burst_is_held_with_one_email_and_ends(
    client: FlaskClient, paper: Site, db_session: Session, smtp: MailServer, later: Callable[..., None]
) -> None:
    a_moderator(db_session, paper, "alice"), a_moderator(db_session, paper, "olga")
    a_moderator(db_session, a_site(db_session, "other"), "bob")
    assert many(client, BURST + 6) == [201] * BURST + [202] * 6
    assert the_comment(db_session, "Reader 9 speaks").reasons == [{"check": "flood", "verdict": "hold"}]
    later(minutes=6)
    assert many(client, BURST + 6, name="Later") == [202] * (BURST + 6)
    while outbox.run_once():
        pass
    told = [(received.to, received.subject) for received in smtp.emails if "Traffic spike" in received.subject]
    subject = "Traffic spike: all comments are held on Paper"
    assert told == [(["alice@moderators.example"], subject), (["olga@moderators.example"], subject)]
    later(minutes=6)
    assert many(client, 1, name="Patient") == [202], "the second burst has renewed it"
    later(minutes=11)
    assert many(client, 1, name="Calm") == [201]
    db_session.expire_all()
    assert db_session.query(Delivery).filter_by(kind="flood").count() == 2


def test_certain_spam_starts_no_burst(client: FlaskClient, paper: Site, db_session: Session) -> None:
    network = rules.draft(paper, Subject.ADDRESS, Effect.SPAM, "203.0.113.0/24")
    rules.create([network])
    db_session.commit()
    for number in range(BURST * 2):
        spammer = Reader(client, f"Spammer {number}", f"s{number}@readers.example", peer="203.0.113.7")
        assert spammer.post(f"blocked {number}").status_code == 202
        trapped = Reader(client, f"Program {number}", f"p{number}@readers.example")
        assert trapped.post(f"trapped {number}", subject="filled in").status_code == 202
    assert many(client, BURST) == [201] * BURST, "a person is published all the while"
    assert many(client, 1, name="One more") == [202]


def test_a_block_that_only_holds_starts_no_burst_either(client: FlaskClient, paper: Site, db_session: Session) -> None:
    """Also if another check holds it as well."""
    rules.create([rules.draft(paper, Subject.ADDRESS, Effect.SPAM, "203.0.113.0/24")])
    paper.hold_blocked, paper.min_seconds = True, 2
    db_session.commit()
    for number in range(BURST * 2):
        Reader(client, f"S {number}", f"s{number}@readers.example", peer="203.0.113.7").post(f"blocked {number}")
    assert {decision.reason for decision in db_session.query(Decision)} == {"blocked"}
    db_session.expire_all()
    assert not flood.is_bursting(paper)


def test_a_burst_on_one_site_changes_nothing_on_another(client: FlaskClient, paper: Site, db_session: Session) -> None:
    a_site(db_session, "other", flood_per_site=BURST)
    assert many(client, BURST + 1)[-1] == 202
    assert many(client, BURST, "other") == [201] * BURST


def test_nothing_of_a_burst_is_lost_and_reading_goes_on(client: FlaskClient, paper: Site, db_session: Session) -> None:
    many(client, BURST * 3)
    assert db_session.query(Comment).filter_by(status=Status.PENDING).count() == BURST * 2
    page = Reader(client).get_thread()
    assert page.status_code == 200 and page.text.count("speaks") == BURST


def test_a_comment_in_a_burst_writes_no_more_than_another(
    app: Flask, client: FlaskClient, paper: Site, db_session: Session
) -> None:
    with app.app_context():
        engine = db.engine
    with recorded(engine) as statements:
        assert many(client, BURST * 3)[-1] == 202
    assert len([each for each in statements if each.startswith("UPDATE site")]) == 1


def test_moderators_and_operators_see_it(
    app: Flask, client: FlaskClient, paper: Site, db_session: Session, smtp: MailServer
) -> None:
    a_moderator(db_session, paper)
    seen = app.test_client()
    token = seen.get("/login").text.split('name="csrf_token" value="')[1].split('"')[0]
    seen.post("/login", data={"email": "alice@moderators.example", "password": PASSWORD, "csrf_token": token})
    assert "data-pressed" not in seen.get("/moderate/").text
    assert _shown(app, db_session)["pressed_until"] is None
    many(client, BURST + 1)
    assert 'data-pressed="paper"' in seen.get("/moderate/").text
    assert _shown(app, db_session)["pressed_until"] > clock.now().isoformat()
    assert _shown(app, db_session)["burst"] == BURST


def _shown(app: Flask, db_session: Session) -> dict[str, object]:
    told = app.test_cli_runner().invoke(args=["site", "show", "paper", "--json"])
    db_session.rollback()
    assert told.exit_code == 0, told.output
    return json.loads(told.output)


def test_the_normal_rate_is_learnt_from_approved_comments(
    client: FlaskClient, db_session: Session, later: Callable[..., None]
) -> None:
    site = a_site(db_session, flood_per_address=1_000)
    assert site.burst == FEWEST_IN_A_BURST
    assert set(many(client, 12)) == {201}
    # All within one minute of yesterday, and a wave of unapproved spam.
    yesterday = clock.now().replace(second=30) - timedelta(days=1)
    db_session.execute(update(Comment).values(created_at=yesterday))
    db_session.commit()
    many(client, 15, name="Spam")
    spam = Comment.name.like("Spam%")
    db_session.execute(update(Comment).where(spam).values(status=Status.SPAM, created_at=yesterday))
    db_session.commit()
    flood.learn_normal_rate()
    db_session.commit()
    assert (site.busiest_minute, site.burst) == (12, 36)
    learnt = site.learnt_at
    flood.learn_normal_rate()
    assert site.learnt_at == learnt, "once a day is enough"
    later(days=8)
    flood.learn_normal_rate()
    assert site.learnt_at > learnt and site.busiest_minute == 0, "old events are forgotten"


@pytest.mark.parametrize(
    ("settings", "burst"),
    [
        ({"flood_per_address": 0}, 0),
        ({"flood_per_address": 0, "flood_per_site": 7}, 7),
        ({"flood_per_address": 30}, FEWEST_IN_A_BURST),
        ({"flood_per_address": 30, "busiest_minute": 100}, 300),
        ({"flood_per_address": 30, "busiest_minute": 100, "flood_per_site": 50}, 50),
    ],
)
def test_what_a_burst_is(settings: dict[str, int], burst: int) -> None:
    given = {"flood_per_site": 0, "busiest_minute": 0} | settings
    assert Site(**given).burst == burst
