"""Tanaka makes a rule, tries it on past comments, and ends it; other comments are unaffected."""

import json
import random
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.errors import Refused
from app.extensions import db
from app.lib.clock import now
from app.models import Author, Comment, Effect, Role, Rule, Site, Status, Subject
from app.screening import rulebook as rulebook_module
from app.screening import rules
from app.screening.rulebook import rulebook
from tests.cast import a_moderator, a_site
from tests.desk.test_queue import thread_of, written
from tests.growth import grows_straight, seconds
from tests.statements import recorded


def stands(site: Site, subject: Subject, value: str, effect: Effect = Effect.HOLD, **more) -> Rule:
    (made,) = rules.create([rules.draft(site, subject, effect, value, **more)])
    return made


def by(site: Site, email: str = "", **fields) -> Comment:
    author = Author(site=site, id=fields.pop("author_id", 7))
    author.update_typed(name="Hanako", email=email, website="")
    given = {"body": "hello", "name": "Hanako", "website": "", "address": ""} | fields
    return Comment(site=site, author=author, author_id=author.id, **given)


def met(site: Site, comment: Comment) -> list[tuple[str, str]]:
    return [(hit.rule.value, hit.found) for hit in rulebook(site).match(comment)]


@pytest.mark.parametrize(
    ("subject", "value", "meets", "leaves"),
    [
        (Subject.WORD, "ばか", {"body": "このﾊﾞｶめ"}, {"body": "場所"}),
        (Subject.WORD, "viagra", {"name": "V i a g r a"}, {"body": "via Grace"}),
        (Subject.PATTERN, r"\d{3}-\d{4}", {"body": "０９０-1234"}, {"body": "090 1234"}),
        (Subject.LINK_DOMAIN, "https://www.Spam.example/x", {"body": "見てhttp://a.spam.example/を"}, {"body": "spam"}),
        (Subject.LINK_DOMAIN, "spam.example", {"body": "spam.example で検索"}, {"body": "https://notspam.example"}),
        (Subject.LINK_DOMAIN, "*.日本語.jp", {"body": "https://日本語.jp"}, {"body": "https://日本.jp"}),
        (Subject.LINK_DOMAIN, "spam.example", {"website": "https://spam.example"}, {"website": "https://example"}),
        (Subject.EMAIL, "Bob@Spam.example", {"email": "bob@spam.EXAMPLE"}, {"email": "bob2@spam.example"}),
        (Subject.EMAIL_DOMAIN, "@spam.example", {"email": "a@b.spam.example"}, {"email": "a@aspam.example"}),
        (Subject.ADDRESS, "192.0.2.77", {"address": "192.0.2.0/24"}, {"address": "192.0.3.0/24"}),
        (Subject.ADDRESS, "192.0.0.0/16", {"address": "192.0.2.0/24"}, {"address": "2001:db8::/56"}),
        (Subject.ADDRESS, "2001:db8::/32", {"address": "2001:db8:1:200::/56"}, {"address": "192.0.2.0/24"}),
        (Subject.ADDRESS, "::ffff:192.0.2.7", {"address": "192.0.2.0/24"}, {"address": "2001:db8::/56"}),
    ],
)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_rule_meets_what_it_is_about_and_nothing_else(
    db_session: Session, paper: Site, subject: Subject, value: str, meets: dict, leaves: dict
) -> None:
    rule = stands(paper, subject, value)
    assert [value for value, _found in met(paper, by(paper, **meets))] == [rule.value]
    assert met(paper, by(paper, **leaves)) == []


def test_an_author_rule_matches_that_author_only(db_session: Session, paper: Site) -> None:
    bob, carol = Author(site=paper), Author(site=paper)
    db_session.add_all([bob, carol])
    db_session.flush()
    stands(paper, Subject.AUTHOR, str(bob.id), Effect.SPAM)
    assert met(paper, by(paper, author_id=bob.id)) == [(str(bob.id), "")]
    assert met(paper, by(paper, author_id=carol.id)) == []
    with pytest.raises(Refused, match="no_author"):
        rules.draft(a_site(db_session, "other"), Subject.AUTHOR, Effect.SPAM, str(bob.id))


