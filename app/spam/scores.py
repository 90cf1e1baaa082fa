"""Predict how likely a comment is spam on its site."""

from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _

from app.lib.language import listed
from app.models import Comment
from app.spam import explain, filters, learning
from app.spam.explain import Signal


@dataclass(frozen=True)
class Prediction:
    """`score` is None until the filter has examples of both classes. `signals` are JSON data.

    `features` (`seconds`, `approved`, `rejected`) are stored with the comment for later training.
    """

    score: float | None
    signals: list[list[Any]]
    features: dict[str, Any] | None


NO_PREDICTION = Prediction(None, [], None)


def predict(comment: Comment, site_id: int, features: dict[str, Any]) -> Prediction:
    model, example = filters.recent_model(site_id), learning.example_of(comment, features)
    score = model.score(example) if model.scale() else None
    signals = explain.strongest(model, example) if score is not None else []
    return Prediction(score, [[s.kind, s.text, round(s.weight, 2), s.fine, s.spam] for s in signals], features)


def in_words(score: float, signals: list[list[Any]]) -> str:
    """The score in per cent, and what raised it."""
    percent, raising = f"{100 * score:.0f}", [Signal(*each) for each in signals]
    raised_by = listed(explain.named(each) for each in raising if each.weight > 0)
    if raised_by:
        return _("spam score %(score)s %%: %(signals)s", score=percent, signals=raised_by)
    return _("spam score %(score)s %%", score=percent)
