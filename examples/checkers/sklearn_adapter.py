"""A checker with a small scikit-learn model that learns what your moderators reject.

    pip install -r requirements.txt
    flask export --site KEY --format csv > comments.csv
    python sklearn_adapter.py train comments.csv model.joblib
    CHECKER_SECRET=whsec_... python sklearn_adapter.py serve model.joblib

It reads n-grams of characters, so that it works for Japanese and for disguised words. Load only model files of your
own: they can run code.
"""

import csv
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import joblib
from checker import server
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline

VERDICTS = {"approved": "fine", "rejected": "reject", "spam": "spam"}


def train(texts: Sequence[str], verdicts: Sequence[str]) -> Pipeline:
    """A model of these verdicts (fine, reject, spam). Rare ones count as much as frequent ones."""
    if len(set(verdicts)) < 2:
        raise ValueError("The comments must have at least two of: approved, rejected, spam.")
    ngrams = HashingVectorizer(analyzer="char", ngram_range=(1, 4), n_features=2**18, alternate_sign=False)
    return make_pipeline(ngrams, LogisticRegression(class_weight="balanced", max_iter=1_000)).fit(texts, verdicts)


def judge_with(model: Pipeline, data: Mapping[str, Any]) -> dict[str, Any]:
    chances = model.predict_proba([data["text"]])[0]
    best = int(chances.argmax())
    return {"verdict": str(model.classes_[best]), "confidence": round(float(chances[best]), 4), "reasons": []}


def read(lines: Iterable[str]) -> tuple[list[str], list[str]]:
    """Texts and verdicts of Kaiwa's CSV export, without pending and deleted comments."""
    rows = [(row["text"], VERDICTS.get(row["status"])) for row in csv.DictReader(lines)]
    known = [(text, verdict) for text, verdict in rows if text and verdict]
    return [text for text, _verdict in known], [verdict for _text, verdict in known]


def main(command: str, *files: str) -> None:
    if command == "train":
        with Path(files[0]).open(encoding="utf-8-sig", newline="") as lines:
            joblib.dump(train(*read(lines)), files[1])
        return
    model = joblib.load(files[0])
    port = int(os.environ.get("PORT", "9101"))
    server(lambda data: judge_with(model, data), os.environ["CHECKER_SECRET"], port).serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
