"""Read the small files of an untrusted folder or zip archive, without writing any of them."""

import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from os import walk
from pathlib import Path, PurePosixPath

from app.transfer.fields import legible
from app.transfer.record import Reason, Trouble, UnreadableFile
from app.transfer.source import MAX_RATIO, RATIO_GRACE, Source, encoding_of

MAX_FILE = 1 << 20  # bytes of one file, which is one comment
MAX_FILES = 500_000
MAX_DIRECTORY = 1 << 23  # bytes of a zip archive's list of files, some 60,000; it is read whole
ZIP_MAGIC = b"PK\x03\x04"

_END = struct.Struct("<4s4H2LH")  # APPNOTE.TXT of PKWARE, 4.3.16: end of central directory record
_END_MAGIC, _ZIP64_MAGIC = b"PK\x05\x06", b"PK\x06\x07"
# Also of an encrypted file, or of one that is compressed by an unknown method.
BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError)


@dataclass(frozen=True, slots=True)
class SmallFile:
    """`folder` and `name` are labels from the archive and never opened. `lost` is the reason for a missing text."""

    folder: str
    name: str
    text: str
    lost: Reason | None = None


def is_folder(path: Path | str) -> bool:
    """True for a folder or a zip archive. Raises UnreadableFile if it cannot be opened."""
    path = Path(path)
    try:
        if path.is_dir():
            return True
        with path.open("rb") as file:
            return file.read(len(ZIP_MAGIC)) == ZIP_MAGIC
    except OSError as error:
        raise UnreadableFile(Trouble.NOT_READABLE) from error


def files(source: Source, suffixes: tuple[str, ...]) -> Iterator[SmallFile]:
    """Files by path. Links are not followed. Raises UnreadableFile for a damaged or suspicious archive."""
    if not is_folder(source.path):
        raise UnreadableFile(Trouble.WRONG_FORMAT)
    found = _of_folder(source, suffixes) if source.path.is_dir() else _of_zip(source, suffixes)
    for name, content in found:
        path = PurePosixPath(name)
        labels = legible(str(path.parent)), legible(path.name)
        if isinstance(content, Reason):
            yield SmallFile(*labels, "", content)
        elif len(content) > MAX_FILE:
            yield SmallFile(*labels, "", Reason.TOO_LARGE)
        else:
            yield SmallFile(*labels, _text(content))


def _text(content: bytes) -> str:
    return legible(content.decode(encoding_of(content, ""), "replace"))


def _of_folder(source: Source, suffixes: tuple[str, ...]) -> Iterator[tuple[str, bytes | Reason]]:
    found = names(source.path, suffixes)
    source.whole = len(found)
    for name in found:
        source.done += 1
        yield name.encode("utf-8", "replace").decode(), _content(source.path / name)


def names(root: Path, suffixes: tuple[str, ...]) -> list[str]:
    """Paths below a folder, sorted."""
    found: list[str] = []
    for folder, folders, here in walk(root):
        folders.sort()
        found += (str(Path(folder, name).relative_to(root)) for name in here if name.endswith(suffixes))
        if len(found) > MAX_FILES:
            raise UnreadableFile(Trouble.TOO_MANY)
    return sorted(found)


def is_regular(path: Path) -> bool:
    """False for a link or a device."""
    return stat.S_ISREG(path.lstat().st_mode)


def _content(path: Path) -> bytes | Reason:
    try:
        if not is_regular(path):
            return Reason.UNKNOWN_RECORD
        with path.open("rb") as file:
            return file.read(MAX_FILE + 1)
    except OSError:
        return Reason.MALFORMED


def _of_zip(source: Source, suffixes: tuple[str, ...]) -> Iterator[tuple[str, bytes | Reason]]:
    size = checked_size(source.path)
    unpacked = 0
    try:
        with zipfile.ZipFile(source.path) as archive:
            members = [each for each in archive.infolist() if each.filename.endswith(suffixes) and not each.is_dir()]
            source.whole = len(members)
            for member in sorted(members, key=lambda each: each.filename):
                source.done += 1
                content = _unpacked(archive, member)
                unpacked += len(content) if isinstance(content, bytes) else 0
                if unpacked > RATIO_GRACE and unpacked > MAX_RATIO * size:
                    raise UnreadableFile(Trouble.BOMB)
                yield member.filename.encode("utf-8", "replace").decode(), content
    except zipfile.BadZipFile as error:
        raise UnreadableFile(Trouble.DAMAGED) from error


def _unpacked(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes | Reason:
    try:
        with archive.open(member) as file:
            return file.read(MAX_FILE + 1)
    except BROKEN:
        return Reason.MALFORMED


def checked_size(path: Path) -> int:
    """The size of the archive. Raises UnreadableFile if its end is missing, or lists more than could be read whole."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            start = file.seek(max(0, size - (1 << 16) - _END.size))
            tail = file.read(size - start)
    except OSError as error:
        raise UnreadableFile(Trouble.NOT_READABLE) from error
    at = tail.rfind(_END_MAGIC)
    if at < 0 or len(tail) - at < _END.size:
        raise UnreadableFile(Trouble.DAMAGED)
    if _END.unpack_from(tail, at)[5] > MAX_DIRECTORY or _ZIP64_MAGIC in tail[max(0, at - 20) : at]:
        raise UnreadableFile(Trouble.TOO_MANY)
    return size
