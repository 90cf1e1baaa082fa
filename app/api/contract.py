"""The API's description (OpenAPI 3.1), made from the declarations of the operations."""

import re
from collections.abc import Iterator
from functools import cache
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, current_app, jsonify, request
from werkzeug.routing import Rule

from app.api.access import MOST, WINDOW_S
from app.api.declared import Doc, Schema, hints, schema_of
from app.api.once import HEADER
from app.api.operation import ANY_TOKEN, Operation, public
from app.api.problems import Problem
from app.lib.language import SOURCE, languages, speaking
from app.models import Scope
from app.version import VERSION

bp = Blueprint("contract", __name__)

PREFIX = "/api/v1"
ARGUMENT = re.compile(r"<(?:(\w+):)?(\w+)>")
PROBLEM = "application/problem+json"
SCOPES = {
    Scope.READ: "comments in every status, the queue, threads, authors, reports, legal notices, statistics, the log",
    Scope.MODERATE: "decide, undo, note, reply as staff, trust and block authors, legal notices, states of threads",
    Scope.MANAGE: "rules, settings, addresses of threads, webhooks, checkers",
    Scope.TRANSFER: "imports and exports, which contain email addresses",
}
ABOUT = f"""Comments of a site, for programs. Operations without a token are for readers and pages; others need a
token of the site in the header `Authorization`. Errors are problem details (RFC 9457): `code` is stable, `title` is a
sentence. Reads have an ETag. Lists have the cursor `next`, which goes into `after`, and the same as a `Link` header.
A token may send {MOST} requests within {WINDOW_S} seconds (`RateLimit` headers).
No answer contains an email address or a network of a person, except the files of exports."""
# Of every operation with a token.
WITH_TOKEN = (401, 403, 429)


@bp.get("/openapi.json")
@public("This description", answers={200: dict[str, Any]})
def openapi() -> Response:
    answer = jsonify(described() | {"servers": [{"url": f"{request.script_root}{PREFIX}"}]})
    answer.add_etag(weak=True)
    answer.make_conditional(request)
    return answer


def described() -> dict[str, Any]:
    return _described(languages())


@cache
def _described(_installed: tuple[str, ...]) -> dict[str, Any]:
    """The routes are fixed; a language can be installed."""
    known: dict[str, Schema] = {}
    paths: dict[str, dict[str, Any]] = {}
    with speaking(SOURCE):
        for rule, method, about, also in operations():
            path = ARGUMENT.sub(r"{\2}", rule.rule.removeprefix(PREFIX))
            paths.setdefault(path, {})[method] = _operation(rule, about, also, known)
        schema_of(Problem, known)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Kaiwa", "version": VERSION, "description": " ".join(ABOUT.split())},
        "paths": dict(sorted(paths.items())),
        "components": {"schemas": dict(sorted(known.items())), "securitySchemes": {"token": _scheme()}},
    }


def operations() -> Iterator[tuple[Rule, str, Operation, Operation | None]]:
    """Each operation with its route and method; the fourth is what a token makes of it."""
    for rule in current_app.url_map.iter_rules():
        if rule.rule.startswith(f"{PREFIX}/"):
            view: Any = current_app.view_functions[rule.endpoint]
            for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
                also = getattr(getattr(view, "also", None), "operation", None)
                yield rule, method.lower(), view.operation, also


def _scheme() -> Schema:
    scopes = "; ".join(f"`{scope.value}`: {said}" for scope, said in SCOPES.items())
    return {"type": "http", "scheme": "bearer", "description": f"A token of one site (`kw_…`). Scopes: {scopes}."}


def _operation(rule: Rule, about: Operation, also: Operation | None, known: dict[str, Schema]) -> Schema:
    whole: Schema = {
        "operationId": rule.endpoint.removeprefix("api.").replace(".", "_"),
        "summary": about.summary,
        "tags": [rule.rule.removeprefix(f"{PREFIX}/").split("/")[0].split(".")[0]],
        "parameters": [*_of_path(rule), *_of_query(about, also, known), *_of_headers(rule, about)],
        "responses": _responses(rule, about, also, known),
        "security": _security(about, also),
    }
    if about.description:
        whole["description"] = about.description
    if also:
        whole["x-with-token"] = _with_token(rule, also, known)
    if about.body:
        whole["requestBody"] = _content("application/json", schema_of(about.body, known)) | {"required": True}
    if about.takes:
        whole["requestBody"] = _content(about.takes, {}) | {"required": True}
    return whole


