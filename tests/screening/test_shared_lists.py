"""Shared lists: what a stranger's file may contain, what a site publishes, and how lines hold comments."""

import base64
import json
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, insert, update
from sqlalchemy.orm import Session

from app.extensions import db
from app.lib import signed_list
from app.lib.clock import now
from app.lib.signed_list import BadList, verify
from app.models import Comment, Effect, ListLine, ListSubscription, PublishedList, Rule, Site, Status, Subject, Thread
from app.models.audit import Who
from app.screening import list_file, list_publishing, list_trial, rules
from app.screening.case import Case
from app.screening.checks import CHECKS
from app.screening.list_file import Line, ListFile, Own
from tests.cast import a_moderator, a_site
from tests.desk.test_queue import thread_of, written
from tests.growth import MOST, seconds

OWN = Own("Paper", ("paper.example",), frozenset({"alice editor"}))
SOON = "2099-01-01T00:00:00Z"


def iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def content(entries: Sequence[Any], **more: Any) -> dict[str, Any]:
    head = {"format": "kaiwa-list", "version": 1, "id": "abc", "name": "News", "sequence": 1}
    times = {"issued": iso(now()), "expires": iso(now() + timedelta(days=30))}
    return head | times | {"entries": list(entries)} | more


def read(entries: Sequence[Any], **more: Any) -> ListFile:
    return list_file.read(json.dumps(content(entries, **more)).encode(), OWN)


def refusal(payload: bytes) -> str:
    with pytest.raises(BadList) as bad:
        list_file.read(payload, OWN)
    return bad.value.code


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ({"domain": "com"}, "suffix"),
        ({"domain": "co.jp"}, "suffix"),
        ({"domain": "COM."}, "suffix"),
        ({"domain": "github.io"}, "suffix"),
        ({"domain": "xn--p1ai"}, "suffix"),
        ({"domain": "kawasaki.jp"}, "suffix"),
        ({"domain": "any.kawasaki.jp"}, "suffix"),
        ({"domain": "個人.hk"}, "suffix"),
        ({"domain": "paper.example"}, "own"),
        ({"domain": "WWW.Paper.Example"}, "own"),
        ({"domain": "ｐａｐｅｒ。ｅｘａｍｐｌｅ"}, "own"),
        ({"domain": "a.paper.example"}, "own"),
        ({"domain": "https://bad.example/"}, "unreadable"),
        ({"domain": "user@bad.example"}, "unreadable"),
        ({"domain": "*.bad.example"}, "unreadable"),
        ({"domain": "bad.example:80"}, "unreadable"),
        ({"domain": "bad .example"}, "unreadable"),
        ({"domain": "bad\u0000.example"}, "unreadable"),
        ({"domain": "bad\u202e.example"}, "unreadable"),
        ({"domain": "a." * 5_000 + "example"}, "unreadable"),
        ({"domain": ""}, "unreadable"),
        ({"domain": "192.0.2.1"}, "person"),
        ({"domain": "0x7f.1"}, "person"),
        ({"word": "taro@readers.example"}, "person"),
        ({"word": "090-1234-5678"}, "person"),
        ({"word": "192.0.2.0/24"}, "person"),
        ({"word": "*Ａlice Editor*"}, "person"),
        ({"word": "2001:db8::/32"}, "person"),
        ({"word": "〒100-0001 東京都千代田区千代田1-1"}, "person"),
        ({"word": "x" * 10_000}, "unreadable"),
        ({"word": "casino\u001b[31m"}, "unreadable"),
        ({"word": "casi\u200bno"}, "unreadable"),
        ({"word": "a\ud800b"}, "unreadable"),
        ({"word": "\ue000\ue001\ue002"}, "unreadable"),
        ({"word": "**"}, "unreadable"),
        ({"word": "*a*"}, "broad"),
        ({"word": "ab"}, "broad"),
        ({"word": "の"}, "broad"),
        ({"word": ".co.jp"}, "broad"),
        ({"word": "blogspot.com"}, "broad"),
        ({"word": "the"}, "broad"),
        ({"word": "*ing*"}, "broad"),
        ({"word": "です"}, "broad"),
        ({"word": "ﾏｼﾀ"}, "broad"),
        ({"word": "*ない*"}, "broad"),
        ({"word": "https"}, "own"),
        ({"word": "www"}, "own"),
        ({"word": "*com*"}, "own"),
        ({"word": "paper"}, "own"),
        ({"pattern": "a+"}, "unknown"),
        ({"author": "7"}, "unknown"),
        ({"email": "taro@readers.example"}, "unknown"),
        ({"network": "192.0.2.0/24"}, "unknown"),
        ({"word": "casino", "domain": "bad.example"}, "unknown"),
        ({"word": 7}, "unknown"),
        ({"word": "casino", "expires": "soon"}, "unknown"),
        ({"word": "casino", "expires": "2020-01-01T00:00:00Z"}, "expired"),
        ("casino", "unknown"),
        (None, "unknown"),
    ],
)
def test_a_line_that_could_hold_everything_or_names_people_is_left_out(entry: Any, why: str) -> None:
    found = read([entry, {"word": "viagra", "note": "kept by nobody"}])
    assert [line.value for line in found.lines] == ["viagra"] and dict(found.refused) == {why: 1}


