"""A moderator: account, and roles on sites."""

import json
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import JSON, ForeignKey, Row, String, Text, bindparam, cast, event, false, func, or_, select, true
from sqlalchemy.orm import Mapped, contains_eager, joinedload, mapped_column, relationship

from app.extensions import Id, Model, db
from app.lib.clock import Moment, now
from app.lib.mailbox import one_form
from app.lib.secrets import BlindIndex, Encrypted, Index, blind_index
from app.models.site import Site

# Not a hash, so no password matches.
NO_PASSWORD = "!"  # noqa: S105


class Role(StrEnum):
    OWNER = "owner"
    ADMIN = "admin"
    MODERATOR = "moderator"

    def reaches(self, least: "Role") -> bool:
        """True if this role includes `least`: moderators decide, admins also change settings, owners also manage
        members."""
        order = (Role.MODERATOR, Role.ADMIN, Role.OWNER)
        return order.index(self) >= order.index(least)


class Emails(StrEnum):
    """Which emails about comments a moderator gets."""

    DIGEST = "digest"
    # Urgent comments at once, the others in the digest.
    BOTH = "both"
    URGENT = "urgent"
    NONE = "none"

    @property
    def at_once(self) -> bool:
        return self in (Emails.BOTH, Emails.URGENT)


class Moderator(Model):
    __tablename__ = "moderator"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(400))
    email: Mapped[str] = mapped_column(Encrypted)
    email_index: Mapped[str] = mapped_column(BlindIndex, unique=True)
    password_hash: Mapped[str] = mapped_column(String(200))
    password_set_at: Mapped[datetime] = mapped_column(Moment, default=now)
    lang: Mapped[str] = mapped_column(String(8), default="")
    keys_on: Mapped[bool] = mapped_column(default=True)
    # Owner of the installation: adds sites, sees the system page and the whole audit log.
    is_operator: Mapped[bool] = mapped_column(default=False, server_default=false())
    created_at: Mapped[datetime] = mapped_column(Moment, default=now)
    # When the last digest was prepared.
    digest_at: Mapped[datetime | None] = mapped_column(Moment)
    emails: Mapped[str] = mapped_column(String(8), default=Emails.DIGEST, server_default=Emails.DIGEST.value)
    # Hours of the day in `timezone` without email; None for no quiet hours.
    quiet_from: Mapped[int | None]
    quiet_until: Mapped[int | None]
    # Comments that are hard to read: covered until opened, and how many in a row; minutes until a break. 0 is off.
    cover_hard: Mapped[bool] = mapped_column(default=True, server_default=true())
    hard_in_a_row: Mapped[int] = mapped_column(default=5, server_default="5")
    pause_minutes: Mapped[int] = mapped_column(default=45, server_default="45")

    # The account of an access token: it gets no email, and cannot log in.
    is_program: Mapped[bool] = mapped_column(default=False, server_default=false())

    # An account may have thousands: pages ask for what they show.
    memberships: Mapped[list["Membership"]] = relationship(back_populates="moderator", cascade="all, delete-orphan")

    @staticmethod
    def index_of(email: str) -> Index:
        return blind_index("moderator", one_form(email).casefold())

    @classmethod
    def with_email(cls, email: str) -> "Moderator | None":
        """The person with this address."""
        return db.session.scalar(select(cls).where(cls.email_index == cls.index_of(email), ~cls.is_program))

    @classmethod
    def all(cls) -> list["Moderator"]:
        """All people with an account."""
        return list(db.session.scalars(select(cls).where(~cls.is_program).order_by(cls.id)))

    @classmethod
    def digests_of(cls, site: Site) -> Sequence[Row[int, datetime | None, str]]:
        """Ids of the site's moderators who want email, with the time of their last digest and their choice, without
        loading records."""
        return db.session.execute(_DIGESTS, {"site": site.id}).all()

    @classmethod
    def names_on(cls, site: Site) -> Sequence[str]:
        """Names of the site's moderators, without loading records."""
        return db.session.connection().scalars(_NAMES, {"site": site.id}).all()

    @classmethod
    def names_of(cls, ids: Collection[int]) -> dict[int, str]:
        rows = db.session.execute(select(cls.id, cls.name).where(cls.id.in_(ids)))
        return {row.id: row.name for row in rows}

    @property
    def has_password(self) -> bool:
        return self.password_hash != NO_PASSWORD

    @property
    def is_owner(self) -> bool:
        """Of the installation or a site."""
        owned = select(Membership.site_id).where(Membership.moderator_id == self.id, Membership.role == Role.OWNER)
        return self.is_operator or db.session.scalar(owned.limit(1)) is not None

    @property
    def site_ids(self) -> list[int]:
        """In ascending order."""
        return self._scope[0]

    @property
    def limits(self) -> dict[int, list[str]]:
        """Keys of the only sections that the account moderates, by site; without the sites that it moderates whole."""
        return self._scope[1]

    @cached_property
    def _scope(self) -> tuple[list[int], dict[int, list[str]]]:
        mine = select(Membership.site_id, Membership.role, cast(Membership.sections, Text))
        rows = db.session.execute(mine.where(Membership.moderator_id == self.id).order_by(Membership.site_id)).all()
        limited = [
            (id, json.loads(sections)) for id, role, sections in rows if role == Role.MODERATOR and sections != "[]"
        ]
        return [row[0] for row in rows], {id: sections for id, sections in limited if sections}

    @cached_property
    def timezone(self) -> str:
        """Time zone of the days and times on pages about several sites: the first site's."""
        first = select(Site.timezone).join(Membership, Membership.site_id == Site.id)
        mine = first.where(Membership.moderator_id == self.id).order_by(Membership.site_id).limit(1)
        return db.session.scalar(mine) or "UTC"

    def membership_on(self, site_id: int) -> "Membership | None":
        return self._found[site_id] if site_id in self._found else self._find(site_id)

    @cached_property
    def _found(self) -> dict[int, "Membership | None"]:
        return {}

    def _find(self, site_id: int) -> "Membership | None":
        mine = select(Membership).where(Membership.moderator_id == self.id, Membership.site_id == site_id)
        self._found[site_id] = found = db.session.scalar(mine)
        return found

    def sites(self, *conditions: Any) -> Sequence[Site]:
        """Those of the account's sites for which this is true."""
        mine = select(Membership.site_id).where(Membership.moderator_id == self.id)
        return db.session.scalars(select(Site).where(Site.id.in_(mine), *conditions).order_by(Site.name, Site.id)).all()

    def quiet_end(self, moment: datetime) -> datetime | None:
        """When the quiet hours around `moment` end; None outside of them."""
        start, end = self.quiet_from, self.quiet_until
        here = moment.astimezone(ZoneInfo(self.timezone))
        if start is None or end is None or (here.hour - start) % 24 >= (end - start) % 24:
            return None
        over = here.replace(hour=end, minute=0, second=0, microsecond=0)
        return (over if over > here else over + timedelta(days=1)).astimezone(UTC)

    def role_on(self, site_id: int) -> Role | None:
        membership = self.membership_on(site_id)
        return Role(membership.role) if membership else None

    def __repr__(self) -> str:
        return f"<Moderator {self.id}>"


