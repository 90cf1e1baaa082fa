"""What authors of rejected comments read as the reason: a text of the site, or the usual one."""

from typing import Any

from flask_babel import lazy_gettext as _l

from app.lib.language import tag_now
from app.models import Reason, Site

# The statement of reasons (Digital Services Act, article 17).
USUAL: dict[str, Any] = {
    Reason.SPAM: _l("It looks like spam."),
    Reason.OFF_TOPIC: _l("It’s off topic for this article."),
    Reason.ATTACK: _l("It’s a personal attack."),
    Reason.HATE: _l("It attacks people for who they are."),
    Reason.ILLEGAL: _l("We believe this content is unlawful."),
    Reason.PERSONAL_DATA: _l("It shares someone’s personal data."),
    Reason.ADVERTISING: _l("It’s advertising."),
    Reason.DUPLICATE: _l("It duplicates an earlier comment."),
}
NO_REASON = _l("It doesn’t follow this site’s guidelines.")


def text_for(site: Site, code: str) -> str:
    """The text in the current language. One that no moderator chose is that of "other"."""
    if code not in USUAL and (mine := site.own_reason(code)):
        return mine.text(tag_now(), site.lang) or str(NO_REASON)
    own = site.reason_texts.get(code if code in USUAL else Reason.OTHER, {})
    return own.get(tag_now()) or usual_text(code)


def usual_text(code: str) -> str:
    return str(USUAL.get(code, NO_REASON))
