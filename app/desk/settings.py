"""Change the settings of a site, and record it in the audit log."""

from typing import Any

from app.desk import sections
from app.extensions import db
from app.lib.secrets import Encrypted
from app.models import AskedOpinion, Moderator, Site, audit
from app.models.audit import Event, Who

# Instead of a secret value.
SET = "(set)"


def change(site: Site, settings: dict[str, Any], *, by: Moderator | Who, because: str = "") -> None:
    """Apply validated settings. `because` is a key of the log's words, for changes that no person made."""
    before = {name: getattr(site, name) for name in settings}
    # Two changes at once need two versions: pages are cached by it.
    db.session.refresh(site, ("version",), with_for_update={"key_share": True})
    site.change(settings)
    after = {name: getattr(site, name) for name in settings}
    changed = [name for name in settings if before[name] != after[name]]
    if "origins" in changed:
        sections.follow_paths(site)
    if "second_opinions" in changed and not site.second_opinions:
        # While none is asked, everyone sees all decisions: a question that came back would not be blind.
        AskedOpinion.end_all(site.id)
    if changed:
        changes = {name: [_told(name, before[name]), _told(name, after[name])] for name in changed}
        why: dict[str, Any] = {"because": because} if because else {}
        audit.record(Event.SETTINGS_CHANGED, by=by, site=site, changes=changes, **why)


def _told(name: str, value: Any) -> Any:
    is_secret = isinstance(Site.__table__.c[name].type, Encrypted)
    return (SET if value else "") if is_secret else value
