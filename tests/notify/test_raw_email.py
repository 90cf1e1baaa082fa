"""The raw bytes of every kind of email: ASCII headers, folded right, URLs and addresses never as encoded words."""

import json
import re
from email import message_from_bytes, policy
from email.header import decode_header
from email.message import EmailMessage
from email.utils import parseaddr, parsedate_to_datetime

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app import create_app
from app.desk import accounts, checkers
from app.lib import mailbox
from app.models import (
    Author,
    Claim,
    Comment,
    Delivery,
    Invitation,
    Moderator,
    Outcome,
    Role,
    Site,
    State,
    Status,
    Webhook,
    WebhookState,
)
from app.moderation import notices
from app.moderation.decide import decide, undo
from app.moderation.notices import Draft, Ruling
from app.notify import headers, outbox, replies
from app.notify.account_email import News
from config import BadSetting
from tests.cast import Reader, a_moderator, a_site, the_comment
from tests.services import MailServer, ReceivedEmail

LONG = "選挙について、「市民の声」を読む――東京・大阪・札幌の読者から寄せられたコメント（第二回）"
# No encoded words in these headers: their readers do not decode them.
STRUCTURED = {"list-unsubscribe", "list-unsubscribe-post", "message-id", "date", "auto-submitted", "mime-version",
              "content-type", "content-transfer-encoding"}  # fmt: skip
ENCODED = re.compile(r"=\?utf-8\?[bq]\?[^?\s]*\?=")


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


@pytest.fixture
def settings(settings: dict[str, str]) -> dict[str, str]:
    return settings | {
        "UNDO_WINDOW": "0",
        "PUBLIC_URL": "http://localhost/comments",
        "MAIL_FROM": "会話の、編集部 <news@例え.jp>",
    }


@pytest.fixture
def paper(db_session: Session) -> Site:
    return a_site(db_session, hold_all=True, lang="ja", name=LONG)


@pytest.fixture
def alice(db_session: Session, paper: Site) -> Moderator:
    alice = a_moderator(db_session, paper, role=Role.OWNER)
    alice.name = f"{LONG}, =?utf-8?q?admin?= <root@example.org>"
    db_session.commit()
    return alice


@pytest.fixture
def sent(
    app: Flask, client: FlaskClient, alice: Moderator, smtp: MailServer, db_session: Session
) -> list[ReceivedEmail]:
    """One email of each kind, as raw bytes."""
    hanako = Reader(client, name=LONG)
    hanako.post("First!", notify="y", title=f"{LONG} {LONG} {LONG}")
    author = db_session.query(Author).one()
    author.confirmed_index = author.email_index
    db_session.commit()
    comment = the_comment(db_session, "First!")
    rejected = decide(comment, Status.REJECTED, seen=comment.version, by=alice)
    db_session.commit()
    Reader(app.test_client(), email="taro@例え.jp").post("Second!", notify="y")
    follow_and_announce(hanako, db_session)
    comment.thread.put_into(State.HELD)
    outbox.add("brake", moderator_id=alice.id, payload=json.dumps({"thread": comment.thread_id, "cause": "reports"}))
    score = {"site": comment.site_id, "alarms": 9, "honest": 150}
    outbox.add("score", moderator_id=alice.id, payload=json.dumps(score))
    checker, _secret = checkers.add(comment.site, by=alice, name=LONG[:40], url="https://model.example/")
    payload = json.dumps({"checker": checker.id, "cause": "errors"})
    outbox.add("checker", moderator_id=alice.id, payload=payload)
    outbox.add("flood", moderator_id=alice.id, payload=str(comment.site_id))
    invitation = Invitation(site=comment.site, email="bob@moderators.example", role=Role.ADMIN, made_by=alice)
    db_session.add(invitation)
    db_session.flush()
    outbox.add("invitation", payload=json.dumps({"invitation": invitation.id}))
    outbox.add("trial", moderator_id=alice.id, site_id=comment.site_id)
    olga = a_moderator(db_session, comment.site, "olga", Role.OWNER)
    gone = {"state": WebhookState.GONE, "address": "https://hooks.example/x", "secret": "x"}
    webhook = Webhook(site=comment.site, name=LONG, events=["comment.held"], **gone)
    db_session.add(webhook)
    db_session.flush()
    outbox.add("webhook", moderator_id=olga.id, payload=str(webhook.id))
    accounts.ask_for_reset(alice.email, "ja")
    accounts.ask_for_email_change(alice, "alice@例え.jp")
    for news in News:
        accounts.tell(alice, news)
    db_session.commit()
    send_all()
    undo(rejected, by=alice)
    db_session.commit()
    send_all()
    answer_a_notice(the_comment(db_session, "Fourth!"), db_session, alice)
    send_all()
    db_session.expire_all()
    kinds = {each.kind for each in db_session.query(Delivery) if each.outcome == "sent"}
    assert kinds == set(outbox.COMPOSE), "one of each kind"
    return smtp.emails


