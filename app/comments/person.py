"""A person: all authors with one email address, on one site or all, or a member of the publisher."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import func, select
from sqlalchemy.orm import joinedload

from app.database import among
from app.extensions import db
from app.lib import address_forms
from app.lib.language import speaking
from app.models import Author, Comment, Notice, Rule, Site, Subject

# Before the ID of a member.
MEMBER = "member:"


@dataclass
class Person:
    """All authors with one email address on these sites.

    Authors with the same address count as one person, whatever their tokens: if in doubt, more is erased rather than
    less. `email` is '' for a member without one. `asked`: the address, or the member's ID, by which they were found.
    """

    email: str
    authors: list[Author]
    site_ids: list[int] | None = None
    asked: str = ""

    @property
    def is_known(self) -> bool:
        """True with comments or legal notices."""
        return bool(self.authors or self.notices())

    @property
    def names(self) -> list[str]:
        """All names of the person, longest first."""
        rows = db.session.scalars(select(Comment.name).where(self._is_author).distinct())
        placeholders = {deleted_author_name(author.site) for author in self.authors}
        found = {*rows, *(author.name for author in self.authors)} - {"", *placeholders}
        return sorted(found, key=lambda name: (-len(name), name))

    @property
    def _is_author(self) -> Any:
        return Comment.author_id.in_(among([author.id for author in self.authors]))

    def comments(self, after: int = 0, limit: int | None = None) -> list[Comment]:
        query = select(Comment).where(self._is_author, Comment.id > after)
        with_thread = query.options(joinedload(Comment.thread, innerjoin=True))
        return list(db.session.scalars(with_thread.order_by(Comment.id).limit(limit)))

    def count(self) -> Counter[str]:
        by_status = select(Comment.status, func.count()).where(self._is_author).group_by(Comment.status)
        return Counter({row[0]: row[1] for row in db.session.execute(by_status)})

    def rules(self) -> list[Rule]:
        """Rules about the address or one of the authors."""
        query = select(Rule).where(Rule.subject.in_((Subject.AUTHOR, Subject.EMAIL)))
        if self.site_ids is not None:
            query = query.where(Rule.site_id.in_(self.site_ids))
        return [rule for rule in db.session.scalars(query) if self._is_subject_of(rule)]

    def notices(self) -> list[Notice]:
        """Legal notices that were sent with the address."""
        query = select(Notice)
        if self.site_ids is not None:
            query = query.where(Notice.site_id.in_(self.site_ids))
        return [each for each in db.session.scalars(query) if self._is_named_in(each.email)]

    def _is_named_in(self, text: str) -> bool:
        return bool(self.email) and address_forms.contains(text, self.email)

    def _is_subject_of(self, rule: Rule) -> bool:
        if rule.subject == Subject.EMAIL:
            return self._is_named_in(rule.value)
        return (rule.site_id, rule.value) in {(author.site_id, str(author.id)) for author in self.authors}


def find(asked: str, site: Site | None = None) -> Person:
    """The person with this email address, or on one site the member "member:ID"."""
    asked = asked.strip()
    if site and asked.startswith(MEMBER):
        return _find_member(asked, site)
    ids = [site.id] if site else db.session.scalars(select(Site.id)).all()
    return Person(asked, Author.with_email(ids, asked), [site.id] if site else None, asked)


def _find_member(asked: str, site: Site) -> Person:
    member = Author.of_member(site, asked.removeprefix(MEMBER))
    email = member.email if member else ""
    others = Author.with_email([site.id], email) if email else []
    authors = {each.id: each for each in (member, *others) if each}
    return Person(email, [*authors.values()], [site.id], asked)


def deleted_author_name(site: Site) -> str:
    """The placeholder for an erased name, in the site's language."""
    with speaking(site.lang):
        return str(_("Deleted author"))
