"""Rendered comments contain text, a dozen elements and intended links, for any input."""

import random
import re

import html5lib
import nh3
import pytest
from bs4 import BeautifulSoup
from html5lib.serializer import HTMLSerializer
from html5lib.treewalkers import getTreeWalker
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.lib import html_reducer, markup
from app.lib.markup import plain, render, sanitise
from app.lib.urls import safe_url
from tests.growth import seconds

ALLOWED = {"p", "br", "em", "strong", "code", "pre", "blockquote", "ul", "ol", "li", "a", "del"}
REL = "nofollow ugc noopener noreferrer"
LONGEST_BODY = 20_000


def link(address: str, text: str | None = None) -> str:
    return f'<a href="{address}" rel="{REL}">{text or address}</a>'


# What a reader means.


@pytest.mark.parametrize(
    ("body", "html"),
    [
        ("", ""),
        ("賛成", "<p>賛成</p>\n"),
        ("a\nb\n\nc", "<p>a<br>\nb</p>\n<p>c</p>\n"),
        ("*a* **b** ~~c~~ `d`", "<p><em>a</em> <strong>b</strong> <del>c</del> <code>d</code></p>\n"),
        ("```js\n<b>\n\n  x\n```", "<pre><code>&lt;b&gt;\n\n  x\n</code></pre>\n"),
        ("> a\n> b\n\nc", "<blockquote>\n<p>a<br>\nb</p>\n</blockquote>\n<p>c</p>\n"),
        ("- a\n- b\n  - c", "<ul>\n<li>a</li>\n<li>b\n<ul>\n<li>c</li>\n</ul>\n</li>\n</ul>\n"),
        ("1. a\n2. b", "<ol>\n<li>a</li>\n<li>b</li>\n</ol>\n"),
        ("[x](https://a.example/b 'title')", f"<p>{link('https://a.example/b', 'x')}</p>\n"),
        ("<https://a.example/?b=1&c=2>", f"<p>{link('https://a.example/?b=1&amp;c=2')}</p>\n"),
        ("https://a.example/x_y_z, ok", f"<p>{link('https://a.example/x_y_z')}, ok</p>\n"),
        ("**https://a.example/**です", f"<p><strong>{link('https://a.example/')}</strong>です</p>\n"),
        ("https://a.example/'", f"<p>{link('https://a.example/')}'</p>\n"),
        ("\\*a\\*", "<p>*a*</p>\n"),
    ],
)  # fmt: skip
def test_markdown_is_shown_as_meant(body: str, html: str) -> None:
    assert render(body) == html


@pytest.mark.parametrize(
    "typed",
    [
        "# 一番", "#1", "---", "* * *", "a | b", "![x](y.png)", "<b>x</b>", "<script>alert(1)</script>",
        "&lt; &amp; &#65;", "3. について", "2024. 1. 1", "-", "+", "1.", "    poem", "~~~", "すごい~~~",
        "$x_1 * y_2$", "a * b * c", "snake_case_name", "[x](javascript:alert(1))", "[x](/relative)",
        "[x](//a.example)", "[x](#a)", "[x](mailto:a@b.example)", "[x](https://user@a.example)", "[x][y]",
        "[x]: https", "javascript:alert(1)", "//a.example", "a@b.example", "<a@b.example>",
        "<javascript:alert(1)>", "http://", "https://localhost",
    ],
)  # fmt: skip
def test_unknown_markup_stays_as_typed(typed: str) -> None:
    soup = BeautifulSoup(render(typed), "html5lib")
    assert soup.body.get_text().strip() == typed.strip()
    assert {each.name for each in soup.body.find_all(True)} == {"p"}


# Japanese.


