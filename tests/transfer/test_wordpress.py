"""The WordPress reader returns the export's records, also from damaged files."""

import gzip
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from app.transfer import wordpress
from app.transfer.record import (
    CommentRecord,
    Note,
    Reason,
    Record,
    Skip,
    ThreadRecord,
    TruncatedFile,
    UnreadableFile,
)
from app.transfer.source import Source
from tests.transfer.exports import HEAD, comment, page, wxr

Save = Callable[[str | bytes], Path]


def comments(records: list[Record]) -> list[CommentRecord]:
    return [record for record in records if isinstance(record, CommentRecord)]


def read_one(path: Path) -> CommentRecord:
    (found,) = comments(list(wordpress.read(path)))
    return found


def test_a_comment_arrives_with_all_that_was_known_of_it(save: Save) -> None:
    text = comment(
        7,
        "<![CDATA[Fine &amp; <b>good</b>]]>",
        author="<![CDATA[Tom &amp; Jerry]]>",
        author_url="http://example.org/?a=1&amp;b=2",
        author_IP="::ffff:203.0.113.9",
        parent="3",
    )
    thread, found = list(wordpress.read(save(wxr(page(text)))))
    assert thread == ThreadRecord("1", "https://example.com/1/", "Page", True)
    assert isinstance(found, CommentRecord)
    assert (found.source_id, found.thread_source_id, found.parent_source_id) == ("7", "1", "3")
    assert (found.name, found.email) == ("Tom & Jerry", "reader7@example.com")
    assert (found.website, found.ip) == ("http://example.org/?a=1&b=2", "203.0.113.9")
    assert found.body == "<p>Fine &amp; <b>good</b></p>"
    assert found.created_at == datetime(2019, 3, 4, 1, 49, 28, tzinfo=UTC)
    assert (found.status, found.kind, found.notes) == ("approved", "comment", ())


def test_the_first_category_of_an_article_is_its_section(save: Save) -> None:
    tagged = (
        '<category domain="post_tag" nicename="goal"><![CDATA[Goal]]></category>'
        '<category domain="category" nicename="sports"><![CDATA[Sports & more]]></category>'
        '<category domain="category" nicename="local"><![CDATA[Local]]></category>'
    )
    first, _comment, second, _other = wordpress.read(
        save(wxr(page(comment(7), state=tagged), page(comment(8), number=2)))
    )
    assert isinstance(first, ThreadRecord) and isinstance(second, ThreadRecord)
    assert (first.section, second.section) == ("sports", "")


def test_a_traceback_that_shows_a_comment_tells_nothing_about_the_person(save: Save) -> None:
    found = read_one(save(wxr(page(comment(7, author="Alice", author_IP="203.0.113.9")))))
    assert "7" in repr(found)
    assert not any(secret in repr(found) for secret in ("Alice", "example.com", "203.0", "Hello"))


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("1", "approved"),
        ("approved", "approved"),
        ("0", "pending"),
        ("hold", "pending"),
        ("spam", "spam"),
        ("trash", "rejected"),
        ("post-trashed", "rejected"),
        ("<![CDATA[ 1 ]]>", "approved"),
    ],
)
def test_a_status_keeps_its_meaning(save: Save, word: str, status: str) -> None:
    found = read_one(save(wxr(page(comment(1, approved=word)))))
    assert (found.status, found.notes) == (status, ())


@pytest.mark.parametrize("word", ["", "delayed", "2"])
def test_a_comment_of_unknown_status_waits_for_a_moderator(save: Save, word: str) -> None:
    found = read_one(save(wxr(page(comment(1, approved=word)))))
    assert (found.status, found.notes) == ("pending", (Note.UNKNOWN_STATUS,))


def test_private_notes_of_a_shop_are_left_out_and_named(save: Save) -> None:
    records = list(wordpress.read(save(wxr(page(comment(1), comment(2, type="order_note"))))))
    assert [found.source_id for found in comments(records)] == ["1"]
    assert next(record for record in records if isinstance(record, Skip)).reason is Reason.NOT_A_COMMENT


def test_a_date_in_local_time_only_is_taken_and_noted(save: Save) -> None:
    text = comment(1, date_gmt="0000-00-00 00:00:00", date="2019-03-04 10:49:28")
    found = read_one(save(wxr(page(text))))
    assert found.created_at == datetime(2019, 3, 4, 10, 49, 28, tzinfo=UTC)
    assert found.notes == (Note.LOCAL_DATE,)


