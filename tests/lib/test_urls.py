"""All spellings of a page's URL have one key; different pages have different keys."""

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.lib.urls import (
    MAX_LENGTH,
    canonical,
    clean_website,
    host_of,
    is_allowed,
    origin_of,
    page_key,
    safe_href,
    safe_url,
)

ARTICLE = "https://news.example/2024/kaiwa?p=12&page=2"


@pytest.mark.parametrize(
    "written",
    [
        "http://news.example/2024/kaiwa?p=12&page=2",
        "HTTPS://NEWS.example:443/2024/kaiwa?p=12&page=2",
        "http://news.example:80/2024/kaiwa?p=12&page=2",
        "https://news.example./2024/kaiwa?p=12&page=2",
        "https://news.example/2024/kaiwa/?p=12&page=2",
        "https://news.example/2024//kaiwa/?p=12&page=2",
        "https://news.example/2024/kaiwa/index.html?p=12&page=2",
        "https://news.example/2024/kaiwa/index.php?p=12&page=2",
        "https://news.example/2024/x/../kaiwa/.?p=12&page=2",
        "https://news.example/2024/%6Baiwa?p=12&page=2",
        "https://news.example/2024/kaiwa;jsessionid=0A1B?p=12&page=2",
        "https://news.example/2024/kaiwa?page=2&p=12",
        "https://news.example/2024/kaiwa?&p=12&&page=2&",
        "https://news.example/2024/kaiwa?utm_source=x&p=12&utm_medium=mail&page=2&fbclid=abc&gclid=1",
        "https://news.example/2024/kaiwa?p=12&page=2&itm_source=a&ga_medium=b&s_cid=c&wt_zmc=d&__s=e&mc_tc=f",
        "https://news.example/2024/kaiwa?p=12&page=2&amp=1",
        "https://news.example/2024/kaiwa?p=12&page=2#comment-7",
        "https://reader:secret@news.example/2024/kaiwa?p=12&page=2",
        "  https://news.example/2024/kaiwa?p=12&page=2\n",
    ],
)
def test_readers_who_came_by_different_addresses_meet_in_one_thread(written: str) -> None:
    assert page_key(written) == page_key(ARTICLE) == ARTICLE


@pytest.mark.parametrize(
    "other",
    [
        "https://www.news.example/2024/kaiwa?p=12&page=2",
        "https://news.example:8443/2024/kaiwa?p=12&page=2",
        "https://news.example/2024/Kaiwa?p=12&page=2",
        "https://news.example/2024/kaiwa/amp?p=12&page=2",
        "https://news.example/2024/kaiwa?p=13&page=2",
        "https://news.example/2024/kaiwa?p=12",
        "https://news.example/2024/kaiwa?p=12&page=2&ref=3",
        "https://news.example/2024/kaiwa?p=12&page=2&amp=42",
        "https://news.example/2024/kaiwa?p=12&page=2&ga_id=3",
        "https://news.example/2024/kaiwa?p=12%26page=2",
        "https://news.example/2024%2Fkaiwa?p=12&page=2",
        "https://news.example/2024/kaiwa?p=12&page=2&preview=5",
        "https://news.example/2024/kaiwa?p=12&page=2&page_id=3",
        "https://news.example/2024/kaiwa?p=12&page=2&share=a%2Fb",
        "https://news.example/2024/comment-page-2/kaiwa?p=12&page=2",
    ],
)
def test_another_article_has_another_thread(other: str) -> None:
    assert page_key(other) != page_key(ARTICLE)


@pytest.mark.parametrize(
    ("one", "same"),
    [
        ("https://日本語.jp/記事/今日", "https://xn--wgv71a119e.jp/%E8%A8%98%E4%BA%8B/%e4%bb%8a%e6%97%a5/"),
        ("https://ja.wikipedia.org/wiki/Go_(game)", "https://ja.wikipedia.org/wiki/Go_%28game%29"),
        ("https://news.example/a b?q=a b", "https://news.example/a%20b?q=a+b"),
        ("https://news.example", "http://news.example/index.html"),
        ("https://news.example/a.amp.html", "https://news.example/a.html"),
        ("https://[2001:DB8:0::1]/", "https://[2001:db8::1]"),
        ("https://news.example/100%", "https://news.example/100%25"),
        *(
            (f"https://news.example/a/{own}", "https://news.example/a/")
            for own in (
                "?replytocom=55",
                "?unapproved=5&moderation-hash=0a1b",
                "comment-page-2/",
                "comment-page-3",
                "?cpage=2",
                "?preview=true",
                "?preview_id=5&preview_nonce=0a&preview=true",
                "?share=twitter&nb=1",
                "?openExternalBrowser=1",
                "?amp;utm_source=a&amp;amp;utm_medium=b",
                "../../a",
                "../../../a/",
            )
        ),
        ("https://news.example/?a=1&amp;b=2", "https://news.example/?a=1&b=2"),
        ("https://news.example/a.amp", "https://news.example/a"),
    ],
)
def test_encodings_of_one_address_are_one_key(one: str, same: str) -> None:
    assert page_key(one) == page_key(same)


