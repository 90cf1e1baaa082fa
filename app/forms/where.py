"""The site and page of a request."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from zoneinfo import ZoneInfo

from flask import abort, request
from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict

from app.comments.orders import order_or_default
from app.errors import Refused
from app.forms import signed_section
from app.lib.language import speak
from app.lib.text import clean_line, own_id_of
from app.lib.urls import canonical, is_allowed, page_key
from app.models import Site, Thread, Words, words_of
from app.models.alias import LONGEST_KEY
from app.models.commenters import INHERITED
from app.models.section import Section, SectionBy, for_members, section_at, sections_of
from app.models.site import KEY
from app.models.thread_state import ACCEPTING

# Parameters that name a page.
PARAMETERS = ("site", "url", "thread", "title", "section", "lang", "sort")
TITLE_LENGTH = 500
MOMENT_LENGTH = 40
# Characters that are read, before invisible ones are removed.
READ_LENGTH = 2_000


@dataclass(frozen=True)
class Where:
    """A page of a site, its thread if there is one, and that one's key."""

    site: Site
    thread: Thread | None
    key: str
    url: str
    own_id: str
    title: str
    lang: str
    sort: str
    # A section of the site that the page names in an attribute, or ''; if it is signed, the attribute and the address
    # that the signature is about.
    named_section: str = ""
    section_signature: str = ""
    signed_url: str = ""

    @cached_property
    def words(self) -> Words:
        """The site's own words in the language of this response."""
        return words_of(self.site, self.lang, self.section.key if self.section else "")

    @cached_property
    def section(self) -> Section | None:
        """The page's section: known, else by its path, else claimed by this request."""
        named = sections_of(self.site).get(self.named_section)
        if self.section_signature:
            return named
        if self.thread and self.thread.section_by > SectionBy.CLAIM:
            return self.thread.known_section
        return section_at(self.site, self.key) or named

    @property
    def claimed_section(self) -> str:
        """Key of a section that only this request claims; it is never milder than the thread's own state."""
        by_thread = self.thread and self.thread.section_by > SectionBy.CLAIM
        known = by_thread or self.section_signature or section_at(self.site, self.key)
        return "" if known else self.named_section

    @property
    def is_for_members(self) -> bool:
        """True if only members may comment."""
        claimed = sections_of(self.site).get(self.claimed_section)
        if self.thread and not self.section_signature:
            # Its own key counts: the request's may be an earlier one.
            return self.thread.is_for_members(claimed)
        own = self.thread.commenters if self.thread else INHERITED
        return for_members(self.site, self.key, own, None if claimed else self.section, claimed)

    @property
    def accepts_comments(self) -> bool:
        own = self.thread.accepts_comments() if self.thread else self.site.open
        return own and (self.section is None or self.section.state in ACCEPTING)

    @property
    def fields(self) -> dict[str, str]:
        """For a page with confirmed details, the request's are ignored."""
        named = self.thread if self.thread and self.thread.is_named else None
        return {
            "site": self.site.key,
            "url": self.signed_url or (named.address if named else self.url),
            "thread": self.own_id,
            "title": named.title if named else self.title,
            "section": self.section_signature or self.claimed_section,
            "lang": self.lang,
            "sort": self.sort,
        }

    def claimed(self, given: MultiDict[str, str]) -> dict[str, str]:
        """Details that a post claims; applied when a comment with them is approved."""
        published = moment_of(given.get("published", ""), self.site)
        return {"url": self.url, "title": self.title, "published": published, "section": self.claimed_section}

    def obtain_thread(self) -> Thread:
        """The thread, reloaded in the caller's write transaction or inserted.

        The earlier read had no lock: the thread may have been merged, moved, closed or removed. Raises 404 if the site
        was.
        """
        thread = Thread.locked(self.site, self.key)
        if thread is None:
            self.site.lock() or abort(404)
            thread = Thread.obtain(self.site, key=self.key)
        if self.section_signature and thread.section_by < SectionBy.HAND:
            thread.put_into_section(self.section)
        elif self.claimed_section and self.section and thread.section_by == SectionBy.NOTHING:
            thread.claim_section(self.section)
        return thread


def site_or_404(key: str) -> Site:
    return Site.with_key(key) or abort(404)


def where(given: MultiDict[str, str]) -> Where:
    """Read PARAMETERS from a query or form. Raises 404 or Refused."""
    url, own_id = given.get("url", "").strip(), own_id_of(given.get("thread", ""))
    page, site_key = thread_key(url, ""), given.get("site", "")
    key = thread_key(url, own_id) if own_id else page
    # An invalid key needs no query.
    thread = Thread.of_page(site_key, key) if KEY.fullmatch(site_key) else None
    site = thread.site if thread else site_or_404(site_key)
    lang = speak(given.get("lang", ""), site.lang, site.timezone)
    if not page or not is_allowed(url, site.origins):
        raise Refused("wrong_page", _("This URL doesn’t belong to this site."), field="url")
    section, signature = signed_section.read(site, own_id or url, thread, given.get("section", ""))
    return Where(
        site=site,
        thread=thread,
        key=key,
        url=canonical(url),
        own_id=own_id,
        title=clean_line(given.get("title", "")[:READ_LENGTH])[:TITLE_LENGTH],
        lang=lang,
        sort=order_or_default(given.get("sort"), votes=site.votes),
        named_section=section,
        section_signature=signature,
        signed_url=url if signature and not own_id else "",
    )


def site_or_page(given: MultiDict[str, str]) -> tuple[Site, Where | None]:
    """The site, and the page if one is named. Raises 404 or Refused."""
    if given.get("url", "").strip() or given.get("thread"):
        here = where(given)
        return here.site, here
    site = site_or_404(given.get("site", ""))
    speak(given.get("lang", ""), site.lang, site.timezone)
    return site, None


def moment_of(text: str, site: Site) -> str:
    """A date or time (ISO 8601) in UTC as text; without a zone in the site's. '' for anything else."""
    try:
        moment = datetime.fromisoformat(text.strip()[:MOMENT_LENGTH])
        local = moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(site.timezone))
        return local.astimezone(UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError):
        return ""


def thread_key(url: str, own_id: str) -> str:
    """Key of the thread; '' for none."""
    if own_id:
        return f"id:{own_id}"
    try:
        key = page_key(url)
    except ValueError:
        return ""
    return key if len(key) <= LONGEST_KEY else ""


def key_of(site: Site, url: str) -> str:
    """Key of a page of this site, or ''."""
    return thread_key(url, "") if is_allowed(url, site.origins) else ""


def is_navigation() -> bool:
    """True if a browser navigates; otherwise a program fetches a fragment."""
    mode = request.headers.get("Sec-Fetch-Mode")
    return mode == "navigate" if mode else "text/html" in request.headers.get("Accept", "")
