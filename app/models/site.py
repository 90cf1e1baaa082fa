"""A site: allowed origins, settings, and the state of its burst protection."""

import re
import secrets
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from flask import current_app
from sqlalchemy import JSON, String, Text, cast, false, or_, select, update
from sqlalchemy.orm import Mapped, mapped_column, validates

from app.database import rows_changed
from app.extensions import Id, Model, db
from app.lib.clock import LEEWAY, Moment, happened_since, is_over, is_running, now
from app.lib.secrets import Encrypted, is_unreadable
from app.lib.urls import is_allowed
from app.models.commenters import Commenters
from app.models.own_reason import OwnReason

KEY = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")


# A moderator can review this many comments within a minute.
FEWEST_IN_A_BURST = 30
TIMES_THE_BUSIEST = 3
ANSWERS_NOTED = 50
# Limit of an IPv6 /48 as a multiple of that of one network: it may be many people, or one who changes networks.
WIDE_TIMES = 4
# Names of staff that readers may not use; the newest ones.
MOST_STAFF_NAMES = 50


class Site(Model):
    __tablename__ = "site"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    key: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    lang: Mapped[str] = mapped_column(String(8), default="ja")
    timezone: Mapped[str] = mapped_column(String(64), default="Asia/Tokyo")
    # False for the default, which is certain only for Japanese sites.
    timezone_chosen: Mapped[bool] = mapped_column(default=True)
    origins: Mapped[list[str]] = mapped_column(JSON, default=list)
    created_at: Mapped[datetime] = mapped_column(Moment, default=now)
    # When a page of the site first showed its thread.
    first_view_at: Mapped[datetime | None] = mapped_column(Moment)
    # Part of every cache key.
    version: Mapped[int] = mapped_column(default=1)
    # Increases when a rule changes, so that processes recompile their rules.
    rules_version: Mapped[int] = mapped_column(default=1)
    # Unless `score_acts`, scores are only shown. At most one in so many honest comments may be held, or called spam, by
    # the score alone (screening/thresholds.py); 0: none.
    score_acts: Mapped[bool] = mapped_column(default=False)
    score_publishes: Mapped[bool] = mapped_column(default=False)
    hold_one_in: Mapped[int] = mapped_column(default=100, server_default="100")
    spam_one_in: Mapped[int] = mapped_column(default=1000, server_default="1000")
    # When it was turned on; when it turned itself off (desk/score_guard.py), until it is turned on again.
    score_acts_since: Mapped[datetime | None] = mapped_column(Moment)
    score_stepped_back_at: Mapped[datetime | None] = mapped_column(Moment)
    # Days after which a public comment without a report teaches the score that it is fine; 0: never. Comments up to
    # `settled_until` have been looked at (spam/settling.py).
    settle_days: Mapped[int] = mapped_column(default=7, server_default="7")
    settled_until: Mapped[datetime | None] = mapped_column(Moment)
    # Seed of the avatars, so that an author has different ones on each site.
    avatar_key: Mapped[str] = mapped_column(String(64), default=lambda: secrets.token_hex(32))

    # Offset of the ids of a restored archive, by table.
    archive_shift: Mapped[dict[str, int]] = mapped_column(JSON, default=dict)

    open: Mapped[bool] = mapped_column(default=True)
    # Open pages ask for new comments.
    live_updates: Mapped[bool] = mapped_column(default=True)
    # Search engines may list the page at /thread.
    index_thread: Mapped[bool] = mapped_column(default=False)
    # Who may comment, unless section or article say otherwise (commenters.py), and where members log in.
    commenters: Mapped[str] = mapped_column(
        String(8), default=Commenters.EVERYONE, server_default=Commenters.EVERYONE.value
    )
    login_url: Mapped[str] = mapped_column(Text, default="", server_default="")
    name_required: Mapped[bool] = mapped_column(default=True)
    email_required: Mapped[bool] = mapped_column(default=True)
    website_required: Mapped[bool] = mapped_column(default=False)
    max_depth: Mapped[int] = mapped_column(default=5)
    page_size: Mapped[int] = mapped_column(default=50)
    edit_minutes: Mapped[int] = mapped_column(default=15)
    hold_all: Mapped[bool] = mapped_column(default=True)
    approvals_needed: Mapped[int] = mapped_column(default=1)
    max_links: Mapped[int] = mapped_column(default=2)
    # Hold comments of blocked authors instead of marking them as spam; authors see no difference.
    hold_blocked: Mapped[bool] = mapped_column(default=False)
    min_seconds: Mapped[int] = mapped_column(default=2)
    # House checks (app/screening/house_checks.py).
    hold_no_japanese: Mapped[bool] = mapped_column(default=False, server_default=false())
    least_japanese: Mapped[int] = mapped_column(default=0, server_default="0")
    hold_phone_numbers: Mapped[bool] = mapped_column(default=False, server_default=false())
    hold_postal_addresses: Mapped[bool] = mapped_column(default=False, server_default=false())
    hold_my_numbers: Mapped[bool] = mapped_column(default=False, server_default=false())
    hold_emails: Mapped[bool] = mapped_column(default=False, server_default=false())
    flood_per_author: Mapped[int] = mapped_column(default=6)
    # Within 24 hours; 0: no limit.
    daily_per_author: Mapped[int] = mapped_column(default=50)
    flood_per_address: Mapped[int] = mapped_column(default=30)
    # Comments within a minute that count as a burst; 0: automatic.
    flood_per_site: Mapped[int] = mapped_column(default=0)
    busiest_minute: Mapped[int] = mapped_column(default=0)
    learnt_at: Mapped[datetime | None] = mapped_column(Moment)
    # Until then, a burst holds all comments.
    pressed_until: Mapped[datetime | None] = mapped_column(Moment)
    akismet_key: Mapped[str] = mapped_column(Encrypted, default="")
    akismet_blog: Mapped[str] = mapped_column(Text, default="")
    # The newest answers, s for spam and h for ham; and the last error about the key.
    akismet_answers: Mapped[str] = mapped_column(String(50), default="")
    akismet_alert: Mapped[str] = mapped_column(String(200), default="")
    close_after_days: Mapped[int] = mapped_column(default=0)
    # Signs the state of an article in an attribute of its page; '': no such claim is taken.
    state_key: Mapped[str] = mapped_column(Encrypted, default="")
    # Open reports that move a comment to the urgent lane, and that hide it; 0: never.
    reports_needed: Mapped[int] = mapped_column(default=1)
    reports_to_hide: Mapped[int] = mapped_column(default=0)
    # The brake of an article: if more than `brake_percent` of its last `brake_decisions` were rejections (0: never), or
    # with `brake_reports` within ten minutes (0: never), it holds everything for `brake_minutes`.
    brake_decisions: Mapped[int] = mapped_column(default=10)
    brake_percent: Mapped[int] = mapped_column(default=60)
    brake_reports: Mapped[int] = mapped_column(default=5)
    brake_minutes: Mapped[int] = mapped_column(default=60)
    # Legal notices are taken, and are to be answered within so many days.
    notices: Mapped[bool] = mapped_column(default=True)
    notice_days: Mapped[int] = mapped_column(default=7)
    public_summary: Mapped[bool] = mapped_column(default=False)
    # Per cent of moderators' decisions that another moderator decides again, blind; 0: none (asked_opinion.py).
    second_opinions: Mapped[int] = mapped_column(default=0, server_default="0")
    # Own texts for authors of rejected comments, by reason and language; others are the usual ones.
    reason_texts: Mapped[dict[str, dict[str, str]]] = mapped_column(JSON, default=dict)
    # Reasons of the site's own (own_reason.py), and replies for its staff (saved_reply.py); read by the desk alone.
    own_reasons: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list, deferred=True)
    saved_replies: Mapped[list[dict[str, str]]] = mapped_column(JSON, default=list, deferred=True)
    # Sections of its articles (section.py).
    sections: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    # Readers can mark comments as helpful.
    votes: Mapped[bool] = mapped_column(default=False)
    # Badge of replies by staff ('': the usual word), the least role that may write them, and the names that they had.
    staff_badge: Mapped[str] = mapped_column(String(40), default="")
    staff_role: Mapped[str] = mapped_column(String(16), default="moderator")
    # The least role that needs a second factor; '' for none.
    factor_role: Mapped[str] = mapped_column(String(16), default="", server_default="")
    staff_names: Mapped[list[str]] = mapped_column(JSON, default=list)
    # Days after which data is deleted; 0: never.
    keep_address_days: Mapped[int] = mapped_column(default=90)
    keep_spam_days: Mapped[int] = mapped_column(default=30)
    keep_revision_days: Mapped[int] = mapped_column(default=365)
    keep_vote_days: Mapped[int] = mapped_column(default=30)
    keep_notice_days: Mapped[int] = mapped_column(default=1095)

    @property
    def hosts(self) -> set[str]:
        """Hosts of the site's own pages."""
        return {urlsplit(origin).hostname or "" for origin in self.origins}

    @property
    def edit_window(self) -> timedelta:
        return timedelta(minutes=self.edit_minutes)

    @property
    def is_pressed(self) -> bool:
        return is_running(self.pressed_until, _hold())

    @property
    def burst(self) -> int:
        """Comments within a minute that count as a burst; 0: no limit."""
        if self.flood_per_site or not self.flood_per_address:
            return self.flood_per_site
        return max(FEWEST_IN_A_BURST, TIMES_THE_BUSIEST * self.busiest_minute)

    def note_answer(self, *, spam: bool) -> bool:
        """Record an answer of Akismet; True after so many consecutive `spam` that it is no longer trusted.

        A key that had become invalid answered like that.
        """
        self.akismet_answers = (self.akismet_answers + ("s" if spam else "h"))[-ANSWERS_NOTED:]
        return self.akismet_is_mad

    @property
    def akismet_address(self) -> str:
        """The site's address as registered with Akismet."""
        return self.akismet_blog or f"{self.origins[0]}/" if self.origins else self.akismet_blog

    @property
    def akismet_is_mad(self) -> bool:
        return self.akismet_answers == "s" * ANSWERS_NOTED

    @validates("score_acts")
    def _begin_again(self, _name: str, acts: bool) -> bool:
        if acts and not self.score_acts:
            self.score_acts_since, self.score_stepped_back_at = now(), None
        return acts

    @validates("akismet_key")
    def _forget_answers(self, _name: str, key: str) -> str:
        """Earlier answers belong to another key."""
        if key != self.akismet_key:
            self.akismet_answers = self.akismet_alert = ""
        return key

    def press(self, until: datetime, *, renewed_before: datetime) -> bool:
        """Hold all comments until then; True if they were not held before.

        Renewed only if it ends before `renewed_before`, to save writes for each comment of a burst.
        """
        if self.pressed_until and renewed_before <= self.pressed_until <= until + LEEWAY:
            return False
        quiet = or_(Site.pressed_until.is_(None), is_over(Site.pressed_until, _hold()))
        fresh = rows_changed(update(Site).where(Site.id == self.id, quiet).values(pressed_until=until))
        if not fresh:
            renewed = update(Site).where(Site.id == self.id, Site.pressed_until < renewed_before)
            rows_changed(renewed.values(pressed_until=until))
        db.session.refresh(self, ["pressed_until"])
        return fresh == 1

    def change(self, settings: dict[str, Any]) -> None:
        """Apply validated settings and increase `version` if one changed."""
        changed = {name: value for name, value in settings.items() if self._is_new(name, value)}
        for name, value in changed.items():
            setattr(self, name, value)
        self.timezone_chosen = self.timezone_chosen or "timezone" in settings
        self.version += bool(changed)

    @property
    def reasons(self) -> list[OwnReason]:
        """The site's own reasons, in the order of its menu."""
        return [OwnReason(**each) for each in self.own_reasons]

    @property
    def own_codes(self) -> set[str]:
        return {each.code for each in self.reasons}

    def own_reason(self, code: str) -> OwnReason | None:
        return next((each for each in self.reasons if each.code == code), None)

    def reserve_name(self, name: str) -> None:
        """Reserve a name of staff: readers who use it are held."""
        if name not in self.staff_names:
            self.staff_names = [*self.staff_names, name][-MOST_STAFF_NAMES:]

    @classmethod
    def note_first_view(cls, id: int) -> None:
        rows_changed(update(cls).where(cls.id == id, cls.first_view_at.is_(None)).values(first_view_at=now()))

    def lock(self) -> bool:
        """Reload the site and lock it until the transaction ends; False if it was deleted."""
        same = select(Site).where(Site.id == self.id).with_for_update(read=True, key_share=True)
        return db.session.scalar(same.execution_options(populate_existing=True)) is not None

    def _is_new(self, name: str, value: Any) -> bool:
        """An unreadable value is shown empty in the settings; submitted empty, its ciphertext stays."""
        today = getattr(self, name)
        return today != value and not (is_unreadable(today) and value == "")

    @classmethod
    def learnt_before(cls, moment: datetime) -> "Site | None":
        """A site whose normal rate was never learnt, or not since then."""
        return db.session.scalar(
            select(cls).where(or_(cls.learnt_at.is_(None), ~happened_since(cls.learnt_at, moment))).limit(1)
        )

    @classmethod
    def with_key(cls, key: str) -> "Site | None":
        """The site with this key; no query for an invalid key."""
        if not KEY.fullmatch(key):
            return None
        return db.session.scalar(select(cls).where(cls.key == key))

    @classmethod
    def any_allows(cls, origin: str) -> bool:
        """True if this origin, as browsers write it, is one of a site's."""
        # The text of JSON is compared first: thousands of sites are no records for a request of an unknown page.
        like = select(cls.origins).where(cast(cls.origins, Text).icontains(origin, autoescape=True))
        return any(is_allowed(origin, origins) for origins in db.session.scalars(like))

    @classmethod
    def all(cls) -> list["Site"]:
        return list(db.session.scalars(select(cls).order_by(cls.key)))

    def __repr__(self) -> str:
        return f"<Site {self.key}>"


def _hold() -> timedelta:
    return timedelta(seconds=current_app.config["FLOOD_HOLD"])
