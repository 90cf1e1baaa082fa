"""The first account without a shell: a one-time link, printed where the service starts and kept in a private file."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from flask import current_app
from flask_babel import gettext as _
from sqlalchemy import select

from app.errors import Refused
from app.extensions import db
from app.models import Moderator, SetupLink, audit
from app.models.audit import Event, Who

FILE = "setup_link"


def is_needed() -> bool:
    """True while no person has an account."""
    return db.session.scalar(select(Moderator.id).where(~Moderator.is_program).limit(1)) is None


def offer(*, renew: bool = False) -> str:
    """The link; '' if there is an account, or if another machine has printed the link. The caller commits.

    Processes that start together offer the same link. `renew` replaces it.
    """
    if not is_needed():
        return ""
    file = _file()
    row, token = SetupLink.lock(), _token_in(file)
    if row.is_valid and not renew:
        return _link(token) if row.is_of(token) else ""
    token = secrets.token_urlsafe(32)
    _write(file, _link(token))
    row.renew(token)
    return _link(token)


def check(token: str) -> None:
    """Raises Refused (410) unless this link can be used."""
    if not is_needed() or not SetupLink.is_known(token):
        raise Refused("bad_link", _refusal(), status=410)


def make_owner(token: str, *, name: str, email: str, password_hash: str, lang: str) -> Moderator:
    """Spend the link for the account of the installation's owner. Of two requests, one is Refused (410)."""
    if not SetupLink.spend(token) or not is_needed():
        raise Refused("bad_link", _refusal(), status=410)
    owner = Moderator(
        name=name, email=email, email_index=Moderator.index_of(email), password_hash=password_hash, lang=lang,
        is_operator=True,
    )  # fmt: skip
    db.session.add(owner)
    db.session.flush()
    audit.record(Event.ACCOUNT_MADE, by=Who.VISITOR, account=owner, name=name)
    return owner


def forget_file(token: str) -> None:
    """After the commit. The file may be on another machine, or about another database."""
    with suppress(OSError):
        if _token_in(_file()) == token:
            _file().unlink()


def _refusal() -> str:
    if is_needed():
        return str(_("This set-up link is not valid. Restart the service, or run flask setup-link, for a new one."))
    return str(_("Kaiwa is set up already. Log in, or ask the operator for an account."))


def _file() -> Path:
    return Path(current_app.instance_path) / FILE


def _link(token: str) -> str:
    return f"{current_app.config['PUBLIC_URL']}/setup/{token}"


def _token_in(file: Path) -> str:
    try:
        return file.read_text(errors="replace")[:1000].strip().rpartition("/")[2]
    except FileNotFoundError:
        return ""


def _write(file: Path, text: str) -> None:
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as written:
        written.write(f"{text}\n")
    draft.replace(file)
