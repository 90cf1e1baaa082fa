"""Fields and limits of a comment, for the page, the API and `maxlength`."""

import re
from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

from flask import request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, EmailField, Form, HiddenField, SelectField, StringField, TextAreaField, URLField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import StopValidation, ValidationError

from app.abuse import address, proof_of_work, timing, traits
from app.comments.admission import Sender
from app.comments.members import Member
from app.comments.submit import Draft
from app.errors import Refused
from app.forms.email import check_email
from app.forms.length import Length, cleaned
from app.forms.name import DISGUISED, check_name
from app.lib import ids
from app.lib.secrets import blind_index
from app.lib.text import clean_body, clean_line
from app.lib.urls import clean_website
from app.models import Comment, Notify, Site, Words
from app.models.wording import LONGEST_ACCEPTED
from app.screening.impersonation import is_disguised

# Graphemes, which readers count as characters.
NAME_LENGTH = 80
EMAIL_LENGTH = 254
WEBSITE_LENGTH = 2_000
BODY_LENGTH = 20_000
REQUEST_KEY_LENGTH = 200
REQUEST_KEY = re.compile(rf"[ -~]{{1,{REQUEST_KEY_LENGTH}}}")
# Our own values: a stamp, a comment's id.
TOKEN_LENGTH = 200
HEADER_LENGTH = 500


REQUIRED = {
    "body": _l("Enter your comment."),
    "name": _l("Enter your name."),
    "email": _l("Enter your email address."),
    "website": _l("Enter your website."),
}


ACCEPT_RULES = _l("Read the house rules, and tick that you accept them.")
RULES_CHANGED = _l("The house rules have changed. Read them, and tick that you accept them.")

NOTIFY = [
    SelectChoice(Notify.NOTHING.value, _l("Nothing")),
    SelectChoice(Notify.REVIEW.value, _l("The review of my comment")),
    SelectChoice(Notify.REPLIES.value, _l("The review of my comment, and replies")),
    SelectChoice(Notify.PAGE.value, _l("All new comments on this page")),
]
# What earlier forms and programs send for a checkbox.
UNCHECKED = ("", "false", "False", "0")


def _notify(typed: str) -> Notify:
    """The choice; any other value is that of a checkbox about the review."""
    if typed in list(Notify):
        return Notify(typed)
    return Notify.NOTHING if typed in UNCHECKED else Notify.REVIEW


class _Required:
    field_flags: ClassVar = {"required": True}

    def __call__(self, form: Form, field: Any) -> None:
        if not field.data:
            raise StopValidation(REQUIRED[field.short_name])


def _email(form: Form, field: Any) -> None:
    if field.data:
        field.data = check_email(field.data)


def _website(form: Form, field: Any) -> None:
    try:
        field.data = clean_website(field.data or "")
    except ValueError as trouble:
        raise ValidationError(_l("Enter a full URL, for example https://example.org.")) from trouble


def _parent(form: Form, field: Any) -> None:
    if not field.data:
        return
    try:
        ids.read(field.data)
    except ValueError as trouble:
        raise ValidationError(_l("The comment you’re replying to is no longer available.")) from trouble


_body = cleaned(lambda text: clean_body(text).strip("\n").rstrip(), BODY_LENGTH)
_name = cleaned(clean_line, NAME_LENGTH)
_address = cleaned(str.strip, EMAIL_LENGTH)
_site = cleaned(str.strip, WEBSITE_LENGTH)
_ours = cleaned(str.strip, TOKEN_LENGTH)


def request_key() -> str:
    """A longer key is refused, because two keys may differ at their ends only."""
    key = request.headers.get("Idempotency-Key", "")
    if key and not REQUEST_KEY.fullmatch(key):
        said = _("An Idempotency-Key must have 1 to %(most)d printable ASCII characters.", most=REQUEST_KEY_LENGTH)
        raise Refused("bad_request_key", said, status=400)
    return key


