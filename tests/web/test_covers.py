"""Moderators cover passages visibly: no public byte has the words, the author is told, and undo restores the text."""

from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.comments import picks
from app.database import snapshot
from app.desk.statistics import statistics_of
from app.lib import markup
from app.lib.secrets import blind_index
from app.models import Comment, Decision, Moderator, Reason, Report, Revision, Site, Status, site_counter
from app.models.report import Reporter
from app.moderation.reports import report
from app.notify import outbox, replies
from app.search import index
from app.spam import learning
from app.transfer import archive
from tests.cast import PAGE, Reader, a_site, move, the_comment
from tests.services import MailServer
from tests.web.test_queue import ENGLISH, at_the_desk, hidden

ONE_DATABASE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
HERE = {"site": "paper", "url": PAGE}
PHONE, LABEL = "090-5555-0199", "[■ Hidden by the editors]"
TEXT = f"Call **Kanarienvogel** at {PHONE}, or {PHONE} at night."
PUBLIC = (
    ("/embed/thread", HERE), ("/embed/static", HERE), ("/thread", HERE | {"lang": "en"}),
    ("/thread", HERE | {"sort": "newest"}),
    ("/api/v1/threads", HERE), ("/api/v1/picks", HERE), ("/feeds/thread", HERE), ("/feeds/site/paper.atom", {}),
    ("/feeds/picks", HERE), ("/api/v1/comments/latest", HERE), ("/embed/counts", HERE), ("/summary/paper", {}),
)  # fmt: skip


@pytest.fixture
def settings(settings: dict[str, str]) -> dict[str, str]:
    return settings | {"UNDO_WINDOW": "0"}


@pytest.fixture
def paper(db_session: Session) -> Site:
    return a_site(db_session, lang="en", public_summary=True, reports_needed=1, edit_minutes=60)


@pytest.fixture
def hanako(client: FlaskClient, alice: Moderator) -> Reader:
    return Reader(client)


@pytest.fixture
def desk(app: Flask, alice: Moderator) -> FlaskClient:
    return at_the_desk(app)


def press(
    desk: FlaskClient, comment: Comment, action: str = "cover", *, script: bool = True, **fields: str
) -> TestResponse:
    token = hidden(desk.get("/moderate/log/picks"), "csrf_token")
    fetch = {"X-Requested-With": "fetch"} if script else {}
    given = {"csrf_token": token, "seen": str(comment.version)} | fields
    return desk.post(f"/moderate/comments/{comment.id}/{action}", data=given, headers=ENGLISH | fetch)


def again(db_session: Session, comment: Comment) -> Comment:
    db_session.rollback()
    db_session.expire_all()
    found = db_session.get_one(Comment, comment.id)
    _ = found.thread, found.author, found.site
    db_session.commit()
    return found


def newest_decision(db_session: Session, comment: Comment) -> Decision:
    found = Decision.newest_of(again(db_session, comment))
    db_session.commit()
    assert found
    return found


def send_all(db_session: Session) -> None:
    db_session.expire_all()
    while outbox.run_once(replies.carriers()) or outbox.run_once():
        pass


def a_comment(reader: Reader, db_session: Session, body: str = TEXT, **more: str) -> Comment:
    assert reader.post(body, **more).status_code in (201, 202)
    return the_comment(db_session, body)


def public_bytes(client: FlaskClient) -> Iterator[tuple[str, str]]:
    for path, query in PUBLIC:
        answer = client.get(path, query_string=query)
        assert answer.status_code == 200, path
        yield path, answer.text


