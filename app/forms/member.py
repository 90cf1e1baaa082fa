"""Who a member is: the claims of an assertion, or of a program."""

from typing import Any

from flask_babel import gettext as _
from wtforms.validators import ValidationError

from app.comments.members import Member
from app.errors import Refused
from app.forms.comment import EMAIL_LENGTH, NAME_LENGTH
from app.forms.email import check_email
from app.forms.length import CODE_POINTS_PER_GRAPHEME
from app.forms.name import DISGUISED, check_name
from app.lib import assertion, grapheme
from app.lib.assertion import BadAssertion
from app.lib.text import clean_line
from app.models import MemberKey, Site
from app.models.author import MEMBER_SUB
from app.models.badge import LONGEST_BADGE
from app.screening.impersonation import imitates_staff_badge, is_disguised


def read_assertion(site: Site, token: str) -> tuple[Member, MemberKey]:
    """The member that a valid assertion names, and the key that signed it. Raises Refused (403, 422)."""
    try:
        key = MemberKey.with_kid(site, assertion.kid_of(token))
        if key is None or not key.key:
            raise BadAssertion("kid")
        claims = assertion.verify(token, key.key, key.algorithm, site.key)
    except BadAssertion as no:
        raise Refused(f"member_{no.reason}", _sentence(no.reason), status=403) from no
    return member_of(site, claims), key


def member_of(site: Site, given: dict[str, Any]) -> Member:
    """The cleaned member. Raises Refused (422) with the name of the wrong claim."""
    sub, name, badge, email = (_text(given, claim) for claim in ("sub", "name", "badge", "email"))
    if not MEMBER_SUB.fullmatch(sub):
        raise _wrong("sub", _("The ID (sub) must have 1 to 200 printable ASCII characters without spaces and @."))
    return Member(sub, _name(site, name), _badge(site, badge), _email(email))


def _text(given: dict[str, Any], claim: str) -> str:
    value = given.get(claim)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _wrong(claim, _("%(claim)s must be a text.", claim=claim))
    return value


def _name(site: Site, typed: str) -> str:
    name = _line("name", typed, NAME_LENGTH)
    if not name:
        raise _wrong("name", _("The log-in has no name."))
    try:
        check_name(name)
    except ValidationError as no:
        raise _wrong("name", str(no)) from no
    if is_disguised(name, site):
        raise _wrong("name", str(DISGUISED))
    return name


def _badge(site: Site, typed: str) -> str:
    badge = _line("badge", typed, LONGEST_BADGE)
    try:
        check_name(badge)
    except ValidationError as no:
        raise _wrong("badge", str(no)) from no
    if badge and imitates_staff_badge(badge, site):
        raise _wrong("badge", _("The badge of a member could be mistaken for the badge of staff."))
    return badge


def _email(typed: str) -> str:
    typed = typed.strip()
    if not typed:
        return ""
    try:
        return check_email(typed if len(typed) <= EMAIL_LENGTH else "")
    except ValidationError as no:
        raise _wrong("email", str(no)) from no


def _line(claim: str, typed: str, most: int) -> str:
    line = clean_line(typed) if len(typed) <= most * CODE_POINTS_PER_GRAPHEME else typed
    if len(line) > most * CODE_POINTS_PER_GRAPHEME or grapheme.count(line) > most:
        raise _wrong(claim, _("%(claim)s is longer than %(most)d characters.", claim=claim, most=most))
    return line


def _wrong(claim: str, sentence: str) -> Refused:
    return Refused(f"bad_{claim}", sentence, field=claim)


def _sentence(reason: str) -> str:
    if reason == "expired":
        return _("Your log-in has expired. Reload the page.")
    return _("This log-in isn’t valid on this site.")
