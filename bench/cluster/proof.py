"""Compare the acknowledged comments and decisions with the rows of the database."""

from collections import Counter
from typing import NamedTuple

from bench.cluster.databases import NUMBERS, Databases
from bench.cluster.people import People


class Found(NamedTuple):
    """Texts of lost comments, of doubled ones, and the same for decisions, by comment."""

    lost: list[str]
    doubled: list[str]

    def __bool__(self) -> bool:
        return bool(self.lost or self.doubled)


def compare(people: People, databases: Databases, number: int = 0) -> Found:
    """Everything that was acknowledged until now, against the primary or against the server with this number."""
    posted, decided = dict(people.posted), dict(people.decided)
    rows = databases.query("SELECT id, body FROM comment", number=number)
    stored, times = {body: id for id, body in rows}, Counter(body for _id, body in rows)
    decisions = databases.query(
        "SELECT comment_id, to_status FROM decision WHERE actor = 'moderator' ORDER BY id", number=number
    )
    made = Counter(id for id, _status in decisions)
    last = {id: str(status).lower() for id, status in decisions}
    lost = [body for body, id in posted.items() if stored.get(body) != id]
    lost += [f"decision on {id}" for id, status in decided.items() if last.get(id) != status]
    doubled = [body for body, count in times.items() if count > 1]
    doubled += [f"decision on {id}" for id, count in made.items() if count > 1]
    return Found(lost, doubled)


def final(people: People, databases: Databases) -> list[str]:
    """Problems at the end, on each of the three servers, with its counters."""
    problems = []
    for number in NUMBERS:
        found = compare(people, databases, number)
        problems += [f"db{number}: lost {each}" for each in found.lost]
        problems += [f"db{number}: doubled {each}" for each in found.doubled]
    wrong = databases.query(
        "SELECT t.id FROM thread t WHERE approved_count <> "
        "(SELECT count(*) FROM comment c WHERE c.thread_id = t.id AND c.status = 'approved')"
    )
    return problems + [f"thread {id} has a wrong count" for (id,) in wrong]
