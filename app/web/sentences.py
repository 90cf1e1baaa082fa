"""The two sentences that the widget must be able to say before the service has answered anything."""

from flask_babel import lazy_gettext as _

# All others come with the thread, in its language.
SENTENCES = {
    "unread": _("The comments could not be loaded."),
    "retry": _("Try again"),
}
