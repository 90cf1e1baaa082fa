"""Stored reasons as sentences for moderators."""

from collections.abc import Callable, Iterable
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext

from app.lib.language import listed
from app.models import Subject
from app.spam import scores
from app.spam.explain import script_on_page


def sentence_of(reason: dict[str, Any]) -> str:
    sentence = _SENTENCES.get(reason["check"])
    return str(sentence(reason)) if sentence else reason["check"]


def found_in(reasons: Iterable[dict[str, Any]]) -> list[str]:
    """Matching parts of the text as typed, for highlighting."""
    return list(dict.fromkeys(text for reason in reasons for text in reason.get("found", ()) if text))


_SUBJECT_NAMES: dict[str, Callable[[], str]] = {
    Subject.AUTHOR: lambda: _("author"),
    Subject.EMAIL: lambda: _("email address"),
    Subject.EMAIL_DOMAIN: lambda: _("email domain"),
    Subject.ADDRESS: lambda: _("IP range"),
    Subject.LINK_DOMAIN: lambda: _("link"),
}


def _subjects(reason: dict[str, Any]) -> str:
    return listed([*(_SUBJECT_NAMES[subject]() for subject in reason["by"]), *reason["found"]])


def _copies(reason: dict[str, Any]) -> str:
    copies = ngettext("near-copy of %(num)d other comment", "near-copy of %(num)d other comments", reason["count"])
    if not reason["spam"]:
        return copies
    return ngettext("near-copy of %(num)d spam comment", "near-copy of %(num)d spam comments", reason["spam"])


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
_PERSONAL = {
    "hold_phone_numbers": _l("telephone number"),
    "hold_postal_addresses": _l("postal address"),
    "hold_my_numbers": _l("My Number"),
    "hold_emails": _l("email address"),
}
_CHECKER_TROUBLE = {
    "timeout": _l("no answer in time"),
    "unreachable": _l("cannot be reached"),
    "status": _l("answers with an error"),
    "nonsense": _l("answer not understood"),
    "secret": _l("its secret cannot be read"),
}
_CHECKER_VERDICT = {
    "fine": _l("nothing against it"),
    "reject": _l("should be rejected"),
    "spam": _l("looks like spam"),
}
_CHECKER_STATE: dict[str, Callable[[dict[str, Any]], str]] = {
    "asked": lambda _each: _("waiting for its answer"),
    "trouble": lambda each: checker_trouble(each["trouble"]),
    "withdrawn": lambda _each: _("changed before it answered"),
    "removed": lambda _each: _("removed before it answered"),
    "fine": lambda each: checker_says(each["said"], each["confidence"]),
    "flagged": lambda each: checker_says(each["said"], each["confidence"], each["why"]),
}


def checker_trouble(trouble: str) -> str:
    return str(_CHECKER_TROUBLE[trouble])


def checker_says(verdict: str, confidence: float, why: Iterable[str] = ()) -> str:
    """A verdict with its confidence, and the reasons that the checker gives."""
    return f"{_CHECKER_VERDICT[verdict]} ({confidence:.0%}){' – ' if why else ''}{listed(why)}"


def _lists(reason: dict[str, Any]) -> str:
    names = listed(str(each["name"]) for each in reason["lists"])
    return _("on the shared list %(name)s: %(found)s", name=names, found=listed(reason["found"]))


def _checkers(reason: dict[str, Any]) -> str:
    return " · ".join(f"{each['name']}{_(': ')}{_CHECKER_STATE[each['state']](each)}" for each in reason["each"])


_SENTENCES: dict[str, Callable[[dict[str, Any]], str]] = {
    "trap": lambda reason: _("filled in the hidden field"),
    "timing": lambda reason: _TIMING[reason["trouble"]],
    "flood": lambda reason: _("arrived during a traffic spike"),
    "changed": lambda reason: _(
        "changed since the last approved comment: %(what)s",
        what=listed(str(_CHANGED[each]) for each in reason.get("what", ())),
    ),
    "blocked": lambda reason: _("blocked: %(what)s", what=_subjects(reason)),
    "watched": lambda reason: _("watched: %(what)s", what=_subjects(reason)),
    "threat": lambda reason: _("threat: %(found)s", found=listed(reason["found"])),
    "legal": lambda reason: _("legal words: %(found)s", found=listed(reason["found"])),
    "words": lambda reason: _("word: %(found)s", found=listed(reason["found"])),
    "listed": _lists,
    "unfinished": lambda reason: _("pattern timed out: %(what)s", what=listed(reason["patterns"])),
    "links": lambda reason: ngettext("%(num)d link", "%(num)d links", reason["count"]),
    "shorteners": lambda reason: _("shortened link: %(found)s", found=listed(reason["found"])),
    "look_alikes": lambda reason: _("look-alike link: %(found)s", found=listed(reason["hosts"])),
    "short_links": lambda reason: _("looks like a shortened link: %(found)s", found=listed(reason["found"])),
    "throwaway": lambda reason: _("throw-away email address"),
    "script": lambda reason: script_on_page(reason["script"], reason["lang"]),
    "copies": lambda reason: _copies(reason),
    "office": lambda reason: _("uses the name of the site or its staff"),
    "japanese": lambda reason: (
        ngettext("%(num)d Japanese character", "%(num)d Japanese characters", reason["count"])
        if reason["count"]
        else _("no Japanese in it")
    ),
    "personal": lambda reason: _(
        "personal data: %(what)s", what=listed(str(_PERSONAL[each]) for each in reason["kinds"])
    ),
    "gained_links": lambda reason: _("link added after approval: %(found)s", found=listed(reason["found"])),
    "score": scores.in_words,
    "first_comment": lambda reason: (
        _("Few approved comments so far") if reason.get("approved") else _("First-time commenter")
    ),
    "hold_all": lambda reason: _("everything is held"),
    "article": lambda reason: _("all comments on this article are held"),
    "appeal": lambda reason: _("author’s appeal: “%(text)s”", text=reason["text"]),
    "work": lambda reason: _("passed a browser check"),
    "akismet": lambda reason: _AKISMET[reason["state"]],
    "checkers": _checkers,
    "edited": lambda reason: _("edited by the author"),
    "covered": lambda reason: _("edited by the author after a passage was covered"),
    "reports": lambda reason: _("reported by readers"),
    "failed": lambda reason: _("check “%(name)s” couldn’t run", name=reason["name"]),
    "slow": lambda reason: _("check “%(name)s” timed out", name=reason["name"]),
}
