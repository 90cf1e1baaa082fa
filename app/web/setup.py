"""The front page, and the first account in the browser."""

from typing import Any

from flask import Blueprint, redirect, render_template, request, session, url_for

from app.abuse import address
from app.database import read_only, write_transaction
from app.desk import first_run, new_site
from app.desk.accounts import words_about, words_of_host
from app.forms.new_site import SetupForm
from app.lib import language
from app.lib.passwords import new_hash
from app.models import Login, Moderator, audit
from app.models.audit import Event
from app.web import device
from app.web.access import SESSION_KEY, current_login, session_lasts

bp = Blueprint("setup", __name__)


@bp.get("/")
def front() -> Any:
    """The queue, the log-in, or how to begin."""
    if first_run.is_needed():
        return render_template("setup/front.html")
    return redirect(url_for("queue.show" if current_login() else "account.login"), 303)


@bp.get("/setup/<token>")
def show(token: str) -> str:
    _speak()
    first_run.check(token)
    return _page(SetupForm(formdata=None))


@bp.post("/setup/<token>")
def make(token: str) -> Any:
    """Create account and site, and log the owner in."""
    read_only()
    lang = _speak()
    first_run.check(token)
    form = SetupForm()
    form.own_words = own_words = _own_words(form)
    if not form.validate():
        return _page(form), 422
    hashed = new_hash(form.password.data or "", own_words)
    with write_transaction():
        owner = first_run.make_owner(
            token, name=form.name.data or "", email=form.email.data or "", password_hash=hashed, lang=lang
        )
        key = _first_site(form, owner)
        login = Login.start(owner, session_lasts(), device.place())
        audit.record(Event.LOGIN, by=owner, account=owner, network=address.network(address.client()))
    first_run.forget_file(token)
    session.clear()
    session[SESSION_KEY] = login
    return redirect(url_for("start.show", key=key), 303)


def _first_site(form: SetupForm, owner: Moderator) -> str:
    site = new_site.add(
        form.site_name.data or "", form.address.data or "", lang=form.lang.data, timezone=form.timezone.data, by=owner
    )
    return site.key


def _own_words(form: SetupForm) -> list[str]:
    names = words_about(form.name.data or "", form.email.data or "", [])
    return [*names, form.site_name.data or "", words_of_host(form.address.data or "")]


def _speak() -> str:
    return language.speak(request.values.get("page_lang", "") or language.choose(), language.choose())


def _page(form: SetupForm) -> str:
    return render_template("setup/page.html", form=form, wrong=bool(form.errors))
