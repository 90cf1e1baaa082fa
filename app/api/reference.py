"""The API's reference as a page, from its description, without scripts."""

import json
from typing import Any, NamedTuple

from flask import Blueprint, Response, make_response, render_template

from app.api.contract import described
from app.api.declared import Schema
from app.api.operation import public

bp = Blueprint("reference", __name__)

OF_SCHEMAS = "#/components/schemas/"


class InWords(NamedTuple):
    """`link` is the name of a type on the page, or ''."""

    words: str
    link: str = ""


@bp.get("/docs")
@public("The reference as a page", answers={200: "text/html"})
def show() -> Response:
    answer = make_response(
        render_template("api/reference.html", contract=described(), type_of=type_of, example_of=example_of)
    )
    answer.headers["Cache-Control"] = "public, max-age=300"
    answer.headers["Vary"] = "Accept-Language"
    return answer


def type_of(schema: Schema) -> InWords:
    if name := schema.get("$ref", "").removeprefix(OF_SCHEMAS):
        return InWords(name, name)
    if "anyOf" in schema:
        each = [type_of(inner) for inner in schema["anyOf"]]
        return InWords(" | ".join(part.words for part in each), next((part.link for part in each if part.link), ""))
    kinds = schema.get("type", "any")
    words = " | ".join(kinds) if isinstance(kinds, list) else kinds
    if "items" in schema:
        inner = type_of(schema["items"])
        return InWords(f"{inner.words}[]", inner.link)
    if "additionalProperties" in schema:
        inner = type_of(schema["additionalProperties"])
        return InWords(f"{{name: {inner.words}}}", inner.link)
    return InWords(f"{words}: {', '.join(map(str, schema['enum']))}" if "enum" in schema else words)


def example_of(schema: Schema) -> str:
    example: Any = schema["examples"][0]
    return json.dumps(example, ensure_ascii=False)
