"""Every text parameter of every route, with a valid request to put it into."""

from dataclasses import dataclass, field
from typing import Any

from app.models import reason_codes
from tests.api.examples import declared, example_of, query_of
from tests.cast import PAGE

HERE = {
    "site": "paper",
    "url": PAGE,
    "thread": "",
    "title": "A story",
    "section": "",
    "lang": "en",
    "sort": "oldest",
    "published": "",
}
# Query parameters of every page with a thread, also after a POST.
PLACE = {"after": "", "comment": "", "parent": ""}
READ = HERE | PLACE | {"own": "", "voted": ""}
WRITTEN = HERE | {
    "body": "words", "name": "Hanako", "email": "hanako@readers.example", "website": "", "parent": "", "remember": "",
    "accepted": "", "notify": "", "subject": "", "stamp": "", "altcha": "", "author": "",
}  # fmt: skip
OWNED = HERE | {"token": ""}
BACK = {"next": "/moderate/"}
PROOF = {"altcha": ""}
LOG = dict.fromkeys(("site", "status", "moderator", "reason", "since", "until", "by", "before"), "")
AUDIT = dict.fromkeys(("site", "kind", "account", "since", "until"), "")


@dataclass(frozen=True)
class Input:
    """The parameters a route reads, with valid values to send while another one is attacked."""

    query: dict[str, str] = field(default_factory=dict)
    form: dict[str, str] = field(default_factory=dict)
    json: dict[str, Any] = field(default_factory=dict)
    # An unlisted value for <…> in the path.
    path: dict[str, str] = field(default_factory=dict)


