"""What a comment of another system shows or links to is kept as a link."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.lib import markup
from app.models import Author, Comment
from app.transfer import bodies
from tests.cast import a_site
from tests.transfer.exports import HEAD, TAIL, comment, page, wxr

Save = Callable[[str | bytes], Path]
PAGE = "https://paper.example/a/"


def links(body: str) -> str:
    return markup.plain(markup.sanitise(bodies.adapt(body, PAGE, {"taro1": "Taro & Co"}.get)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ('<img src="https://a.example/up/1.png">', "[image: 1.png] <https://a.example/up/1.png>"),
        ("<img src=//a.example/1.png alt='A cat'>", "[image: A cat] <https://a.example/1.png>"),
        ('<img src="/up/1.png">', "[image: 1.png] <https://paper.example/up/1.png>"),
        ('<img src="data:image/png;base64,AAAA">', "[image]"),
        ('<a href="https://a.example/"><img src="https://a.example/1.png"></a>', "[image: 1.png] <https://a.example/>"),
        ('a <img class="wp-smiley" alt=":)" src="x.gif"> <img src="e.svg" alt="😀">', "a :) 😀"),
        ('<iframe src="https://v.example/embed/1"></iframe>', "[embed: v.example/embed/1] <https://v.example/embed/1>"),
        ('<video src="https://a.example/1.mp4"></video>', "[video: 1.mp4] <https://a.example/1.mp4>"),
        (
            '<audio><source src="https://a.example/1.ogg"><source src="https://a.example/1.mp3"></audio>',
            "[audio: 1.ogg] <https://a.example/1.ogg>",
        ),
        (
            '<object><param name="movie" value="https://v.example/1"><embed src="https://v.example/1"></object>',
            "[embed: v.example/1] <https://v.example/1>",
        ),
        ("<video>", "[video]"),
        ("[youtube http://v.example/watch?v=abc]", "[video: v.example/watch] <http://v.example/watch?v=abc>"),
        ("[embed width=3]https://v.example/1[/embed]", "[embed: v.example/1] <https://v.example/1>"),
        ('[video mp4="https://a.example/1.mp4"][/video]', "[video: 1.mp4] <https://a.example/1.mp4>"),
        ('[caption id="x"]<img src="https://a.example/1.png"> Sea[/caption]', "[image: 1.png] <https://a.example/1.png> Sea"),  # noqa: E501
        ("[youtube]", "[youtube]"),
        ("[1] [embed]", "[1] [embed]"),
    ],
)  # fmt: skip
def test_media_become_links(body: str, shown: str) -> None:
    assert links(body) == shown


def test_media_are_counted_once_for_a_comment() -> None:
    assert bodies.has_media("<img src=a.png>") and bodies.has_media("[youtube http://v.example/1]")
    assert not any(map(bodies.has_media, ("<p>[youtube]</p>", '<img alt="😀">', "<imgs>", "an [image]")))


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ("見て https://a.example/a.html をご覧", "見て https://a.example/a.html をご覧"),
        ("www.a.example/?a=1&amp;b=2.", "www.a.example/?a=1&b=2 <http://www.a.example/?a=1&b=2>."),
        ("<code>https://a.example/</code>", "https://a.example/"),
        ("&lt;b&gt; https://a.example/ &amp;lt;", "<b> https://a.example/ &lt;"),
        ('<a href="#comment-21">A</a>', f"A <{PAGE}#comment-21>"),
        ('<a href="#isso-3">A</a> <a href="#top">B</a>', f"A <{PAGE}#isso-3> B"),
        (
            '<a href="http://disq.us/url?url=http%3A%2F%2Fwww.example.org%2Fguide%3Fa%3D1%3AabCDefGh_-&amp;cuid=1">G</a>',
            "G <http://www.example.org/guide?a=1>",
        ),
        ("https://disq.us/url?url=https%3A%2F%2Fa.example%3A8080%3Aab&cuid=1", "https://a.example:8080"),
        ('<a href="https://disq.us/url?url=javascript%3Aalert(1)">x</a>', "x <https://disq.us/url?url=javascript%3Aalert(1)>"),
        ("@taro1:disqus and @taro1", "@Taro & Co and @taro1"),
    ],
)  # fmt: skip
def test_links_lead_where_they_led(body: str, shown: str) -> None:
    assert links(body) == shown


def test_a_bare_url_becomes_a_link_except_in_code() -> None:
    found = markup.sanitise(bodies.adapt("https://a.example/ <code>https://b.example/</code>"))
    assert 'href="https://a.example/"' in found and "href" not in found.split("</a>")[1]


def imported(app: Flask, path: Path, form: str, *more: str) -> dict[str, Any]:
    args = ["import", form, str(path), "--site", "paper", "--json", *more]
    done = app.test_cli_runner().invoke(args=args)
    assert done.exit_code == 0, done.output
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def test_a_comment_that_is_only_a_picture_is_not_empty(app: Flask, db_session: Session, save: Save) -> None:
    a_site(db_session)
    path = save(wxr(page(comment(1, '<![CDATA[<img src="https://a.example/1.png">]]>'), comment(2))))
    note = {"note": "An image, video or embedded page became a link to it.", "count": 1, "ids": ["1"]}
    assert imported(app, path, "wordpress", "--dry-run")["notes"][-1] == note
    assert imported(app, path, "wordpress")["notes"][-1] == note
    found = db_session.query(Comment).filter_by(source_id="1").one()
    assert found.body == "[image: 1.png] <https://a.example/1.png>"


def disqus(*posts: tuple[int, str, str]) -> str:
    """An export with posts of (id, user name, message)."""
    texts = (
        f'<post dsq:id="{id}"><message><![CDATA[{body}]]></message><createdAt>2020-01-01T00:0{number}:00Z</createdAt>'
        f"<author><name>Reader {user}</name><isAnonymous>false</isAnonymous><username>{user}</username></author>"
        '<thread dsq:id="1"/></post>'
        for number, (id, user, body) in enumerate(posts)
    )
    thread = '<thread dsq:id="1"><id>a</id><link>https://paper.example/a/</link><title>A</title></thread>'
    return f'<disqus xmlns:dsq="http://disqus.com/disqus-internals">{thread}{"".join(texts)}</disqus>'


def test_an_account_without_an_email_address_is_one_author(app: Flask, db_session: Session, save: Save) -> None:
    a_site(db_session)
    posts = [(11, "r1", "one"), (12, "r1", "two @r2:disqus"), (13, "r2", "three"), (14, "", "guest"), (15, "", "guest")]
    imported(app, save(disqus(*posts)), "disqus")
    assert db_session.query(Author).count() == 4
    # The same account in a later export.
    imported(app, save(disqus(*posts, (16, "r2", "four"))), "disqus")
    found = {each.source_id: each for each in db_session.query(Comment)}
    assert found["11"].author_id == found["12"].author_id != found["13"].author_id == found["16"].author_id
    assert (found["12"].body, db_session.query(Author).count()) == ("two @Reader r2", 4)


def test_the_report_names_the_accounts_of_the_staff(app: Flask, db_session: Session, save: Save) -> None:
    a_site(db_session)
    writer = "<wp:author><wp:author_id>3</wp:author_id><wp:author_login>hanako</wp:author_login></wp:author>"
    item = page(comment(1, user_id="3"), comment(2, user_id="4"), comment(3, user_id="0"))
    report = imported(app, save(HEAD + writer + item + TAIL), "wordpress", "--dry-run")
    assert report["staff"] == [{"name": "Reader 1", "comments": 1}]
