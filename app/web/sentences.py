"""The few sentences that the widget must be able to say while the service does not answer."""

from flask_babel import lazy_gettext as _

# {n} is filled in by the widget, so these carry no Python placeholders.
SENTENCES = {
    "unread": _("The comments could not be loaded."),
    "unsent": _("Your comment could not be sent. Everything you typed is still here."),
    "retry": _("Try again"),
    "left": _("Characters left: {n}"),
    "over": _("Too long by {n} characters."),
}