SITE = {"key": "paper"}
REASONS = {f"{code}.{lang}": "words" for code in reason_codes() for lang in ("en", "ja")}
TOKEN = {"token": "x.y.z"}
# By endpoint. A missing route fails the test, and so does a missing parameter that a route reads.
INPUTS: dict[str, Input] = {
    "account.change_language": Input(form={"lang": "ja", **BACK}),
    "account.log_in": Input(form={"email": "nobody@moderators.example", "password": "x", "lang": "en"} | BACK | PROOF),
    "account.log_out": Input(),
    "account.login": Input(query={"lang": "en", **BACK}),
    "account.show_session": Input(),
    "address.cancel": Input(),
    "address.change": Input(form={"email": "alice@elsewhere.example"}),
    "confirmation.ask": Input(query=BACK),
    "confirmation.confirm": Input(form={"confirm_password": "x", **BACK, **PROOF}),
    "logins.change_password": Input(form={"current_password": "x", "password": "x"}),
    "logins.end": Input(),
    "logins.end_others": Input(),
    "profile.choose_emails": Input(form={"emails": "digest", "quiet_from": "", "quiet_until": ""}),
    "profile.rename": Input(form={"name": "Alice", "paper-alias": "The desk", "alias": ""}),
    "profile.show": Input(),
    "account.switch_keys": Input(form={"on": "y", **BACK}),
    **{each.endpoint: Input(query=query_of(each), json=example_of(each.operation.body) if each.operation.body else {})
       for each in declared()},
    "api.comments.post": Input(json={name: each for name, each in WRITTEN.items()
                                     if name not in ("sort", "remember", "notify", "subject", "altcha")}),
    "api.picks.picked": Input(query=HERE),
    # The others are parsed alike.
    "api.site.change": Input(json={"name": "Paper", "closed_text": "words"}),
    "api.threads.thread": Input(query=READ | {"q": "", "limit": ""}),
    "members.change_role": Input(form={"role": "admin", "section": ""}, path=SITE),
    "members.invite": Input(form={"email": "a@b.example", "role": "admin"}, path=SITE),
    "members.remove": Input(path=SITE),
    "members.show": Input(path=SITE),
    "members.revoke": Input(path=SITE),
    "comments.edit": Input(form={**OWNED, "body": "words"}, query=PLACE),
    "comments.own": Input(form=OWNED),
    "comments.post": Input(form=WRITTEN, query=PLACE),
    "comments.preview": Input(form=WRITTEN, query=PLACE),
    "comments.prove": Input(form={**OWNED, "altcha": ""}),
    "comments.withdraw": Input(form=OWNED),
    "csp_reports.take": Input(),
    "decisions.decide_many": Input(form={"status": "approved", "reason": "", "comment": "1.1", "shown": "", **BACK}),
    "decisions.decide_one": Input(
        form={"status": "approved", "reason": "", "seen": "1", "override": "", "text": "words", **BACK}),
    "decisions.undo_many": Input(form={"decision": "1", **BACK}),
    "decisions.undo_one": Input(form=BACK),
    "embed.counts": Input(query={"site": "paper", "url": PAGE}),
    "embed.framed": Input(),
    "embed.live": Input(),
    "embed.script": Input(),
    "embed.solver": Input(),
    "embed.stamp": Input(query={"site": "paper"}),
    "embed.stylesheet": Input(),
    "embed.writing": Input(),
    "feeds.site": Input(query={"lang": "en"}, path=SITE),
    "feeds.picked": Input(query=HERE),
    "feeds.thread": Input(query=HERE),
    "health.healthz": Input(),
    "health.metrics": Input(),
    "health.readyz": Input(),
    "history.articles_as_csv": Input(),
    "history.articles_as_jsonl": Input(),
    "history.as_csv": Input(query=LOG),
    "history.as_jsonl": Input(query=LOG),
    "history.show": Input(query=LOG),
    "setup.front": Input(),
    "setup.make": Input(form={"name": "Olga", "email": "olga@news.example", "password": "violet anchor tundra",
                              "site_name": "News", "address": "https://news.example", "lang": "en", "timezone": "UTC",
                              "page_lang": "en"},
                        path=TOKEN),
    "setup.show": Input(query={"page_lang": "en"}, path=TOKEN),
    "start.send_test_email": Input(path=SITE),
    "start.show": Input(path=SITE),
    "system.as_json": Input(query={"all": ""}),
    "system.show": Input(query={"all": ""}),
    "sites.add": Input(form={"site_name": "News", "address": "https://news.example", "lang": "en", "timezone": "UTC"}),
    "sites.new": Input(),
    "well_known.change_password": Input(),
    "well_known.security_txt": Input(),
    "audit.as_csv": Input(form=AUDIT),
    "audit.as_jsonl": Input(form=AUDIT),
    "audit.show": Input(query=AUDIT | {"before": ""}),
    "history.show_articles": Input(query={"before": ""}),
    "invitation.accept": Input(form={"name": "Bob", "password": "violet anchor tundra"}, path=TOKEN),
    "invitation.look": Input(path=TOKEN),
    "emails.confirm": Input(path=TOKEN),
    "emails.send_appeal": Input(form={"text": "words"}, path=TOKEN),
    "emails.show_appeal": Input(path=TOKEN),
    "emails.show_confirm": Input(path=TOKEN),
    "emails.show_stop": Input(path=TOKEN),
    "emails.show_unfollow": Input(path=TOKEN),
    "emails.unfollow": Input(form={"again": ""}, path=TOKEN),
    "emails.stop": Input(form={"again": ""}, path=TOKEN),
    "own_comment.edit": Input(form={"body": "words"}, path=TOKEN),
    "own_comment.show": Input(path=TOKEN),
    "own_comment.withdraw": Input(path=TOKEN),
    "links.act": Input(path=TOKEN),
    "links.show": Input(path=TOKEN),
    "context.article": Input(query=BACK),
    "context.author": Input(),
    "context.block": Input(form={"what": "author", "days": "1", "reason": "", "clear": "", **BACK}),
    "context.block_choices": Input(),
    "context.blocks": Input(),
    "context.end_block": Input(),
    "context.note": Input(form={"text": "words", **BACK}),
    "context.thread": Input(),
    "covers.ask": Input(query=BACK),
    "covers.cover": Input(form={"words": "words", "seen": "1", "preview": "", **BACK}),
    "covers.uncover": Input(form={"seen": "1", **BACK}),
    "staff.ask": Input(query={"saved": "", **BACK}),
    "staff.edit": Input(form={"body": "words", **BACK}),
    "staff.reply": Input(form={"body": "words", "name": "The desk", "seen": "1", **BACK}),
    "staff.withdraw": Input(form=BACK),
    "context.trust": Input(form={"effect": "hold", **BACK}),
    "picks.log": Input(query={"before": ""}),
    "picks.pick": Input(form={"back": "", **BACK}),
    "privacy.erase": Input(form={"email": "a@b.example", "text": "keep", "sure": ""}, path=SITE),
    "privacy.export": Input(form={"email": "a@b.example"}, path=SITE),
    "privacy.find": Input(form={"email": "a@b.example"}, path=SITE),
    "privacy.show": Input(path=SITE),
    "own_lists.reasons": Input(path=SITE),
    "own_lists.save_reason": Input(
        form={"code": "no_ads", "name": "No ads", "enabled": "y", "text.en": "words", "text.ja": "words"}, path=SITE),
    "own_lists.move_reason": Input(form={"act": "up"}, path=SITE),
    "own_lists.replies": Input(path=SITE),
    "own_lists.save_reply": Input(form={"id": "0123456789ab", "name": "Thanks", "text": "words"}, path=SITE),
    "own_lists.move_reply": Input(form={"act": "up"}, path=SITE),
    "queue.snooze": Input(form={"back": "", **BACK}),
    "queue.find": Input(query=dict.fromkeys(
        ("q", "name", "email", "article", "status", "since", "until", "moderator", "reason", "alike", "after"), "")),
    "queue.lease": Input(form={"comment": "1", "leave": ""}),
    "queue.show": Input(query={"status": "", "after": "", "lane": "5", "deferred": "", "view": "", "sort": ""}),
    "cases.decide": Input(form={"seen": "1", "comment_seen": "2", "outcome": "removed", "ground": "law",
                                "provision": "article 1", "facts": "words", **BACK}),
    "cases.ask": Input(form={"seen": "1", "question": "words", **BACK}),
    "cases.file": Input(),
    "cases.hold": Input(form={"reason": "words", "until": "2027-01-01"}),
    "cases.release": Input(),
    "cases.reopen": Input(form={"seen": "1", **BACK}),
    "cases.show": Input(),
    "cases.show_all": Input(query={"closed": "1", "before": ""}),
    "notices.ask": Input(query={"comment": "1", "lang": "en"}, path=SITE),
    "notices.take": Input(form={"link": f"{PAGE}#comment-1", "claim": "privacy", "law": "article 1",
                                "explanation": "words", "name": "Hanako", "email": "hanako@readers.example",
                                "good_faith": "y", "subject": "", "lang": "en"}, path=SITE),
    "inquiries.answer": Input(form={"answer": "objection", "text": "words"}, path=TOKEN),
    "inquiries.show": Input(path=TOKEN),
    "notice_links.confirm": Input(path=TOKEN),
    "notice_links.disown": Input(path=TOKEN),
    "notice_links.object_to": Input(form={"text": "words"}, path=TOKEN),
    "notice_links.show": Input(path=TOKEN),
    "reset.ask": Input(),
    "reset.choose": Input(form={"password": "violet anchor tundra"}, path=TOKEN),
    "reset.send": Input(form={"email": "a@b.example"}),
    "reset.show": Input(path=TOKEN),
    "email_change.confirm": Input(path=TOKEN),
    "email_change.refuse": Input(path=TOKEN),
    "email_change.show": Input(path=TOKEN),
    "reports.ask": Input(query={"lang": "en"}),
    "reports.take": Input(form={"reason": "spam", "note": "words", "subject": "", "lang": "en"}),
    "rules.end": Input(path=SITE),
    "rules.make": Input(form={"subject": "word", "value": "words", "effect": "hold", "reason": "", "days": "",
                              "try": "1"}, path=SITE),
    "rules.show": Input(query={"subject": "word", "value": "", "effect": "hold", "reason": "", "days": ""}, path=SITE),
    "statistics.show": Input(query={"days": "30"}, path=SITE),
    "sections.put": Input(path=SITE, form={"key": "sports", "name": "Sports", "paths": "/sports", "state": "open",
                                           "hold": ""}),
    "sections.remove": Input(form={"key": "sports"}, path=SITE),
    "sections.show": Input(path=SITE),
    "sites.change_reasons": Input(form=REASONS, path=SITE),
    "sites.reasons": Input(path=SITE),
    "wording.change": Input(query={"lang": "en", "section": ""}, path=SITE, form={
        "intro_shown": "y", "intro": "words", "rules_url": "https://paper.example/rules", "rules_version": "1",
        "closed_text": "words", "held_text": "words", "email_footer": "words", "look": "1"}),
    "wording.show": Input(query={"lang": "en", "section": ""}, path=SITE),
    "sites.change_settings": Input(form={"name": "Paper", "origins": "https://paper.example"}, path=SITE),
    "sites.embed": Input(path=SITE),
    "sites.make_state_key": Input(path=SITE),
    "states.claim": Input(form=HERE | {"state": "closed 2026-11-30T00:00:00Z 00"}),
    "sites.list_all": Input(),
    "sites.screening": Input(path=SITE),
    "sites.settings": Input(path=SITE),
    "static": Input(path={"filename": "desk.js"}),
    "summary.show": Input(query={"lang": "en"}, path=SITE),
    "tokens.make": Input(form={"name": "CMS", "role": "admin", "days": "90"} | dict.fromkeys(
        ("read", "moderate", "manage", "transfer"), "y"), path=SITE),
    "tokens.revoke": Input(path=SITE),
    "tokens.show": Input(path=SITE),
    "transfers.begin": Input(form={"name": "export.xml", "size": "10", "file": ""}, path=SITE),
    "transfers.begin_export": Input(form={"format": "csv"}, path=SITE),
    "transfers.check": Input(form={"moves": "/old=/new", "old": "https://old.example", "new": "https://new.example",
                                   "pingbacks": "1", "only_public": "1", "close_threads": "1"}, path=SITE),
    "transfers.discard": Input(path=SITE),
    "transfers.download": Input(path=SITE),
    "transfers.receive": Input(query={"at": "0"}, path=SITE),
    "transfers.show": Input(path=SITE),
    "transfers.show_all": Input(path=SITE),
    "transfers.start": Input(path=SITE),
    "transfers.stop": Input(path=SITE),
    "votes.cast": Input(form=HERE | {"helpful": "1", "back": "", "author": ""}, query=PLACE),
    "thread.fragment": Input(query=READ),
    "thread.page": Input(query=READ),
    "threads.add": Input(form={"url": "/story", "q": "", "after": ""}, path=SITE),
    "threads.set_state": Input(form={"state": "closed", "reason": "words", **BACK}, path=SITE),
    "threads.undo": Input(form=BACK, path=SITE),
    "threads.name": Input(form={"title": "Story", "url": PAGE, "published": "2026-11-01", "section": ""}, path=SITE),
    "threads.page": Input(path=SITE),
    "threads.move": Input(form={"moves": "/old,/new", "try": "1", "old": "", "q": "", "after": ""}, path=SITE),
    "threads.show": Input(query={"old": "", "q": "", "after": ""}, path=SITE),
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
