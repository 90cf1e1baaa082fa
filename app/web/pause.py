"""How long a moderator has been deciding. Only the begin and the last decision, in the log-in's cookie: no counts."""

from datetime import timedelta

from flask import session

from app.lib.clock import now
from app.models import Moderator

KEY = "deciding"
# Without a decision for so long, it was a pause.
GAP = timedelta(minutes=10)


def note_decision() -> None:
    began, last = _kept()
    moment = int(now().timestamp())
    session[KEY] = [began if moment - last < GAP.total_seconds() else moment, moment]


def begin_again() -> None:
    """After a pause, or a reminder that is not wanted: the next one comes after the whole time."""
    moment = int(now().timestamp())
    session[KEY] = [moment, moment]


def is_due(moderator: Moderator) -> bool:
    began, last = _kept()
    moment = now().timestamp()
    is_deciding = moment - last < GAP.total_seconds()
    return bool(moderator.pause_minutes) and is_deciding and moment - began >= moderator.pause_minutes * 60


def _kept() -> tuple[int, int]:
    kept = session.get(KEY)
    return (kept[0], kept[1]) if kept else (0, 0)
