"""Each check has true positives, an explanation in both languages, and no false positives."""

import json
from itertools import product
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.models import Author, Comment, Effect, Site, Status, Subject
from app.screening.case import Case, Finding, Verdict
from app.screening.checks import CHECKS
from app.screening.reasons import found_in, sentence_of
from tests.cast import Reader, the_comment
from tests.screening.test_rules import by, stands

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def findings(site: Site, comment: Comment, *, proven: bool = False, **more) -> dict[str, Finding]:
    case = Case(site, comment, proven=proven, **more)
    return {finding.check: finding for check in CHECKS if (finding := check(case))}


def test_a_harmless_comment_meets_no_check(paper: Site) -> None:
    assert findings(paper, by(paper, body="とても参考になりました。https://paper.example/more もどうぞ。")) == {}


@pytest.mark.parametrize("effect", [Effect.HOLD, Effect.REJECT, Effect.SPAM])
def test_a_word_rule_has_its_effect_and_is_stored_as_typed(paper: Site, effect: Effect) -> None:
    stands(paper, Subject.WORD, "バカ", effect)
    found = findings(paper, by(paper, body="このﾊﾞｶが"))["words"]
    assert (found.verdict.name.lower(), found.details) == (effect, {"found": ["ﾊﾞｶ"]})


def test_of_several_words_the_strictest_counts_and_all_are_told(paper: Site) -> None:
    stands(paper, Subject.WORD, "バカ")
    stands(paper, Subject.WORD, "casino", Effect.SPAM)
    found = findings(paper, by(paper, body="バカ casino"))["words"]
    assert found == Finding("words", Verdict.SPAM, {"found": ["バカ", "casino"]})


def test_a_pattern_that_runs_out_of_time_holds(paper: Site) -> None:
    stands(paper, Subject.PATTERN, r"(?:(?:a|aa)+b?)+c")
    found = findings(paper, by(paper, body="a" * 15_000))
    assert found["unfinished"].verdict == Verdict.HOLD
    assert "words" not in found


@pytest.mark.parametrize("held", [True, False])
def test_a_blocked_comment_gets_the_sites_status(paper: Site, held: bool) -> None:
    paper.hold_blocked = held
    stands(paper, Subject.EMAIL, "bob@spam.example", Effect.SPAM)
    stands(paper, Subject.LINK_DOMAIN, "win.example", Effect.SPAM)
    comment = by(paper, email="bob@spam.example", body="see win.example")
    found = findings(paper, comment)["blocked"]
    verdict = Verdict.HOLD if held else Verdict.SPAM
    assert found == Finding("blocked", verdict, {"by": ["link_domain", "email"], "found": ["win.example"]})
    assert "bob" not in json.dumps(found.as_reason())


def test_always_hold_ignores_the_authors_record(db_session: Session, paper: Site) -> None:
    bob = Author(site=paper)
    db_session.add(bob)
    db_session.flush()
    stands(paper, Subject.AUTHOR, str(bob.id))
    found = findings(paper, by(paper, author_id=bob.id), proven=True)
    assert found == {"watched": Finding("watched", Verdict.HOLD, {"by": ["author"], "found": []})}


def test_trust_skips_the_first_comment_and_hold_all_and_no_other_check(db_session: Session, paper: Site) -> None:
    paper.hold_all, paper.approvals_needed = True, 1
    carol = Author(site=paper)
    db_session.add(carol)
    db_session.flush()
    stands(paper, Subject.AUTHOR, str(carol.id), Effect.ALLOW)
    stands(paper, Subject.WORD, "バカ")
    fine, bad = (
        by(paper, author_id=carol.id),
        by(paper, author_id=carol.id, body="バカ https://bit.ly/x http://b.example"),
    )
    assert findings(paper, fine, proven=True) == {}
    assert set(findings(paper, bad, proven=True)) == {"words", "links", "shorteners"}
    assert set(findings(paper, fine, proven=False)) == {"first_comment", "hold_all"}


def test_links_to_allowed_domains_are_not_counted(paper: Site) -> None:
    stands(paper, Subject.LINK_DOMAIN, "wikipedia.org", Effect.ALLOW)
    ours = "https://ja.wikipedia.org/wiki/A https://en.wikipedia.org/wiki/B"
    assert findings(paper, by(paper, body=ours)) == {}
    found = findings(paper, by(paper, body=f"{ours} https://a.example https://b.example"))
    assert found["links"].details == {"count": 2}
    assert findings(paper, by(paper, body="https://a.example https://a.example"))["links"].details == {"count": 2}


@pytest.mark.parametrize("text", ["https://bit.ly/abc", "www.TinyURL.com/x", "t.co/abc", "見て(https://urx.blue/abc)"])
def test_a_shortened_link_is_held(paper: Site, text: str) -> None:
    assert set(findings(paper, by(paper, body=text))) == {"shorteners"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://www.gооgle.com", "www.gооgle.com"),
        ("https://xn--80ak6aa92e.com/", "аррӏе.com"),
        ("https://pаper.example", "pаper.example"),
        ("https://paper.examp1e/login", "paper.examp1e"),
    ],
)
def test_a_link_that_passes_for_another_is_held(paper: Site, text: str, shown: str) -> None:
    found = findings(paper, by(paper, body=text))
    assert found["look_alikes"].details["hosts"] == [shown]


@pytest.mark.parametrize(
    "text",
    [
        "https://paper.example/a",
        "https://blog.paper.example",
        "https://日本語.jp",
        "https://рост.рф",
        "https://münchen.de",
        "https://xn--wgv71a119e.jp",
        "https://xn--/",
    ],
)
def test_hosts_in_their_own_script_are_no_impersonation(paper: Site, text: str) -> None:
    assert findings(paper, by(paper, body=text)) == {}


