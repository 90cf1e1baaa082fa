"""Second opinions: drawing decisions, asking, withdrawing the question, and the figures that stay."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import delete, inspect, text
from sqlalchemy.orm import Session

from app.comments import retention
from app.desk import opinions
from app.errors import Refused
from app.extensions import db
from app.lib.clock import now
from app.models import (
    Actor,
    AskedOpinion,
    Author,
    Comment,
    Decision,
    Membership,
    Moderator,
    Notice,
    Reason,
    Role,
    Sample,
    SecondOpinion,
    Site,
    Status,
)
from app.models.asked_opinion import LASTS, MOST
from app.models.notice import Claim
from app.models.section import Section
from app.moderation import second_opinions
from app.moderation.decide import decide, undo
from tests.cast import Reader, a_moderator, a_site, the_comment


@pytest.fixture
def paper(db_session: Session) -> Site:
    return a_site(db_session, hold_all=True, second_opinions=100)


@pytest.fixture
def bob(db_session: Session, alice: Moderator, paper: Site) -> Moderator:
    return a_moderator(db_session, paper, "bob")


@pytest.fixture
def written(client: FlaskClient, db_session: Session, paper: Site) -> Callable[[str], Comment]:
    hanako = Reader(client)

    def write(body: str) -> Comment:
        hanako.post(body)
        return the_comment(db_session, body)

    return write


def decided(comment: Comment, status: Status, by: Moderator | None, reason: str = "", **more: object) -> Decision:
    made = decide(comment, status, seen=comment.version, by=by, reason=reason, **more)  # type: ignore[arg-type]
    db.session.commit()
    return made


def asked_of(moderator: Moderator) -> list[str]:
    bodies = [card.comment.body for card in opinions.waiting_for(moderator)]
    db.session.commit()
    return bodies


def answer(moderator: Moderator, status: Status, reason: str = "") -> None:
    (card, *_) = opinions.waiting_for(moderator)
    second_opinions.give(card.asked, status, reason)
    db.session.commit()


def test_another_moderator_is_asked_and_the_comment_stays(
    written: Callable[[str], Comment], alice: Moderator, bob: Moderator
) -> None:
    comment = written("one")
    decided(comment, Status.APPROVED, alice)
    assert (asked_of(alice), asked_of(bob)) == ([], ["one"])
    version = comment.version
    answer(bob, Status.SPAM, Reason.SPAM)
    newest = Decision.newest_of(comment)
    assert newest and (comment.status, comment.version, newest.moderator_id) == ("approved", version, alice.id)
    assert asked_of(bob) == [] and AskedOpinion.kept_from(bob) == []


def test_a_single_moderator_is_not_asked(
    written: Callable[[str], Comment], db_session: Session, paper: Site, alice: Moderator
) -> None:
    """Neither on the site nor in the section, and a program is no second person."""
    program = a_moderator(db_session, paper, "program")
    program.is_program = True
    db_session.commit()
    decided(written("one"), Status.APPROVED, alice)
    decided(written("two"), Status.APPROVED, program)
    assert opinions.alone_in(paper) is None
    bob = a_moderator(db_session, paper, "bob")
    paper.sections = [Section(key, key).as_json() for key in ("sports", "food")]
    bob.memberships[0].sections = ["sports"]
    db_session.commit()
    third = written("three")
    third.thread.section = "food"
    db_session.commit()
    decided(third, Status.APPROVED, alice)
    assert db_session.query(AskedOpinion).count() == 0
    assert opinions.alone_in(paper) == ["food"]
    third.thread.section = "sports"
    db_session.commit()
    decided(third, Status.SPAM, alice)
    assert asked_of(bob) == ["three"]


@pytest.mark.parametrize("share", [0, 5, 30])
def test_the_share_of_decisions_is_drawn(
    client: FlaskClient, db_session: Session, paper: Site, alice: Moderator, share: int
) -> None:
    """By a keyed lot, so that the same decisions are drawn again, and others with another comment."""
    comment = Comment(id=1, score=None)
    decisions = [Decision(comment=comment, comment_id=id, version=2, to_status=Status.APPROVED) for id in range(2000)]
    with db.session.no_autoflush:
        drawn = [second_opinions._sample_of(each, share) for each in decisions]
        assert drawn == [second_opinions._sample_of(each, share) for each in decisions]
    for each in decisions:
        db.session.expunge(each) if inspect(each).session else None
    assert set(drawn) <= {None, Sample.RANDOM}
    assert abs(sum(each is not None for each in drawn) - 20 * share) <= 60


def test_rejections_of_known_authors_and_close_scores_are_drawn_more_often(
    written: Callable[[str], Comment], db_session: Session, paper: Site, alice: Moderator, bob: Moderator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    known, close, plain = written("known"), written("close"), written("plain")
    paper.second_opinions = 10
    db_session.commit()
    monkeypatch.setattr(second_opinions, "_lot", lambda _decision, about: 999 if not about else 0)
    decided(known, Status.APPROVED, alice)
    assert db_session.query(AskedOpinion.sample).one()[0] == Sample.RANDOM
    monkeypatch.setattr(second_opinions, "_lot", lambda _decision, about: 2_999 if not about else 0)
    close.score, plain.score = 0.65, 0.2
    db_session.commit()
    decided(close, Status.REJECTED, alice)
    decided(plain, Status.APPROVED, alice)
    samples = {each.comment.body: each.sample for each in db_session.query(AskedOpinion)}
    assert samples == {"known": Sample.RANDOM, "close": Sample.KNOWN}
    decided(close, Status.APPROVED, alice)
    assert {each.sample for each in db_session.query(AskedOpinion).filter_by(comment_id=close.id)} == {Sample.NEAR}
    monkeypatch.setattr(second_opinions, "_lot", lambda _decision, about: 3_000 if not about else 0)
    decided(close, Status.REJECTED, alice)
    assert db_session.query(AskedOpinion).filter_by(comment_id=close.id).count() == 0


def test_who_decided_on_the_comment_before_is_not_asked(
    written: Callable[[str], Comment], db_session: Session, paper: Site, alice: Moderator, bob: Moderator
) -> None:
    comment = written("one")
    decided(comment, Status.APPROVED, alice)
    decided(comment, Status.SPAM, bob)
    assert db_session.query(AskedOpinion).count() == 0
    carol = a_moderator(db_session, paper, "carol")
    decided(comment, Status.REJECTED, bob)
    assert asked_of(carol) == ["one"]


def test_only_a_moderators_own_look_is_drawn(
    written: Callable[[str], Comment], db_session: Session, paper: Site, alice: Moderator, bob: Moderator
) -> None:
    """Not what a check, an undo, an override or a legal case decided, nor a return to the queue."""
    first = written("one")
    decided(first, Status.APPROVED, None)
    decided(first, Status.REJECTED, None, actor=Actor.SYSTEM)
    decided(first, Status.PENDING, alice)
    decided(first, Status.APPROVED, alice, overrides=True)
    noticed = written("two")
    db_session.add(Notice(site_id=paper.id, comment_id=noticed.id, claim=Claim.PRIVACY, due_at=now()))
    db_session.commit()
    decided(noticed, Status.REJECTED, alice)
    assert db_session.query(AskedOpinion).count() == 0


def test_an_undo_withdraws_the_question_exactly(
    written: Callable[[str], Comment], db_session: Session, alice: Moderator, bob: Moderator
) -> None:
    made = decided(written("one"), Status.APPROVED, alice)
    assert asked_of(bob) == ["one"]
    undo(made, by=alice)
    db_session.commit()
    assert (asked_of(bob), db_session.query(AskedOpinion).count(), db_session.query(SecondOpinion).count()) == (
        [],
        0,
        0,
    )


def test_a_given_opinion_stays_when_the_decision_is_undone(
    written: Callable[[str], Comment], db_session: Session, paper: Site, alice: Moderator, bob: Moderator
) -> None:
    """After the talk about a case its decision often changes; the disagreement happened all the same."""
    made = decided(written("one"), Status.APPROVED, alice)
    answer(bob, Status.REJECTED, Reason.HATE)
    undo(made, by=alice)
    db_session.commit()
    assert opinions.agreement_on(paper, 30).number == 1
    ((case,), _more) = opinions.cases_of(alice, paper, discussed=False)
    assert case.opinion.comment.status == Status.PENDING


@pytest.mark.parametrize("reason", ["reported", "emptied", "late", "noticed", "off", "moved", "left"])
def test_a_question_that_no_longer_stands_is_not_asked(
    written: Callable[[str], Comment], db_session: Session, paper: Site, alice: Moderator, bob: Moderator, reason: str
) -> None:
    comment = written("one")
    decided(comment, Status.APPROVED, alice)
    question = db_session.query(AskedOpinion).one()
    if reason == "reported":
        comment.lane = 1
    elif reason == "emptied":
        comment.empty()
    elif reason == "late":
        question.made_at = now() - LASTS - timedelta(minutes=1)
    elif reason == "noticed":
        db_session.add(Notice(site_id=paper.id, comment_id=comment.id, claim=Claim.PRIVACY, due_at=now()))
    elif reason == "off":
        paper.second_opinions = 0
    elif reason == "moved":
        bob.memberships[0].sections = ["food"]
    else:
        db_session.delete(db_session.query(Membership).filter_by(moderator_id=bob.id).one())
    db_session.commit()
    db_session.expire_all()
    assert asked_of(bob) == [] and opinions.question_for(bob, question.id) is None
    # It is withdrawn, or the comment is nothing that is hidden any more; rights are another matter.
    assert AskedOpinion.kept_from(bob) == ([comment.id] if reason == "moved" else [])
    db_session.commit()
    if reason not in ("off", "moved", "left"):
        AskedOpinion.clear(paper.id)
        assert db_session.query(AskedOpinion).count() == 0


def test_who_does_not_answer_gets_no_more(
    written: Callable[[str], Comment], db_session: Session, paper: Site, alice: Moderator, bob: Moderator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """The one with the fewest questions is asked, and at most so many wait."""
    decided(written("one"), Status.APPROVED, alice)
    carol = a_moderator(db_session, paper, "carol")
    decided(written("two"), Status.APPROVED, alice)
    assert (asked_of(bob), asked_of(carol)) == (["one"], ["two"])
    monkeypatch.setattr(second_opinions, "MOST", 1)
    decided(written("three"), Status.APPROVED, alice)
    assert db_session.query(AskedOpinion).count() == 2
    # After a long absence, and on a site that does not ask any more, earlier questions keep no new one out.
    for each in db_session.query(AskedOpinion):
        each.made_at = now() - LASTS - timedelta(minutes=1)
    db_session.commit()
    decided(written("four"), Status.APPROVED, alice)
    assert [each.comment.body for each in db_session.query(AskedOpinion)] == ["four"]
    off = a_site(db_session, "off", second_opinions=100)
    db_session.add_all(Membership(site=off, moderator=each) for each in (bob, carol))
    db_session.query(AskedOpinion).one().moderator_id = carol.id
    for each in db_session.query(AskedOpinion):
        each.site_id = off.id
    off.second_opinions = 0
    db_session.commit()
    for body in ("five", "six"):
        decided(written(body), Status.APPROVED, alice)
    assert opinions.PAGE > MOST
    assert (asked_of(bob), asked_of(carol)) in ((["five"], ["six"]), (["six"], ["five"]))


def test_questions_that_another_transaction_deletes_are_left_to_it(
    written: Callable[[str], Comment], db_session: Session, paper: Site, alice: Moderator, bob: Moderator
) -> None:
    """Batches decide in the order of threads; waiting for another batch's questions could deadlock."""
    if db.engine.dialect.name == "sqlite":
        pytest.skip("SQLite has one writer")
    for body in ("one", "two"):
        decided(written(body), Status.APPROVED, alice)
    first, _second = db_session.query(AskedOpinion.id).order_by(AskedOpinion.id)
    db_session.query(AskedOpinion).update({"made_at": now() - LASTS - timedelta(minutes=1)})
    db_session.commit()
    with db.engine.connect() as other:
        other.execute(delete(AskedOpinion).where(AskedOpinion.id == first.id))
        db_session.execute(text("SET LOCAL lock_timeout = '200ms'"))
        AskedOpinion.clear(paper.id)
        db_session.commit()
        other.rollback()
    assert [each.id for each in db_session.query(AskedOpinion.id)] == [first.id]