def _with_token(rule: Rule, also: Operation, known: dict[str, Schema]) -> Schema:
    """OpenAPI has one operation for a path and method: generators of clients find the other one here."""
    view: Any = current_app.view_functions[rule.endpoint]
    blueprint = rule.endpoint.split(".")[1]
    return _operation(rule, also, None, known) | {"operationId": f"{blueprint}_{view.also.__name__}"}


def _security(about: Operation, also: Operation | None) -> list[Schema]:
    if about.scope is None:
        return [{}, *(_security(also, None) if also else [])]
    return [{"token": [] if about.scope == ANY_TOKEN else [str(about.scope)]}]


def _of_path(rule: Rule) -> Iterator[Schema]:
    for kind, name in ARGUMENT.findall(rule.rule):
        schema = {"type": "integer", "minimum": 0} if kind == "int" else {"type": "string"}
        yield {"name": name, "in": "path", "required": True, "schema": schema, "example": 1}


def _of_query(about: Operation, also: Operation | None, known: dict[str, Schema]) -> list[Schema]:
    kinds = [each.query for each in (about, also) if each and each.query]
    found: dict[str, Schema] = {}
    for kind in kinds:
        required = () if also else _object(kind, known)["required"]
        for name, (_hint, doc) in hints(kind).items():
            found.setdefault(name, _parameter(kind, name, doc, name in required, known))
    return list(found.values())


def _parameter(kind: type[Any], name: str, doc: Doc, required: bool, known: dict[str, Schema]) -> Schema:
    schema = dict(_object(kind, known)["properties"][name])
    # A query has no null.
    if isinstance(schema.get("type"), list):
        schema["type"] = schema["type"][0]
        schema |= {"enum": [each for each in schema["enum"] if each is not None]} if "enum" in schema else {}
    words = schema.pop("description", "") or str(doc.text)
    about = {"description": words} if words else {}
    return {"name": name, "in": "query", "required": required, "schema": schema} | about


def _object(kind: type[Any], known: dict[str, Schema]) -> Schema:
    """A query is described by its parameters, not as a schema of its own."""
    inner: dict[str, Schema] = {}
    schema_of(kind, inner)
    own = inner.pop(kind.__name__)
    known.update(inner)
    return own


def _of_headers(rule: Rule, about: Operation) -> list[Schema]:
    kinds, given = {"type": "string", "maxLength": 200}, HEADER if _is_once(rule, about) else about.headers
    return [
        {"name": name, "in": "header", "required": False, "schema": kinds, "description": words}
        for name, words in given.items()
    ]


def _is_once(rule: Rule, about: Operation) -> bool:
    return about.is_repeatable and "POST" in (rule.methods or ())


def _responses(rule: Rule, about: Operation, also: Operation | None, known: dict[str, Schema]) -> Schema:
    found: Schema = {}
    for status, kind in about.answers.items():
        other = also.answers.get(status) if also else None
        found[str(status)] = _response(status, kind | other if other else kind, known)
    # A path without the id may be that of an operation with another method.
    missing = {404, 405} if rule.arguments else set()
    reused = {422} if _is_once(rule, about) else set()
    usual = {*_usual_errors(about), *(_usual_errors(also) if also else ())}
    for status in sorted({*about.errors, *missing, *reused, *usual}):
        found.setdefault(str(status), _response(status, Problem, known, PROBLEM))
    return found


def _usual_errors(about: Operation) -> set[int]:
    """Every operation can be refused for its size, and every database can be busy."""
    read = {422} if about.query and about.parses else set()
    body = {400, 413, 415, 422} if about.body or about.takes else set()
    return {400, 503, *read, *body, *(WITH_TOKEN if about.scope else ())}


def _response(status: int, kind: Any, known: dict[str, Schema], media: str = "application/json") -> Schema:
    words = {"description": HTTPStatus(status).phrase}
    if isinstance(kind, str):
        return words | _content(kind, {"type": "string"})
    schema = {"type": "null"} if kind is None else schema_of(kind, known)
    return words | _content(media, schema)


def _content(media: str, schema: Schema) -> Schema:
    return {"content": {media: {"schema": schema}}}