@pytest.mark.parametrize(("text", "check"), [
    ("お前を殺すぞ", "threat"), ("ぶっ🔪殺す 死 ね", "threat"), ("I will k i l l you. KILL YOU", "threat"),
    ("名誉毀損で訴えます", "legal"), ("You will hear from my lawyer", "legal"),
])  # fmt: skip
def test_threats_and_legal_words_are_held_on_every_site(paper: Site, text: str, check: str) -> None:
    assert set(findings(paper, by(paper, body=text))) - {"script"} == {check}


@pytest.mark.parametrize(
    "text", ["この味を知るまで死ねない", "必死ねばり", "裁判の判決は妥当だ", "殺人事件の記事", "liberal"]
)
def test_harmless_mentions_are_not_held(paper: Site, text: str) -> None:
    assert findings(paper, by(paper, body=text)) == {}


def test_a_site_takes_back_one_of_kaiwas_own_words(paper: Site) -> None:
    stands(paper, Subject.WORD, "被害届", Effect.ALLOW)
    assert findings(paper, by(paper, body="被害届が出された")) == {}
    assert "legal" in findings(paper, by(paper, body="名誉毀損と被害届"))


def test_every_check_has_a_sentence_in_both_languages(app: Flask) -> None:
    reason = {
        "count": 3, "found": ["バカ"], "by": ["author", "email", "email_domain", "address", "link_domain"],
        "patterns": ["a+"], "hosts": ["a.com"], "name": "links", "score": 0.93, "signals": [], "trouble": "fast",
        "state": "asked", "script": "latin", "lang": "ja", "spam": 0, "kinds": ["hold_emails"],
        "each": [{"name": "A program", "state": "asked"}], "lists": [{"ref": "1", "name": "A site", "verdict": "hold"}],
    }  # fmt: skip
    # Checkers in shadow mode are no reason.
    names = [check.__name__ for check in CHECKS if check.__name__ != "shadow_checkers"] + ["failed", "slow"]
    told = {}
    for lang in ("ja", "en"):
        with app.test_request_context(headers={"Accept-Language": lang}):
            told[lang] = {name: sentence_of({"check": name, **reason}) for name in names}
    assert not any(told["ja"][name] in (name, told["en"][name]) for name in names), told


def test_the_desk_learns_what_to_mark(paper: Site) -> None:
    stands(paper, Subject.WORD, "バカ")
    found = findings(paper, by(paper, body="ﾊﾞｶ bit.ly/x ﾊﾞｶ"))
    assert found_in([each.as_reason() for each in found.values()]) == ["ﾊﾞｶ", "bit.ly"]


def test_every_combination_of_findings_gives_its_strictest(paper: Site) -> None:
    """Every pair of rules, with the real checks, against the verdicts of each rule alone."""
    parts = {
        Verdict.PASS: ("fine", None),
        Verdict.HOLD: ("バカ", (Subject.WORD, "バカ", Effect.HOLD)),
        Verdict.REJECT: ("troll", (Subject.WORD, "troll", Effect.REJECT)),
        Verdict.SPAM: ("https://win.example", (Subject.LINK_DOMAIN, "win.example", Effect.SPAM)),
    }
    for _text, rule in parts.values():
        if rule:
            stands(paper, *rule)
    for chosen in product([False, True], repeat=len(parts)):
        verdicts = [verdict for verdict, taken in zip(parts, chosen, strict=True) if taken]
        comment = by(paper, body=" ".join(parts[verdict][0] for verdict in verdicts) or "fine")
        found = findings(paper, comment)
        assert max((each.verdict for each in found.values()), default=Verdict.PASS) == max(
            verdicts, default=Verdict.PASS
        )


def test_an_approved_comment_that_gains_a_link_goes_back(client: FlaskClient, db_session: Session, paper: Site) -> None:
    hanako = Reader(client)
    hanako.post("see https://a.example")
    comment = the_comment(db_session, "see https://a.example")
    path = f"/embed/comments/{comment.id}/edit"

    def edits(body: str) -> str:
        hanako.client.post(path, data=hanako.fields(token=hanako.token, body=body))
        return the_comment(db_session, body).status

    assert edits("look at https://a.example") == Status.APPROVED
    assert edits("look at https://b.example") == Status.PENDING
    assert "b.example" not in hanako.get_thread().text
    reasons = the_comment(db_session, "look at https://b.example").reasons
    assert [reason["check"] for reason in reasons] == ["gained_links"]


def test_a_rejected_comment_looks_held_to_its_author(client: FlaskClient, db_session: Session, paper: Site) -> None:
    stands(paper, Subject.WORD, "troll", Effect.REJECT)
    db_session.commit()
    held = Reader(client).post("https://a.example https://b.example")
    rejected = Reader(client, email="bob@readers.example").post("you troll")
    assert the_comment(db_session, "you troll").status == Status.REJECTED
    assert (held.status_code, rejected.status_code) == (202, 202)


def test_ordinary_japanese_is_left_alone(paper: Site, shared_data: Path) -> None:
    """The default checks hold at most one in two hundred real comments."""
    texts = [
        row["text"]
        for name in ("ham_hotel_reviews_ja", "ham_wp_theme_test_ja", "tox_inspection_ja")
        for line in (shared_data / "moderation" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
        if (row := json.loads(line))["label"] in ("ham", "nontoxic")
    ]
    held = [text for text in texts if findings(paper, by(paper, body=text))]
    assert len(texts) > 5000
    assert len(held) / len(texts) <= 0.005, held
