"""Every text parameter of every route, with a valid request to put it into."""

from dataclasses import dataclass, field

from tests.cast import PAGE

HERE = {"site": "paper", "url": PAGE, "thread": "", "title": "A story", "lang": "en", "sort": "oldest", "published": ""}
# Query parameters of every page with a thread, also after a POST.
PLACE = {"after": "", "comment": "", "parent": ""}
READ = HERE | PLACE | {"own": ""}
WRITTEN = HERE | {
    "body": "words", "name": "Hanako", "email": "hanako@readers.example", "website": "", "parent": "", "remember": "",
    "notify": "", "subject": "", "stamp": "", "altcha": "", "author": "",
}  # fmt: skip
OWNED = HERE | {"token": ""}
BACK = {"next": "/moderate/"}
PROOF = {"altcha": ""}
LOG = dict.fromkeys(("site", "status", "moderator", "reason", "since", "until", "before"), "")


@dataclass(frozen=True)
class Taken:
    """The parameters a route reads, with valid values to send while another one is attacked."""

    query: dict[str, str] = field(default_factory=dict)
    form: dict[str, str] = field(default_factory=dict)
    json: dict[str, str] = field(default_factory=dict)
    # An unlisted value for <…> in the path.
    path: dict[str, str] = field(default_factory=dict)


