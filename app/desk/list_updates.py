"""Use a verified file of a shared list: insert new lines, prolong known ones, delete those that are gone."""

import hashlib

from sqlalchemy import delete, insert

from app.database import rows_changed
from app.desk.list_fetching import Fetched
from app.extensions import db
from app.lib import signed_list
from app.lib.clock import now
from app.models import LineState, ListLine, ListSubscription, Moderator, Site, Subject, audit
from app.models.audit import Event, Who
from app.screening.list_file import Line, ListFile
from app.screening.list_trial import Trial

# Lines of all lists of a site.
MOST_ON_SITE = 20_000
AT_ONCE = 500
# Comments that are shown for a line that waits for a person.
EXAMPLES = 3


def accept_newer(
    current: ListSubscription, fetched: Fetched | None, file: ListFile | None, trial: Trial, by: Moderator | Who
) -> str:
    """Use a fetched file; the trouble if it is older than the known one, or another list."""
    if fetched is None or file is None:
        return "expired" if current.has_expired else ""
    digest = hashlib.sha256(fetched.payload).hexdigest()
    if file.id != current.list_id:
        return "another_list"
    if file.sequence < current.sequence:
        return "older"
    if file.sequence == current.sequence and digest != current.digest:
        return "replayed"
    accept(current, fetched, file, trial, by)
    return ""


def accept(
    subscription: ListSubscription, fetched: Fetched, file: ListFile, trial: Trial, by: Moderator | Who = Who.SYSTEM
) -> None:
    if subscription.key != fetched.key:
        subscription.key = fetched.key
        kid = signed_list.fingerprint(fetched.key)
        audit.record(Event.LIST_KEY_FOLLOWED, by=by, site=subscription.site, name=subscription.name, kid=kid)
    subscription.list_id, subscription.name, subscription.etag = file.id, file.name, fetched.etag
    subscription.sequence, subscription.digest = file.sequence, hashlib.sha256(fetched.payload).hexdigest()
    subscription.issued_at, subscription.expires_at = file.issued_at, file.expires_at
    _apply(subscription, file, trial)
    subscription.refused = dict(file.refused)
    subscription.note_success()
    db.session.flush()


def _apply(subscription: ListSubscription, file: ListFile, trial: Trial) -> None:
    """Insert new lines, prolong known ones, delete those that are gone. Ignored ones stay."""
    known = {key_of(line): line for line in ListLine.of(subscription)}
    room = MOST_ON_SITE - ListLine.count_on(subscription.site, without=subscription)
    wanted = {line.key: line for line in file.lines[: max(room, 0)]}
    if len(wanted) < len(file.lines):
        file.refused["full"] = len(file.lines) - len(wanted)
    new = [line for key, line in wanted.items() if key not in known]
    gone = [line.id for key, line in known.items() if key not in wanted and line.state != LineState.IGNORED]
    moved = [line for key, line in known.items() if key in wanted and line.expires_at != wanted[key].expires_at]
    for line in moved:
        line.expires_at = wanted[key_of(line)].expires_at
    _delete(gone)
    _insert(subscription, new, trial)
    if new or gone or moved:
        rules_changed(subscription.site)


def _insert(subscription: ListSubscription, lines: list[Line], trial: Trial) -> None:
    db.session.flush()
    rows = [_row(subscription, line, trial) for line in lines]
    for at in range(0, len(rows), AT_ONCE):
        db.session.execute(insert(ListLine), rows[at : at + AT_ONCE])


def _row(subscription: ListSubscription, line: Line, trial: Trial) -> dict[str, object]:
    """Held for a person if it would have hit a published comment, or could not be tried on all of them."""
    hits = trial.hits.get(line.key, [])
    untried = not hits and (not trial.is_complete or line.key not in trial.tried)
    state = LineState.HELD if hits or untried else LineState.ACTIVE
    return {
        "site_id": subscription.site_id,
        "subscription_id": subscription.id,
        "subject": line.subject,
        "value": line.value,
        "state": state,
        "hits": len(hits),
        "examples": hits[:EXAMPLES],
        "untried": untried,
        "made_at": now(),
        "expires_at": line.expires_at,
    }


def _delete(ids: list[int]) -> None:
    for at in range(0, len(ids), AT_ONCE):
        some = ListLine.id.in_(ids[at : at + AT_ONCE]), ListLine.state != LineState.IGNORED
        rows_changed(delete(ListLine).where(*some))


def key_of(line: ListLine) -> tuple[str, str]:
    return Line(Subject(line.subject), line.value, line.expires_at).key


def rules_changed(site: Site) -> None:
    """Processes compile the rules again."""
    site.rules_version = Site.rules_version + 1
    db.session.flush()
