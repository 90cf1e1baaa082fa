"""Akismet's protocol: check comments and report mistakes (https://akismet.com/developers/)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from flask import current_app

from app.errors import NotSent
from app.lib.http_client import Answer, NoAnswer, post_form

AGENT = "Kaiwa/0.1"
# Answer to a report with a valid key.
THANKS = "Thanks for making the web a better place."
LONGEST_PAUSE = timedelta(days=1)


@dataclass(frozen=True)
class CheckAnswer:
    """`discard`: certain spam that needs no review. `recheck_after`: check again then."""

    spam: bool
    discard: bool = False
    guid: str = ""
    recheck_after: timedelta | None = None
    alert: str = ""


def check_comment(key: str, comment: Mapping[str, str]) -> CheckAnswer:
    """`comment-check`. Raises NotSent for any other answer."""
    answer = _post("comment-check", key, comment)
    text = _text(answer)
    if text not in ("true", "false"):
        raise NotSent(_complaint(answer))
    return CheckAnswer(
        spam=text == "true",
        discard=answer.headers.get("X-akismet-pro-tip", "").strip().lower() == "discard",
        guid=answer.headers.get("X-akismet-guid", "")[:100],
        recheck_after=_pause(answer.headers.get("X-akismet-recheck-after", "")),
        alert=_alert(answer),
    )


def report(key: str, verdict: str, comment: Mapping[str, str]) -> None:
    """`submit-spam` or `submit-ham`. Raises NotSent."""
    answer = _post(f"submit-{verdict}", key, comment)
    if _text(answer) != THANKS:
        raise NotSent(_complaint(answer))


def is_valid(key: str, blog: str) -> bool:
    """`verify-key`. Raises NotSent for another answer."""
    text = _text(answer := _post("verify-key", key, {"blog": blog, "key": key}))
    if text not in ("valid", "invalid"):
        raise NotSent(_complaint(answer))
    return text == "valid"


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
    details = [answer.headers.get(name, "") for name in ("X-akismet-error", "X-akismet-debug-help")]
    return " ".join(filter(None, (str(answer.status), *details, _alert(answer), _text(answer)[:80])))


def _alert(answer: Answer) -> str:
    details = [answer.headers.get(f"X-akismet-alert-{name}", "") for name in ("code", "msg")]
    return " ".join(filter(None, details))[:200]


def _pause(seconds: str) -> timedelta | None:
    if not (seconds.isascii() and seconds.isdigit()) or not int(seconds[:9]):
        return None
    return min(timedelta(seconds=int(seconds[:9])), LONGEST_PAUSE)