def test_the_same_opinion_given_twice_counts_once(
    written: Callable[[str], Comment], db_session: Session, alice: Moderator, bob: Moderator
) -> None:
    decided(written("one"), Status.APPROVED, alice)
    (card,) = opinions.waiting_for(bob)
    question = card.asked
    second_opinions.give(question, Status.APPROVED, "")
    db_session.commit()
    with pytest.raises(Refused):
        second_opinions.give(question, Status.SPAM, "")
    db_session.rollback()
    assert db_session.query(SecondOpinion).count() == 1


def test_agreement_is_counted_by_reason_and_never_by_person(
    written: Callable[[str], Comment], db_session: Session, paper: Site, alice: Moderator, bob: Moderator
) -> None:
    for body, first, second in (("a", Reason.HATE, Reason.HATE), ("b", Reason.HATE, Reason.ATTACK), ("c", "", "")):
        decided(written(body), Status.REJECTED if first else Status.APPROVED, alice, first)
        answer(bob, Status.REJECTED if second else Status.APPROVED, second)
    figures = opinions.agreement_on(paper, 30)
    assert (figures.number, figures.same) == (3, 2)
    assert {each.label: (each.number, each.both) for each in figures.by_label} == {
        "hate": (2, 1), "attack": (1, 0), "approved": (1, 1)
    }  # fmt: skip
    assert figures.by_sample[Sample.RANDOM][0] == 3
    ((case,), _more) = opinions.cases_of(bob, paper, discussed=False)
    assert (case.opinion.first_reason, case.opinion.reason, case.opinion.comment.body) == ("hate", "attack", "b")
    assert opinions.cases_of(bob, paper, discussed=True) == ([], 0)
    # No column leads to a person, and where the two agree none leads to the comment, whose log names one.
    columns = {key.column.table.name for key in SecondOpinion.__table__.foreign_keys}
    assert columns == {"site", "comment"}
    agreed = db_session.query(SecondOpinion).filter(SecondOpinion.status == SecondOpinion.first_status).all()
    assert {each.comment_id for each in agreed if each.first_reason == each.reason} == {None}
    assert {(each.given_on.hour, each.given_on.minute, each.given_on.second) for each in agreed} == {(0, 0, 0)}
    assert opinions.agreement_on(a_site(db_session, "other"), 30).number == 0