@pytest.mark.parametrize(
    ("subject", "effect", "value", "code"),
    [
        (Subject.WORD, Effect.HOLD, " ** ", "bad_word"),
        (Subject.WORD, Effect.HOLD, "x" * 201, "bad_word"),
        (Subject.PATTERN, Effect.HOLD, "(", "bad_pattern"),
        (Subject.PATTERN, Effect.HOLD, ".*", "bad_pattern"),
        (Subject.LINK_DOMAIN, Effect.HOLD, "spam", "bad_domain"),
        (Subject.LINK_DOMAIN, Effect.HOLD, "com", "bad_domain"),
        (Subject.EMAIL, Effect.SPAM, "bob", "bad_email"),
        (Subject.EMAIL, Effect.ALLOW, "bob@readers.example", "bad_effect"),
        (Subject.EMAIL_DOMAIN, Effect.ALLOW, "readers.example", "bad_effect"),
        (Subject.ADDRESS, Effect.SPAM, "192.0.2", "bad_address"),
        (Subject.ADDRESS, Effect.SPAM, "0.0.0.0/0", "wide_address"),
        (Subject.AUTHOR, Effect.SPAM, "²", "no_author"),
        (Subject.AUTHOR, Effect.SPAM, "9" * 30, "no_author"),
    ],
)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_rule_that_cannot_work_is_refused_with_a_sentence(
    db_session: Session, paper: Site, subject: Subject, effect: Effect, value: str, code: str
) -> None:
    with pytest.raises(Refused, match=code) as no:
        rules.draft(paper, subject, effect, value)
    assert no.value.sentence and no.value.field


def test_an_exception_takes_back_what_stands_inside_it(db_session: Session, paper: Site) -> None:
    stands(paper, Subject.WORD, "ばか")
    stands(paper, Subject.WORD, "そればかり", Effect.ALLOW)
    assert met(paper, by(paper, body="そればかり")) == []
    assert met(paper, by(paper, body="そればかり、バカ")) == [("ばか", "バカ")]


def test_a_second_rule_about_the_same_takes_the_place_of_the_first(db_session: Session, paper: Site) -> None:
    alice = a_moderator(db_session, paper, role=Role.ADMIN)
    first = stands(paper, Subject.WORD, "バカ")
    assert stands(paper, Subject.WORD, "ﾊﾞｶ") is first
    (second,) = rules.create([rules.draft(paper, Subject.WORD, Effect.REJECT, "ばか")], by=alice)
    assert Rule.standing(paper) == [second]
    assert (first.ended_by_id, second.made_by_id) == (alice.id, alice.id)


def test_rule_changes_apply_from_the_next_comment_on(db_session: Session, paper: Site) -> None:
    comment = by(paper, body="troll")
    assert met(paper, comment) == []
    rule = stands(paper, Subject.WORD, "troll")
    assert met(paper, comment) == [("troll", "troll")]
    rules.end(rule)
    assert met(paper, comment) == []


