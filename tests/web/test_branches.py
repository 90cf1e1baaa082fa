"""Branches: replies that a reader may collapse, and links to the parent."""

import re

from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from tests.cast import Reader, a_site, the_comment


def test_the_link_to_the_parent_leads_to_it_from_every_page(client: FlaskClient, db_session: Session) -> None:
    a_site(db_session, page_size=10)
    reader = Reader(client)
    reader.post("Root")
    root = the_comment(db_session, "Root").id
    for number in range(12):
        reader.post(f"Reply {number}", parent=root)
    first = client.get("/thread", query_string={"site": "paper", "url": reader.url}).text
    assert _parents(first) == {f"#comment-{root}"}
    after = re.findall(r"after=([0-9A-V.]+)", first)[0]
    rest = client.get("/thread", query_string={"site": "paper", "url": reader.url, "after": after}).text
    (address,) = _parents(rest)
    assert address.endswith(f"&amp;comment={root}#comment-{root}")
    there = client.get(address.replace("&amp;", "&")).text
    assert f'id="comment-{root}"' in there


def test_replies_of_a_root_can_be_collapsed_and_are_counted(client: FlaskClient, db_session: Session) -> None:
    a_site(db_session)
    reader = Reader(client)
    for name in ("One", "Two", "Alone"):
        reader.post(name)
    one, two = the_comment(db_session, "One").id, the_comment(db_session, "Two").id
    reader.post("Under one", parent=one)
    reader.post("Below", parent=the_comment(db_session, "Under one").id)
    reader.post("Under two", parent=two)
    for sort in ("oldest", "newest"):
        for lang, labels in (("en", {"2 replies", "1 reply"}), ("ja", {"返信 2 件", "返信 1 件"})):
            html = reader.get_thread(sort=sort, lang=lang).text
            assert html.count("<details") == html.count("</details>") == 2
            branches = re.findall('<details class="branch" part="branch" open>(.+?)</details>', html, re.DOTALL)
            assert {re.findall("<summary[^>]*>(.+?)</summary>", each)[0] for each in branches} == labels
            assert all("depth-0" not in each for each in branches)
            assert {each.count("<article") for each in branches} == {1, 2}


def test_a_branch_with_more_replies_on_another_page_says_so(client: FlaskClient, db_session: Session) -> None:
    a_site(db_session, page_size=10)
    reader = Reader(client)
    reader.post("Root")
    root = the_comment(db_session, "Root").id
    for number in range(12):
        reader.post(f"Reply {number}", parent=root)
    first = reader.get_thread(lang="en").text
    assert re.findall("<summary[^>]*>(.+?)</summary>", first) == ["9+ replies"]
    assert first.index('class="further replies"') < first.index("</details>")
    rest = reader.get_thread(after=re.findall(r"after=([0-9A-V.]+)", first)[0]).text
    assert rest.count("<article") == 3 and "<details" not in rest


def test_branches_add_little_to_a_page(client: FlaskClient, db_session: Session) -> None:
    a_site(db_session)
    reader = Reader(client)
    reader.post("Root")
    reader.post("Reply", parent=the_comment(db_session, "Root").id)
    html = reader.get_thread(lang="en").text
    added = re.findall("<details.+?</summary>|</details>", html)
    assert len(added) == 2 and len("".join(added)) < 120


def _parents(html: str) -> set[str]:
    return set(re.findall(r'class="to"[^>]* href="([^"]+)"', html))
