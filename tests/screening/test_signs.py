"""A site that has learnt nothing sorts its queue by signs; they hold and publish nothing."""

import json
import random
from collections import Counter
from itertools import count
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.comments.submit import Draft, submit
from app.lib.script import foreign_script
from app.lib.text import clean_body
from app.models import Comment, Site, Status, Thread
from app.moderation.lanes import Lane
from app.screening.signs import weight_of
from tests.cast import ORIGIN, Reader, a_moderator, a_site, move, the_comment
from tests.screening.test_checks import findings
from tests.screening.test_rules import by

NUMBERS = count()
SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def posts(site: Site, body: str, email: str = "") -> Comment:
    """A comment by a reader of its own, on a page of its own."""
    number = next(NUMBERS)
    thread = Thread.obtain(site, key=f"{ORIGIN}/{number}")
    sender = f"reader{number}@readers.example"
    draft = Draft(clean_body(body), f"Reader {number}", email or sender, "", None, lang=site.lang, address=sender)
    return submit(thread, draft).comment


def lanes(site: Site, bodies: list[str], email: str = "") -> list[int]:
    comments = [posts(site, body, email) for body in bodies]
    assert all(each.status == Status.PENDING for each in comments)
    return [each.lane for each in comments]


ADVERTS = [
    "【残り{n}名】スマホだけで月収{n}0万円！初心者でも安心の副業です。詳しくはこちら https://{link}",
    "投資グループの参加者を募集中 ✨{n} 毎日利益が出ています。無料で登録できます → {link}",
    "I lost my job last year but now I earn ${n}00 every day from home, no experience needed: https://{link}",
    "Best casino bonus {n}! Free spins for every new player, withdraw your winnings today {link} !!",
]
LINKS = ["bit.ly/3xYz{n}A", "tinyurl.com/abc{n}", "cutt.ly/Qw{n}Er", "x.gd/Ab{n}cD", "is.gd/f{n}G", "kut.to/Xy{n}Z"]


@SQLITE
@pytest.mark.parametrize("lang", ["ja", "en"])
def test_copies_of_an_advert_with_a_shortener_are_likely_spam(db_session: Session, lang: str) -> None:
    paper = a_site(db_session, hold_all=True, approvals_needed=1, lang=lang)
    for advert in ADVERTS:
        for link in LINKS[:: 5 if lang == "ja" else 3]:
            bodies = [f"{advert} {host(link)}".format(n=n, link=link.format(n=n)) for n in range(10, 20)]
            sorted_into = lanes(paper, bodies)
            assert sorted_into.count(Lane.SPAM) >= 8, (advert, link, sorted_into)


OPENINGS = {
    "ja": [
        "こんにちは。", "記事とても参考になりました！", "初めてコメントします。", "私も同じことを思っていました。",
        "ところで皆さん、", "すみません、少しだけ失礼します。", "良い記事ですね。",
        "いつも読んでいます。応援しています。", "それは大変でしたね……", "通りすがりの者ですが、",
    ],
    "en": [
        "Great article! ", "I totally agree with you. ", "Hello everyone, ", "Thanks for sharing this with us. ",
        "By the way, ", "First time commenting here. ", "Sorry to bother you all, but ", "As someone from the area: ",
        "My sister told me about this page. ", "Interesting point of view! ",
    ],
}  # fmt: skip
SOLD = {
    "ja": "スマホだけで月収30万円！初心者でも安心の副業です。詳しくはこちらをご覧ください。{}",
    "en": "I lost my job last year but now I earn 900 every day from home, no experience needed {}",
}


@SQLITE
@pytest.mark.parametrize("link", ["https://bit.ly/3xYz{n}A", "https://money{n}.example/now"])
@pytest.mark.parametrize("lang", ["ja", "en"])
def test_copies_with_unlike_beginnings_or_ends_are_one_group(db_session: Session, lang: str, link: str) -> None:
    paper = a_site(db_session, hold_all=True, approvals_needed=1, lang=lang)
    for at, order in enumerate(("{opening}{sold}", "{sold} {opening}")):
        bodies = [
            order.format(opening=opening, sold=SOLD[lang].format(link.format(n=10 + n + 20 * at)))
            for n, opening in enumerate(OPENINGS[lang])
        ]
        comments = [posts(paper, body) for body in bodies]
        (_key, together), *_others = Counter(each.cluster for each in comments).most_common()
        assert together >= 8, Counter(each.cluster for each in comments)


@SQLITE
def test_comments_that_share_a_phrase_stay_apart(db_session: Session) -> None:
    paper = a_site(db_session, hold_all=True)
    phrases = ("どうぞよろしくお願いいたします。", "Have a nice day everybody.")
    for phrase in phrases:
        comments = [posts(paper, f"{each} {phrase}") for each in HONEST + HONEST_ENGLISH]
        assert max(Counter(each.cluster for each in comments).values()) <= 2


