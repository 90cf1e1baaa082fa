"""Where the tables of a move are until they are complete, so that no server takes them for an installation."""

from pathlib import Path

from sqlalchemy import Connection, inspect, text

SCHEMA = "kaiwa_moving"
ENDING = ".moving"


def unfinished_file(file: Path) -> Path:
    return file.with_name(file.name + ENDING)


def is_awaited(connection: Connection) -> bool:
    """True if a move to this database has begun and is not done; not for the connections of the move itself."""
    if connection.dialect.name == "postgresql":
        here = connection.scalar(text("SELECT current_schema()"))
        return here != SCHEMA and inspect(connection).has_schema(SCHEMA)
    path = connection.engine.url.database
    return bool(path) and unfinished_file(Path(str(path))).exists()
