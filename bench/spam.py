"""The spam filter on streams like a site's: few comments are spam, each is scored, then decided and learnt.

`--stream` mixes honest comments with a share of spam and applies the budget as a site does (app/screening/backtest.py).
FILE is JSON Lines of {"text", "label"}; `--honest` and `--spam` take other files than those of KAIWA_SHARED_DATA.
"""

import argparse
import json
import os
import random
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from app.lib.tongue import tongue
from app.spam.budget import Bands, Past, Scored
from app.spam.evaluate import auroc
from app.spam.features import Example, slots
from app.spam.filter import Filter

DATA = Path(os.environ.get("KAIWA_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data")) / "moderation"
SHARE = 0.03
CUTS = (200, 500, 2_000)
# Comments after which a site looks for its thresholds again.
EVERY = 20
FIXED = 0.6  # the band that sites had before they had a budget
REVIEWS = ("ham_hotel_reviews_ja", "ham_wp_theme_test_ja")
# Name, language of the site, files of honest comments, files of spam.
MIXES = (
    ("Japanese reviews, YouTube and SMS spam", "ja", REVIEWS, ("spam_youtube_en", "spam_sms_en")),
    ("Japanese reviews, gambling spam", "ja", REVIEWS, ("spam_gambling_yt_id",)),
    ("Indonesian comments, gambling spam", "id", ("spam_gambling_yt_id",), ("spam_gambling_yt_id",)),
    ("English messages, YouTube spam", "en", ("spam_sms_en",), ("spam_youtube_en",)),
    ("English messages, SMS spam", "en", ("spam_sms_en",), ("spam_sms_en",)),
    ("Vietnamese shop", "vi", ("spam_shopee_vi",), ("spam_shopee_vi",)),
)


@dataclass
class Count:
    """Comments so far: spam and honest ones, and how many of each were held and called spam."""

    spam: int = 0
    honest: int = 0
    held: dict[bool, int] = field(default_factory=lambda: {True: 0, False: 0})
    called: dict[bool, int] = field(default_factory=lambda: {True: 0, False: 0})
    fixed: dict[bool, int] = field(default_factory=lambda: {True: 0, False: 0})

    def told(self) -> str:
        def part(counts: dict[bool, int]) -> str:
            return f"{counts[True]:4} of {self.spam:3} caught, {counts[False] / max(self.honest, 1):6.2%} of honest"

        return f"held {part(self.held)} | called spam {part(self.called)} | fixed band {part(self.fixed)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--stream", action="store_true", help="the streams below (the only bench so far)")
    parser.add_argument("--honest", type=Path, nargs="*", metavar="FILE", help="honest comments, in this order")
    parser.add_argument("--spam", type=Path, nargs="*", metavar="FILE", help="spam, in random order")
    parser.add_argument("--share", type=float, default=SHARE, help="share of spam (0.03)")
    parser.add_argument("--hold-one-in", type=int, default=100)
    parser.add_argument("--spam-one-in", type=int, default=1000)
    parser.add_argument("--lang", default="en", help="language of the site (en)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--most", type=int, default=6_000, help="comments of a stream (6,000)")
    args = parser.parse_args()
    if not args.honest and not DATA.is_dir():
        sys.exit(f"{DATA} is missing: set KAIWA_SHARED_DATA, or give --honest and --spam")
    chosen = [("given files", args.lang, args.honest, args.spam)] if args.honest else MIXES
    for name, lang, honest, spam in chosen:
        rows = mixed(read(honest, spam=False), read(spam, spam=True), args.share, args.most, args.seed)
        run(f"{name} ({lang})", lang, rows, args.hold_one_in, args.spam_one_in)


def read(files: Iterable[str | Path], *, spam: bool) -> list[str]:
    """Texts that are spam, or all others."""
    found = []
    for file in files:
        path = file if isinstance(file, Path) else DATA / f"{file}.jsonl"
        with path.open(encoding="utf-8-sig") as lines:
            rows = map(json.loads, filter(str.strip, lines))
            found += [str(row["text"]) for row in rows if (row["label"] == "spam") is spam]
    return found


def mixed(honest: list[str], spam: list[str], share: float, most: int, seed: int) -> Iterator[tuple[str, bool]]:
    """Honest comments in their order, with spam at random places."""
    dice = random.Random(seed)
    dice.shuffle(spam)
    size = int(min(most, len(honest) / (1 - share), len(spam) / share))
    places = set(dice.sample(range(size), int(size * share)))
    fine, bad = iter(honest), iter(spam)
    return ((next(bad), True) if at in places else (next(fine), False) for at in range(size))


def run(name: str, lang: str, rows: Iterable[tuple[str, bool]], hold_one_in: int, spam_one_in: int) -> None:
    model, hold, called, count = Filter(), Past(hold_one_in), Past(spam_one_in), Count()
    thresholds: dict[str, Bands] = {}
    scores: list[float] = []
    labels: list[bool] = []
    print(f"{name}; at most 1 in {hold_one_in} held, 1 in {spam_one_in} called spam")
    for number, (text, spam) in enumerate(rows, 1):
        found, language = slots(Example(text)), tongue(text, lang)
        score = model.score_of(found)
        if number % EVERY == 1:
            thresholds.clear()
        if language not in thresholds:
            thresholds[language] = Bands.of(hold, called, language)
        is_scored = model.scale() > 0
        if is_scored:
            _add(count, score, spam, thresholds[language])
            for past in (hold, called):
                past.add(Scored(score, language, "spam" if spam else "fine"))
        count.spam, count.honest = count.spam + spam, count.honest + (not spam)
        scores.append(score)
        labels.append(spam)
        model.add(found.all(), spam=spam, residual=model.residual(found, spam=spam))
        if number in CUTS:
            print(f"  first {number:5}: {count.told()}")
    print(f"  all   {len(labels):5}: {count.told()}; AUROC {auroc(scores, labels) or 0:.4f}", flush=True)


def _add(count: Count, score: float, spam: bool, bands: Bands) -> None:
    count.held[spam] += score >= min(bands.hold_from, bands.spam_from)
    count.called[spam] += score >= bands.spam_from
    count.fixed[spam] += score >= FIXED


if __name__ == "__main__":
    main()
