"""The sentences that the widget must be able to say before the service has answered anything."""

from flask_babel import lazy_gettext as _

# All others come with the thread.
SENTENCES = {
    "unread": _("Couldn’t load comments."),
    "retry": _("Try again"),
    "loading": _("Loading comments…"),
    "comments": _("Comments"),
}
