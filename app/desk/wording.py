"""Change a site's own words, and record it in the audit log."""

from typing import Any

from app.models import Moderator, Site, Wording, audit
from app.models.audit import Event, Who
from app.models.wording import DEFAULTS


def change(site: Site, lang: str, values: dict[str, Any], *, by: Moderator | Who, section: str = "") -> None:
    """Write validated words in one language."""
    found = Wording.of(site, lang, section)
    before = {name: getattr(found, name) if found else usual for name, usual in DEFAULTS.items()}
    Wording.put(site, lang, values, section)
    told = [name for name in DEFAULTS if name != "html" and values[name] != before[name]]
    if told:
        about = f"{section}, {lang}" if section else lang
        changes = {f"{name} ({about})": [before[name], values[name]] for name in told}
        audit.record(Event.SETTINGS_CHANGED, by=by, site=site, changes=changes)
