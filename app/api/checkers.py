"""Checkers for programs: list, read with figures, add, change, set the mode, and remove."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from flask import Blueprint

from app.api.access import current_program, current_site, missing
from app.api.declared import Doc
from app.api.operation import operation
from app.database import write_transaction
from app.desk import checkers
from app.models import Checker, Mode, Scope
from app.models.checker import (
    LEAST_PRECISION,
    LONGEST_LANG,
    LONGEST_NAME,
    LONGEST_URL,
    MOST_LANGS,
    PERCENT,
    SECONDS,
)
from app.moderation import checker_figures
from app.moderation.checker_figures import figures_of

bp = Blueprint("checkers", __name__)

Languages = list[Annotated[str, Doc(longest=LONGEST_LANG)]]
LANGS = Doc("Only comments on pages in these languages; none: all", most_items=MOST_LANGS, example=["ja"])
TIMEOUT = Doc("Seconds", least=SECONDS[0], most=SECONDS[-1], example=5)
THRESHOLD = Doc("Confidence in percent that holds", least=PERCENT[0], most=PERCENT[-1], example=80)
PRECISION = Doc(
    "Percent of the held comments that moderators must reject",
    least=LEAST_PRECISION[0], most=LEAST_PRECISION[-1], example=50,
)  # fmt: skip


@dataclass(frozen=True)
class CheckerShown:
    """A checker. Of its address the query is left out, which may be a password."""

    id: int
    name: str
    url: Annotated[str, Doc(example="https://checker.example/")]
    mode: Annotated[Mode, Doc("shadow: its answers are only counted; hold: they hold comments; off: it is not asked")]
    mode_since: datetime
    returned: Annotated[str, Doc("Why it went back to shadow mode by itself: precision or errors; else empty")]
    timeout_s: Annotated[int, TIMEOUT]
    threshold: Annotated[int, THRESHOLD]
    least_precision: Annotated[int, PRECISION]
    langs: Annotated[Languages, LANGS]
    failures: Annotated[int, Doc("In a row")]
    paused_until: Annotated[datetime | None, Doc("It is not asked until then, after failures")]
    made_at: datetime


@dataclass(frozen=True)
class Checkers:
    checkers: list[CheckerShown]


@dataclass(frozen=True)
class CheckerShare:
    """`hits` of `of`, with the 95 percent interval."""

    hits: int
    of: int
    low: float
    high: float


@dataclass(frozen=True)
class CheckerQuality:
    """`precision`: of the comments with this answer, those that moderators decided so. `recall`: the reverse."""

    precision: CheckerShare
    recall: CheckerShare


@dataclass(frozen=True)
class CheckerFigures:
    """Its answers against decisions that moderators made without seeing them."""

    decided: Annotated[int, Doc("Compared decisions")]
    flagged: Annotated[int, Doc("Of these comments, those that it holds, or would hold")]
    may_hold: Annotated[bool, Doc("Whether they are good enough for the mode hold")]
    held: CheckerQuality
    verdicts: Annotated[dict[str, CheckerQuality], Doc("By verdict: fine, reject, spam")]


@dataclass(frozen=True)
class CheckerWithFigures:
    checker: CheckerShown
    figures: CheckerFigures


@dataclass(frozen=True)
class NewChecker:
    """It begins in shadow mode."""

    name: Annotated[str, Doc(longest=LONGEST_NAME, example="Toxicity")]
    url: Annotated[str, Doc("https", longest=LONGEST_URL, example="https://checker.example/")]
    langs: Annotated[Languages | None, LANGS] = None
    timeout_s: Annotated[int, TIMEOUT] = 5
    threshold: Annotated[int, THRESHOLD] = 80
    least_precision: Annotated[int, PRECISION] = 50


@dataclass(frozen=True)
class CheckerChange:
    """Only given fields change. At another address it begins in shadow mode, and its figures begin again."""

    name: Annotated[str | None, Doc(longest=LONGEST_NAME)] = None
    url: Annotated[str | None, Doc(longest=LONGEST_URL, example="https://checker.example/")] = None
    langs: Annotated[Languages | None, LANGS] = None
    timeout_s: Annotated[int | None, TIMEOUT] = None
    threshold: Annotated[int | None, THRESHOLD] = None
    least_precision: Annotated[int | None, PRECISION] = None
    mode: Annotated[Mode | None, Doc("hold: only if its figures are good enough", example="shadow")] = None


@dataclass(frozen=True)
class CheckerMade:
    checker: CheckerShown
    secret: Annotated[str, Doc("Signs the questions; shown only in this answer", example="whsec_…")]


@bp.get("/checkers")
@operation("The site's checkers", scope=Scope.MANAGE, answers={200: Checkers})
def show_all() -> Checkers:
    return Checkers([_shown(each) for each in Checker.of_site(current_site())])


@bp.post("/checkers")
@operation("Add a checker", scope=Scope.MANAGE, body=NewChecker, answers={201: CheckerMade}, errors=(409,))
def add(body: NewChecker) -> tuple[CheckerMade, int]:
    with write_transaction():
        made, secret = checkers.add(current_site(), by=current_program(), **_given(body))
    return CheckerMade(_shown(made), secret), 201


@bp.get("/checkers/<int:id>")
@operation("A checker, and how good it is", scope=Scope.MANAGE, answers={200: CheckerWithFigures}, errors=(404,))
def show(id: int) -> CheckerWithFigures:
    checker = _checker(id)
    return CheckerWithFigures(_shown(checker), _figures(checker))


@bp.post("/checkers/<int:id>")
@operation("Change a checker, or its mode", scope=Scope.MANAGE, body=CheckerChange, answers={200: CheckerShown},
           errors=(404, 409), description="409 if it is not good enough for the mode hold.")  # fmt: skip
def change(id: int, body: CheckerChange) -> CheckerShown:
    checker, given = _checker(id), _given(body)
    mode = given.pop("mode", None)
    with write_transaction():
        checkers.change(checker, by=current_program(), **given)
        if mode:
            checkers.set_mode(checker, mode, by=current_program())
    return _shown(checker)


@bp.post("/checkers/<int:id>/secret")
@operation("Change the secret; the earlier one ends at once", scope=Scope.MANAGE, answers={200: CheckerMade},
           errors=(404,))  # fmt: skip
def renew_secret(id: int) -> CheckerMade:
    checker = _checker(id)
    with write_transaction():
        secret = checkers.renew_secret(checker, by=current_program())
    return CheckerMade(_shown(checker), secret)


@bp.post("/checkers/<int:id>/remove")
@operation("Remove a checker with its answers", scope=Scope.MANAGE, answers={200: CheckerShown}, errors=(404,))
def remove(id: int) -> CheckerShown:
    checker = _checker(id)
    gone = _shown(checker)
    with write_transaction():
        checkers.remove(checker, by=current_program())
    return gone


def _given(body: NewChecker | CheckerChange) -> dict[str, Any]:
    return {name: value for name, value in vars(body).items() if value is not None}


def _checker(id: int) -> Checker:
    found = Checker.on_site(current_site(), id)
    if found is None:
        raise missing()
    return found


def _shown(of: Checker) -> CheckerShown:
    return CheckerShown(
        id=of.id,
        name=of.name,
        url=of.shown_url,
        mode=Mode(of.mode),
        mode_since=of.mode_since,
        returned=of.returned,
        timeout_s=of.timeout_s,
        threshold=of.threshold,
        least_precision=of.least_precision,
        langs=of.langs,
        failures=of.failures,
        paused_until=of.paused_until if of.is_paused else None,
        made_at=of.made_at,
    )


def _figures(checker: Checker) -> CheckerFigures:
    found = figures_of(checker)
    verdicts = {said: _quality(quality) for said, quality in found.verdicts.items()}
    return CheckerFigures(found.decided, found.flagged, found.may_hold(checker), _quality(found.held), verdicts)


def _quality(quality: checker_figures.Quality) -> CheckerQuality:
    return CheckerQuality(_share(quality.precision), _share(quality.recall))


def _share(share: checker_figures.Share) -> CheckerShare:
    return CheckerShare(share.hits, share.of, round(share.low, 4), round(share.high, 4))
