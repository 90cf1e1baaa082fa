"""A move to PostgreSQL: the tables are in a schema of their own until they are complete."""

from collections.abc import Iterator
from functools import cached_property

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, text

from app.operations.move_place import SCHEMA
from app.operations.move_rows import LASTING, MoveError, moved_tables
from app.operations.move_target import INDEX, LAST, OWN_TABLES, Target, token_in

# A role's limits for requests do not apply to a move.
SETTINGS = (
    f"SET LOCAL search_path TO {SCHEMA}", "SET LOCAL statement_timeout = 0",
    "SET LOCAL idle_in_transaction_session_timeout = 0", LASTING,
)  # fmt: skip
CONSTRAINTS = """
SELECT conrelid::regclass::text, quote_ident(conname), pg_get_constraintdef(oid) FROM pg_constraint
WHERE contype = 'f' AND connamespace = 'kaiwa_moving'::regnamespace ORDER BY oid
"""
INDEXES = """
SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index
JOIN pg_class ON pg_class.oid = indexrelid
WHERE relnamespace = 'kaiwa_moving'::regnamespace
    AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid AND contype <> 'f')
ORDER BY indexrelid
"""
TRIGGERS = """
SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
WHERE NOT tgisinternal AND relnamespace = 'kaiwa_moving'::regnamespace
"""
THERE = "SELECT relname FROM pg_class WHERE relnamespace = 'kaiwa_moving'::regnamespace AND relkind = 'r'"
FUNCTIONS = "SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'kaiwa_moving'::regnamespace"


class PostgresqlTarget(Target):
    def __init__(self, url: URL) -> None:
        self.url = url
        place = {name: url.query[name] for name in ("host", "port") if name in url.query}
        self.label = URL.create("postgresql", None, None, url.host, url.port, url.database, place).render_as_string()
        self.engine = create_engine(url)

        @event.listens_for(self.engine, "begin")
        def _(connection: Connection) -> None:
            for setting in SETTINGS:
                connection.exec_driver_sql(setting)

    @cached_property
    def _plain(self) -> Engine:
        return create_engine(self.url)

    @cached_property
    def _home(self) -> str:
        """The schema in which servers look for tables."""
        with self._plain.connect() as connection:
            found = connection.scalar(text("SELECT quote_ident(current_schema())"))
        if not found:
            raise MoveError(f"{self.label} has no schema for tables: CREATE SCHEMA public")
        return str(found)

    def found(self) -> str:
        if self.is_public():
            raise MoveError(f"{self.label} has tables already. Make an empty database: createdb --owner kaiwa NAME")
        with self._plain.connect() as connection:
            if not inspect(connection).has_schema(SCHEMA):
                return ""
        with self.engine.connect() as connection:
            if token := token_in(connection):
                return token
        raise MoveError(f"{self.label} has a schema {SCHEMA} that is not of a move. Make an empty database.")

    def is_public(self) -> bool:
        with self._plain.connect() as connection:
            return bool(inspect(connection).get_table_names())

    def close(self) -> None:
        self.engine.dispose()
        self._plain.dispose()

    def reading_engine(self) -> Engine:
        return self._plain if self.is_public() else self.engine

    def _make_place(self, connection: Connection) -> None:
        connection.exec_driver_sql(f"CREATE SCHEMA {SCHEMA}")

    def _take_apart(self, connection: Connection) -> Iterator[tuple[str, str]]:
        for index, sql in connection.execute(text(INDEXES)).all():
            connection.exec_driver_sql(f"DROP INDEX {index}")
            yield INDEX, sql
        for table in connection.scalars(text(TRIGGERS)).all():
            connection.exec_driver_sql(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            yield LAST, f"ALTER TABLE {table} ENABLE TRIGGER USER"
        for table, name, sql in connection.execute(text(CONSTRAINTS)).all():
            connection.exec_driver_sql(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
            yield LAST, f"ALTER TABLE {table} ADD CONSTRAINT {name} {sql}"

    def set_sequences(self, connection: Connection) -> None:
        for each in moved_tables():
            if "id" not in each.names:
                continue
            sequence = connection.scalar(text("SELECT pg_get_serial_sequence(:name, 'id')"), {"name": each.name})
            if sequence:
                highest = f'SELECT setval(:sequence, max(id)) FROM "{each.name}" HAVING max(id) IS NOT NULL'  # noqa: S608
                connection.execute(text(highest), {"sequence": sequence})

    def make_indexes(self) -> Iterator[str]:
        yield from super().make_indexes()
        yield "ANALYZE"
        with self.engine.begin() as connection:
            for each in moved_tables():
                connection.exec_driver_sql(f'ANALYZE "{each.name}"')

    def publish(self) -> None:
        if self.is_public():
            return
        with self.engine.begin() as connection:
            for name in OWN_TABLES:
                connection.exec_driver_sql(f'DROP TABLE "{name}"')
            for function in connection.scalars(text(FUNCTIONS)).all():
                connection.exec_driver_sql(f"ALTER FUNCTION {function} SET SCHEMA {self._home}")
            for table in connection.scalars(text(THERE)).all():
                connection.exec_driver_sql(f'ALTER TABLE "{table}" SET SCHEMA {self._home}')
            connection.exec_driver_sql(f"DROP SCHEMA {SCHEMA}")

    def discard(self) -> None:
        with self._plain.begin() as connection:
            connection.exec_driver_sql(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
