"""The page of a site's own words: one form for each language, with a preview."""

from typing import Any

from flask import Blueprint, abort, flash, get_template_attribute, redirect, render_template, request, url_for
from flask_babel import gettext as _

from app.desk import wording
from app.extensions import db
from app.forms.wording import WordingForm
from app.lib.language import matching, speaking
from app.models import Role, Site, Wording, Words, words_of
from app.models.section import sections_of
from app.web.access import current_moderator, moderator_required, site_or_404

bp = Blueprint("wording", __name__, url_prefix="/sites/<key>/words")


@bp.get("")
@moderator_required
def show(key: str) -> str:
    site = site_or_404(key, Role.ADMIN)
    lang, section = _language(site), _section(site)
    return _page(site, lang, section, WordingForm.of(Wording.of(site, lang, section)), words_of(site, lang, section))


@bp.post("")
@moderator_required
def change(key: str) -> Any:
    """Save the words; with `look`, only show them."""
    site, form = site_or_404(key, Role.ADMIN), WordingForm()
    lang, section = _language(site), _section(site)
    if not form.validate():
        return _page(site, lang, section, form, words_of(site, lang, section)), 422
    if "look" in request.form:
        typed = Wording(lang=lang, section=section, **form.values())
        return _page(site, lang, section, form, words_of(site, lang, section, typed=typed), looking=True)
    wording.change(site, lang, form.values(), section=section, by=current_moderator())
    db.session.commit()
    flash(_("Saved."))
    return redirect(url_for("wording.show", key=key, lang=lang, section=section or None), 303)


def _language(site: Site) -> str:
    return matching(request.args.get("lang", "")) or site.lang


def _section(site: Site) -> str:
    """The section of the query; '' for the whole site."""
    section = request.args.get("section", "")
    return section if not section or section in sections_of(site) else abort(404)


def _page(site: Site, lang: str, section: str, form: WordingForm, words: Words, *, looking: bool = False) -> str:
    with speaking(lang):
        preview = get_template_attribute("sites/_words_preview.html", "preview")(words, lang)
    return render_template(
        "sites/words.html", site=site, lang=lang, form=form, preview=preview, looking=looking,
        written=Wording.languages_of(site, section), sections=sections_of(site), section=section,
    )  # fmt: skip
