"""Read an export as text: decompress, detect the encoding, decode."""

import codecs
import os
import re
import zlib
from collections.abc import Iterator
from datetime import UTC, tzinfo
from pathlib import Path
from typing import IO

from app.transfer.fields import legible
from app.transfer.record import Trouble, UnreadableFile

CHUNK = 1 << 18  # bytes
MAX_RATIO = 200  # compression ratio; real blogs have 3 to 20, zlib's maximum is 1,032
RATIO_GRACE = 1 << 26  # unpacked bytes before the ratio is checked
GZIP_MAGIC = b"\x1f\x8b"

_DECLARED = re.compile(rb"^[^<]{0,16}<\?xml[^>]{0,200}encoding\s*=\s*[\"']([A-Za-z0-9._-]{1,40})")
# Supersets of these labels (encoding.spec.whatwg.org, 4.2).
_SUPERSET = {
    "shift_jis": "cp932",
    "iso8859-1": "cp1252",
    "ascii": "utf-8",
    "gb2312": "gb18030",
    "gbk": "gb18030",
}
_KNOWN = re.compile(r"utf-8|iso8859-\d+|cp125\d|cp932|euc_jp|iso2022_jp|gb18030|big5|big5hkscs|euc_kr|koi8-[ru]")
_MULTIBYTE = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
# Kanji are no evidence: "é" and its neighbour are one in Shift_JIS. Japanese texts always have kana.
_KANA = re.compile("[\u3041-\u30fe]")
MIN_KANA_SHARE = 0.1  # of the characters outside ASCII


class Source:
    """An export and its text. After iterating `text()`, `damaged` tells whether decompression failed.

    `zone` is the time zone of dates without one.
    """

    def __init__(self, path: Path | str, *, zone: tzinfo = UTC) -> None:
        self.path, self.zone = Path(path), zone
        self.position = 0  # decompressed bytes
        self.damaged = False
        self.passes = 1  # number of planned passes
        # Progress: bytes on disk, or ids of a database.
        self.done = self.whole = 0

    @classmethod
    def of(cls, file: "Source | Path | str") -> "Source":
        return file if isinstance(file, Source) else cls(file)

    @property
    def share(self) -> float:
        """The part of the file that was read; 0 if unknown."""
        return min(self.done / self.whole, 1) if self.whole > 0 else 0

    def text(self) -> Iterator[str]:
        """Parts of the text. Raises UnreadableFile if the file cannot be opened or is a gzip bomb."""
        self.position, self.damaged = 0, False
        decoder: codecs.IncrementalDecoder | None = None
        declared = ""
        for chunk in self._chunks():
            if self.position == 0:
                declared = _declared(chunk)
            self.position += len(chunk)
            if decoder is None and chunk.isascii() and not declared.startswith(("utf-16", "iso2022")):
                yield legible(chunk.decode("ascii"))
                continue
            decoder = decoder or codecs.getincrementaldecoder(encoding_of(chunk, declared))("replace")
            yield legible(decoder.decode(chunk))
        if decoder is not None:
            yield legible(decoder.decode(b"", final=True))

    def head(self) -> str:
        """The beginning of the text, at least CHUNK characters if it is so long."""
        return beginning_of(Source(self.path))

    def starts_with(self, *signs: str) -> bool:
        """True if the first visible character is one of these."""
        return self.head().lstrip("\ufeff \t\r\n").startswith(signs)

    def _chunks(self) -> Iterator[bytes]:
        try:
            with self.path.open("rb") as file:
                self.whole = os.fstat(file.fileno()).st_size * self.passes
                packed = file.read(2) == GZIP_MAGIC
                file.seek(0)
                plain = self._read(file)
                yield from self._unpacked(plain) if packed else plain
        except IsADirectoryError as error:
            raise UnreadableFile(Trouble.WRONG_FORMAT) from error
        except OSError as error:
            raise UnreadableFile(Trouble.NOT_READABLE) from error

    def _read(self, file: IO[bytes]) -> Iterator[bytes]:
        while chunk := file.read(CHUNK):
            self.done += len(chunk)
            yield chunk

    def _unpacked(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        packed = unpacked = 0
        members = _Members()
        for chunk in chunks:
            packed += len(chunk)
            for piece in members.unpack(chunk):
                unpacked += len(piece)
                if unpacked > RATIO_GRACE and unpacked > MAX_RATIO * packed:
                    raise UnreadableFile(Trouble.BOMB, position=unpacked)
                yield piece
            if members.damaged:
                break
        self.damaged = members.damaged or members.open


File = Source | Path | str  # argument of a reader


def beginning_of(source: Source) -> str:
    head = ""
    for piece in source.text():
        head += piece
        if len(head) >= CHUNK:
            break
    return head


class _Members:
    def __init__(self) -> None:
        self._member = zlib.decompressobj(wbits=31)
        self.open = True
        self.damaged = False

    def unpack(self, chunk: bytes) -> Iterator[bytes]:
        while chunk:
            if not self.open:
                if not chunk.startswith(GZIP_MAGIC):
                    return  # padding after the last member, from tapes and some servers
                self._member, self.open = zlib.decompressobj(wbits=31), True
            try:
                piece = self._member.decompress(chunk, CHUNK)
            except zlib.error:
                self.damaged = True
                return
            if piece:
                yield piece
            self.open = not self._member.eof
            chunk = self._member.unconsumed_tail if self.open else self._member.unused_data


def _declared(head: bytes) -> str:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if head[:4] in (b"<\0?\0", b"\0<\0?"):
        return "utf-16-le" if head[0] else "utf-16-be"
    match = _DECLARED.match(head)
    return _python_name(match[1].decode("ascii")) if match else ""


def _python_name(label: str) -> str:
    try:
        name = codecs.lookup({"x-sjis": "cp932", "windows-31j": "cp932"}.get(label.lower(), label)).name
    except LookupError:
        return ""
    name = _SUPERSET.get(name, name)
    return name if _KNOWN.fullmatch(name) else ""  # only known codecs: the label is not trusted


def encoding_of(chunk: bytes, declared: str) -> str:
    """The encoding of `chunk`, the first one with non-ASCII bytes.

    Valid UTF-8 is UTF-8, whatever the label: no other encoding looks like it by chance. Otherwise the label counts; if
    that is UTF-8 or missing, the encoding with most kana.
    """
    if declared.startswith(("utf-16", "iso2022")):
        return declared
    if _reads(chunk, "utf-8") is not None:
        return "utf-8-sig"
    if declared not in ("", "utf-8"):
        return declared
    rest, good = _MULTIBYTE.subn(b"", chunk)
    if good > len(rest.translate(None, bytes(range(128)))):
        return "utf-8-sig"  # broken places become U+FFFD
    likely = max(("cp932", "euc_jp"), key=lambda name: _kana_share(chunk, name))
    return likely if _kana_share(chunk, likely) >= MIN_KANA_SHARE else "cp1252"


def _reads(chunk: bytes, name: str) -> str | None:
    try:
        return codecs.getincrementaldecoder(name)("strict").decode(chunk)
    except UnicodeDecodeError:
        return None


def _kana_share(chunk: bytes, name: str) -> float:
    text = _reads(chunk, name) or ""
    foreign = sum(not char.isascii() for char in text)
    return len(_KANA.findall(text)) / max(foreign, 1)
