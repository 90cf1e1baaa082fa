"""Validate values of an archive for their columns; invalid values are refused."""

import re
from collections.abc import Callable, Collection
from datetime import datetime
from ipaddress import ip_network
from typing import Any, TypeVar

from sqlalchemy import JSON, BigInteger, Boolean, Column, Float, Integer, SmallInteger, String, Text

from app.lib.clock import Moment
from app.lib.language import languages
from app.lib.networks import stored_network
from app.lib.secrets import Encrypted
from app.lib.text import clean_body, clean_line
from app.lib.urls import canonical, safe_href
from app.models import Actor, Claim, Effect, NoticeState, Outcome, Party, Reason, Role, Sample, Status, Subject
from app.models.author import MEMBER_SUB
from app.models.commenters import INHERITED, Commenters
from app.models.revision import MOST_WORDS
from app.models.section import SectionBy, is_section_key
from app.models.site import MOST_STAFF_NAMES
from app.models.thread import LONGEST_TITLE, Named
from app.models.thread_state import State
from app.models.wording import LONGEST_FOOTER, LONGEST_INTRO
from app.screening.case import Verdict
from app.screening.reasons import sentence_of
from app.transfer.chain_values import CHAIN_VALUES
from app.transfer.checker_values import InvalidValue as InvalidValue
from app.transfer.fields import MAX_BODY, legible
from app.transfer.list_values import SUBSCRIBED_VALUES
from app.transfer.own_lists import are_own_reasons, are_saved_replies
from app.transfer.sections import clean_sections

T = TypeVar("T")

MAX_TEXT = 1 << 23  # characters of columns without a limit; escaping can enlarge MAX_BODY fivefold
MAX_DEPTH = 12  # nested lists and objects; ours have 3
MAX_REASON_TEXT = 1_000  # code points of 500 graphemes
LARGEST_NUMBER = 1 << 53

VERDICTS = frozenset(verdict.name.lower() for verdict in Verdict)
FEATURES: dict[str, tuple[type, ...]] = {"seconds": (int, float), "approved": (int,), "rejected": (int,)}
CLUSTER = re.compile("[0-9a-f]{0,32}")  # a part of the queue's cursor

Fit = Callable[[Column[Any], Any], Any]


def validated(column: Column[Any], value: Any) -> Any:
    """The value as the column stores it. Raises InvalidValue."""
    if value is None:
        return _require(bool(column.nullable), value)
    kind = next(kind for kind in VALIDATORS if isinstance(column.type, kind))
    value = VALIDATORS[kind](column, value)
    special = SPECIAL.get((column.table.name, column.name))
    return special(value) if special else value


def default_of(column: Column[Any]) -> Any:
    """The value of a column that an older archive lacks."""
    default: Any = column.default
    if default is None:
        return _require(bool(column.nullable), None)
    return default.arg(None) if default.is_callable else default.arg


def _require(holds: bool, value: T) -> T:
    if not holds:
        raise InvalidValue
    return value


