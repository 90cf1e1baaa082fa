"""The filter learns Alice's decisions and unlearns those she undoes; the model does not depend on the path to it."""

import json
import random
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update
from sqlalchemy.orm import Session

from app.database import snapshot
from app.extensions import db
from app.lib.clock import now
from app.models import Actor, Comment, Decision, Moderator, Reason, Site, SpamModel, Status, TrainingExample
from app.models.report import Reporter
from app.moderation.decide import decide, undo
from app.moderation.reports import report
from app.screening import backtest
from app.screening.reasons import sentence_of
from app.screening.thresholds import Threshold
from app.spam import filters, learning, retraining, settling
from app.spam.filter import MAGIC, Filter, WrongModel
from tests.cast import Reader, a_site, move, the_comment
from tests.desk.test_queue import thread_of, written
from tests.statements import recorded

SPAM = "副業で月収100万円！今すぐ登録 https://win.example"
FINE = "とても参考になりました。ありがとうございます。"


def pending(db_session: Session, site: Site, *bodies: str) -> list[Comment]:
    thread = db_session.query(Comment).first()
    place = thread.thread if thread and thread.site_id == site.id else thread_of(db_session, site)
    return [written(db_session, place, body) for body in bodies]


def known(db_session: Session, site: Site) -> bytes:
    """The model as another process would load it."""
    db_session.commit()
    model = Filter.load(SpamModel.read(site.id)[1])
    for example in TrainingExample.waiting(site.id):
        model.add(example.slots, spam=example.spam, residual=example.residual, step=example.step)
    db_session.commit()
    return model.dump()


def learnt_again(db_session: Session, site: Site) -> bytes:
    """A model trained again from the log, for comparison; it is not stored."""
    db_session.commit()
    with snapshot():
        return learning._read_log(site.id).model.dump()


def stay_public(db_session: Session, site: Site) -> int:
    """The worker's step, as if all comments were written eight days ago."""
    site.settled_until = None
    db_session.execute(update(Comment).values(created_at=now() - timedelta(days=8)))
    db_session.commit()
    count = sum(settling.settle_all())
    db_session.commit()
    db_session.expire_all()
    return count


def test_approved_is_fine_spam_is_spam_and_nothing_else_teaches(
    db_session: Session, paper: Site, alice: Moderator
) -> None:
    bodies = ("approved", "spam", "rejected", "back", "by screening", "by import")
    one, two, three, four, five, six = pending(db_session, paper, *bodies)
    for comment, status in ((one, "approved"), (two, "spam"), (three, "rejected"), (four, "spam"), (four, "pending")):
        decide(comment, Status(status), seen=comment.version, by=alice)
    decide(five, Status.SPAM, seen=five.version, actor=Actor.SCREENING)
    decide(six, Status.APPROVED, seen=six.version, actor=Actor.IMPORT)
    assert [each.trained_as for each in (one, two, three, four, five, six)] == ["fine", "spam", "", "", "", ""]
    model = Filter.load(known(db_session, paper))
    assert (model.fine, model.spam) == (1, 1)


def test_undo_restores_the_training_of_an_earlier_decision(db_session: Session, paper: Site, alice: Moderator) -> None:
    (comment,) = pending(db_session, paper, FINE)
    nothing = known(db_session, paper)
    decide(comment, Status.APPROVED, seen=comment.version, by=alice)
    approved = known(db_session, paper)
    wrong = decide(comment, Status.SPAM, seen=comment.version, by=alice)
    assert known(db_session, paper) not in (nothing, approved)
    taken_back = undo(wrong, by=alice)
    assert (comment.trained_as, known(db_session, paper)) == ("fine", approved)
    undo(taken_back, by=alice)
    assert comment.trained_as == "spam"
    first = db_session.query(Decision).order_by(Decision.id).first()
    decide(comment, Status.PENDING, seen=comment.version, by=alice)
    assert first and known(db_session, paper) == nothing == learnt_again(db_session, paper)


