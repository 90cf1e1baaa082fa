"""The filter learns Tanaka's decisions, unlearns those she undoes, and explains its scores."""

import json
import os
import random
import re
from pathlib import Path

import pytest
from flask import Flask

from app.spam import filter as filter_module
from app.spam.evaluate import auroc, caught, evaluate
from app.spam.explain import reasons, sentence, strongest
from app.spam.features import Example, fold, metadata_features, slots, word_features
from app.spam.filter import Filter, NotLearnt, WrongModel
from app.spam.scores import explanation
from tests.growth import grows_straight

KINDS = ("marks", "symbols")

HERE = Path(os.environ.get("KAIWA_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))
SPAM = Example("副業で月収100万円！今すぐ登録 https://win.example.xyz", name="稼ぐ太郎", website="https://spam.xyz")
FINE = Example("とても参考になりました。ありがとうございます。", name="佐藤", lang="ja", seconds=40, approved=3)


def decisions(count, seed=7):
    cast = random.Random(seed)
    spam_words, fine_words = (
        ["副業", "登録", "slot", "gacor", "win", "casino", "稼ぐ"],
        ["記事", "感想", "thanks", "参考", "猫", "river"],
    )
    for _ in range(count):
        spam = cast.random() < 0.4
        words = cast.choices(spam_words if spam else fine_words, k=6) + cast.choices(fine_words, k=3)
        yield Example(" ".join(words), name=cast.choice(["Alice", "Bob", ""])), spam


def learnt(log):
    """Train a filter on this log of (example, spam); return it with the residual of each."""
    model = Filter()
    return model, [model.learn(example, spam=spam) for example, spam in log]


def taught(log):
    return learnt(log)[0]


def test_a_filter_that_saw_no_decision_takes_no_side():
    assert Filter().score(SPAM) == Filter().score(FINE) == 0.5
    assert strongest(Filter(), SPAM) == []


def test_a_site_with_only_spam_decisions_does_not_call_everything_spam():
    model = taught([(SPAM, True)] * 20)
    assert model.score(FINE) == 0.5


def test_the_score_follows_what_tanaka_decided():
    model = taught([(SPAM, True), (FINE, False)] * 8)
    assert model.score(SPAM) > 0.9
    assert model.score(FINE) < 0.1


def test_an_immediate_undo_leaves_no_trace():
    model = taught(decisions(60))
    before = model.dump()
    residual = model.learn(FINE, spam=True)
    assert residual > 0 and model.dump() != before
    model.unlearn(FINE, spam=True, residual=residual)
    assert model.dump() == before


def test_the_model_does_not_depend_on_the_order_of_training():
    log = list(decisions(80))
    model, residuals = learnt(log)
    trained = list(zip(log, residuals, strict=True))
    for (example, spam), residual in trained[10:30]:
        model = Filter.load(model.dump())
        model.unlearn(example, spam=spam, residual=residual)
    again = Filter()
    for (example, spam), residual in reversed([*trained[:10], *trained[30:]]):
        again.add(slots(example).all(), spam=spam, residual=residual)
    assert model.dump() == again.dump() != learnt(log)[0].dump()


def test_known_examples_cause_small_residuals():
    model, residuals = learnt([(SPAM, True), (FINE, False)] * 20)
    assert residuals[0] == residuals[1] == 0, "nothing is known that could be mistaken"
    assert residuals[2] > 0 > residuals[3]
    assert residuals[-2:] == [0, 0]
    assert model.learn(FINE, spam=True) > residuals[2], "the later decision wins"


def test_an_unlearnt_example_cannot_be_unlearnt():
    model = taught(decisions(10))
    before = model.dump()
    for label in (True, False):
        with pytest.raises(NotLearnt):
            model.unlearn(SPAM, spam=label, residual=0)
    assert model.dump() == before


def test_unlearning_an_unknown_example_keeps_counts_at_zero_and_warns():
    model = Filter()
    model.learn(FINE, spam=False)
    for label in (True, False):
        model.add(slots(SPAM).all(), spam=label, residual=9, step=-1)
        model.add(slots(SPAM).all(), spam=label, residual=9, step=-1)
    assert not model.sound and (model.fine, model.spam) == (0, 0)
    assert model.score(SPAM) == model.score(FINE) == 0.5
    assert not Filter.load(model.dump()).sound and Filter.load(taught(decisions(5)).dump()).sound
    model.spam, place = filter_module.NARROW_MOST - 1, min(slots(SPAM).all())
    model._counts[2 * place + 1] = filter_module.NARROW_MOST
    model.learn(SPAM, spam=True)
    assert model.seen(place) == (0, 65_536)


def test_a_stored_model_scores_as_before():
    model = taught(decisions(100))
    again = Filter.load(model.dump())
    assert [again.score(example) for example, _ in decisions(9, seed=1)] == [
        model.score(example) for example, _ in decisions(9, seed=1)
    ]
    assert Filter.load(b"").dump() == Filter().dump()


def test_more_decisions_than_a_narrow_count_holds_are_counted_and_taken_back(monkeypatch):
    model = Filter()
    place = min(slots(SPAM).all())
    model.learn(SPAM, spam=True)
    before = model.dump()
    model.spam = filter_module.NARROW_MOST
    model._counts[2 * place + 1] = filter_module.NARROW_MOST
    full = model.dump()
    residual = model.learn(SPAM, spam=True)
    assert model.seen(place) == (0, 65_536)
    assert Filter.load(model.dump()).seen(place) == (0, 65_536)
    model.unlearn(SPAM, spam=True, residual=residual)
    assert model.dump() == full != before


@pytest.mark.parametrize("damage", [lambda data: data[:30], lambda data: b"x" + data[1:], lambda data: data[:9]])
def test_a_damaged_model_is_refused_and_not_guessed(damage):
    data = taught(decisions(5)).dump()
    assert Filter.load(data)
    with pytest.raises(WrongModel):
        Filter.load(damage(data))


def test_a_packed_bomb_is_refused():
    data = Filter().dump()
    bomb = data[: filter_module.HEADER.size] + filter_module.zlib.compress(bytes(1 << 24))
    with pytest.raises(WrongModel):
        Filter.load(bomb)


def test_a_model_is_small():
    assert len(taught(decisions(300)).dump()) < 100_000


@pytest.mark.parametrize(
    "text",
    ["", "\ud800", "ﷺ" * 20_000, "a\u0301" * 10_000, "".join(map(chr, range(0x4E00, 0x4E00 + 20_000)))],
)
def test_scoring_time_is_linear_in_the_text(text):
    model = taught(decisions(50))

    def score(text):
        example = Example(text, website="http://[", name=text[:80])
        model.learn(example, spam=True)
        assert 0 <= model.score(example) <= 1

    assert grows_straight(score, text)


def test_the_reasons_are_words_that_people_know():
    model = taught([(SPAM, True), (FINE, False)] * 6)
    signals = reasons(model, SPAM)
    assert signals and all(signal.weight > 0 for signal in signals)
    said = [sentence(signal) for signal in signals]
    assert "“副業” (6 spam comments)" in said or "“万円” (6 spam comments)" in said
    assert any("win.example.xyz" in line for line in said)
    assert not any("ありがとう" in line for line in said)


# What no person would give as a reason: particles, function words, punctuation, absences, zeros, the usual script.
GRAMMAR = "the|and|you|that|with|this|for|nicht|pour|저는|그리고|我们|没有|これ|https?|[ぁ-ゟー]+"
FORBIDDEN = re.compile(
    rf"(?:^|[“「、,:：] ?)(?:{GRAMMAR}|[\W\d_]+)(?=[”」、,]|$)"
    r"|\b0\b|no letters|文字なし|punctuation|句読点|なし（|: no$|：いいえ|kana on a page in Japanese"
)


@pytest.mark.parametrize("said", ["similar to 3 spam comments: で", "similar to 2 spam comments: 副業, the", "“！”",
    "「は」（スパム 2 件）", "links: 0", "in 6 spam and 0 approved comments", "punctuation: about 10 %"])  # fmt: skip
def test_the_forbidden_patterns_are_found(said: str):
    assert FORBIDDEN.search(said)


def corpora(shared_data: Path):
    """300 comments with a share of spam as on a site, from several kinds of real text."""
    chosen = random.Random(3)
    for name, lang, count in (
        ("ham_hotel_reviews_ja", "ja", 110), ("tox_inspection_ja", "ja", 60), ("spam_youtube_en", "ja", 70),
        ("spam_gambling_yt_id", "en", 40), ("spam_sms_en", "en", 20),
    ):  # fmt: skip
        lines = (shared_data / "moderation" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
        for line in chosen.sample(lines, count):
            row = json.loads(line)
            yield Example(row["text"], name="の", lang=lang, seconds=30, approved=0, rejected=0), row["label"] == "spam"


OTHERS = [
    (Example("저는 그리고 카지노에서 정말 이겼습니다 그래서 추천합니다", lang="ko"), True),
    (Example("기사 잘 읽었습니다. 하지만 저는 그렇게 생각하지 않습니다", lang="ko"), False),
    (Example("我们的网站，没有最好，只有更好！因为专业，所以放心 微信", lang="zh"), True),
    (Example("这个 新闻 什么 时候 的？ 我们 觉得 写得很好", lang="zh"), False),
    (Example("The best pills for you and with this you will never 100% !!!", lang="en"), True),
    (Example("I agree with the author, but that is not what they said.", lang="en"), False),
    (Example("🎉🎉🎉🔥🔥 12345678901 100% 0 0 0 💰💰", lang="ja"), True),
    (Example("。。。！！？？ 笑 😂", lang="ja"), False),
    (Example("ほんとうにそうですよねと思います。これはだめです", name="から", lang="ja"), False),
    (Example("Nicht schlecht und pour vous avec les meilleurs prix", lang="de"), True),
]


def test_no_shown_signal_is_a_particle_punctuation_an_absence_or_a_zero(app: Flask, shared_data: Path):
    rows = [*corpora(shared_data), *OTHERS * 3]
    random.Random(1).shuffle(rows)
    model, seen, unexplained = taught(rows), 0, 0
    for example, _spam in rows:
        score = model.score(example)
        signals = [[each.kind, each.text, each.weight, each.fine, each.spam] for each in reasons(model, example)]
        for lang in ("en", "ja"):
            with app.test_request_context(headers={"Accept-Language": lang}):
                band = "spam" if score > 0.9 else "hold" if score > 0.6 else "fine"
                found = explanation({"score": score, "band": band, "signals": signals})
            assert len(found.signals) <= 3
            for said in (found.verdict, *found.signals, *found.others):
                assert not FORBIDDEN.search(said), (lang, said)
            seen, unexplained = seen + 1, unexplained + (not found.signals)
    assert seen > 600 and unexplained < seen / 2, unexplained


def test_reasons_point_in_the_direction_of_the_verdict(app: Flask):
    signals = [
        ["word", "副業", 1.2, 0, 12], ["word", "月収", 0.8, 1, 9], ["phrase", "副業 月収", 0.7, 0, 4],
        ["word", "朝食", -0.9, 7, 0], ["links", "4", 0.6, 1, 8], ["script_in", "latin ja", 0.5, 0, 5],
        ["capitals", "4", 0.4, 0, 3], ["word", "で", 2.0, 3, 90], ["links", "0", -2.0, 90, 3],
    ]  # fmt: skip
    with app.test_request_context(headers={"Accept-Language": "en"}):
        spam = explanation({"score": 0.97, "band": "spam", "signals": signals})
        fine = explanation({"score": 0.36, "band": "fine", "signals": signals})
        empty = explanation({"score": 0.001, "band": "fine", "signals": []})
    assert spam.verdict == "spam score 97 % · likely spam"
    assert spam.signals == [
        "similar to 12 spam comments: 副業, 月収", "many links", "Latin letters on a page in Japanese"
    ]  # fmt: skip
    assert spam.others == [
        "“副業 月収” (4 spam comments)", "“朝食” (7 approved comments)", "many capital letters (3 spam comments)"
    ]  # fmt: skip
    assert (fine.verdict, fine.signals) == (
        "spam score 36 % · probably fine", ["similar to 7 approved comments: 朝食"]
    )  # fmt: skip
    assert (empty.verdict, empty.signals, empty.others) == ("spam score 1 % · probably fine", [], [])


def test_the_reasons_add_up_to_the_score():
    model = taught(decisions(60))
    example = Example("slot gacor win")
    total = sum(signal.weight for signal in strongest(model, example))
    assert total == pytest.approx(model.evidence(slots(example)), rel=1e-6)


def test_auroc_of_known_rankings():
    assert auroc([0.9, 0.8, 0.2, 0.1], [True, True, False, False]) == 1.0
    assert auroc([0.5, 0.5], [True, False]) == 0.5
    assert auroc([0.1, 0.9, 0.5, 0.5], [True, False, True, False]) == 0.125
    assert auroc([0.5], [False]) is None


def test_the_share_caught_raises_no_more_alarms_than_allowed():
    scores = [0.9, 0.7, 0.4, *[0.8], *[0.1] * 99]
    labels = [True, True, True, *[False] * 100]
    assert caught(scores, labels, 0.001) == pytest.approx(1 / 3)
    assert caught(scores, labels, 0.01) == 1.0
    assert caught([], [], 0.01) is None


def test_an_evaluation_has_the_promised_keys_and_judges_before_it_learns():
    rows = [{"text": f"row {spam}", "label": "spam" if spam else "ham"} for spam in (True, False) * 20]
    figures = evaluate(rows)
    assert list(figures) == [
        "rows",
        "spam",
        "auroc",
        "auroc_after_500",
        "caught_at_fpr_0.001",
        "caught_at_fpr_0.01",
        "ms_per_comment",
    ]
    assert (figures["rows"], figures["spam"], figures["auroc_after_500"]) == (40, 20, None)
    assert 0.9 < figures["auroc"] < 1.0
    assert evaluate([])["ms_per_comment"] is None


@pytest.mark.parametrize(
    ("name", "wanted", "shuffled"),
    [
        # The best known baseline methods: 0.987, 0.998, 0.997, 0.928, in the order of the file.
        ("spam_youtube_en", 0.994, False),
        ("spam_youtube_en", 0.990, True),
        ("spam_gambling_yt_id", 0.999, False),
        pytest.param("spam_sms_en", 0.9975, False, marks=pytest.mark.torture),
        pytest.param("spam_shopee_vi", 0.95, False, marks=pytest.mark.torture),
    ],
)
def test_real_comments_are_told_apart_better_than_by_the_best_known_methods(name, wanted, shuffled):
    file = HERE / "moderation" / f"{name}.jsonl"
    if not file.exists():
        pytest.skip(f"{file} is not here: set KAIWA_SHARED_DATA")
    with file.open(encoding="utf-8") as lines:
        rows = list(map(json.loads, lines))
    if shuffled:
        random.Random(1).shuffle(rows)
    figures = evaluate(rows)
    assert figures["auroc_after_500"] >= wanted
    assert figures["ms_per_comment"] < 2


def test_marks_are_counted_without_white_space():
    """A comment with many lines or spaces has no more features than the same words in one line."""

    def marks(text: str) -> dict[str, str]:
        return {kind: value for kind, value in metadata_features(Example(text), text, fold(text)) if kind in KINDS}

    assert marks("!" * 10 + "a" * 10) == {"marks": "5", "symbols": "0"}
    assert marks("$" * 4 + "a" * 6) == {"marks": "0", "symbols": "3"}
    for blank in (" ", "\n", "\t", "\u3000", "\u2028", "\xa0"):
        assert marks("a" + blank * 9) == {"marks": "0", "symbols": "0"}


def test_white_space_is_neither_a_word_nor_a_mark():
    for blank in (" ", "\n\n", "\t", "\u3000", "\u2028", "\xa0"):
        folded = fold(f"one{blank}two!{blank}三")
        assert list(word_features(folded)) == [
            ("word", "one"), ("word", "two"), ("word", "!"), ("word", "三"),
            ("phrase", "one two"), ("phrase", "two !"), ("phrase", "! 三"),
        ]  # fmt: skip
