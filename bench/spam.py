"""Measure the spam filter beside plain baselines of scikit-learn, on the same rows in the same order.

    python -m bench.spam [--rows N] [--shuffled SEED] [FILE ...]

Each row is judged before it is learnt. Without files: every spam_*.jsonl of shared/data/moderation.
"""

import argparse
import json
import random
from collections.abc import Callable, Iterable
from pathlib import Path
from time import thread_time
from typing import Any

from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import SGDClassifier
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import FeatureUnion

from app.spam.evaluate import WARM_UP, auroc, caught
from app.spam.features import Example
from app.spam.filter import Filter

DATA = Path(__file__).parents[2] / "shared" / "data" / "moderation"
FEWEST = 100  # rows; a file of fewer says nothing

Score, Learn = Callable[[str], float], Callable[[str, bool], None]


def kaiwa() -> tuple[Score, Learn]:
    model = Filter()
    return (lambda text: model.score(Example(text))), (lambda text, spam: model.learn(Example(text), spam=spam))


def logistic_regression() -> tuple[Score, Learn]:
    return _of_scikit(
        SGDClassifier(loss="log_loss", alpha=1e-6, random_state=0), lambda model, x: model.decision_function(x)
    )


def naive_bayes() -> tuple[Score, Learn]:
    def odds(model: Any, x: Any) -> Any:
        found = model.predict_log_proba(x)
        return found[:, 1] - found[:, 0]

    return _of_scikit(MultinomialNB(alpha=0.1), odds)


def _of_scikit(model: Any, decide: Callable[[Any, Any], Any]) -> tuple[Score, Learn]:
    """On hashed words, pairs of words and pieces of two to four letters, as in most tutorials."""
    common = {"n_features": 1 << 18, "alternate_sign": False}
    features = FeatureUnion(
        [
            ("words", HashingVectorizer(ngram_range=(1, 2), **common)),
            ("pieces", HashingVectorizer(analyzer="char_wb", ngram_range=(2, 4), **common)),
        ]
    )
    seen: set[bool] = set()

    def score(text: str) -> float:
        return float(decide(model, features.transform([text]))[0]) if len(seen) == 2 else 0.0

    def learn(text: str, spam: bool) -> None:
        seen.add(spam)
        model.partial_fit(features.transform([text]), [spam], classes=[False, True])

    return score, learn


METHODS = {"kaiwa": kaiwa, "logistic regression": logistic_regression, "naive bayes": naive_bayes}


def measure(rows: Iterable[dict[str, str]], method: Callable[[], tuple[Score, Learn]]) -> dict[str, Any]:
    score, learn = method()
    scores, labels, seconds = [], [], 0.0
    for row in rows:
        started = thread_time()
        scores.append(score(row["text"]))
        seconds += thread_time() - started
        labels.append(row["label"] == "spam")
        learn(row["text"], labels[-1])
    return {
        "whole": auroc(scores, labels),
        "warm": auroc(scores[WARM_UP:], labels[WARM_UP:]),
        "strict": caught(scores, labels, 0.001),
        "usual": caught(scores, labels, 0.01),
        "ms": 1000 * seconds / len(labels),
    }


def main() -> None:
    wanted = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    wanted.add_argument("files", nargs="*", type=Path, metavar="FILE")
    wanted.add_argument("--rows", type=int, metavar="N", help="The first N of each file; all, if not given.")
    wanted.add_argument("--shuffled", type=int, metavar="SEED", help="In an order of its own, the same for all.")
    asked = wanted.parse_args()
    files = asked.files or sorted(DATA.glob("spam_*.jsonl"))
    if not files:
        raise SystemExit(f"There is nothing to measure on at {DATA}: name files of {{text, label}} rows.")
    for file in files:
        with file.open(encoding="utf-8") as lines:
            rows = [json.loads(line) for line in lines if line.strip()]
        if asked.shuffled is not None:
            random.Random(asked.shuffled).shuffle(rows)
        if len(rows) >= FEWEST:
            _print(file.stem, rows[: asked.rows])


def _print(name: str, rows: list[dict[str, str]]) -> None:
    print(f"\n{name}: {len(rows)} rows")
    print(f"{'':22} {'AUROC':>8} {'after 500':>10} {'caught at 0.1 %':>16} {'at 1 %':>8} {'ms':>7}")
    for method, make in METHODS.items():
        told = measure(rows, make)
        print(f"{method:22} {told['whole']:8.4f} {told['warm']:10.4f} ", end="")
        print(f"{told['strict']:16.3f} {told['usual']:8.3f} {told['ms']:7.2f}", flush=True)


if __name__ == "__main__":
    main()
