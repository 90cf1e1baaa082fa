"""Members of the publisher as authors: what their server says of them, and our token for it."""

import json
import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app.database import no_index
from app.errors import Refused
from app.extensions import db
from app.lib.clock import LEEWAY, now
from app.lib.secrets import all_keys, decrypt, encrypt, is_unreadable
from app.models import Author, Comment, MemberKey, Site, Thread

# A log-in at the publisher that ends is noticed after this time at the latest.
LIFE = timedelta(hours=12)
PREFIX, PURPOSE = "m.", "tokens of members"
MOST_OWN = 10  # comments of a member that a page gets
LONGEST = 8_000  # characters of our token
# Decoders of base64 skip other characters, and a header cannot send them back.
TOKEN = re.compile(rf"{re.escape(PREFIX)}[A-Za-z0-9_-]+={{0,2}}", re.ASCII)


@dataclass(frozen=True)
class Member:
    """A person with an account at the publisher; cleaned and validated by app/forms/member.py."""

    sub: str
    name: str
    badge: str = ""
    email: str = field(default="", repr=False)


def token_of(site: Site, member: Member, key: MemberKey) -> str:
    """Our token, encrypted: it contains the email address, and nothing of a member is stored until they comment."""
    facts = [member.sub, member.name, member.badge, member.email]
    return PREFIX + encrypt(json.dumps([site.id, key.id, int(now().timestamp()), facts]), PURPOSE)


def is_token(text: str) -> bool:
    return text.startswith(PREFIX)


def member_of(site: Site, token: str) -> Member:
    """The member of a valid token for this site. Raises Refused (403): it has expired, or its key was revoked."""
    claim = _read(token)
    if claim:
        site_id, key_id, made_at, facts = claim
        age = now().timestamp() - made_at
        in_time = -LEEWAY.total_seconds() <= age <= LIFE.total_seconds()
        if site_id == site.id and in_time and MemberKey.is_valid(site.id, key_id):
            return Member(*facts)
    said = _("Your log-in has expired. Log in again; your text is saved here.")
    raise Refused("member_expired", said, status=403)


def _read(token: str) -> list[Any] | None:
    """The claim; None for a text that we did not encrypt for this purpose."""
    if len(token) > LONGEST or not TOKEN.fullmatch(token):
        return None
    text = decrypt(token.removeprefix(PREFIX), all_keys(), PURPOSE)
    return None if is_unreadable(text) else json.loads(text)


def author_of(site: Site, member: Member) -> Author | None:
    return Author.of_member(site, member.sub)


def own_comments(site: Site, member: Member, thread: Thread | None) -> list[Comment]:
    """The member's newest comments in a thread, in every status, oldest first."""
    author = author_of(site, member) if thread and thread.visible else None
    if author is None or thread is None:
        return []
    mine = Comment.author_id == author.id, no_index(Comment.thread_id) == thread.id
    newest = select(Comment).where(*mine).order_by(Comment.id.desc()).limit(MOST_OWN)
    return [*reversed(db.session.scalars(newest).all())]


def obtain_author(site: Site, member: Member) -> Author:
    """The member's author record, inserted with their first comment."""
    if found := author_of(site, member):
        return found
    try:
        with db.session.begin_nested():
            author = Author(site=site, site_id=site.id, member_sub=member.sub)
            author.member_index = Author.index_of_member(site, member.sub)
            author.update_typed(name=member.name, email=member.email, website="")
            db.session.add(author)
        return author
    except IntegrityError:
        found = author_of(site, member)
        if found is None:
            raise
        return found
