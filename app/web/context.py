"""The context of a comment, and actions on its author: note, trust, hold, block."""

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext as _n

from app.desk import blocking, context
from app.desk.cards import records_of
from app.extensions import db
from app.forms.block import BlockForm
from app.forms.decision import NoteForm
from app.lib.language import when
from app.lib.secrets import is_unreadable
from app.models import Author, Effect, Note, Report, Rule, Subject
from app.moderation import articles
from app.screening import rules
from app.web.access import comment_or_404, current_moderator, done, moderator_required, wants_fragment

bp = Blueprint("context", __name__, url_prefix="/moderate")


@bp.get("/comments/<int:id>/thread")
@moderator_required
def thread(id: int) -> str:
    comment = comment_or_404(id)
    return _shown("thread", comment=comment, conversation=context.conversation_around(comment, current_moderator()))


@bp.get("/comments/<int:id>/article")
@moderator_required
def article(id: int) -> str:
    """The state of the comment's article, to open, close, hold or hide it."""
    comment = comment_or_404(id)
    return _shown(
        "article", comment=comment, thread=comment.thread, site=comment.site, **articles.shown(comment.thread)
    )


@bp.get("/comments/<int:id>/author")
@moderator_required
def author(id: int) -> str:
    comment = comment_or_404(id)
    record = records_of([comment.author_id], current_moderator())[comment.author_id]
    return _shown(
        "author", comment=comment, said=context.comments_by_author(comment, current_moderator()), record=record
    )


@bp.post("/comments/<int:id>/notes")
@moderator_required
def note(id: int) -> Any:
    comment, form = comment_or_404(id), NoteForm()
    if not form.validate():
        abort(400)
    Note.keep(comment, current_moderator(), form.text.data or "")
    db.session.commit()
    if wants_fragment():
        return render_template("queue/_notes.html", notes=Note.of([comment.id])[comment.id])
    return done(_("Note saved"))


@bp.post("/comments/<int:id>/author")
@moderator_required
def trust(id: int) -> Any:
    comment, effect = comment_or_404(id), request.form.get("effect", "")
    if effect not in (Effect.ALLOW, Effect.HOLD):
        abort(400)
    rule = blocking.trust(comment, Effect(effect), by=current_moderator())
    db.session.commit()
    return done(_sentence(rule, comment.name or _("Anonymous")))


def _sentence(rule: Rule, name: str) -> str:
    if rule.expires_at is None:
        if rule.effect == Effect.ALLOW:
            return _("%(name)s is now trusted.", name=name)
        return _("%(name)s’s comments will always need review.", name=name)
    if rule.effect == Effect.ALLOW:
        return _("%(name)s is trusted until %(when)s.", name=name, when=when(rule.expires_at))
    return _("%(name)s’s comments will need review until %(when)s.", name=name, when=when(rule.expires_at))


@bp.get("/comments/<int:id>/block")
@moderator_required
def block_choices(id: int) -> str:
    comment = comment_or_404(id)
    me = current_moderator()
    choices, most = blocking.choices(comment, me), blocking.most_days(me, comment.site)
    return _shown("block", comment=comment, choices=choices, most=most)


@bp.post("/comments/<int:id>/block")
@moderator_required
def block(id: int) -> Any:
    comment, form, me = comment_or_404(id), BlockForm(), current_moderator()
    if not form.validate():
        abort(400)
    try:
        rule = blocking.block(comment, form.what.data, by=me, days=form.days.data or 0, reason=form.reason.data or "")
    except KeyError:
        abort(400)
    outcome = blocking.clear(rule, by=me) if form.clear.data else None
    db.session.commit()
    said = [_("Blocked until %(when)s.", when=when(rule.expires_at)) if rule.expires_at else _("Blocked.")]
    if outcome:
        said.append(_("Comments marked as spam: %(count)d.", count=len(outcome.decided)))
        if answered := Report.answered_by([decision.id for decision in outcome.decided]).total():
            said.append(_n("%(num)d report answered.", "%(num)d reports answered.", answered))
        left = len(outcome.changed) + len(outcome.gone)
        said += [_("Skipped because they had changed: %(count)d.", count=left)] if left else []
    gone = [decision.comment_id for decision in outcome.decided] if outcome else []
    return done(" ".join(said), gone=gone)


@bp.get("/blocks")
@moderator_required
def blocks() -> str:
    """This moderator's active rules about people."""
    rules_made = Rule.standing_of(current_moderator())
    about = [rule.value for rule in rules_made if rule.subject == Subject.AUTHOR and not is_unreadable(rule.value)]
    authors = Author.named([int(value) for value in about])
    return render_template("queue/blocks.html", rules=rules_made, authors=authors)


@bp.post("/blocks/<int:id>/end")
@moderator_required
def end_block(id: int) -> Any:
    me = current_moderator()
    rule = Rule.of_site(me.site_ids, id)
    if rule is None or rule.made_by_id != me.id:
        abort(404)
    rules.end(rule, by=me)
    db.session.commit()
    flash(_("Rule ended."))
    return redirect(url_for("context.blocks"), 303)


def _shown(name: str, **context: Any) -> str:
    return render_template(f"queue/{'_' if wants_fragment() else ''}{name}.html", **context)
