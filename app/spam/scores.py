"""Predict how likely a comment is spam on its site."""

from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from app.models import Comment
from app.spam import explain, filters, learning, rejections
from app.spam.explain import Signal
from app.spam.features import slots

MOST_SHOWN = 3  # signals beside the score


@dataclass(frozen=True)
class Prediction:
    """`score` is None until the filter has examples of both classes. `signals` are JSON data.

    `examples`: decisions of the rarer class. `features` (`seconds`, `approved`, `rejected`) are stored with the comment
    for later training.
    """

    score: float | None
    signals: list[list[Any]]
    features: dict[str, Any] | None
    examples: int = 0
    # Likelihood of a rejection; None without enough rejections.
    rejection: float | None = None


NO_PREDICTION = Prediction(None, [], None)


@dataclass(frozen=True)
class Explanation:
    """A score for moderators: the per cent with a verdict, its strongest reasons, and all others with their numbers."""

    verdict: str
    signals: list[str]
    others: list[str]


def predict(comment: Comment, site_id: int, features: dict[str, Any]) -> Prediction:
    model, rejected = filters.recent_model(site_id), rejections.recent_model(site_id)
    examples = min(model.fine, model.spam)
    if not model.scale() and rejected is None:
        # Of a site that has learnt nothing yet.
        return Prediction(None, [], features, examples)
    example = learning.example_of(comment, features)
    found = slots(example)
    score = model.score_of(found) if model.scale() else None
    reasons = explain.reasons(model, example, found) if score is not None else []
    signals = [[s.kind, s.text, round(s.weight, 2), s.fine, s.spam] for s in reasons]
    return Prediction(score, signals, features, examples, rejected.score_of(found) if rejected else None)


_VERDICTS = {
    "spam": _l("likely spam"),
    "hold": _l("possibly spam"),
    "fine": _l("probably fine"),
}


def explanation(reason: dict[str, Any]) -> Explanation:
    """Explain a stored score; its reasons are those that point in the direction of the verdict."""
    band, percent = reason.get("band", "hold"), f"{min(max(round(100 * reason['score']), 1), 99)}"
    verdict = _("spam score %(score)s %% · %(verdict)s", score=percent, verdict=_VERDICTS[band])
    signals = [signal for each in reason["signals"] if explain.is_reason(signal := Signal(*each))]
    shown = explain.grouped([each for each in signals if (each.weight > 0) == (band != "fine")])[:MOST_SHOWN]
    others = [signal for signal in signals if not any(signal in group for group in shown)]
    return Explanation(verdict, list(map(explain.phrase, shown)), list(map(explain.sentence, others)))


def in_words(reason: dict[str, Any]) -> str:
    """A stored score in one sentence."""
    found = explanation(reason)
    return _(": ").join([found.verdict, " · ".join(found.signals)]) if found.signals else found.verdict
