"""Parse one record with expat: no namespaces, no entities, limited depth."""

from dataclasses import dataclass, field
from html import unescape
from typing import Any
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

from app.transfer.xml_shape import Shape, local_name

MAX_DEPTH = 32  # nested elements; real exports have 3


@dataclass(slots=True)
class Element:
    """One record. `fields` are keyed by path below the record ("author/email", "" for its own text).

    Atom repeats elements for several purposes: attributes are also at "link[alternate]", by `rel` or `scheme`.
    """

    name: str
    line: int
    fields: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, dict[str, str]] = field(default_factory=dict)
    repaired: bool = False
    cdata: set[str] = field(default_factory=set)

    def markup(self, path: str) -> str:
        """The field as HTML: only XML's escaping is removed."""
        return self.fields.get(path, "")

    def text(self, path: str) -> str:
        """The field as plain text; in CDATA, HTML escapes are removed too."""
        text = self.fields.get(path, "")
        return unescape(text) if path in self.cdata else text

    def attribute(self, path: str, name: str) -> str:
        return self.attributes.get(path, {}).get(name, "")


class TooDeep(Exception):
    """The record has more than MAX_DEPTH elements inside each other."""


class _Forbidden(expat.ExpatError):
    """The record has declarations of its own."""


def parse(text: str, shape: Shape, name: str, line: int) -> Element:
    """Raises expat.ExpatError for malformed text, TooDeep beyond MAX_DEPTH."""
    element = Element(name, line)
    builder = _Builder(element, shape.bodies)
    parser = expat.ParserCreate("utf-8")  # undeclared prefixes are common
    parser.buffer_text = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    parser.StartCdataSectionHandler = builder.section
    for refused in ("StartDoctypeDeclHandler", "EntityDeclHandler", "ExternalEntityRefHandler"):
        setattr(parser, refused, _forbid)
    # One call: expat 2.5 takes quadratic time for a long token in small parts.
    parser.Parse(text, True)
    element.fields = {path: "".join(parts) for path, parts in builder.parts.items()}
    return element


def _forbid(*_declaration: Any) -> None:
    raise _Forbidden


class _Builder:
    def __init__(self, element: Element, bodies: frozenset[str]) -> None:
        self.parts: dict[str, list[str]] = {}
        self._element, self._bodies = element, bodies
        self._paths: list[str] = []
        self._current: list[str] = []

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if len(self._paths) >= MAX_DEPTH:
            raise TooDeep
        parent = self._paths[-1] if self._paths else None
        if parent is not None and parent in self._bodies:
            self._current.append(tag_as_text(tag, attributes))
            self._paths.append(parent)
            return
        self._open(f"{parent}/{local_name(tag)}" if parent else local_name(tag) if parent == "" else "", attributes)

    def _open(self, path: str, attributes: dict[str, str]) -> None:
        self._paths.append(path)
        # The first value of a repeated field counts.
        self._current = [] if self.parts.get(path) else self.parts.setdefault(path, [])
        if attributes:
            self._keep_attributes(path, attributes)
            if kind := attributes.get("rel") or attributes.get("scheme"):
                self._keep_attributes(f"{path}[{kind}]", attributes)

    def _keep_attributes(self, path: str, attributes: dict[str, str]) -> None:
        known = self._element.attributes.setdefault(path, {})
        for name, value in attributes.items():
            known.setdefault(local_name(name), value)

    def end(self, tag: str) -> None:
        path = self._paths.pop()
        parent = self._paths[-1] if self._paths else ""
        if path and path == parent:
            self._current.append(f"</{tag}>")
        else:
            self._current = [] if parent else self.parts.setdefault("", [])

    def data(self, text: str) -> None:
        self._current.append(text)

    def section(self) -> None:
        self._element.cdata.add(self._paths[-1])


def tag_as_text(tag: str, attributes: dict[str, str]) -> str:
    return f"<{tag}" + "".join(f" {name}={quoteattr(value)}" for name, value in attributes.items()) + ">"