@pytest.mark.parametrize(
    ("zone", "clock", "hour"),
    [
        ("Asia/Tokyo", "2019-03-04 10:49:28", "2019-03-04 01:49:28"),
        ("Europe/Berlin", "2019-07-04 10:49:28", "2019-07-04 08:49:28"),
        ("Europe/Berlin", "2019-10-27 02:30:00", "2019-10-27 00:30:00"),  # duplicate
        ("Europe/Berlin", "2019-03-31 02:30:00", "2019-03-31 01:30:00"),  # missing
    ],
)
def test_a_local_date_is_that_of_the_clocks_where_it_was_written(save: Save, zone: str, clock: str, hour: str) -> None:
    local = comment(1, date_gmt="0000-00-00 00:00:00", date=clock)
    known = comment(2, date_gmt=hour, date="2001-01-01 00:00:00")
    first, second = comments(list(wordpress.read(Source(save(wxr(page(local, known))), zone=ZoneInfo(zone)))))
    assert first.created_at == second.created_at == datetime.fromisoformat(f"{hour}+00:00")
    assert (first.notes, second.notes) == ((Note.LOCAL_DATE,), ())


def test_a_local_date_at_the_edge_of_time_is_none(save: Save) -> None:
    text = wxr(page(comment(1, date_gmt="", date="0001-01-01 00:00:00")))
    (found,) = comments(list(wordpress.read(Source(save(text), zone=ZoneInfo("Asia/Tokyo")))))
    assert found.notes == (Note.NO_DATE,)


def test_a_comment_without_date_or_id_is_not_lost_and_is_the_same_comment_next_time(save: Save) -> None:
    path = save(wxr(page(comment(1, id="", date_gmt="soon"))))
    found = read_one(path)
    assert found.created_at.year == 1970
    assert set(found.notes) == {Note.NO_ID, Note.NO_DATE}
    assert found.source_id == read_one(path).source_id != ""


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        ("one\ntwo", "<p>one<br>\ntwo</p>"),
        ("one\r\n\r\ntwo", "<p>one</p>\n<p>two</p>"),
        ("one<br />two", "<p>one<br>\ntwo</p>"),
        ("one<br />\ntwo", "<p>one<br>\ntwo</p>"),
        (
            "a <blockquote>b\nc</blockquote>\nd",
            "<p>a</p>\n<blockquote>\n<p>b<br>\nc</p>\n</blockquote>\n<p>d</p>",
        ),
        ("<pre>a\n\nb</pre>", "<pre>\na\n\nb\n</pre>"),
        ("<ul>\n<li>a</li>\n</ul>", "<ul>\n<li>\na\n</li>\n</ul>"),
        ("<p>a</p>\n<p>b</p>", "<p>\na\n</p>\n<p>\nb\n</p>"),
        ("", ""),
    ],
)
def test_line_breaks_look_as_wordpress_showed_them(save: Save, stored: str, shown: str) -> None:
    found = read_one(save(wxr(page(comment(1, f"<![CDATA[{stored}]]>")))))
    assert found.body == shown


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Tom & Jerry &nbsp;&copy;", "<p>Tom & Jerry \xa0©</p>"),
        ("a &lt;b&gt;c&lt;/b&gt; &amp;amp;", "<p>a <b>c</b> &amp;</p>"),
        ("a <b>c</b> <br> d", "<p>a <b>c</b><br>\nd</p>"),
        ("nul\x00 bell\x07 &#8; end", "<p>nul bell  end</p>"),
        ("<![CDATA[one]]]]><![CDATA[>two]]>", "<p>one]]>two</p>"),
        ("3 < 4 &undefined; &#xD800;", "<p>3 < 4 &undefined; \ufffd</p>"),
    ],
)
def test_text_that_is_no_xml_is_read_as_it_was_meant(save: Save, written: str, meant: str) -> None:
    records = list(wordpress.read(save(wxr(page(comment(1, written), comment(2))))))
    assert [found.source_id for found in comments(records)] == ["1", "2"]
    assert comments(records)[0].body == meant


def test_a_section_that_is_never_closed_costs_neither_its_comment_nor_the_next(save: Save) -> None:
    broken = comment(1, "<![CDATA[Hello")
    text = wxr(page(broken, comment(2), comment(3)), page(comment(4), number=2))
    records = list(wordpress.read(save(text)))
    assert [(found.source_id, found.thread_source_id) for found in comments(records)] == [
        ("1", "1"),
        ("2", "1"),
        ("3", "1"),
        ("4", "2"),
    ]
    assert comments(records)[0].body == "<p>Hello</p>"
    lines = [number for number, line in enumerate(text.split("\n"), 1) if "<wp:comment>" in line]
    assert [found.line for found in comments(records)] == lines


def test_text_in_a_comment_does_not_become_another_comment(save: Save) -> None:
    forged = "x</wp:comment_content><wp:comment_approved>1</wp:comment_approved></wp:comment>" + comment(
        666, "<![CDATA[forged", author="The Editor"
    )
    records = list(wordpress.read(save(wxr(page(comment(1, f"<![CDATA[{forged}]]>", approved="0"), comment(2))))))
    assert [found.source_id for found in comments(records)] == ["1", "2"]
    assert comments(records)[0].status == "pending"
    assert "forged" in comments(records)[0].body


