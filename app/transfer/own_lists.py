"""Check the lists of an archived site: its own reasons for rejections, and its saved replies."""

from typing import Any

from app.models import reason_codes
from app.models.own_reason import CODE, LONGEST_NAME, MOST_REASONS, OwnReason
from app.models.saved_reply import ID, LONGEST_TEXT, MOST_REPLIES

MAX_REASON_TEXT = 1_000  # code points of 500 graphemes


def are_own_reasons(value: Any) -> bool:
    if not _are_entries(value, {*OwnReason._fields}, MOST_REASONS):
        return False
    reasons = [OwnReason(**each) for each in value]
    return all(map(_is_own_reason, reasons)) and len({each.code for each in reasons}) == len(reasons)


def are_saved_replies(value: Any) -> bool:
    return _are_entries(value, {"id", "name", "text"}, MOST_REPLIES) and all(map(_is_saved_reply, value))


def _is_own_reason(reason: OwnReason) -> bool:
    known = _is_text(reason.code, 32) and CODE.fullmatch(reason.code) and reason.code not in reason_codes()
    texts = isinstance(reason.texts, dict) and all(_is_text(text, MAX_REASON_TEXT) for text in reason.texts.values())
    return bool(known) and _is_text(reason.name, 2 * LONGEST_NAME) and texts and type(reason.enabled) is bool


def _is_saved_reply(reply: dict[str, Any]) -> bool:
    known = _is_text(reply["id"], 12) and ID.fullmatch(reply["id"])
    return bool(known) and _is_text(reply["name"], 2 * LONGEST_NAME) and _is_text(reply["text"], 2 * LONGEST_TEXT)


def _are_entries(value: Any, names: set[str], most: int) -> bool:
    listed = isinstance(value, list) and len(value) <= most
    return listed and all(isinstance(each, dict) and each.keys() == names for each in value)


def _is_text(value: Any, most: int) -> bool:
    return isinstance(value, str) and len(value) <= most