@pytest.mark.parametrize(
    "typed",
    ["", "news.example", "/2024", "//news.example/", "ftp://news.example/", "javascript:alert(1)", "https://",
     "https:///a", "https://a..b/", "https://a b/", "https://news.example:99999/", "https://ne\tws.example/",
     "https://256.256.256.256/", "https://[::g]/", "https://a\\@b/", "file:///etc/passwd", "https://%00/"],
)  # fmt: skip
def test_an_invalid_url_has_no_key(typed: str) -> None:
    with pytest.raises(ValueError):
        page_key(typed)
    assert origin_of(typed) is None


@given(st.text(alphabet=st.characters(exclude_categories=["Cc", "Cs"]) | st.sampled_from("/.%?&=#;:+ ")))
def test_a_key_is_its_own_key(text: str) -> None:
    key = page_key(f"https://news.example/{text}")
    assert page_key(key) == key


@pytest.mark.parametrize(
    "name", ["canonical_courlan", "canonical_normalize_url_js", "canonical_url_normalize", "canonical_w3lib"]
)
def test_real_addresses_have_stable_keys(real, name: str) -> None:  # type: ignore[no-untyped-def]
    keys = [key for row in real(f"urls/{name}.jsonl") if (key := _key_or_none(row["input"]))]
    assert len(keys) > 30
    assert [key for key in keys if page_key(key) != key] == []


@pytest.mark.parametrize("name", ["canonical_courlan", "canonical_url_normalize", "canonical_w3lib"])
def test_a_stored_address_opens_the_same_page_and_names_nothing_else(real, name: str) -> None:  # type: ignore[no-untyped-def]
    written = [str(row["input"]) for row in real(f"urls/{name}.jsonl") if _key_or_none(row["input"])]
    for url in written:
        stored = canonical(url)
        assert (canonical(stored), page_key(stored)) == (stored, page_key(url)), url
        assert "#" not in stored and "@" not in urlsplit(stored).netloc


# What ClearURLs removes everywhere (shared/data/urls/clearurls_rules.json), one name for each rule, and sessions.
TRACKING_NAMES = """
    utm utm_source mtm mtm_campaign ga_source yclid _openstat fb_action_types fb_source fbclid action_object_map
    gs_l mkt_tok hmb_medium gclid srsltid otm_x cmpid os_ehash _ga _gl __twitter_impression wt_zmc wtrid dclid
    Echobox spm vn_a_b tracking_source ceneo_spo itm_medium __hsfp __hssc __hstc _hsenc __s hsCtaTracking mc_eid
    ml_subscriber ml_subscriber_hash msclkid oly_anon_id oly_enc_id rb_clickid s_cid vero_conv vero_id wickedid
    twclid PHPSESSID JSESSIONID ASPSESSIONIDQQAD ASP.NET_SessionId CFID CFTOKEN osCsid zenid mibextid ysclid _kx
    irclickid cjevent dm_i ref_src xtor vgo_ee bsft_uid sfmc_sub _branch_match_id elqTrackId wprov __tn__ ldtag_cl
    utm%5Fsource UTM_Medium fbcl%69d %67clid
""".split()  # noqa: SIM905


@pytest.mark.parametrize("name", TRACKING_NAMES)
def test_a_stored_address_has_no_tracking_and_no_session(name: str) -> None:
    assert canonical(f"https://news.example/a?{name}=1&p=2") == page_key("https://news.example/a?p=2")


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("http://me:secret@News.Example.:80/a/./b/../c/?p=1#top", "http://news.example/a/c/?p=1"),
        ("https://news.example:443", "https://news.example/"),
        ("https://news.example:8443/a/..", "https://news.example:8443/"),
        ("https://www.news.example/index.html?fbclid=x", "https://www.news.example/index.html"),
        ("https://news.example/a;jsessionid=1?PHPSESSID=2&b=%7e&a=%c3%a9", "https://news.example/a?b=~&a=%C3%A9"),
        ("https://news.example/a%2Fb/%2e%2E/c//d/%7Eme?&&=&x#%23", "https://news.example/c//d/~me?=&x"),
        ("https://news.example?", "https://news.example/"),
        ("https://NEWS.example:0443/?utm_source=a&utm_medium=b#a?b", "https://news.example/"),
        ("https://a:b@c:d@news.example/", "https://news.example/"),
        ("  https://news.example/ ", "https://news.example/"),
        ("https://ｎｅｗｓ。example/", "https://news.example/"),
        ("https://xn--WGV71A119E.example/", "https://xn--wgv71a119e.example/"),
        ("https://日本語.example/記事", "https://xn--wgv71a119e.example/%E8%A8%98%E4%BA%8B"),
    ],
)
def test_an_address_is_stored_as_it_opens(written: str, stored: str) -> None:
    assert canonical(written) == stored


def _key_or_none(url: object) -> str | None:
    try:
        return page_key(str(url))
    except ValueError:
        return None


