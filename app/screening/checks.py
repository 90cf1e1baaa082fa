"""The checks of screening, one function each: what it looks at, what it found, and what that means."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext

from app.lib.language import listed
from app.lib.secrets import is_unreadable
from app.lib.text import links_in
from app.lib.urls import host_of
from app.models import Effect, Subject
from app.screening import hosts, thresholds
from app.screening.akismet import ask
from app.screening.case import Case, Finding, Verdict
from app.screening.flood import is_bursting, press
from app.screening.impersonation import claims_office
from app.screening.rulebook import Hit
from app.screening.thresholds import Band
from app.spam import scores

# What of a text is kept to be marked; a moderator sees with the first of them why it was held.
MOST_FOUND = 10
WORDED = (Subject.WORD, Subject.PATTERN)


VERDICTS = {Effect.HOLD: Verdict.HOLD, Effect.REJECT: Verdict.REJECT, Effect.SPAM: Verdict.SPAM}


Check = Callable[[Case], Finding | None]


def trap(case: Case) -> Finding | None:
    """A field that no person sees was filled in."""
    return Finding("trap", Verdict.SPAM) if case.trapped else None


def timing(case: Case) -> Finding | None:
    """Sent faster than people type, or not by a form of ours (the site's `min_seconds`; 0 turns it off)."""
    least = case.site.min_seconds
    # Who has shown who she is may be quick.
    fast = case.seconds is not None and case.seconds < least and not case.proven
    trouble = case.stamp or ("fast" if fast else "")
    return Finding("timing", Verdict.HOLD, {"trouble": trouble}) if least and trouble else None


def flood(case: Case) -> Finding | None:
    """More comments at once than is normal for the site; what is spam for certain starts no burst."""
    if case.trusted or case.trapped or _block_hits(case):
        return None
    if is_bursting(case.site):
        return Finding("flood", Verdict.HOLD, then=lambda: press(case.site))
    return Finding("flood", Verdict.HOLD) if case.site.is_pressed else None


def changed(case: Case) -> Finding | None:
    """A trusted author uses another name, address or website, or writes from another network by another browser.

    The token may be stolen or sold; it holds until a moderator approves a comment with the new ones.
    """
    if not case.changed or not case.relies_on_trust:
        return None
    return Finding("changed", Verdict.HOLD, {"what": list(case.changed)})


def blocked(case: Case) -> Finding | None:
    """Its author, her network, or a domain that it links to is blocked: spam, or held where the site says so."""
    verdict = Verdict.HOLD if case.site.hold_blocked else Verdict.SPAM
    hits = _block_hits(case)
    return Finding("blocked", verdict, _who(hits)) if hits else None


def watched(case: Case) -> Finding | None:
    """The site wants to see, or refuses, what comes from this author or network, or links there."""
    effects = (Effect.HOLD, Effect.REJECT)
    hits = [hit for hit in case.hits if hit.line.subject not in WORDED and hit.line.effect in effects]
    return Finding("watched", _strictest(hits), _who(hits)) if hits else None


def threat(case: Case) -> Finding | None:
    """Somebody may be hurt while it waits."""
    return _worded(case, "threat")


def legal(case: Case) -> Finding | None:
    """Words with a lawyer behind them."""
    return _worded(case, "legal")


def words(case: Case) -> Finding | None:
    """Words of the site's lists, in its text or its author's name."""
    return _worded(case, "words")


def unfinished(case: Case) -> Finding | None:
    """A pattern of the site took too long on this text: nobody knows what it would have found."""
    slow = [hit.line.value for hit in case.hits if hit.unfinished]
    return Finding("unfinished", Verdict.HOLD, {"patterns": slow[:MOST_FOUND]}) if slow else None


def links(case: Case) -> Finding | None:
    """More links than the site takes without looking (its `max_links` or more hold; 0 turns it off)."""
    most = case.site.max_links
    if not most or len(typed := links_in(case.comment.body)) < most:
        return None
    counted = {named.host for named in case.hosts}
    count = sum(host_of(link) in counted for link in typed)
    return Finding("links", Verdict.HOLD, {"count": count}) if count >= most else None


def shorteners(case: Case) -> Finding | None:
    """A link that does not say where it leads."""
    found = [named.typed for named in case.hosts if named.lies_in(hosts.SHORTENERS)]
    return Finding("shorteners", Verdict.HOLD, {"found": found[:MOST_FOUND]}) if found else None


def look_alikes(case: Case) -> Finding | None:
    """A link to a host that passes for another one, or for the site's own."""
    ours = {urlsplit(origin).hostname or "" for origin in case.site.origins}
    found = [named for named in case.hosts if hosts.looks_like_another(named.host, ours)]
    if not found:
        return None
    shown = [hosts.readable(named.host) for named in found[:MOST_FOUND]]
    facts = {"found": [named.typed for named in found[:MOST_FOUND]], "hosts": shown}
    return Finding("look_alikes", Verdict.HOLD, facts)


def office(case: Case) -> Finding | None:
    """Signed with the site's own name, or with a word for its staff."""
    claimed = not case.trusted and claims_office(case.comment.name, case.site)
    return Finding("office", Verdict.HOLD) if claimed else None


def gained_links(case: Case) -> Finding | None:
    """Everybody has seen it without these links: an edit that brings some in is looked at, whoever writes."""
    if case.published is None:
        return None
    known = set(links_in(case.published))
    gained = [link for link in links_in(case.comment.body) if link not in known]
    return Finding("gained_links", Verdict.HOLD, {"found": gained[:MOST_FOUND]}) if gained else None


def score(case: Case) -> Finding | None:
    """What the site's moderators have taught the filter; a reason always, a verdict where the site says so."""
    judged = case.judged
    band = thresholds.band_of(case.site, judged.score)
    if band is None:
        return None
    verdict = {Band.SPAM: Verdict.SPAM, Band.HOLD: Verdict.HOLD}.get(band, Verdict.PASS)
    facts = {"score": round(judged.score or 0, 3), "band": band, "signals": judged.signals}
    return Finding("score", verdict if case.site.score_acts else Verdict.PASS, facts)


def first_comment(case: Case) -> Finding | None:
    """The author does not yet have as many approved comments as the site asks for."""
    if case.trusted or case.approved >= case.site.approvals_needed:
        return None
    return Finding("first_comment", Verdict.HOLD, {"approved": case.approved})


def akismet(case: Case) -> Finding | None:
    """Akismet is asked once the comment is safe, where the site has a key; it waits for the answer."""
    if is_unreadable(case.site.akismet_key):
        return Finding("akismet", Verdict.HOLD, {"said": "", "state": "trouble"})
    if not case.site.akismet_key:
        return None
    then = partial(ask, case.comment, case.sender)
    return Finding("akismet", Verdict.HOLD, {"said": "", "state": "asked"}, then)


def hold_all(case: Case) -> Finding | None:
    """The site looks at everything, but for whom it trusts and, if it says so, what the filter finds harmless.

    The score alone publishes nothing: it must be an author whom somebody has approved before.
    """
    if not case.site.hold_all or case.trusted:
        return None
    if case.approved and thresholds.publishes(case.site, case.judged_so_far.score):
        return None
    return Finding("hold_all", Verdict.HOLD)


# In the order of the design; a new check is a function above and a name here, with its sentence below.
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
    unfinished,
    links,
    shorteners,
    look_alikes,
    office,
    gained_links,
    score,
    first_comment,
    hold_all,
    akismet,
)


