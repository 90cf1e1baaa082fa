"""The section of a page, as its attribute names it: alone, or with the publisher's signature."""

import re

from app.models import Site, Thread
from app.models.section import SectionBy, sections_of
from app.moderation import page_state

# A section's key and the signature.
SIGNED = re.compile(r"([a-z0-9-]{1,64}) ([0-9a-f]{64})", re.ASCII)


def read(site: Site, page: str, thread: Thread | None, named: str) -> tuple[str, str]:
    """The section that a request names, '' if the site has none such, and the attribute, if it is signed for this page.

    `page`: its own id, else its address, as in its attribute. The signature is '' if nothing follows from it, because
    the thread has the section of an earlier one, or of a moderator.
    """
    if not site.sections or " " not in named:
        return (named if named in sections_of(site) else ""), ""
    found = SIGNED.fullmatch(named)
    section, signature = found.groups() if found else ("", "")
    if section not in sections_of(site) or not page_state.is_signed(site, page, "section", section, signature):
        return "", ""
    return section, "" if thread and thread.section_by == SectionBy.HAND else named