class CommentForm(Form):
    """`CommentForm(site, request.form, words)`: the site says which of name, email and website are required, its words
    whether the author must accept a version of the house rules.
    """

    body = TextAreaField(_l("Comment"), filters=[_body], validators=[_Required(), Length(BODY_LENGTH)])
    name = StringField(_l("Name"), filters=[_name], validators=[Length(NAME_LENGTH)])
    email = EmailField(_l("Email"), filters=[_address], validators=[Length(EMAIL_LENGTH), _email])
    website = URLField(_l("Website"), filters=[_site], validators=[Length(WEBSITE_LENGTH), _website])
    parent = HiddenField(filters=[_ours], validators=[_parent])
    accepted = StringField(filters=[cleaned(clean_line, LONGEST_ACCEPTED)])
    remember = BooleanField(_l("Save my name, email, and website in this browser for the next time I comment."))
    notify = SelectField(_l("Email me about"), choices=NOTIFY, coerce=_notify, default=Notify.NOTHING)
    # A honeypot: invisible to people.
    trap = StringField(name="subject")
    # Signed: when the form was rendered, or typing began.
    stamp = HiddenField(filters=[_ours])
    # The browser's solution after a refusal.
    proof = HiddenField(name="altcha", filters=[cleaned(str.strip, proof_of_work.LONGEST)])

    def __init__(
        self, site: Site, formdata: Any = None, words: Words | None = None, member: Member | None = None, **kwargs: Any
    ):
        super().__init__(formdata, **kwargs)
        self.site, self.member = site, member
        self._version = words.rules_version if words else ""
        self._wanted = {
            "name": site.name_required,
            "email": site.email_required,
            "website": site.website_required,
        }
        if member:
            self.be(member)

    def be(self, member: Member) -> None:
        """The member's facts, whatever was typed."""
        self.member = member
        self.name.data, self.email.data, self.website.data = member.name, member.email, ""
        self._wanted = {}

    def validate_name(self, field: Any) -> None:
        if field.errors:
            return
        # An error for a name of fillers, but not for spaces only.
        typed = field.data or "".join(field.raw_data or [])[:NAME_LENGTH].strip()
        check_name(typed)
        if typed and is_disguised(typed, self.site):
            raise ValidationError(DISGUISED)

    def validate_accepted(self, field: Any) -> None:
        if self._version and field.data != self._version:
            raise ValidationError(RULES_CHANGED if field.data else ACCEPT_RULES)

    def validate(self, extra_validators: Any = None) -> bool:
        extra = {name: [_Required()] for name, wanted in self._wanted.items() if wanted}
        return bool(super().validate(extra_validators={**extra, **(extra_validators or {})}))

    @property
    def lacks_only_acceptance(self) -> bool:
        """After `validate`: a repeated post may be older than this version of the rules."""
        return set(self.errors) == {"accepted"}

    def draft(self, lang: str, page: str, claimed: Mapping[str, str], author: str = "") -> Draft:
        """The comment with facts about its request.

        `page` is the page's key, `claimed` its details in the request, `author` the author's token. Raises Refused
        (400) for a malformed Idempotency-Key.
        """
        client, took = address.client(), timing.read(self.site.key, self.stamp.data)
        network = address.network(client)
        return Draft(
            body=self.body.data,
            name=self.name.data,
            email=self.email.data,
            website=self.website.data,
            parent_id=self.parent_id,
            accepted=self._version,
            author_token=author,
            member=self.member,
            page=page,
            request_key=request_key(),
            claimed=claimed,
            section=claimed.get("section", ""),
            address=client,
            network=network,
            traits=traits.index(self.site, request.headers.get("User-Agent", "")),
            sender=self._sender(network, client, took),
            trapped=bool(self.trap.data),
            seconds=took.seconds,
            stamp=took.stamp,
            notify=self.notify.data,
            user_agent=request.headers.get("User-Agent", "")[:HEADER_LENGTH],
            referrer=request.headers.get("Referer", "")[:HEADER_LENGTH],
            lang=lang,
        )

    def _sender(self, network: str, client: str, took: timing.Timing) -> Sender:
        index, proof = Comment.network_index(self.site, network), self.proof.data
        return Sender(
            network=index,
            wide=Comment.wide_index_of(self.site, network),
            client=blind_index(f"reader {self.site.id}", address.single(client)),
            stamp=took.name,
            stamped_at=took.moment,
            prove=partial(proof_of_work.spend, proof, about_posts(self.site, index)) if proof else None,
        )

    @property
    def parent_id(self) -> int | None:
        try:
            return ids.read(self.parent.data)
        except ValueError:
            return None  # the field shows the error


def about_posts(site: Site, network_index: str) -> proof_of_work.About:
    """Subject of a proof of work that replaces a network's limit."""
    return {"for": "post", "site": site.id, "network": network_index}


class EditForm(Form):
    body = TextAreaField(_l("Comment"), filters=[_body], validators=[_Required(), Length(BODY_LENGTH)])
