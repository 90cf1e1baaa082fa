"""Read Cusdis: its SQLite database, a PostgreSQL dump, or the JSON of its API.

Tables: prisma/*/schema.prisma of github.com/djyde/cusdis; API: service/comment.service.ts there.
"""

from collections.abc import Iterable, Iterator

from app.transfer import cusdis_api, sql_dump, sqlite_file
from app.transfer.cusdis_api import Row, comment_of, page_of
from app.transfer.fields import one_line
from app.transfer.record import (
    HiddenPage,
    Record,
    Skip,
    Trouble,
    UnreadableFile,
)
from app.transfer.source import File, Source

TABLES = {
    "projects": ("id", "deleted_at"),
    "pages": ("id", "slug", "url", "title", "projectId"),
    "comments": (
        "id", "pageId", "created_at", "deletedAt", "moderatorId", "by_email", "by_nickname", "content", "approved",
        "parentId",
    ),
}  # fmt: skip


def read(file: File) -> Iterator[Record]:
    """Pages and comments. Raises TruncatedFile after the last record of a truncated file, UnreadableFile for others."""
    source = Source.of(file)
    if sqlite_file.is_sqlite(source.path):
        yield from _of_database(source)
    elif source.starts_with("{", "["):
        yield from cusdis_api.read(source)
    else:
        yield from _of_dump(source)


def _of_database(source: Source) -> Iterator[Record]:
    with sqlite_file.opened(source.path, TABLES) as database:
        projects = [row for _id, row in database.rows("projects")]
        pages = _Pages(row for row in projects if isinstance(row, dict))
        for _id, row in database.rows("pages"):
            yield from [row] if isinstance(row, Skip) else pages.records(row)
        source.whole = database.highest("comments")
        for source.done, row in database.rows("comments"):
            yield row if isinstance(row, Skip) else comment_of(row)


def _of_dump(source: Source) -> Iterator[Record]:
    """The tables of a dump are in alphabetical order, so projects follow their pages."""
    pages = _Pages(())
    seen: set[str] = set()
    for found in sql_dump.rows(source):
        if isinstance(found, sql_dump.TableStart):
            if found.table in TABLES and not set(found.columns) >= set(TABLES[found.table]):
                raise UnreadableFile(Trouble.WRONG_FORMAT)
            seen.add(found.table)
        elif isinstance(found, tuple):
            yield from [found[1]] if found[0] == "comments" else []
        elif found.table == "projects":
            pages.add_project(found.values)
        elif found.table == "pages":
            yield from pages.records(found.values)
        elif found.table == "comments":
            yield comment_of(found.values, found.line)
    if "comments" not in seen:
        raise UnreadableFile(Trouble.WRONG_FORMAT)
    yield from pages.hidden()


class _Pages:
    """Pages of deleted projects are hidden; Cusdis answers nothing for them."""

    def __init__(self, projects: Iterable[Row]) -> None:
        self._deleted: set[str] = set()
        self._projects: dict[str, str] = {}
        for project in projects:
            self.add_project(project)

    def add_project(self, row: Row) -> None:
        if row.get("deleted_at"):
            self._deleted.add(one_line(row.get("id")))

    def records(self, row: Row) -> Iterator[Record]:
        thread = page_of(row)
        yield thread
        project = one_line(row.get("projectId"))
        if project in self._deleted:
            yield HiddenPage(thread.source_id)
        else:
            self._projects[thread.source_id] = project

    def hidden(self) -> Iterator[HiddenPage]:
        """Pages whose project turned out to be deleted after them."""
        return (HiddenPage(id) for id, project in self._projects.items() if project in self._deleted)
