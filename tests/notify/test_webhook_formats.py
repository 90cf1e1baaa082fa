"""Messages to chats keep the documented limits, and nothing that a reader typed becomes markup."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask

from app.lib.text import clean_body
from app.models import Site, Webhook, WebhookEvent, WebhookFormat
from app.models.webhook import PING
from app.notify.webhook_formats import DISCORD_MARKUP, TITLES, body_of, defused
from tests.hostile import SHAPES

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

HOSTILE = """@everyone @here <!channel> <!everyone> <@U12345> <@&1> <#C1> &lt;!channel&gt; @channel
[click](https://evil.example/x) <https://evil.example|your bank> https://evil.example www.evil.example evil.example
https://e\u202evil.example mailto:a@b.example javascript:alert(1) discord.gg/abc {{evil}} <at>Alice</at>
<m userId="all"> ```code``` ||x||
**bold** _it_ *b* ~s~ `c` > quote
# head
1. list
- list
![i](https://evil.example/i.png) :smile: <script>alert(1)</script> \\u003c \\n http://[::1]/ HTTPS://EVIL.EXAMPLE"""
# What the clients would read as a mention or a link.
MENTIONS = re.compile(r"@(?:everyone|here|channel|U\d|&\d)|<[!@#]|<at>|<m ")
LINKS = re.compile(r"https?://(?!comments\.example|paper\.example/safe)|www\.\w|\w\.example|mailto:\w", re.IGNORECASE)


@pytest.fixture
def message(app: Flask, paper: Site) -> Callable[..., dict[str, Any]]:
    app.config["PUBLIC_URL"] = "https://comments.example"

    def build(format: WebhookFormat, event: str, text: str, **comment: Any) -> dict[str, Any]:
        thread = {"id": 1, "url": "https://paper.example/safe", "title": text, "section": ""}
        fields = {"id": 1, "status": "pending", "url": "", "thread": thread, "name": text, "text": text} | comment
        about: dict[str, Any] = {"site": {"key": "paper", "name": text}}
        if event.startswith("comment."):
            about |= {"comment": fields}
        elif event.startswith("notice."):
            notice = {"number": "1234-ABCD", "claim": "privacy", "url": "https://comments.example/moderate/notices/1"}
            about |= {"comment": fields, "notice": notice}
        elif event == WebhookEvent.THREAD_CHANGED:
            about |= {"thread": thread}
        hook = Webhook(site=paper, format=format)
        found = body_of(hook, {"type": event, "timestamp": "2026-11-30T12:00:00Z", "data": about})
        assert len(found) < 28 * 1024, "the least limit of all chats, of Teams"
        said: dict[str, Any] = json.loads(found)
        LIMITS[format](said)
        return said

    return build


def texts(value: Any) -> Iterator[str]:
    """All strings except addresses of buttons, which are ours."""
    if isinstance(value, dict):
        for name, each in value.items():
            if name not in ("url", "$schema"):
                yield from texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from texts(each)
    elif isinstance(value, str):
        yield value


def slack(said: dict[str, Any]) -> None:
    """Block Kit's limits: 50 blocks; header 150, section 3000, button 75 characters, its address 3000."""
    assert set(said) == {"text", "blocks", "unfurl_links", "unfurl_media"} and len(said["blocks"]) <= 50
    assert said["unfurl_links"] is said["unfurl_media"] is False and 0 < len(said["text"]) <= 4_000
    for block in said["blocks"]:
        shown = block.get("elements") or [block["text"]]
        assert 1 <= len(shown) <= 10
        for each in shown:
            each = each["text"] if each["type"] == "button" else each
            most = {"header": 150, "section": 3_000, "context": 3_000, "actions": 75}[block["type"]]
            assert each["type"] == "plain_text" and 1 <= len(each["text"]) <= most
            assert not re.search(r"[<>]|&(?!amp;|lt;|gt;)", each["text"])
    assert len(said["blocks"][-1]["elements"][0]["url"]) <= 3_000


def teams(said: dict[str, Any]) -> None:
    assert set(said) == {"type", "attachments"} and said["type"] == "message"
    (attachment,) = said["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive" and attachment["contentUrl"] is None
    card = attachment["content"]
    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.4") and "msteams" not in card
    for block in card["body"]:
        assert block["type"] == "RichTextBlock" and [each["type"] for each in block["inlines"]] == ["TextRun"]
    assert [each["type"] for each in card["actions"]] == ["Action.OpenUrl"]


def discord(said: dict[str, Any]) -> None:
    """Limits of embeds: title 256, description 4096, together 6000 characters; no mention is allowed."""
    assert set(said) == {"embeds", "allowed_mentions"} and said["allowed_mentions"] == {"parse": []}
    (embed,) = said["embeds"]
    assert 1 <= len(embed["title"]) <= 256 and 1 <= len(embed["description"]) <= 4_096
    bare = re.sub(r"\\[\\*_~`|>#\-+\[\]()<:.]", "", embed["description"])
    assert not DISCORD_MARKUP.search(bare), bare


def line_works(said: dict[str, Any]) -> None:
    """Its limits are assumed."""
    assert set(said) - {"button"} == {"title", "body"} and 1 <= len(said["title"]) <= 100
    assert 1 <= len(said["body"]["text"]) <= 1_000
    button = said.get("button", {"label": "-", "url": ""})
    assert 1 <= len(button["label"]) <= 20 and len(button["url"]) <= 1_000


LIMITS = {
    WebhookFormat.SLACK: slack,
    WebhookFormat.TEAMS: teams,
    WebhookFormat.DISCORD: discord,
    WebhookFormat.LINE_WORKS: line_works,
}


def test_every_event_in_every_chat_keeps_the_limits_with_hostile_text(
    paper: Site, message: Callable[..., dict[str, Any]]
) -> None:
    for lang in ("en", "ja"):
        paper.lang = lang
        for format in LIMITS:
            for event in (*WebhookEvent, PING):
                for said in texts(message(format, event, HOSTILE)):
                    assert not MENTIONS.search(said), (format, event, said)
                    assert not LINKS.search(said.replace("adaptivecards", "")), (format, event, said)


def test_any_shape_of_text_keeps_the_limits(message: Callable[..., dict[str, Any]]) -> None:
    for format in LIMITS:
        for shape in SHAPES.values():
            # As it is stored.
            message(format, WebhookEvent.HELD, clean_body(shape(6_000)))
        for short in ("", " ", "\n", "&" * 600, "<" * 4_000, "\u200b", "🏳️‍🌈" * 900, "ก็็็็็็็" * 500):
            message(format, WebhookEvent.HELD, short)


def test_a_message_says_what_a_moderator_needs(paper: Site, message: Callable[..., dict[str, Any]]) -> None:
    paper.lang = "en"
    said = message(WebhookFormat.LINE_WORKS, WebhookEvent.HELD, "Is the ferry late?")
    assert said["title"] == "Comment waiting for review"
    assert said["body"]["text"].splitlines() == ["Is the ferry late?"] * 3 + ["", "Is the ferry late?"]
    assert said["button"] == {"label": "Open the queue", "url": "https://comments.example/moderate/"}
    far = {"status": "approved", "url": f"https://paper.example/{'x' * 1_000}"}
    assert "button" not in message(WebhookFormat.LINE_WORKS, WebhookEvent.APPROVED, "Yes.", **far)
    public = {"status": "approved", "url": "https://paper.example/safe#comment-1"}
    assert message(WebhookFormat.SLACK, WebhookEvent.APPROVED, "Yes.", **public)["blocks"][-1]["elements"][0] == {
        "type": "button",
        "text": {"type": "plain_text", "text": "Open the comment", "emoji": False},
        "url": "https://paper.example/safe#comment-1",
    }
    paper.lang = "ja"
    assert message(WebhookFormat.DISCORD, WebhookEvent.HELD, "はい。")["embeds"][0]["title"] == "承認待ちのコメント"
    assert TITLES.keys() == {*WebhookEvent, PING}
    assert defused("3.5 km at 12:30, a.b@c").replace("\u200b", "") == "3.5 km at 12:30, a.b@c"