def answer_a_notice(comment: Comment, db_session: Session, alice: Moderator) -> None:
    author = comment.author
    author.confirmed_index = author.email_index
    notice = notices.submit(comment, Draft(Claim.PRIVACY, LONG, LONG, LONG, "jiro@例え.jp", "ja"))
    db_session.commit()
    send_all()
    notices.ask(notice, LONG, seen=notice.version, by=alice)
    db_session.commit()
    send_all()
    ruling = Ruling(Outcome.REMOVED, LONG, "law", LONG)
    notices.close(notice, ruling, seen=notice.version, comment_seen=comment.version, by=alice)
    db_session.commit()


def send_all() -> None:
    while outbox.run_once(replies.carriers()) or outbox.run_once():
        pass


def follow_and_announce(hanako: Reader, db_session: Session) -> None:
    hanako.post("Third!", notify="page")
    Reader(hanako.client, LONG, "carol@readers.example").post("Fourth!")
    comment = the_comment(db_session, "Fourth!")
    decide(comment, Status.APPROVED, seen=comment.version)
    db_session.commit()


def lines_of(received: ReceivedEmail) -> list[tuple[str, str]]:
    """Name and raw value of each header, of the email and of its parts; folds kept."""
    found = []
    for block in re.findall(rb"(?:\A|(?<=\r\n)--[^\r\n]+\r\n)((?:[!-9;-~]+:.*\r\n(?:[ \t].*\r\n)*)+)", received.raw):
        for name, value in re.findall(rb"^([!-9;-~]+):(.*(?:\r\n[ \t].*)*)\r\n", block, re.M):
            found.append((name.decode("ascii").lower(), value.decode("ascii")))
    return found


def words_of(value: str) -> list[tuple[bytes, str | None]]:
    return [(part.encode() if isinstance(part, str) else part, charset) for part, charset in decode_header(value)]


def test_every_header_of_every_email_is_ascii_and_short_enough(sent: list[ReceivedEmail]) -> None:
    assert len(sent) >= len(outbox.COMPOSE)
    for received in sent:
        head = received.raw.partition(b"\r\n\r\n")[0]
        assert head.isascii() and b"\n" not in head.replace(b"\r\n", b"")
        assert max(map(len, received.raw.split(b"\r\n"))) <= 998
        for name, value in lines_of(received):
            if name not in ("list-unsubscribe", "message-id"):
                first, *more = f"{name}:{value}".split("\r\n")
                assert all(len(line) <= 78 and line.strip() for line in [first, *more]), (name, value)


def test_addresses_of_pages_and_other_structured_headers_have_no_encoded_words(sent: list[ReceivedEmail]) -> None:
    for received in sent:
        found = lines_of(received)
        assert {"message-id", "date", "from", "to", "subject", "content-type"} <= {name for name, _value in found}
        for name, value in found:
            assert name not in STRUCTURED or "=?" not in value, (name, value)
    stops = [value for received in sent for name, value in lines_of(received) if name == "list-unsubscribe"]
    assert len(stops) == 6
    for stop in stops:
        assert re.fullmatch(r" <http://localhost/comments/mail/(stop|unfollow)/[\w.~-]+>", stop), stop


def test_encoded_words_cut_no_character_and_decode_to_the_input(sent: list[ReceivedEmail]) -> None:
    seen = 0
    for received in sent:
        for name, value in lines_of(received):
            for word in ENCODED.findall(value):
                seen += 1
                assert len(word) <= 75
                for part, charset in words_of(word):
                    assert part.decode(charset or "ascii")
            if name in ("from", "to"):
                assert not any("@" in word for word in ENCODED.findall(value))
    assert seen > 20
    assert any(LONG in received.subject for received in sent)
    to = next(value for received in sent for name, value in lines_of(received) if name == "to" and "alice" in value)
    shown = b"".join(part for part, _charset in words_of(to.partition("<")[0].strip())).decode()
    assert LONG in shown and "=?utf-8?q?admin?=" in shown, "what looks encoded is text"


def test_domains_go_out_as_a_labels_and_the_envelope_agrees(sent: list[ReceivedEmail]) -> None:
    for received in sent:
        assert received.sender == "news@xn--r8jz45g.jp" == parseaddr(dict(lines_of(received))["from"])[1]
        assert received.to == [parseaddr(dict(lines_of(received))["to"])[1]]
        assert parsedate_to_datetime(dict(lines_of(received))["date"].strip()).tzinfo
    assert ["taro@xn--r8jz45g.jp"] in [received.to for received in sent]