def test_covered_words_are_on_no_public_byte(
    app: Flask, hanako: Reader, desk: FlaskClient, db_session: Session, alice: Moderator
) -> None:
    comment = a_comment(hanako, db_session)
    picks.pick(comment, by=alice)
    db_session.commit()
    assert all(
        PHONE in page for path, page in public_bytes(hanako.client) if "counts" not in path and "summary" not in path
    )
    comment = again(db_session, comment)
    answer = press(desk, comment, words=f"{PHONE}\nKanarienvogel")
    assert answer.status_code == 200 and f'id="card-{comment.id}"' in answer.text and "Passage covered." in answer.text
    for path, page in public_bytes(hanako.client):
        assert "5555" not in page and "Kanarien" not in page, path
    page = dict(public_bytes(hanako.client))["/thread"]
    assert page.count(LABEL) >= 3 and "partly hidden by the editors" in page
    (shown,) = hanako.client.get("/api/v1/threads", query_string=HERE).json["comments"]
    assert shown["covered"] is True and shown["html"].count(LABEL) == 3
    own = hanako.client.get("/embed/own", query_string=HERE).text + hanako.get_thread(own=hanako.token).text
    assert "5555" not in own
    comment = again(db_session, comment)
    assert comment.body.count(LABEL) == 3 and "5555" not in comment.body + comment.html
    assert comment.html == markup.render(comment.body), "another renderer finds nothing else to render"
    # The desk: the original on the card, covered text in search, log and files.
    card = desk.get("/moderate/?status=approved").text
    assert f"<del>{PHONE}" in card or PHONE in card
    for path in (f"/moderate/search?q={PHONE}", "/moderate/log.csv", "/moderate/log.jsonl"):
        found = desk.get(path, buffered=True).text.replace(f"q={PHONE}", "").replace(f'value="{PHONE}"', "")
        assert "5555" not in found, path
    assert "Passage covered" in desk.get("/moderate/log", headers=ENGLISH).text
    (decision,) = [each for each in Decision.all_of(comment) if each.reason == "covered"]
    assert (decision.from_status, decision.to_status, decision.moderator_id) == ("approved", "approved", alice.id)
    db_session.commit()
    # Search by the index as well.
    index.build(0)
    db_session.commit()
    assert "Hidden by" not in desk.get(f"/moderate/search?q={PHONE}").text
    assert site_counter.drifted() == []


def test_undo_restores_the_text_and_a_later_one_does_too(
    app: Flask, hanako: Reader, desk: FlaskClient, db_session: Session, alice: Moderator
) -> None:
    comment = a_comment(hanako, db_session)
    html = comment.html
    press(desk, comment, words=PHONE)
    decision = newest_decision(db_session, comment)
    undone = press_undo(desk, decision)
    assert undone.status_code == 200 and "can be read again" in undone.text and PHONE in undone.text
    comment = again(db_session, comment)
    assert (comment.body, comment.html, comment.covered_at) == (TEXT, html, None)
    assert db_session.query(Revision).count() == 0
    db_session.commit()
    last = newest_decision(db_session, comment)
    assert press_undo(desk, last).status_code == 409, "an undo of it would not cover again"
    # Two covers and a decision in between.
    press(desk, again(db_session, comment), words=PHONE)
    press(desk, again(db_session, comment), words="kanarienvogel")
    move(db_session, again(db_session, comment), Status.PENDING, by=alice)
    comment = again(db_session, comment)
    assert "5555" not in comment.body and "Kanarien" not in comment.body
    assert '<del dir="auto">kanarienvogel' in desk.get(f"/moderate/comments/{comment.id}/cover", headers=ENGLISH).text
    assert press(desk, comment, "uncover").status_code == 200
    comment = again(db_session, comment)
    assert "Kanarien" in comment.body and "5555" not in comment.body and comment.covered_at
    assert press(desk, comment, "uncover").status_code == 200
    comment = again(db_session, comment)
    assert (comment.body, comment.html, comment.covered_at, comment.status) == (TEXT, html, None, "pending")
    assert press(desk, comment, "uncover").status_code == 409


def press_undo(desk: FlaskClient, decision: Decision) -> TestResponse:
    token = hidden(desk.get("/moderate/log/picks"), "csrf_token")
    fetch = {"X-Requested-With": "fetch"}
    return desk.post(f"/moderate/decisions/{decision.id}/undo", data={"csrf_token": token}, headers=ENGLISH | fetch)


