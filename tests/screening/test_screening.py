"""A comment is public only after every check has run; a failing check holds it."""

import errno
from itertools import product
from time import sleep

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app.extensions import db
from app.models import Comment, Status
from app.moderation.findings import STATUS_OF
from app.screening import checks, run
from app.screening.case import Finding, Verdict
from app.screening.checks import CHECKS
from app.screening.reasons import sentence_of
from tests.cast import Reader, a_site, the_comment


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_strictest_verdict_wins_and_every_reason_is_kept(
    client: FlaskClient, db_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_site(db_session)
    for verdicts in product(Verdict, repeat=3):
        given = tuple(
            (lambda case, at=at, verdict=verdict: Finding(f"check{at}", verdict)) for at, verdict in enumerate(verdicts)
        )
        monkeypatch.setattr(run, "CHECKS", given)
        Reader(client).post(f"hello {verdicts}")
        comment = the_comment(db_session, f"hello {verdicts}")
        assert comment.status == STATUS_OF[max(verdicts)]
        assert [reason["check"] for reason in comment.reasons] == ["check0", "check1", "check2"]


def _raises(case: object) -> None:
    raise ValueError("broken")


def _breaks_the_database(case: object) -> None:
    db.session.execute(text("SELECT nothing FROM nowhere"))


@pytest.mark.parametrize("broken", [_raises, _breaks_the_database])
def test_a_check_that_fails_holds_and_loses_nothing(
    client: FlaskClient, db_session: Session, monkeypatch: pytest.MonkeyPatch, broken
) -> None:
    a_site(db_session)
    monkeypatch.setattr(run, "CHECKS", (broken,))
    assert Reader(client).post("kept").status_code == 202
    comment = the_comment(db_session, "kept")
    assert comment.status == Status.PENDING
    assert comment.reasons == [{"check": "failed", "verdict": "hold", "name": broken.__name__}]


def test_a_check_that_stalls_is_not_believed(
    client: FlaskClient, db_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_site(db_session)
    monkeypatch.setattr(run, "CHECK_SECONDS", 0.05)
    monkeypatch.setattr(run, "CHECKS", (_stalls,))
    assert Reader(client).post("kept").status_code == 202
    assert the_comment(db_session, "kept").reasons == [{"check": "slow", "verdict": "hold", "name": "_stalls"}]


def _stalls(case: object) -> None:
    sleep(0.1)


@pytest.mark.parametrize("broken", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("how", [_raises, _breaks_the_database, _stalls])
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_whichever_check_breaks_nothing_is_published_and_nothing_lost(
    client: FlaskClient, db_session: Session, monkeypatch: pytest.MonkeyPatch, broken, how
) -> None:
    """The other checks still run, and their findings are stored too."""
    a_site(db_session)
    monkeypatch.setattr(run, "CHECK_SECONDS", 0.05)
    monkeypatch.setattr(run, "CHECKS", tuple(how if check is broken else check for check in CHECKS))
    assert Reader(client).post("https://bit.ly/a https://b.example").status_code == 202
    comment = the_comment(db_session, "https://bit.ly/a https://b.example")
    told = {reason["check"] for reason in comment.reasons}
    assert comment.status == Status.PENDING
    assert told - {broken.__name__} >= {"links", "shorteners"} - {broken.__name__}
    assert told & {"failed", "slow"}
    assert "bit.ly" not in Reader(client).get_thread().text


def _raises_for(*_asked: object) -> None:
    raise ValueError("broken")


def _breaks_the_database_for(*_asked: object) -> None:
    db.session.execute(text("INSERT INTO nowhere VALUES (1)"))


@pytest.mark.parametrize("how", [_raises_for, _breaks_the_database_for])
@pytest.mark.parametrize(("cause", "check"), [("queue_check", "akismet"), ("start_holding", "flood")])
def test_an_unwritable_effect_of_a_finding_holds_the_comment(
    client: FlaskClient, db_session: Session, monkeypatch: pytest.MonkeyPatch, how, cause: str, check: str
) -> None:
    a_site(db_session, akismet_key="k", flood_per_site=1)
    Reader(client).post("the first of a burst")
    monkeypatch.setattr(checks, cause, how)
    assert Reader(client).post("kept").status_code == 202
    comment = the_comment(db_session, "kept")
    assert comment.status == Status.PENDING
    assert {"check": "failed", "verdict": "hold", "name": check} in comment.reasons
    assert check not in {reason["check"] for reason in comment.reasons}


def test_a_full_outbox_gives_503_and_stores_nothing(
    client: FlaskClient, db_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    def finds_the_disk_full(*_asked: object) -> None:
        raise OperationalError("INSERT INTO delivery", {}, OSError(errno.ENOSPC, "disk is full"))

    a_site(db_session, akismet_key="k")
    monkeypatch.setattr(checks, "queue_check", finds_the_disk_full)
    answer = Reader(client).post("kept nowhere")
    assert answer.status_code == 503 and answer.headers["Retry-After"]
    assert not db_session.query(Comment).count()


def test_the_number_of_links_that_holds_is_the_sites(client: FlaskClient, db_session: Session) -> None:
    site = a_site(db_session, max_links=2)
    assert Reader(client).post("one https://a.example").status_code == 201
    assert Reader(client).post("two https://a.example and https://b.example").status_code == 202
    site.max_links = 0
    db_session.commit()
    assert Reader(client).post("any https://a.example https://b.example https://c.example").status_code == 201


def test_reasons_are_shown_in_words(app) -> None:
    with app.test_request_context(headers={"Accept-Language": "ja"}):
        assert sentence_of({"check": "links", "count": 3}) == "リンク 3 件"
    with app.test_request_context(headers={"Accept-Language": "en"}):
        assert sentence_of({"check": "links", "count": 3}) == "3 links"
        assert sentence_of({"check": "links", "count": 1}) == "1 link"
