"""One import: read a file into staging, then write it. `flask import` and the worker use it."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from app.models import Site
from app.transfer.addresses import Addresses
from app.transfer.detect import READERS
from app.transfer.load import load
from app.transfer.record import Trouble, UnreadableFile
from app.transfer.source import Source
from app.transfer.staging import Staging


class Phase(StrEnum):
    READING = "reading"
    CHECKING = "checking"
    WRITING = "writing"
    WAITING = "waiting"


@dataclass(frozen=True, slots=True)
class Step:
    """Progress: comments so far, and the part of the phase that is done, 0 if unknown."""

    phase: Phase
    count: int
    share: float


@dataclass(frozen=True, slots=True)
class Options:
    """`moves` are pairs of old and new URLs or prefixes."""

    moves: tuple[tuple[str, str], ...] = ()
    pingbacks: bool = False
    only_public: bool = False
    close_threads: bool = False


class ImportRun:
    """`error` tells after `read` why the rest of the file was not read; earlier records are staged."""

    def __init__(self, site: Site, form: str, source: Source, options: Options, *, dry_run: bool) -> None:
        self.site, self.form, self.source, self.options, self.dry_run = site, form, source, options, dry_run
        addresses = Addresses(site, form, options.moves)
        self.staging = Staging(addresses, pingbacks=options.pingbacks, only_public=options.only_public)
        self.error: UnreadableFile | None = None

    def __enter__(self) -> Self:
        self.staging.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.staging.__exit__(*error)

    def read(self) -> Iterator[Step]:
        """Needs no transaction."""
        try:
            for count in self.staging.collect(READERS[self.form](self.source)):
                yield Step(Phase.READING, count, self.source.share)
        except UnreadableFile as error:
            self.error = error

    @property
    def is_refused(self) -> bool:
        """True if the file is of another format, or nothing of it could be read."""
        return self.error is not None and (self.error.trouble is Trouble.WRONG_FORMAT or not self.staging.read)

    def write(self) -> Iterator[Step]:
        """The caller commits after each step. A dry run writes nothing; nothing of a refused file is written."""
        if self.is_refused:
            return
        phase = Phase.CHECKING if self.dry_run else Phase.WRITING
        steps = load(
            self.site, self.staging, source=self.form, dry_run=self.dry_run, close_threads=self.options.close_threads
        )
        for count in steps:
            yield Step(phase, count, count / self.staging.total if count else 0.0)

    def steps(self) -> Iterator[Step]:
        yield from self.read()
        yield from self.write()
