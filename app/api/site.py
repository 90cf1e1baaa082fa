"""The token itself, and the settings and statistics of its site."""

from dataclasses import dataclass, make_dataclass
from datetime import date, datetime
from typing import Annotated, Any

from flask import Blueprint
from flask_babel import gettext as _

from app.api.access import current_program, current_site, current_token
from app.api.declared import Doc, Invalid
from app.api.operation import ANY_TOKEN, operation
from app.database import write_transaction
from app.desk import settings as site_settings
from app.desk.statistics import Share, statistics_of
from app.forms.site import FIELDS, YES_NO
from app.models import Role, Scope, Site

bp = Blueprint("site", __name__)

# It can be set, and is in no answer.
SECRET = "akismet_key"  # noqa: S105


@dataclass(frozen=True)
class TokenShown:
    """Of this request."""

    id: int
    name: Annotated[str, Doc(example="CMS")]
    site: Annotated[str, Doc("The site's key", example="news")]
    role: Role
    scopes: list[Scope]
    expires_at: datetime | None


def _type_of(name: str) -> Any:
    field = FIELDS[name]
    kind: Any = bool if field is YES_NO else int if field.digits else list[str] if name == "origins" else str
    return Annotated[kind | None, Doc(field.allowed)]


# Null in a request leaves a setting as it is.
SettingsGiven = make_dataclass("SettingsGiven", [(name, _type_of(name), None) for name in FIELDS], frozen=True)
SettingsGiven.__doc__ = "Settings to change; others stay. All of them, or none if one is invalid."


@dataclass(frozen=True)
class Settings:
    """`settings` has the names and values of `flask site set`; `version` changes with them."""

    site: str
    version: int
    settings: Annotated[dict[str, bool | int | str | list[str]], Doc(example={"open": True, "max_links": 2})]


@dataclass(frozen=True)
class StatisticsQuery:
    days: Annotated[int, Doc("Including today", least=1, most=90)] = 30


@dataclass(frozen=True)
class ShareShown:
    decided: int
    reversed: int
    median_seconds: Annotated[float | None, Doc("From the comment to the decision")]
    p90_seconds: float | None


@dataclass(frozen=True)
class DayShown(ShareShown):
    day: date


@dataclass(frozen=True)
class Statistics:
    """Decisions of moderators. `complete` is false if only the newest 10,000 were counted."""

    days: int
    complete: bool
    pending: int
    oldest_pending: datetime | None
    outcomes: Annotated[dict[str, int], Doc("Decisions by status", example={"approved": 5})]
    all: ShareShown
    by_day: list[DayShown]
    by_moderator: dict[str, ShareShown]
    by_reason: dict[str, ShareShown]


@bp.get("/token")
@operation("The token of this request", scope=ANY_TOKEN, answers={200: TokenShown})
def token() -> TokenShown:
    mine = current_token()
    scopes = [scope for scope in Scope if mine.allows(scope)]
    return TokenShown(mine.id, mine.name, mine.site.key, mine.role or Role.MODERATOR, scopes, mine.expires_at)


@bp.get("/settings")
@operation("The site's settings", scope=Scope.MANAGE, answers={200: Settings})
def settings() -> Settings:
    return _settings(current_site())


@bp.post("/settings")
@operation("Change settings", scope=Scope.MANAGE, body=SettingsGiven, answers={200: Settings})
def change(body: Any) -> Settings:
    values = _parsed({name: value for name, value in vars(body).items() if value is not None})
    site = current_site()
    with write_transaction():
        site_settings.change(site, values, by=current_program())
    return _settings(site)


@bp.get("/statistics")
@operation("How fast comments are decided, and what becomes of them", scope=Scope.READ, query=StatisticsQuery,
           answers={200: Statistics})  # fmt: skip
def statistics(query: StatisticsQuery) -> Statistics:
    found = statistics_of(current_site(), query.days)
    return Statistics(
        days=query.days,
        complete=found.complete,
        pending=found.waiting,
        oldest_pending=found.oldest,
        outcomes=dict(found.outcomes),
        all=_share(found.all),
        by_day=[DayShown(**vars(_share(share)), day=day) for day, share in sorted(found.by_day.items())],
        by_moderator={name: _share(share) for name, share in found.by_moderator.items()},
        by_reason={reason: _share(share) for reason, share in found.by_reason.items()},
    )


def _settings(site: Site) -> Settings:
    return Settings(site.key, site.version, {name: getattr(site, name) for name in FIELDS if name != SECRET})


def _parsed(given: dict[str, Any]) -> dict[str, Any]:
    """By the parsers of `flask site set`. Raises Invalid."""
    values, errors = {}, {}
    for name, value in given.items():
        try:
            values[name] = FIELDS[name].parse(_as_text(value))
        except (ValueError, KeyError):
            errors[name] = [_("Not allowed. Use %(allowed)s.", allowed=str(FIELDS[name].allowed))]
    if errors:
        raise Invalid(errors)
    return values


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ",".join(value) if isinstance(value, list) else str(value)


def _share(share: Share) -> ShareShown:
    return ShareShown(share.decided, share.reversed, share.median, share.p90)