def test_origins_are_what_browsers_say_or_nothing(real) -> None:  # type: ignore[no-untyped-def]
    rows = [row for row in real("urls/whatwg_urltestdata.jsonl") if row["input"][:4] == "http" and row.get("origin")]
    right = [row for row in rows if origin_of(row["input"]) == row["origin"]]
    wrong = [row for row in rows if origin_of(row["input"]) not in (None, row["origin"])]
    assert wrong == []
    assert len(right) >= 100


def test_every_international_host_has_a_stable_origin(real) -> None:  # type: ignore[no-untyped-def]
    hosts = [row["source"] for row in real("urls/idna_test_v2.jsonl") if "\\u" not in row["source"]]
    origins = [origin for host in hosts if (origin := origin_of(f"https://{host}/"))]
    assert len(origins) > 1000
    assert [each for each in origins if origin_of(each) != each] == []


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://News.Example:443/a", "https://news.example"),
        ("http://news.example:443", "http://news.example:443"),
        ("http://news.example:0080/", "http://news.example"),
        ("https://日本語.jp", "https://xn--wgv71a119e.jp"),
        ("https://日本語。jp", "https://xn--wgv71a119e.jp"),
        ("https://faß.example", "https://xn--fa-hia.example"),
        ("http://0x7f.1:8000", "http://127.0.0.1:8000"),
        ("http://2130706433", "http://127.0.0.1"),
        ("http://[::ffff:1.2.3.4]", "http://[::ffff:102:304]"),
        ("https://news.example@evil.example/", "https://evil.example"),
        ("null", None),
    ],
)
def test_an_origin_is_written_as_browsers_write_it(url: str, origin: str | None) -> None:
    assert origin_of(url) == origin


def test_only_alices_own_origins_are_allowed_to_embed() -> None:
    hers = ["https://news.example", "http://localhost:8000"]
    assert is_allowed("https://NEWS.example:443", hers)
    assert is_allowed("https://news.example/2024?x", hers)
    assert is_allowed("http://localhost:8000/a", hers)
    for foreign in [
        "null", "", "http://news.example", "https://news.example:8443", "https://news.example.evil.example",
        "https://evilnews.example", "https://www.news.example", "http://localhost",
        "https://news.example@evil.example", "https://evil.example/https://news.example",
        "https://evil.example#https://news.example", "news.example", "https://news.example\\.evil.example",
        "https://news.example.", "https://evil.example?https://news.example",
    ]:  # fmt: skip
        assert not is_allowed(foreign, hers), foreign
    assert not is_allowed("https://news.example", [])


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("", ""),
        ("   ", ""),
        ("alice.example", "https://alice.example"),
        ("alice.example:8080/~a", "https://alice.example:8080/~a"),
        ("HTTP://Alice.example/Ä", "http://alice.example/%C3%84"),
        (" https://日本語.jp/日記 ", "https://xn--wgv71a119e.jp/%E6%97%A5%E8%A8%98"),
        ("https://alice.example/a?b=c&d=%20#e", "https://alice.example/a?b=c&d=%20#e"),
    ],
)
def test_a_website_is_kept_as_a_safe_address(typed: str, kept: str) -> None:
    assert clean_website(typed) == kept
    assert clean_website(kept) == kept


REFUSED = [
    "javascript:alert(1)", "javascript:1", "data:text/html,x", "mailto:a@b.example", "//evil.example",
    "/wp-admin/", "#x", "alice", "http:alice.example", "http:/alice.example", "ftp://alice.example",
    "https://", "https://a@b.example", "https://a:b@c.example/", "a@b.example", "https://a.example/\\b",
    "https://a.example/'", 'https://a.example/"', "https://a.example/`", "https://a.example/<b>",
    "https://a.example/ b", "https://a.example/\u202eb", "https://a.example/\u200bb",
    "https://a.example/\U000e0041", "https://a.example/\x00", "https://a.example/\ud800",
    "java\tscript:alert(1)", "https://a.example/" + "a" * MAX_LENGTH, "https://a.example:65536",
    "https://a.example/" + "あ" * 300,
]  # fmt: skip


@pytest.mark.parametrize("typed", REFUSED)
def test_a_website_that_hides_where_it_leads_is_refused(typed: str) -> None:
    with pytest.raises(ValueError):
        clean_website(typed)


def test_a_link_that_may_not_be_followed_stays_text() -> None:
    assert safe_href("javascript:alert(1)") == safe_href("/relative") == safe_href("") == ""
    assert safe_href("https://en.wikipedia.org/wiki/Schrödinger's_cat").endswith("/Schr%C3%B6dinger%27s_cat")


@given(st.text() | st.sampled_from(REFUSED))
def test_outgoing_requests_are_ascii_http(text: str) -> None:
    for typed in (text, f"https://{text}", f"https://a.example/{text}"):
        address = safe_href(typed)
        if address:
            assert address.isascii() and len(address) <= MAX_LENGTH
            assert address.startswith(("https://", "http://")) and not set(address) & set("\"'`<>\\ \n\t@") - {"@"}
            assert safe_url(address) == address


def test_a_too_long_name_is_no_host() -> None:
    longest = "a." * 126 + "b"
    assert host_of(f"https://{longest}./x") == longest
    assert host_of(f"https://a{longest}/x") == ""
