"""Add, change and remove a site's checkers, and try them with a text."""

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from app.errors import Refused
from app.extensions import db
from app.lib.clock import now
from app.lib.http_client import is_allowed, is_loopback
from app.lib.names import is_invisible
from app.lib.secrets import blind_index, is_unreadable
from app.lib.signed_request import new_secret
from app.lib.text import clean_body, clean_line
from app.models import Checker, Delivery, Mode, Moderator, Rate, RateLimit, Site, Trouble, audit
from app.models.audit import Event, Who
from app.models.checker import (
    LEAST_PRECISION,
    LONGEST_LANG,
    LONGEST_NAME,
    LONGEST_URL,
    MOST_LANGS,
    PERCENT,
    SECONDS,
)
from app.moderation import checker_worker
from app.moderation.checker_figures import LEAST_DECIDED, LEAST_FLAGGED, figures_of
from app.screening.checker_protocol import Reply, ask, question

# Of a site: a post queues a question to each.
MOST = 5
LONGEST_TRIED = 5_000  # characters
# A try waits in a thread of the web server.
TRIES, TRY_SECONDS = Rate(6, 20.0), 10.0

_LOOPBACK: Any = _l("Only owners of this installation can use an address of its own machine.")

By = Moderator | Who


def add(site: Site, *, by: By, **settings: Any) -> tuple[Checker, str]:
    """A new checker in shadow mode, and the secret that signs its questions, which is not shown again.

    `settings` are name, url, timeout_s, threshold, least_precision and langs. Raises Refused (422 with the field; 409
    for too many).
    """
    if len(Checker.of_site(site)) >= MOST:
        raise Refused("too_many_checkers", _("This site has %(most)d checkers already.", most=MOST), status=409)
    secret = new_secret()
    checker = Checker(site=site, secret=secret, mode=Mode.SHADOW, **_checked(settings, by))
    db.session.add(checker)
    _record(Event.CHECKER_ADDED, checker, by, mode=checker.mode, host=_host(checker.url))
    return checker, secret


def change(checker: Checker, *, by: By, **settings: Any) -> None:
    """Change settings. At another address it is another program, which has to show how good it is.

    The address as it is shown stays: a program may send it back. Raises Refused (422) as `add`, also if a checker in
    hold mode would not be good enough any more.
    """
    if settings.get("url", "").strip() == checker.shown_url != checker.url:
        del settings["url"]
    checked = _checked(settings, by)
    changed = {name: value for name, value in checked.items() if getattr(checker, name) != value}
    if not changed:
        return
    for name, value in changed.items():
        setattr(checker, name, value)
    if "url" in changed:
        checker.counted_from, checker.failures, checker.paused_until = now(), 0, None
        if checker.holds:
            checker.set_mode(Mode.SHADOW)
    elif checker.holds and changed.keys() & {"threshold", "least_precision"}:
        require_good(checker, field=next(iter(changed.keys() & {"threshold", "least_precision"})))
    _record(Event.CHECKER_CHANGED, checker, by, mode=checker.mode, changed=sorted(changed), host=_host(checker.url))


def set_mode(checker: Checker, mode: Mode, *, by: By) -> None:
    """Raises Refused (409) for hold mode, until decisions show that the checker is good enough."""
    if checker.mode == mode:
        return
    if checker.mode == Mode.OFF and is_loopback(checker.url) and not _may_use_loopback(by):
        raise Refused("bad_url", _LOOPBACK, status=409)
    if mode == Mode.HOLD:
        require_good(checker)
    checker.set_mode(mode)
    _record(Event.CHECKER_CHANGED, checker, by, mode=mode.value)


def require_good(checker: Checker, field: str | None = None) -> None:
    """Raises Refused (409) with the missing condition."""
    found = figures_of(checker)
    if found.may_hold(checker):
        return
    if found.decided < LEAST_DECIDED or found.flagged < LEAST_FLAGGED:
        said = _(
            "It may hold comments after %(decided)d decisions of your moderators, %(flagged)d of them on comments that "
            "it would have held. So far: %(now)d and %(held)d.",
            decided=LEAST_DECIDED, flagged=LEAST_FLAGGED, now=found.decided, held=found.flagged,
        )  # fmt: skip
        raise Refused("too_few_decisions", said, field=field, status=409)
    said = _(
        "Too many of the comments that it would have held were published by your moderators: at least %(least)d%% "
        "have to be right, and the figures show only %(low)d%% for certain.",
        least=checker.least_precision, low=int(found.held.precision.low * 100),
    )  # fmt: skip
    raise Refused("too_imprecise", said, field=field, status=409)


