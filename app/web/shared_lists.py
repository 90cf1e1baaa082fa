"""Administrators publish a list of their site's rules, and subscribe to the lists of others."""

from typing import Any

from flask import Blueprint, abort, current_app, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext

from app.desk import shared_lists
from app.desk.list_fetching import checked_key
from app.desk.list_words import refused_in_words, trouble_in_words
from app.desk.shared_lists import Offer
from app.errors import Refused
from app.extensions import db
from app.forms.shared_list import (
    LIST_EFFECTS,
    LONGEST_SEARCH,
    KeyForm,
    LineForm,
    LookForm,
    PublishForm,
    ShareForm,
    SubscribeForm,
)
from app.lib.clock import now
from app.lib.signed_list import fingerprint
from app.models import (
    AskedOpinion,
    Effect,
    LineState,
    ListLine,
    ListSubscription,
    PublishedList,
    Role,
    Rule,
    Site,
    audit,
)
from app.models.audit import Event
from app.moderation import listed
from app.screening import hosts, list_publishing
from app.web.access import current_moderator, moderator_required, site_or_404
from app.web.confirmation import confirmation_required

bp = Blueprint("shared_lists", __name__, url_prefix="/sites/<key>/lists")

LISTED = 100  # lines, rules or comments on a page


@bp.get("")
@moderator_required
def show_all(key: str) -> str:
    return _list(site_or_404(key, Role.ADMIN))


@bp.post("/publish")
@moderator_required
def publish(key: str) -> Any:
    site, form = site_or_404(key, Role.ADMIN), PublishForm()
    if not form.validate():
        abort(400)
    try:
        list_publishing.change(
            site, is_on=form.is_on.data, words=form.words.data, domains=form.domains.data, by=current_moderator()
        )
    except Refused as no:
        db.session.rollback()
        form["words"].errors = [no.sentence]
        return _list(site, publish_form=form), no.status
    db.session.commit()
    flash(_("List published.") if form.is_on.data else _("Settings saved."))
    return redirect(url_for("shared_lists.show_all", key=key), 303)


@bp.post("/rules/<int:id>")
@moderator_required
def share(key: str, id: int) -> Any:
    """Share one rule, or keep it private."""
    site, form = site_or_404(key, Role.ADMIN), ShareForm()
    rule = Rule.of_site([site.id], id) or abort(404)
    if not form.validate():
        abort(400)
    list_publishing.share(rule, is_shared=form.act.data == "share", by=current_moderator())
    db.session.commit()
    flash(_("Saved."))
    return redirect(url_for("shared_lists.show_all", key=key, _anchor="rules"), 303)


@bp.post("/key")
@moderator_required
@confirmation_required
def change_key(key: str) -> Any:
    site = site_or_404(key, Role.ADMIN)
    list_publishing.change_key(PublishedList.of_site(site) or abort(404), by=current_moderator())
    db.session.commit()
    flash(_("Key replaced. Subscribers follow by themselves, because the old key confirms the new one."))
    return redirect(url_for("shared_lists.show_all", key=key), 303)


@bp.post("/look")
@moderator_required
def look(key: str) -> Any:
    """Fetch a list and show what it would bring, with the fingerprint to compare."""
    site, form = site_or_404(key, Role.ADMIN), LookForm()
    if not form.validate():
        return _list(site, look_form=form), 422
    try:
        offer = shared_lists.look(site, form.list_url.data or "", form.key.data or "", by=current_moderator())
    except Refused as no:
        form["key" if no.field == "key" else "list_url"].errors = [no.sentence]
        return _list(site, look_form=form), no.status
    return _list(site, offer=offer, subscribe_form=SubscribeForm(formdata=None, list_url=offer.url, key=offer.key))


@bp.post("")
@moderator_required
def subscribe(key: str) -> Any:
    site, form = site_or_404(key, Role.ADMIN), SubscribeForm()
    if not form.validate():
        return _not_subscribed(site, form)
    try:
        made = shared_lists.subscribe(
            site, form.list_url.data or "", form.key.data or "", Effect(form.effect.data), by=current_moderator()
        )
    except Refused as no:
        look_form = LookForm(formdata=None, list_url=form.list_url.data, key=form.key.data)
        look_form["key" if no.field == "key" else "list_url"].errors = [no.sentence]
        return _list(site, look_form=look_form), no.status
    db.session.commit()
    flash(_("Subscribed."))
    return redirect(url_for("shared_lists.show", key=key, id=made.id), 303)


@bp.get("/<int:id>")
@moderator_required
def show(key: str, id: int) -> str:
    return _one(_subscription_or_404(key, id))


def _one(subscription: ListSubscription, key_form: KeyForm | None = None) -> str:
    """The page of a subscription; with a form, also a new key to compare."""
    search = request.args.get("q", "").strip()[:LONGEST_SEARCH]
    lines = {state: ListLine.some(subscription, state, LISTED, search) for state in LineState}
    held = listed.held_by(subscription)
    return render_template(
        "sites/shared_list.html", site=subscription.site, subscription=subscription, lines=lines, search=search,
        counts=ListLine.counts([subscription.id])[subscription.id], effects=LIST_EFFECTS, held=len(held),
        held_comments=listed.comments(held[:LISTED]), examples=_examples(lines[LineState.HELD]), listed=LISTED,
        fingerprint=fingerprint(subscription.key), trouble=trouble_in_words, refused=refused_in_words,
        key_form=key_form, new_print=fingerprint(key_form.key.data or "") if key_form else "",
        readable=hosts.readable, looks_like_ours=lambda host: hosts.looks_like_another(host, subscription.site.hosts),
    )  # fmt: skip


