"""Repair malformed records."""

import re
from html import unescape
from html.entities import html5
from xml.sax.saxutils import escape

from app.transfer.xml_element import tag_as_text
from app.transfer.xml_shape import Shape

MAX_SECTIONS = 64  # checked CDATA sections of a broken record

_TOKEN = re.compile(
    r"(?P<cdata><!\[CDATA\[.*?(?:]]>|\Z))"
    r"|(?P<comment_start><!--.*?(?:-->|\Z))"
    r"|(?P<reference>&(?:\#[0-9]{1,8};|\#[xX][0-9a-fA-F]{1,6};|[A-Za-z][A-Za-z0-9]{1,31};)?)"
    r"|(?P<tag></?[A-Za-z_][^<>]{0,4096}>)"
    r"|(?P<unrecognised><|]]>)",
    re.DOTALL,
)
_ATTRIBUTE = re.compile(r"""([A-Za-z_][\w.:-]{0,63})\s{0,8}=\s{0,8}(?:"([^"]*)"|'([^']*)'|([^\s"'>]*[^\s"'>/]))""")
_SECTION_START = re.compile(r"<([A-Za-z_][\w.:-]{0,63})(?:\s[^<>]{0,400})?>\s{0,64}<!\[CDATA\[")


def repair(text: str, shape: Shape) -> str:
    """Repair common mistakes: bare ampersands, HTML entities, unrecognised sections, unquoted attributes, comments with
    "--", unknown tags (they become text)."""
    return _TOKEN.sub(lambda token: _repaired_token(token, shape), text)


def _repaired_token(token: re.Match[str], shape: Shape) -> str:
    whole = token[0]
    match token.lastgroup:
        case "cdata":
            return whole if whole.endswith("]]>") else whole + "]]>"
        case "comment_start":
            return ""
        case "reference":
            return escape(_character_of(whole))
        case "tag" if shape.known_tag.match(whole):
            return _repaired_tag(whole)
        case _:
            return escape(whole)


def _character_of(reference: str) -> str:
    if reference.startswith("&#"):
        return unescape(reference)  # replaces or removes forbidden characters
    return html5.get(reference[1:], reference)


def _repaired_tag(tag: str) -> str:
    if "=" not in tag:
        return tag
    attributes: dict[str, str] = {}
    for match in _ATTRIBUTE.finditer(tag):
        attributes.setdefault(match[1], unescape(match[2] or match[3] or match[4] or ""))
    name = re.split(r"[\s/>]", tag.lstrip("</"), maxsplit=1)[0]
    end = "/>" if tag.endswith("/>") else ">"
    return tag_as_text(name, attributes)[:-1] + end


def close_sections(text: str) -> str:
    """Close CDATA sections that continue past the end of their element."""
    out: list[str] = []
    at = 0
    for _ in range(MAX_SECTIONS):
        section_start = _SECTION_START.search(text, at)
        end = text.find(f"</{section_start[1]}>", section_start.end()) if section_start else -1
        if section_start is None or end < 0:
            break
        close = text.find("]]>", section_start.end(), end)
        out += [text[at:end]] if close >= 0 else [text[at:end], "]]>"]
        at = end
    return "".join([*out, text[at:]])
