"""Administrators add, change, test and remove webhooks, and see their deliveries."""

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _

from app.desk import webhooks
from app.errors import Refused
from app.extensions import db
from app.forms.webhook import FORMATS, WebhookChangeForm, WebhookForm
from app.lib import ids
from app.models import Role, Site, Webhook, WebhookDelivery, WebhookFormat, WebhookState
from app.web.access import current_moderator, moderator_required, site_or_404
from app.web.confirmation import confirmation_required

bp = Blueprint("webhooks", __name__, url_prefix="/sites/<key>/webhooks")

LISTED = 25  # deliveries of a page


@bp.get("")
@moderator_required
def show_all(key: str) -> str:
    return _list(site_or_404(key, Role.ADMIN), WebhookForm(formdata=None))


@bp.post("")
@moderator_required
@confirmation_required
def add(key: str) -> Any:
    """The answer is the only one that shows the secret."""
    site, form = site_or_404(key, Role.ADMIN), WebhookForm()
    if not form.validate():
        return _list(site, form), 422
    try:
        made = webhooks.add(
            site, name=form.name.data, address=form.address.data, events=form.events,
            format=WebhookFormat(form.format.data), by=current_moderator(),
        )  # fmt: skip
    except Refused as no:
        return _list(site, _with_error(form, no)), no.status
    db.session.commit()
    return _page(site, made, WebhookChangeForm.of(made), secret=made.secret), 201


@bp.get("/<int:id>")
@moderator_required
def show(key: str, id: int) -> str:
    site, webhook = _one(key, id)
    before = request.args.get("before", 0, type=ids.read) or 0
    return _page(site, webhook, WebhookChangeForm.of(webhook), before=before)


@bp.post("/<int:id>")
@moderator_required
@confirmation_required
def change(key: str, id: int) -> Any:
    site, webhook = _one(key, id)
    form = WebhookChangeForm()
    if not form.validate():
        return _page(site, webhook, form), 422
    try:
        webhooks.change(
            webhook, name=form.name.data, address=form.address.data or "", events=form.events, format=form.format.data,
            by=current_moderator(),
        )  # fmt: skip
    except Refused as no:
        return _page(site, webhook, _with_error(form, no)), no.status
    db.session.commit()
    return _done(key, id, _("Webhook saved."))


@bp.post("/<int:id>/ping")
@moderator_required
def ping(key: str, id: int) -> Any:
    _site, webhook = _one(key, id)
    webhooks.ping(webhook)
    db.session.commit()
    return _done(key, id, _("The test is on its way. Reload this page for the answer."))


@bp.post("/<int:id>/secret")
@moderator_required
@confirmation_required
def rotate(key: str, id: int) -> Any:
    """The answer is the only one that shows the secret."""
    site, webhook = _one(key, id)
    secret = webhooks.rotate(webhook, by=current_moderator())
    db.session.commit()
    return _page(site, webhook, WebhookChangeForm.of(webhook), secret=secret)


@bp.post("/<int:id>/secret/end")
@moderator_required
def end_old_secret(key: str, id: int) -> Any:
    _site, webhook = _one(key, id)
    webhooks.end_old_secret(webhook, by=current_moderator())
    db.session.commit()
    return _done(key, id, _("The earlier secret signs no longer."))


@bp.post("/<int:id>/state")
@moderator_required
def switch(key: str, id: int) -> Any:
    _site, webhook = _one(key, id)
    on = request.form.get("state") == WebhookState.ACTIVE
    webhooks.switch(webhook, on=on, by=current_moderator())
    db.session.commit()
    return _done(key, id, _("Webhook switched on.") if on else _("Webhook switched off. Nothing is sent."))


@bp.post("/<int:id>/remove")
@moderator_required
def remove(key: str, id: int) -> Any:
    _site, webhook = _one(key, id)
    webhooks.remove(webhook, by=current_moderator())
    db.session.commit()
    flash(_("Webhook removed."))
    return redirect(url_for("webhooks.show_all", key=key), 303)


@bp.post("/deliveries/<int:id>/send-again")
@moderator_required
def send_again(key: str, id: int) -> Any:
    delivery = WebhookDelivery.on_site(site_or_404(key, Role.ADMIN), id) or abort(404)
    webhooks.send_again(delivery)
    db.session.commit()
    return _done(key, delivery.webhook_id, _("The delivery is sent again. Reload this page for the answer."))


def _one(key: str, id: int) -> tuple[Site, Webhook]:
    site = site_or_404(key, Role.ADMIN)
    return site, Webhook.on_site(site, id) or abort(404)


def _with_error(form: WebhookForm, no: Refused) -> WebhookForm:
    (form.address if no.field == "url" else form.name).errors = [no.sentence]
    return form


def _done(key: str, id: int, said: str) -> Any:
    flash(said)
    return redirect(url_for("webhooks.show", key=key, id=id), 303)


def _list(site: Site, form: WebhookForm) -> str:
    return render_template(
        "sites/webhooks.html", site=site, form=form, webhooks=Webhook.of_site(site), formats=_formats()
    )


def _page(site: Site, webhook: Webhook, form: WebhookForm, *, secret: str = "", before: int = 0) -> str:
    found = WebhookDelivery.newest_of(webhook.id, before=before, limit=LISTED + 1)
    return render_template(
        "sites/webhook.html", site=site, webhook=webhook, form=form, secret=secret, deliveries=found[:LISTED],
        before=found[LISTED - 1].id if len(found) > LISTED else None, formats=_formats(),
    )  # fmt: skip


def _formats() -> dict[str, Any]:
    return {each.value: each.label for each in FORMATS}
