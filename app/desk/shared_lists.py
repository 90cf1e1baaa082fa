"""Subscribe to the lists of other sites: look, subscribe, refresh, judge lines, undo."""

from collections.abc import Iterator
from secrets import token_hex
from typing import NamedTuple

from flask_babel import gettext as _
from sqlalchemy import delete, update

from app.database import rows_changed
from app.desk.list_fetching import checked_key, checked_url, fetch_for_a_person, refused, take_turn, try_fetch
from app.desk.list_updates import accept, accept_newer, key_of, rules_changed
from app.errors import Refused
from app.extensions import db
from app.lib import signed_list
from app.lib.clock import now
from app.lib.signed_list import BadList
from app.models import Effect, LineState, ListLine, ListSubscription, Moderator, Site, audit
from app.models.audit import Event, Who
from app.models.shared_list import UNDONE_KEPT
from app.screening import list_file
from app.screening.list_file import Line, ListFile, Own
from app.screening.list_trial import Trial, published, try_lines

MOST_LISTS = 10  # of a site
# Stronger effects are for a site's own rules.
EFFECTS = (Effect.HOLD, Effect.SPAM)

By = Moderator | Who


class Offer(NamedTuple):
    """What a list at an address would bring, before a subscription."""

    url: str
    key: str
    file: ListFile

    @property
    def fingerprint(self) -> str:
        return signed_list.fingerprint(self.key)


def look(site: Site, url: str, key: str, *, by: By) -> Offer:
    """Fetch the list without using it. Ends the transaction. Raises Refused (409, 422, 429); `key` may be ''."""
    url, key = checked_url(url, by), checked_key(key)
    _require_room(site, url)
    own = Own.of(site)
    fetched = fetch_for_a_person(site, url, key)
    return Offer(url, fetched.key, _read(fetched.payload, own))


def subscribe(site: Site, url: str, key: str, effect: Effect, *, by: By) -> ListSubscription:
    """Use the list with this pinned key from now on. Ends the transaction. Raises Refused (409, 422, 429)."""
    if effect not in EFFECTS:
        raise Refused("bad_effect", _("A shared list can hold comments or mark them as spam."), field="effect")
    if not key:
        said = _("Compare the fingerprint with the one that the publisher shows, and confirm it.")
        raise Refused("no_key", said, field="key")
    url, key, own, site_id = checked_url(url, by), checked_key(key), Own.of(site), site.id
    _require_room(site, url)
    fetched = fetch_for_a_person(site, url, key)
    file = _read(fetched.payload, own)
    trial = _tried(site_id, file.lines)
    # Another administrator may have been faster; of two at once the second waits for the first.
    db.session.refresh(site, ("version",), with_for_update={"key_share": True})
    _require_room(site, url)
    made = ListSubscription(
        site=site, ref=token_hex(8), name=file.name, url=url, key=fetched.key, effect=effect,
        made_by_id=by.id if isinstance(by, Moderator) else None,
    )  # fmt: skip
    db.session.add(made)
    db.session.flush()
    accept(made, fetched, file, trial)
    audit.record(
        Event.LIST_SUBSCRIBED, by=by, site=site, name=made.name, effect=made.effect,
        kid=signed_list.fingerprint(made.key), number=len(file.lines),
    )  # fmt: skip
    return made


def refresh_now(subscription: ListSubscription) -> str:
    """`refresh` for a person who waits. Raises Refused (409, 429)."""
    _require_use(subscription)
    take_turn(subscription.site_id)
    return refresh(subscription.id)


def look_at_key(subscription: ListSubscription) -> str:
    """The key that signs the list now, confirmed or not. Ends the transaction. Raises Refused."""
    _require_use(subscription)
    return fetch_for_a_person(subscription.site, subscription.url, "").key


def accept_key(subscription: ListSubscription, key: str, *, by: By) -> str:
    """Use the list with a key that a person compared; returns the trouble. Raises Refused (409, 422, 429).

    Lines, ignored ones too, stay. The list's id and number have to go on, whatever the key.
    """
    _require_use(subscription)
    take_turn(subscription.site_id)
    return refresh(subscription.id, compared=checked_key(key), by=by)


