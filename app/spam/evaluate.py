"""Evaluate the filter prequentially: score each row, then train on it."""

from collections.abc import Iterable, Mapping, Sequence
from time import thread_time
from typing import Any

from app.spam.features import Example, slots
from app.spam.filter import Filter

WARM_UP = 500


def evaluate(
    rows: Iterable[Mapping[str, Any]], model: Filter | None = None, label: str = "spam"
) -> dict[str, int | float | None]:
    """Metrics over rows of {"text", "label"} in order; this label against all others.

    AUROC is None without both classes (Fawcett, "An introduction to ROC analysis", 2006); ties count half. Recall is
    over the whole run.
    """
    scores, labels, seconds = _test_then_learn(rows, model or Filter(), label)
    return {
        "rows": len(labels),
        label: sum(labels),
        "auroc": auroc(scores, labels),
        "auroc_after_500": auroc(scores[WARM_UP:], labels[WARM_UP:]),
        "caught_at_fpr_0.001": caught(scores, labels, 0.001),
        "caught_at_fpr_0.01": caught(scores, labels, 0.01),
        "ms_per_comment": 1000 * seconds / len(labels) if labels else None,
    }


def auroc(scores: Sequence[float], labels: Sequence[bool]) -> float | None:
    """Probability that a random spam row scores above a random other row."""
    spam = sum(labels)
    fine = len(labels) - spam
    if not spam or not fine:
        return None
    ranks = sum(rank for rank, label in zip(_ranks(scores), labels, strict=True) if label)
    return (ranks - spam * (spam + 1) / 2) / (spam * fine)


def caught(scores: Sequence[float], labels: Sequence[bool], max_fpr: float) -> float | None:
    """Recall of spam at the lowest threshold with at most this false positive rate."""
    spam = sorted((score for score, label in zip(scores, labels, strict=True) if label), reverse=True)
    fine = sorted((score for score, label in zip(scores, labels, strict=True) if not label), reverse=True)
    if not spam or not fine:
        return None
    highest_passed = fine[int(max_fpr * len(fine))]
    return sum(score > highest_passed for score in spam) / len(spam)


def _test_then_learn(
    rows: Iterable[Mapping[str, Any]], model: Filter, label: str
) -> tuple[list[float], list[bool], float]:
    scores: list[float] = []
    labels: list[bool] = []
    seconds = 0.0
    for row in rows:
        example, spam = Example(str(row["text"])), row["label"] == label
        started = thread_time()  # CPU time
        scores.append(model.evidence(slots(example)))  # a score would round large values to 0 or 1
        seconds += thread_time() - started
        labels.append(spam)
        model.learn(example, spam=spam)
    return scores, labels, seconds


def _ranks(scores: Sequence[float]) -> list[float]:
    order = sorted(range(len(scores)), key=scores.__getitem__)
    ranks, start = [0.0] * len(scores), 0
    while start < len(order):
        end = start
        while end < len(order) and scores[order[end]] == scores[order[start]]:
            end += 1
        for place in order[start:end]:
            ranks[place] = (start + end + 1) / 2
        start = end
    return ranks