class Membership(Model):
    __tablename__ = "membership"

    moderator_id: Mapped[int] = mapped_column(ForeignKey("moderator.id", ondelete="CASCADE"), primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id", ondelete="CASCADE"), primary_key=True)
    role: Mapped[str] = mapped_column(String(16), default=Role.MODERATOR)
    # Keys of the sections that a moderator moderates; without any, the whole site. Admins and owners have no limit.
    sections: Mapped[list[str]] = mapped_column(JSON, default=list)
    # Owners see what an account did since then.
    joined_at: Mapped[datetime] = mapped_column(Moment, default=now, server_default=func.now())
    # Given for a group of the identity provider, and taken back when it is gone.
    by_group: Mapped[bool] = mapped_column(default=False, server_default=false())
    # Name above this moderator's replies; '': the site's name.
    alias: Mapped[str] = mapped_column(String(400), default="")

    moderator: Mapped[Moderator] = relationship(back_populates="memberships")
    site: Mapped[Site] = relationship()

    @property
    def limits(self) -> list[str]:
        """Keys of the only sections that this member moderates; [] for the whole site (section_scope.py)."""
        return self.sections if self.role == Role.MODERATOR else []

    @classmethod
    def of_site(cls, site: Site) -> list["Membership"]:
        """The site's members, without programs."""
        of_people = cls.site_id == site.id, cls.moderator.has(is_program=False)
        query = select(cls).where(*of_people).options(joinedload(cls.moderator))
        return list(db.session.scalars(query.order_by(cls.moderator_id)))

    @classmethod
    def page_of(cls, moderator: Moderator, asked: str, *, at: int, limit: int) -> Sequence["Membership"]:
        """The account's memberships by name of the site, from the place `at` on; with `asked` in name or key."""
        query = select(cls).join(cls.site).where(cls.moderator_id == moderator.id).options(contains_eager(cls.site))
        if asked:
            query = query.where(or_(*(each.icontains(asked, autoescape=True) for each in (Site.name, Site.key))))
        return db.session.scalars(query.order_by(Site.name, Site.id).offset(at).limit(limit)).all()

    @classmethod
    def for_aliases(cls, moderator: Moderator, *, most: int, only_named: bool) -> Sequence["Membership"]:
        """The account's memberships by name of the site; with `only_named` those with an alias."""
        query = select(cls).join(cls.site).where(cls.moderator_id == moderator.id).options(contains_eager(cls.site))
        named = (cls.alias != "",) if only_named else ()
        return db.session.scalars(query.where(*named).order_by(Site.name, Site.id).limit(most)).all()

    @classmethod
    def owners_of(cls, site: Site, *, for_update: bool = False) -> list["Membership"]:
        """The site's owners; `for_update` serialises two owners who leave at once."""
        query = select(cls).where(cls.site_id == site.id, cls.role == Role.OWNER).order_by(cls.moderator_id)
        return list(db.session.scalars(query.with_for_update(of=cls) if for_update else query))


# Read once from an account's memberships, until they change or the record is expired.
_KEPT = ("_scope", "timezone", "_found")


def _forget(moderator: Moderator | None, *_more: Any) -> None:
    # None: nothing refers to the expired record any longer.
    for name in _KEPT if moderator else ():
        vars(moderator).pop(name, None)


event.listen(Moderator, "expire", _forget)
event.listen(Moderator, "refresh", _forget)
for _change in ("append", "remove"):
    event.listen(Moderator.memberships, _change, _forget)


_DIGESTS = (
    select(Moderator.id, Moderator.digest_at, Moderator.emails)
    .join(Membership)
    .where(Membership.site_id == bindparam("site"), Moderator.emails != Emails.NONE)
    .order_by(Moderator.id)
)
_NAMES = select(Moderator.name).join(Membership).where(Membership.site_id == bindparam("site"))
