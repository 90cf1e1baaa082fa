"""The queue page. Leases keep two moderators from reading the same comments."""

from functools import partial
from itertools import zip_longest
from typing import Any

from flask import Blueprint, abort, g, get_template_attribute, render_template, request
from flask_babel import gettext as _

from app.abuse.bounds import takes_fields
from app.database import write_transaction
from app.desk import batch, pacing, queue, search, worth
from app.errors import Refused
from app.extensions import db
from app.forms.decision import MODERATED, ids_of
from app.forms.reason_texts import LONGEST as LONGEST_TEXT
from app.forms.search import SearchForm
from app.lib import ids
from app.lib.language import speaking
from app.models import Comment, Lease, Moderator, Reason, Site, Snooze, Status, own_reasons_of, section_scope
from app.moderation import brake, history
from app.moderation.lanes import Lane
from app.notify.reason_texts import text_for
from app.search.query import SearchQuery
from app.web import last_write
from app.web.access import (
    SESSION_KEY,
    comment_or_404,
    current_moderator,
    done,
    moderator_required,
    wants_fragment,
)

bp = Blueprint("queue", __name__, url_prefix="/moderate")

# Cards are on pages of several blueprints.
bp.add_app_template_global(lambda: list(Reason), "all_reasons")
bp.add_app_template_global(own_reasons_of, "own_reasons")
bp.add_app_template_global(lambda comment: _reject_menu(comment), "reject_menu")
bp.add_app_template_global(lambda site: _opinion_menu(site), "opinion_menu")
bp.add_app_template_global(wants_fragment, "is_fragment")
bp.add_app_template_filter(lambda count: f"{count}+" if count >= queue.COUNTED else str(count), "counted")

# Tries if two moderators get the same cards at the same moment.
TRIES = 3
# Keys of a site's own reasons: those that do nothing else.
OWN_KEYS = "0gimpquv"
# `sort` of the approved comments: those that may be worth picking first.
WORTH, LIKELIHOOD = "worth", "likelihood"


@bp.get("/")
@moderator_required
def show() -> str:
    status, view = request.args.get("status", ""), request.args.get("view", "")
    if status not in ("", *MODERATED) or view not in ("", "list"):
        abort(404)
    size = queue.LIST_PAGE if view else queue.PAGE
    if status == Status.APPROVED and request.args.get("sort") == WORTH:
        return _page(worth.page_for(current_moderator()), status=status, sort=WORTH)
    if status and status != Status.PENDING:
        page = queue.decided(current_moderator(), Status(status), request.args.get("after", type=ids.read), size)
        return _page(page, status=status, view=view)
    lane = request.args.get("lane", queue.ALL, type=int)
    if lane not in queue.LANES:
        abort(404)
    snoozed = "deferred" in request.args  # the name in bookmarked addresses
    sort = LIKELIHOOD if request.args.get("sort") == LIKELIHOOD and lane != queue.ALL else ""
    page = _handed_out(lane, request.args.get("after", ""), snoozed, size, by_likelihood=bool(sort))
    return _page(page, lane=lane, snoozed=snoozed, view=view, sort=sort)


@bp.get("/search")
@moderator_required
def find() -> str:
    me, form = current_moderator(), SearchForm(request.args)
    people = history.colleagues(me)
    if not form.validate() or form.moderator.data not in (None, *(person.id for person in people)):
        raise Refused("bad_search", _("That can’t be searched. Try something else."), status=400)
    wanted = form.wanted()
    page = None if wanted.is_empty() else _found(me, wanted)
    return render_template(
        "queue/search.html", page=page, form=form, people=people, statuses=MODERATED,
        counts=page.counts if page else queue.counts(me),
    )  # fmt: skip


def _found(me: Moderator, wanted: SearchQuery) -> queue.Page:
    return search.find(me, wanted, request.args.get("after", type=ids.read), last_write=last_write.of_request())


@bp.post("/leases")
# Including cards that an undo has brought back.
@takes_fields(2 * batch.MOST, with_session=SESSION_KEY)
@moderator_required
def lease() -> str:
    """Renew the leases of shown cards, or release them with `leave`."""
    me, ids = current_moderator(), _on_own_sites(ids_of(request.form.getlist("comment"))[: 4 * queue.PAGE])
    if "leave" in request.form:
        Lease.release(ids, me)
    else:
        Lease.take(ids, me)
    db.session.commit()
    reviewing = Lease.counts_of_others(me)
    return render_template("queue/_renewed.html", reviewing=reviewing, counts=queue.counts(me))


