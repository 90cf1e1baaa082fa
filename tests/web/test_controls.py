"""What the browser makes of every control of every form, against the form classes; forms and pages are discovered."""

import importlib
import pkgutil
from collections import defaultdict
from typing import Any

import pytest
import wtforms
from flask import Flask
from playwright.sync_api import Browser
from sqlalchemy.orm import Session

import app.forms
from app.models import Site
from tests.web.test_below_a_path import Proxied, _readable, a_browser_of_alice, database_url, pages, paper, settings

__all__ = ["_readable", "database_url", "paper", "settings"]

TYPES: dict[str, set[str]] = {
    "TextAreaField": {"textarea"}, "SelectField": {"select-one"}, "BooleanField": {"checkbox"}, "RadioField": {"radio"},
    "EmailField": {"email"}, "URLField": {"url"}, "DateField": {"date"}, "IntegerField": {"number"},
    "PasswordField": {"password"}, "HiddenField": {"hidden"}, "StringField": {"text", "search"},
}  # fmt: skip
# Of controls about the person at the keyboard; what moderators type about others must not be filled in.
AUTOCOMPLETE = {
    ("/login", "email"): "username",
    ("/login", "password"): "current-password",
    ("/invitation", "name"): "name",
    ("/invitation", "password"): "new-password",
    ("/embed/comments", "name"): "name",
    ("/embed/comments", "email"): "email",
    ("/embed/comments", "website"): "url",
}
READ = """() => [...document.querySelectorAll('input, select, textarea')].map(control => ({
    missing: (control.getAttribute('aria-describedby') || '').split(/\\s+/)
        .filter(id => id && !document.getElementById(id)),
    name: control.name, type: control.type, autocomplete: control.getAttribute('autocomplete') || '',
    label: control.getAttribute('aria-label')
        || [...control.labels || []].map(each => each.textContent).join(' ').trim(),
    described: (control.getAttribute('aria-describedby') || '').split(/\\s+/).filter(Boolean),
    required: control.required, longest: control.maxLength, invalid: control.getAttribute('aria-invalid') === 'true',
    hidden: Boolean(control.closest('[aria-hidden=true]')),
    action: control.form ? control.form.getAttribute('action') || '' : '',
    group: control.closest('fieldset, [role=radiogroup]') !== null,
}))"""


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


@pytest.fixture
def controls(app: Flask, paper: Site, db_session: Session, browser: Browser) -> list[dict[str, Any]]:
    """Every control of every page that has an address, as the browser reads it."""
    found = []
    alice, reader, window = a_browser_of_alice(app), Proxied(app), browser.new_page()
    for path in pages(app, db_session).values():
        for visitor in (alice, reader):
            answer = visitor.get(path)
            if answer.status_code == 200 and "html" in answer.content_type:
                window.set_content(answer.text)
                found += [each | {"page": path} for each in window.evaluate(READ)]
    window.close()
    assert len(found) > 200
    return found


def test_every_control_has_the_type_of_its_field(controls: list[dict[str, Any]]) -> None:
    fields, wrong, met = form_fields(), [], set()
    for each in controls:
        allowed = {
            kind for field in fields.get(each["name"], {}).values() for kind in TYPES[field.field_class.__name__]
        }
        if each["name"] in fields:
            met.add(each["name"])
        if allowed and each["type"] not in allowed | {"hidden"}:
            wrong.append((each["page"], each["name"], each["type"], sorted(allowed)))
        if "password" in each["name"] and each["type"] != "password":
            wrong.append((each["page"], each["name"], each["type"], ["password"]))
    assert wrong == [], wrong
    typed = {name for name, classes in fields.items() if any(_is_typed(field) for field in classes.values())}
    assert typed - met == set(), "a form whose controls no page shows: tell `pages` its address"


def _types(classes: dict[str, Any]) -> set[str]:
    return {kind for field in classes.values() for kind in TYPES[field.field_class.__name__]}


def _is_typed(field: Any) -> bool:
    return field.field_class.__name__ in ("EmailField", "URLField", "PasswordField", "DateField", "TextAreaField")


def test_every_visible_control_has_a_name_and_what_describes_it_is_there(controls: list[dict[str, Any]]) -> None:
    shown = [each for each in controls if each["type"] not in ("hidden", "submit", "button") and not each["hidden"]]
    nameless = [(each["page"], each["name"], each["type"]) for each in shown if not each["label"]]
    assert nameless == [], nameless
    assert [(each["page"], each["name"], each["missing"]) for each in shown if each["missing"]] == []
    assert [(each["page"], each["name"]) for each in shown if each["invalid"] and not each["described"]] == []
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
    }  # fmt: skip
    assert missing == set()


def _limits(classes: dict[str, Any]) -> list[int]:
    validators = [each for field in classes.values() for each in _validators(field)]
    return [each.field_flags["maxlength"] for each in validators if "maxlength" in getattr(each, "field_flags", {})]


def _validators(field: Any) -> list[Any]:
    given = field.kwargs.get("validators") or (field.args[1] if len(field.args) > 1 else ())
    return list(given)
