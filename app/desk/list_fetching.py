"""Fetch a shared list from its publisher, within limits, and verify its signature."""

from typing import NamedTuple

from flask import current_app
from flask_babel import gettext as _

from app.desk.list_words import trouble_in_words
from app.errors import Refused
from app.extensions import db
from app.lib import http_client, signed_list
from app.lib.http_client import NoAnswer
from app.lib.secrets import blind_index
from app.lib.signed_list import BadList
from app.lib.urls import safe_url
from app.models import Moderator, Rate, RateLimit, Site
from app.models.audit import Who
from app.models.shared_list import LONGEST_ETAG, LONGEST_URL
from app.version import VERSION

AGENT = f"Kaiwa/{VERSION} (lists)"
# A person waits for it in a thread of the web server.
SECONDS = 10.0
LOOKS = Rate(10, 30.0)


class Fetched(NamedTuple):
    """A file with a valid signature; nothing of its content has been accepted yet."""

    key: str
    payload: bytes
    etag: str = ""


def checked_url(typed: str, by: Moderator | Who) -> str:
    """The address in ASCII. Raises Refused (422).

    Services of this machine trust local requests: only an owner of the installation may choose one of them, unless
    Kaiwa itself is reached by a local address.
    """
    try:
        url = safe_url(typed.strip()).partition("#")[0] if len(typed) <= LONGEST_URL else ""
    except ValueError:
        url = ""
    if not url or len(url) > LONGEST_URL or not http_client.is_allowed(url):
        said = _("Enter the address of a list. It begins with https:// and usually ends with .json.")
        raise Refused("bad_url", said, field="url")
    if http_client.is_loopback(url) and not _may_use_loopback(by):
        said = _("Only owners of this installation can use an address of the server itself.")
        raise Refused("bad_url", said, field="url")
    if not http_client.is_loopback(url) and http_client.names_private_address(url):
        said = _("This is an address of a private network. Enter a public one.")
        raise Refused("bad_url", said, field="url")
    return url


def checked_key(typed: str) -> str:
    """Raises Refused (422) for a text that is no public key; '' stays ''."""
    key = typed.strip()
    if key and not signed_list.is_key(key):
        said = _("This is not a public key. Copy it from the publisher’s page: 43 letters, digits, - and _.")
        raise Refused("bad_key", said, field="key")
    return key


def fetch_for_a_person(site: Site, url: str, key: str) -> Fetched:
    take_turn(site.id)
    db.session.commit()
    fetched, trouble = try_fetch(url, key)
    if fetched is None:
        raise refused(trouble)
    return fetched


def take_turn(site_id: int) -> None:
    if wait := RateLimit.take(blind_index("list looks", str(site_id)), LOOKS):
        raise Refused("too_fast", _("Wait a moment before you try again."), status=429, retry_after=wait)


def refused(trouble: str) -> Refused:
    return Refused(trouble, trouble_in_words(trouble), field="key" if trouble == "key" else "url")


def try_fetch(url: str, key: str, etag: str = "") -> tuple[Fetched | None, str]:
    """The verified file, None if it is the known one, or the trouble."""
    headers = {"Accept": "application/json", "User-Agent": AGENT} | ({"If-None-Match": etag} if etag else {})
    try:
        answer = http_client.get(url, headers, seconds=SECONDS, most=signed_list.MAX_BYTES)
        if answer.status == 304 and etag:
            return None, ""
        if answer.status != 200:
            return None, "status"
        signed = signed_list.verify(answer.body, key)
    except NoAnswer as no:
        return None, "too_large" if no.too_large else "unreachable"
    except BadList as bad:
        return None, bad.code
    given = answer.headers.get("ETag", "")
    fits = len(given) <= LONGEST_ETAG and given.isascii() and given.isprintable()
    return Fetched(signed.key, signed.payload, given if fits else ""), ""


def _may_use_loopback(by: Moderator | Who) -> bool:
    if isinstance(by, Moderator):
        return by.is_operator or http_client.is_loopback(current_app.config["PUBLIC_URL"])
    return True