@bp.post("/comments/<int:id>/defer")
@moderator_required
def snooze(id: int) -> Any:
    """Snooze a comment for an hour, or end that with `back`."""
    comment, me = comment_or_404(id), current_moderator()
    if "back" in request.form:
        Snooze.end(comment, me)
    else:
        Snooze.begin(comment, me)
        Lease.release([comment.id], me)
    db.session.commit()
    said = _("Returned to your queue.") if "back" in request.form else _("Snoozed for 1 hour.")
    return done(said)


def _handed_out(lane: int, after: str, snoozed: bool, size: int, *, by_likelihood: bool) -> queue.Page:
    me = current_moderator()
    read = partial(queue.ids_in, me, lane, after, snoozed=snoozed, size=size, by_likelihood=by_likelihood)
    for _try in range(TRIES):
        ids = read()
        order = pacing.Paced(ids[:size]) if by_likelihood else _paced(ids[:size], lane, snoozed)
        if len(_leased(order.ids, me)) == len(order.ids):
            break
    whole = len(ids) <= size and not snoozed
    others = queue.ids_with_others(me, lane) if whole else None
    return queue.page_of(me, lane, ids, order=order, with_others=others, size=size, by_likelihood=by_likelihood)


def _paced(shown: list[int], lane: int, snoozed: bool) -> pacing.Paced:
    """With easier comments between difficult ones: of all lanes those that are probably fine, else those further on."""
    me = current_moderator()

    def further() -> list[int]:
        if lane == queue.ALL:
            return [
                id for easier in (Lane.FINE, Lane.REVIEW) for id in queue.ids_in(me, easier, size=pacing.AHEAD // 2)
            ]
        last = db.session.get_one(Comment, shown[-1])
        return queue.ids_in(me, lane, queue.place_of(last), snoozed=snoozed, size=pacing.AHEAD)

    return pacing.paced(me, shown, request.args.get("run", 0, type=ids.read) or 0, further)


def _leased(ids: list[int], me: Moderator) -> set[int]:
    # Separate from the page's reads, which must not block writers on SQLite.
    with write_transaction():
        return Lease.take(ids, me)


def _on_own_sites(ids: list[int]) -> list[int]:
    me = current_moderator()
    return Comment.on_sites(me.site_ids, ids, *section_scope.comments_of(me))


def _page(
    page: queue.Page, *, lane: int = 0, status: str = "", snoozed: bool = False, view: str = "", sort: str = ""
) -> str:
    return render_template(
        "queue/page.html", page=page, lane=lane, status=status, snoozed=snoozed, view=view, sort=sort,
        statuses=MODERATED[1:],
        held=queue.always_held(current_moderator(), page.cards), braked=brake.running_on(current_moderator()),
    )  # fmt: skip


def _reject_menu(comment: Comment) -> str:
    """What a comment may be rejected for, and what its author would read; made once for each site and language."""
    menus: dict[tuple[int, str], str] = g.setdefault("reject_menus", {})
    lang = comment.lang or comment.site.lang
    if (comment.site_id, lang) not in menus:
        with speaking(lang):
            texts = [(code, name, text_for(comment.site, code), key) for code, name, key in _reasons_of(comment.site)]
        menus[comment.site_id, lang] = get_template_attribute("queue/_reasons.html", "menu")(texts, lang, LONGEST_TEXT)
    return menus[comment.site_id, lang]


def _reasons_of(site: Site) -> list[tuple[str, Any, str]]:
    """Code, name and key of each reason that the site offers."""
    usual = [(str(reason), reason.label, str(key)) for key, reason in enumerate(Reason, 1)]
    own = [(each.code, each.name) for each in site.reasons if each.enabled]
    return [*usual, *((*each, key) for each, key in zip_longest(own, OWN_KEYS[: len(own)], fillvalue=""))]


def _opinion_menu(site: Site) -> str:
    """The same reasons without a text for the author."""
    menu: str = get_template_attribute("queue/_reasons.html", "choices")(_reasons_of(site))
    return menu
