"""Records of shared lists, on both databases."""

from datetime import timedelta

import pytest
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.extensions import db
from app.lib.clock import now
from app.models import LineState, ListLine, ListSubscription, PublishedList, Site
from tests.cast import a_site, a_subscription

URL = "https://news.example/list.json"


def test_lines_act_until_they_expire_are_ignored_or_undone(db_session: Session) -> None:
    site, other = a_site(db_session), a_site(db_session, "other")
    first, second = a_subscription(site, "News", URL, "casino", "poker"), a_subscription(other, "Mine", URL, "casino")
    assert [line.value for line, _of in ListLine.acting_on(site)] == ["casino", "poker"]
    found = {text: len(ListLine.some(first, LineState.ACTIVE, 10, containing=text)) for text in ("%", "sin", "")}
    assert found == {"%": 0, "sin": 1, "": 2}
    casino, poker = ListLine.of(first)
    casino.state = LineState.IGNORED
    poker.expires_at = now() - timedelta(seconds=1)
    db_session.flush()
    assert ListLine.acting_on(site) == []
    assert ListLine.counts([first.id, second.id]) == {
        first.id: {"active": 1, "held": 0, "ignored": 1}, second.id: {"active": 1, "held": 0, "ignored": 0},
    }  # fmt: skip
    assert ListLine.count_on(other, without=second) == 0 and ListLine.count_on(site, without=second) == 2
    second.undone_at = now()
    db_session.flush()
    assert ListLine.acting_on(other) == [] and not ListSubscription.active_on(other)
    assert ListSubscription.of_site(other) == [second] and ListSubscription.on_site(site, second.id) is None


def test_one_worker_takes_a_due_list_and_failures_are_asked_less_often(db_session: Session) -> None:
    made = a_subscription(a_site(db_session), "News", URL)
    assert ListSubscription.claim_due() is None
    made.next_at = now() - timedelta(seconds=1)
    db_session.flush()
    assert ListSubscription.claim_due() == made.id and ListSubscription.claim_due() is None
    pauses = []
    for _time in range(8):
        made.note_failure("unreachable")
        pauses.append(round((made.next_at - now()) / timedelta(hours=1)))
    assert pauses == [1, 2, 4, 8, 16, 24, 24, 24]
    made.note_success()
    assert (made.trouble, made.failures) == ("", 0)


def test_a_list_has_each_value_once_and_goes_with_its_site(db_session: Session) -> None:
    site = a_site(db_session)
    with pytest.raises(IntegrityError), db_session.begin_nested():
        a_subscription(site, "News", URL, "casino", "casino")
    db_session.expire_all()
    a_subscription(site, "News", URL, "casino")
    db_session.add(PublishedList(site=site, list_id="x"))
    db_session.flush()
    db.session.execute(Site.__table__.delete())
    assert not db_session.query(ListLine).count() + db_session.query(PublishedList).count()


def test_a_file_is_outdated_when_a_rule_changed(db_session: Session) -> None:
    site = a_site(db_session)
    made = PublishedList(site=site, list_id="x", is_on=True, key="k", issued_at=now(), rules_version=site.rules_version)
    db_session.add(made)
    db_session.flush()
    day_ago = now() - timedelta(days=1)
    assert PublishedList.of_site(site) == made and PublishedList.outdated(day_ago) == []
    site.rules_version += 1
    db_session.flush()
    assert PublishedList.outdated(day_ago) == [made]
    made.is_on = False
    db_session.flush()
    assert PublishedList.outdated(now()) == []