def renew_secret(checker: Checker, *, by: By) -> str:
    """A new secret, at once. The old one signs nothing any more."""
    checker.secret = secret = new_secret()
    _record(Event.CHECKER_CHANGED, checker, by, mode=checker.mode, changed=["secret"])
    return secret


def remove(checker: Checker, *, by: By) -> None:
    """With its answers. Comments that wait for it stay held for moderators, and say so."""
    checker_worker.withdraw(checker)
    Delivery.end_unsent(checker.kind)
    db.session.delete(checker)
    _record(Event.CHECKER_REMOVED, checker, by)


def try_text(checker: Checker, text: str, lang: str) -> Reply:
    """Ask about a text that is no comment. Ends the transaction. Raises Refused (422, 429)."""
    text = clean_body(text) if len(text) <= LONGEST_TRIED else ""
    if not text.strip():
        raise Refused("bad_text", _("Enter a text of at most %(most)d characters.", most=LONGEST_TRIED), field="text")
    if wait := RateLimit.take(blind_index("checker tries", str(checker.site_id)), TRIES):
        raise Refused("too_fast", _("Wait a moment before you try again."), status=429, retry_after=wait)
    if not checker.is_readable:
        return Reply(trouble=Trouble.SECRET)
    origin = (checker.site.origins or [""])[0]
    body = question(text, lang, site=checker.site.key, url=f"{origin}/", title="", parent=None)
    call = checker.url, checker.secret, min(float(checker.timeout_s), TRY_SECONDS), f"check_{uuid4().hex}", body
    # The program may stall: it must not occupy a connection.
    db.session.commit()
    return ask(*call)


def _checked(settings: dict[str, Any], by: By) -> dict[str, Any]:
    found = {name: _CHECKS[name](value) for name, value in settings.items()}
    if "url" in found and is_loopback(found["url"]) and not _may_use_loopback(by):
        raise Refused("bad_url", _LOOPBACK, field="url")
    return found


def _may_use_loopback(by: By) -> bool:
    """Other programs of the machine would get what an owner of one site sends there."""
    return by.is_operator if isinstance(by, Moderator) else by == Who.OPERATOR


def _name(value: str) -> str:
    name = clean_line(value) if len(value) <= LONGEST_NAME else ""
    if not name or is_invisible(name):
        raise Refused("bad_name", _("Enter a name of at most %(most)d characters.", most=LONGEST_NAME), field="name")
    return name


def _url(value: str) -> str:
    url = value.strip() if len(value) <= LONGEST_URL else ""
    plain = url.isascii() and url.isprintable() and not set(" \\#") & set(url)
    if not plain or not is_allowed(url) or "@" in urlsplit(url).netloc:
        said = _("Enter an address that begins with https://. A program on the same machine may use http://127.0.0.1.")
        raise Refused("bad_url", said, field="url")
    return url


def _within(name: str, allowed: range) -> Callable[[int], int]:
    def checked(value: int) -> int:
        if type(value) is not int or value not in allowed:
            said = _("Enter a number from %(least)d to %(most)d.", least=allowed[0], most=allowed[-1])
            raise Refused(f"bad_{name}", said, field=name)
        return value

    return checked


def _langs(value: Sequence[str]) -> list[str]:
    if len(value) > MOST_LANGS or not all(_is_tag(each) for each in value):
        raise Refused("bad_langs", _("Enter language codes such as ja or en, separated by commas."), field="langs")
    return list(dict.fromkeys(value))


def _is_tag(text: str) -> bool:
    return 2 <= len(text) <= LONGEST_LANG and text.isascii() and text.replace("-", "").isalnum()


_CHECKS: dict[str, Callable[[Any], Any]] = {
    "name": _name,
    "url": _url,
    "timeout_s": _within("timeout_s", SECONDS),
    "threshold": _within("threshold", PERCENT),
    "least_precision": _within("least_precision", LEAST_PRECISION),
    "langs": _langs,
}


def _host(url: str) -> str:
    """Without path and query, which may have a key."""
    return "" if is_unreadable(url) else urlsplit(url).netloc


def _record(event: Event, checker: Checker, by: By, **details: Any) -> None:
    audit.record(event, by=by, site=checker.site, name=checker.name, **details)