@pytest.mark.parametrize(
    ("body", "inner"),
    [
        ("**強調**です", "<strong>強調</strong>です"),
        ("これは**「強調」**です", "これは<strong>「強調」</strong>です"),
        ("**強調。**次", "<strong>強調。</strong>次"),
        ("**注意！**です", "<strong>注意！</strong>です"),
        ("**(強調)**です", "<strong>(強調)</strong>です"),
        ("。**「強調」**。", "。<strong>「強調」</strong>。"),
        ("*強調*です、~~「消す」~~です", "<em>強調</em>です、<del>「消す」</del>です"),
        ("**“引用”**です", "<strong>“引用”</strong>です"),
        ("**한국어(조선말)**를", "<strong>한국어(조선말)</strong>를"),
        ("詳細は[こちら](https://a.example/)です", f"詳細は{link('https://a.example/', 'こちら')}です"),
        ("詳細はhttps://a.example/。次", f"詳細は{link('https://a.example/')}。次"),
        ("https://a.example/newsを見て", f"{link('https://a.example/news')}を見て"),
        (
            "https://a.example/wiki/日本",
            link("https://a.example/wiki/%E6%97%A5%E6%9C%AC", "https://a.example/wiki/日本"),
        ),
        ("　字下げ", "　字下げ"),
    ],
)
def test_japanese_needs_no_spaces_around_markup(body: str, inner: str) -> None:
    assert render(body) == f"<p>{inner}</p>\n"


@pytest.mark.parametrize(
    "faces",
    [
        "(*^_^*)", "(*´∀｀*) (*´Д｀*)", "（*^^*）と（*^^*）", "m(__)m と m(__)m", "m(_ _)m", "^_^ a ^_^",
        "( *_* ) ( *_* )",
        "(>_<) (T_T)", "(;_;) (;_;)", "-_- a -_-", ">_<", ">_< a >_<", "(*'ω'*)", "¯\\_(ツ)_/¯",
        "(*≧▽≦) (*≧▽≦)",
        "orz _|￣|○", ">:(", ">:D", "~~~>> a <<~~~",
    ],
)  # fmt: skip
def test_faces_keep_their_eyes(faces: str) -> None:
    assert plain(render(faces)) == faces
    assert {each.name for each in BeautifulSoup(render(faces), "html5lib").body.find_all(True)} == {"p"}


def test_an_answer_to_comment_twelve_is_not_a_quotation_of_a_quotation() -> None:
    assert render(">>12 それは違う\n>>13") == "<p>&gt;&gt;12 それは違う<br>\n&gt;&gt;13</p>\n"
    assert render(">引用です") == "<blockquote>\n<p>引用です</p>\n</blockquote>\n"


# Mallory.


def test_invisible_links_show_where_they_lead() -> None:
    assert render("[ ](https://a.example) [\u200b](https://b.example)") == (
        f"<p>{link('https://a.example')} {link('https://b.example')}</p>\n"
    )
    assert sanitise("<a href=https://a.example><img src=x></a>") == f"<p>{link('https://a.example')}</p>"


def test_overrides_go_and_open_isolates_do_not_reach_beyond_their_line() -> None:
    assert render("\u202eabc\u202c \u2067d") == "<p>abc d</p>\n"
    assert sanitise("a&#x202e;b&#xe0041;c") == "<p>abc</p>"


def test_too_deep_or_too_many_marks_are_shown_as_typed() -> None:
    deep = "> " * 80 + "x"
    assert render(deep) == f"<pre>{deep.replace('>', '&gt;')}</pre>"
    stars = "*a " * 80 + "a* " * 80 + "."
    assert render(stars) == f"<pre>{stars}</pre>"
    many = "**a**\n" * markup.MAX_MARKS
    assert render(many) == f"<pre>{many.strip()}</pre>"
    assert plain(render(many)) == many.strip()


SHAPES = [
    "a", "あ", "a\n", "a\n\n", "*a* ", "*a **b ", "*", "_", "~~a~~ ", "`", "`a` ", "``` ", "```\n", "> ",
    ">\n", "> a\n>> b\n", "- ", "- a\n", "1. a\n", "- a\n  ", "- a\n\n", "> - ", "[", "](", "[a](",
    "[a](https://a.b) ", "[](https://a.b)", "![", "[a](b \"", "[a](b 'x ", "[a](<b ", "[a]((", "[\\]",
    "[[a]]", "<", "<a ", "<!--", "http://", "http://a.b ", "http://a.b/((((", "http://a.b/あ",
    "https://a.b/*", "<https://a.b>", "\\", "&", "&amp;", "\t", "\u202e", "\u2066", "\u2066\u2069", "a\u0301",
    "👨‍👩‍👧", "*_", "**a*", "***a*** ", "(*", "*a_b~~c[", "\n", ":", "://", "\u200b", "_a*b_c* ", "``a`b",
    '"',
]  # fmt: skip
FOREIGN_SHAPES = [
    "<b>", "<b><p>", "<b>a<p>", "<b></b>", "<b><i></b>", "<b x=1><b x=2><p>", "<i><b><em><strong>",
    "<ul><li>", "<li>", "<p>", "<p>a", "<div>a", "</p>a", "</b>", "<br>", "a<br>", "<blockquote>",
    "<a href=https://a.b>x</a>", "<a href=https://a.b>", "<a x=1 ", "<a x='", '<a x="', "<a x", "<", "</",
    "<!", "<!--", "<?", "<script>", "<style>a</style>", "&", "&amp;", "&lt;", "&#x41;", "<svg>",
    "<table><tr><td>", "<pre>\n", "<h1><p>", "a\n", "<q>", "<code>", "<![CDATA[", "<x y>",
]  # fmt: skip
SECONDS = 0.1
FACTOR = 3  # margin for slow or busy machines