def _moment(_column: Column[Any], value: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(_require(isinstance(value, str), value))
    except ValueError as trouble:
        raise InvalidValue from trouble
    return _require(moment.tzinfo is not None and 1900 < moment.year < 9999, moment)


def _text(column: Column[Any], value: Any) -> str:
    limit = getattr(column.type, "length", None) or MAX_TEXT
    return _require(isinstance(value, str) and len(value) <= limit, value) and legible(value)


def _number(column: Column[Any], value: Any) -> int:
    # One bit less than fits: versions grow.
    bits = 14 if isinstance(column.type, SmallInteger) else 53 if isinstance(column.type, BigInteger) else 30
    number: int = _require(type(value) is int and 0 <= value < 1 << bits, value)
    return number


def _float(_column: Column[Any], value: Any) -> float:
    # Compared, not converted: a float holds no integer of 400 digits.
    number: float = _require(type(value) in (int, float) and abs(value) < LARGEST_NUMBER, value)
    return number


def _data(_column: Column[Any], value: Any) -> Any:
    return _legible_data(value, MAX_DEPTH)


def _legible_data(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return legible(value)
    if isinstance(value, list):
        return [_legible_data(each, _require(depth > 0, depth) - 1) for each in value]
    if isinstance(value, dict):
        return {legible(key): _legible_data(each, _require(depth > 0, depth) - 1) for key, each in value.items()}
    if isinstance(value, int | float):
        # PostgreSQL's JSON has no infinity.
        return _require(abs(value) < LARGEST_NUMBER, value)
    return value


# Specific column types before general ones.
VALIDATORS: dict[type[Any], Fit] = {
    Moment: _moment,
    Encrypted: _text,
    JSON: _data,
    Boolean: lambda _column, value: _require(isinstance(value, bool), value),
    Float: _float,
    Integer: _number,  # and its kin
    Text: _text,
    String: _text,
}


def _one_of(allowed: Collection[str]) -> Callable[[Any], Any]:
    return lambda value: _require(value in allowed, value)


def _at_most(most: int) -> Callable[[Any], Any]:
    return lambda value: _require(value <= most, value)


def _lines(graphemes: int) -> Callable[[Any], Any]:
    """A text of several lines, not longer than its form takes: two code points a grapheme."""
    return lambda value: clean_body(_require(len(value) <= 2 * graphemes, value))


def _website(value: str) -> str:
    return value if not value or safe_href(value) == value else ""


def _address(value: str) -> str:
    return _require(not value or value.startswith(("https://", "http://")), value)


def _claimed(value: Any) -> dict[str, str]:
    """Claimed URL, title and date of a page; an approval stores them."""
    _require(isinstance(value, dict) and value.keys() <= {"url", "title", "published", "section"}, value)
    _require(all(isinstance(each, str) for each in value.values()), value)
    try:
        known = canonical(value["url"]) == value["url"] if "url" in value else True
        zoned = datetime.fromisoformat(value["published"]).tzinfo is not None if "published" in value else True
    except ValueError as trouble:
        raise InvalidValue from trouble
    return _require(known and zoned and len(value.get("title", "")) <= LONGEST_TITLE, value)


def _network(value: str) -> str:
    """A network as comments have it; '' for anything else, which no rule could be compared with."""
    try:
        return value if value == str(stored_network(ip_network(value))) else ""
    except ValueError:
        return ""


def _reasons(value: Any) -> list[dict[str, Any]]:
    return [each for each in _require(isinstance(value, list), value) if _is_reason(each)]


def _is_reason(reason: Any) -> bool:
    """True if the moderation page can render the reason, and screening can go on with it."""
    if not isinstance(reason, dict) or not isinstance(reason.get("check"), str):
        return False
    found, verdict = reason.get("found", []), reason.get("verdict")
    if not _is_text(verdict) or verdict not in VERDICTS or not isinstance(found, list) or not all(map(_is_text, found)):
        return False
    try:
        return bool(sentence_of(reason))
    except (KeyError, TypeError, ValueError, AttributeError):
        return False


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _features(value: Any) -> dict[str, Any]:
    """What the spam filter reads of a comment beside its text."""
    _require(isinstance(value, dict) and value.keys() <= set(FEATURES), value)
    _require(all(each is None or type(each) in FEATURES[name] for name, each in value.items()), value)
    return dict(value)


def _names(value: Any) -> list[str]:
    return _require(isinstance(value, list) and len(value) <= MOST_STAFF_NAMES and all(map(_is_text, value)), value)


def _reason_texts(value: Any) -> dict[str, dict[str, str]]:
    """Texts for authors, by reason and language."""
    _require(isinstance(value, dict) and value.keys() <= {*Reason}, value)
    _require(
        all(isinstance(texts, dict) and all(map(_is_reason_text, texts.values())) for texts in value.values()), value
    )
    return {code: {tag: clean_line(text) for tag, text in texts.items()} for code, texts in value.items()}


def _section_key(value: str) -> str:
    return _require(not value or is_section_key(value), value)


def _sections(value: Any) -> list[dict[str, Any]]:
    try:
        return clean_sections(value)
    except ValueError as trouble:
        raise InvalidValue from trouble


def _is_reason_text(value: Any) -> bool:
    return _is_text(value) and len(value) <= MAX_REASON_TEXT


def _covered(value: Any) -> dict[str, Any]:
    """What a moderator covered in an earlier text, as undo and later edits read it."""
    numbers, texts = ("version", "renderer"), ("label",)
    _require(isinstance(value, dict) and value.keys() == {"words", *numbers, *texts}, value)
    _require(all(type(value[name]) is int and 0 <= value[name] < 1 << 30 for name in numbers), value)
    words = _require(isinstance(value["words"], list) and 0 < len(value["words"]) <= MOST_WORDS, value["words"])
    _require(all(_is_text(each) and 0 < len(each) <= MAX_BODY for each in (*words, value["label"])), value)
    return dict(value)


SPECIAL: dict[tuple[str, str], Callable[[Any], Any]] = {
    **CHAIN_VALUES,
    **SUBSCRIBED_VALUES,
    ("site", "staff_badge"): clean_line,
    ("site", "staff_role"): _one_of(list(Role)),
    ("site", "staff_names"): _names,
    ("comment", "badge"): clean_line,
    ("comment", "member_badge"): clean_line,
    ("author", "member_badge"): clean_line,
    ("author", "member_sub"): lambda value: _require(MEMBER_SUB.fullmatch(value) is not None, value),
    ("site", "commenters"): _one_of(list(Commenters)),
    ("site", "login_url"): _website,
    ("thread", "commenters"): _one_of([INHERITED, *Commenters]),
    ("revision", "covered"): _covered,
    ("site", "reason_texts"): _reason_texts,
    ("site", "own_reasons"): lambda value: _require(are_own_reasons(value), value),
    ("site", "saved_replies"): lambda value: _require(are_saved_replies(value), value),
    ("site", "sections"): _sections,
    ("thread", "section"): _section_key,
    ("thread", "section_by"): _one_of(list(SectionBy)),
    ("thread", "section_state"): _one_of(list(State)),
    ("wording", "section"): _section_key,
    ("thread", "url"): _address,
    ("thread", "title"): clean_line,
    ("thread", "named_by"): _one_of(list(Named)),
    ("thread", "state"): _one_of(list(State)),
    ("thread_change", "from_state"): _one_of(list(State)),
    ("thread_change", "to_state"): _one_of(list(State)),
    ("thread_change", "actor"): _one_of(list(Actor)),
    ("author", "name"): clean_line,
    ("author", "website"): _website,
    ("comment", "name"): clean_line,
    ("comment", "website"): _website,
    ("comment", "body"): lambda value: _require(len(value) <= MAX_BODY, value),
    ("comment", "status"): _one_of(list(Status)),
    ("comment", "lane"): _at_most(4),
    ("comment", "lang"): lambda value: _require(value in ("", *languages()), value),
    ("comment", "reasons"): _reasons,
    ("comment", "claimed"): _claimed,
    ("comment", "features"): _features,
    ("comment", "address"): _network,
    ("comment", "cluster"): lambda value: value if CLUSTER.fullmatch(value) else "",
    ("comment", "score"): lambda value: _require(0 <= value <= 1, value),
    ("subscription", "lang"): lambda value: _require(value in ("", *languages()), value),
    **dict.fromkeys((("decision", "from_status"), ("decision", "to_status")), _one_of(list(Status))),
    ("decision", "actor"): _one_of(list(Actor)),
    **dict.fromkeys((("second_opinion", "first_status"), ("second_opinion", "status")), _one_of(list(Status))),
    ("second_opinion", "sample"): _one_of(list(Sample)),
    ("comment", "accepted"): clean_line,
    ("wording", "lang"): lambda value: _require(value in languages(), value),
    ("wording", "intro"): _lines(LONGEST_INTRO),
    ("wording", "rules_url"): _website,
    ("wording", "rules_version"): clean_line,
    ("wording", "closed_text"): clean_line,
    ("wording", "held_text"): clean_line,
    ("wording", "email_footer"): _lines(LONGEST_FOOTER),
    ("notice", "number"): clean_line,
    ("notice", "claim"): _one_of(list(Claim)),
    ("notice", "state"): _one_of(list(NoticeState)),
    ("notice", "outcome"): _one_of(["", *Outcome]),
    ("notice", "lang"): lambda value: _require(value in ("", *languages()), value),
    ("notice_event", "actor"): _one_of(list(Party)),
    ("rule", "subject"): _one_of(list(Subject)),
    ("rule", "effect"): _one_of(list(Effect)),
}
