"""Akismet's protocol: ask whether a comment is spam, and say where it was mistaken (https://akismet.com/developers/)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from flask import current_app

from app.errors import NotSent
from app.lib.http_client import Answer, NoAnswer, post_form

AGENT = "Kaiwa/0.1"
# What it answers to a report; a key that does not work is told in other words.
THANKS = "Thanks for making the web a better place."
LONGEST_PAUSE = timedelta(days=1)


@dataclass(frozen=True)
class Opinion:
    """What Akismet says of a comment. `discard`: so plainly spam that nobody needs to look. `again_after`: ask then."""

    spam: bool
    discard: bool = False
    guid: str = ""
    again_after: timedelta | None = None
    alert: str = ""


def ask(key: str, comment: Mapping[str, str]) -> Opinion:
    """`comment-check`. Raises NotSent for everything that is no opinion."""
    answer = _post("comment-check", key, comment)
    said = _text(answer)
    if said not in ("true", "false"):
        raise NotSent(_complaint(answer))
    return Opinion(
        spam=said == "true",
        discard=answer.headers.get("X-akismet-pro-tip", "").strip().lower() == "discard",
        guid=answer.headers.get("X-akismet-guid", "")[:100],
        again_after=_pause(answer.headers.get("X-akismet-recheck-after", "")),
        alert=_alert(answer),
    )


def report(key: str, verdict: str, comment: Mapping[str, str]) -> None:
    """`submit-spam` or `submit-ham`, with the fields that were asked about. Raises NotSent."""
    answer = _post(f"submit-{verdict}", key, comment)
    if _text(answer) != THANKS:
        raise NotSent(_complaint(answer))


def is_valid(key: str, blog: str) -> bool:
    """`verify-key`. Raises NotSent when it cannot be told."""
    said = _text(answer := _post("verify-key", key, {"blog": blog, "key": key}))
    if said not in ("valid", "invalid"):
        raise NotSent(_complaint(answer))
    return said == "valid"


def _post(method: str, key: str, fields: Mapping[str, str]) -> Answer:
    try:
        answer = post_form(f"{current_app.config['AKISMET_URL']}/{method}", {"api_key": key, **fields}, AGENT)
    except NoAnswer as trouble:
        raise NotSent(f"{trouble}", stalled=True) from trouble
    if answer.status != 200:
        raise NotSent(_complaint(answer))
    return answer


def _text(answer: Answer) -> str:
    return answer.body.decode(errors="replace").strip()


def _complaint(answer: Answer) -> str:
    told = [answer.headers.get(name, "") for name in ("X-akismet-error", "X-akismet-debug-help")]
    return " ".join(filter(None, (str(answer.status), *told, _alert(answer), _text(answer)[:80])))


def _alert(answer: Answer) -> str:
    told = [answer.headers.get(f"X-akismet-alert-{name}", "") for name in ("code", "msg")]
    return " ".join(filter(None, told))[:200]


def _pause(seconds: str) -> timedelta | None:
    if not (seconds.isascii() and seconds.isdigit()) or not int(seconds[:9]):
        return None
    return min(timedelta(seconds=int(seconds[:9])), LONGEST_PAUSE)