def test_words_and_domains_are_read_in_one_spelling_and_once() -> None:
    entries = [
        {"word": "casino"}, {"word": "ＣＡＳＩＮＯ"}, {"domain": "Bad.Example"}, {"domain": "www.bad.example."},
        {"domain": "аpple.example"}, {"word": "死ね", "expires": SOON}, {"domain": "city.kawasaki.jp"},
    ]  # fmt: skip
    found = read(entries)
    read_as = ["casino", "bad.example", "xn--pple-43d.example", "死ね", "city.kawasaki.jp"]
    assert [line.value for line in found.lines] == read_as
    # No line outlives its list.
    assert {line.expires_at for line in found.lines} == {found.expires_at}
    # They end together: with each end, all rules are compiled again.
    start = now().replace(minute=10, second=0, microsecond=0) + timedelta(days=1)
    found = read([{"word": f"casino{at}", "expires": iso(start + timedelta(seconds=at))} for at in range(90)])
    assert {line.expires_at for line in found.lines} == {start.replace(minute=0) + timedelta(hours=1)}


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"{}", "malformed"),
        (b"[]", "malformed"),
        (b'{"a":' * 5_000, "malformed"),
        (b"[" * 5_000, "malformed"),
        (json.dumps(content([])).replace('"version": 1', '"version": 1, "version": 1').encode(), "malformed"),
        (json.dumps(content([], sequence=0)).encode(), "malformed"),
        (json.dumps(content([], sequence=True)).encode(), "malformed"),
        (json.dumps(content([], sequence=1 << 60)).encode(), "malformed"),
        (b'{"sequence": ' + b"1" * 100_000 + b"}", "malformed"),
        (json.dumps(content([], id="a b")).encode(), "malformed"),
        (json.dumps(content([], name="News\u202e")).encode(), "malformed"),
        (json.dumps(content([], name="x" * 200)).encode(), "malformed"),
        (json.dumps(content([], issued="2026-01-01T00:00:00")).encode(), "malformed"),
        (json.dumps(content([], expires="9999-12-31T23:59:59-23:59")).encode(), "malformed"),
        (json.dumps(content([], expires=iso(now() - timedelta(seconds=1)))).encode(), "expired"),
        # However far the expiry, no list lasts longer than a year.
        (json.dumps(content([], issued=iso(now() - timedelta(days=400)), expires=SOON)).encode(), "expired"),
        (json.dumps(content([], issued=iso(now() + timedelta(days=3)), expires=SOON)).encode(), "future"),
        (json.dumps(content([{"word": "casino"}] * 5_001)).encode(), "too_many_lines"),
        (json.dumps(content([7] * 6_000)).encode(), "too_many_lines"),
        (b'{"entries":[' + b"{}," * 50_000 + b"{}]}", "too_many_lines"),
    ],
)
def test_a_file_that_is_no_valid_list_is_refused_as_a_whole(payload: bytes, code: str) -> None:
    assert refusal(payload) == code


def test_reading_takes_time_in_proportion_to_the_file() -> None:
    def cost(size: int) -> float:
        payload = json.dumps(content([{"word": f"casino{number} {'a' * 150}"} for number in range(size)])).encode()
        return seconds(list_file.read, payload, OWN)

    assert cost(160) < MOST * cost(20)


