"""The baseline without a cache: a minimal comment service with the same libraries on the same server.

A post is validated, its Markdown rendered and sanitised, and the comment and its thread's count are written in one
durable transaction; the answer is the comment. A page lists the comments of a thread. There is no screening,
rate limit, duplicate check, decision, log or signature.
"""

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from typing import Any

import bleach
from flask import Flask, request
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import FlaskForm
from jinja2 import Environment
from markdown_it import MarkdownIt
from sqlalchemy import ForeignKey, select
from sqlalchemy.orm import Mapped, mapped_column, relationship
from wtforms import StringField, TextAreaField, validators

import app.extensions  # noqa: F401 - sets the connections' pragmas, and when SQLite's lock is taken
from app.server.rsgi import AT_ONCE, AT_ONCE_ON_SQLITE, NEW_OBJECTS, RsgiServer
from bench import constant
from bench.measure import serving

# Flask's `render_template_string` would compile it for each answer.
COMMENTS = Environment(autoescape=True).from_string("""
{% for each in comments %}<article id="comment-{{ each.id }}"><h3>{{ each.name }}</h3>
<time>{{ each.created_at.isoformat() }}</time>{{ each.html|safe }}</article>{% endfor %}""")
ALLOWED = frozenset({"p", "em", "strong", "a", "blockquote", "code", "pre", "ul", "ol", "li", "br"})

WORKERS = 2

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


def create_app(url: str) -> Flask:
    service = Flask(__name__)
    service.config["SQLALCHEMY_DATABASE_URI"] = url
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
    comment = insert(thread_of(request.form["url"]), form.name.data, form.email.data, form.body.data)
    db.session.commit()
    return COMMENTS.render(comments=[comment]), 201


def thread_of(url: str) -> Thread:
    return db.first_or_404(select(Thread).where(Thread.url == url))


def insert(thread: Thread, name: str, email: str, body: str) -> Comment:
    comment = Comment(
        thread=thread, name=name, email=email, body=body, html=render_markdown(body), created_at=datetime.now(UTC)
    )
    db.session.add(comment)
    thread.count = Thread.count + 1
    return comment


def render_markdown(body: str) -> str:
    return bleach.clean(markdown.render(body), tags=ALLOWED)


def fill(service: Flask, url: str, comments: int) -> None:
    with service.app_context():
        db.create_all()
        thread = Thread(url=url, count=0)
        db.session.add(thread)
        db.session.flush()
        for n in range(comments):
            insert(thread, f"Reader {n}", f"reader{n}@readers.example", f"Comment {n}, " + "words " * 40)
        db.session.commit()


@contextmanager
def running(url: str, thread: str, constant_read: constant.Answer | None = None) -> Iterator[str]:
    """The address of the service on an empty database, with a thread of 50 comments, in two processes.

    With `constant_read`, each GET is answered with that.
    """
    fill(create_app(url), thread, 50)
    command = f"{sys.executable} -m granian --interface rsgi --no-ws --http 1 --workers {WORKERS} --log-level error"
    with constant.configured(constant_read) if constant_read else nullcontext(dict(os.environ)) as environment:
        factory = "application_with_constant_reads" if constant_read else "application"
        given = environment | {"DATABASE_URL": url}
        with serving(f"{command} --port {{port}} --factory bench.plain:{factory}", given) as started:
            yield started[1]


def application() -> RsgiServer:
    """The threads and the garbage collector are set as in Kaiwa (`app.server.rsgi.served`)."""
    url = os.environ["DATABASE_URL"]
    service = create_app(url)
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS)
    at_once = AT_ONCE_ON_SQLITE if url.startswith("sqlite") else AT_ONCE
    return RsgiServer(service, max_body=2**20, at_once=at_once)


def application_with_constant_reads() -> Any:
    posts, reads = application(), constant.application()

    async def route(scope: Any, protocol: Any) -> None:
        await (reads if scope.method == "GET" else posts.__rsgi__)(scope, protocol)

    return route