def test_undo_is_exact_whatever_was_learnt_since(db_session: Session, taught: Site, alice: Moderator) -> None:
    """The restored decision has its former residual; later ones by other moderators stay unchanged."""
    one, two = pending(db_session, taught, f"{FINE} !", f"{SPAM} !")
    wrong = decide(one, Status.SPAM, seen=one.version, by=alice)
    decide(two, Status.SPAM, seen=two.version, by=alice)
    assert one.residual and one.residual > 0
    before = known(db_session, taught)
    right = decide(one, Status.APPROVED, seen=one.version, by=alice)
    undo(right, by=alice)
    assert (one.trained_as, one.residual) == ("spam", wrong.residual)
    assert known(db_session, taught) == before == learnt_again(db_session, taught)


def test_a_flood_decided_at_once_corrects_the_filter_once(db_session: Session, taught: Site, alice: Moderator) -> None:
    many = pending(db_session, taught, *(f"Cheap watches, number {number}" for number in range(30)))
    for comment in many:
        decide(comment, Status.SPAM, seen=comment.version, by=alice)
    assert (many[0].residual or 0) > 50 * (many[-1].residual or 0) >= 0


def test_decisions_that_never_corrected_anything_do_so_when_the_log_is_learnt_again(
    db_session: Session, taught: Site
) -> None:
    """As after an import, a restored archive, or an unreadable filter."""
    learnt = known(db_session, taught)
    db_session.execute(update(Comment).values(residual=None))
    db_session.execute(update(TrainingExample).values(residual=0))
    assert learnt != known(db_session, taught)
    learning.retrain(taught.id)
    assert learnt == known(db_session, taught) == learnt_again(db_session, taught)


def test_undoing_over_a_decision_of_screening_teaches_nothing(
    db_session: Session, paper: Site, alice: Moderator
) -> None:
    (comment,) = pending(db_session, paper, FINE)
    decide(comment, Status.APPROVED, seen=comment.version, actor=Actor.SCREENING)
    undo(decide(comment, Status.SPAM, seen=comment.version, by=alice), by=alice)
    assert (comment.status, comment.trained_as) == (Status.APPROVED, "")


