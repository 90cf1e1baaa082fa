"""The state of the replica of DATABASE_READ_URL, for `flask check`, the system page and the metrics."""

from collections.abc import Iterator
from dataclasses import dataclass

from flask import current_app
from flask_babel import gettext as _
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app import replica
from app.desk.setup_checks import Finding
from app.extensions import db
from app.replica import Replica, WrongServer

# The clock of the primary has made the time stamp: an approximate figure for people, never a reason for a read.
LAG = text("SELECT pg_is_in_recovery(), coalesce(extract(epoch FROM now() - pg_last_xact_replay_timestamp()), 0)")


@dataclass(frozen=True)
class Lag:
    """Bytes of the write-ahead log that the replica has not replayed, and seconds since its newest transaction."""

    is_standby: bool
    bytes: int
    seconds: float


def lag_of(found: Replica) -> Lag:
    """Raises SQLAlchemyError."""
    position = found.sample()
    with found.session() as session:
        is_standby, seconds = session.execute(LAG).one()
        missing = max(0, position - replica.position_of(session))
    return Lag(is_standby, missing, max(0.0, float(seconds)) if missing else 0.0)


def lag() -> Lag | None:
    """None without a replica, or if it does not answer."""
    found = replica.of_app()
    if found is None or found.is_left_alone:
        return None
    try:
        return lag_of(found)
    except SQLAlchemyError as trouble:
        found.note(trouble)
        return None


def check() -> Iterator[Finding]:
    found = replica.of_app()
    if found is None:
        return
    try:
        lag = lag_of(found)
    except WrongServer:
        yield (
            "replica-other",
            _("DATABASE_READ_URL does not lead to a replica of this database, so it is not used."),
            _("Name a streaming replica of the server in DATABASE_URL, and the same database."),
        )
    except SQLAlchemyError as trouble:
        db.session.rollback()
        yield (
            "replica",
            _("The replica does not answer (%(error)s), so the primary answers all reads.", error=_name_of(trouble)),
            _("Check DATABASE_READ_URL, and that the server is running."),
        )
    else:
        yield from _check_lag(lag)


def _check_lag(lag: Lag) -> Iterator[Finding]:
    most = current_app.config["DATABASE_READ_LAG"]
    if not lag.is_standby:
        yield (
            "replica-primary",
            _("DATABASE_READ_URL leads to a server that is no standby, so it is not used."),
            _("Name a standby in DATABASE_READ_URL, or remove the setting."),
        )
    elif lag.seconds > most:
        wrong = _("The replica is %(num)d seconds behind, so the primary answers searches.", num=lag.seconds)
        yield "replica-behind", wrong, _(
            "Compare pg_stat_replication of the primary, or raise DATABASE_READ_LAG (now %(num)d seconds).", num=most
        )  # fmt: skip


def _name_of(trouble: SQLAlchemyError) -> str:
    return type(getattr(trouble, "orig", None) or trouble).__name__
