"""A moderation session that uses nothing but the Python client."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from kaiwa_client import Kaiwa, Problem

from tests.cast import PAGE

WHO: Any = {"site": "paper", "url": PAGE, "name": "Hanako"}


def moderate(kaiwa: Kaiwa, reader: Kaiwa, *, work: Callable[[], object]) -> None:
    """From the first comment to the export. `work` lets the worker do its part."""
    texts = [f"The ferry at {hour} o’clock" for hour in range(5)]
    for hour, text in enumerate(texts):
        posted = reader.comments.post(**WHO, email=f"reader{hour}@readers.example", body=text)
        assert posted["status"] == "pending"
    _repeat(reader)

    token = kaiwa.site.token()
    assert (token["name"], token["site"], token["role"]) == ("CMS", "paper", "admin")
    page = kaiwa.queue.show(limit=2)
    assert [each["body"] for each in page["comments"]] == texts[:2] and page["next"]
    waiting = [each for each in kaiwa.queue.show_each(limit=2) if each["body"] in texts]
    assert [each["body"] for each in waiting] == texts
    first, second, *rest = waiting
    assert kaiwa.queue.lease(comments=[first["id"], second["id"]]) == {"comments": [first["id"], second["id"]]}

    made = kaiwa.decisions.decide_one(first["id"], seen=first["version"], status="approved")
    assert (made["to_status"], made["moderator"]) == ("approved", "CMS")
    # The answer was lost: the same request again is the same decision.
    assert kaiwa.decisions.decide_one(first["id"], seen=first["version"], status="approved") == made
    undone = kaiwa.decisions.undo_one(made["id"])
    assert (undone["to_status"], undone["undoes"]) == ("pending", made["id"])
    rejected = kaiwa.decisions.decide_one(first["id"], seen=undone["version"], reason="off_topic", text="Not here.")
    assert (rejected["to_status"], rejected["reason"], rejected["note"]) == ("rejected", "off_topic", "Not here.")
    with pytest.raises(Problem) as late:
        kaiwa.decisions.decide_one(first["id"], seen=undone["version"], status="approved")
    assert (late.value.status, late.value.code) == (409, "already_decided")
    assert late.value.details["current"]["status"] == "rejected"

    seen: Any = [{"id": each["id"], "seen": each["version"]} for each in rest]
    outcome = kaiwa.decisions.decide_many(comments=[*seen, {"id": 10**9, "seen": 1}], status="spam")
    assert [each["to_status"] for each in outcome["decided"]] == ["spam"] * 3 and outcome["gone"] == [10**9]
    back = kaiwa.decisions.undo_many(decisions=[each["id"] for each in outcome["decided"]])
    assert [each["to_status"] for each in back["decided"]] == ["pending"] * 3

    assert kaiwa.decisions.add_note(second["id"], text="Asked the newsroom.")["notes"][0]["by"] == "CMS"
    assert [each["text"] for each in kaiwa.decisions.notes(second["id"])["notes"]] == ["Asked the newsroom."]
    reply = kaiwa.decisions.reply(second["id"], seen=second["version"], body="Thank you, we have corrected it.")
    assert reply and reply["name"] == "Paper" and kaiwa.comments.show(second["id"])["status"] == "approved"
    assert (
        kaiwa.decisions.edit(reply["id"], body="**Corrected.**")["html"].strip() == "<p><strong>Corrected.</strong></p>"
    )
    assert len(kaiwa.threads.thread(site="paper", url=PAGE)["comments"]) == 2

    assert [each["id"] for each in kaiwa.log.find_each(q="ferry 3")] == [waiting[3]["id"]]
    tried: Any = kaiwa.rules.make(subject="word", value="ferry", effect="hold", dry_run=True)
    assert tried["looked_at"] >= 5 and len(tried["comments"]) == 5 and kaiwa.rules.show()["active"] == []
    rule: Any = kaiwa.rules.make(subject="word", value="casino", effect="spam", days=3)
    assert kaiwa.rules.end(rule["id"])["ended_at"]
    author = kaiwa.authors.show(second["author"])
    assert author["record"]["approved"] == 1 and kaiwa.authors.trust(author["id"], effect="allow")["effect"] == "allow"
    (thread,) = kaiwa.threads.show_all_each(q="story")
    closed = kaiwa.threads.set_state(thread["id"], state="closed", reason="over")
    assert closed["change"] and kaiwa.threads.undo(closed["change"]["id"])["thread"]["state"] == "open"
    assert kaiwa.site.change(max_links=3)["settings"]["max_links"] == 3
    assert kaiwa.site.statistics(days=1)["outcomes"]["rejected"] == 1

    log, stream = list(kaiwa.log.show_each(people=True)), list(kaiwa.log.export(people=True))
    assert [each["id"] for each in log] == [each["id"] for each in stream] and len(log) > 10
    assert {each["moderator"] for each in log} == {"CMS"}
    assert _exported(kaiwa, work).count(b"The ferry at") == 5


def _repeat(reader: Kaiwa) -> None:
    """A program that was restarted sends the same comment with the same key."""
    ids = set()
    for _run in range(2):
        again = reader.once("job-7").comments.post(**WHO, email="taro@readers.example", body="Once")
        ids.add(again["comment"]["id"])
    assert len(ids) == 1


def _exported(kaiwa: Kaiwa, work: Callable[[], object]) -> bytes:
    job, end = kaiwa.transfers.begin_export(format="csv"), time.monotonic() + 60
    while job["state"] != "done":
        assert job["state"] == "running" and time.monotonic() < end
        work()
        time.sleep(0.05)
        job = kaiwa.transfers.show(job["id"])
    return b"".join(kaiwa.transfers.download(job["id"]))
