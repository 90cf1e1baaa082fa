"""Valid requests to each operation of the API, from its declarations."""

from collections.abc import Iterator
from dataclasses import is_dataclass
from datetime import date, datetime
from inspect import isfunction
from typing import Any, NamedTuple, get_args, get_origin

from app.api import VIEWS, threads
from app.api.declared import Doc, hints
from app.api.operation import Operation

PLAIN: dict[Any, Any] = {str: "words", int: 1, bool: False, date: "2026-11-29", datetime: "2026-11-29T12:00:00Z"}


class Declared(NamedTuple):
    endpoint: str
    operation: Operation
    also: Operation | None


def declared() -> Iterator[Declared]:
    for views in VIEWS:
        for name, view in vars(views).items():
            about = getattr(view, "operation", None) if isfunction(view) else None
            if about and view.__module__ == views.__name__ and view is not threads.show_all:
                also = getattr(getattr(view, "also", None), "operation", None)
                yield Declared(f"api.{views.bp.name}.{name}", about, also)


def query_of(each: Declared) -> dict[str, str]:
    found: dict[str, str] = {}
    for about in (each.operation, each.also):
        if about and about.query:
            found |= {
                name: str(value).lower() if value is False else str(value)
                for name, value in example_of(about.query).items()
            }
    return found


def example_of(kind: type[Any]) -> dict[str, Any]:
    return {name: _value(hint, doc) for name, (hint, doc) in hints(kind).items()}


def _value(hint: Any, doc: Doc) -> Any:
    if doc.example is not None:
        return doc.example
    choices = [each for each in get_args(hint) if each is not type(None)]
    if get_origin(hint) is list:
        return [_inner(choices[0])]
    if choices:
        return _inner(choices[0])
    if is_dataclass(hint) and isinstance(hint, type):
        return example_of(hint)
    return PLAIN[hint] if hint in PLAIN else next(iter(hint)).value


def _inner(hint: Any) -> Any:
    if hasattr(hint, "__metadata__"):
        return _value(hint.__origin__, hint.__metadata__[0])
    return _value(hint, Doc())
