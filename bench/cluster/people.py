"""Readers, posters and moderators, who note each answer and every acknowledged write."""

import http.client
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from http.cookiejar import CookieJar
from typing import Any, NamedTuple
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit
from urllib.request import HTTPCookieProcessor, Request, build_opener

from bs4 import BeautifulSoup

from tests.cast import ORIGIN, PASSWORD

READERS, POSTERS, MODERATORS = 2, 3, 1
# Seconds between two requests of one person: the cluster shares a small machine with its clients.
READ_EVERY, POST_EVERY, DECIDE_EVERY, AGAIN_AFTER = 0.3, 0.6, 1.0, 0.3
TIMEOUT = 60
FINE = frozenset({200, 201, 202, 303, 304})


class Answer(NamedTuple):
    """One request: when it began and ended (monotonic), and its status; 0: no answer."""

    kind: str
    began: float
    ended: float
    status: int
    retry_after: bool

    @property
    def is_fine(self) -> bool:
        return self.status in FINE

    @property
    def is_honest(self) -> bool:
        """Fine, or "try again later"."""
        return self.is_fine or (self.status == 503 and self.retry_after)


@dataclass
class People:
    """Clients of the service at `url`."""

    url: str
    stop: threading.Event = field(default_factory=threading.Event)
    answers: list[Answer] = field(default_factory=list)
    # Acknowledged: comments by their text, decisions by their comment.
    posted: dict[str, int] = field(default_factory=dict)
    decided: dict[int, str] = field(default_factory=dict)
    # Comments with a decision whose outcome is unknown to the moderator.
    unclear: set[int] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)
    threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        desks = [self._log_in(number) for number in range(MODERATORS)]
        acts: list[Callable[[], None]] = [self._reads] * READERS
        acts += [lambda number=number: self._posts(number) for number in range(POSTERS)]
        acts += [lambda desk=desk: self._moderates(desk) for desk in desks]
        self.threads = [threading.Thread(target=act, daemon=True) for act in acts]
        for each in self.threads:
            each.start()

    def finish(self) -> None:
        self.stop.set()
        for each in self.threads:
            each.join(2 * TIMEOUT)

    def since(self, moment: float) -> list[Answer]:
        """Requests that ended after a moment."""
        return [each for each in self.answers if each.ended >= moment]

    def works_since(self, kind: str, moment: float) -> float | None:
        """When the first request that began after a moment succeeded; None: not yet."""
        fine = (each.ended for each in self.answers if each.kind == kind and each.began >= moment and each.is_fine)
        return min(fine, default=None)

    # Readers

    def _reads(self) -> None:
        path = "/embed/thread?" + urlencode({"site": "paper", "url": f"{ORIGIN}/paper"})
        while not self.stop.wait(READ_EVERY):
            answer, shown, _headers = self._request("read", "GET", path)
            if answer.status == 200 and "data-kaiwa" not in shown and "<form" not in shown:
                self.wrong.append(f"a page without comments and form: {shown[:200]}")

    # Posters

    def _posts(self, number: int) -> None:
        count = 0
        while not self.stop.is_set():
            body, site = f"poster {number} says {count}", ("paper", "held")[count % 2]
            while (id := self._post(site, number, body)) is None:
                if self.stop.wait(AGAIN_AFTER):
                    return
            self.posted[body] = id
            count += 1
            self.stop.wait(POST_EVERY)

    def _post(self, site: str, number: int, body: str) -> int | None:
        fields = {"site": site, "url": f"{ORIGIN}/{site}", "name": f"Poster {number}", "email": f"p{number}@x.example"}
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Idempotency-Key": body}
        answer, shown, _ = self._request("post", "POST", "/embed/comments", urlencode(fields | {"body": body}), headers)
        if not answer.is_fine:
            return None
        found = re.search(r'data-id="(\d+)"', shown)
        if not found or body not in shown:
            self.wrong.append(f"the answer to {body} shows something else: {shown[:200]}")
            return None
        return int(found[1])

    def _request(
        self, kind: str, method: str, path: str, body: str = "", headers: dict[str, str] | None = None
    ) -> tuple[Answer, str, Any]:
        where, began = urlsplit(self.url), time.monotonic()
        connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=TIMEOUT)
        try:
            connection.request(method, path, body or None, headers or {})
            answer = connection.getresponse()
            shown, status, given = answer.read().decode(), answer.status, answer.headers
        except (OSError, http.client.HTTPException) as trouble:
            shown, status, given = f"{type(trouble).__name__} {trouble}", 0, {}
        finally:
            connection.close()
        return self._note(kind, began, status, given, shown), shown, given

    def _note(self, kind: str, began: float, status: int, headers: Any, shown: str = "") -> Answer:
        noted = Answer(kind, began, time.monotonic(), status, bool(headers.get("Retry-After")))
        self.answers.append(noted)
        if not noted.is_honest and not (kind == "decide" and status == 409):
            self.wrong.append(f"{kind}: {status} {dict(headers)} {shown[:300]}")
        return noted

    # Moderators

    def _log_in(self, number: int) -> Any:
        desk = build_opener(HTTPCookieProcessor(CookieJar()))
        token = _token_in(self._open(desk, "log-in", "/login")[1])
        fields = {"email": f"m{number}@moderators.example", "password": PASSWORD, "csrf_token": token}
        self._open(desk, "log-in", "/login", fields)
        return desk

    def _moderates(self, desk: Any) -> None:
        seed = random.Random(1)
        while not self.stop.wait(DECIDE_EVERY):
            answer, page = self._open(desk, "queue", "/moderate/")
            if not answer.is_fine:
                continue
            cards = BeautifulSoup(page, "html.parser").select("article[data-comment-id]")
            if not cards and 'name="password"' in page:
                self.wrong.append("the moderator was logged out")
                return
            for card in cards[:2]:
                self._decide(desk, card, seed.choice(("approved", "rejected", "spam")))

    def _decide(self, desk: Any, card: Any, status: str) -> None:
        id, seen = int(card["data-comment-id"]), card.select_one("input[name=seen]")["value"]
        fields = {"status": status, "seen": seen, "csrf_token": card.select_one("input[name=csrf_token]")["value"]}
        answer, _page = self._open(desk, "decide", f"/moderate/comments/{id}/decisions", fields)
        if answer.is_fine and id in self.decided:
            self.wrong.append(f"comment {id} was decided twice from one version")
        elif answer.is_fine:
            self.decided[id] = status
        elif answer.status == 409 and id not in self.unclear:
            self.wrong.append(f"comment {id}: 409, although no other decision was sent")
        else:
            self.unclear.add(id)

    def _open(self, desk: Any, kind: str, path: str, fields: dict[str, str] | None = None) -> tuple[Answer, str]:
        data, began = urlencode(fields).encode() if fields else None, time.monotonic()
        try:
            with desk.open(Request(self.url + path, data, {"Origin": self.url}), timeout=TIMEOUT) as answer:  # noqa: S310
                page, status, headers = answer.read().decode(), answer.status, answer.headers
        except HTTPError as no:
            page, status, headers = no.read().decode(errors="replace"), no.code, no.headers
        except (OSError, http.client.HTTPException) as trouble:
            page, status, headers = f"{type(trouble).__name__} {trouble}", 0, {}
        return self._note(kind, began, status, headers, page), page


def errors(answers: list[Answer]) -> str:
    """Answers that were not fine, by kind and status."""
    found = Counter((each.status, each.kind) for each in answers if not each.is_fine)
    return ", ".join(f"{count} × {status or 'no answer'} ({kind})" for (status, kind), count in sorted(found.items()))


def _token_in(page: str) -> str:
    found = re.search(r'name="csrf_token" value="([^"]*)"', page)
    assert found, page[:500]
    return found[1]
