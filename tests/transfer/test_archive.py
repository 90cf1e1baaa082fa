"""A site's archive is complete and restores it unchanged, also on the other database."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import create_app
from app.database import snapshot
from app.desk import checkers
from app.extensions import db
from app.lib.clock import now
from app.models import (
    Author,
    Checker,
    Claim,
    Comment,
    Decision,
    Effect,
    LineState,
    ListLine,
    ListSubscription,
    Membership,
    Mode,
    Moderator,
    Note,
    Pick,
    Report,
    Revision,
    Role,
    Rule,
    Sample,
    SecondOpinion,
    Site,
    State,
    Status,
    Subject,
    Thread,
    ThreadAlias,
    Unsubscribe,
    Wording,
    keyring,
)
from app.models.audit import Who
from app.models.own_reason import OwnReason
from app.models.section import Section, as_json
from app.models.wording import DEFAULTS
from app.moderation import articles, legal_hold, notices
from app.moderation.decide import undo
from app.moderation.notices import Draft
from app.screening import list_publishing, rules
from app.transfer import archive
from app.transfer.record import TruncatedFile, UnreadableFile
from app.transfer.restore import Restore
from tests.cast import PAGE, Reader, a_moderator, a_site, a_subscription, move, the_comment
from tests.web.test_queue import at_the_desk, hidden


def a_lively_site(app: Flask, db_session: Session) -> Site:
    """A site with everything that an archive can contain."""
    stories = Section("stories", "Stories", ("/story",), hold=False)
    site = a_site(db_session, close_after_days=7, email_required=False, sections=as_json([stories]))
    site.name, site.reason_texts = (
        "会話 & Co.",
        {"off_topic": {"ja": "話題を戻しましょう。"}, "other": {"en": "See our rules."}},
    )
    alice = a_moderator(db_session, site, role=Role.OWNER)
    hanako = Reader(app.test_client())
    carol = Reader(app.test_client(), "Carol 𝒞", "carol@readers.example")
    hanako.post("first, with **words**\nand 「かな」", website="https://hanako.example/", notify="replies")
    first = the_comment(db_session, "first, with **words**\nand 「かな」")
    carol.post("a reply", parent=str(first.id), notify="page", lang="en")
    carol.post("deeper", parent=str(the_comment(db_session, "a reply").id))
    carol.post("elsewhere <b>&amp;", url=f"{PAGE}/2", email="")
    for body, status in (("bad", Status.REJECTED), ("cheap pills", Status.SPAM), ("later", Status.PENDING)):
        hanako.post(body)
        move(db_session, the_comment(db_session, body), status, by=alice)
    carol.post("taken back")
    move(db_session, the_comment(db_session, "taken back"), Status.DELETED)
    undone = db_session.scalars(select(Decision).where(Decision.to_status == Status.SPAM)).one()
    undo(undone, by=alice)
    ThreadAlias.point(site.id, f"{PAGE}/earlier", first.thread_id)
    hidden_words = {"words": ["frist"], "label": "[■ Hidden by the editors]", "version": 2, "renderer": 1}
    first.covered_at = now()
    site.own_reasons = [OwnReason("no_ads", "Werbung", {"ja": "広告です。"}, enabled=False).as_json()]
    site.saved_replies = [{"id": "0123456789ab", "name": "Thanks", "text": "Thank you.\n\nBye."}]
    db_session.add(
        Revision(site_id=first.site_id, comment_id=first.id, body="frist", html="<p>frist</p>", covered=hidden_words)
    )
    author = Rule(site=site, subject=Subject.AUTHOR, effect=Effect.HOLD, value=str(first.author_id), value_index="")
    author.value_index, author.made_by_id = rules.index_of(site, Subject.AUTHOR, author.value), alice.id
    drafts = [rules.draft(site, Subject.WORD, Effect.SPAM, "pills", reason="noise", expires_at=now() + timedelta(9))]
    db_session.add(author)
    rules.create(drafts, by=alice)
    report = {"reason": "hate", "note": "really", "reporter_index": "r" * 43, "comment_version": 2}
    db_session.add(Report(site_id=site.id, comment_id=first.id, decision_id=undone.id, **report))
    writer = first.author
    writer.confirmed_index = writer.email_index
    Unsubscribe.add(site, writer.email_index)
    ThreadAlias.point(site.id, "https://paper.example/old", first.thread_id)
    articles.set_state(
        the_comment(db_session, "elsewhere <b>&amp;").thread, State.CLOSED, by=alice, reason="too heated"
    )
    first.picked_at, first.helpful, first.accepted = now(), 7, "2026-11"
    words = {"intro": "**Be kind.**", "html": "<p><strong>Be kind.</strong></p>\n", "rules_version": "2026-11",
             "rules_url": "https://paper.example/rules", "email_footer": "The Paper\nQuay 1"}  # fmt: skip
    Wording.put(site, "en", DEFAULTS | words)
    model = {"name": "Model", "url": "https://model.example/?key=canary", "langs": ["ja"], "threshold": 70}
    checkers.add(site, by=Who.OPERATOR, **model)
    a_subscription(site, "News", "https://news.example/list.json", "casino", "poker").list_id = "news"
    db_session.add(Pick(site_id=first.site_id, comment_id=first.id, moderator_id=alice.id, picked=True))
    pair = {"first_status": Status.REJECTED, "first_reason": "hate", "status": Status.APPROVED, "reason": ""}
    given = {"sample": Sample.RANDOM, "given_on": now(), "comment_id": first.id}
    db_session.add(SecondOpinion(site_id=site.id, **pair, **given))
    draft = Draft(Claim.PRIVACY, "That is my address.", name="Taro", email="taro@notifiers.example")
    notice = notices.submit(first, draft)
    notices.confirm(notice)
    legal_hold.place(notice, reason="A lawsuit", until=now() + timedelta(30), by=alice)
    db_session.add(Note(site_id=first.site_id, comment_id=first.id, moderator_id=alice.id, text="she is right"))
    db_session.commit()
    return site


def exported(key: str = "paper") -> str:
    with snapshot():
        site = Site.with_key(key)
        assert site
        return "".join(archive.lines(site))


def restored(file: Path, key: str = "paper") -> Restore:
    restore = Restore(key, file)
    for _ in restore.steps():
        db.session.commit()
    return restore


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "site.jsonl"


@pytest.fixture
def elsewhere(app: Flask, request: pytest.FixtureRequest, smtp: Any, tmp_path: Path) -> Iterator[Flask]:
    """Another installation: the other database, another key."""
    other = {"sqlite": "postgres_url", "postgresql": "sqlite_url"}[db_name(app)]
    url = request.getfixturevalue(other)
    another = create_app({"DATABASE_URL": url, "SECRET_KEY": "another key" * 6, "MAIL_URL": smtp.url})
    with another.app_context():
        keyring.accept()
    yield another
    with another.app_context():
        db.engine.dispose()


def db_name(app: Flask) -> str:
    with app.app_context():
        return db.engine.dialect.name


def test_an_archive_comes_back_byte_for_byte_on_the_other_database(
    app: Flask, db_session: Session, elsewhere: Flask, file: Path
) -> None:
    a_lively_site(app, db_session)
    file.write_text(first := exported())
    db_session.rollback()
    with elsewhere.app_context():
        report = restored(file).counts.as_json()
        assert exported() == first
        assert report["skips"] == []
        assert report["by_status"] == {"approved": 5, "pending": 1, "rejected": 1, "spam": 0, "deleted": 1}
        assert (report["threads"], report["read"], report["roots"], report["max_depth"]) == (2, 8, 6, 2)
        ids = db.session.scalars(select(Comment.id).order_by(Comment.id)).all()
        alice = db.session.scalars(select(Moderator)).one()
        assert alice.memberships == [] and alice.password_hash == "!"
        counted = {thread.url: thread.approved_count for thread in db.session.scalars(select(Thread))}
        places = db.session.scalars(select(Comment.approved_descendants).order_by(Comment.id)).all()
    assert ids == [row.id for row in db_session.query(Comment).order_by(Comment.id)], "old links still land"
    assert counted == {thread.url: thread.approved_count for thread in db_session.query(Thread)}
    assert places == [row.approved_descendants for row in db_session.query(Comment).order_by(Comment.id)]
    assert max(places) > 1, "there is a tree"


def test_it_reads_the_same_to_readers_there(app: Flask, db_session: Session, elsewhere: Flask, file: Path) -> None:
    a_lively_site(app, db_session)
    file.write_text(exported())
    page = Reader(app.test_client()).get_thread().text
    with elsewhere.app_context():
        restored(file)
    again = elsewhere.test_client().get("/embed/thread", query_string={"site": "paper", "url": PAGE}).text
    assert again.count("<article") == page.count("<article") >= 3
    assert [part.split("</svg>")[0] for part in again.split("<svg")[1:]] == [
        part.split("</svg>")[0] for part in page.split("<svg")[1:]
    ], "the same faces"


def test_blind_indexes_are_rebuilt_under_the_new_key(
    app: Flask, db_session: Session, elsewhere: Flask, file: Path
) -> None:
    a_lively_site(app, db_session)
    file.write_text(exported())
    db_session.rollback()
    with elsewhere.app_context():
        restored(file)
        site = Site.with_key("paper")
        assert site and site.open
        author = db.session.scalars(select(Author).where(Author.name == "Hanako")).first()
        assert author and author.email == "hanako@readers.example"
        assert author.email_index == Author.index_of(site, "Hanako@readers.example")
        assert author.is_confirmed and Unsubscribe.contains(site, author.email_index)
        for rule in db.session.scalars(select(Rule)):
            assert rules.index_of(site, Subject(rule.subject), rule.value) == rule.value_index


def test_a_second_run_changes_nothing(app: Flask, db_session: Session, elsewhere: Flask, file: Path) -> None:
    a_lively_site(app, db_session)
    file.write_text(first := exported())
    with elsewhere.app_context():
        once = restored(file).counts.as_json()
        twice = restored(file).counts.as_json()
        assert exported() == first
    assert (once["imported"], once["unchanged"]) == (8, 0)
    assert (twice["imported"], twice["unchanged"], twice["skips"]) == (0, 8, [])
    assert {**once, "imported": 0, "unchanged": 8, "tables": 0} == {**twice, "tables": 0}


def test_an_archive_with_a_former_column_name_is_restored(app: Flask, db_session: Session, file: Path) -> None:
    a_lively_site(app, db_session)
    new = '"features":{"seconds":'
    first = exported()
    assert new in first
    file.write_text(first.replace(new, '"facts":{"seconds":'))
    restored(file, "copy")
    assert exported("copy") == first


def test_beside_another_site_ids_move_up_and_leave_as_they_were(app: Flask, db_session: Session, file: Path) -> None:
    a_lively_site(app, db_session)
    file.write_text(first := exported())
    restored(file, "copy")
    again = exported("copy")
    assert again == first
    assert exported() == first, "and the other site is untouched"
    copy = Site.with_key("copy")
    assert copy
    rule = db.session.scalars(select(Rule).where(Rule.site_id == copy.id, Rule.subject == Subject.AUTHOR)).one()
    assert Author.of_site(copy, int(rule.value)), "author rules follow the author"
    db.session.rollback()
    Reader(app.test_client(), site="copy").post("after all that", accepted="2026-11")
    assert the_comment(db_session, "after all that").site_id == copy.id
    assert restored(file, "copy").counts.as_json()["unchanged"] == 8


def test_a_run_that_was_cut_off_goes_on(app: Flask, db_session: Session, elsewhere: Flask, file: Path) -> None:
    a_lively_site(app, db_session)
    whole = exported()
    with elsewhere.app_context():
        lines = whole.splitlines(keepends=True)
        for cut in (len(lines) // 2, len(lines) - 1):
            file.write_text("".join(lines[:cut]))
            with pytest.raises(TruncatedFile):
                restored(file)
            db.session.rollback()
            site = Site.with_key("paper")
            assert site and not site.open, "no writes may come in between"
        file.write_text(whole[:-20])
        with pytest.raises(TruncatedFile):
            restored(file)
        db.session.rollback()
        file.write_text(whole)
        restored(file)
        assert exported() == whole


def test_readers_write_on_after_it_has_come_in(app: Flask, db_session: Session, elsewhere: Flask, file: Path) -> None:
    a_lively_site(app, db_session)
    file.write_text(exported())
    with elsewhere.app_context():
        restored(file)
        last = db.session.scalar(select(Comment.id).order_by(Comment.id.desc()))
        db.session.rollback()
    answer = Reader(elsewhere.test_client()).post("new here", accepted="2026-11")
    assert answer.status_code == 201
    with elsewhere.app_context():
        assert the_comment(db.session(), "new here").id > (last or 0)


def test_it_stays_out_of_a_site_that_others_use(app: Flask, db_session: Session, file: Path) -> None:
    a_lively_site(app, db_session)
    file.write_text(exported())
    a_site(db_session, "other")
    Reader(app.test_client(), site="other").post("ours")
    before = exported("other")
    with pytest.raises(UnreadableFile, match="already has comments"):
        restored(file, "other")
    db.session.rollback()
    assert exported("other") == before


# Hostile content


def spoiled(text: str, kind: str, **changes: Any) -> str:
    """The archive with changed values in the first line of a kind."""
    lines = text.splitlines()
    at = next(number for number, line in enumerate(lines) if json.loads(line).get("type") == kind)
    lines[at] = json.dumps(json.loads(lines[at]) | changes)
    return "\n".join(lines) + "\n"


MISFITS: list[tuple[str, dict[str, Any]]] = [
    ("comment", {"status": "published"}),
    ("comment", {"created_at": "yesterday"}),
    ("comment", {"id": 2**43}),
    ("comment", {"id": -1}),
    ("comment", {"id": True}),
    ("comment", {"thread_id": 999}),
    ("comment", {"author_id": None}),
    ("comment", {"name": "x" * 401}),
    ("comment", {"body": None}),
    ("comment", {"reasons": {}}),
    ("comment", {"score": "high"}),
    ("comment", {"lane": 9}),
    ("thread", {"url": "javascript:alert(1)"}),
    ("thread", {"key": "x" * 2101}),
    ("author", {"email": ["a"]}),
    ("decision", {"to_status": "open"}),
    ("decision", {"version": 2**31}),
    ("comment", {"version": 2**30}),
    ("comment", {"score": 1.5}),
    ("comment", {"score": 10**400}),
    ("comment", {"features": {"seconds": "soon"}}),
    ("comment", {"features": {"approved": 10**400}}),
    ("comment", {"features": {"mood": 1}}),
    ("thread", {"version": 2**31 - 1}),
    ("thread", {"named_by": 9}),
    ("thread", {"state": "ajar"}),
    ("thread_change", {"to_state": "ajar"}),
    ("thread_change", {"thread_id": 999}),
    ("comment", {"badge": "x" * 41}),
    ("rule", {"subject": "pattern", "value": "("}),
    ("rule", {"subject": "pattern", "value": "x*"}),
    ("rule", {"subject": "word", "value": "*"}),
    ("rule", {"subject": "address", "value": "nowhere"}),
    ("rule", {"subject": "email", "value": "nobody"}),
    ("rule", {"subject": "link_domain", "value": "localhost"}),
    ("rule", {"subject": "moon"}),
    ("rule", {"value": "nobody", "subject": "author"}),
    ("rule", {"value": "", "subject": "author"}),
    ("revision", {"comment_id": 12345}),
    ("revision", {"type": "site"}),
    ("revision", {"type": ["site"]}),
    ("thread_alias", {"thread_id": 2**70}),
]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_line_that_cannot_be_is_named_and_left_out(app: Flask, db_session: Session, file: Path) -> None:
    a_lively_site(app, db_session)
    text = exported()
    for number, (kind, changes) in enumerate(MISFITS):
        file.write_text(spoiled(text, kind, **changes))
        counts = restored(file, f"copy-{number}").counts
        first = counts.skips[0]
        assert first.reason and first.line, (kind, changes)
        assert counts.expected == counts.imported.total() + len(counts.skips), (kind, changes)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_checker_comes_back_off_without_its_secret_and_with_no_address_of_this_machine(
    app: Flask, db_session: Session, file: Path
) -> None:
    a_lively_site(app, db_session)
    secret = db_session.query(Checker).one().secret
    db_session.rollback()
    text = exported()
    assert secret not in text and "canary" not in text and "https://model.example/" in text
    for url, kept in (("https://model.example/", "https://model.example/"), ("http://127.0.0.1:9/", "")):
        file.write_text(spoiled(text, "checker", url=url))
        key = f"copy-{len(url)}"
        restored(file, key)
        (checker,) = Checker.of_site(Site.with_key(key) or Site())
        assert (checker.mode, checker.secret, checker.threshold) == (Mode.OFF, "", 70)
        assert (checker.url, checker.langs) == (kept, ["ja"])


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_subscriptions_come_back_without_the_key_and_with_checked_lines(
    app: Flask, db_session: Session, file: Path
) -> None:
    site = a_lively_site(app, db_session)
    published = list_publishing.change(site, is_on=True, words=True, domains=True, by=Who.OPERATOR)
    db_session.query(ListLine).filter_by(value="casino").one().state = LineState.IGNORED
    db_session.commit()
    text = exported()
    assert published.key not in text and published.list_id not in text
    db_session.rollback()
    file.write_text(text)
    restored(file, "copy")
    (copy,) = ListSubscription.of_site(Site.with_key("copy") or Site())
    assert (copy.name, copy.effect, copy.url) == ("News", "hold", "https://news.example/list.json")
    assert {line.value: line.state for line in ListLine.of(copy)} == {"casino": "ignored", "poker": "active"}
    for number, evil in enumerate([{"value": "*a*"}, {"value": "a\u0000b"}, {"subject": "email"}, {"state": "x"}]):
        file.write_text(spoiled(text, "list_line", **evil))
        restored(file, f"bad-{number}")
        (bad,) = ListSubscription.of_site(Site.with_key(f"bad-{number}") or Site())
        assert len(ListLine.of(bad)) == 1, evil
    refused = {"own": 2, "<unknown>": 1}
    file.write_text(spoiled(text, "list_subscription", url="http://127.0.0.1:9/", refused=refused))
    restored(file, "local")
    (local,) = ListSubscription.of_site(Site.with_key("local") or Site())
    assert local.url == "" and local.refused == {"own": 2}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_imported_text_is_shown_safely(app: Flask, db_session: Session, elsewhere: Flask, file: Path) -> None:
    a_lively_site(app, db_session)
    evil = {"html": "<img src=x onerror=alert(1)>hello<script>alert(2)</script>", "website": "javascript:alert(3)"}
    evil |= {"name": "\u202eevil\x00", "reasons": [*NO_REASONS, {"check": "hold_all", "verdict": "hold"}]}
    file.write_text(spoiled(exported(), "comment", **evil))
    with elsewhere.app_context():
        restored(file)
        comment = db.session.get_one(Comment, 1)
        assert comment.html == "<p>hello</p>"
        assert (comment.website, comment.name) == ("", "evil")
        assert comment.reasons == [{"check": "hold_all", "verdict": "hold"}]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_no_page_of_the_desk_breaks_after_a_hostile_archive(app: Flask, db_session: Session, file: Path) -> None:
    site = a_lively_site(app, db_session)
    text = exported()
    evil = {"address": "nowhere", "cluster": "zz.1", "reasons": [*NO_REASONS, {"check": "x", "verdict": "hold"}]}
    file.write_text(spoiled(text, "comment", **evil, status="pending", lane=2, features={"seconds": 3}))
    restored(file, "copy")
    copy = Site.with_key("copy")
    assert copy
    owner = db.session.scalars(select(Moderator)).one()
    owner.memberships.append(Membership(site=copy, role=Role.OWNER))
    id = db.session.scalars(select(Comment.id).where(Comment.site_id == copy.id).order_by(Comment.id)).first()
    db.session.commit()
    desk = at_the_desk(app)
    for path in ("/moderate/?lane=2", f"/moderate/comments/{id}/block", "/moderate/search?q=words", "/moderate/log"):
        assert desk.get(path).status_code == 200, path
    token = hidden(desk.get("/moderate/log"), "csrf_token")
    tried = {"csrf_token": token, "subject": "address", "value": "192.0.2.0/24", "effect": "hold", "try": "1"}
    assert desk.post("/sites/copy/rules", data=tried).status_code == 200
    for status in ("approved", "spam", "pending"):
        seen = db.session.scalars(select(Comment.version).where(Comment.id == id)).one()
        db.session.rollback()
        fields = {"csrf_token": token, "status": status, "seen": seen}
        assert desk.post(f"/moderate/comments/{id}/decisions", data=fields).status_code == 303, status
    assert site.key == "paper"


NO_REASONS: list[Any] = [
    {"check": "links"},
    "x",
    5,
    {"check": "x"},
    {"check": ["x"], "verdict": "hold"},
    {"check": "x", "verdict": "maybe"},
    {"check": "x", "verdict": ["hold"]},
    {"check": "x", "verdict": "hold", "found": 5},
    {"check": "x", "verdict": "hold", "found": [["a"]]},
    {"check": "words", "verdict": "hold", "found": "a"},
    {"check": "score", "verdict": "pass", "score": "x", "band": "spam", "signals": []},
    {"check": "score", "verdict": "pass", "score": 0.9, "band": "x", "signals": []},
    {"check": "score", "verdict": "pass", "score": 0.9, "band": "spam", "signals": [["word", "x"]]},
    {"check": "score", "verdict": "pass", "score": 0.9, "band": "spam", "signals": [["links", "x", 1.0, 0, 1]]},
    {"check": "copies", "verdict": "pass", "count": "x", "spam": 0},
    {"check": "copies", "verdict": "pass", "count": 3, "spam": "x"},
    {"check": "script", "verdict": "pass", "script": "latin", "lang": 5},
]
# Keyed hashes that cannot be recomputed, but can be compared.
OPAQUE = {"report": ("reporter_index",)}
HEAD = '{"format": "kaiwa", "version": 1, "tables": {}}\n'
NO_ARCHIVES = (
    "",
    "{}\n",
    "[]\n",
    "not json\n",
    '{"format": "kaiwa", "version": 2, "tables": {}}\n',
    '{"format": "kaiwa", "version": 1, "tables": {"comment": {"rows": 1, "highest": 1e99}}}\n',
    HEAD + '{"type": "site", "name": 5}\n',
    HEAD + '{"type": "comment"}\n',
    "[" * 100_000 + "\n",
    '{"format": "kaiwa", "version": 1, "tables": ' + "[" * 1_000_000,
)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_invalid_archives_are_refused(app: Flask, db_session: Session, file: Path) -> None:
    a_lively_site(app, db_session)
    text = exported()
    settings = (
        {"timezone": "Mars"},
        {"page_size": 0},
        {"max_depth": 999},
        {"origins": ["x"]},
        {"lang": "xx"},
        {"avatar_key": "abc"},
        {"keep_spam_days": 2**31 - 1},
        {"reason_texts": ["x"]},
        {"reason_texts": {"x": {"en": "x"}}},
        {"reason_texts": {"spam": {"en": 5}}},
        {"reason_texts": {"spam": {"en": "x" * 5_000}}},
    )
    for bad in (*NO_ARCHIVES, *(spoiled(text, "site", **changes) for changes in settings)):
        file.write_text(bad)
        with pytest.raises(UnreadableFile):
            restored(file, "copy")
        db.session.rollback()
        assert Site.with_key("copy") is None, bad[:80]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_an_archive_creates_no_moderator(app: Flask, db_session: Session, elsewhere: Flask, file: Path) -> None:
    a_lively_site(app, db_session)
    file.write_text(spoiled(exported(), "moderator", email="mallory@evil.example", role="owner", password_hash="x"))
    with elsewhere.app_context():
        restored(file)
        assert db.session.query(Membership).count() == 0
        assert db.session.query(Moderator).one().password_hash == "!"


# The declaration


def test_every_column_of_every_table_is_archived_or_left_out_for_a_reason(app: Flask) -> None:
    kept = {each.name: each for each in archive.TABLES}
    for table in db.metadata.sorted_tables:
        if table.name == "site":
            assert archive.SITE_LEFT_OUT.keys() <= set(table.columns.keys())
            continue
        if table.name in archive.LEFT_OUT:
            assert archive.LEFT_OUT[table.name] and table.name not in kept
            continue
        assert table.name in kept, f"{table.name} is neither in TABLES nor in LEFT_OUT of app/transfer/archive.py"
        each = kept[table.name]
        assert each.left_out.keys() <= set(table.columns.keys()), f"{table.name} leaves out what it does not have"
        assert all(each.left_out.values())
        for column in each.columns:
            told = f"say what the archive does with {table.name}.{column.name}: app/transfer/archive.py"
            keyed = column.name.endswith(("_index", "_key", "_hash", "_token", "_secret"))
            assert not keyed or column.name in OPAQUE.get(table.name, ()), told
            leads_to = archive.reference(column)
            assert leads_to is None or leads_to in kept or leads_to == "moderator", told


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("name", ["wxr/wp-theme-test-data-ja.xml", "isso/isso-wp-theme-test-data-ja.db"])
def test_imported_comments_stay_unchanged(
    app: Flask, db_session: Session, file: Path, real_exports: Path, name: str
) -> None:
    a_site(db_session)
    done = app.test_cli_runner().invoke(args=["import", str(real_exports / name), "--site", "paper", "--json"])
    assert done.exit_code == 0, done.output
    file.write_text(first := exported())
    report = restored(file, "copy").counts.as_json()
    assert report["imported"] == json.loads(done.stdout)["imported"] > 0
    assert (exported("copy"), report["skips"]) == (first, [])