def test_erasure_and_retention_leave_the_figures(
    written: Callable[[str], Comment], db_session: Session, paper: Site, alice: Moderator, bob: Moderator
) -> None:
    comment = written("secret")
    decided(comment, Status.SPAM, alice, Reason.SPAM)
    answer(bob, Status.APPROVED)
    for each in db_session.query(Decision):
        each.made_at = now() - timedelta(days=40)
    comment.created_at = now() - timedelta(days=40)
    db_session.commit()
    for _step in retention.forget_all():
        db_session.commit()
    assert comment.emptied_at and db_session.query(Author).count() == 1
    assert opinions.agreement_on(paper, 30).number == 1
    ((case,), _more) = opinions.cases_of(alice, paper, discussed=False)
    assert case.opinion.comment.body == ""


def test_a_deleted_account_leaves_no_question_and_all_figures(
    written: Callable[[str], Comment], db_session: Session, paper: Site, alice: Moderator, bob: Moderator
) -> None:
    decided(written("one"), Status.APPROVED, alice)
    answer(bob, Status.SPAM)
    decided(written("two"), Status.APPROVED, alice)
    assert asked_of(bob) == ["two"]
    db_session.delete(bob)
    db_session.commit()
    assert db_session.query(AskedOpinion).count() == 0 and opinions.agreement_on(paper, 30).number == 1


def test_cases_are_those_of_the_moderators_sections(
    written: Callable[[str], Comment], db_session: Session, paper: Site, alice: Moderator, bob: Moderator
) -> None:
    decided(written("one"), Status.APPROVED, alice)
    answer(bob, Status.SPAM)
    rita = a_moderator(db_session, paper, "rita", Role.MODERATOR)
    rita.memberships[0].sections = ["food"]
    stranger = a_moderator(db_session, a_site(db_session, "other"), "otto")
    db_session.commit()
    id = db_session.query(SecondOpinion).one().id
    for other in (rita, stranger):
        assert opinions.cases_of(other, paper, discussed=False) == ([], 0)
        assert opinions.case_of(other, paper, id) is None
