"""Declared shapes of requests and responses: dataclasses whose annotations give the JSON Schema, the parser and the
writer."""

import re
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass
from datetime import date, datetime
from enum import Enum
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

from flask_babel import gettext as _

from app.errors import Refused
from app.lib import ids

T = TypeVar("T")
Schema = dict[str, Any]

DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
WHOLE = re.compile(r"-?[0-9]{1,18}", re.ASCII)
LONGEST_TEXT, LONGEST_MOMENT = 2_000, 40
# As in HTML forms and `flask site set`.
YES_NO = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


@dataclass(frozen=True)
class Doc:
    """What an annotation adds to a type: words, an example, and limits, which the parser enforces."""

    text: Any = ""
    example: Any = None
    least: int | None = None
    most: int | None = None
    longest: int | None = None
    most_items: int | None = None
    choices: Callable[[], Sequence[str]] | None = None
    # The parser of another layer enforces the length, in graphemes.
    loose: bool = False


Id = Annotated[int, Doc(least=1, most=ids.MOST, example=42)]
Version = Annotated[
    int, Doc("The comment's `version` that the decision is based on", least=0, most=ids.MOST, example=1)
]


class Invalid(Refused):
    """Values by field that were refused (422)."""

    def __init__(self, errors: dict[str, list[str]]):
        super().__init__("invalid", _("Check your entries."))
        self.errors = errors


class Wrong(ValueError):
    """A sentence about one value."""


# Reading


def parsed(kind: type[T], given: Mapping[str, Any], *, text: bool = False) -> T:
    """An instance of the dataclass from JSON, or a query. Raises Invalid; unknown names are ignored."""
    values: dict[str, Any] = {}
    errors: dict[str, list[str]] = {}
    for name, (hint, doc) in hints(kind).items():
        if name not in given or (text and given[name] == ""):
            if _is_required(kind, name):
                errors[name] = [_("This is required.")]
            continue
        try:
            values[name] = _value(hint, doc, given[name], text)
        except Wrong as wrong:
            errors[name] = [str(wrong)]
    if errors:
        raise Invalid(errors)
    return kind(**values)


def hints(kind: type[Any]) -> dict[str, tuple[Any, Doc]]:
    """Type and Doc of each field."""
    return {name: _split(hint) for name, hint in get_type_hints(kind, include_extras=True).items()}


def _split(hint: Any) -> tuple[Any, Doc]:
    if get_origin(hint) is not Annotated:
        return hint, Doc()
    inner, *about = get_args(hint)
    return inner, next(each for each in about if isinstance(each, Doc))


def _is_required(kind: type[Any], name: str) -> bool:
    field = next(each for each in fields(kind) if each.name == name)
    return field.default is MISSING and field.default_factory is MISSING


def _value(hint: Any, doc: Doc, given: Any, text: bool) -> Any:
    if _is_optional(hint):
        if given is None:
            return None
        hint, inner = _split(next(each for each in get_args(hint) if each is not type(None)))
        doc = doc if doc != Doc() else inner
    if get_origin(hint) is list:
        return _list(get_args(hint)[0], doc, given, text)
    if is_dataclass(hint) and isinstance(hint, type):
        return _object(hint, given)
    return _plain(hint, doc, _from_text(hint, given) if text else given)


def _is_optional(hint: Any) -> bool:
    return get_origin(hint) in (Union, types.UnionType) and type(None) in get_args(hint)


def _list(hint: Any, doc: Doc, given: Any, text: bool) -> list[Any]:
    if not isinstance(given, list):
        raise Wrong(_("Send a list."))
    if doc.most_items is not None and len(given) > doc.most_items:
        raise Wrong(_("Send %(most)d items or fewer.", most=doc.most_items))
    inner, inner_doc = _split(hint)
    return [_value(inner, inner_doc, each, text) for each in given]


def _object(kind: type[Any], given: Any) -> Any:
    if not isinstance(given, dict):
        raise Wrong(_("Send an object."))
    try:
        return parsed(kind, given)
    except Invalid as no:
        name, sentences = next(iter(no.errors.items()))
        raise Wrong(f"{name}: {sentences[0]}") from no


def _from_text(hint: Any, given: Any) -> Any:
    if hint is int and isinstance(given, str) and WHOLE.fullmatch(given):
        return int(given)
    return YES_NO.get(given, given) if hint is bool else given


def _plain(hint: Any, doc: Doc, given: Any) -> Any:
    if hint is int:
        return _number(doc, given)
    if hint is bool:
        if not isinstance(given, bool):
            raise Wrong(_("Send true or false."))
        return given
    if not isinstance(given, str):
        raise Wrong(_("Send a text."))
    if hint is str:
        return _text(doc, given)
    return _day(given) if hint is date else _moment(given) if hint is datetime else _choice(hint, given)


def _number(doc: Doc, given: Any) -> int:
    # JSON has one kind of numbers: 1.0 is a whole one (RFC 8259, 6; JSON Schema, 6.1.1).
    if isinstance(given, float) and given.is_integer():
        given = int(given)
    if not isinstance(given, int) or isinstance(given, bool):
        raise Wrong(_("Send a whole number."))
    least, most = -ids.MOST if doc.least is None else doc.least, ids.MOST if doc.most is None else doc.most
    if not least <= given <= most:
        raise Wrong(_("Use a number from %(least)d to %(most)d.", least=least, most=most))
    return given


