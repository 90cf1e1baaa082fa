"""The bodies of requests to webhooks: the standard one, and messages of chats.

Typed text cannot become markup in a chat: no mention, no link, no formatting. The limits of Slack and Discord are those
of their documentation, with some room. Those of LINE WORKS are assumed: they were not compared with its documentation.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import current_app
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from app.lib.language import speaking
from app.lib.text import clean_line, excerpt
from app.models import Status, Webhook, WebhookEvent, WebhookFormat, claim_name
from app.models.webhook import PING
from app.notify.webhook_payload import Payload

LONGEST_LINE, LONGEST_TITLE = 120, 100  # graphemes
LONGEST_TEXT = 600  # characters of a comment in a chat
# Code points that one grapheme of a line may have on average; more are cut.
POINTS = 4

TITLES: dict[str, Any] = {
    WebhookEvent.RECEIVED: _l("New comment"),
    WebhookEvent.HELD: _l("Comment waiting for review"),
    WebhookEvent.APPROVED: _l("Comment approved"),
    WebhookEvent.REJECTED: _l("Comment rejected"),
    WebhookEvent.SPAM: _l("Comment marked as spam"),
    WebhookEvent.DELETED: _l("Comment deleted"),
    WebhookEvent.EDITED: _l("Comment edited"),
    WebhookEvent.REPORTED: _l("Comment reported"),
    WebhookEvent.APPEALED: _l("Author appealed"),
    WebhookEvent.NOTICE_OPENED: _l("Legal notice to answer"),
    WebhookEvent.NOTICE_CLOSED: _l("Legal notice decided"),
    WebhookEvent.THREAD_CHANGED: _l("Article changed"),
    WebhookEvent.FLOOD: _l("Traffic spike: comments are held"),
    PING: _l("Test message"),
}
# An invisible character that no comment has (lib/text.py) ends what a chat would read as a mention or an address.
BREAK = "\u200b"
TRIGGERS = re.compile(r"@|<|:(?=//)|(?<=\w)\.(?=\w)|(?<=\w):(?=\w)")


@dataclass(frozen=True)
class Message:
    """`heading` and `label` are ours; `lines` and `text` have typed words, and cannot link or mention."""

    heading: str
    lines: list[str]
    text: str
    url: str
    label: str


def body_of(webhook: Webhook, payload: Payload) -> bytes:
    """The JSON text of a request."""
    if webhook.format == WebhookFormat.STANDARD:
        return _written(payload)
    with speaking(webhook.site.lang):
        return _written(_FORMATS[WebhookFormat(webhook.format)](message_of(payload)))


def _written(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def message_of(payload: Payload) -> Message:
    """The message in the current language."""
    data, queue = payload["data"], f"{current_app.config['PUBLIC_URL']}/moderate/"
    comment, thread = data.get("comment"), data.get("thread")
    lines, url, label = [_plain(data["site"]["name"])], queue, _("Open the queue")
    if comment:
        thread = comment["thread"]
        lines.append(_plain(comment["name"]) or _("Anonymous"))
        if comment["status"] == Status.APPROVED and comment["url"]:
            url, label = comment["url"], _("Open the comment")
    if thread:
        lines.append(_plain(thread["title"] or thread["url"]))
    if "notice" in data:
        notice = data["notice"]
        lines.append(f"{notice['number']} · {claim_name(notice['claim'])}")
        url, label = notice["url"], _("Open the case")
    elif thread and not comment and thread["url"]:
        url, label = thread["url"], _("Open the article")
    return Message(
        heading=excerpt(str(TITLES[payload["type"]]), LONGEST_TITLE),
        lines=[line for line in lines if line],
        text=defused(_cut(comment["text"], LONGEST_TEXT)) if comment else "",
        url=url,
        label=label,
    )


def defused(text: str) -> str:
    """The text with a break in everything that a chat reads as a mention or an address."""
    return TRIGGERS.sub(lambda found: f"{found[0]}{BREAK}", text)


def _plain(typed: str) -> str:
    return defused(excerpt(clean_line(typed), LONGEST_LINE)[: LONGEST_LINE * POINTS])


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


def _slack(said: Message) -> Payload:
    """Block Kit with `plain_text`, in which Slack reads no markup; <, > and & are escaped everywhere."""
    blocks: list[Payload] = [
        {"type": "header", "text": _slack_text(said.heading)},
        {"type": "context", "elements": [_slack_text(line) for line in said.lines]},
    ]
    if said.text:
        blocks.append({"type": "section", "text": _slack_text(said.text)})
    button = {"type": "button", "text": _slack_text(said.label), "url": said.url}
    blocks.append({"type": "actions", "elements": [button]})
    return {
        "text": _slack_escaped(said.heading),
        "blocks": blocks,
        "unfurl_links": False,
        "unfurl_media": False,
    }


def _slack_text(text: str) -> Payload:
    return {"type": "plain_text", "text": _slack_escaped(text), "emoji": False}


def _slack_escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _teams(said: Message) -> Payload:
    """An Adaptive Card for the Workflows app. A `TextRun` has no markup, unlike a `TextBlock`."""
    lines = [{"type": "RichTextBlock", "inlines": [_run(line, isSubtle=True)]} for line in said.lines]
    text = [{"type": "RichTextBlock", "inlines": [_run(line)]} for line in said.text.splitlines() if line.strip()]
    heading = {"type": "RichTextBlock", "inlines": [_run(said.heading, weight="Bolder", size="Medium")]}
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [heading, *lines, *text],
        "actions": [{"type": "Action.OpenUrl", "title": said.label, "url": said.url}],
    }
    kind = "application/vnd.microsoft.card.adaptive"
    return {"type": "message", "attachments": [{"contentType": kind, "contentUrl": None, "content": card}]}


def _run(text: str, **more: Any) -> Payload:
    return {"type": "TextRun", "text": text} | more


# Characters of Discord's Markdown.
DISCORD_MARKUP = re.compile(r"[\\*_~`|>#\-+\[\]()<:]|^(\d+)(?=\.)", re.MULTILINE)


def _discord(said: Message) -> Payload:
    """An embed; `allowed_mentions` forbids all mentions, whatever the text has."""
    quoted = _discord_escaped(said.text)
    embed = {
        "title": said.heading,
        "url": said.url,
        "description": "\n".join([*map(_discord_escaped, said.lines), *(["", quoted] if quoted else [])]),
    }
    return {"embeds": [embed], "allowed_mentions": {"parse": []}}


def _discord_escaped(text: str) -> str:
    return DISCORD_MARKUP.sub(lambda found: f"{found[1]}\\" if found[1] else f"\\{found[0]}", text)


# Assumed: the limits of button messages of its bots. A message beyond the real ones would be refused, and given up.
LINE_WORKS_TEXT, LINE_WORKS_LABEL, LINE_WORKS_URL = 1_000, 20, 1_000


def _line_works(said: Message) -> Payload:
    """Plain text with a button. The client makes links of addresses, which are broken."""
    text = "\n".join([*said.lines, *(["", said.text] if said.text else [])])
    message = {"title": said.heading, "body": {"text": _cut(text, LINE_WORKS_TEXT)}}
    if len(said.url) > LINE_WORKS_URL:
        return message
    return message | {"button": {"label": excerpt(said.label, LINE_WORKS_LABEL), "url": said.url}}


_FORMATS: dict[WebhookFormat, Callable[[Message], Payload]] = {
    WebhookFormat.SLACK: _slack,
    WebhookFormat.TEAMS: _teams,
    WebhookFormat.DISCORD: _discord,
    WebhookFormat.LINE_WORKS: _line_works,
}