def test_an_edit_by_the_author_is_covered_again_and_waits(
    hanako: Reader, desk: FlaskClient, db_session: Session
) -> None:
    comment = a_comment(hanako, db_session)
    press(desk, comment, words=PHONE)
    comment = again(db_session, comment)
    fields = {"token": hanako.token, "body": f"{comment.body} It is {PHONE}, or ０９０ 5555 0199", **HERE}
    assert hanako.client.post(f"/embed/comments/{comment.id}/edit", data=fields).status_code in (200, 202, 303)
    comment = again(db_session, comment)
    assert PHONE not in comment.body and comment.body.count(LABEL) == 3
    assert comment.status == Status.PENDING and "covered" in [each["check"] for each in comment.reasons]
    card = desk.get("/moderate/", headers=ENGLISH).text
    assert "edited by the author after a passage was covered" in card
    for path, page in public_bytes(hanako.client):
        assert "5555" not in page, path
    # The original is not lost to the number of edits.
    for text in ("second", "third", "fourth"):
        hanako.client.post(f"/embed/comments/{comment.id}/edit", data=fields | {"body": text})
    assert TEXT in [each.body for each in Revision.with_covers(again(db_session, comment))]
    db_session.commit()
    assert press(desk, again(db_session, comment), "uncover").status_code == 409


@ONE_DATABASE
def test_words_are_refused_that_are_not_there_or_would_stay_readable(
    hanako: Reader, desk: FlaskClient, db_session: Session
) -> None:
    comment = a_comment(hanako, db_session, "My number: 090-1, or 0**9**0-1.")
    before = comment.body
    for words, said in (
        ("", "Select words in the comment"),
        ("  \n ", "Select words in the comment"),
        ("elsewhere", "“elsewhere” is not in the comment."),
        ("090-1", "would stay readable"),
        ("\n".join(map(str, range(21))), "20 passages or fewer"),
        ("x" * 50_000, "Use 20000 characters"),
    ):
        for preview in ({}, {"preview": "1"}):
            refused = press(desk, comment, words=words, **preview)
            assert refused.status_code == 422, words
            assert said in refused.text, words
    form = press(desk, comment, words="elsewhere", script=False)
    assert form.status_code == 422 and "elsewhere</textarea>" in form.text and "is not in the comment" in form.text
    assert press(desk, comment, words="My", seen="").status_code == 400
    comment = again(db_session, comment)
    assert comment.body == before and Revision.of([comment.id])[comment.id] == []


@ONE_DATABASE
def test_passages_that_overlap_each_other_or_an_earlier_one_leave_nothing_readable(
    hanako: Reader, desk: FlaskClient, db_session: Session
) -> None:
    comment = a_comment(hanako, db_session, f"Ask Kana Shio at {PHONE}, ask Kana.")
    press(desk, comment, words="Ask Kana\nKana Shio")
    assert again(db_session, comment).body == f"{LABEL} at {PHONE}, {LABEL}."
    refused = press(desk, again(db_session, comment), words="Hidden")
    assert refused.status_code == 422 and "“Hidden” is not in the comment." in refused.text
    press(desk, again(db_session, comment), words=f"{LABEL} at {PHONE}\nthe editors].")
    assert again(db_session, comment).body == f"{LABEL}, {LABEL}"
    press(desk, again(db_session, comment), "uncover")
    assert again(db_session, comment).body == f"{LABEL} at {PHONE}, {LABEL}."


@ONE_DATABASE
def test_the_preview_changes_nothing_and_the_form_works_without_javascript(
    hanako: Reader, desk: FlaskClient, db_session: Session
) -> None:
    comment = a_comment(hanako, db_session)
    shown = press(desk, comment, words=PHONE, preview="1", script=False)
    assert shown.status_code == 200 and shown.text.count(LABEL) >= 2 and f">\n{PHONE}</textarea>" in shown.text
    assert "<strong>Kanarienvogel</strong>" in shown.text
    assert again(db_session, comment).body == TEXT
    assert press(desk, comment, words=PHONE, script=False).status_code == 303
    page = desk.get("/moderate/?status=approved", headers=ENGLISH).text
    assert "Passage covered." in page and 'action="/moderate/decisions/' in page


