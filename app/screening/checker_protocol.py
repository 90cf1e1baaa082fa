"""The question to a checker and its answer (docs/checkers.md)."""

import json
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.lib.clock import now
from app.lib.http_client import Answer, NoAnswer
from app.lib.signed_request import post_signed
from app.lib.text import clean_line, excerpt
from app.models import Comment, Said, Status, Trouble
from app.version import VERSION

AGENT = f"Kaiwa/{VERSION} (checkers)"
# Of a parent, which may be as long as the comment.
MOST_PARENT = 4_000  # graphemes
MOST_ANSWER = 16 * 1024  # bytes
# Lists and objects: ours has two, and what it does not know is ignored.
MOST_CONTAINERS = 200
MOST_REASONS, LONGEST_REASON = 10, 200  # texts, characters


@dataclass(frozen=True)
class Reply:
    """A verdict with its confidence and reasons, or a trouble; `ms` it took."""

    verdict: str = ""
    confidence: float | None = None
    reasons: tuple[str, ...] = ()
    trouble: str = ""
    ms: int = 0


class Nonsense(ValueError):
    """The answer has another form."""


def question(text: str, lang: str, *, site: str, url: str, title: str, parent: str | None) -> bytes:
    """The body of the request: the text and where it belongs, and nothing about its author."""
    data = {
        "site": site,
        "text": text,
        "language": lang,
        "thread": {"url": url, "title": title},
        "parent": None if parent is None else {"text": parent},
    }
    return json.dumps({"type": "comment.check", "version": 1, "data": data}, ensure_ascii=False).encode()


def question_about(comment: Comment) -> bytes:
    """A parent that is not public is left out."""
    thread, parent = comment.thread, comment.parent
    public = parent is not None and parent.status == Status.APPROVED
    return question(
        comment.body,
        comment.lang or comment.site.lang,
        site=comment.site.key,
        url=thread.address,
        title=thread.label,
        parent=_cut(parent.body) if parent is not None and public else None,
    )


def ask(url: str, secret: str, timeout_s: float, id: str, body: bytes) -> Reply:
    """Ask a checker. Never raises: each failure is a trouble. Call it outside of transactions."""
    started = time.monotonic()
    try:
        found = parse(_body(post_signed(url, body, id=id, keys=[secret], at=now(), agent=AGENT, seconds=timeout_s)))
    except NoAnswer as trouble:
        found = Reply(trouble=Trouble.TIMEOUT if trouble.late else Trouble.UNREACHABLE)
    except _BadStatus:
        found = Reply(trouble=Trouble.STATUS)
    except Nonsense:
        found = Reply(trouble=Trouble.NONSENSE)
    ms = int((time.monotonic() - started) * 1000)
    return Reply(found.verdict, found.confidence, found.reasons, found.trouble, ms)


def parse(body: bytes) -> Reply:
    """The answer in these bytes. Raises Nonsense."""
    # Each list costs more to build than its two bytes; deep ones cannot be parsed.
    if len(body) > MOST_ANSWER or body.count(b"[") + body.count(b"{") > MOST_CONTAINERS:
        raise Nonsense("too large")
    try:
        given = json.loads(body.decode(), parse_constant=_refuse, parse_int=_number)
    except (ValueError, RecursionError) as trouble:
        raise Nonsense("no JSON") from trouble
    if not isinstance(given, dict):
        raise Nonsense("no object")
    return Reply(_verdict(given), _confidence(given), _reasons(given))


class _BadStatus(Exception):
    """Another status than 200."""


def _body(answer: Answer) -> bytes:
    if answer.status != 200:
        raise _BadStatus
    return answer.body


def _verdict(given: Mapping[str, Any]) -> str:
    said = given.get("verdict")
    if not isinstance(said, str) or said not in list(Said):
        raise Nonsense("verdict")
    return said


def _confidence(given: Mapping[str, Any]) -> float:
    value: Any = given.get("confidence")
    if type(value) not in (int, float) or not math.isfinite(value) or not 0 <= value <= 1:
        raise Nonsense("confidence")
    return float(value)


def _reasons(given: Mapping[str, Any]) -> tuple[str, ...]:
    value = given.get("reasons", [])
    if not isinstance(value, list) or len(value) > MOST_REASONS or not all(map(_is_reason, value)):
        raise Nonsense("reasons")
    return tuple(filter(None, map(clean_line, value)))


def _is_reason(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= LONGEST_REASON


def _refuse(constant: str) -> None:
    """NaN and Infinity are not JSON."""
    raise Nonsense(constant)


def _number(digits: str) -> int:
    # Python takes quadratic time for long integers.
    if len(digits) > 20:
        raise Nonsense("number")
    return int(digits)


def _cut(text: str) -> str:
    return text if len(text) <= MOST_PARENT else excerpt(text, MOST_PARENT)
