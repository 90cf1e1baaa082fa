"""The site, page, readers and moderators that most tests use."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.desk import tokens
from app.extensions import db
from app.lib.clock import now
from app.lib.passwords import hash_password
from app.models import (
    Comment,
    Effect,
    ListLine,
    ListSubscription,
    Membership,
    Moderator,
    Role,
    Scope,
    Site,
    Status,
    Subject,
)
from app.models.audit import Who
from app.moderation.decide import decide

ORIGIN = "https://paper.example"
PAGE = f"{ORIGIN}/story"
PASSWORD = "correct horse battery"


def a_site(db_session: Session, key: str = "paper", **settings: Any) -> Site:
    """A site that publishes at once, without flood limits and stamps, unless `settings` override that."""
    quiet: dict[str, Any] = {
        "hold_all": False, "approvals_needed": 0, "min_seconds": 0,
        "brake_decisions": 0, "brake_reports": 0, "flood_per_author": 0, "daily_per_author": 0, "flood_per_address": 0,
    }  # fmt: skip
    # Otherwise the first read writes.
    quiet["first_view_at"] = now()
    site = Site(key=key, **({"name": key.title(), "origins": [ORIGIN]} | quiet | settings))
    db_session.add(site)
    db_session.commit()
    return site


def a_moderator(db_session: Session, site: Site, name: str = "alice", role: Role = Role.MODERATOR) -> Moderator:
    email = f"{name}@moderators.example"
    moderator = Moderator(
        name=name.title(),
        email=email,
        email_index=Moderator.index_of(email),
        password_hash=hash_password(PASSWORD),
        memberships=[Membership(site=site, role=role)],
    )
    db_session.add(moderator)
    db_session.commit()
    return moderator


def a_token(db_session: Session, site: Site, role: Role = Role.ADMIN, *scopes: Scope, name: str = "CMS") -> str:
    """The secret of a new access token."""
    _token, secret = tokens.make(site, name=name, role=role, scopes=scopes, by=Who.OPERATOR)
    db_session.commit()
    return secret


def a_subscription(site: Site, name: str, url: str, *words: str, effect: Effect = Effect.HOLD) -> ListSubscription:
    """A subscription to a shared list with these words; nothing is fetched."""
    key, until = "k" * 43, now() + timedelta(days=1)
    made = ListSubscription(site=site, ref=name.lower(), name=name, url=url, key=key, effect=effect, next_at=until)
    db.session.add(made)
    db.session.flush()
    for word in words:
        line = {"subject": Subject.WORD, "value": word, "expires_at": until}
        db.session.add(ListLine(site_id=site.id, subscription=made, **line))
    site.rules_version += 1
    db.session.flush()
    return made


@dataclass
class Program:
    """A program with an access token."""

    client: FlaskClient
    secret: str

    def get(self, path: str, **query: Any) -> TestResponse:
        return self.client.get(f"/api/v1{path}", query_string=query, headers=self.headers, buffered=True)

    def post(self, path: str, body: dict[str, Any] | None = None, **headers: str) -> TestResponse:
        sent = {} if body is None else {"json": body}
        return self.client.post(f"/api/v1{path}", headers=self.headers | headers, **sent)  # type: ignore[arg-type]

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.secret}", "Accept-Language": "en"}


@dataclass
class Reader:
    """A reader of a page, whose browser keeps the tokens from responses."""

    client: FlaskClient
    name: str = "Hanako"
    email: str = "hanako@readers.example"
    site: str = "paper"
    url: str = PAGE
    author: str = ""
    token: str = ""
    peer: str = "127.0.0.1"

    def post(self, body: str, *, headers: dict[str, str] | None = None, **more: Any) -> TestResponse:
        answer = self.client.post(
            "/embed/comments",
            data=self.fields(body=body, **more),
            headers=headers or {},
            environ_base={"REMOTE_ADDR": self.peer},
        )
        self.author = answer.headers.get("Kaiwa-Author", self.author)
        self.token = answer.headers.get("Kaiwa-Token", self.token)
        return answer

    def fields(self, **more: Any) -> dict[str, Any]:
        given = {"site": self.site, "url": self.url, "name": self.name, "email": self.email, "author": self.author}
        return given | more

    def get_thread(self, **more: Any) -> TestResponse:
        return self.client.get("/embed/thread", query_string={"site": self.site, "url": self.url} | more)


def the_comment(db_session: Session, body: str) -> Comment:
    db_session.expire_all()
    comment = db_session.query(Comment).filter_by(body=body).one()
    db_session.commit()
    return comment


def move(db_session: Session, comment: Comment, status: Status, by: Moderator | None = None) -> None:
    decide(comment, status, seen=comment.version, by=by)
    db_session.commit()