def test_a_rule_ends_by_itself_at_its_moment(db_session: Session, paper: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    soon = now() + timedelta(days=1)
    stands(paper, Subject.WORD, "troll", expires_at=soon)
    assert met(paper, by(paper, body="troll"))
    for module in (rulebook_module, __import__("app.models.rule", fromlist=["now"])):
        monkeypatch.setattr(module, "now", lambda: soon)
    assert met(paper, by(paper, body="troll")) == []
    with pytest.raises(Refused, match="bad_expiry"):
        rules.draft(paper, Subject.WORD, Effect.HOLD, "troll", expires_at=now() - timedelta(1))


def test_known_rules_cost_a_comment_no_question(db_session: Session, paper: Site) -> None:
    stands(paper, Subject.WORD, "troll")
    rulebook(paper)
    comment = by(paper, body="troll", email="bob@readers.example", address="192.0.2.0/24")
    with recorded(db.engine) as asked:
        assert met(paper, comment)
    assert asked == []


def test_rules_are_of_one_site(db_session: Session, paper: Site) -> None:
    stands(paper, Subject.WORD, "troll")
    other = a_site(db_session, "other")
    assert met(other, by(other, body="troll")) == []


def test_a_dry_run_tells_which_past_comments_a_rule_would_have_met(db_session: Session, paper: Site) -> None:
    thread = thread_of(db_session, paper)
    first = written(db_session, thread, "you troll")
    written(db_session, thread, "no word of it")
    last = written(db_session, thread, "ＴＲＯＬＬ!", status=Status.APPROVED)
    written(db_session, thread, "troll, withdrawn", status=Status.DELETED)
    written(db_session, thread_of(db_session, a_site(db_session, "other")), "troll")
    draft = rules.draft(paper, Subject.WORD, Effect.ALLOW, "troll")
    done = rules.dry_run(draft)
    assert [comment for comment, _hits in done.touched] == [last, first]
    assert (done.looked_at, dict(done.by_status)) == (3, {"pending": 1, "approved": 1})
    assert rules.dry_run(draft, among=2).looked_at == 2
    assert db_session.query(Rule).count() == 0


def test_the_trial_of_a_slow_pattern_ends_and_says_how_far_it_came(
    db_session: Session, paper: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread = thread_of(db_session, paper)
    for number in range(9):
        written(db_session, thread, f"number {number}")
    ticks = count(step=rules.PATTERN_SECONDS / 3)
    monkeypatch.setattr(rules, "monotonic", lambda: next(ticks))
    tried = rules.dry_run(rules.draft(paper, Subject.PATTERN, Effect.HOLD, "n.mber"))
    assert (tried.looked_at, len(tried.touched)) == (3, 3), "the newest three"
    assert rules.dry_run(rules.draft(paper, Subject.WORD, Effect.HOLD, "number")).looked_at == 9


def test_a_block_is_tried_on_everything_that_its_author_wrote(db_session: Session, paper: Site) -> None:
    thread, bob = thread_of(db_session, paper), Author(site=paper, name="Bob")
    bob.update_typed(name="Bob", email="bob@spam.example", website="")
    old = written(db_session, thread, "old", author=bob)
    for number in range(3):
        written(db_session, thread, str(number))
    for subject, value in ((Subject.AUTHOR, str(bob.id)), (Subject.EMAIL, "BOB@spam.example")):
        done = rules.dry_run(rules.draft(paper, subject, Effect.SPAM, value), among=2)
        assert [comment for comment, _hits in done.touched] == [old]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_hundred_times_the_words_take_hardly_longer(db_session: Session, paper: Site) -> None:
    """Ten thousand words are matched by n-grams, not in sequence; independent of the machine."""
    cast = random.Random(3)
    kanji = [chr(cast.randint(0x4E00, 0x9FA0)) for _ in range(500)]
    listed = list(dict.fromkeys("".join(cast.choices(kanji, k=cast.randint(2, 6))) for _ in range(10_000)))
    comment = by(paper, body="".join(cast.choices([*kanji, "。"], k=20_000)))
    few, many = _book(listed[:100]), _book(listed)
    assert many.match(comment)
    assert seconds(many.match, comment) < 5 * seconds(few.match, comment)


def _book(words: list[str]) -> rulebook_module.Rulebook:
    return rulebook_module.Rulebook(
        rulebook_module.ActiveRule(at, Subject.WORD, Effect.HOLD, word, word) for at, word in enumerate(words)
    )


@pytest.mark.parametrize("text", ["a" * 20_000, "a." * 10_000, "www." * 5_000, "http://a.b " * 1_800, "-" * 20_000])
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_no_text_makes_the_search_for_hosts_slow(db_session: Session, paper: Site, text: str) -> None:
    stands(paper, Subject.LINK_DOMAIN, "spam.example")
    book = rulebook(paper)
    assert grows_straight(lambda part: book.match(by(paper, body=part)), text)


def test_the_operator_makes_lists_tries_and_ends_rules(
    app: Flask, db_session: Session, paper: Site, tmp_path: Path
) -> None:
    thread = thread_of(db_session, paper)
    written(db_session, thread, "you troll")

    def run(*command: str) -> str:
        done = app.test_cli_runner().invoke(args=["rule", *command])
        assert done.exit_code == 0, done.output
        return done.output

    tried = json.loads(run("add", "paper", "word", "troll", "--dry-run", "--json"))
    assert (tried["looked_at"], tried["touched"], len(tried["comments"])) == (1, 1, 1)
    assert "you troll" in run("add", "paper", "word", "troll", "--dry-run")
    made = json.loads(run("add", "paper", "address", "192.0.2.9", "--effect", "spam", "--days", "3", "--json"))
    assert (made["value"], made["effect"]) == ("192.0.2.0/24", "spam")
    words = tmp_path / "words.txt"
    words.write_text("\ufefftroll\n\nバカ\nﾊﾞｶ\n*\n", encoding="utf-8")
    told = json.loads(run("import", "paper", str(words), "--effect", "reject", "--json"))
    assert (told["added"], told["unchanged"], [each["line"] for each in told["refused"]]) == (2, 0, [5])
    assert "0 added, 2 unchanged, 1 refused" in run("import", "paper", str(words), "--effect", "reject")
    assert [each["value"] for each in json.loads(run("list", "paper", "--json"))] == ["192.0.2.0/24", "troll", "バカ"]
    assert "ended" in run("end", "paper", str(made["id"]))
    assert len(run("list", "paper").splitlines()) == 2
    refused = app.test_cli_runner().invoke(args=["rule", "add", "paper", "pattern", "("])
    assert refused.exit_code == 1
