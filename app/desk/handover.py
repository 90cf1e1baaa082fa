"""Hand-over notes for the next moderator of a site."""

from app.extensions import db
from app.models import Handover, Moderator, Site, audit
from app.models.audit import Event


def write(site: Site, text: str, *, by: Moderator) -> None:
    """Replace the site's note; the same text by the same moderator changes nothing, as after a lost answer."""
    if any((each.text, each.moderator_id) == (text, by.id) for each in Handover.current([site.id])):
        return
    Handover.end(site)
    db.session.add(Handover(site_id=site.id, moderator_id=by.id, text=text))
    # The log is kept for years, so without the text.
    audit.record(Event.HANDOVER_WRITTEN, by=by, site=site)


def clear(site: Site, *, by: Moderator) -> None:
    if Handover.end(site):
        audit.record(Event.HANDOVER_CLEARED, by=by, site=site)
