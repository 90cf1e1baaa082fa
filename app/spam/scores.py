"""How likely a comment is spam on its site, and why, in words that people know."""

from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _

from app.lib.language import listed
from app.models import Comment
from app.spam import explain, filters, learning
from app.spam.explain import Signal


@dataclass(frozen=True)
class Judged:
    """`score` is None as long as nobody has taught the filter both kinds. `signals` are JSON data.

    `facts` are what is not in the comment itself: `seconds`, `approved`, `rejected`. They are kept with it, for what
    is decided about it later is learnt from them.
    """

    score: float | None
    signals: list[list[Any]]
    facts: dict[str, Any] | None


NOTHING = Judged(None, [], None)


def judge(comment: Comment, site_id: int, facts: dict[str, Any]) -> Judged:
    """Score a comment by what its site's moderators have decided."""
    model, example = filters.model_lately(site_id), learning.example_of(comment, facts)
    score = model.score(example) if model.scale() else None
    signals = explain.strongest(model, example) if score is not None else []
    return Judged(score, [[s.kind, s.text, round(s.weight, 2), s.fine, s.spam] for s in signals], facts)


def in_words(score: float, signals: list[list[Any]]) -> str:
    """The score in per cent, and what raised it."""
    percent, raising = f"{100 * score:.0f}", [Signal(*each) for each in signals]
    raised_by = listed(explain.named(each) for each in raising if each.weight > 0)
    if raised_by:
        return _("spam score %(score)s %%: %(signals)s", score=percent, signals=raised_by)
    return _("spam score %(score)s %%", score=percent)
