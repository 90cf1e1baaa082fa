"""Liveness, readiness and metrics."""

import hmac
import logging
import os
from collections.abc import Iterable, Mapping
from typing import Any

from flask import Blueprint, Response, abort, current_app, jsonify, request
from sqlalchemy.exc import SQLAlchemyError

from app.abuse import address, limits
from app.extensions import db
from app.lib.clock import now
from app.models import Delivery, Heartbeat, keyring
from app.notify import reply_email
from app.operations import metrics, schema, storage
from app.version import VERSION

bp = Blueprint("health", __name__)
log = logging.getLogger(__name__)


@bp.get("/healthz")
def healthz() -> Response:
    """Liveness. No database query, so that a slow database causes no restart."""
    return _fresh(jsonify(alive=True, version=VERSION))


@bp.get("/readyz")
def readyz() -> tuple[Response, int]:
    """200 if readers can be served, else 503. A late worker is only reported."""
    try:
        current = schema.is_current()
        wrong_key = current and keyring.trouble()
        about = {
            "database": storage.trouble() or "ok",
            "migrations": "ok" if current else "behind",
            **({"keys": "another SECRET_KEY" if wrong_key else "ok", **_worker()} if current else {}),
        }
        current = current and not wrong_key
    except SQLAlchemyError:
        log.warning("database does not answer", exc_info=True)
        current, about = False, {"database": "does not answer"}
    return _fresh(jsonify(ready=current, **about)), 200 if current else 503


@bp.get("/metrics", endpoint="metrics")
def show_metrics() -> Response:
    """Prometheus's text format, version 0.0.4; 404 without access."""
    if not _may_watch():
        abort(404)
    return _fresh(Response("".join(_families()), mimetype="text/plain; version=0.0.4"))


def _worker() -> dict[str, Any]:
    return {"worker": Heartbeat.state(), "worker_lag_seconds": _lag()}


def _lag() -> int:
    oldest = Delivery.overdue_since(bulk=reply_email.KIND)
    return max(0, int((now() - oldest).total_seconds())) if oldest else 0


def _may_watch() -> bool:
    token = current_app.config["METRICS_TOKEN"]
    if token and hmac.compare_digest(request.headers.get("Authorization", "").encode(), f"Bearer {token}".encode()):
        return True
    observer = address.observer()
    return observer is not None and any(observer in network for network in current_app.config["METRICS_ALLOWED"])


def _families() -> Iterable[str]:
    seen = Heartbeat.last_seen()
    yield _family("kaiwa_pending_comments", "Pending comments.", "site", metrics.pending_by_site())
    yield _family("kaiwa_comments", "Stored comments.", "status", metrics.comments_by_status())
    yield _family("kaiwa_decisions", "Stored decisions.", "actor", metrics.decisions_by_actor())
    yield _family("kaiwa_outbox_waiting", "Unsent emails.", "", {"": metrics.deliveries_waiting()})
    yield _family("kaiwa_outbox_lag_seconds", "Seconds since the oldest unsent email was due.", "", {"": _lag()})
    yield _family("kaiwa_outbox_failing", "Unsent emails with a failed try.", "", {"": Delivery.failing()})
    yield _family("kaiwa_outbox_failed_tries", "Failed tries to send an email.", "", {"": Delivery.failed_tries()})
    yield _family("kaiwa_outbox_done", "Finished emails.", "outcome", metrics.deliveries_by_outcome())
    # By process: the database cannot count what it could not write.
    yield _family(
        "kaiwa_uncounted_requests_total", "Requests without rate limit: database busy.", "process",
        {str(os.getpid()): limits.uncounted()}, kind="counter",
    )  # fmt: skip
    yield _family("kaiwa_worker_deaths", "Worker crashes in the last 10 minutes.", "", {"": Heartbeat.deaths()})
    yield _family(
        "kaiwa_worker_seen_timestamp_seconds", "Time a worker was last seen; 0 if never.", "",
        {"": int(seen.timestamp()) if seen else 0},
    )  # fmt: skip


def _family(name: str, help: str, label: str, values: Mapping[str, int], kind: str = "gauge") -> str:
    lines = [f"# HELP {name} {help}", f"# TYPE {name} {kind}"]
    lines += [f"{name}{_label(label, value)} {number}" for value, number in values.items()]
    return "\n".join(lines) + "\n"


def _label(label: str, value: str) -> str:
    if not label:
        return ""
    escaped = value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
    return f'{{{label}="{escaped}"}}'


def _fresh(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    db.session.rollback()
    return response
