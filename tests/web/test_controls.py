"""Every control of every form in a browser matches its form class; forms and pages are discovered."""

import importlib
import pkgutil
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from typing import Any
from urllib.parse import urljoin

import pytest
import wtforms
from bs4 import BeautifulSoup
from flask import Flask
from playwright.sync_api import Browser
from sqlalchemy import Integer
from sqlalchemy.orm import Session

import app.forms
from app.models import Site
from tests.web.test_below_a_path import (
    HOST,
    Proxied,
    a_browser_of_alice,
    database_url,
    fields_of,
    pages,
    paper,
    settings,
)
from tests.web.test_queue import ENGLISH

__all__ = ["database_url", "paper", "settings"]

TYPES: dict[str, set[str]] = {
    "TextAreaField": {"textarea"}, "SelectField": {"select-one"}, "BooleanField": {"checkbox"}, "RadioField": {"radio"},
    "EmailField": {"email"}, "URLField": {"url"}, "DayField": {"date"}, "IntegerField": {"number"},
    "PasswordField": {"password"}, "HiddenField": {"hidden"}, "StringField": {"text", "search"},
    # Typed by accounts with many sites.
    "SiteField": {"select-one", "text"},
}  # fmt: skip
# The inquiry to an author with a confirmed address; tests/flows/test_notices.py fills it in.
UNREACHED = {"question"}
# A checkbox whose value is the version of the house rules.
TICKS = {"accepted"}
# Forms without visible fields: a script sends the answer of the passkey.
FIELDLESS = ("/login/passkey", "/account/factors/passkey")
# Controls about the user; data about other people must not be autofilled.
AUTOCOMPLETE = {
    ("/login", "email"): "username",
    ("/login", "password"): "current-password",
    ("/invitation", "name"): "name",
    ("/invitation", "password"): "new-password",
    ("/account/password", "current_password"): "current-password",
    ("/account/password", "password"): "new-password",
    ("/account/name", "name"): "name",
    ("/account/email", "email"): "email",
    ("/reset", "email"): "username",
    ("/reset/", "password"): "new-password",
    ("/embed/comments", "name"): "name",
    ("/embed/comments", "email"): "email",
    ("/embed/comments", "website"): "url",
}
# The class behind each form, by where it is sent (the page, if it has no action of its own).
FORMS = {
    "/login": "LoginForm", "/invitation/": "WelcomeForm", "/embed/comments(/preview)?": "CommentForm",
    "/embed/comments/1/edit": "EditForm", "/embed/report/": "ReportForm", "/appeal/": "AppealForm",
    "/settings": "SettingsForm", "/people": "PersonForm", "/people/erase": "EraseForm", "/rules": "RuleForm",
    "/account/name": "NameForm", "/account/email": "AddressForm", "/account/password": "PasswordForm",
    "/reset": "ResetForm", "/reset/": "NewPasswordForm",
    "/webhooks": "WebhookForm", "/webhooks/1": "WebhookChangeForm",
    "/moderators": "InvitationForm", "/notes": "NoteForm", "/block": "BlockForm", "/search": "SearchForm",
}  # fmt: skip
# Fields that the test's site requires beyond the form class.
BY_SITE = {("CommentForm", "name"), ("CommentForm", "email")}
NAVIGATION = {"headers": ENGLISH | {"Accept": "text/html", "Sec-Fetch-Mode": "navigate"}}
# Input for the forms, to reach the pages that answer them.
NOTHING: dict[str, str] = {}
WRONG = {"email": "x", "url": "x y", "number": "-1", "password": "x", "text": "\u2800", "textarea": "x" * 20_001}
RIGHT = {"email": "hanako@readers.example", "url": "https://example.org/", "number": "7", "password": "x" * 12,
         "text": "word", "textarea": "words", "radio": "", "checkbox": ""}  # fmt: skip
TYPED = {*WRONG.values(), *RIGHT.values()} - {""}
READ = """() => {
const of = control => control.closest('[role=radiogroup]') || control
const describe = control => (of(control).getAttribute('aria-describedby') || '').split(/\\s+/).filter(Boolean)
return [...document.querySelectorAll('input, select, textarea')].map(control => ({
    missing: describe(control).filter(id => !document.getElementById(id)),
    name: control.name, type: control.type, autocomplete: control.getAttribute('autocomplete') || '',
    label: control.getAttribute('aria-label')
        || [...control.labels || []].map(each => each.textContent).join(' ').trim(),
    described: describe(control),
    said: describe(control).filter(id => id.endsWith('-error'))
        .map(id => (document.getElementById(id) || {}).textContent || '').join(' ').trim(),
    required: control.required || control.closest('[role=radiogroup][aria-required=true]') !== null,
    inputmode: control.inputMode, longest: control.maxLength,
    invalid: of(control).getAttribute('aria-invalid') === 'true',
    hidden: Boolean(control.closest('[aria-hidden=true]')),
    action: control.form ? control.form.getAttribute('action') || '' : '',
    group: control.closest('fieldset, [role=radiogroup]') !== null,
}))}"""


