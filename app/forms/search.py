"""Search criteria; all optional, unreadable ones are refused."""

from typing import Any

from wtforms import Form, IntegerField, StringField
from wtforms.validators import AnyOf, Length, NumberRange, Optional, Regexp

from app.forms.day import DayField
from app.lib import ids
from app.models import Status
from app.models.own_reason import CODE
from app.search.query import SearchQuery

LONGEST = 200  # characters


def _stripped(text: Any) -> str:
    # PostgreSQL accepts no NUL.
    return (text or "").replace("\0", "").strip()


class SearchForm(Form):
    """Read from the query, so a search can be bookmarked."""

    q = StringField(filters=[_stripped], validators=[Length(max=LONGEST)])
    name = StringField(filters=[_stripped], validators=[Length(max=LONGEST)])
    email = StringField(filters=[_stripped], validators=[Length(max=LONGEST)])
    article = StringField(filters=[_stripped], validators=[Length(max=2000)])
    status = StringField(filters=[_stripped], validators=[AnyOf(["", *map(str, Status)])])
    since = DayField(validators=[Optional()])
    until = DayField(validators=[Optional()])
    moderator = IntegerField(validators=[Optional(), NumberRange(1, ids.MOST)])
    reason = StringField(filters=[_stripped], validators=[Regexp(rf"({CODE.pattern})?\Z")])
    alike = IntegerField(validators=[Optional(), NumberRange(1, ids.MOST)])

    def wanted(self) -> SearchQuery:
        return SearchQuery(
            text=self.q.data or "",
            name=self.name.data or "",
            email=self.email.data or "",
            article=self.article.data or "",
            status=self.status.data or "",
            since=self.since.data,
            until=self.until.data,
            moderator=self.moderator.data,
            reason=self.reason.data or "",
            alike=self.alike.data,
        )
