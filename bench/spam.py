"""Measure the spam filter beside plain baselines on scikit-learn's features, on the same rows in the same order.

    python -m bench.spam [--rows N] [--shuffles N] [FILE ...]

Each row is judged before it is learnt: once in the file's order, then shuffled, of which the mean is told. Without
files: every spam_*.jsonl of shared/data/moderation.
"""

import argparse
import json
import random
from collections.abc import Callable, Sequence
from itertools import starmap
from pathlib import Path
from statistics import mean
from time import thread_time
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import SGDClassifier
from sklearn.pipeline import FeatureUnion

from app.spam.evaluate import WARM_UP, auroc, caught
from app.spam.features import Example, slots
from app.spam.filter import Filter

DATA = Path(__file__).parents[2] / "shared" / "data" / "moderation"
FEWEST = 100  # rows; a file of fewer says nothing
SMOOTHING = 0.1  # of naive Bayes

Score, Learn = Callable[[Any], float], Callable[[Any, bool], None]


def kaiwa() -> tuple[Score, Learn]:
    model = Filter()

    def learn(text: str, spam: bool) -> None:
        model.learn(Example(text), spam=spam)

    return (lambda text: model.evidence(slots(Example(text)))), learn


def logistic_regression() -> tuple[Score, Learn]:
    model = SGDClassifier(loss="log_loss", alpha=1e-6, random_state=0)
    seen: set[bool] = set()

    def learn(row: Any, spam: bool) -> None:
        seen.add(spam)
        model.partial_fit(row, [spam], classes=[False, True])

    return (lambda row: float(model.decision_function(row)[0]) if len(seen) == 2 else 0.0), learn


def naive_bayes() -> tuple[Score, Learn]:
    """As scikit-learn's MultinomialNB, which takes half a million logarithms for each row that it learns."""
    counts, totals, rows = np.zeros((2, FEATURES)), np.zeros(2), np.zeros(2)

    def score(row: Any) -> float:
        if not rows.all():
            return 0.0
        shares = np.log(counts[:, row.indices] + SMOOTHING) - np.log(totals + SMOOTHING * FEATURES)[:, None]
        fine, spam = shares @ row.data + np.log(rows)
        return float(spam - fine)

    def learn(row: Any, spam: bool) -> None:
        counts[int(spam), row.indices] += row.data
        totals[int(spam)] += row.data.sum()
        rows[int(spam)] += 1

    return score, learn


def plain_features(texts: Sequence[str]) -> list[Any]:
    """Hashed words, pairs of words and pieces of two to four letters, as in most tutorials."""
    common = {"n_features": FEATURES // 2, "alternate_sign": False}
    both = FeatureUnion(
        [
            ("words", HashingVectorizer(ngram_range=(1, 2), **common)),
            ("pieces", HashingVectorizer(analyzer="char_wb", ngram_range=(2, 4), **common)),
        ]
    )
    return list(both.transform(texts).tocsr())


FEATURES = 1 << 19
# How a method begins, and what it sees of the texts.
METHODS: dict[str, tuple[Callable[[], tuple[Score, Learn]], Callable[[Sequence[str]], Sequence[Any]]]] = {
    "kaiwa": (kaiwa, list),
    "logistic regression": (logistic_regression, plain_features),
    "naive bayes": (naive_bayes, plain_features),
}


def measure(method: Callable[[], tuple[Score, Learn]], rows: Sequence[Any], labels: Sequence[bool]) -> list[float]:
    """Return AUROC over all and after the first 500, the shares caught at 0.1 % and 1 %, and ms for each row judged."""
    score, learn = method()
    scores, seconds = [], 0.0
    for row, spam in zip(rows, labels, strict=True):
        started = thread_time()
        scores.append(score(row))
        seconds += thread_time() - started
        learn(row, spam)
    warm = auroc(scores[WARM_UP:], labels[WARM_UP:])
    told = (auroc(scores, labels), warm, caught(scores, labels, 0.001), caught(scores, labels, 0.01))
    return [*(float("nan") if each is None else each for each in told), 1000 * seconds / len(labels)]


def main() -> None:
    wanted = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    wanted.add_argument("files", nargs="*", type=Path, metavar="FILE")
    wanted.add_argument("--rows", type=int, metavar="N", help="The first N of each file; all, if not given.")
    wanted.add_argument("--shuffles", type=int, metavar="N", default=5, help="5, if not given.")
    asked = wanted.parse_args()
    files = asked.files or sorted(DATA.glob("spam_*.jsonl"))
    if not files:
        raise SystemExit(f"There is nothing to measure on at {DATA}: name files of {{text, label}} rows.")
    for file in files:
        with file.open(encoding="utf-8") as lines:
            rows = [json.loads(line) for line in lines if line.strip()][: asked.rows]
        if len(rows) >= FEWEST:
            _compare(file.stem, [row["text"] for row in rows], [row["label"] == "spam" for row in rows], asked.shuffles)


def _compare(name: str, texts: list[str], labels: list[bool], shuffles: int) -> None:
    print(f"\n{name}: {len(texts)} rows, in their order, and the mean of {shuffles} shuffles")
    print(f"{'':20}{'AUROC':>16} {'after 500':>16} {'caught at 0.1 %':>16} {'at 1 %':>16} {'ms':>6}")
    orders = [list(range(len(texts))) for _each in range(1 + shuffles)]
    for seed, order in enumerate(orders[1:]):
        random.Random(seed).shuffle(order)
    for method, (begin, seen) in METHODS.items():
        rows = seen(texts)
        told = [measure(begin, [rows[at] for at in order], [labels[at] for at in order]) for order in orders]
        means = [mean(column) for column in zip(*told[1:], strict=True)] or told[0]
        print(f"{method:20}", *starmap("{:>7.4f} / {:.4f}".format, list(zip(told[0], means, strict=True))[:4]), end="")
        print(f" {told[0][-1]:6.2f}", flush=True)


if __name__ == "__main__":
    main()
