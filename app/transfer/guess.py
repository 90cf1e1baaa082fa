"""What a refused file looks like, for a message that tells how to go on."""

import re
from pathlib import Path

# First bytes of files that are no text.
MAGIC = {
    b"PK\x03\x04": "a zip archive: unpack it first",
    b"%PDF": "a PDF document",
    b"\x89PNG": "an image",
    b"\xff\xd8\xff": "an image",
    b"GIF8": "an image",
    b"BZh": "a file compressed by bzip2: unpack it first",
    b"\xfd7zXZ": "a file compressed by xz: unpack it first",
    b"(\xb5/\xfd": "a file compressed by zstd: unpack it first",
    b"7z\xbc\xaf": "a 7-Zip archive: unpack it first",
    b"PGDMP": "a PostgreSQL dump in the custom format: convert it by pg_restore -f FILE.sql",
    b"\xd0\xcf\x11\xe0": "an old Microsoft Office document",
}
SQLITE_MAGIC = b"SQLite format 3\0"
# Beginnings of texts, in this order.
SHAPES: tuple[tuple[str, str], ...] = (
    (r"\s*\Z", "an empty file"),
    (r"\s*<!doctype html|\s*<html", "a web page: log in to the other program again, and download the export itself"),
    (
        r"\s*(?:<\?xml[^>]*>)?\s*<feed\b",
        "an Atom feed: a feed has only the newest comments, so use the program's export",
    ),
    (
        r"\s*(?:<\?xml[^>]*>)?\s*<rss\b",
        "an RSS feed: a feed has only the newest comments, so use the program's export",
    ),
    (r"\s*(?:<\?xml[^>]*>)?\s*<(?P<word>[\w:-]{1,40})", "XML that begins with <{word}>"),
    (r"(?s).{0,4000}?-- (?:MySQL|MariaDB) dump", "a dump of a MySQL database: use the program's own export"),
    (r"(?s).{0,4000}?-- PostgreSQL database dump", "a dump of a PostgreSQL database: use the program's own export"),
    (r"(?s).{0,4000}?\b(?:CREATE TABLE|INSERT INTO)\b", "a dump of a database: use the program's own export"),
    (r'\s*\{\s*"(?P<word>\w{1,40})"', 'JSON that begins with "{word}"'),
    (r"\s*[\[{]", "JSON of an unknown program"),
    (r'"?\w[\w "]{0,60}"?[,;\t]"?\w', "a table (CSV)"),
)
TEXT = 1 << 14  # characters that are looked at


def looks_like(path: Path | str, head: str) -> str:
    """A few words: "a web page". `head` is the beginning of the text, decoded and unpacked."""
    if Path(path).is_dir():
        return "a folder of an unknown program"
    with Path(path).open("rb") as file:
        first = file.read(16)
    if first == SQLITE_MAGIC:
        return "a SQLite database of an unknown program"
    for magic, words in MAGIC.items():
        if first.startswith(magic):
            return words
    head = head[:TEXT].lstrip("\ufeff")
    if first.strip() and not head.strip():
        return "a binary file"
    for pattern, words in SHAPES:
        if found := re.match(pattern, head, re.I):
            return words.format(**found.groupdict())
    return "text of an unknown kind" if head.isprintable() or "\n" in head else "a binary file"