def test_a_stale_cover_changes_nothing_and_a_repeated_one_counts_once(
    hanako: Reader, desk: FlaskClient, db_session: Session, alice: Moderator
) -> None:
    comment = a_comment(hanako, db_session)
    stale = comment.version
    move(db_session, comment, Status.PENDING, by=alice)
    comment = again(db_session, comment)
    assert press(desk, comment, words=PHONE, seen=str(stale)).status_code == 409
    assert again(db_session, comment).body == TEXT
    seen = str(comment.version)
    assert press(desk, comment, words=PHONE, seen=seen).status_code == 200
    assert press(desk, comment, words=PHONE, seen=seen).status_code == 200
    assert press(desk, comment, words="Call", seen=seen).status_code == 409
    comment = again(db_session, comment)
    assert comment.status == Status.PENDING and comment.lane and comment.body.startswith("Call")
    assert [each.reason for each in Decision.all_of(comment)].count("covered") == 1
    db_session.commit()
    move(db_session, again(db_session, comment), Status.REJECTED, by=alice)
    refused = press(desk, again(db_session, comment), words="Call")
    assert refused.status_code == 409 and "Only pending and approved" in refused.text


@ONE_DATABASE
def test_the_author_is_told_by_email_and_on_the_own_page(
    hanako: Reader, desk: FlaskClient, db_session: Session, smtp: MailServer, alice: Moderator
) -> None:
    comment = a_comment(hanako, db_session, notify="decision")
    comment.author.confirmed_index = comment.author.email_index
    db_session.commit()

    def subjects() -> list[str]:
        send_all(db_session)
        return [each.subject.partition(":")[0] for each in smtp.to("hanako@readers.example")[before:]]

    before = len(smtp.to("hanako@readers.example"))
    # Hidden while it waits: told with the publication.
    move(db_session, again(db_session, comment), Status.PENDING)
    press(desk, again(db_session, comment), words="Kanarienvogel")
    assert [each for each in subjects() if not each.startswith("Confirm")] == []
    move(db_session, again(db_session, comment), Status.APPROVED, by=alice)
    assert subjects()[-1] == "Your comment was published"
    assert "hid a passage of it" in smtp.emails[-1].text and "Kanarien" not in smtp.emails[-1].text
    # Hidden after the publication, and shown again.
    press(desk, again(db_session, comment), words=PHONE)
    assert subjects()[-1] == "A passage of your comment was hidden"
    mail = smtp.emails[-1]
    assert LABEL in mail.text and "5555" not in str(mail.message) and "/comment/" in mail.text
    own = mail.text.partition("/comment/")[2].split()[0]
    page = hanako.client.get(f"/comment/{own}", headers=ENGLISH).text
    assert "The editors hid a passage of your comment" in page and "5555" not in page
    press(desk, again(db_session, comment), "uncover")
    assert subjects()[-1] == "Your comment is shown in full again"
    assert PHONE in smtp.emails[-1].text


@ONE_DATABASE
def test_a_cover_that_is_undone_in_time_leaves_the_email_about_the_publication(
    app: Flask, hanako: Reader, desk: FlaskClient, db_session: Session, smtp: MailServer, alice: Moderator
) -> None:
    comment = a_comment(hanako, db_session, notify="decision")
    comment.author.confirmed_index = comment.author.email_index
    db_session.commit()
    app.config["UNDO_WINDOW"] = 60
    move(db_session, again(db_session, comment), Status.PENDING)
    move(db_session, again(db_session, comment), Status.APPROVED, by=alice)
    press(desk, again(db_session, comment), words=PHONE)
    app.config["UNDO_WINDOW"] = 0
    decision = newest_decision(db_session, comment)
    press_undo(desk, decision)
    send_all(db_session)
    told = [each.subject for each in smtp.to("hanako@readers.example") if not each.subject.startswith("Confirm")]
    assert len(told) == 1 and told[0].startswith("Your comment was published") and PHONE in smtp.emails[-1].text


@ONE_DATABASE
def test_subscribers_read_the_covered_text(
    app: Flask, hanako: Reader, desk: FlaskClient, db_session: Session, smtp: MailServer
) -> None:
    first = a_comment(hanako, db_session, "Who knows the number?", notify="replies")
    first.author.confirmed_index = first.author.email_index
    db_session.commit()
    taro = Reader(app.test_client(), "Taro", "taro@readers.example")
    answer = a_comment(taro, db_session, parent=str(first.id))
    press(desk, answer, words=PHONE)
    send_all(db_session)
    (mail,) = [each for each in smtp.to("hanako@readers.example") if not each.subject.startswith("Confirm")]
    assert LABEL in mail.text and "5555" not in str(mail.message)


