"""Replies of a root: links to the parent."""

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


def _parents(html: str) -> set[str]:
    return set(re.findall(r'class="to"[^>]* href="([^"]+)"', html))
