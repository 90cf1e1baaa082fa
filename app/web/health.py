"""Liveness, readiness and metrics."""

import hmac
import logging
from typing import Any

from flask import Blueprint, Response, abort, current_app, jsonify, request
from sqlalchemy.exc import SQLAlchemyError

from app.abuse import address
from app.desk import gauges
from app.extensions import db
from app.lib import metrics
from app.lib.clock import now
from app.models import Delivery, Heartbeat, keyring
from app.notify import reply_email
from app.operations import schema, storage
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
        tables = schema.state()
        current = tables != schema.State.BEHIND
        wrong_key = current and keyring.trouble()
        about = {
            "database": storage.trouble() or "ok",
            "migrations": tables,
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
    return _fresh(
        Response(metrics.exposition(gauges.families()), content_type="text/plain; version=0.0.4; charset=utf-8")
    )


def _worker() -> dict[str, Any]:
    return {"worker": Heartbeat.state(), "worker_lag_seconds": _lag()}


def _lag() -> int:
    oldest = Delivery.overdue_since(bulk=reply_email.KIND)
    return max(0, int((now() - oldest).total_seconds())) if oldest else 0


def _may_watch() -> bool:
    token = current_app.config["METRICS_TOKEN"]
    # Clients may write the scheme in any case (RFC 9110, 11.1).
    scheme, _space, sent = request.headers.get("Authorization", "").partition(" ")
    if token and scheme.lower() == "bearer" and hmac.compare_digest(sent.encode(), token.encode()):
        return True
    observer = address.observer()
    return observer is not None and any(observer in network for network in current_app.config["METRICS_ALLOWED"])


def _fresh(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    db.session.rollback()
    return response
