"""The baseline of what cannot be ready: comments by the same libraries on the same server, and nothing else.

A post is validated, its Markdown rendered and sanitised, and both the comment and its thread's count are written in
one durable transaction; its answer is the comment. A page is the comments of a thread. Nothing is screened, counted
against floods, told from a double, decided, logged or signed.
"""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from datetime import UTC, datetime
from typing import Any

import bleach
from flask import Flask, abort, current_app, request
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import FlaskForm
from jinja2 import Environment
from markdown_it import MarkdownIt
from sqlalchemy import ForeignKey, select
from sqlalchemy.orm import Mapped, mapped_column, relationship
from wtforms import StringField, TextAreaField, validators

import app.extensions  # noqa: F401 - says how a connection behaves, and when SQLite's lock is taken
from app.server.rsgi import Wire, served
from bench import constant
from bench.measure import serving

# Read once: Flask's own `render_template_string` would compile it for each answer.
COMMENTS = Environment(autoescape=True).from_string("""
{% for each in comments %}<article id="comment-{{ each.id }}"><h3>{{ each.name }}</h3>
<time>{{ each.created_at.isoformat() }}</time>{{ each.html|safe }}</article>{% endfor %}""")
ALLOWED = frozenset({"p", "em", "strong", "a", "blockquote", "code", "pre", "ul", "ol", "li", "br"})

WORKERS = 2

# What is stored by hand; a value is written as SQLite's driver wants it, and as PostgreSQL's does.
INSERT = """INSERT INTO comment (thread_id, name, email, body, html, created_at)
SELECT id, :name, :email, :body, :html, :now FROM thread WHERE url = :url RETURNING id"""
COUNT = "UPDATE thread SET count = count + 1 WHERE url = :url"
POSTGRESQL = {each: re.sub(r":(\w+)", r"%(\1)s", each) for each in (INSERT, COUNT)}

db = SQLAlchemy()
markdown = MarkdownIt("commonmark", {"html": False})


class Thread(db.Model):
    id: Mapped[int] = mapped_column(primary_key=True)
    url: Mapped[str] = mapped_column(unique=True)
    count: Mapped[int] = mapped_column(default=0)


class Comment(db.Model):
    id: Mapped[int] = mapped_column(primary_key=True)
    thread_id: Mapped[int] = mapped_column(ForeignKey(Thread.id), index=True)
    name: Mapped[str]
    email: Mapped[str]
    body: Mapped[str]
    html: Mapped[str]
    created_at: Mapped[datetime]
    thread: Mapped[Thread] = relationship()


class CommentForm(FlaskForm):
    class Meta:
        csrf = False

    name = StringField(validators=[validators.InputRequired(), validators.Length(max=100)])
    email = StringField(validators=[validators.InputRequired(), validators.Email()])
    body = TextAreaField(validators=[validators.InputRequired(), validators.Length(max=10_000)])


def plain(url: str) -> Flask:
    """An application on that database, which is empty or was filled by `fill`."""
    service = Flask(__name__)
    service.config |= {"SQLALCHEMY_DATABASE_URI": url, "DATABASE_URL": url, "MAX_CONTENT_LENGTH": 2**20}
    service.config |= {"EDGE_MB": 0, "WORKERS": WORKERS, "BY_HAND": "BY_HAND" in os.environ}
    db.init_app(service)
    service.add_url_rule("/embed/thread", view_func=page)
    service.add_url_rule("/embed/comments", view_func=post, methods=["POST"])
    return service


def page() -> str:
    thread = thread_of(request.args["url"])
    comments = db.session.scalars(select(Comment).where(Comment.thread_id == thread.id).order_by(Comment.id).limit(50))
    return COMMENTS.render(comments=comments.all())


def post() -> tuple[str, int]:
    form = CommentForm(request.form)
    if not form.validate():
        return str(form.errors), 422
    keep = kept_by_hand if current_app.config["BY_HAND"] else kept
    comment = keep(request.form["url"], form.name.data, form.email.data, form.body.data)
    return COMMENTS.render(comments=[comment]), 201


def kept(url: str, name: str, email: str, body: str) -> Comment:
    comment = written(thread_of(url), name, email, body)
    db.session.commit()
    return comment


def kept_by_hand(url: str, name: str, email: str, body: str) -> dict[str, Any]:
    """The same for the driver, in two statements; of SQLAlchemy only its pool is left."""
    row = {"url": url, "name": name, "email": email, "body": body, "html": rendered(body), "now": datetime.now(UTC)}
    sqlite = db.engine.dialect.name == "sqlite"
    with closing(db.engine.raw_connection()) as connection:
        cursor = connection.cursor()
        if sqlite:
            cursor.execute("BEGIN IMMEDIATE")
        cursor.execute(*_for_driver(INSERT, row, sqlite))
        [id] = cursor.fetchone() or abort(404)
        cursor.execute(*_for_driver(COUNT, row, sqlite))
        connection.commit()
    return row | {"id": id, "created_at": row["now"]}


def _for_driver(statement: str, row: dict[str, Any], sqlite: bool) -> tuple[str, dict[str, Any]]:
    return (statement if sqlite else POSTGRESQL[statement]), row


def thread_of(url: str) -> Thread:
    return db.first_or_404(select(Thread).where(Thread.url == url))


def written(thread: Thread, name: str, email: str, body: str) -> Comment:
    comment = Comment(
        thread=thread, name=name, email=email, body=body, html=rendered(body), created_at=datetime.now(UTC)
    )
    db.session.add(comment)
    thread.count = Thread.count + 1
    return comment


def rendered(body: str) -> str:
    return bleach.clean(markdown.render(body), tags=ALLOWED)


def fill(service: Flask, url: str, comments: int) -> None:
    """A thread with so many comments of a few lines."""
    with service.app_context():
        db.create_all()
        thread = Thread(url=url, count=0)
        db.session.add(thread)
        db.session.flush()
        for number in range(comments):
            written(
                thread, f"Reader {number}", f"reader{number}@readers.example", f"Comment {number}, " + "words " * 40
            )
        db.session.commit()


@contextmanager
def running(url: str, thread: str, by_hand: bool = False, ready: constant.Answer | None = None) -> Iterator[str]:
    """The address of that service on an empty database, with a thread of 50 comments, in two processes as ours.

    Where `ready` is given, that is the answer to all who read.
    """
    fill(plain(url), thread, 50)
    command = f"{sys.executable} -m granian --interface rsgi --no-ws --http 1 --workers {WORKERS} --log-level error"
    given = {"DATABASE_URL": url} | ({"BY_HAND": "1"} if by_hand else {})
    with constant.told(ready) if ready else nullcontext(dict(os.environ)) as environment:
        factory = "wired_behind_ready" if ready else "wired"
        with serving(f"{command} --port {{port}} --factory bench.plain:{factory}", environment | given) as started:
            yield started[1]


def wired() -> Wire:
    """What the web server loads."""
    return served(plain(os.environ["DATABASE_URL"]))


def wired_behind_ready() -> Any:
    """The same behind a constant for all who read."""
    posts, reads = wired(), constant.application()

    async def application(scope: Any, protocol: Any) -> None:
        await (reads if scope.method == "GET" else posts.__rsgi__)(scope, protocol)

    return application