def filled(shape: str, filler: str) -> str:
    """As many copies of a shape as have an effect, spread over the longest body."""
    count = max(1, min(markup.MAX_MARKS // max(1, len(markup.MARK.findall(shape))), LONGEST_BODY // len(shape)))
    return ((shape + filler * (LONGEST_BODY // count - len(shape))) * count)[:LONGEST_BODY]


@pytest.mark.parametrize("shape", SHAPES)
def test_no_shape_of_text_keeps_the_server_busy(shape: str) -> None:
    for body in ((shape * LONGEST_BODY)[:LONGEST_BODY], filled(shape, "あ"), filled(shape, " ")):
        assert seconds(render, body) < SECONDS * FACTOR


@pytest.mark.parametrize("shape", FOREIGN_SHAPES)
def test_no_shape_of_html_keeps_the_importer_busy(shape: str) -> None:
    html = (shape * LONGEST_BODY)[:LONGEST_BODY]
    assert seconds(sanitise, html) < SECONDS * FACTOR
    assert seconds(lambda: sanitise(html, newlines=True)) < SECONDS * FACTOR


@pytest.mark.parametrize(
    "shape", ["<b>a<p>", "<a x='", "<ul><li>", "<b x=1><b x=2><p>", "<p>a&amp;<br>", "<p>a</p>", "<p>a<br>a"]
)
def test_twice_the_html_takes_about_twice_the_time(shape: str) -> None:
    few, many = (seconds(sanitise, (shape * length)[:length]) for length in (LONGEST_BODY, 4 * LONGEST_BODY))
    assert many < 0.02 + 4 * 2**0.6 * few


# Proof by an oracle that shares nothing with the code: html5lib's tree, and BeautifulSoup's.


def faults(html: str) -> list[str]:
    """Elements and attributes in the parsed HTML that are not allowed."""
    found = []
    for each in html5lib.parseFragment(html, namespaceHTMLElements=False).iter():
        if each.tag == "DOCUMENT_FRAGMENT":
            continue
        if each.tag not in ALLOWED:
            found.append(f"element {each.tag}")
        elif each.tag == "a" and not is_good_link(dict(each.attrib)):
            found.append(f"link {each.attrib}")
        elif each.tag != "a" and each.attrib:
            found.append(f"attributes {each.attrib}")
    if re.search("[\u202a-\u202e\u200b\U000e0001\x00\x1b]", html):
        found.append("invisible characters")
    return found + (["parses otherwise"] if parsed_and_written(html) != html else [])


def is_good_link(attributes: dict[str, str]) -> bool:
    href = attributes.get("href", "")
    safe = re.fullmatch(r"https?://[^/?#@\\]+([/?#][!-~]*)?", href) and not re.search(r"[\"'`<>\\]", href)
    return bool(safe) and set(attributes) == {"href", "rel"} and attributes["rel"] == REL and len(href) <= 2000


def parsed_and_written(html: str) -> str:
    serializer = HTMLSerializer(omit_optional_tags=False, quote_attr_values="always")
    tree = html5lib.parseFragment(html, namespaceHTMLElements=False)
    return "".join(serializer.serialize(getTreeWalker("etree")(tree)))


def test_the_oracle_sees_what_it_should() -> None:
    """Control: the oracle detects forbidden HTML."""
    for bad in [
        "<script>x</script>", "<p id=a>", "<a href='https://a.example'>x</a>", "<svg><p></svg>", "\u202e",
        "<p><p>", f'<a href="javascript:1" rel="{REL}">x</a>', f'<a href="/x" rel="{REL}">x</a>',
        f'<a href="//a.example" rel="{REL}">x</a>',
    ]:  # fmt: skip
        assert faults(bad), bad
    assert faults(f"<p>a<br>{link('https://a.example/')}</p>") == []


def check(text: str) -> None:
    for html in (render(text), sanitise(text), sanitise(text, newlines=True)):
        assert faults(html) == [], (text, html)
        assert sanitise(html) == html, (text, html)
        html.encode()
        plain(html).encode()


MARKDOWN = "* ** _ ~~ ` ``` > - 1. [ ]( ) ![ \\ https://a.b javascript: 強調 。 「 」 a"
TAGS = (
    "< > </ <a <b <p> </p> <ul> <li> </li> <pre> </pre> <code> </code> <br> <q> <td> <h1> </b> </ul> "
    "<blockquote> </blockquote> <a/href=https://a.b> </a> <svg> <style> </style> <script> <!-- --> "
    "& &lt; &#0; &#x202e; ' \" = /"
)
SPACES = ["\n", "\n\n", " ", "　", "    ", "\u202e", "\u2066", "\u2069", "\u0338", "\u200d", "\x00", "\ud800"]
PIECES = st.sampled_from([*MARKDOWN.split(), *TAGS.split(), *SPACES])


@given(st.text(alphabet=st.characters(exclude_categories=())))
def test_any_text_becomes_safe_html_that_stays(text: str) -> None:
    check(text)


@settings(max_examples=600)
@given(st.lists(PIECES, max_size=30).map("".join))
def test_any_mixture_of_markup_becomes_safe_html_that_stays(text: str) -> None:
    check(text)


@example("*<p>\n ")
@example("*<p>a \n \n")
@given(st.lists(PIECES, max_size=30).map("".join))
def test_heavy_texts_are_as_safe_as_light_ones(text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(markup, "MAX_MARKS", 3)
        check(text)


@settings(max_examples=300)
@given(st.lists(PIECES, max_size=30).map("".join))
def test_no_typed_character_is_lost(text: str) -> None:
    typed, shown = (re.sub(r"[^a強調]", "", each) for each in (text, plain(render(text))))
    hidden = re.findall(r"(?:\]\(|```|https://)", text)  # addresses and languages of code may go
    assert hidden or typed == shown


ATTACKS = "xss/xss_dev.jsonl"


def test_attackers_leave_nothing_behind(real) -> None:  # type: ignore[no-untyped-def]
    for row in random.Random(7).sample(real(ATTACKS), 3000):
        check(row["input"])


@pytest.mark.torture
def test_all_attackers_leave_nothing_behind(real) -> None:  # type: ignore[no-untyped-def]
    for row in real(ATTACKS):
        check(row["input"])


def test_a_raw_attack_would_be_noticed(real) -> None:  # type: ignore[no-untyped-def]
    rows = [row["input"] for row in real(ATTACKS)][:1000]
    assert sum(bool(faults(each)) for each in rows) > 500


def test_another_sanitiser_finds_nothing_to_take_away(real) -> None:  # type: ignore[no-untyped-def]
    for row in random.Random(8).sample(real(ATTACKS), 1000):
        html = render(row["input"])
        other = nh3.clean(
            html,
            tags=ALLOWED,
            attributes={"a": {"href", "rel"}},
            link_rel=None,
            url_schemes={"http", "https"},
        )
        assert BeautifulSoup(other, "html5lib") == BeautifulSoup(html, "html5lib"), row["input"]


# Other systems.


@pytest.mark.parametrize(
    ("html", "ours"),
    [
        ("<p>a <b>b</b> <i>c</i> <s>d</s> <cite>e</cite></p>",
        "<p>a <strong>b</strong> <em>c</em> <del>d</del> <em>e</em></p>"), ("<q>a</q>", "<p>“a”</p>"),
        ("<div>a<div>b</div>c</div>d", "<p>a</p><p>b</p><p>c</p><p>d</p>"),
        ("<b><p>x</p>y</b>", "<p><strong>x</strong></p><p><strong>y</strong></p>"),
        ("<h2>見出し</h2>本文", "<p><strong>見出し</strong></p><p>本文</p>"),
        ("<ul><li>a<li>b</ul>", "<ul><li>a</li><li>b</li></ul>"),
        ("<blockquote class=x>a</blockquote>", "<blockquote>a</blockquote>"),
        ("<pre>\n\n\na</pre>", "<pre>a</pre>"),
        ("<pre><h1>\n", "<pre></pre>"),
        ("<pre lang=x>a\n  b</pre>", "<pre>a\n  b</pre>"),
        ("<table><tr><td>1<td>2<tr><td>3</table>", "<p>1 2</p><p>3</p>"),
        ('いいね<img src="x.gif" alt=":-)" class="wp-smiley">', "<p>いいね:-)</p>"),
        ("<script>alert(1)</script>a<style>b{}</style>c<!-- d -->", "<p>ac</p>"),
        ('<a href="https://a.example/?b&amp;c" onclick=x target=_blank rel=me>d</a>',
        f"<p>{link('https://a.example/?b&amp;c', 'd')}</p>"), ('<a href="/wp-admin/">a</a><a name=b>c</a>',
        "<p>ac</p>"), ("a < b && c > d <3", "<p>a &lt; b &amp;&amp; c &gt; d &lt;3</p>"),
        ("&lt;b&gt; &copy; &nbsp;&hearts;", "<p>&lt;b&gt; © \xa0♥</p>"),
        ("a<br />b<hr>c", "<p>a<br>b</p><p>c</p>"),
        ("<a <b", "<p>&lt;a &lt;b</p>"),
    ],
)  # fmt: skip
def test_comments_from_elsewhere_look_as_they_did(html: str, ours: str) -> None:
    assert sanitise(html) == ours


def test_wordpress_shows_ends_of_lines() -> None:
    comment = "Hi\nyou\n\n<b>there\n\nx</b>\n<blockquote>q\nr</blockquote>\n\nend<br />\nz\n"
    assert sanitise(comment, newlines=True) == (
        "<p>Hi<br>\nyou</p><p><strong>there</strong></p><p><strong>x</strong></p>"
        "<blockquote><p>q<br>\nr</p></blockquote><p>end<br>z</p>"
    )
    assert sanitise("<p>a\nb</p>") == "<p>a\nb</p>"


# Mails and feeds.


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("", ""),
        ("a\nb\n\n**c** & <d>", "a\nb\n\nc & <d>"),
        ("> q\n> r\n>\n> s\n\nans", "> q\n> r\n>\n> s\n\nans"),
        ("- a\n- b\n  - c\n\n1. x\n2. y\n\nz", "- a\n- b\n  - c\n\n1. x\n2. y\n\nz"),
        ("```\na\n\n  b\n```\nx", "a\n\n  b\n\nx"),
        ("[x](https://a.example/) https://a.example/日本", "x <https://a.example/> https://a.example/日本"),
        ("> - a\n>   b\n\nx", "> - a\n>   b\n\nx"),
    ],
)
def test_emails_read_like_the_typed_text(body: str, text: str) -> None:
    assert plain(render(body)) == text


def test_every_link_that_is_shown_may_go_out() -> None:
    hrefs = re.findall(
        'href="([^"]*)"', render("https://a.example/ [b](https://日本語.jp/あ?い=う#え) <https://c.example>")
    )
    assert len(hrefs) == 3 and [safe_url(each) for each in hrefs] == hrefs


PARAGRAPH_PIECES = st.sampled_from(
    ["a", "é", "あ", "𠮷", '"', "'", "&", "<", ">", "\n", " ", "<p>", "</p>", "<br>", "&lt;", "\u00a0"]
)


@given(st.lists(PARAGRAPH_PIECES, max_size=24).map("".join), st.booleans())
def test_paragraphs_that_bleach_does_not_see_are_what_it_would_give_back(html: str, newlines: bool) -> None:
    written = html_reducer.reduce_html(html, newlines=newlines)
    if markup.PARAGRAPHS.fullmatch(written):
        assert markup._cleaner().clean(written) == written


@pytest.mark.parametrize("html", ["</p>", "<p>", "<p>a<b>c</b></p>", "<p>&nbsp;</p>", "<p x>a</p>", "<br>", "a"])
def test_all_but_plain_paragraphs_goes_through_bleach(html: str) -> None:
    assert not markup.PARAGRAPHS.fullmatch(html)
