"""The checks of screening, one function each."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from app.lib.secrets import is_unreadable
from app.lib.text import links_in
from app.lib.urls import host_of
from app.models import Effect
from app.screening import checkers as questions
from app.screening import hosts, house_checks, thresholds
from app.screening.akismet import queue_check
from app.screening.case import Case, Finding, Verdict
from app.screening.flood import is_bursting, start_holding
from app.screening.impersonation import claims_to_be_staff
from app.screening.rulebook import LISTED, TEXT_SUBJECTS, Hit
from app.screening.signs import copies, script, short_links, throwaway
from app.screening.thresholds import Threshold

# Matches stored for highlighting.
MOST_FOUND = 10


_VERDICTS_OF_BANDS = {Threshold.SPAM: Verdict.SPAM, Threshold.HOLD: Verdict.HOLD, Threshold.FINE: Verdict.PASS}
VERDICTS = {Effect.HOLD: Verdict.HOLD, Effect.REJECT: Verdict.REJECT, Effect.SPAM: Verdict.SPAM}


Check = Callable[[Case], Finding | None]


def trap(case: Case) -> Finding | None:
    return Finding("trap", Verdict.SPAM) if case.trapped else None


def timing(case: Case) -> Finding | None:
    """Typed too fast, or without a valid form (the site's `min_seconds`; 0 turns it off)."""
    least = case.site.min_seconds
    fast = case.seconds is not None and case.seconds < least and not case.proven
    trouble = case.stamp or ("fast" if fast else "")
    return Finding("timing", Verdict.HOLD, {"trouble": trouble}) if least and trouble else None


def flood(case: Case) -> Finding | None:
    """A burst on the site, excluding certain spam."""
    if case.trusted or _is_certain_spam(case):
        return None
    if is_bursting(case.site):
        return Finding("flood", Verdict.HOLD, then=lambda: start_holding(case.site))
    return Finding("flood", Verdict.HOLD) if case.site.is_pressed else None


def changed(case: Case) -> Finding | None:
    """A trusted author changed name, address or website, or both network and browser.

    The token may be stolen or sold. Held until a moderator approves a comment with the new data.
    """
    if not case.changed or not case.relies_on_trust:
        return None
    return Finding("changed", Verdict.HOLD, {"what": list(case.changed)})


def blocked(case: Case) -> Finding | None:
    """The author, the network or a linked domain is blocked: spam, or held if the site says so."""
    verdict = Verdict.HOLD if case.site.hold_blocked else Verdict.SPAM
    hits = _blocks(case)
    return Finding("blocked", verdict, _rule_details(hits)) if hits else None


def watched(case: Case) -> Finding | None:
    """A rule holds or rejects this author, network or linked domain."""
    effects = (Effect.HOLD, Effect.REJECT)
    hits = [hit for hit in case.hits if hit.rule.subject not in TEXT_SUBJECTS and hit.rule.effect in effects]
    return Finding("watched", _strictest(hits), _rule_details(hits)) if hits else None


def threat(case: Case) -> Finding | None:
    """Urgent: a person may be in danger."""
    return _text_finding(case, "threat")


def legal(case: Case) -> Finding | None:
    return _text_finding(case, "legal")


def words(case: Case) -> Finding | None:
    """Words of the site's lists in text or name."""
    return _text_finding(case, "words")


def listed(case: Case) -> Finding | None:
    """A word or a linked domain of a shared list. The site's own rules come first, also the trust in an author."""
    if case.trusted or not case.listed:
        return None
    each: dict[str, dict[str, str]] = {}
    for hit in case.listed:
        verdict = Verdict.HOLD if case.site.hold_blocked else VERDICTS[Effect(hit.rule.effect)]
        each[hit.rule.ref] = {"ref": hit.rule.ref, "name": hit.rule.list_name, "verdict": verdict.name.lower()}
    return Finding(LISTED, listed_verdict(each.values()), {"lists": [*each.values()], "found": _found(case.listed)})


def listed_verdict(lists: Iterable[dict[str, str]]) -> Verdict:
    """The strictest of these lists, as reasons have them."""
    # Reasons of an archive may lack it.
    return max(Verdict.__members__.get(str(each.get("verdict")).upper(), Verdict.HOLD) for each in lists)


def unfinished(case: Case) -> Finding | None:
    """A pattern timed out, so its result is unknown."""
    slow = [hit.rule.value for hit in case.hits if hit.unfinished]
    return Finding("unfinished", Verdict.HOLD, {"patterns": slow[:MOST_FOUND]}) if slow else None


def links(case: Case) -> Finding | None:
    """At least the site's `max_links` links (0 turns it off)."""
    most = case.site.max_links
    if not most or len(found := links_in(case.comment.body)) < most:
        return None
    counted = {mention.host for mention in case.hosts}
    count = sum(host_of(link) in counted for link in found)
    return Finding("links", Verdict.HOLD, {"count": count}) if count >= most else None


def shorteners(case: Case) -> Finding | None:
    found = [mention.typed for mention in case.hosts if mention.is_under(hosts.SHORTENERS)]
    return Finding("shorteners", Verdict.HOLD, {"found": found[:MOST_FOUND]}) if found else None


def look_alikes(case: Case) -> Finding | None:
    """A link to a host that imitates another one or the site's own."""
    found = [mention for mention in case.hosts if hosts.looks_like_another(mention.host, case.site.hosts)]
    if not found:
        return None
    shown = [hosts.readable(mention.host) for mention in found[:MOST_FOUND]]
    details = {"found": [mention.typed for mention in found[:MOST_FOUND]], "hosts": shown}
    return Finding("look_alikes", Verdict.HOLD, details)


def office(case: Case) -> Finding | None:
    """The name is the site's own or a word for its staff."""
    claimed = not case.trusted and claims_to_be_staff(case.comment.name, case.site)
    return Finding("office", Verdict.HOLD) if claimed else None


def gained_links(case: Case) -> Finding | None:
    """An edit that adds links to a public comment."""
    if case.published is None:
        return None
    known = set(links_in(case.published))
    gained = [link for link in links_in(case.comment.body) if link not in known]
    return Finding("gained_links", Verdict.HOLD, {"found": gained[:MOST_FOUND]}) if gained else None


def score(case: Case) -> Finding | None:
    """The spam filter's prediction: always a reason; a verdict only if the site uses scores, within its budget."""
    prediction = case.prediction
    if prediction.score is None:
        return None
    bands = thresholds.bands_of(case.site, case.written_in)
    verdict = _VERDICTS_OF_BANDS[thresholds.band(bands, prediction.score)] if case.site.score_acts else Verdict.PASS
    shown = thresholds.shown_band(bands, prediction.score)
    details = {
        "score": round(prediction.score, 3), "band": shown, "signals": prediction.signals,
        "examples": prediction.examples,
    }  # fmt: skip
    return Finding("score", verdict, details)


def first_comment(case: Case) -> Finding | None:
    """The author has fewer approved comments than the site requires."""
    if case.trusted or case.approved >= case.site.approvals_needed:
        return None
    return Finding("first_comment", Verdict.HOLD, {"approved": case.approved})


def akismet(case: Case) -> Finding | None:
    """Held until Akismet answers; the check is queued when the comment is stored."""
    if is_unreadable(case.site.akismet_key):
        return Finding("akismet", Verdict.HOLD, {"said": "", "state": "trouble"})
    if not case.site.akismet_key:
        return None
    then = partial(queue_check, case.comment, case.sender)
    return Finding("akismet", Verdict.HOLD, {"said": "", "state": "asked"}, then)


def checkers(case: Case) -> Finding | None:
    """Held until the site's checkers in hold mode answer. They are not asked about certain spam."""
    asked = [each for each in case.checkers if each.holds]
    if not asked or _is_certain_spam(case):
        return None
    details = {"each": [questions.entry(each, questions.ASKED) for each in asked]}
    return Finding(questions.CHECK, Verdict.HOLD, details, partial(questions.queue, case.comment, asked))


def shadow_checkers(case: Case) -> Finding | None:
    """Ask those in shadow mode, on whose answers nothing depends."""
    asked = [each for each in case.checkers if not each.holds]
    if not asked or _is_certain_spam(case):
        return None
    return Finding("shadow_checkers", Verdict.PASS, {}, partial(questions.queue, case.comment, asked), told=False)


def hold_all(case: Case) -> Finding | None:
    """The site reviews every comment."""
    return reviewed(case) if case.site.hold_all else None


def reviewed(case: Case) -> Finding | None:
    """Every comment is reviewed, except by trusted authors and, optionally, harmless ones.

    A score alone publishes nothing: the author must have an approved comment.
    """
    if case.trusted:
        return None
    if case.approved and thresholds.publishes(case.site, case.known_prediction.score, case.written_in):
        return None
    return Finding("hold_all", Verdict.HOLD)


# A new check: a function above, a name here, a sentence in reasons.py.
CHECKS: tuple[Check, ...] = (
    trap,
    timing,
    flood,
    changed,
    blocked,
    watched,
    threat,
    legal,
    words,
    listed,
    unfinished,
    links,
    shorteners,
    look_alikes,
    short_links,
    throwaway,
    script,
    copies,
    office,
    house_checks.japanese,
    house_checks.personal,
    gained_links,
    score,
    first_comment,
    hold_all,
    akismet,
    checkers,
    shadow_checkers,
)


def _text_finding(case: Case, check: str) -> Finding | None:
    ours = [hit for hit in case.hits if hit.rule.subject in TEXT_SUBJECTS and hit.rule.check == check]
    hits = [hit for hit in ours if not hit.unfinished and not hit.allows]
    return Finding(check, _strictest(hits), {"found": _found(hits)}) if hits else None


def _strictest(hits: Iterable[Hit]) -> Verdict:
    return max(VERDICTS[Effect(hit.rule.effect)] for hit in hits)


def _is_certain_spam(case: Case) -> bool:
    return case.trapped or bool(_blocks(case))


def _blocks(case: Case) -> list[Hit]:
    return [hit for hit in case.hits if hit.rule.subject not in TEXT_SUBJECTS and hit.rule.effect == Effect.SPAM]


def _found(hits: Iterable[Hit]) -> list[str]:
    return list(dict.fromkeys(hit.found for hit in hits if hit.found))[:MOST_FOUND]


def _rule_details(hits: list[Hit]) -> dict[str, Any]:
    """Without email addresses, because reasons are not encrypted."""
    return {"by": list(dict.fromkeys(hit.rule.subject for hit in hits)), "found": _found(hits)}
