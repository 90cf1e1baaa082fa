"""Stream the large files of an untrusted folder or zip archive, each as a text of its own."""

import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from io import FileIO
from itertools import chain
from typing import IO

from app.transfer import folder
from app.transfer.record import Trouble, UnreadableFile
from app.transfer.source import GZIP_MAGIC, MAX_RATIO, RATIO_GRACE, Source, beginning_of

Opening = Callable[[], AbstractContextManager[IO[bytes]]]


class Part(Source):
    """One file, perhaps compressed by gzip. Reading it counts as progress of the whole, whose bytes are bounded."""

    def __init__(self, whole: "Whole", opening: Opening) -> None:
        super().__init__(whole.source.path, zone=whole.source.zone)
        self._whole, self._opening = whole, opening

    def head(self) -> str:
        """Also sets `damaged`."""
        return beginning_of(self)

    def _chunks(self) -> Iterator[bytes]:
        try:
            with self._opening() as file:
                plain = self._read(file)
                first = next(plain, b"")
                plain = chain([first], plain)
                for piece in self._unpacked(plain) if first.startswith(GZIP_MAGIC) else plain:
                    self._whole.count(len(piece))
                    yield piece
        except UnreadableFile:
            raise
        except folder.BROKEN:  # the reader reports the end of the text
            self.damaged = True

    def _read(self, file: IO[bytes]) -> Iterator[bytes]:
        for chunk in super()._read(file):
            self._whole.source.done += len(chunk)
            yield chunk


class Whole:
    def __init__(self, source: Source, packed: int, unpacked: int) -> None:
        self.source, self._packed = source, packed
        self._seen = 0
        source.whole = unpacked * source.passes

    def count(self, unpacked: int) -> None:
        """Raises UnreadableFile for a bomb."""
        self._seen += unpacked
        if self._seen > RATIO_GRACE and self._seen > MAX_RATIO * self._packed:
            raise UnreadableFile(Trouble.BOMB, position=self._seen)


def parts(source: Source, suffixes: tuple[str, ...]) -> Iterator[Part]:
    """Files by path. Links are not followed. Raises UnreadableFile for a damaged or suspicious archive."""
    if not folder.is_folder(source.path):
        raise UnreadableFile(Trouble.WRONG_FORMAT)
    yield from _of_folder(source, suffixes) if source.path.is_dir() else _of_zip(source, suffixes)


def _of_folder(source: Source, suffixes: tuple[str, ...]) -> Iterator[Part]:
    paths = [source.path / name for name in folder.names(source.path, suffixes)]
    paths = [path for path in paths if folder.is_regular(path)]
    size = sum(path.stat().st_size for path in paths)
    whole = Whole(source, size, size)
    for path in paths:
        yield Part(whole, partial(FileIO, path))


def _of_zip(source: Source, suffixes: tuple[str, ...]) -> Iterator[Part]:
    size = folder.checked_size(source.path)
    try:
        with zipfile.ZipFile(source.path) as archive:
            members = [each for each in archive.infolist() if each.filename.endswith(suffixes) and not each.is_dir()]
            whole = Whole(source, size, sum(each.file_size for each in members))
            for member in sorted(members, key=lambda each: each.filename):
                yield Part(whole, partial(archive.open, member))
    except zipfile.BadZipFile as error:
        raise UnreadableFile(Trouble.DAMAGED) from error