SITE = {"key": "paper"}
TOKEN = {"token": "x.y.z"}
# By endpoint. A missing route fails the test, and so does a missing parameter that a route reads.
TAKEN: dict[str, Taken] = {
    "account.change_language": Taken(form={"lang": "ja", **BACK}),
    "account.log_in": Taken(form={"email": "nobody@moderators.example", "password": "x", "lang": "en"} | BACK | PROOF),
    "account.log_out": Taken(),
    "account.login": Taken(query={"lang": "en", **BACK}),
    "account.switch_keys": Taken(form={"on": "y", **BACK}),
    "api.comments.post": Taken(json={name: each for name, each in WRITTEN.items()
                                     if name not in ("sort", "remember", "notify", "subject", "altcha")}),
    "api.contract.openapi": Taken(),
    "api.threads.thread": Taken(query=READ),
    "appointing.change_role": Taken(form={"role": "admin"}, path=SITE),
    "appointing.invite": Taken(form={"email": "a@b.example", "role": "admin"}, path=SITE),
    "appointing.remove": Taken(path=SITE),
    "appointing.show": Taken(path=SITE),
    "appointing.withdraw": Taken(path=SITE),
    "comments.edit": Taken(form={**OWNED, "body": "words"}, query=PLACE),
    "comments.own": Taken(form=OWNED),
    "comments.post": Taken(form=WRITTEN, query=PLACE),
    "comments.preview": Taken(form=WRITTEN, query=PLACE),
    "comments.prove": Taken(form={**OWNED, "altcha": ""}),
    "comments.withdraw": Taken(form=OWNED),
    "decisions.decide_many": Taken(form={"status": "approved", "reason": "", "comment": "1.1", "shown": "", **BACK}),
    "decisions.decide_one": Taken(form={"status": "approved", "reason": "", "seen": "1", "override": "", **BACK}),
    "decisions.undo_many": Taken(form={"decision": "1", **BACK}),
    "decisions.undo_one": Taken(form=BACK),
    "embed.counts": Taken(query={"site": "paper", "url": PAGE}),
    "embed.script": Taken(),
    "embed.solver": Taken(),
    "embed.stamp": Taken(query={"site": "paper"}),
    "embed.stylesheet": Taken(),
    "embed.writing": Taken(),
    "feeds.site": Taken(query={"lang": "en"}, path=SITE),
    "feeds.thread": Taken(query=HERE),
    "health.healthz": Taken(),
    "health.metrics": Taken(),
    "health.readyz": Taken(),
    "history.as_csv": Taken(query=LOG),
    "history.as_jsonl": Taken(query=LOG),
    "history.show": Taken(query=LOG),
    "invitation.accept": Taken(form={"name": "Bob", "password": "x" * 12}, path=TOKEN),
    "invitation.look": Taken(path=TOKEN),
    "letters.confirm": Taken(path=TOKEN),
    "letters.object_to": Taken(form={"text": "words"}, path=TOKEN),
    "letters.show_appeal": Taken(path=TOKEN),
    "letters.show_confirm": Taken(path=TOKEN),
    "letters.show_stop": Taken(path=TOKEN),
    "letters.stop": Taken(form={"again": ""}, path=TOKEN),
    "links.act": Taken(path=TOKEN),
    "links.show": Taken(path=TOKEN),
    "people.author": Taken(),
    "people.block": Taken(form={"what": "author", "days": "1", "reason": "", "clear": "", **BACK}),
    "people.block_choices": Taken(),
    "people.blocks": Taken(),
    "people.end_block": Taken(),
    "people.note": Taken(form={"text": "words", **BACK}),
    "people.thread": Taken(),
    "people.trust": Taken(form={"effect": "hold", **BACK}),
    "privacy.erase": Taken(form={"email": "a@b.example", "text": "keep", "sure": ""}, path=SITE),
    "privacy.export": Taken(form={"email": "a@b.example"}, path=SITE),
    "privacy.find": Taken(form={"email": "a@b.example"}, path=SITE),
    "privacy.show": Taken(path=SITE),
    "queue.defer": Taken(form={"back": "", **BACK}),
    "queue.find": Taken(query=dict.fromkeys(
        ("q", "name", "email", "article", "status", "since", "until", "moderator", "reason", "alike", "after"), "")),
    "queue.lease": Taken(form={"comment": "1", "leave": ""}),
    "queue.show": Taken(query={"status": "", "after": "", "lane": "5", "deferred": ""}),
    "reports.ask": Taken(query={"lang": "en"}),
    "reports.take": Taken(form={"reason": "spam", "note": "words", "subject": "", "lang": "en"}),
    "rules.end": Taken(path=SITE),
    "rules.make": Taken(form={"subject": "word", "value": "words", "effect": "hold", "reason": "", "days": "",
                              "try": "1"}, path=SITE),
    "rules.show": Taken(query={"subject": "word", "value": "", "effect": "hold", "reason": "", "days": ""}, path=SITE),
    "service.show": Taken(query={"days": "30"}, path=SITE),
    "sites.change_settings": Taken(form={"name": "Paper", "origins": "https://paper.example"}, path=SITE),
    "sites.embed": Taken(path=SITE),
    "sites.list_all": Taken(),
    "sites.screening": Taken(path=SITE),
    "sites.settings": Taken(path=SITE),
    "static": Taken(path={"filename": "desk.js"}),
    "summary.show": Taken(query={"lang": "en"}, path=SITE),
    "thread.fragment": Taken(query=READ),
    "thread.page": Taken(query=READ),
    "threads.name": Taken(form={"title": "Story", "url": PAGE, "published": "2026-11-01"}, path=SITE),
    "threads.page": Taken(path=SITE),
    "threads.move": Taken(form={"moves": "/old,/new", "try": "1", "old": "", "q": "", "after": ""}, path=SITE),
    "threads.show": Taken(query={"old": "", "q": "", "after": ""}, path=SITE),
}  # fmt: skip

# Request headers that a route may read, with a prefix so that the value is parsed.
HEADERS = {
    "Accept": "text/html,", "Accept-Encoding": "gzip,", "Accept-Language": "en,", "Authorization": "Bearer ",
    "Cookie": "kaiwa_own=", "Forwarded": "for=", "Idempotency-Key": "", "If-Modified-Since": "", "If-None-Match": 'W/"',
    "Origin": "https://paper.example", "Range": "bytes=", "Referer": "https://paper.example/", "Sec-Fetch-Mode": "",
    "Sec-Fetch-Site": "", "User-Agent": "", "X-CSRFToken": "", "X-CSRF-Token": "", "X-Forwarded-For": "192.0.2.1,",
    "X-Forwarded-Proto": "", "X-Real-IP": "", "X-Requested-With": "", "If-Range": "", "If-Match": "",
    "If-Unmodified-Since": "",
}  # fmt: skip