def host(link: str) -> str:
    """Makes the copies of each link one group."""
    return "".join(char for char in link.split("/")[0] if char.isalpha()) * 8


HONEST = [
    "記事を読んで納得しました。続報を待っています。",
    "この地域に住んでいますが、バスの本数が減って本当に困っています。",
    "「The quick brown fox jumps over the lazy dog」という例文が懐かしいです。英語の授業で習いました。",
    "市長の説明は不十分だと思う。予算の使い道をもっと公開してほしい。",
    "副業を始めた友人が税金の申告で苦労していました。確定申告は早めに。",
    "ありがとうございます！",
    "www",
    "取材お疲れさまです😊 写真がとてもきれいでした。",
]
HONEST_ENGLISH = [
    "I have lived on this street for ten years and the new bus line is a real help.",
    "As Virgil wrote, “Timeo Danaos et dona ferentes” — be careful with gifts.",
    "The mayor should publish the numbers. Does anyone know when the council meets?",
    "Great reporting, thank you.",
    "My father used to say 温故知新, and this article proves it.",
    "Casinos are a bad idea for this town, in my opinion.",
]
# A sign or a link: a moderator has a look, but it is not spam.
HONEST_WITH_A_SIGN = [
    "詳しい資料はこちらにあります https://www.city.example.jp/bus/2026",
    "I cannot read the article in Japanese, but the pictures of the old station are wonderful.",
    "動画はこちらです https://youtu.be/dQw4w9WgXcQ 見てください",
    "地図を置いておきます https://bit.ly/3kXyZ12 参考まで",
]


@SQLITE
@pytest.mark.parametrize(("lang", "texts"), [("ja", HONEST), ("en", HONEST_ENGLISH)])
def test_clean_comments_of_new_authors_are_probably_fine(db_session: Session, lang: str, texts: list[str]) -> None:
    paper = a_site(db_session, hold_all=True, approvals_needed=1, lang=lang)
    assert lanes(paper, texts) == [Lane.FINE] * len(texts)


@SQLITE
def test_one_sign_alone_is_not_spam(db_session: Session) -> None:
    paper = a_site(db_session, hold_all=True, approvals_needed=1)
    quoted = "市は来年四月から図書館の開館時間を二時間延長すると発表した。"
    honest = [*HONEST_WITH_A_SIGN, *(f"{quoted}{'。' * n}" for n in range(5))]
    assert set(lanes(paper, honest)) <= {Lane.FINE, Lane.REVIEW}
    (lane,) = lanes(paper, ["とても参考になりました。また読みます。"], email="me@mailinator.com")
    assert lane == Lane.REVIEW


@SQLITE
def test_threats_and_legal_words_stay_urgent(db_session: Session) -> None:
    paper = a_site(db_session, hold_all=True)
    threats = [f"お前の家に火をつけてやる。覚悟しておけよ、本気だからな {n} https://bit.ly/3xY{n}" for n in range(4)]
    legal = ["名誉毀損で訴えます。", "You will hear from my lawyer about this article, https://tinyurl.com/abc"]
    assert lanes(paper, [*threats, *legal]) == [Lane.URGENT] * 6


def test_copies_count_by_what_moderators_did(db_session: Session) -> None:
    paper = a_site(db_session, hold_all=True)
    alice = a_moderator(db_session, paper)
    text = "街頭で署名を集めています。商店街の再開発について、みなさんのご意見をぜひお寄せください{}"
    first, second = posts(paper, text.format(" 1")), posts(paper, text.format(" 2"))
    assert (copies_of(first), copies_of(second)) == (None, {"count": 1, "spam": 0, "linked": False})
    move(db_session, first, Status.APPROVED, by=alice)
    assert copies_of(posts(paper, text.format(" 3"))) is None
    move(db_session, first, Status.SPAM, by=alice)
    assert copies_of(posts(paper, text.format(" 4"))) == {"count": 3, "spam": 1, "linked": False}


def copies_of(comment: Comment) -> dict[str, object] | None:
    found = [reason for reason in comment.reasons if reason["check"] == "copies"]
    return {key: value for key, value in found[0].items() if key not in ("check", "verdict")} if found else None


@SQLITE
def test_a_site_that_publishes_at_once_publishes_in_spite_of_signs(client: FlaskClient, db_session: Session) -> None:
    a_site(db_session)
    for number in range(4):
        body = f"Please sign the petition for a new library in our town, number {number}, with your friends"
        assert Reader(client, email=f"r{number}@mailinator.com").post(body).status_code == 201
    comment = the_comment(db_session, body)
    assert {reason["check"]: reason["verdict"] for reason in comment.reasons} == {
        "throwaway": "pass", "script": "pass"
    }  # fmt: skip
    assert weight_of(comment.reasons) == 3 and comment.lane == Lane.NONE