@pytest.fixture
def paper(db_session: Session) -> Site:
    return a_site(db_session, lang="en")


def stands(site: Site, subject: Subject, value: str, effect: Effect = Effect.HOLD, **more: Any) -> Rule:
    (made,) = rules.create([rules.draft(site, subject, effect, value, **more)])
    return made


def published(site: Site, **chosen: bool) -> dict[str, Any]:
    kinds = {"words": True, "domains": True} | chosen
    made = list_publishing.change(site, is_on=True, **kinds, by=Who.OPERATOR)
    key = list_publishing.public_key(made)
    found: dict[str, Any] = json.loads(verify(made.document.encode(), key).payload)
    return found


def values(given: dict[str, Any]) -> set[str]:
    return {each.get("word") or each["domain"] for each in given["entries"]}


def test_a_list_has_words_and_domains_and_never_people(paper: Site, db_session: Session) -> None:
    alice = a_moderator(db_session, paper, "alice")
    hanako, elodie = (by(paper, text, status=Status.APPROVED) for text in ("Hello", "Salut"))
    hanako.name, elodie.name = "Ｈanako Yamada", "ÉLODIE DURAND"
    # Joiners, which the reader of the file refuses.
    paper.name = "\U0001f469\u200d\U0001f680 Paper"
    paper.staff_names = ["Alice Editor"]
    db_session.flush()
    kinds = {
        Subject.WORD: "casino", Subject.PATTERN: r"secret\d+", Subject.LINK_DOMAIN: "bad.example",
        Subject.AUTHOR: str(hanako.author_id), Subject.EMAIL: "bob@readers.example",
        Subject.EMAIL_DOMAIN: "throwaway.example", Subject.ADDRESS: "192.0.2.0/24",
    }  # fmt: skip
    assert kinds.keys() == set(Subject)
    for subject, value in kinds.items():
        rules.create([rules.draft(paper, subject, Effect.HOLD, value, reason="Taro said so")], by=alice)
    people = ("*hanako yamada*", "Élodie Durand", "alice", "Alice Editor")
    for word in (*people, "taro@readers.example", "090-1234-5678", "198.51.100.0/24"):
        stands(paper, Subject.WORD, word)
    stands(paper, Subject.WORD, "goodword", Effect.ALLOW)
    stands(paper, Subject.LINK_DOMAIN, "203.0.113.9")
    stands(paper, Subject.WORD, "soon", Effect.SPAM, expires_at=now() + timedelta(days=2))
    given = published(paper)
    assert values(given) == {"casino", "bad.example", "soon"}
    assert given.keys() == {"format", "version", "id", "name", "sequence", "issued", "expires", "entries"}
    assert all(each.keys() <= {"word", "domain", "issued", "expires"} for each in given["entries"])
    soon = next(each for each in given["entries"] if each.get("word") == "soon")
    assert soon["expires"] < given["expires"]
    file = PublishedList.of_site(paper).document
    text = file + base64.b64decode(json.loads(file)["payload"] + "==", altchars=b"-_").decode()
    kept = ("readers.example", "192.0.2", "203.0.113", "throwaway", "goodword")
    for secret in ("Taro", "anako", "lodie", "Alice", "alice", *kept):
        assert secret not in text
    # The reader of the file accepts what this one writes.
    other = list_file.read(json.dumps(given).encode(), Own("Other", ("other.example",)))
    assert not other.refused and len(other.lines) == 3


def test_only_chosen_kinds_are_published_and_each_file_has_a_higher_number(paper: Site) -> None:
    word, domain = stands(paper, Subject.WORD, "casino"), stands(paper, Subject.LINK_DOMAIN, "bad.example")
    assert PublishedList.of_site(paper) is None
    assert values(published(paper, domains=False)) == {"casino"}
    assert values(first := published(paper)) == {"casino", "bad.example"}
    list_publishing.share(word, is_shared=False, by=Who.OPERATOR)
    found = PublishedList.of_site(paper)
    second = json.loads(verify(found.document.encode()).payload)
    assert values(second) == {"bad.example"} and second["sequence"] > first["sequence"] and second["id"] == first["id"]
    assert list(list_publishing.reissue_due()) == []
    rules.end(domain)
    assert list(list_publishing.reissue_due()) == [found] and found.lines == 0
    found.issued_at = now() - timedelta(days=1, seconds=1)
    assert list(list_publishing.reissue_due()) == [found]
    list_publishing.change(paper, is_on=False, words=True, domains=False, by=Who.OPERATOR)
    assert found.document == "" and list(list_publishing.reissue_due()) == []