@bp.post("/<int:id>/refresh")
@moderator_required
def refresh(key: str, id: int) -> Any:
    subscription = _subscription_or_404(key, id)
    try:
        trouble = shared_lists.refresh_now(subscription)
    except Refused as no:
        trouble, said = "", no.sentence
    else:
        said = trouble_in_words(trouble) if trouble else _("The list is up to date.")
    db.session.commit()
    flash(said)
    return redirect(url_for("shared_lists.show", key=key, id=id), 303)


@bp.post("/<int:id>/key")
@moderator_required
def accept_key(key: str, id: int) -> Any:
    """Show the new key of a list; with `key` and `compared`, use the list with it."""
    subscription, form = _subscription_or_404(key, id), KeyForm()
    try:
        if not form.key.data:
            form = KeyForm(formdata=None, key=shared_lists.look_at_key(subscription))
            return _one(subscription, form)
        if not form.validate():
            checked_key(form.key.data)
            return _one(subscription, form), 422
        trouble = shared_lists.accept_key(subscription, form.key.data, by=current_moderator())
        said = trouble_in_words(trouble) if trouble else _("New key accepted.")
    except Refused as no:
        said = no.sentence
    db.session.commit()
    flash(said)
    return redirect(url_for("shared_lists.show", key=key, id=id), 303)


@bp.post("/<int:id>/lines/<int:line_id>")
@moderator_required
def set_line(key: str, id: int, line_id: int) -> Any:
    """Use one line, or ignore it."""
    subscription, form = _subscription_or_404(key, id), LineForm()
    line = ListLine.in_subscription(subscription, line_id) or abort(404)
    if not form.validate():
        abort(400)
    shared_lists.set_state(line, LineState(form.act.data), by=current_moderator())
    db.session.commit()
    flash(_("Saved."))
    return redirect(url_for("shared_lists.show", key=key, id=id, _anchor="lines"), 303)


@bp.post("/<int:id>/ignore-held")
@moderator_required
def ignore_held(key: str, id: int) -> Any:
    shared_lists.ignore_held(_subscription_or_404(key, id), by=current_moderator())
    db.session.commit()
    flash(_("Saved."))
    return redirect(url_for("shared_lists.show", key=key, id=id, _anchor="lines"), 303)


@bp.post("/<int:id>/undo")
@moderator_required
def undo(key: str, id: int) -> Any:
    shared_lists.undo(_subscription_or_404(key, id), by=current_moderator())
    db.session.commit()
    flash(_("Subscription undone. Its lines are gone."))
    return redirect(url_for("shared_lists.show", key=key, id=id), 303)


@bp.post("/<int:id>/return")
@moderator_required
def give_back(key: str, id: int) -> Any:
    """Judge the comments that an undone list held again, by everything else."""
    subscription = _subscription_or_404(key, id)
    if not subscription.undone_at:
        abort(409)
    count = sum(1 for _id in listed.give_back(subscription))
    by, site, name = current_moderator(), subscription.site, subscription.name
    audit.record(Event.LIST_COMMENTS_RETURNED, by=by, site=site, name=name, comments=count)
    db.session.commit()
    flash(ngettext("%(num)d comment judged again.", "%(num)d comments judged again.", count))
    return redirect(url_for("shared_lists.show", key=key, id=id), 303)


def _subscription_or_404(key: str, id: int) -> ListSubscription:
    return ListSubscription.on_site(site_or_404(key, Role.ADMIN), id) or abort(404)


def _not_subscribed(site: Site, form: SubscribeForm) -> Any:
    """The offer again, if it can still be fetched."""
    try:
        offer = shared_lists.look(site, form.list_url.data or "", form.key.data or "", by=current_moderator())
    except Refused as no:
        look_form = LookForm(formdata=None, list_url=form.list_url.data)
        look_form.list_url.errors = [no.sentence]
        return _list(site, look_form=look_form), no.status
    return _list(site, offer=offer, subscribe_form=form), 422


def _examples(lines: list[ListLine]) -> dict[int, Any]:
    unseen = AskedOpinion.kept_from(current_moderator())
    ids = [id for line in lines for id in line.examples if id not in unseen]
    return {comment.id: comment for comment in listed.comments(ids)}


def _list(
    site: Site,
    *,
    publish_form: PublishForm | None = None,
    look_form: LookForm | None = None,
    offer: Offer | None = None,
    subscribe_form: SubscribeForm | None = None,
) -> str:
    published, subscriptions = PublishedList.of_site(site), ListSubscription.of_site(site)
    key = list_publishing.public_key(published) if published else ""
    candidates = list_publishing.candidates(site)
    return render_template(
        "sites/shared_lists.html", site=site, published=published, public_key=key, now=now(),
        fingerprint=fingerprint(key) if key else "", service=current_app.config["PUBLIC_URL"],
        candidates=candidates[-LISTED:][::-1], more=max(len(candidates) - LISTED, 0), refused=refused_in_words,
        publish_form=publish_form or PublishForm(formdata=None, obj=published),
        look_form=look_form or LookForm(formdata=None), offer=offer, subscribe_form=subscribe_form,
        subscriptions=subscriptions, counts=ListLine.counts([each.id for each in subscriptions]),
        effects=LIST_EFFECTS, trouble=trouble_in_words,
    )  # fmt: skip