@SQLITE
@pytest.mark.parametrize("email", ["a@mailinator.com", "a@MAILINATOR.com", "a@x.yopmail.com", "a@sharklasers.com"])
def test_a_throw_away_address_is_recognised_and_not_stored_in_the_reasons(paper: Site, email: str) -> None:
    reason = findings(paper, by(paper, email=email))["throwaway"].as_reason()
    assert reason == {"check": "throwaway", "verdict": "pass"}


@SQLITE
@pytest.mark.parametrize(
    "email", ["", "a@gmail.com", "a@docomo.ne.jp", "a@duck.com", "a@privaterelay.appleid.com", "a@com"]
)
def test_usual_and_private_addresses_are_no_sign(paper: Site, email: str) -> None:
    assert "throwaway" not in findings(paper, by(paper, email=email))


@SQLITE
@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("見て https://ab.cd.example/x https://kut.to/Xy1Z", ["kut.to/Xy1Z"]),
        ("kut.to/Xy1Zを見て", ["kut.to/Xy1Z"]),
        ("https://youtu.be/dQw4w9WgXc", []),
        ("https://x.com/Taro1980 https://nhk.or.jp/a1b https://note.com/aB3", []),
        ("https://example.co/about https://example.co/2026", []),
        ("https://bit.ly/3xYzA1", []),
        ("https://kut.to/Xy1Z/deeper https://kut.to/Xy1Z?q=1", []),
    ],
)
def test_a_link_that_looks_shortened(paper: Site, text: str, found: list[str]) -> None:
    seen = findings(paper, by(paper, body=text)).get("short_links")
    assert (seen.details["found"] if seen else []) == found


@pytest.mark.parametrize(
    ("text", "languages", "script"),
    [
        ("I cannot read Japanese but I like it", ["ja"], "latin"),
        ("I cannot read Japanese but I like it", ["en"], ""),
        ("I cannot read Japanese but I like it", ["en", "ja"], ""),
        ("Thanks!", ["ja"], ""),
        ("記事の見出しは “I cannot read Japanese but I like it” でした", ["ja"], ""),
        ("Это очень интересная статья, спасибо", ["en"], "cyrillic"),
        ("Это очень интересная статья, спасибо", ["ru"], ""),
        ("とても参考になりました。ありがとうございます。", ["en"], "kana"),
        ("这个网站提供最好的服务欢迎大家来注册领取奖金", ["ja"], "han"),
        ("这个网站提供最好的服务欢迎大家来注册领取奖金", ["zh"], ""),
        ("新型車両導入計画発表記者会見質疑応答", ["ja"], ""),
        ("기사 잘 읽었습니다. 앞으로도 좋은 기사 부탁드립니다", ["ko"], ""),
        ("https://www.example.org/a-very-long-address-in-latin-letters を見て", ["ja"], ""),
        ("12345 67890 !!! 🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉", ["ja"], ""),
        ("𝐁𝐄𝐒𝐓 𝐂𝐀𝐒𝐈𝐍𝐎 𝐁𝐎𝐍𝐔𝐒 𝐇𝐄𝐑𝐄 𝐓𝐎𝐃𝐀𝐘", ["en"], "other"),
    ],
)  # fmt: skip
def test_the_script_of_a_text_against_the_pages(text: str, languages: list[str], script: str) -> None:
    assert foreign_script(text, languages) == script


@SQLITE
def test_three_hundred_real_comments(db_session: Session, shared_data: Path) -> None:
    """228 honest comments and 72 adverts, ten of them copies, in random order on a Japanese site."""
    paper = a_site(db_session, hold_all=True, approvals_needed=1)
    chosen = random.Random(7)

    def drawn(name: str, most: int, label: str) -> list[str]:
        lines = (shared_data / "moderation" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
        texts = {clean_body(row["text"]).strip(): None for line in lines if (row := json.loads(line))["label"] == label}
        return chosen.sample([text for text in texts if 3 < len(text) < 2_000], most)

    honest = drawn("ham_hotel_reviews_ja", 150, "ham") + drawn("tox_inspection_ja", 70, "nontoxic") + HONEST
    copies = [ADVERTS[0].format(n=n, link=f"bit.ly/3xYz{n}") for n in range(10)]
    adverts = drawn("spam_youtube_en", 42, "spam") + drawn("spam_gambling_yt_id", 20, "spam") + copies
    mixed = [*honest, *adverts]
    chosen.shuffle(mixed)
    found = dict(zip(mixed, lanes(paper, mixed), strict=True))
    of_honest, of_copies = Counter(found[text] for text in honest), [found[text] for text in copies]
    assert len(found) == 300
    assert of_copies.count(Lane.SPAM) >= 8, of_copies
    assert of_honest[Lane.FINE] >= len(honest) * 0.9 and of_honest[Lane.SPAM] == 0, of_honest