def test_the_old_key_confirms_the_new_one(paper: Site) -> None:
    published(paper)
    found = PublishedList.of_site(paper)
    keys = [list_publishing.public_key(found)]
    for _time in range(2):
        list_publishing.change_key(found, by=Who.OPERATOR)
        keys.append(list_publishing.public_key(found))
    assert len(set(keys)) == 3
    assert all(verify(found.document.encode(), key).key == keys[-1] for key in keys)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_key_that_is_replaced_twice_at_once_is_followed_twice(paper: Site) -> None:
    """On PostgreSQL both requests have read the first key; SQLite's writers read one after the other."""
    published(paper)
    db.session.commit()
    found, new = PublishedList.of_site(paper), signed_list.new_key()
    public = signed_list.public_key_of(new)
    by_another = {"key": new, "changes": [signed_list.change_key(found.key, public)], "sequence": found.sequence + 9}
    with db.engine.begin() as other:
        other.execute(update(PublishedList.__table__).values(by_another))
    list_publishing.change_key(found, by=Who.OPERATOR)
    assert verify(found.document.encode(), public).key == list_publishing.public_key(found) != public
    assert found.sequence > by_another["sequence"]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_list_that_is_published_twice_at_once_is_one(paper: Site) -> None:
    db.session.commit()
    first = [{"site_id": paper.id, "list_id": "first"}]

    def add_before(_connection: Any, _cursor: Any, text: str, *_more: Any) -> None:
        if first and text.startswith("INSERT INTO published_list"):
            with db.engine.begin() as other:
                other.execute(insert(PublishedList).values(first.pop()))

    event.listen(db.engine, "before_cursor_execute", add_before)
    try:
        assert published(paper)["id"] == "first"
    finally:
        event.remove(db.engine, "before_cursor_execute", add_before)