@pytest.mark.parametrize("seed", [1, 2])
def test_relearning_gives_the_same_bytes_after_any_history(
    app: Flask, db_session: Session, paper: Site, alice: Moderator, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Random decisions, residuals, undos, edits and withdrawals, folded at random moments."""
    monkeypatch.setattr(learning, "MERGE_AT", 7)
    cast, comments = random.Random(seed), pending(db_session, paper, *(f"{FINE} {n}" for n in range(8)))
    for _step in range(60):
        comment = cast.choice(comments)
        newest = Decision.newest_of(comment)
        match cast.randrange(7):
            case 0 if newest and newest.version == comment.version:
                undo(newest, by=alice)
            case 1:
                learning.forget(comment)
                comment.settled = False
                comment.body = f"{SPAM} {cast.random()}"
                decide(comment, Status.PENDING, seen=comment.version, actor=Actor.SCREENING)
            case 2:
                learning.unsettle(comment)
            case 3:
                decide(comment, Status.APPROVED, seen=comment.version, actor=Actor.SCREENING)
                stay_public(db_session, paper)
            case _:
                status = cast.choice([Status.APPROVED, Status.SPAM, Status.REJECTED, Status.PENDING])
                decide(comment, status, seen=comment.version, by=alice)
        db_session.commit()
    assert known(db_session, paper) == learnt_again(db_session, paper)
    assert db_session.query(Decision).filter(Decision.residual != 0).count(), "the filter was never corrected"
    revision, step_by_step = SpamModel.read(paper.id)[0], known(db_session, paper)
    assert revision > 1, "nothing was folded"
    db_session.commit()
    done = app.test_cli_runner().invoke(args=["upkeep", "retrain", "--site", "paper", "--json"])
    assert done.exit_code == 0, done.output
    model = Filter.load(step_by_step)
    assert json.loads(done.output) == [{"site": "paper", "fine": model.fine, "spam": model.spam}]
    db_session.expire_all()
    assert SpamModel.read(paper.id) == (revision + 1, step_by_step)
    assert TrainingExample.count(paper.id) == 0


def test_decisions_from_before_there_was_a_filter_are_learnt_and_can_be_undone(
    db_session: Session, paper: Site, alice: Moderator
) -> None:
    (comment,) = pending(db_session, paper, FINE)
    approved = decide(comment, Status.APPROVED, seen=comment.version, by=alice)
    comment.trained_as = ""
    TrainingExample.remove([example.id for example in TrainingExample.waiting(paper.id)])
    db_session.commit()
    assert learning.retrain(paper.id).fine == 1
    db_session.commit()
    db_session.refresh(comment)
    assert comment.trained_as == "fine"
    undo(approved, by=alice)
    assert known(db_session, paper) == Filter().dump()


def test_relearning_yields_to_concurrent_training(
    db_session: Session, paper: Site, alice: Moderator, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = pending(db_session, paper, FINE, SPAM)
    decide(one, Status.APPROVED, seen=one.version, by=alice)
    db_session.commit()

    @contextmanager
    def slow():
        with snapshot():
            yield
        decide(two, Status.SPAM, seen=two.version, by=alice)
        learning.merge(paper.id)
        db_session.commit()

    monkeypatch.setattr(learning, "snapshot", slow)
    assert learning.retrain(paper.id) is None
    db_session.rollback()
    assert known(db_session, paper) == learnt_again(db_session, paper)


def test_two_who_fold_at_once_count_nothing_twice(db_session: Session, paper: Site, alice: Moderator) -> None:
    for comment in pending(db_session, paper, FINE, SPAM):
        decide(comment, Status.APPROVED, seen=comment.version, by=alice)
    before = known(db_session, paper)
    learning.merge(paper.id)
    db_session.commit()
    assert not SpamModel.replace(paper.id, b"", seen=0)
    assert SpamModel.replace(paper.id, SpamModel.read(paper.id)[1], seen=1)
    assert not SpamModel.replace(paper.id, b"", seen=1)
    assert known(db_session, paper) == before


def test_every_process_sees_each_training_example_at_once(
    app: Flask, db_session: Session, paper: Site, alice: Moderator
) -> None:
    one, two, three = pending(db_session, paper, FINE, SPAM, "another")
    ours = filters.model_of(paper.id)
    assert (ours.fine, ours.spam) == (0, 0)
    approved = decide(one, Status.APPROVED, seen=one.version, by=alice)
    decide(two, Status.SPAM, seen=two.version, by=alice)
    assert filters.model_of(paper.id).dump() == known(db_session, paper)
    learning.merge(paper.id)
    decide(three, Status.SPAM, seen=three.version, by=alice)
    assert filters.model_of(paper.id).dump() == known(db_session, paper)
    undo(approved, by=alice)
    assert filters.model_of(paper.id).dump() == known(db_session, paper)
    db_session.rollback()
    decide(three, Status.PENDING, seen=three.version, by=alice)
    filters.model_of(paper.id)
    db_session.rollback()
    assert filters.model_of(paper.id).dump() == known(db_session, paper)
    with recorded(db.engine) as asked:
        filters.model_of(paper.id)
    assert len([each for each in asked if each.startswith("SELECT")]) == 1


def test_scores_use_the_model_of_a_second_ago(
    db_session: Session, paper: Site, alice: Moderator, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [100.0]
    monkeypatch.setattr(filters, "monotonic", lambda: clock[0])
    (comment,) = pending(db_session, paper, SPAM)
    assert filters.recent_model(paper.id).spam == 0
    # This process sees its own training at once, that of others a second later.
    decide(comment, Status.SPAM, seen=comment.version, by=alice)
    db_session.commit()
    assert filters.recent_model(paper.id).spam == 1
    db_session.add(TrainingExample.of(paper.id, [7], spam=True, residual=0, step=1))
    db_session.commit()
    for passed, questions, spam in ((0.0, 0, 1), (filters.CACHE_SECONDS, 2, 2)):
        clock[0] += passed
        with recorded(db.engine) as asked:
            assert filters.recent_model(paper.id).spam == spam
        assert len([each for each in asked if each.startswith("SELECT")]) == questions


def test_sites_do_not_learn_from_each_other(db_session: Session, paper: Site, alice: Moderator) -> None:
    (comment,) = pending(db_session, paper, SPAM)
    decide(comment, Status.SPAM, seen=comment.version, by=alice)
    other = a_site(db_session, "other")
    assert known(db_session, other) == Filter().dump()


def test_an_edit_unlearns_the_earlier_text(
    client: FlaskClient, db_session: Session, paper: Site, alice: Moderator
) -> None:
    hanako = Reader(client)
    hanako.post(FINE)
    comment = the_comment(db_session, FINE)
    move(db_session, comment, Status.APPROVED, by=alice)
    assert comment.trained_as == "fine"
    db_session.commit()
    given = hanako.fields(token=hanako.token, body="今は別のこと")
    assert client.post(f"/embed/comments/{comment.id}/edit", data=given).status_code == 200
    assert the_comment(db_session, "今は別のこと").trained_as == ""
    assert known(db_session, paper) == Filter().dump() == learnt_again(db_session, paper)


def published(db_session: Session, site: Site, *bodies: str) -> list[Comment]:
    """Comments without a decision by a moderator."""
    comments = pending(db_session, site, *bodies)
    for comment in comments:
        decide(comment, Status.APPROVED, seen=comment.version, actor=Actor.SCREENING)
    return comments


def test_what_stayed_public_teaches_until_a_decision(db_session: Session, paper: Site, alice: Moderator) -> None:
    one, two = published(db_session, paper, FINE, SPAM)
    (held,) = pending(db_session, paper, "held")
    nothing = known(db_session, paper)
    assert (stay_public(db_session, paper), stay_public(db_session, paper)) == (2, 0)
    settled = known(db_session, paper)
    assert (one.trained_as, one.residual, held.trained_as) == ("fine", 0, "")
    assert nothing != settled == learnt_again(db_session, paper)
    marked = decide(two, Status.SPAM, seen=two.version, by=alice)
    assert known(db_session, paper) != settled
    undo(marked, by=alice)
    assert known(db_session, paper) == settled == learnt_again(db_session, paper)
    decide(one, Status.DELETED, seen=one.version, actor=Actor.AUTHOR)
    with learning.relearning(two):
        two.name = "somebody"
    assert known(db_session, paper) == learnt_again(db_session, paper)
    assert Filter.load(known(db_session, paper)).fine == 1


def test_a_report_takes_back_that_a_comment_stayed_public(
    app: Flask, db_session: Session, paper: Site, alice: Moderator
) -> None:
    one, two = published(db_session, paper, FINE, SPAM)
    nothing = known(db_session, paper)
    reader = Reporter("a network")
    report(one, reader=reader, reason=Reason.ATTACK)
    assert stay_public(db_session, paper) == 1
    assert (one.trained_as, two.trained_as) == ("", "fine")
    report(two, reader=reader, reason=Reason.ATTACK)
    assert known(db_session, paper) == nothing == learnt_again(db_session, paper)
    decide(two, Status.APPROVED, seen=two.version, by=alice)
    assert two.trained_as == "fine" and known(db_session, paper) == learnt_again(db_session, paper)


def test_a_report_while_the_worker_settles_counts(
    db_session: Session, paper: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    paper.reports_needed = 2
    (comment,) = published(db_session, paper, FINE)
    mark = settling._mark

    def reported_first(row: Any) -> bool:
        report(db_session.get_one(Comment, row.id), reader=Reporter("a network"), reason=Reason.ATTACK)
        return mark(row)

    monkeypatch.setattr(settling, "_mark", reported_first)
    assert stay_public(db_session, paper) == 0
    assert (comment.settled, comment.trained_as) == (False, "")


def test_only_readers_comments_of_the_sites_own_past_settle(db_session: Session, paper: Site, alice: Moderator) -> None:
    staff, imported, plain = published(db_session, paper, "by staff", "imported", "by a reader")
    staff.badge, imported.source = "Staff", "wordpress"
    many = published(db_session, paper, *(f"{FINE} {number}" for number in range(settling.MOST_OF_AUTHOR + 3)))
    for comment in many:
        comment.author = many[0].author
    paper.settle_days = 0
    assert stay_public(db_session, paper) == 0
    paper.settle_days = 9
    assert stay_public(db_session, paper) == 0
    paper.settle_days = 7
    assert stay_public(db_session, paper) == settling.MOST_OF_AUTHOR + 1
    assert (staff.trained_as, imported.trained_as, plain.trained_as) == ("", "", "fine")


def test_a_decision_while_the_worker_settles_counts_once(
    db_session: Session, paper: Site, alice: Moderator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The moderator's page was loaded before."""
    (comment,) = published(db_session, paper, FINE)
    db_session.execute(update(Comment).values(created_at=now() - timedelta(days=8)))
    db_session.commit()
    assert comment.trained_as == ""
    with Session(db.engine) as other:
        row = other.get(Comment, comment.id)
        assert row
        other.execute(update(Comment).values(settled=True, trained_as="fine", residual=0))
        other.add(TrainingExample.of(paper.id, learning.slots_of(row), spam=False, residual=0, step=1))
        other.commit()
    decide(comment, Status.SPAM, seen=comment.version, by=alice)
    assert known(db_session, paper) == learnt_again(db_session, paper)
    assert Filter.load(known(db_session, paper)).fine == 0


def test_deleting_spam_texts_keeps_their_training(
    app: Flask, db_session: Session, paper: Site, alice: Moderator
) -> None:
    fine, spam = pending(db_session, paper, FINE, SPAM)
    decide(fine, Status.APPROVED, seen=fine.version, by=alice)
    marked = decide(spam, Status.SPAM, seen=spam.version, by=alice)
    before, old = known(db_session, paper), now() - timedelta(days=99)
    db_session.execute(update(Comment).values(created_at=old))
    db_session.execute(update(Decision).values(made_at=old))
    db_session.commit()
    assert app.test_cli_runner().invoke(args=["upkeep", "prune"]).exit_code == 0
    db_session.expire_all()
    assert spam.body == ""
    assert known(db_session, paper) == before == learnt_again(db_session, paper)
    db_session.refresh(marked)
    undo(marked, by=alice)
    assert Filter.load(known(db_session, paper)).spam == 0


def test_erasure_removes_the_name_from_the_model(db_session: Session, paper: Site, alice: Moderator) -> None:
    (comment,) = pending(db_session, paper, FINE)
    decide(comment, Status.APPROVED, seen=comment.version, by=alice)
    before = known(db_session, paper)
    with learning.relearning(comment):
        comment.name = "somebody"
    assert before != known(db_session, paper) == learnt_again(db_session, paper)


# Effects of the score


def has_a_past(db_session: Session, site: Site) -> None:
    """Thirty comments that were public with a low score, as long as the budget needs."""
    site.hold_one_in = site.spam_one_in = 20
    for comment in published(db_session, site, *(f"earlier {number}" for number in range(30))):
        comment.score, comment.written_in, comment.trained_as = 0.2, "ja", "fine"
        comment.created_at = now() - timedelta(days=20)
    db_session.commit()


@pytest.fixture
def taught(db_session: Session, paper: Site, alice: Moderator) -> Site:
    for number in range(8):
        fine, spam = pending(db_session, paper, f"{FINE} {number}", f"{SPAM} {number}")
        decide(fine, Status.APPROVED, seen=fine.version, by=alice)
        decide(spam, Status.SPAM, seen=spam.version, by=alice)
    db_session.commit()
    return paper


def test_without_decisions_there_is_no_score_and_no_hold(client: FlaskClient, db_session: Session, paper: Site) -> None:
    paper.score_acts, paper.hold_one_in = True, 20
    db_session.commit()
    assert Reader(client).post(SPAM).status_code == 201
    comment = the_comment(db_session, SPAM)
    assert (comment.score, comment.reasons) == (None, [])


def test_a_score_that_does_not_act_yet_is_shown_with_its_reasons(
    app: Flask, client: FlaskClient, db_session: Session, taught: Site
) -> None:
    assert Reader(client).post(SPAM).status_code == 201
    comment = the_comment(db_session, SPAM)
    (reason,) = comment.reasons
    assert (reason["check"], reason["verdict"], reason["band"]) == ("score", "pass", "spam")
    assert comment.score > 0.95 and comment.features == {"seconds": None, "approved": 0, "rejected": 0}
    assert reason["examples"] == 8 and 3 <= len(reason["signals"]) <= 14
    with app.test_request_context(headers={"Accept-Language": "ja"}):
        said = sentence_of(reason)
    assert said.startswith("スパム度 ") and "副業" in said


@pytest.mark.parametrize(
    ("body", "proven", "asks", "status"),
    [
        (SPAM, True, {"score_acts": True}, Status.SPAM),
        (SPAM, True, {"score_acts": True, "spam_one_in": 0}, Status.PENDING),
        (SPAM, True, {"score_acts": True, "hold_one_in": 0, "spam_one_in": 0}, Status.APPROVED),
        (SPAM, True, {}, Status.APPROVED),
        (FINE, True, {"score_acts": True}, Status.APPROVED),
        (FINE, True, {"hold_all": True, "score_acts": True}, Status.PENDING),
        (FINE, True, {"hold_all": True, "score_publishes": True}, Status.PENDING),
        (FINE, True, {"hold_all": True, "score_acts": True, "score_publishes": True}, Status.APPROVED),
        (FINE, False, {"hold_all": True, "score_acts": True, "score_publishes": True}, Status.PENDING),
        (FINE + " bit.ly/x", True, {"hold_all": True, "score_acts": True, "score_publishes": True}, Status.PENDING),
        (SPAM, True, {"hold_all": True, "score_acts": True, "score_publishes": True}, Status.SPAM),
    ],
)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_bands_do_what_the_site_turned_on_and_never_publish_alone(
    client: FlaskClient, db_session: Session, taught: Site, body: str, proven: bool, asks: dict, status: Status
) -> None:
    has_a_past(db_session, taught)
    db_session.commit()
    hanako = Reader(client)
    hanako.post("first words of hers, approved")
    move(db_session, the_comment(db_session, "first words of hers, approved"), Status.APPROVED)
    for name, value in asks.items():
        setattr(taught, name, value)
    db_session.commit()
    hanako.author = hanako.author if proven else ""
    hanako.post(body)
    assert the_comment(db_session, body).status == status


def test_a_filter_that_cannot_be_read_holds_and_is_learnt_again(
    app: Flask, client: FlaskClient, db_session: Session, taught: Site, alice: Moderator
) -> None:
    learning.merge(taught.id)
    whole = SpamModel.read(taught.id)
    assert SpamModel.replace(taught.id, b"damaged", seen=whole[0])
    db_session.commit()
    with pytest.raises(WrongModel):
        filters.model_of(taught.id)
    db_session.commit()
    assert Reader(client).post("kept").status_code == 202
    comment = the_comment(db_session, "kept")
    assert comment.reasons == [{"check": "failed", "verdict": "hold", "name": "score"}]
    move(db_session, comment, Status.REJECTED, by=alice)
    db_session.commit()
    assert app.test_cli_runner().invoke(args=["upkeep", "retrain"]).exit_code == 0
    db_session.expire_all()
    assert SpamModel.read(taught.id)[1] == whole[1]


def test_a_worker_learns_a_filter_of_another_version_again_and_leaves_the_others(
    app: Flask, db_session: Session, taught: Site, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    other = a_site(db_session, "other")
    SpamModel.replace(other.id, Filter().dump(), seen=0)
    now_known = known(db_session, taught)
    revisions = {site.id: SpamModel.read(site.id)[0] for site in (taught, other)}
    stored = SpamModel.read(taught.id)[1] or Filter().dump()
    older = stored[: len(MAGIC)] + bytes([stored[len(MAGIC)] ^ 1]) + stored[len(MAGIC) + 1 :]
    assert SpamModel.replace(taught.id, older, seen=revisions[taught.id])
    db_session.commit()
    assert [key for _, key in retraining.outdated()] == ["paper"]
    db_session.rollback()
    retraining.retrain_outdated()
    assert "filter retrained" in caplog.text
    db_session.rollback()
    assert retraining.outdated() == [] and known(db_session, taught) == now_known
    assert SpamModel.read(other.id)[0] == revisions[other.id]


def test_undoing_an_unlearnt_decision_triggers_a_recount(db_session: Session, taught: Site, alice: Moderator) -> None:
    (comment,) = pending(db_session, taught, "words that no model ever saw: xyzzy plugh")
    comment.trained_as, comment.residual = "spam", 40
    db_session.commit()
    with learning.relearning(comment):
        comment.name = "Deleted author"
    learning.forget(comment)
    db_session.commit()
    model = filters.model_of(taught.id)
    assert not model.sound and min(model._counts) >= 0
    db_session.commit()
    learning.merge(taught.id)
    db_session.commit()
    assert [key for _, key in retraining.outdated()] == ["paper"]
    retraining.retrain_outdated()
    assert retraining.outdated() == []
    assert known(db_session, taught) == learnt_again(db_session, taught)


def test_an_undo_before_its_example_is_counted_when_it_arrives(
    db_session: Session, taught: Site, alice: Moderator
) -> None:
    known_before = known(db_session, taught)
    places = [1, 2, 3]
    back = TrainingExample.of(taught.id, places, spam=True, residual=7, step=-1)
    db_session.add(back)
    db_session.commit()
    assert not filters.model_of(taught.id).sound
    db_session.add(TrainingExample.of(taught.id, places, spam=True, residual=7, step=1))
    db_session.commit()
    model = filters.model_of(taught.id)
    assert model.sound and model.dump() == known_before


def test_a_shadow_tells_what_the_budget_would_have_done(
    app: Flask, client: FlaskClient, db_session: Session, taught: Site, alice: Moderator
) -> None:
    has_a_past(db_session, taught)
    for body in (SPAM, FINE, f"{SPAM} again", f"{FINE} again"):
        Reader(client, email=f"{len(body)}@readers.example").post(body)
    move(db_session, the_comment(db_session, f"{SPAM} again"), Status.APPROVED, by=alice)
    move(db_session, the_comment(db_session, f"{FINE} again"), Status.SPAM, by=alice)
    seen = backtest.backtest(taught, now() - timedelta(days=7))
    assert seen.counts == {
        Threshold.SPAM: {"fine": 1, "spam": 0, "": 1},
        Threshold.HOLD: {"fine": 0, "spam": 0, "": 0},
        Threshold.FINE: {"fine": 0, "spam": 1, "": 1},
    }
    assert (seen.called("fine"), seen.total("fine"), seen.missing_hold) == (1, 1, 0)
    assert [each.body for each in seen.false_positives] == [f"{SPAM} again"]
    assert [each.body for each in seen.missed] == [f"{FINE} again"]
    assert backtest.backtest(taught, now() + timedelta(days=1)).missed == []
    db_session.commit()
    told = json.loads(app.test_cli_runner().invoke(args=["site", "screening", "paper", "--json"]).output)
    assert told["thresholds"]["spam"] == {"fine": 1, "spam": 0, "undecided": 1}
    assert sum(each["comments"] for each in told["reliability"]) == 32 and set(told["missing"].values()) == {0}
