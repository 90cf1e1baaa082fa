"""Retrain models of another version and unsound ones in the worker."""

import logging
from time import monotonic

from sqlalchemy import LargeBinary, func, select

from app.database import autocommit_reads
from app.extensions import db
from app.models import Site, SpamModel
from app.spam import learning
from app.spam.filter import HEADER, Filter, is_current

log = logging.getLogger(__name__)

TRIES = 10  # a decision during the read makes it fail


def outdated() -> list[tuple[int, str]]:
    """Id and key of sites with an unreadable or unsound model, by its first bytes."""
    head = func.substr(SpamModel.counts, 1, HEADER.size, type_=LargeBinary)
    with autocommit_reads():
        rows = db.session.execute(select(Site.id, Site.key, head).join(SpamModel, SpamModel.site_id == Site.id))
        return [(id, key) for id, key, found in rows if not is_current(bytes(found))]


def retrain(site_id: int) -> Filter | None:
    """Retrain a site's model and commit; None if decisions got in between each time."""
    for _attempt in range(TRIES):
        db.session.rollback()  # no open transaction while reading the log
        if model := learning.retrain(site_id):
            db.session.commit()
            return model
    db.session.rollback()
    return None


def retrain_outdated() -> None:
    for site_id, key in outdated():
        log.info("retraining an outdated or unsound filter", extra={"site": key})
        begun = monotonic()
        model = retrain(site_id)
        if model:
            seconds = round(monotonic() - begun, 1)
            about = {"site": key, "fine": model.fine, "spam": model.spam, "seconds": seconds}
            log.info("filter retrained", extra=about)
        else:
            log.warning("filter not retrained yet: decisions keep changing", extra={"site": key})
