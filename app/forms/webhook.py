"""A webhook: name, address, format and events."""

from collections.abc import Iterator
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, SelectField, StringField, URLField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, Optional, ValidationError

from app.forms.length import Length, cleaned
from app.forms.name import check_name
from app.lib.text import clean_line
from app.models import Webhook, WebhookEvent, WebhookFormat
from app.models.webhook import LONGEST_ADDRESS, LONGEST_NAME

FORMATS = [
    SelectChoice(WebhookFormat.STANDARD.value, _l("Standard (for programs)")),
    SelectChoice(WebhookFormat.SLACK.value, "Slack"),
    SelectChoice(WebhookFormat.TEAMS.value, "Microsoft Teams"),
    SelectChoice(WebhookFormat.DISCORD.value, "Discord"),
    SelectChoice(WebhookFormat.LINE_WORKS.value, "LINE WORKS"),
]
EVENTS: dict[WebhookEvent, Any] = {
    WebhookEvent.RECEIVED: _l("A comment was received"),
    WebhookEvent.HELD: _l("A comment waits for review"),
    WebhookEvent.APPROVED: _l("A comment was approved"),
    WebhookEvent.REJECTED: _l("A comment was rejected"),
    WebhookEvent.SPAM: _l("A comment was marked as spam"),
    WebhookEvent.DELETED: _l("A comment was deleted"),
    WebhookEvent.EDITED: _l("A comment was edited, or a passage covered"),
    WebhookEvent.REPORTED: _l("A reader reported a comment"),
    WebhookEvent.APPEALED: _l("An author appealed"),
    WebhookEvent.NOTICE_OPENED: _l("A legal notice was received or reopened"),
    WebhookEvent.NOTICE_CLOSED: _l("A legal notice was decided"),
    WebhookEvent.THREAD_CHANGED: _l("An article changed its state, address or title"),
    WebhookEvent.FLOOD: _l("A traffic spike began"),
}


def _box(event: WebhookEvent) -> str:
    """The name of its box: a dot would end a name in a template."""
    return event.value.replace(".", "_")


def _name(form: Any, field: Any) -> None:
    check_name(field.data)


class _Events(FlaskForm):
    """Each event is a box of its own."""

    @property
    def boxes(self) -> Iterator[tuple[str, BooleanField]]:
        return ((event.value, self[_box(event)]) for event in WebhookEvent)

    @property
    def events(self) -> list[str]:
        return [event for event, box in self.boxes if box.data]


for _event, _said in EVENTS.items():
    setattr(_Events, _box(_event), BooleanField(_said))


class WebhookForm(_Events):
    name = StringField(
        _l("Name of the program"),
        [DataRequired(_l("Enter a name. The list shows it.")), Length(LONGEST_NAME, each=1), _name],
        filters=[cleaned(clean_line, LONGEST_NAME)],
    )
    address = URLField(_l("Address (URL)"), [DataRequired(_l("Enter an address.")), Length(LONGEST_ADDRESS, each=1)])
    format = SelectField(_l("Format"), choices=FORMATS)

    def validate_comment_received(self, _field: BooleanField) -> None:
        if not self.events:
            raise ValidationError(_("Choose at least one event."))


class WebhookChangeForm(WebhookForm):
    """An empty address stays: the stored one is shown in part only."""

    address = URLField(_l("New address (URL)"), [Optional(), Length(LONGEST_ADDRESS, each=1)])

    @classmethod
    def of(cls, webhook: Webhook) -> "WebhookChangeForm":
        chosen = {_box(event): event in webhook.events for event in WebhookEvent}
        return cls(formdata=None, name=webhook.name, format=webhook.format, **chosen)
