"""A card shows everything needed to decide, and marks matches without changing the rest of the text."""

import pytest
from sqlalchemy.orm import Session

from app.desk.cards import card_of
from app.lib.markup import marked, render
from app.models import Author, Moderator, Note, Revision, Site, Status
from app.moderation.decide import decide
from tests.cast import a_site
from tests.desk.test_queue import thread_of, written


def test_a_card_tells_the_authors_record_and_what_else_is_like_it(
    db_session: Session, paper: Site, alice: Moderator
) -> None:
    thread, other = thread_of(db_session, paper), thread_of(db_session, a_site(db_session, "other"))
    author = Author(site=paper, name="Hanako")
    same = {"address": "192.0.2.0/24", "address_index": "net", "cluster": "abcd"}
    parent = written(db_session, thread, "Where does it land?", **same | {"cluster": ""})
    comment = written(db_session, thread, "Over there", author=author, parent=parent,
                      reasons=[{"check": "links", "verdict": "hold", "count": 2}], **same)  # fmt: skip
    again = written(db_session, thread, "Over there", author=author, cluster="abcd")
    written(db_session, other, "Over there", **same)
    decide(again, Status.SPAM, seen=again.version, by=alice)
    db_session.add(Revision(site_id=comment.site_id, comment_id=comment.id, body="Before", html="<p>Before</p>"))
    db_session.add(Note(site_id=comment.site_id, comment=comment, moderator=alice, text="ask the captain"))
    db_session.commit()
    card = card_of(comment, alice)
    assert card.record == {"pending": 1, "spam": 1}
    assert (card.alike, card.alike_waiting, card.same_address) == (1, 0, 1)
    assert "Where does it land?" in card.parent_text
    assert len(card.reasons) == 1 and "2" in card.reasons[0]
    assert [revision.body for revision in card.revisions] == ["Before"]
    assert [note.text for note in card.notes] == ["ask the captain"]
    decided = card_of(again, alice)
    assert decided.decision and decided.decision.moderator == alice
    assert (decided.same_address, decided.alike, decided.alike_waiting) == (0, 1, 1)


def test_the_words_that_were_found_are_marked(db_session: Session, paper: Site, alice: Moderator) -> None:
    reasons = [{"check": "words", "verdict": "hold", "found": ["死ね", "<b>"]}]
    comment = written(db_session, thread_of(db_session, paper), "x", reasons=reasons)
    comment.html = render("お前は死ねよ & <b>死ね</b>")
    html = card_of(comment, alice).html
    assert html == (
        "<p>お前は<mark>死ね</mark>よ &amp; <mark>&lt;b&gt;</mark><mark>死ね</mark>&lt;/b&gt;</p>\n"
    )  # fmt: skip


@pytest.mark.parametrize(
    "typed",
    [
        "a & b <script>alert(1)</script> \"quoted\" 'single'",
        "[link](https://a.example/?a=1&b=2) **strong** `code` https://b.example/<mark>",
        "> quote\n\n1. one\n2. two &amp; &lt;b&gt; &copy",
    ],
)
@pytest.mark.parametrize("words", [["a"], ["<"], ["&", "amp"], ["https"], ["mark", "em"], [">", '"']])
def test_marking_adds_marks_and_nothing_else(typed: str, words: list[str]) -> None:
    html = render(typed)
    with_marks = marked(html, words)
    assert with_marks.replace("<mark>", "").replace("</mark>", "") == html