def refresh(id: int, *, compared: str = "", by: By = Who.SYSTEM) -> str:
    """Fetch the newest file of a subscription and use it; returns the trouble, '' for none. The caller commits.

    `compared` is a key that counts instead of the pinned one. After a failure the lines stay until they expire. The
    publisher may stall and reading takes seconds: neither occupies a connection or a lock.
    """
    subscription = db.session.get_one(ListSubscription, id)
    url, key, etag, own = subscription.url, subscription.key, subscription.etag, Own.of(subscription.site)
    site_id, known = subscription.site_id, {key_of(line) for line in ListLine.of(subscription)}
    db.session.commit()
    fetched, trouble = try_fetch(url, compared or key, "" if compared else etag)
    file, trial = None, Trial()
    if fetched:
        try:
            file = list_file.read(fetched.payload, own)
            trial = _tried(site_id, [line for line in file.lines if line.key not in known])
        except BadList as bad:
            trouble = bad.code
    current = db.session.get(ListSubscription, id, with_for_update=True, populate_existing=True)
    if current is None or current.undone_at:
        return ""
    trouble = trouble or accept_newer(current, fetched, file, trial, by)
    if trouble:
        current.note_failure(trouble)
    else:
        current.note_success()
    return trouble


def _tried(site_id: int, lines: list[Line]) -> Trial:
    comments = published(site_id) if lines else []
    db.session.commit()
    return try_lines(comments, lines)


def refresh_due() -> Iterator[int]:
    """Fetch the lists that are due, one after the other. The caller commits after each step."""
    while (id := ListSubscription.claim_due()) is not None:
        yield id
        refresh(id)
        yield id


def undo(subscription: ListSubscription, *, by: By) -> None:
    """End a subscription with all its lines. Comments that it held stay held (app/moderation/listed.py)."""
    if subscription.undone_at:
        return
    subscription.undone_at = now()
    rows_changed(delete(ListLine).where(ListLine.subscription_id == subscription.id))
    rules_changed(subscription.site)
    audit.record(Event.LIST_UNDONE, by=by, site=subscription.site, name=subscription.name)


def forget_undone() -> None:
    """Delete subscriptions that were undone long ago."""
    rows_changed(delete(ListSubscription).where(ListSubscription.undone_at < now() - UNDONE_KEPT))


def set_state(line: ListLine, state: LineState, *, by: By) -> None:
    """Use a line, or ignore it. It stays so, whatever the list says later."""
    if line.state == state or state == LineState.HELD:
        return
    line.state = state
    rules_changed(line.subscription.site)
    _record_lines(line.subscription, by, state, 1)


def ignore_held(subscription: ListSubscription, *, by: By) -> int:
    """Ignore all lines that wait for a person; returns their number."""
    held = update(ListLine).where(ListLine.subscription_id == subscription.id, ListLine.state == LineState.HELD)
    if number := rows_changed(held.values(state=LineState.IGNORED)):
        _record_lines(subscription, by, LineState.IGNORED, number)
    return number


def _require_room(site: Site, url: str) -> None:
    active = ListSubscription.active_on(site)
    if any(each.url == url for each in active):
        raise Refused("subscribed", _("This site subscribes to this list already."), status=409, field="url")
    if len(active) >= MOST_LISTS:
        said = _("This site subscribes to %(most)d lists already. Undo one first.", most=MOST_LISTS)
        raise Refused("too_many_lists", said, status=409, field="url")


def _require_use(subscription: ListSubscription) -> None:
    if subscription.undone_at:
        raise Refused("undone", _("This subscription was undone."), status=409)


def _record_lines(subscription: ListSubscription, by: By, state: LineState, number: int) -> None:
    audit.record(
        Event.LIST_LINES_CHANGED, by=by, site=subscription.site, name=subscription.name, state=state.value,
        number=number,
    )  # fmt: skip


def _read(payload: bytes, own: Own) -> ListFile:
    try:
        return list_file.read(payload, own)
    except BadList as bad:
        raise refused(bad.code) from bad
