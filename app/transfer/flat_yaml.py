"""Read a flat YAML mapping: the texts of js-yaml's output, and nothing that YAML could execute or expand.

Plain, quoted and block scalars (yaml.org/spec/1.2.2, chapters 7.3 and 8.1). Nested values, anchors and tags are empty.
"""

import json
import re

_KEY = re.compile(
    r"""(?:"(?P<quoted>[\w .-]{1,100})"|'?(?P<plain>\w[\w .-]{0,99})'?)\s{0,9}:(?:\s+|\Z)(?P<value>.*)\Z"""
)
_BLOCK = re.compile(r"(?P<style>[|>])[0-9]?(?P<chomp>[+-]?)\s*(?:#.*)?\Z")
_COMMENT = re.compile(r"\s#")
_NULL = ("", "~", "null", "Null", "NULL")


def mapping(text: str) -> dict[str, str]:
    """Values of the top level by key; the first of a repeated key counts."""
    found: dict[str, str] = {}
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    at = 0
    while at < len(lines):
        key = _KEY.match(lines[at])
        at += 1
        start = at
        while at < len(lines) and (not lines[at].strip() or lines[at][0] in " \t"):
            at += 1
        if key:
            found.setdefault(key["quoted"] or key["plain"].strip(), _value(key["value"].strip(), lines[start:at]))
    return found


def _value(first: str, more: list[str]) -> str:
    block = _BLOCK.match(first)
    if block:
        return _block(more, folded=block["style"] == ">")
    if first.startswith(("'", '"')):
        return _quoted(_folded([first, *(line.strip() for line in more)]))
    if first.startswith(("{", "[", "&", "*", "!")) or (first == "" and any(line.strip() for line in more)):
        return ""
    whole = _folded([first, *(line.strip() for line in more)])
    comment = _COMMENT.search(whole)
    plain = whole[: comment.start()].strip() if comment else whole.strip()
    return "" if plain in _NULL else plain


def _block(lines: list[str], *, folded: bool) -> str:
    indents = [len(line) - len(line.lstrip(" ")) for line in lines if line.strip()]
    indent = min(indents, default=0)
    body = [line[indent:].rstrip("\r") for line in lines]
    return (_folded(body) if folded else "\n".join(body)).strip("\n")


def _folded(lines: list[str]) -> str:
    """A line break is a space, and an empty line a line break."""
    pieces: list[str] = []
    for line in lines:
        if not line.strip():
            pieces.append("\n")
        else:
            pieces += [" "] if pieces and pieces[-1] != "\n" else []
            pieces.append(line)
    return "".join(pieces).rstrip("\n")


def _quoted(text: str) -> str:
    if text.startswith("'"):
        end = re.match(r"'([^']*(?:''[^']*)*)'", text)
        return end[1].replace("''", "'") if end else text[1:]
    end = re.match(r'"([^"\\]*(?:\\.[^"\\]*)*)"', text, re.DOTALL)
    if not end:
        return text[1:]
    try:
        return str(json.loads(f'"{end[1]}"', strict=False))
    except ValueError:  # an escape that only YAML has, such as \x41
        return re.sub(r"\\x([0-9A-Fa-f]{2})", lambda found: chr(int(found[1], 16)), end[1])
