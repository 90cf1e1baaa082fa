"""The transparency report of a site: page, CSV and JSON."""

import json
from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, abort, render_template, request

from app.desk import transparency
from app.desk.transparency import TransparencyReport
from app.forms.period import PeriodForm
from app.lib import language, spreadsheet
from app.lib.clock import now
from app.models import Role, Site
from app.web import transparency_words
from app.web.access import moderator_required, site_or_404

bp = Blueprint("transparency", __name__, url_prefix="/sites/<key>/transparency")


@bp.get("")
@moderator_required
def show(key: str) -> Any:
    site = site_or_404(key, Role.ADMIN)
    form = _form(site)
    if not form.validate():
        return render_template("statistics/transparency.html", site=site, form=form, report=None), 422
    report = _report(site, form)
    parts = transparency_words.parts(report, site)
    return render_template(
        "statistics/transparency.html", site=site, form=form, report=report, parts=parts,
        files={tag: language.name_of(tag) for tag in language.languages()},
    )  # fmt: skip


@bp.get("/report.csv")
@moderator_required
def as_csv(key: str) -> Response:
    site, report = _asked(key)
    with language.speaking(_tag()):
        return _file("csv", "text/csv", "".join(_csv(site, report)), report)


@bp.get("/report.json")
@moderator_required
def as_json(key: str) -> Response:
    site, report = _asked(key)
    with language.speaking(_tag()):
        told = transparency_words.told(report, site, language.tag_now())
    return _file("json", "application/json", json.dumps(told, ensure_ascii=False, indent=2) + "\n", report)


def _tag() -> str:
    """The language that the link names, else the moderator's."""
    return language.matching(request.args.get("lang", "")) or language.tag_now()


def _form(site: Site) -> PeriodForm:
    today = now().astimezone(ZoneInfo(site.timezone)).date()
    return PeriodForm.of(request.args, today, transparency.MOST_DAYS)


def _report(site: Site, form: PeriodForm) -> TransparencyReport:
    return transparency.report_of(site, form.since.data, form.until.data)


def _asked(key: str) -> tuple[Site, TransparencyReport]:
    site = site_or_404(key, Role.ADMIN)
    form = _form(site)
    if not form.validate():
        abort(404)
    return site, _report(site, form)


def _csv(site: Site, report: TransparencyReport) -> Iterator[str]:
    yield spreadsheet.header(transparency_words.columns())
    for row in transparency_words.cells(report, site):
        yield spreadsheet.line(row)


def _file(ending: str, kind: str, text: str, report: TransparencyReport) -> Response:
    answer = Response(text, content_type=f"{kind}; charset=utf-8")
    name = f"transparency-{report.first}-{report.last}.{ending}"
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer
