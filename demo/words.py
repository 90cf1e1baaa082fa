"""What the demo's pages say around an article; it plays another company's site, so not in our catalogue."""

from datetime import datetime

from babel.dates import format_datetime

WORDS = {
    "ja": {
        "name": "潮凪だより",
        "motto": "満ち潮のころに、町の話を。",
        "skip": "本文へ移動",
        "site_nav": "サイト",
        "front": "トップ",
        "other_lang": "English",
        "by": "文",
        "about": "潮凪町とこの新聞、登場する人・団体・猫は、すべて架空のものです。"
        "コメント欄の使い心地を試すための見本サイトです。",
        "latest": "新着記事",
        "older": "前の記事",
        "newer": "次の記事",
        "around": "前後の記事",
        "recommended": "おすすめ",
        "discussed": "よく話されている記事",
        "count": ("コメント ", " 件"),
        "comments": "この記事について話す",
        "frame": "この記事のコメント",
        "open_thread": "コメントを別のページで開く",
        "missing": "この頁は、潮が引いたようです",
        "missing_text": "お探しの記事は見つかりませんでした。トップから、きょうの話をどうぞ。",
        "rules_title": "コメントのルール",
        "rules": (
            "町の人どうしが話す場所です。顔を合わせて言えないことは、ここでも書かないでください。",
            "住所や電話番号など、だれかの個人情報は載せません。ご自身のものも同じです。",
            "宣伝と、記事に関係のない話題は、編集部が外すことがあります。",
        ),
    },
    "en": {
        "name": "The Shionagi Tide",
        "motto": "Town news, in with the high water.",
        "skip": "Skip to the article",
        "site_nav": "Site",
        "front": "Front page",
        "other_lang": "日本語",
        "by": "By",
        "about": "Shionagi, its newspaper and every person, office and cat in it are invented. "
        "This site exists to show what comments feel like under an article.",
        "latest": "Latest",
        "older": "Previous article",
        "newer": "Next article",
        "around": "Previous and next",
        "recommended": "Recommended",
        "discussed": "Most discussed",
        "count": ("Comments: ", ""),
        "comments": "Talk about this story",
        "frame": "Comments on this story",
        "open_thread": "Open the comments on their own page",
        "missing": "The tide has taken this page",
        "missing_text": "There is no article at this address. The front page has today’s.",
        "rules_title": "Our house rules",
        "rules": (
            "This is where the town talks. If you would not say it on the pier, please do not write it here.",
            "No addresses and no telephone numbers, not even your own.",
            "We may take out advertising and whatever has nothing to do with the story.",
        ),
    },
}


DATE = {"ja": "y年M月d日 HH:mm", "en": "d MMMM y, HH:mm"}


def spoken_date(date: datetime, lang: str) -> str:
    """Write a date as a newspaper of that language does, in the town's own time."""
    return format_datetime(date.replace(tzinfo=None), DATE[lang], locale=lang)