def form_fields() -> dict[str, dict[str, Any]]:
    """The fields of all form classes, by the name under which they are sent and by class."""
    found: dict[str, dict[str, Any]] = defaultdict(dict)
    for module in pkgutil.iter_modules(app.forms.__path__):
        for each in vars(importlib.import_module(f"app.forms.{module.name}")).values():
            if isinstance(each, type) and issubclass(each, wtforms.Form) and each.__module__.startswith("app."):
                for name, field in vars_of(each).items():
                    found[field.name or name][each.__name__] = field
    return found


def vars_of(form: type) -> dict[str, Any]:
    own = {name: getattr(form, name) for name in dir(form) if not name.startswith("_")}
    return {name: field for name, field in own.items() if isinstance(field, wtforms.fields.core.UnboundField)}


@cache
def _once() -> list[dict[str, Any]]:
    """The controls that the first test read, for the others."""
    return []


@pytest.fixture
def controls(app: Flask, paper: Site, db_session: Session, browser: Browser) -> list[dict[str, Any]]:
    """Every control, as the browser reads it, of every GET page and of the pages that answer forms."""
    if _once():
        return _once()
    found, window = [], browser.new_page()
    for path, answer in shown(app, pages(app, db_session).values()):
        window.set_content(answer.text)
        found += [each | {"page": path, "status": answer.status_code} for each in window.evaluate(READ)]
    window.close()
    assert len(found) > 200
    _once().extend(found)
    return found


def shown(app: Flask, paths: Any) -> Iterator[tuple[str, Any]]:
    """Every page, as a moderator and as a reader see it, and the different pages that answer its forms."""
    forms, seen = {}, set()
    for visitor in (a_browser_of_alice(app), Proxied(app)):
        for path in paths:
            answer = visitor.get(path, **NAVIGATION)
            if answer.status_code == 200 and "html" in answer.content_type:
                yield path, answer
                forms |= dict.fromkeys(sent_from(path, answer.text), visitor)
    met = set(map(_shape, forms))
    while forms:
        (path, fields), visitor = forms.popitem()
        answer = visitor.post(path, data=dict(fields), **NAVIGATION)
        answer = visitor.get(answer.location, **NAVIGATION) if answer.status_code == 303 else answer
        assert answer.status_code < 500, (path, fields, answer.text)
        about = re.sub(r"\d+|[\w-]{30,}", "1", path), answer.status_code, len(answer.text) // 100
        if "html" in (answer.content_type or "") and about not in seen:
            seen.add(about)
            yield path, answer
            for each in sent_from(path, answer.text):
                if _shape(each) not in met:
                    forms[each] = visitor
                    met.add(_shape(each))


def _shape(sent: tuple[str, tuple[tuple[str, str], ...]]) -> tuple[str, tuple[tuple[str, str], ...]]:
    """A form's action and typed fields, without ids and tokens."""
    path, fields = sent
    return re.sub(r"\d+|[\w-]{30,}", "1", path), tuple(each for each in fields if each[1] in TYPED)


def sent_from(page: str, text: str) -> Iterator[tuple[str, tuple[tuple[str, str], ...]]]:
    """The requests of each form of a page: empty, with invalid and with valid input."""
    for form in BeautifulSoup(text, "html5lib").find_all("form", method="post"):
        action = urljoin(HOST + page, form.get("action") or "").removeprefix(HOST)
        # Logging out ends the crawl; withdrawing, removing and hiding leave nothing to crawl.
        if re.search(r"/(logout|withdraw|remove|state)$", action):
            continue
        buttons = {(each.get("formaction") or action, each.get("name") or "") for each in form.find_all("button")}
        for typed in (NOTHING, WRONG, RIGHT):
            filled = fields_of(form) | {
                each["name"]: typed[kind] or each.get("value", "y")
                for each in form.find_all(["input", "textarea"])
                if (kind := each.get("type", "textarea" if each.name == "textarea" else "text")) in typed
                and each.get("name", "subject") != "subject"
            }
            for target, button in buttons:
                pressed = {button: "1"} if button == "try" else {}
                yield urljoin(HOST + page, target).removeprefix(HOST), tuple((filled | pressed).items())


def test_every_control_has_the_type_of_its_field(controls: list[dict[str, Any]]) -> None:
    fields, wrong, met = form_fields(), [], set()
    for each in controls:
        allowed = {
            kind for field in fields.get(each["name"], {}).values() for kind in TYPES[field.field_class.__name__]
        }
        if each["name"] in fields:
            met.add(each["name"])
        if each["name"] in TICKS:
            allowed = {"checkbox"}
        if allowed and each["type"] not in allowed | {"hidden"}:
            wrong.append((each["page"], each["name"], each["type"], sorted(allowed)))
        if "password" in each["name"] and each["type"] != "password":
            wrong.append((each["page"], each["name"], each["type"], ["password"]))
    assert wrong == [], wrong
    typed = {name for name, classes in fields.items() if any(_is_typed(field) for field in classes.values())}
    assert typed - met - UNREACHED == set(), "a form whose controls no page shows: tell `pages` its address"