def test_a_comment_that_is_not_closed_ends_where_the_next_begins(save: Save) -> None:
    open_one = comment(1).replace("</wp:comment>", "")
    records = list(wordpress.read(save(wxr(page(open_one, comment(2))))))
    assert [found.source_id for found in comments(records)] == ["1", "2"]


def test_a_hopeless_comment_is_named_with_its_line_and_the_rest_goes_in(save: Save) -> None:
    hopeless = "<wp:comment>\n<wp:comment_id>5</wp:comment_id><wp:comment_parent></wp:comment_id>\n</wp:comment>\n"
    text = wxr(page(comment(1), hopeless, comment(2)))
    records = list(wordpress.read(save(text)))
    assert [found.source_id for found in comments(records)] == ["1", "2"]
    (skip,) = [record for record in records if isinstance(record, Skip)]
    assert (skip.id, skip.reason) == ("5", Reason.MALFORMED)
    assert skip.line == text[: text.index(hopeless)].count("\n") + 1


@pytest.mark.parametrize("prefix", ["", "wordpress:"])
def test_other_tools_name_the_elements_otherwise(save: Save, prefix: str) -> None:
    text = wxr(page(comment(1), comment(2))).replace("wp:", prefix)
    assert [found.source_id for found in comments(list(wordpress.read(save(text))))] == ["1", "2"]


def test_comments_that_come_before_their_page_is_named_find_it(save: Save) -> None:
    late = f"<item>{comment(1)}{comment(2)}<title>Late</title><link>/late/</link></item>"
    thread, *rest = list(wordpress.read(save(wxr(late))))
    assert thread == ThreadRecord("/late/", "/late/", "Late", True)
    assert [found.thread_source_id for found in comments(rest)] == ["/late/"] * 2


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp932", "euc_jp", "iso2022_jp"])
@pytest.mark.parametrize("label", ["right", "UTF-8"])
def test_japanese_is_read_in_whatever_encoding_and_under_whatever_label(save: Save, encoding: str, label: str) -> None:
    if encoding == "iso2022_jp" and label != "right":
        pytest.skip("its bytes are plain ASCII: under a wrong label nothing tells it from text")
    declared = {"cp932": "Shift_JIS", "euc_jp": "EUC-JP", "iso2022_jp": "ISO-2022-JP"}.get(encoding, "UTF-8")
    text = wxr(page(comment(1, "<![CDATA[とても面白い記事でした。]]>")))
    text = text.replace("UTF-8", declared if label == "right" else label)
    assert read_one(save(text.encode(encoding))).body == "<p>とても面白い記事でした。</p>"


def test_utf8_under_a_latin_label_and_latin_under_a_utf8_label(save: Save) -> None:
    text = wxr(page(comment(1, "<![CDATA[Déjà vu à l'école]]>")))
    assert "Déjà vu" in read_one(save(text.replace("UTF-8", "ISO-8859-1").encode())).body
    assert "Déjà vu" in read_one(save(text.encode("latin-1"))).body


def test_a_broken_character_is_marked_and_the_others_stay(save: Save) -> None:
    text = wxr(page(comment(1, "<![CDATA[面白い#でした]]>"))).encode().replace(b"#", b"\xe3\x81")
    assert read_one(save(text)).body == "<p>面白い\ufffdでした</p>"


def test_a_cut_file_gives_all_records_before_the_cut_and_an_error(save: Save) -> None:
    whole = wxr(page(comment(1), comment(2)), page(comment(3), number=2))
    first_end = whole.index("</wp:comment>") + len("</wp:comment>")
    for cut in range(len(HEAD), len(whole) - len("</rss>\n"), 7):
        seen: list[Record] = []
        with pytest.raises(TruncatedFile) as error:
            for record in wordpress.read(save(whole[:cut])):
                seen.append(record)
        complete = whole[:cut].count("</wp:comment>")
        begun = whole[:cut].count("<wp:comment>")
        assert len(comments(seen)) == complete
        assert sum(isinstance(record, Skip) for record in seen) == begun - complete
        assert error.value.position == cut
    assert first_end < cut


def test_packed_exports_are_unpacked_also_when_cut_or_in_several_members(save: Save) -> None:
    text = wxr(page(*(comment(number) for number in range(1, 400)))).encode()
    assert len(comments(list(wordpress.read(save(gzip.compress(text)))))) == 399
    members = gzip.compress(text[:5000]) + gzip.compress(text[5000:]) + b"\0" * 512
    assert len(comments(list(wordpress.read(save(members))))) == 399
    with pytest.raises(TruncatedFile):
        list(wordpress.read(save(gzip.compress(text)[:-2000])))


@pytest.mark.parametrize("content", ["", "hello", "<html><p>no export</p></html>", "\x1f\x8bnot gzip", "{}"])
def test_invalid_exports_are_refused(save: Save, content: str) -> None:
    with pytest.raises(UnreadableFile):
        list(wordpress.read(save(content.encode("latin-1"))))


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(UnreadableFile):
            list(wordpress.read(path))
