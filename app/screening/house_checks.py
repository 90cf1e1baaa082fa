"""Checks that a site turns on one by one: a language that it does not read, and personal data in the text."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import regex
from sqlalchemy import select
from sqlalchemy.orm import load_only

from app.extensions import db
from app.lib import personal_data
from app.lib.text import without_links
from app.models import Comment, Site, Status, Thread, newest_comments
from app.screening.case import Case, Finding, Verdict

# Passages stored for highlighting.
MOST_FOUND = 10
# The dry run reads at most so many comments, and ends after so many characters.
AMONG, MOST_CHARACTERS = 1000, 200_000
# Comments shown for each check.
SHOWN = 20

JAPANESE = regex.compile(r"[\p{Hiragana}\p{Katakana}\p{Han}ー]")
KANA = regex.compile(r"[\p{Hiragana}\p{Katakana}]")
# A Japanese sentence of more characters has kana; a Chinese one has none.
LONGEST_WITHOUT_KANA = 12

# The passages for which a text is held, or None.
Find = Callable[[str], list[str] | None]
# The settings, and what each finds.
PERSONAL_DATA: dict[str, Callable[[str], list[str]]] = {
    "hold_phone_numbers": personal_data.phone_numbers,
    "hold_postal_addresses": personal_data.postal_addresses,
    "hold_my_numbers": personal_data.my_numbers,
    "hold_emails": personal_data.email_addresses,
}


def japanese(case: Case) -> Finding | None:
    """No Japanese in the text, or fewer characters of it than the site asks for."""
    site = case.site
    if case.trusted or not (site.hold_no_japanese or site.least_japanese):
        return None
    count = japanese_in(case.comment.body)
    wanted = max(site.least_japanese, int(site.hold_no_japanese))
    return Finding("japanese", Verdict.HOLD, {"count": count, "least": wanted}) if count < wanted else None


def personal(case: Case) -> Finding | None:
    """Personal data of the kinds that the site holds; of trusted authors too, since it may be another person's."""
    found = {kind: detect(case.comment.body) for kind, detect in PERSONAL_DATA.items() if getattr(case.site, kind)}
    kinds = [kind for kind, passages in found.items() if passages]
    details = {"kinds": kinds, "found": _passages_of(kinds, case.comment.body)}
    return Finding("personal", Verdict.HOLD, details) if kinds else None


def found_again(reasons: list[dict[str, Any]], text: str) -> list[dict[str, Any]]:
    """The reasons with the personal data that is in `text`: what a moderator covers is not stored here either."""
    return [
        reason | {"found": _passages_of(reason["kinds"], text)} if reason["check"] == "personal" else reason
        for reason in reasons
    ]


def _passages_of(kinds: Iterable[str], text: str) -> list[str]:
    return list(dict.fromkeys(each for kind in kinds for each in PERSONAL_DATA[kind](text)))[:MOST_FOUND]


def japanese_in(text: str) -> int:
    """Number of Japanese characters outside links; 0 for many Chinese characters without kana."""
    text = without_links(text)
    count = len(JAPANESE.findall(text))
    return 0 if count > LONGEST_WITHOUT_KANA and not KANA.search(text) else count


@dataclass(frozen=True)
class Trial:
    """What a check would have held among the newest comments: their number, and the newest of them with passages."""

    setting: str
    count: int
    # How many of these are public.
    approved: int
    newest: list[tuple[Comment, list[str]]]


@dataclass(frozen=True)
class DryRun:
    looked_at: int
    trials: list[Trial]


def dry_run(site: Site) -> DryRun:
    """Try every check on the site's newest comments, whether it is on or off; changes nothing."""
    comments = list(_within(_newest(site)))
    tried = {"hold_no_japanese": _fewer_than(1), "least_japanese": _fewer_than(site.least_japanese)}
    tried |= {setting: _passages(detect) for setting, detect in PERSONAL_DATA.items()}
    trials = [_trial(setting, find, comments) for setting, find in tried.items()]
    # Preload the threads of the comments that are shown.
    Thread.with_ids([comment.thread_id for trial in trials for comment, _found in trial.newest])
    return DryRun(len(comments), trials)


def _fewer_than(least: int) -> Find:
    return lambda text: [] if japanese_in(text) < least else None


def _passages(detect: Callable[[str], list[str]]) -> Find:
    return lambda text: detect(text) or None


def _trial(setting: str, find: Find, comments: list[Comment]) -> Trial:
    held = [(comment, passages) for comment in comments if (passages := find(comment.body)) is not None]
    approved = sum(comment.status == Status.APPROVED for comment, _passages in held)
    return Trial(setting, len(held), approved, held[:SHOWN])


def _newest(site: Site) -> list[Comment]:
    ids = newest_comments.ids(Comment.site_id, [site.id], AMONG, Status.DELETED)
    shown: Any = load_only(
        Comment.site_id,
        Comment.thread_id,
        Comment.status,
        Comment.version,
        Comment.name,
        Comment.body,
        Comment.created_at,
    )
    # Replies by staff are not checked; texts that were deleted are no texts without Japanese.
    checked = Comment.id.in_(ids), Comment.badge.is_(None), Comment.emptied_at.is_(None)
    query = select(Comment).where(*checked).order_by(Comment.id.desc()).options(shown)
    return list(db.session.scalars(query))


def _within(comments: list[Comment]) -> Iterator[Comment]:
    room = MOST_CHARACTERS
    for comment in comments:
        room -= len(comment.body)
        if room < 0:
            return
        yield comment
