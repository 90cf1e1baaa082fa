"""How likely a comment is spam on its site, and why, in words that people know."""

from dataclasses import dataclass
from typing import Any

from app.models import Comment
from app.moderation import learning
from app.spam import explain
from app.spam.explain import Signal


@dataclass(frozen=True)
class Judged:
    """`score` is None as long as nobody has taught the filter both kinds. `signals` are JSON data."""

    score: float | None
    signals: list[list[Any]]


def judge(comment: Comment, facts: dict[str, Any]) -> Judged:
    """Score a comment by what its site's moderators have decided; score and facts are kept with it.

    `facts` are what is not in the comment itself: `seconds`, `approved`, `rejected`.
    """
    comment.facts = facts
    model, example = learning.model_of(comment.site_id), learning.example_of(comment)
    comment.score = model.score(example) if model.scale() else None
    signals = explain.strongest(model, example) if comment.score is not None else []
    return Judged(comment.score, [[s.kind, s.text, round(s.weight, 2), s.fine, s.spam] for s in signals])


def in_words(signals: list[list[Any]]) -> str:
    return ", ".join(explain.named(Signal(*signal)) for signal in signals)