def _types(classes: dict[str, Any]) -> set[str]:
    return {kind for field in classes.values() for kind in TYPES[field.field_class.__name__]}


def _is_typed(field: Any) -> bool:
    return field.field_class.__name__ in ("EmailField", "URLField", "PasswordField", "DayField", "TextAreaField")


def test_every_visible_control_has_a_name_and_what_describes_it_is_there(controls: list[dict[str, Any]]) -> None:
    shown = [each for each in controls if each["type"] not in ("hidden", "submit", "button") and not each["hidden"]]
    nameless = [(each["page"], each["name"], each["type"]) for each in shown if not each["label"]]
    assert nameless == [], nameless
    assert [(each["page"], each["name"], each["missing"]) for each in shown if each["missing"]] == []
    invalid = [each for each in shown if each["invalid"]]
    assert [(each["page"], each["name"]) for each in invalid if not each["said"]] == []
    assert [(each["page"], each["name"]) for each in shown if each["said"] and not each["invalid"]] == []
    refused = {each["page"] for each in shown if each["status"] == 422 and not each["page"].endswith(FIELDLESS)}
    assert refused - {each["page"] for each in invalid} == set()
    assert len(refused) > 10, refused
    assert [(each["page"], each["name"]) for each in shown if each["type"] == "radio" and not each["group"]] == []


def test_the_browser_fills_in_what_belongs_to_the_person_at_the_keyboard(controls: list[dict[str, Any]]) -> None:
    met = set()
    for each in controls:
        for (where, name), word in AUTOCOMPLETE.items():
            if each["name"] == name and where in (each["action"] or each["page"]) and each["type"] != "hidden":
                assert each["autocomplete"] == word, (each["page"], name)
                met.add((where, name))
        if each["type"] == "password":
            assert each["autocomplete"] in ("current-password", "new-password"), each
    assert met == set(AUTOCOMPLETE)


def test_limits_of_the_classes_reach_the_browser(controls: list[dict[str, Any]]) -> None:
    fields = form_fields()
    seen = 0
    for each in controls:
        if each["type"] not in ("text", "email", "url", "password", "textarea", "search") or each["hidden"]:
            continue
        for most in _limits(fields.get(each["name"], {})):
            seen += each["longest"] == most
    assert seen >= 8
    missing = {
        (each["name"], each["page"].split("?")[0])
        for each in controls
        if each["type"] in ("text", "email", "url", "password", "textarea", "search")
        and not each["hidden"] and each["longest"] < 0 and _limits(fields.get(each["name"], {}))
        # `maxlength` counts UTF-16 units: it would cut an emoji text that was accepted when it was posted.
        and not each["action"].endswith(("/edit", "/cover"))
    }  # fmt: skip
    assert missing == set()


def _limits(classes: dict[str, Any]) -> list[int]:
    validators = [each for field in classes.values() for each in _validators(field)]
    return [each.field_flags["maxlength"] for each in validators if "maxlength" in getattr(each, "field_flags", {})]


def _validators(field: Any) -> list[Any]:
    given = field.kwargs.get("validators") or (field.args[1] if len(field.args) > 1 else ())
    return list(given)


def test_required_fields_match_the_form_classes(controls: list[dict[str, Any]]) -> None:
    met, wrong = set(), []
    for each, form, field in _typed_controls(controls):
        flags = [getattr(validator, "field_flags", {}) for validator in _validators(field)]
        required = any(given.get("required") for given in flags) or (form, each["name"]) in BY_SITE
        # Administrators may block for good; a moderator must say for how long.
        if each["required"] != required and (form, each["name"]) != ("BlockForm", "days"):
            wrong.append((form, each["name"], each["page"], each["required"]))
        met.add(form)
    assert wrong == [], wrong
    assert met == set(FORMS.values()), set(FORMS.values()) - met


def test_whole_numbers_bring_up_the_keys_for_digits(controls: list[dict[str, Any]]) -> None:
    wrong = [
        (form, each["name"], each["inputmode"]) for each, form, field in _typed_controls(controls)
        if each["inputmode"] != ("numeric" if _is_whole_number(form, each["name"], field) else "")
    ]  # fmt: skip
    assert wrong == [], wrong
    assert sum(each["inputmode"] == "numeric" for each in controls) > 10


def _is_whole_number(form: str, name: str, field: Any) -> bool:
    column = Site.__table__.c.get(name) if form == "SettingsForm" else None
    return field.field_class.__name__ == "IntegerField" or (column is not None and isinstance(column.type, Integer))


def _typed_controls(controls: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], str, Any]]:
    """Controls that a person fills in, with the name of their form's class and their field."""
    fields = form_fields()
    for each in controls:
        if each["type"] in ("hidden", "submit", "button", "select-one") or each["hidden"]:
            continue
        path = re.sub(r"\d+", "1", (each["action"] or each["page"]).split("?")[0].removeprefix(HOST))
        forms = [form for address, form in FORMS.items() if re.search(f"{address}(?:$|(?<=/)[^/]+$)", path)]
        for form in forms:
            if form in fields.get(each["name"], {}):
                yield each, form, fields[each["name"]][form]
