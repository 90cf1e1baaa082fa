"""The system page for owners of the installation: its state, and findings with their fix."""

from typing import Any

from flask import Blueprint, Response, jsonify, render_template, request

from app.desk import checks, system
from app.desk.setup_checks import Finding
from app.lib.language import SOURCE, speaking
from app.web import system_words
from app.web.access import moderator_required, require_operator

bp = Blueprint("system", __name__)


@bp.get("/system")
@moderator_required
def show() -> str:
    require_operator()
    findings, facts = _findings(), system.facts()
    return render_template(
        "system/page.html", facts=facts, findings=findings, words=system_words, ran_all=_wants_all(),
        is_ok=_is_ok(facts, findings),
    )  # fmt: skip


@bp.get("/system.json")
@moderator_required
def as_json() -> Response:
    require_operator()
    # For programs: the sentences of `flask check`.
    with speaking(SOURCE):
        findings, facts = _findings(), system.facts()
    told: dict[str, Any] = {
        "ok": _is_ok(facts, findings),
        "facts": [{"name": each.name, "state": each.state, "values": each.values} for each in facts],
        "findings": [{"code": code, "wrong": wrong, "fix": fix} for code, wrong, fix in findings],
    }
    return jsonify(told)


def _findings() -> list[Finding]:
    found = list(checks.quick_findings())
    return [*found, *checks.slow_findings()] if _wants_all() else found


def _wants_all() -> bool:
    return request.args.get("all") == "1"


def _is_ok(facts: list[system.Fact], findings: list[Finding]) -> bool:
    return not findings and all(each.state == system.OK for each in facts)