def sentence_of(reason: dict[str, Any]) -> str:
    """A kept reason in the words of whoever reads it now."""
    said = _SENTENCES.get(reason["check"])
    return str(said(reason)) if said else reason["check"]


def found_in(reasons: Iterable[dict[str, Any]]) -> list[str]:
    """What the reasons found in the text, as it was typed, for the desk to mark."""
    return list(dict.fromkeys(text for reason in reasons for text in reason.get("found", ()) if text))


def _worded(case: Case, check: str) -> Finding | None:
    ours = [hit for hit in case.hits if hit.line.subject in WORDED and hit.line.check == check]
    hits = [hit for hit in ours if not hit.unfinished and not hit.allows]
    return Finding(check, _strictest(hits), {"found": _found(hits)}) if hits else None


def _strictest(hits: Iterable[Hit]) -> Verdict:
    return max(VERDICTS[Effect(hit.line.effect)] for hit in hits)


def _block_hits(case: Case) -> list[Hit]:
    return [hit for hit in case.hits if hit.line.subject not in WORDED and hit.line.effect == Effect.SPAM]


def _found(hits: Iterable[Hit]) -> list[str]:
    return list(dict.fromkeys(hit.found for hit in hits if hit.found))[:MOST_FOUND]


def _who(hits: list[Hit]) -> dict[str, Any]:
    """Whom the rules are about, without anybody's address: reasons are not encrypted."""
    return {"by": list(dict.fromkeys(hit.line.subject for hit in hits)), "found": _found(hits)}


_BY: dict[str, Callable[[], str]] = {
    Subject.AUTHOR: lambda: _("author"),
    Subject.EMAIL: lambda: _("email address"),
    Subject.EMAIL_DOMAIN: lambda: _("email domain"),
    Subject.ADDRESS: lambda: _("IP range"),
    Subject.LINK_DOMAIN: lambda: _("link"),
}


def _by(reason: dict[str, Any]) -> str:
    return listed([*(_BY[subject]() for subject in reason["by"]), *reason["found"]])


_TIMING = {
    "fast": _l("typed faster than a person can"),
    "missing": _l("posted without our form"),
    "worn": _l("form used for many comments"),
    "odd": _l("stale or unknown form"),
}
_CHANGED = {
    "name": _l("name"),
    "email": _l("email address"),
    "website": _l("website"),
    "identity": _l("name, email address or website"),
    "place": _l("IP range and browser"),
}
_AKISMET = {
    "asked": _l("Waiting for Akismet"),
    "trouble": _l("Akismet is not responding"),
    "ham": _l("Akismet: not spam"),
    "spam": _l("Akismet: spam"),
    "discard": _l("Akismet: definite spam"),
    "doubted": _l("Akismet is flagging everything; ignored"),
}
_SENTENCES: dict[str, Callable[[dict[str, Any]], str]] = {
    "trap": lambda reason: _("filled in the hidden field"),
    "timing": lambda reason: _TIMING[reason["trouble"]],
    "flood": lambda reason: _("arrived during a traffic spike"),
    "changed": lambda reason: _(
        "changed since the last approved comment: %(what)s",
        what=listed(str(_CHANGED[each]) for each in reason.get("what", ())),
    ),
    "blocked": lambda reason: _("blocked: %(what)s", what=_by(reason)),
    "watched": lambda reason: _("watched: %(what)s", what=_by(reason)),
    "threat": lambda reason: _("threat: %(found)s", found=listed(reason["found"])),
    "legal": lambda reason: _("legal words: %(found)s", found=listed(reason["found"])),
    "words": lambda reason: _("word: %(found)s", found=listed(reason["found"])),
    "unfinished": lambda reason: _("pattern timed out: %(what)s", what=listed(reason["patterns"])),
    "links": lambda reason: ngettext("%(num)d link", "%(num)d links", reason["count"]),
    "shorteners": lambda reason: _("shortened link: %(found)s", found=listed(reason["found"])),
    "look_alikes": lambda reason: _("look-alike link: %(found)s", found=listed(reason["hosts"])),
    "office": lambda reason: _("uses the name of the site or its staff"),
    "gained_links": lambda reason: _("link added after approval: %(found)s", found=listed(reason["found"])),
    "score": lambda reason: scores.in_words(reason["score"], reason["signals"]),
    "first_comment": lambda reason: _("First-time commenter"),
    "hold_all": lambda reason: _("everything is held"),
    "appeal": lambda reason: _("author’s appeal: “%(text)s”", text=reason["text"]),
    "work": lambda reason: _("passed a browser check"),
    "akismet": lambda reason: _AKISMET[reason["state"]],
    "edited": lambda reason: _("edited by the author"),
    "reports": lambda reason: _("reported by readers"),
    "failed": lambda reason: _("check “%(name)s” couldn’t run", name=reason["name"]),
    "slow": lambda reason: _("check “%(name)s” timed out", name=reason["name"]),
}