@ONE_DATABASE
def test_reports_stay_open_and_later_ones_count(hanako: Reader, desk: FlaskClient, db_session: Session) -> None:
    comment = a_comment(hanako, db_session)
    flag(db_session, comment, "first")
    comment = again(db_session, comment)
    assert comment.lane == 1
    press(desk, comment, words=PHONE)
    comment = again(db_session, comment)
    assert comment.lane == 1 and sum(Report.open_of([comment.id])[comment.id].values()) == 1
    flag(db_session, comment, "second")
    assert sum(Report.open_of([comment.id])[comment.id].values()) == 2, "a cover has answered no report"
    site = db_session.scalars(select(Site)).one()
    assert statistics_of(site, 7).all.decided == 0


def flag(db_session: Session, comment: Comment, reader: str) -> None:
    report(comment, reader=Reporter(blind_index("reader", reader)), reason=Reason.PERSONAL_DATA)
    db_session.commit()


@ONE_DATABASE
def test_the_filter_learns_the_covered_text_and_a_retraining_agrees(
    hanako: Reader, desk: FlaskClient, db_session: Session, alice: Moderator
) -> None:
    comment = a_comment(hanako, db_session)
    move(db_session, comment, Status.APPROVED, by=alice)
    press(desk, again(db_session, comment), words="Kanarienvogel")
    comment = again(db_session, comment)
    assert comment.trained_as == "fine"
    stored = (comment.trained_as, comment.residual)
    learning.merge(comment.site_id)
    db_session.commit()
    assert learning.retrain(comment.site_id) is not None
    db_session.commit()
    comment = again(db_session, comment)
    assert (comment.trained_as, comment.residual) == stored


@ONE_DATABASE
def test_label_follows_language_and_badge(hanako: Reader, desk: FlaskClient, db_session: Session, paper: Site) -> None:
    for badge, lang, label in (
        ("", "ja", "［■ 編集部が伏せました］"), ("夕刊編集局", "ja", "［■ 夕刊編集局が伏せました］"),
        ("Night desk", "en", "[■ Hidden by Night desk]"), ("*a*", "en", LABEL),
    ):  # fmt: skip
        site = db_session.get_one(Site, paper.id)
        site.lang, site.staff_badge = lang, badge
        db_session.commit()
        comment = a_comment(hanako, db_session, f"{badge} wrote {lang} on {PHONE}")
        press(desk, comment, words=PHONE)
        assert again(db_session, comment).body == f"{badge} wrote {lang} on {label}"
        # A label of another day stays whole.
        site = db_session.get_one(Site, paper.id)
        site.staff_badge = "Other"
        db_session.commit()
        press(desk, again(db_session, comment), words=f"wrote\n{lang}")
        assert label in again(db_session, comment).body


@ONE_DATABASE
def test_the_archive_has_the_original_for_the_desk(hanako: Reader, desk: FlaskClient, db_session: Session) -> None:
    comment = a_comment(hanako, db_session)
    press(desk, comment, words=PHONE)
    site = db_session.scalars(select(Site)).one()
    with snapshot():
        lines = list(archive.lines(site))
    rows = [line for line in lines if PHONE in line]
    assert len(rows) == 1 and '"type":"revision"' in rows[0] and '"covered":{' in rows[0]


@ONE_DATABASE
def test_a_reply_by_staff_is_covered_again_when_its_author_edits_it(
    hanako: Reader, desk: FlaskClient, db_session: Session
) -> None:
    asked = a_comment(hanako, db_session, "Who is it?")
    press(desk, asked, "reply", body=TEXT, name="Night desk", script=False)
    reply = the_comment(db_session, TEXT)
    assert press(desk, reply, words=PHONE).status_code == 200
    reply = again(db_session, reply)
    press(desk, reply, "reply/edit", body=f"It is {PHONE}.", script=False)
    assert again(db_session, reply).body == f"It is {LABEL}."