@pytest.mark.parametrize(
    "typed",
    ["Zoë Ö a Ö " * 9 + "end", "word " * 40 + "end", "x" * 140, "=?utf-8?b?4oCuZXZpbA==?= " * 3 + "x", "👨‍👩‍👧‍👦" * 50,
     "が" * 150, "a" * 60 + " " + "é" * 60, "“quoted”, (comment) <a@b>; \\", "ÀB=C_D?E F"],
)  # fmt: skip
def test_any_subject_comes_back_as_it_was_typed(typed: str) -> None:
    message = EmailMessage(policy=headers.POLICY)
    headers.put(message, "Subject", headers.text("Subject", typed))
    raw = message.as_bytes()
    assert raw.isascii() and max(map(len, raw.split(b"\r\n"))) <= 998
    value = raw.decode().partition("\r\n\r\n")[0].removeprefix("Subject: ")
    assert re.sub(r"\r\n ", " ", value) == typed or b"".join(part for part, _c in words_of(value)).decode() == typed


@pytest.mark.parametrize(
    "shown", ["", "Alice", 'O\'Neil, "Al" (x)', "山田 太郎" * 14, "=?utf-8?q?x?=", "a" * 70, "ß" * 70]
)
def test_any_name_stays_a_name(shown: str) -> None:
    message = EmailMessage(policy=headers.POLICY)
    headers.put(message, "To", headers.mailbox("To", shown, "a@b.example"))
    raw = message.as_bytes()
    assert max(map(len, raw.split(b"\r\n"))) <= 78
    parsed = message_from_bytes(raw, policy=policy.compat32)
    name, address = parseaddr(parsed["To"])
    assert address == "a@b.example"
    assert b"".join(part for part, _c in words_of(name)).decode() == shown if name else not shown


@pytest.mark.parametrize("value", ["a\r\nBcc: x@y", "a\nb", "a\rb", "é", "a\r\n", "a\0b"])
def test_nothing_ends_a_headers_line(value: str) -> None:
    with pytest.raises(ValueError, match="not a valid header"):
        headers.put(EmailMessage(policy=headers.POLICY), "Subject", value)


NOT_ASCII = ["花子@example.jp", "日本@mailx.com", "jo\u0301@example.org", "а@example.org"]


@pytest.mark.parametrize("email", NOT_ASCII)
def test_an_address_that_mail_servers_cannot_carry_is_refused_where_it_is_typed(
    client: FlaskClient, paper: Site, email: str, db_session: Session
) -> None:
    answer = Reader(client, email=email).post("Hello", notify="y", lang="en")
    assert answer.status_code == 422 and "before the @" in answer.text
    with pytest.raises(ValueError):
        mailbox.check(email, private_names=True)
    with pytest.raises(BadSetting, match="MAIL_FROM"):
        create_app({"DATABASE_URL": "sqlite://", "SECRET_KEY": "k" * 64, "MAIL_FROM": email})


@pytest.mark.parametrize("email", NOT_ASCII)
def test_a_stored_address_that_cannot_be_written_is_given_up_once_and_visibly(
    alice: Moderator, client: FlaskClient, smtp: MailServer, db_session: Session, email: str,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    alice.email = email
    db_session.commit()
    Reader(client).post("Hello")
    while outbox.run_once():
        pass
    db_session.expire_all()
    given_up = db_session.query(Delivery).filter_by(kind="digest").one()
    assert (given_up.outcome, given_up.attempts, smtp.emails) == ("gave up", 1, [])
    assert "not ASCII" in given_up.error
    levels = {json.loads(line)["level"] for line in capsys.readouterr().err.splitlines() if "deliver" in line}
    assert levels == {"WARNING"}


@pytest.mark.parametrize("email", ["yamada..taro@docomo.ne.jp", "yamada.@ezweb.ne.jp"])
def test_old_addresses_of_japanese_carriers_work(
    alice: Moderator, client: FlaskClient, smtp: MailServer, db_session: Session, email: str
) -> None:
    assert Reader(client, email=email).post("Hello", notify="y").status_code == 202
    while outbox.run_once():
        pass
    local, domain = email.split("@")
    (received,) = smtp.to(email)
    assert dict(lines_of(received))["to"].strip() == f'<"{local}"@{domain}>'


def test_a_message_id_is_ascii_whatever_the_host(app: Flask) -> None:
    for url, domain in {
        "https://例え.jp/x": "xn--r8jz45g.jp",
        "http://[::1]:8000": "[IPv6:::1]",
        f"https://{'a' * 60}.{'b' * 60}.example": f"{'a' * 60}.{'b' * 60}.example",
    }.items():
        other = create_app({"DATABASE_URL": "sqlite://", "SECRET_KEY": "k" * 64, "PUBLIC_URL": url})
        with other.app_context():
            assert re.fullmatch(rf"<[0-9a-f]{{32}}@{re.escape(domain)}>", outbox.new_message_id())