def _text(doc: Doc, given: str) -> str:
    if not doc.loose and len(given) > (doc.longest or LONGEST_TEXT):
        raise Wrong(_("Use %(most)d characters or fewer.", most=doc.longest or LONGEST_TEXT))
    if doc.choices and given not in doc.choices():
        raise Wrong(_("Use one of these: %(choices)s", choices=", ".join(doc.choices())))
    # PostgreSQL accepts no NUL.
    return given.replace("\0", "")


def _day(given: str) -> date:
    try:
        if DAY.fullmatch(given):
            return date.fromisoformat(given)
    except ValueError:
        pass
    raise Wrong(_("Enter a date such as 2026-11-29."))


def _moment(given: str) -> datetime:
    try:
        moment = datetime.fromisoformat(given[:LONGEST_MOMENT])
    except ValueError:
        raise Wrong(_("Enter a date such as 2026-11-29.")) from None
    if moment.tzinfo is None:
        raise Wrong(_("Send a time with its zone, such as 2026-11-29T12:00:00Z."))
    return moment


def _choice(kind: type[Enum], given: str) -> Enum:
    try:
        return kind(given)
    except ValueError:
        raise Wrong(_("Use one of these: %(choices)s", choices=", ".join(str(each.value) for each in kind))) from None


# Writing


def written(value: Any) -> Any:
    """As JSON values."""
    if is_dataclass(value):
        return {field.name: written(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, list | tuple):
        return [written(each) for each in value]
    if isinstance(value, dict):
        return {str(name): written(each) for name, each in value.items()}
    if isinstance(value, datetime | date):
        return value.isoformat()
    return value.value if isinstance(value, Enum) else value


# Describing


def schema_of(hint: Any, known: dict[str, Schema]) -> Schema:
    """The JSON Schema (2020-12) of a type; dataclasses are added to `known` and referred to."""
    inner, doc = _split(hint)
    return _documented(_schema(inner, doc, known), doc)


def _schema(hint: Any, doc: Doc, known: dict[str, Schema]) -> Schema:
    if _is_optional(hint):
        inner = schema_of(next(each for each in get_args(hint) if each is not type(None)), known) | _limits(doc)
        return _nullable(inner)
    if get_origin(hint) in (Union, types.UnionType):
        return {"anyOf": [schema_of(each, known) for each in get_args(hint)]}
    if get_origin(hint) is list:
        most = {} if doc.most_items is None else {"maxItems": doc.most_items}
        return {"type": "array", "items": schema_of(get_args(hint)[0], known)} | most
    if get_origin(hint) is dict:
        return {"type": "object", "additionalProperties": schema_of(get_args(hint)[1], known)}
    if is_dataclass(hint) and isinstance(hint, type):
        return _reference(hint, known)
    if hint in _PLAIN:
        return _PLAIN[hint] | _limits(doc)
    return {"type": "string", "enum": [e.value for e in hint]}


_PLAIN: dict[Any, Schema] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    date: {"type": "string", "format": "date"},
    datetime: {"type": "string", "format": "date-time"},
    Any: {},
}


def _nullable(inner: Schema) -> Schema:
    kind = inner.get("type")
    if "enum" in inner:
        return inner | {"type": [kind, "null"], "enum": [*inner["enum"], None]}
    return inner | {"type": [kind, "null"]} if kind else {"anyOf": [inner, {"type": "null"}]}


def _limits(doc: Doc) -> Schema:
    choices = list(doc.choices()) if doc.choices else None
    limits = {"minimum": doc.least, "maximum": doc.most, "maxLength": doc.longest, "enum": choices}
    return {name: value for name, value in limits.items() if value is not None}


def _documented(schema: Schema, doc: Doc) -> Schema:
    about = {"description": str(doc.text)} if doc.text else {}
    return schema | about | ({} if doc.example is None else {"examples": [doc.example]})


def _reference(kind: type[Any], known: dict[str, Schema]) -> Schema:
    if kind.__name__ not in known:
        known[kind.__name__] = {}  # a type may contain itself
        known[kind.__name__] = _object_schema(kind, known)
    return {"$ref": f"#/components/schemas/{kind.__name__}"}


def _object_schema(kind: type[Any], known: dict[str, Schema]) -> Schema:
    properties = {}
    for name, hint in get_type_hints(kind, include_extras=True).items():
        field = next(each for each in fields(kind) if each.name == name)
        properties[name] = schema = schema_of(hint, known)
        # An empty text stands for none of the choices.
        if field.default not in (MISSING, None) and (field.default != "" or "enum" not in schema):
            schema["default"] = written(field.default)
    required = [name for name in properties if _is_required(kind, name)]
    about = {"description": " ".join((kind.__doc__ or "").split())} if not _is_generated_doc(kind) else {}
    return {"type": "object", "properties": properties, "required": required} | about


def _is_generated_doc(kind: type[Any]) -> bool:
    return (kind.__doc__ or "").startswith(f"{kind.__name__}(")
