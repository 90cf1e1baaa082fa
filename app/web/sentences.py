"""Sentences of the widget that do not come with the thread."""

from typing import Any

from flask_babel import lazy_gettext as _
from flask_babel import ngettext

from app.lib.language import plural_forms

# Needed before the service has answered anything.
SENTENCES = {
    "unread": _("Couldn’t load comments."),
    "retry": _("Try again"),
    "loading": _("Loading comments…"),
    "comments": _("Comments"),
}
LIVE = {
    "next": _("Next new comment"),
    "marked": _("New comments are marked “New”."),
    "new": _("New"),
    "elsewhere": _("More new comments are on other pages."),
    "newest": _("Show newest comments"),
    "mute": _("Mute"),
    "muteName": _("Mute %(name)s", name="{}"),
    "unmute": _("Unmute"),
    "unmuteName": _("Unmute %(name)s", name="{}"),
    "muted": _("Muted in this browser only: %(name)s", name="{}"),
    "unmuted": _("Unmuted: %(name)s", name="{}"),
    "show": _("Show"),
    "showBy": _("Show comment by %(name)s", name="{}"),
    "mutes": _("Muted authors (%(num)s)", num="{}"),
    "mutesKept": _("The list is for this site and kept in this browser only. Muted authors aren’t notified."),
    "mutesLost": _("This browser blocks storage: the list lasts until you leave the page."),
}


def replies() -> dict[str, Any]:
    """How many replies a branch has, by plural category, and if more are on another page."""
    forms = plural_forms(lambda number: ngettext("%(num)d reply", "%(num)d replies", number))
    return forms | {"more": str(_("%(num)d+ replies", num=7)).replace("7", "{n}")}


def live_sentences() -> dict[str, Any]:
    """For readers who stay on a page."""
    fresh = plural_forms(lambda number: ngettext("%(num)d new comment", "%(num)d new comments", number))
    return {"fresh": fresh} | {name: str(sentence) for name, sentence in LIVE.items()}
