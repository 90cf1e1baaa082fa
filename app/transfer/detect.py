"""Detect the format of a file from its content."""

import re
import shlex
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from app.transfer import (
    archive,
    artalk,
    blogger,
    comentario,
    commento,
    coral,
    cusdis,
    disqus,
    folder,
    folder_parts,
    github,
    guess,
    hashover,
    hyvor,
    isso,
    remark42,
    signatures,
    sqlite_file,
    staticman,
    twikoo,
    waline,
    wordpress,
)
from app.transfer.folder_parts import Part
from app.transfer.record import Record, Trouble, TruncatedFile, UnreadableFile
from app.transfer.source import CHUNK, File, Source

Reader = Callable[[File], Iterator[Record]]

SUFFIXES = tuple(
    f".{kind}{packed}" for kind in ("xml", "atom", "json", "jsonl", "csv", "sql", "artrans") for packed in ("", ".gz")
)
LOOKED_AT = 100  # files of a folder or zip archive, to detect the format


def _also_packed(name: str, read: Reader) -> Reader:
    """Read a file, or all files of the program in a folder or zip archive; WordPress.com and Takeout make archives."""

    def read_all(file: File) -> Iterator[Record]:
        source = Source.of(file)
        if isinstance(source, Part) or not folder.is_folder(source.path):
            yield from read(source)
            return
        known, cut = False, None
        for part in folder_parts.parts(source, SUFFIXES):
            try:
                if _of_text(part.head()) == name:
                    known = True
                    yield from read(part)
                elif part.damaged:
                    raise TruncatedFile
            except TruncatedFile as error:
                cut = error
        if not known:
            raise UnreadableFile(Trouble.WRONG_FORMAT)
        if cut:
            raise cut

    return read_all


READERS: dict[str, Reader] = {
    "wordpress": _also_packed("wordpress", wordpress.read),
    "disqus": _also_packed("disqus", disqus.read),
    "isso": isso.read,
    "commento": _also_packed("commento", commento.read),
    "remark42": _also_packed("remark42", remark42.read),
    "cusdis": _also_packed("cusdis", cusdis.read),
    "waline": _also_packed("waline", waline.read),
    "twikoo": _also_packed("twikoo", twikoo.read),
    "artalk": _also_packed("artalk", artalk.read),
    "comentario": _also_packed("comentario", comentario.read),
    "blogger": _also_packed("blogger", blogger.read),
    "coral": coral.read,
    "github": _also_packed("github", github.read),
    "hyvor": _also_packed("hyvor", hyvor.read),
    "hashover": hashover.read,
    "staticman": staticman.read,
}
DATABASES = {"isso": isso.TABLES, "cusdis": cusdis.TABLES}

_REMARK = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_ROOT = re.compile(r"<(?:(?P<disqus>disqus)|(?P<wordpress>rss|channel|item|\w+:comment))(?=[\s>])")
_WXR = re.compile(
    r"wordpress\.org/export|<(?:\w+:)?(?:wxr_version|base_site_url|post_id|comment_status|comment_id|author_login)\b"
)
_DOCTYPE = re.compile("<!doctype", re.I)
_REMARK42 = re.compile(r'"version"\s{0,9}:\s{0,9}\d\s{0,9},\s{0,9}"users"\s{0,9}:|"locator"\s{0,9}:')
_ARCHIVE = re.compile(r'\{\s{0,9}"format"\s{0,9}:\s{0,9}"kaiwa"')
# An export without comments has its commenters, or two empty lists.
_COMMENTO = re.compile(
    r'"(?:commentHex|commenterHex)"\s{0,9}:|"comments"\s{0,9}:\s{0,9}(?:null|\[\s{0,9}\]),\s{0,9}"commenters"'
)


def detect(path: Path | str) -> str:
    """The key in READERS of the program that wrote the file, or `archive.FORMAT`.

    Raises UnreadableFile if the file cannot be opened or has no known format.
    """
    if folder.is_folder(path):
        name = _of_folder(path)
    else:
        name = _of_database(path) if sqlite_file.is_sqlite(path) else _of_text(Source(path).head())
    if name is None:
        raise UnreadableFile(Trouble.UNKNOWN_FORMAT)
    return name


def advice(path: Path | str, form: str, key: str) -> str:
    """What a file that is not of the format `form` is or looks like, and the command that reads it."""
    command = f"flask import {{}} {shlex.quote(str(path))} --site {key}"
    looks = guess.looks_like(path, "" if Path(path).is_dir() else Source(path).head())
    try:
        other = detect(path)
        if other != form:
            return f"It is of the format {other}: {command.format(other)}"
        return f"It begins like that format, but is not one. It looks like {looks}."
    except UnreadableFile:
        known = ", ".join((*READERS, archive.FORMAT))
        named = "" if form else f" If it is one of them, name it: {command.format('FORMAT')}"
        return f"It looks like {looks}. Formats: {known}.{named}"


def _of_folder(path: Path | str) -> str | None:
    tests = {"hashover": hashover.is_hashover, "staticman": staticman.is_staticman, "coral": coral.is_coral}
    return next((name for name, is_of in tests.items() if is_of(Source(path))), None) or _of_parts(path)


def _of_parts(path: Path | str) -> str | None:
    """The program of all known files of a folder or archive; None if there are several."""
    parts = islice(folder_parts.parts(Source(path), SUFFIXES), LOOKED_AT)
    found = {name for part in parts if (name := _of_text(part.head())) in READERS}
    return found.pop() if len(found) == 1 else None


def _of_database(path: Path | str) -> str | None:
    return next((name for name, tables in DATABASES.items() if sqlite_file.has(path, tables)), None)


def _of_text(head: str) -> str | None:
    begun = head.lstrip("\ufeff \t\r\n")
    # First: an archive names itself, and its settings have names that other programs use.
    if _ARCHIVE.match(begun):
        return archive.FORMAT
    if found := signatures.program(head):
        return found
    if begun.startswith("{"):
        return _of_json(begun)
    root = _ROOT.search(_REMARK.sub("", head))
    if root and root.lastgroup == "wordpress" and _is_feed(head):
        return None
    return root.lastgroup if root else None


def _is_feed(head: str) -> bool:
    """True for a short RSS feed. The reader refuses a long one, and a document type."""
    return len(head) < CHUNK and not _WXR.search(head) and not _DOCTYPE.search(head)


def _of_json(head: str) -> str | None:
    if _REMARK42.search(head.split("\n", 1)[0]):
        return "remark42"
    return "commento" if _COMMENTO.search(head) else None
