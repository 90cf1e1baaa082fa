"""The transparency report as rows with labels, for the page and its files."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from app.desk.statistics import Share
from app.desk.transparency import Source, TransparencyReport
from app.forms.log import STATUSES
from app.models import Site, reason_name
from app.models.notice import Outcome, claim_name

PARTS: dict[str, Any] = {
    "decisions": _l("Decisions of moderators"),
    "automatic": _l("Decisions of checks alone"),
    "reasons": _l("Reasons for rejection"),
    "sources": _l("What led to the decisions"),
    "reports": _l("Readers’ reports"),
    "appeals": _l("Appeals of authors"),
    "notices": _l("Legal notices received"),
    "notice_outcomes": _l("Legal notices decided"),
}
SOURCES: dict[str, Any] = {
    Source.NOTICE: _l("Legal notice"),
    Source.REPORT: _l("Readers’ report"),
    Source.APPEAL: _l("Author’s appeal"),
    Source.SCREENING: _l("Held by a check"),
    Source.OWN: _l("The moderator’s own initiative"),
}
APPEALS: dict[str, Any] = {"received": _l("Received"), "granted": _l("Comment published after all")}
OUTCOMES: dict[str, Any] = {Outcome.REMOVED: _l("Comment removed"), Outcome.KEPT: _l("Comment kept")}


@dataclass(frozen=True)
class Row:
    """`code` is the same in every language. `share` has waiting times and reversals, where these are counted."""

    part: str
    code: str
    label: str
    number: int
    share: Share | None = None


def parts(report: TransparencyReport, site: Site) -> list[tuple[str, Any, list[Row]]]:
    """Code, title and rows of each part that has any."""
    every = list(rows(report, site))
    found = [(part, title, [row for row in every if row.part == part]) for part, title in PARTS.items()]
    return [each for each in found if each[2]]


def rows(report: TransparencyReport, site: Site) -> Iterator[Row]:
    figures = report.figures
    yield from _counted("decisions", figures.outcomes, STATUSES)
    yield from _counted("automatic", report.automatic, STATUSES)
    reasons = {code: reason_name(code, site) or _("No reason given") for code in figures.by_reason}
    yield from _shared("reasons", figures.by_reason, reasons)
    yield from _shared("sources", figures.by_source, SOURCES)
    yield from _counted("reports", report.reports, {code: reason_name(code, site) for code in report.reports})
    yield from _counted("appeals", {"received": report.appeals, "granted": report.granted}, APPEALS)
    yield from _counted(
        "notices", report.notices.received, {code: claim_name(code) for code in report.notices.received}
    )
    yield from _counted("notice_outcomes", report.notices.outcomes, OUTCOMES)


def columns() -> list[str]:
    """Names of the columns of `cells`."""
    waits = _("Median time to review (seconds)"), _("90th percentile (seconds)")
    return [_("Part"), _("Code"), _("Item"), _("Count"), *waits, _("Overturned (count)"), _("Overturned (share)")]


def summary(report: TransparencyReport) -> list[tuple[str, str, Any]]:
    """Code, label and value of the figures of the whole report. Times are in seconds, shares from 0 to 1."""
    everything = report.figures.all
    return [
        ("comments", _("Comments received"), report.received),
        ("decided", _("Reviewed by moderators"), everything.decided),
        ("share_automatic", _("Decided by checks alone"), report.share_automatic),
        ("median_seconds", _("Median time to review"), everything.median),
        ("p90_seconds", _("90th percentile"), everything.p90),
        ("share_overturned", _("Overturned (share)"), everything.share_reversed),
        ("notice_median_seconds", _("Median time to decide a legal notice"), report.notices.median),
    ]


def cells(report: TransparencyReport, site: Site) -> Iterator[list[Any]]:
    """Lines of a table: the summary, then every row."""
    for code, label, value in summary(report):
        yield [_("Summary"), code, label, _rounded(value), "", "", "", ""]
    if not report.figures.complete:
        yield [_("Summary"), "complete", _("Based on the newest 100,000 decisions."), "", "", "", "", ""]
    for row in rows(report, site):
        share = row.share
        times = [_rounded(share.median), _rounded(share.p90)] if share else ["", ""]
        overturned = [share.reversed, _rounded(share.share_reversed)] if share else ["", ""]
        yield [str(PARTS[row.part]), row.code, row.label, row.number, *times, *overturned]


def told(report: TransparencyReport, site: Site, lang: str) -> dict[str, Any]:
    """The report as JSON."""
    return {
        "site": site.key, "name": site.name, "lang": lang, "timezone": site.timezone,
        "from": report.first.isoformat(), "until": report.last.isoformat(), "complete": report.figures.complete,
        "summary": {code: _rounded(value) for code, _label, value in summary(report)},
        "parts": {part: [_as_json(row) for row in found] for part, _title, found in parts(report, site)},
    }  # fmt: skip


def _counted(part: str, numbers: Mapping[str, int], names: Mapping[str, Any]) -> Iterator[Row]:
    for code, number in sorted(numbers.items(), key=lambda each: -each[1]):
        yield Row(part, code, str(names.get(code, code)), number)


def _shared(part: str, shares: Mapping[str, Share], names: Mapping[str, Any]) -> Iterator[Row]:
    for code, share in sorted(shares.items(), key=lambda each: -each[1].decided):
        yield Row(part, code, str(names.get(code, code)), share.decided, share)


def _as_json(row: Row) -> dict[str, Any]:
    found: dict[str, Any] = {"code": row.code, "name": row.label, "number": row.number}
    if row.share:
        waits = {"median_seconds": _rounded(row.share.median), "p90_seconds": _rounded(row.share.p90)}
        found |= waits | {"overturned": row.share.reversed, "share_overturned": _rounded(row.share.share_reversed)}
    return found


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
