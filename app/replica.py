"""Read from a replica of PostgreSQL if it provably has the data; otherwise from the primary.

Positions are those of PostgreSQL's write-ahead log, as numbers: a server that has replayed up to a position has
everything that was committed before it (docs/decisions/0032-replica.md).
"""

import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from time import monotonic, sleep
from typing import Any, TypeVar

from flask import Flask, current_app
from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app.extensions import db
from app.lib import deadline, metrics

log = logging.getLogger(__name__)

BIND = "replica"
# After a failure, the replica is left alone for so long; then one request tries it.
LEFT_ALONE_S = 5.0
# Share of a request's time that a replica may take for a statement, so that the primary can still answer.
SHARE = 3
# How often the primary's position is read, within the allowed lag.
SAMPLES = 4
# How long a list of the newest comments waits for a replica that replays at once.
PATIENCE_S = (0.0, 0.005, 0.015, 0.03)
# How long a replica that was waited for in vain is not waited for again.
BEHIND_S = 1.0
# Of a write whose position could not be read: no server has it.
UNKNOWN = 2**64

T = TypeVar("T")

# Without synchronous commits, a commit is seen before it is written: then all that is to be written counts.
_POSITION = """
CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
WHEN current_setting('synchronous_commit') = 'off' THEN pg_current_wal_insert_lsn()
ELSE pg_current_wal_lsn() END - '0/0'::pg_lsn
"""
POSITION = text(f"SELECT {_POSITION}")
# A version may be older than the position, never newer. The statements that follow read the position or a later one.
_VERSIONS = "(SELECT version FROM thread WHERE id = :thread), (SELECT version FROM site WHERE id = :site)"
# A server that was made a primary goes its own way: its position means nothing here.
_REPLAYED = "coalesce(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() - '0/0'::pg_lsn END, -1)"
STATE = text(f"SELECT {_REPLAYED}, {_VERSIONS}")
# Of the cluster, which a replica shares with its primary, and of the database in it.
_DATABASE = "(SELECT oid FROM pg_database WHERE datname = current_database())"
IDENTITY = text(f"SELECT system_identifier, {_DATABASE} FROM pg_control_system()")  # noqa: S608


class NotReplicated(Exception):
    """The replica does not have what the reader must see: `behind`, or `changed` for a page with a newer version."""


class WrongServer(SQLAlchemyError):
    """The server is no replica of the primary, or has another database of it."""


@dataclass(frozen=True)
class Needed:
    """A position, and perhaps versions, that a server must have for a read."""

    position: int
    thread: int = 0
    site: int = 0
    versions: tuple[int, int] = (0, 0)


@dataclass
class Replica:
    """The replica of an application, with what this process knows about it."""

    engine: Engine
    max_lag_s: float
    failed: bool = False
    tried_again_at: float = 0.0
    # Moments (monotonic), and positions of the primary at these or later.
    samples: "deque[tuple[float, int]]" = field(default_factory=deque)
    identity: tuple[int, int] | None = None
    # Until then, it is not waited for.
    behind_until: float = 0.0
    lock: Lock = field(default_factory=Lock)

    @property
    def is_left_alone(self) -> bool:
        return self.failed and monotonic() < self.tried_again_at

    def may_be_tried(self) -> bool:
        """False for a while after a failure; then True for one request."""
        with self.lock:
            if self.is_left_alone:
                return False
            self.tried_again_at = monotonic() + LEFT_ALONE_S
            return True

    def note(self, trouble: SQLAlchemyError | None) -> None:
        """Note whether the replica has answered."""
        with self.lock:
            began = trouble is not None and not self.failed
            self.failed, self.tried_again_at = trouble is not None, monotonic() + LEFT_ALONE_S
        if began:
            log.warning("replica does not answer", extra={"error": type(trouble).__name__}, exc_info=trouble)

    def position_within_lag(self) -> int:
        """A position that the primary had at most `max_lag_s` ago."""
        moment = monotonic()
        if self._is_due(moment):
            self.sample()
        with self.lock:
            while len(self.samples) > 1 and self.samples[0][0] < moment - self.max_lag_s:
                self.samples.popleft()
            return self.samples[0][1]

    def sample(self) -> int:
        """The primary's position now."""
        moment, found = monotonic(), position_of(db.session)
        with self.lock:
            # Lists read it each time; a few are enough to know the lag.
            if self._is_due(moment):
                self.samples.append((moment, found))
        return found

    def _is_due(self, moment: float) -> bool:
        return not self.samples or moment - self.samples[-1][0] >= self.max_lag_s / SAMPLES

    @contextmanager
    def session(self) -> Iterator[Session]:
        """The replica's session as `db.session`. It never writes."""
        ours, theirs = db.session(), Session(self.engine, autoflush=False, expire_on_commit=False)
        identity = self._identity()
        db.session.registry.set(theirs)  # type: ignore[arg-type]
        try:
            with deadline.for_each_statement(deadline.left() / SHARE):
                self._verify(theirs.connection(), identity)
                yield theirs
        finally:
            db.session.registry.set(ours)
            _close(theirs)

    def _identity(self) -> tuple[int, int]:
        if self.identity is None:
            self.identity = identity_of(db.session.connection())
        return self.identity

    def _verify(self, connection: Connection, identity: tuple[int, int]) -> None:
        """Once for each connection. Raises WrongServer."""
        if not connection.info.get("is_replica"):
            if identity_of(connection) != identity:
                raise WrongServer("DATABASE_READ_URL names no replica of DATABASE_URL")
            connection.info["is_replica"] = True


