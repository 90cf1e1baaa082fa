"""The house checks on the settings page, all off by default."""

from flask_babel import lazy_gettext as _l

from app.forms.control import Control

HOUSE_CHECKS = {
    "hold_no_japanese": Control(
        _l("Hold comments without Japanese"), _l("Links do not count. Trusted authors are not held.")
    ),
    "least_japanese": Control(_l("Hold comments with fewer than"), "", _l("Japanese characters"), _l("Off")),
    "hold_phone_numbers": Control(
        _l("Hold telephone numbers"), _l("The passage is marked for the moderator, who can cover it.")
    ),
    "hold_postal_addresses": Control(_l("Hold postal addresses"), _l("Precise to the house or the postcode.")),
    "hold_my_numbers": Control(_l("Hold My Numbers"), _l("Twelve digits, as on the Japanese card.")),
    "hold_emails": Control(_l("Hold email addresses"), _l("Also spelt ones, such as “taro [at] example.com”.")),
}
