"""Small exports for the tests, in the form of the original programs."""

from pathlib import Path

FIXTURES = Path(__file__).parent.parent / "data" / "imports"

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<rss version="2.0"><channel>\n'
TAIL = "</channel></rss>\n"


def comment(number: int, body: str = "<![CDATA[Hello]]>", **fields: str) -> str:
    """One comment of a WXR file; `body` as it stands in the file."""
    values = {
        "id": str(number),
        "author": f"<![CDATA[Reader {number}]]>",
        "author_email": f"reader{number}@example.com",
        "date_gmt": "2019-03-04 01:49:28",
        "content": body,
        "approved": "1",
        "parent": "0",
        **fields,
    }
    inner = "".join(f"<wp:comment_{name}>{value}</wp:comment_{name}>\n" for name, value in values.items())
    return f"<wp:comment>\n{inner}</wp:comment>\n"


def page(*comments: str, number: int = 1, state: str = "") -> str:
    """One item of a WXR file; `state` are elements such as <wp:status>."""
    known = f"<title>Page</title><link>https://example.com/{number}/</link><wp:post_id>{number}</wp:post_id>"
    return f"<item>{known}<wp:comment_status>open</wp:comment_status>{state}{''.join(comments)}</item>\n"


def wxr(*pages: str) -> str:
    return HEAD + "".join(pages) + TAIL
