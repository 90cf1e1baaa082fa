"""Access control: log-in, records of the moderator's sites, 404 for all others."""

import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, TypeVar
from urllib.parse import urlsplit

from flask import Flask, abort, current_app, flash, g, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from markupsafe import Markup

from app.connections import SAFE_METHODS
from app.desk import factors
from app.errors import Refused
from app.lib import language
from app.models import Comment, Login, Moderator, Role, Site, Thread, section_scope
from app.models.login import Lasts

View = TypeVar("View", bound=Callable[..., Any])

SESSION_KEY = "login"
# Blueprints of the account page.
WITHOUT_FACTOR = ("account", "confirmation", "profile", "logins", "address", "factors", "single_sign_on")
LOGGED_OUT = _l("You’ve been logged out.")
# Browsers resolve these, also percent-encoded (URL Standard, 4.4); some proxies decode slashes and backslashes before.
DOT_SEGMENT = re.compile(r"(?:^|/|%2f|%5c)(?:\.|%2e){1,2}(?:/|%2f|%5c|$)", re.IGNORECASE)
# Characters of our longest page address.
# A message with its way back goes into a cookie of 4 KB.
LONGEST_PATH = 1_500


def install(app: Flask) -> None:
    app.before_request(_log_in_first)


def moderator_required(view: View) -> View:
    """Require a moderator: browsers are sent to the log-in page, scripts get 401."""
    view.needs_login = True  # type: ignore[attr-defined]
    return view


def _log_in_first() -> Any:
    """Before the CSRF check: if the log-in has ended, its CSRF token is wrong, too."""
    if request.method == "OPTIONS" or not _needs_login():
        return None
    login = current_login()
    if login is None:
        return _to_login()
    _welcome(login)
    return _to_factors()


def _needs_login() -> bool:
    view = current_app.view_functions.get(request.endpoint or "")
    return getattr(view, "needs_login", False)


def is_logged_out_script() -> bool:
    """True for a request of our script without a session, to a view for moderators."""
    return wants_fragment() and _needs_login() and SESSION_KEY not in session


def current_login() -> Login | None:
    """The unexpired log-in of this browser's cookie."""
    token = session.get(SESSION_KEY)
    return Login.with_token(token, session_lasts()) if isinstance(token, str) else None


def current_moderator() -> Moderator:
    """The moderator of a view with `moderator_required`."""
    moderator: Moderator = g.moderator
    return moderator


def this_login() -> Login:
    """The log-in of a view with `moderator_required`."""
    login: Login = g.login
    return login


def comment_or_404(id: int) -> Comment:
    """A comment on one of the moderator's sites and sections, or 404; also while it waits for their second opinion."""
    comment = Comment.of_site(current_moderator().site_ids, id)
    if comment is None or not section_scope.sees(current_moderator(), comment):
        abort(404)
    return comment


def thread_or_404(site: Site, id: int) -> Thread:
    """A thread of the site in the moderator's sections, or 404."""
    thread = Thread.of(site, id)
    if thread is None or not section_scope.moderates(current_moderator(), thread):
        abort(404)
    return thread


def site_or_404(key: str, least: Role = Role.MODERATOR) -> Site:
    """One of the moderator's sites; Refused (403) if the role is below `least`."""
    site = Site.with_key(key)
    role = current_moderator().role_on(site.id) if site else None
    if site is None or role is None:
        abort(404)
    if not role.reaches(least):
        raise Refused("role_too_small", _ROLES_NEEDED[least], status=403)
    language.use_clock(site.timezone)
    return site


def require_operator() -> None:
    """Refused (403) unless the moderator is an owner of the installation."""
    if not current_moderator().is_operator:
        raise Refused("role_too_small", _("Only owners of this installation can do this."), status=403)


_ROLES_NEEDED = {
    Role.ADMIN: _l("Only administrators and owners of this site can do this. Ask a site owner."),
    Role.OWNER: _l("Only owners of this site can do this."),
}


def wants_fragment() -> bool:
    """True for requests of our script."""
    return request.headers.get("X-Requested-With") == "fetch"


def done(said: str, gone: Sequence[int] = ()) -> Any:
    """Confirm an action: with a fragment for our script, else by a redirect to the page before."""
    if wants_fragment():
        return render_template("queue/_said.html", said=said, gone=gone)
    flash(said)
    return redirect(own_path(request.form.get("next", "")), 303)


def say(html: str, back: str) -> Any:
    """The same with a template of ours that may have buttons; `back` is the page before."""
    if wants_fragment():
        return html
    flash(Markup(html))  # noqa: S704 (our own template)
    return redirect(own_path(back), 303)


def own_path(wanted: str) -> str:
    """`wanted` if it is a path of ours, else the queue's.

    Browsers drop tabs and newlines and read a backslash as a slash (URL Standard, 4.4).
    """
    plain = len(wanted) <= LONGEST_PATH and wanted.isprintable() and " " not in wanted and "\\" not in wanted
    if plain and wanted.startswith(f"{request.script_root}/") and not wanted.startswith("//"):
        parts = urlsplit(wanted)
        if not parts.scheme and not parts.netloc and not DOT_SEGMENT.search(parts.path):
            return wanted
    return url_for("queue.show")


def this_page() -> str:
    """Path and query of this request, below the path of PUBLIC_URL."""
    return request.script_root + request.full_path.rstrip("?")


def _welcome(login: Login) -> None:
    g.login, g.moderator = login, login.moderator
    language.speak(login.moderator.lang or language.choose(), language.choose(), login.moderator.timezone)
    if request.method not in SAFE_METHODS:
        # Extends the session; committed by the view.
        login.prolong(session_lasts())


def session_lasts() -> Lasts:
    config = current_app.config
    return Lasts(
        timedelta(hours=config["SESSION_HOURS"]),
        timedelta(days=config["SESSION_DAYS"]),
        timedelta(hours=config["OIDC_HOURS"]),
    )


def _to_factors() -> Any:
    """Until a required second factor is set up, only the account page is there."""
    if (
        request.blueprint in WITHOUT_FACTOR
        or this_login().factor_checked
        or not (site := factors.missing_for(current_moderator()))
    ):
        return None
    if wants_fragment():
        factors.require(current_moderator())
    flash(_("Set up a second factor first: %(site)s requires it for your role.", site=site.name))
    return redirect(url_for("profile.show", _anchor="factors"), 303)


def _to_login() -> Any:
    if wants_fragment():
        raise Refused("logged_out", str(LOGGED_OUT), status=401)
    if request.method in SAFE_METHODS:
        return redirect(url_for("account.login", next=this_page()), 303)
    flash(_("Your last action was not saved. Log in and repeat it."))
    return redirect(url_for("account.login", next=own_path(request.form.get("next", ""))), 303)