def test_numbers_go_on_after_a_backup_was_restored(paper: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    word, first = stands(paper, Subject.WORD, "casino"), published(paper)
    PublishedList.of_site(paper).sequence = 1
    monkeypatch.setattr(list_publishing, "now", lambda: now() + timedelta(minutes=10))
    list_publishing.share(word, is_shared=False, by=Who.OPERATOR)
    assert PublishedList.of_site(paper).sequence > first["sequence"] + 1


def subscribed(site: Site, *lines: tuple[Subject, str], effect: Effect = Effect.HOLD, name: str = "News") -> str:
    subscription = ListSubscription(
        site=site, ref=name.lower(), name=name, url=f"https://{name}.example/", key="k" * 43, effect=effect
    )
    db.session.add(subscription)
    db.session.flush()
    for subject, value in lines:
        row = {"site_id": site.id, "subscription_id": subscription.id, "subject": subject, "value": value}
        db.session.add(ListLine(**row, expires_at=now() + timedelta(days=1)))
    site.rules_version += 1
    db.session.commit()
    return subscription.ref


def by(site: Site, body: str, **more: Any) -> Comment:
    """Hanako's comment on the site's page."""
    thread = db.session.query(Thread).filter_by(site=site).first() or thread_of(db.session, site)
    return written(db.session, thread, body, **more)


def verdicts(site: Site, comment: Comment, **more: Any) -> dict[str, Any]:
    case = Case(site, comment, proven=more.pop("proven", False), **more)
    return {each.check: each for check in CHECKS if (each := check(case)) and each.check != "score"}


WORD, DOMAIN = (Subject.WORD, "casino"), (Subject.LINK_DOMAIN, "bad.example")


def test_a_line_holds_and_the_reason_names_the_list(paper: Site) -> None:
    subscribed(paper, WORD, DOMAIN)
    found = verdicts(paper, by(paper, "Best C a s i n o at https://shop.bad.example/"))["listed"].as_reason()
    assert found["verdict"] == "hold" and found["lists"] == [{"ref": "news", "name": "News", "verdict": "hold"}]
    assert found["found"] == ["C a s i n o", "https://shop.bad.example/"]
    assert "listed" not in verdicts(paper, by(paper, "casinos and notbad.example"))
    other = a_site(db.session, "other", lang="en", origins=["https://other.example"])
    assert verdicts(other, by(other, "casino")) == {}


def test_the_strictest_list_counts_and_never_more_than_the_site_allows(paper: Site) -> None:
    subscribed(paper, WORD)
    subscribed(paper, WORD, effect=Effect.SPAM, name="Strict")
    comment = by(paper, "casino")
    found = verdicts(paper, comment)["listed"]
    assert found.verdict.name == "SPAM" and [each["name"] for each in found.details["lists"]] == ["News", "Strict"]
    paper.hold_blocked = True
    assert verdicts(paper, comment)["listed"].verdict.name == "HOLD"


def test_the_sites_own_rules_come_first(paper: Site) -> None:
    subscribed(paper, WORD, DOMAIN, effect=Effect.SPAM)
    comment = by(paper, "casino and https://bad.example")
    assert verdicts(paper, comment)["listed"].verdict.name == "SPAM"
    stands(paper, Subject.WORD, "Casino", Effect.ALLOW)
    assert verdicts(paper, comment)["listed"].details["found"] == ["https://bad.example"]
    allowed = stands(paper, Subject.LINK_DOMAIN, "bad.example", Effect.ALLOW)
    assert "listed" not in verdicts(paper, comment)
    rules.end(allowed)
    stands(paper, Subject.LINK_DOMAIN, "bad.example", Effect.HOLD)
    found = verdicts(paper, comment)
    assert "listed" not in found and found["watched"].verdict.name == "HOLD"
    assert "blocked" not in found


def test_a_trusted_author_is_not_held_by_a_list(paper: Site) -> None:
    subscribed(paper, WORD)
    comment = by(paper, "casino")
    stands(paper, Subject.AUTHOR, str(comment.author_id), Effect.ALLOW)
    assert "listed" in verdicts(paper, comment) and "listed" not in verdicts(paper, comment, proven=True)


def test_a_repeated_word_of_a_list_hides_no_own_rule(paper: Site) -> None:
    subscribed(paper, WORD)
    stands(paper, Subject.WORD, "viagra", Effect.SPAM)
    assert verdicts(paper, by(paper, "casino " * 400 + "viagra"))["words"].verdict.name == "SPAM"
    subscribed(paper, (Subject.WORD, "*aaa*"), (Subject.WORD, "*aaaa*"), name="Long")
    found = verdicts(paper, by(paper, "a" * 12_000 + " viagra"))
    assert found["words"].verdict.name == "SPAM" and found["listed"].details["found"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_trial_finds_each_line_that_would_have_hit_a_published_comment(paper: Site) -> None:
    for body in ("casino " * 300, "My shop: bad.example", "nothing"):
        by(paper, body, status=Status.APPROVED)
    by(paper, "poker", status=Status.SPAM)
    texts = [(Subject.WORD, word) for word in ("casino", "nothing", "poker", "absent")] + [DOMAIN]
    lines = [Line(subject, value, now()) for subject, value in texts]
    done = list_trial.try_lines(list_trial.published(paper.id), lines)
    assert {key[1] for key in done.hits} == {"False" + "Falsecasino", "FalseFalsenothing", "bad.example"}
    assert done.looked_at == 3 and done.is_complete


def test_a_trial_that_ends_early_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(list_trial, "TRIAL_SECONDS", -1.0)
    done = list_trial.try_lines([Comment(body="casino", name="", website="")], [Line(Subject.WORD, "casino", now())])
    assert not done.is_complete and not done.hits


def test_the_example_program_signs_a_file_that_is_accepted(tmp_path: Path) -> None:
    program = Path(__file__).parents[2] / "examples/lists/sign_list.py"
    call = [sys.executable, str(program), str(tmp_path / "key"), "7", "Example News"]
    done = subprocess.run(call, input="word casino\ndomain bad.example\n", text=True, capture_output=True, check=True)
    key, fingerprint = (line.split(": ")[1] for line in done.stderr.splitlines())
    signed = verify(done.stdout.encode(), key)
    found = list_file.read(signed.payload, OWN)
    assert (found.name, found.sequence, found.refused) == ("Example News", 7, {})
    assert [line.value for line in found.lines] == ["casino", "bad.example"]
    assert fingerprint == signed_list.fingerprint(key)