def install(app: Flask) -> None:
    if not app.config["DATABASE_READ_URL"]:
        return
    with app.app_context():
        engine = db.engines[BIND]
    app.extensions["replica"] = Replica(engine, app.config["DATABASE_READ_LAG"])

    @event.listens_for(engine, "connect")
    def only_read(connection: Any, _record: Any) -> None:
        # Also if the address leads to a primary.
        connection.read_only = True


def of_app() -> Replica | None:
    found: Replica | None = current_app.extensions.get("replica")
    return found


def of_thread(thread: Any, act: Callable[[], T]) -> T:
    """Run `act`, which reads a thread's public comments, on the replica if that has the thread's version.

    So a page with the ETag of a version never has older comments. `act` may run twice.
    """
    replica = of_app()
    if replica is None:
        return act()
    versions = thread.version, thread.site.version
    return _read(replica, act, Needed(replica.position_within_lag(), thread.id, thread.site_id, versions))


def since(position: int, act: Callable[[], T]) -> T:
    """Run `act` on the replica if that has the reader's last write, at `position`, and is within the allowed lag."""
    replica = of_app()
    return act() if replica is None else _read(replica, act, Needed(max(position, replica.position_within_lag())))


def current(act: Callable[[], T]) -> T:
    """Run `act` on the replica if that has everything that the primary has now.

    For pages without a version: they must never be older than the page before, which the primary may have answered.
    """
    replica = of_app()
    if replica is None:
        return act()
    if replica.is_left_alone:
        return _on_primary(act, "away")
    return _read(replica, act, Needed(replica.sample()), PATIENCE_S if monotonic() > replica.behind_until else (0.0,))


def last_write() -> int:
    """Position of the primary after a write, for `since`; 0 without a replica."""
    if of_app() is None:
        return 0
    try:
        return position_of(db.session)
    except SQLAlchemyError:
        log.warning("position of a write not read", exc_info=True)
        return UNKNOWN


def position_of(session: Any) -> int:
    return int(session.execute(POSITION).scalar_one())


def identity_of(connection: Connection) -> tuple[int, int]:
    cluster, database = connection.execute(IDENTITY).one()
    return cluster, database


def _read(replica: Replica, act: Callable[[], T], needed: Needed, patience: Sequence[float] = (0.0,)) -> T:
    if not replica.may_be_tried():
        return _on_primary(act, "away")
    try:
        with replica.session() as session:
            _require(session, needed, patience)
            found = act()
    except NotReplicated as no:
        replica.note(None)
        replica.behind_until = monotonic() + BEHIND_S
        return _on_primary(act, str(no))
    except SQLAlchemyError as trouble:
        # Lost, slow, a cancelled query, tables of another version: whatever it is, the primary answers.
        replica.note(trouble)
        return _on_primary(act, "away")
    replica.note(None)
    metrics.REPLICA_READS.labels("replica").inc()
    return found


def _on_primary(act: Callable[[], T], why: str) -> T:
    metrics.REPLICA_READS.labels(why).inc()
    return act()


def _require(session: Session, needed: Needed, patience: Sequence[float]) -> None:
    """Raises NotReplicated."""
    for seconds in patience:
        sleep(seconds)
        position, *versions = state_of(session, needed)
        if position >= needed.position:
            break
    else:
        raise NotReplicated("behind")
    if needed.thread and any(has < wanted for has, wanted in zip(versions, needed.versions, strict=True)):
        raise NotReplicated("changed")


def state_of(session: Session, needed: Needed) -> tuple[int, int, int]:
    """Position of the replica, and the versions that it has of a thread and of a site; 0 for none."""
    row = session.execute(STATE, {"thread": needed.thread, "site": needed.site}).one()
    return int(row[0]), row[1] or 0, row[2] or 0


def _close(session: Session) -> None:
    try:
        session.close()
    except SQLAlchemyError:
        session.invalidate()
