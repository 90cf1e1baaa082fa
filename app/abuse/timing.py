"""Measure typing time with signed stamps in the form, without cookies or storage.

A thread is the same bytes for all readers, so its stamp tells only the hour of rendering. When a reader starts to type,
the widget requests one with the exact time. A stamp can hold a comment but not refuse it: without JavaScript there is
only the hour (docs/decisions/0009-timing-without-cookies.md).
"""

import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from app.lib.clock import now
from app.lib.secrets import blind_index

LASTS = timedelta(days=2)
# Clock difference between machines of one installation.
LEEWAY = timedelta(minutes=1)
DRAWN, TYPING = "drawn", "typing"


@dataclass(frozen=True)
class Timing:
    """`seconds` since the first key, where that is known. `stamp`: '' when it is ours, else `missing` or `odd`.

    `moment`: when the stamp was made, if it is ours. `name`: the stamp without its signature, of which there is one for
    each key.
    """

    seconds: float | None = None
    stamp: str = ""
    moment: datetime | None = None
    name: str = ""


def stamp_of_the_hour(site_key: str) -> str:
    return _stamp(DRAWN, site_key, now().replace(minute=0, second=0, microsecond=0))


def stamp_of_now(site_key: str) -> str:
    return _stamp(TYPING, site_key, now())


def stamp_again(site_key: str, stamp: str) -> str:
    """The request's stamp for the form with errors, or a new one if it was invalid."""
    return stamp if stamp and not read(site_key, stamp).stamp else stamp_of_the_hour(site_key)


def read(site_key: str, stamp: str) -> Timing:
    """The stamp of this request for this site. All our forms have one; the API accepts it."""
    if not stamp:
        return Timing(stamp="missing")
    kind, _, rest = stamp.partition(".")
    milliseconds = rest.partition(".")[0]
    moment = _moment(milliseconds)
    if moment is None or not _is_ours(stamp, _stamps(kind, site_key, moment)):
        return Timing(stamp="odd")
    if not now() - LASTS < moment < now() + LEEWAY:
        return Timing(stamp="odd")
    seconds = (now() - moment).total_seconds() if kind == TYPING else None
    return Timing(seconds, moment=moment, name=f"{kind}.{milliseconds}")


def _is_ours(stamp: str, ours: list[str]) -> bool:
    return any(hmac.compare_digest(stamp.encode(), each.encode()) for each in ours)


def _stamp(kind: str, site_key: str, moment: datetime) -> str:
    return _stamps(kind, site_key, moment)[0]


def _stamps(kind: str, site_key: str, moment: datetime) -> list[str]:
    milliseconds = round(moment.timestamp() * 1000)
    keyed = blind_index("stamp", f"{kind} {site_key} {milliseconds}")
    return [f"{kind}.{milliseconds}.{each}" for each in keyed.all]


def _moment(milliseconds: str) -> datetime | None:
    if not (milliseconds.isascii() and milliseconds.isdigit() and len(milliseconds) < 15):
        return None
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)
