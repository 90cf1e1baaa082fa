"""The widget in pages of other people: their styles, widths, languages and scripts."""

import re
from collections.abc import Callable, Iterator
from urllib.request import urlopen

import pytest
from playwright.sync_api import Locator, Page, Request, Route, expect

from tests.flows.hosts import SLOT, STORY, Publisher, await_contrast, publishing, style_of, tag_of
from tests.flows.people import EN, JA, eventually, fill_in, submit, wait_for
from tests.services import ROOT, Live

pytestmark = pytest.mark.flow

NewPage = Callable[..., Page]


@pytest.fixture(scope="module")
def host(live: Live) -> Iterator[Publisher]:
    with publishing(live) as publisher:
        yield publisher


DARK = "body{background:#fff;color:#222}.dark body,body.dark,[data-mode=dark] body{background:#111;color:#eee}"
# How pages become dark, and light again.
WAYS = [
    ("document.documentElement.classList.add('dark')", "document.documentElement.classList.remove('dark')"),
    ("document.body.classList.add('dark')", "document.body.classList.remove('dark')"),
    ("document.documentElement.dataset.mode = 'dark'", "delete document.documentElement.dataset.mode"),
    ("document.body.style.cssText = 'background:#000;color:#ddd'", "document.body.style.cssText = ''"),
    ("document.head.append(sheet)", "sheet.remove()"),
    ("kaiwa.theme(element, 'dark')", "kaiwa.theme(element, 'auto')"),
    ("element.dataset.theme = 'dark'", "element.dataset.theme = 'light'"),
    ("delete element.dataset.theme; document.querySelector('script').dataset.theme = 'dark'",
     "document.querySelector('script').dataset.theme = 'auto'"),
]  # fmt: skip
GROUNDS = [
    ("#fff", "#222"), ("#111", "#eee"), ("#f4ecd8", "#5b4636"), ("#fdf6e3", "#657b83"), ("#777", "#fff"),
    ("#777", "#000"), ("#808080", "#111"), ("#b58900", "#fff"), ("#2aa198", "#002b36"), ("#c00", "#fff"),
    ("oklch(0.6 0.1 250)", "oklch(0.98 0 0)"), ("rgb(0 0 0/.5)", "#fff"), ("#1d1d1d", "rgb(255 255 255/.6)"),
]  # fmt: skip
RESETS = "body{text-indent:1em;letter-spacing:.08em;word-spacing:1em;text-transform:uppercase;user-select:none;"
RESETS += "text-shadow:1px 1px red;caret-color:transparent;list-style:none;word-break:break-all;font-size:17px;"
RESETS += "-webkit-text-fill-color:red;text-align:justify;white-space:nowrap;cursor:none;line-height:1}"
WIDTHS = [280, 320, 360, 390, 768, 1000, 1280, 1600]


def test_the_theme_follows_the_page_after_load(live: Live, host: Publisher, new_page: NewPage) -> None:
    page = new_page()
    host.visit(page, f"<!doctype html><html lang=en><style>{DARK}</style>{SLOT}{tag_of(live)}")
    page.evaluate(
        """() => { window.element = document.querySelector('#kaiwa'); window.sheet = document.createElement('style')
        sheet.textContent = 'body{background:#123;color:#def}' }"""
    )
    box = page.locator("#kaiwa .kaiwa")
    for there, back in WAYS:
        page.evaluate(there)
        expect(box).to_have_attribute("data-theme", "dark")
        await_contrast(page, there)
        page.evaluate(back)
        expect(box).to_have_attribute("data-theme", "light")
        await_contrast(page, back)
    # Nothing tells that a background alone has changed, until the reader comes.
    page.evaluate("document.head.append(sheet); sheet.textContent = 'body{background:#111}'")
    page.mouse.move(5, 5)
    page.locator("#kaiwa .body").first.hover()
    expect(box).to_have_attribute("data-theme", "dark")
    await_contrast(page, "another background")


def test_a_page_that_fades_to_another_theme_is_followed_to_its_end(
    live: Live, host: Publisher, new_page: NewPage
) -> None:
    page = new_page()
    fading = "body{transition:background .4s,color .4s}"
    host.visit(page, f"<!doctype html><html lang=en><style>{DARK}{fading}</style>{SLOT}{tag_of(live)}")
    page.evaluate("document.documentElement.classList.add('dark')")
    expect(page.locator("#kaiwa .kaiwa")).to_have_attribute("data-theme", "dark")
    await_contrast(page, "faded", 4.5)
    page.wait_for_timeout(500)
    await_contrast(page, "after that", 4.5)


def test_the_system_theme_is_followed_where_the_page_follows_it(live: Live, host: Publisher, new_page: NewPage) -> None:
    page = new_page(color_scheme="light")
    host.visit(page, f"<!doctype html><html lang=en style='color-scheme:light dark'>{SLOT}{tag_of(live)}")
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        expect(page.locator("#kaiwa .kaiwa")).to_have_attribute("data-theme", scheme)
        await_contrast(page, scheme)
    page.evaluate("document.documentElement.style.colorScheme = 'dark'")
    expect(page.locator("#kaiwa .kaiwa")).to_have_attribute("data-theme", "dark")
    await_contrast(page, "color-scheme")


def test_all_text_can_be_read_on_any_ground(live: Live, host: Publisher, new_page: NewPage) -> None:
    page = new_page()
    thread = host.visit(page, f"<!doctype html><html lang=en>{SLOT}{tag_of(live)}")
    thread.locator("a.reply").first.click()
    thread.locator("a.report").first.click()
    expect(thread.locator(".flag")).to_be_visible()
    for ground, ink in GROUNDS:
        page.evaluate(
            "([ground, ink]) => document.body.style.cssText = `background:${ground};color:${ink}`", [ground, ink]
        )
        await_contrast(page, f"{ink} on {ground}")
        for theme in ("light", "dark", "auto"):
            page.evaluate("theme => kaiwa.theme(document.querySelector('#kaiwa'), theme)", theme)
            await_contrast(page, f"{theme} in a page of {ink} on {ground}")
    page.evaluate("document.body.style.cssText = 'background:linear-gradient(#000,#222);color:#fff'")
    expect(page.locator("#kaiwa .kaiwa")).to_have_attribute("data-theme", "dark")


@pytest.mark.parametrize("slot", [SLOT, "<div id=kaiwa>\n</div>", "<section id=kaiwa></section>"])
def test_a_reset_that_hides_empty_elements_does_not_hide_the_thread(
    live: Live, host: Publisher, new_page: NewPage, slot: str
) -> None:
    page = new_page()
    reset = ":is(div,section):empty{display:none}"
    thread = host.visit(page, f"<!doctype html><html lang=en><style>{reset}</style>{slot}{tag_of(live)}")
    expect(thread.locator("[name=body]")).to_be_visible()
    box = page.locator("#kaiwa").bounding_box()
    assert box and box["height"] > 300 and box["width"] > 300


def test_text_styles_of_the_page_stay_outside(live: Live, host: Publisher, new_page: NewPage) -> None:
    page = new_page()
    thread = host.visit(page, f"<!doctype html><html lang=en><style>{RESETS}</style>{SLOT}{tag_of(live)}")
    paragraph = thread.locator(".body p").first
    assert style_of(
        paragraph, "textIndent", "letterSpacing", "wordSpacing", "textTransform", "userSelect", "textShadow",
        "wordBreak", "caretColor", "listStyleType", "textAlign", "whiteSpace", "cursor", "fontSize",
    ) == {
        "textIndent": "0px", "letterSpacing": "normal", "wordSpacing": "0px", "textTransform": "none",
        "userSelect": "auto", "textShadow": "none", "wordBreak": "normal", "listStyleType": "disc",
        "caretColor": style_of(paragraph, "color")["color"], "textAlign": "start", "whiteSpace": "normal",
        "cursor": "auto", "fontSize": "17px",
    }  # fmt: skip
    filled = style_of(paragraph, "color", "webkitTextFillColor")
    assert filled["color"] == filled["webkitTextFillColor"]
    paragraph.click(click_count=3)
    selected = page.evaluate("document.querySelector('#kaiwa').shadowRoot.getSelection().toString()")
    assert selected.strip(), "the text of a comment cannot be selected"
    for size in ("0", "9px"):
        page.evaluate("size => { document.body.style.fontSize = size }", size)
        assert style_of(paragraph, "fontSize") == {"fontSize": "12px"}
    await_contrast(page, "resets")


@pytest.mark.parametrize("style", [
    "*{margin:0;padding:0}",
    "*{margin:0;padding:0}body{display:flex}",
    "body{margin:0;display:flex;flex-direction:column;align-items:center}",
    "body{margin:0;display:grid}#kaiwa{margin:0 10px}",
    "*{margin:0}div{display:grid;grid-template-columns:1fr 1fr}",
])  # fmt: skip
def test_no_width_scrolls_sideways(live: Live, host: Publisher, new_page: NewPage, style: str) -> None:
    page = new_page(viewport={"width": 280, "height": 700})
    head = f"<!doctype html><html lang=en><meta name=viewport content='width=device-width'><style>{style}</style>"
    thread = host.visit(page, f"{head}{SLOT}{tag_of(live)}")
    thread.locator("a.reply").last.click()
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 700})
        assert page.evaluate("document.documentElement.scrollWidth") == width
        box = thread.bounding_box()
        assert box and box["width"] >= width - 20, f"{box} in {width} px"


def test_quirks_mode_and_a_foreign_base_change_nothing(live: Live, host: Publisher, new_page: NewPage) -> None:
    page = new_page()
    thread = host.visit(page, f"<base href='https://elsewhere.example/x/'><p>Story</p>{SLOT}{tag_of(live, lang='en')}")
    assert page.evaluate("document.compatMode") == "BackCompat"
    thread.locator("a.reply").first.click()
    expect(thread.locator("[name=body]")).to_be_focused()
    thread.locator("a.cancel").click()
    fill_in(thread, "From a page with a foreign base", "Anna", "anna@readers.example")
    submit(thread)
    expect(thread.locator(".body", has_text="a foreign base")).to_be_visible()
    assert page.url == host.url + STORY


SHIFTS = """() => new Promise(tell => new PerformanceObserver(list => tell(
    list.getEntries().reduce((sum, {value}) => sum + value, 0))).observe({type: 'layout-shift', buffered: true}))"""


@pytest.mark.parametrize("path", [EN, JA, "/nothing-yet"])
def test_what_loads_has_its_room_and_says_so(live: Live, host: Publisher, new_page: NewPage, path: str) -> None:
    """As documented: with a rule that reserves the room until the script arrives, after the page was painted."""
    reserve = (ROOT / "docs/embedding.md").read_text().split("```css\n")[1].split("```")[0]
    below = "<footer style='height:300px;background:#ccc'>Footer</footer>"
    html = f"<!doctype html><html lang=en><style>{reserve}</style><h1>Story</h1>{SLOT}{tag_of(live, path)}{below}"
    page = new_page()
    send_script, send_thread = held(page, "**/embed.js"), held(page, "**/embed/thread?*")
    for width, height in ((375, 667), (768, 1024), (1280, 800)):
        page.set_viewport_size({"width": width, "height": height})
        page.goto(host.serve(html), wait_until="commit")
        expect(page.locator("footer")).to_be_visible()
        page.evaluate("() => new Promise(requestAnimationFrame)")
        send_script()
        expect(page.locator("#kaiwa").get_by_role("status")).to_have_text("Loading comments…")
        send_thread()
        expect(page.locator("#kaiwa .thread")).to_be_visible()
        shifted = page.evaluate(f"Promise.race([({SHIFTS})(), new Promise(tell => setTimeout(tell, 300, 0))])")
        assert shifted < 0.1, f"{width} x {height}"
    if path == "/nothing-yet":
        expect(page.locator("#kaiwa .none")).to_have_text("No comments yet. Be the first to comment.")
        # Comments that the page includes stay until the thread has come.
        page.goto(host.serve(html.replace("></div>", "><p id=included>Included</p></div>", 1)), wait_until="commit")
        send_script()
        expect(page.locator("#kaiwa").get_by_role("status")).to_be_visible()
        expect(page.locator("#included")).to_be_visible()
        send_thread()
        expect(page.locator("#included")).to_be_hidden()


def held(page: Page, pattern: str) -> Callable[[], None]:
    """Hold back requests; the returned function waits for one and lets it go."""
    waiting: list[Route] = []
    page.route(pattern, lambda route: waiting.append(route))

    def release() -> None:
        eventually(page, lambda: bool(waiting))
        waiting.pop().continue_()

    return release


def test_the_form_of_a_reader_who_comes_back_does_not_move(live: Live, host: Publisher, new_page: NewPage) -> None:
    page = new_page()
    thread = host.visit(page, f"<!doctype html><html lang=en>{SLOT}{tag_of(live, '/back')}")
    thread.locator("[name=body]").fill("Half a comment")
    expect(thread.locator(".marks")).to_be_visible()
    send_part = held(page, "**/writing.js")
    with page.expect_response("**/embed/thread?*"):
        page.reload()
    expect(page.locator("#kaiwa").get_by_role("status")).to_be_visible()
    assert thread.count() == 0, "the form is shown before its buttons are here"
    send_part()
    expect(thread.locator("[name=body]")).to_have_value("Half a comment")


def comment(live: Live, host: Publisher, page: Page, body: str, name: str = "Anna", **attributes: str) -> Page:
    """Post it on a page of its own, where it is shown to its author."""
    thread = host.visit(page, f"<!doctype html><html lang=en>{SLOT}{tag_of(live, **attributes)}")
    fill_in(thread, body, name, "anna@readers.example")
    submit(thread)
    expect(thread.locator("article.mine .body")).to_be_visible()
    return page


def test_text_runs_in_its_own_direction(live: Live, host: Publisher, new_page: NewPage) -> None:
    page = comment(live, host, new_page(), "שלום 123 (abc) עולם!\n\nAnd this in English!", "דנה", path="/bidi")
    body, name = page.locator("#kaiwa .mine .body"), page.locator("#kaiwa .mine .name")
    assert style_of(body, "direction")["direction"] == "rtl" and body.get_attribute("lang") == "he"
    assert style_of(name, "direction")["direction"] == "rtl"
    first, last, english = body.evaluate(
        """body => { const [text, more] = [...body.querySelectorAll('p')].map(p => p.firstChild), range = new Range()
        const left = (node, at) => { range.setStart(node, at); range.setEnd(node, at + 1)
            return range.getBoundingClientRect().left }
        return [left(text, 0), left(text, text.length - 1), left(more, 0)] }"""
    )
    middle = body.evaluate("body => { const {x, width} = body.getBoundingClientRect(); return x + width / 2 }")
    assert last < first and first > middle > english


def test_the_layout_is_mirrored_on_a_page_from_right_to_left(live: Live, host: Publisher, new_page: NewPage) -> None:
    page = new_page(viewport={"width": 600, "height": 800})
    thread = host.visit(page, f"<!doctype html><html lang=ar dir=rtl><style>*{{margin:0}}</style>{SLOT}{tag_of(live)}")
    first, reply = thread.locator(".depth-0 .by svg").first, thread.locator(".depth-1 .by svg").first
    of_first, of_reply = first.bounding_box(), reply.bounding_box()
    assert of_first and of_reply and of_reply["x"] < of_first["x"] and of_first["x"] > 500
    assert page.evaluate("document.documentElement.scrollWidth") == 600
    assert style_of(thread.locator("p.hints").last, "unicodeBidi", "textAlign") == {
        "unicodeBidi": "plaintext",
        "textAlign": "right",
    }


def test_japanese_emphasis_has_dots_and_english_is_slanted(live: Live, host: Publisher, new_page: NewPage) -> None:
    page = comment(live, host, new_page(), "これは*大切*です", path="/em-ja")
    dotted = style_of(page.locator("#kaiwa .mine em"), "fontStyle", "textEmphasisStyle")
    assert dotted["fontStyle"] == "normal" and "dot" in dotted["textEmphasisStyle"]
    page = comment(live, host, new_page(), "This is *important*", path="/em-en")
    assert style_of(page.locator("#kaiwa .mine em"), "fontStyle")["fontStyle"] == "italic"


OLD = {
    "AbortSignal.any": "delete AbortSignal.any; delete AbortSignal.timeout",
    "Segmenter": "delete Intl.Segmenter",
    "light-dark": "const real = CSS.supports; CSS.supports = (...a) => !/light-dark/.test(a) && real.apply(CSS, a)",
}
OLDER = {
    "CSSStyleSheet": "window.CSSStyleSheet = class { constructor() { throw new TypeError('Illegal constructor') } }",
    "color-mix": "CSS.supports = () => false",
}


@pytest.mark.parametrize("without", OLD)
def test_browsers_of_some_years_ago_get_the_thread(
    live: Live, host: Publisher, new_page: NewPage, without: str
) -> None:
    page = new_page()
    page.add_init_script(OLD[without])
    thread = host.visit(page, f"<!doctype html><html lang=en>{SLOT}{tag_of(live, '/old')}")
    fill_in(thread, f"Without {without}", "Anna", "anna@readers.example")
    submit(thread)
    expect(thread.locator(".body", has_text=f"Without {without}")).to_be_visible()


@pytest.mark.parametrize("without", OLDER)
def test_older_browsers_get_the_page_in_a_frame_of_its_height(
    live: Live, host: Publisher, new_page: NewPage, without: str
) -> None:
    page = new_page()
    page.add_init_script(f"if (parent === window) {{ {OLDER[without]} }}")
    page.goto(host.serve(f"<!doctype html><html lang=en>{SLOT}{tag_of(live)}"))
    frame = page.locator("#kaiwa iframe")
    inside = page.frame_locator("#kaiwa iframe")
    expect(inside.locator("article.comment").first).to_be_visible()
    expect(frame).to_have_attribute("title", "Comments")
    height = await_own_height(frame, inside.locator("body"))
    # Others may say what they like.
    page.evaluate("postMessage({kaiwa: 5}, '*')")
    page.wait_for_timeout(50)
    expect(frame).to_have_css("height", f"{height}px")


def await_own_height(frame: Locator, body: Locator) -> int:
    """Wait until the frame is as high as its page, which grows while it loads."""

    def height() -> int:
        return int(body.evaluate("body => Math.ceil(body.getBoundingClientRect().height)"))

    eventually(frame.page, lambda: style_of(frame, "height") == {"height": f"{height()}px"})
    return height()


POLICY = "script-src {0}; connect-src {0}; require-trusted-types-for 'script'; trusted-types {1}"


@pytest.mark.parametrize(("names", "sees"), [("kaiwa", ".thread"), ("'none'", "iframe")])
def test_trusted_types_without_sethtml(live: Live, host: Publisher, new_page: NewPage, names: str, sees: str) -> None:
    page = new_page()
    page.add_init_script("delete Element.prototype.setHTML")
    policy = {"content-security-policy": POLICY.format(live.url, names)}
    page.goto(host.serve(f"<!doctype html><html lang=en>{SLOT}{tag_of(live)}", **policy))
    expect(page.locator(f"#kaiwa {sees}")).to_be_visible()


def test_strict_policies_are_kept(live: Live, host: Publisher, new_page: NewPage) -> None:
    page = new_page()
    told: list[str] = []
    page.on("console", lambda message: told.append(message.text))
    policy = {"content-security-policy": f"default-src 'none'; {POLICY.format(live.url, chr(39) + 'none' + chr(39))}"}
    thread = host.visit(page, f"<!doctype html><html lang=en>{SLOT}{tag_of(live)}", **policy)
    thread.locator("a.reply").first.click()
    expect(thread.locator("[name=body]")).to_be_focused()
    await_contrast(page, "strict policy")
    assert not [text for text in told if "Content Security Policy" in text]


@pytest.mark.parametrize("tag", [
    '<script type=module src="{url}/embed.js" data-site=demo data-url="{page}"></script>',
    '<script type=module>import "{url}/embed.js"</script>',
    '<script>const it = document.createElement("script"); it.src = "{url}/embed.js"; document.head.append(it)</script>',
    '<script data-service="{url}">{code}</script>',
])  # fmt: skip
def test_modules_bundles_and_scripts_added_by_scripts(live: Live, host: Publisher, new_page: NewPage, tag: str) -> None:
    page = new_page()
    code = page.request.get(f"{live.url}/embed.js").text() if "{code}" in tag else ""
    code = code.replace("</script", "<\\/script")
    filled = tag.format(url=live.url, page=live.demo_url + EN, code=code)
    slot = f'<div id=kaiwa data-site=demo data-url="{live.demo_url + EN}"></div>'
    thread = host.visit(page, f"<!doctype html><html lang=en>{slot}{filled}")
    thread.locator("a.reply").first.click()
    expect(thread.locator("[name=body]")).to_be_focused()


def test_a_router_that_keeps_the_element_gets_the_other_page(live: Live, host: Publisher, new_page: NewPage) -> None:
    page = new_page()
    thread = host.visit(page, f"<!doctype html><html lang=en>{SLOT}{tag_of(live)}")
    other = live.demo_url + "/other"
    page.evaluate("url => kaiwa.mount(document.querySelector('#kaiwa'), {url})", other)
    expect(thread.locator(".none")).to_be_visible()
    # Once more with the same options changes nothing, even if the title does.
    thread.evaluate("thread => { thread.marked = true; document.title = 'New' }")
    page.evaluate("url => kaiwa.mount(document.querySelector('#kaiwa'), {url})", other)
    assert thread.evaluate("thread => thread.marked")
    fill_in(thread, "For the other page", "Anna", "anna@readers.example")
    with page.expect_request("**/embed/comments") as sent:
        submit(thread)
    assert re.search(r"(^|&)url=[^&]*%2Fother(&|$)", sent.value.post_data or "")
    expect(thread.locator(".body", has_text="For the other page")).to_be_visible()
    page.evaluate("url => kaiwa.mount(document.querySelector('#kaiwa'), {url})", live.demo_url + EN)
    expect(thread.locator("article").first).to_be_visible()
    expect(thread.locator(".body", has_text="For the other page")).to_have_count(0)


def test_a_router_may_unmount_mount_at_once_and_swap_the_body(live: Live, host: Publisher, new_page: NewPage) -> None:
    page = new_page()
    thread = host.visit(page, f"<!doctype html><html lang=en>{SLOT}{tag_of(live)}")
    # As React in its strict mode.
    page.evaluate(
        """() => { const element = document.querySelector('#kaiwa')
        kaiwa.unmount(element), kaiwa.mount(element), kaiwa.unmount(element), kaiwa.mount(element) }"""
    )
    expect(thread).to_have_count(1)
    # As Turbo: another body, with its script tags run again.
    page.evaluate(
        """other => { const body = document.createElement('body'), script = document.createElement('script')
        const old = document.querySelector('script'), element = document.createElement('div')
        element.id = 'kaiwa'
        Object.assign(script, {src: old.src, async: true})
        Object.assign(script.dataset, old.dataset, {url: other})
        body.append(element, script)
        document.body.replaceWith(body) }""",
        live.demo_url + "/swapped",
    )
    expect(thread.locator(".none")).to_be_visible()


def test_two_widgets_keep_apart(live: Live, host: Publisher, new_page: NewPage) -> None:
    page = new_page()
    slots = "".join(f'<div class=two data-url="{live.demo_url}/two-{n}"></div>' for n in (1, 2))
    start = "<script type=module>document.querySelectorAll('.two').forEach(element => kaiwa.mount(element))</script>"
    tag = tag_of(live).replace("async ", "")
    page.goto(host.serve(f"<!doctype html><html lang=en>{slots}{tag}{start}"))
    one, two = page.locator(".two .thread").nth(0), page.locator(".two .thread").nth(1)
    fill_in(two, "Only in the second", "Anna", "anna@readers.example")
    submit(two)
    expect(two.locator(".body", has_text="Only in the second")).to_be_visible()
    expect(one.locator(".comment")).to_have_count(0)
    expect(one.locator("[name=body]")).to_have_value("")


def test_print_has_the_comments_without_controls(live: Live, host: Publisher, new_page: NewPage) -> None:
    page = new_page()
    thread = host.visit(
        page,
        "<!doctype html><html lang=en><style>body{background:#000;color:#fff}p{height:3000px}</style><p>Story</p>"
        f"{SLOT}{tag_of(live)}",
    )
    # Also where the reader has not come to the comments.
    page.emulate_media(media="print")
    expect(thread.locator(".body").first).to_be_visible()
    for control in ("form", ".reply", ".report", "button", ".tools", ".more"):
        assert not [each for each in thread.locator(control).all() if each.is_visible()], control
    assert style_of(thread.locator(".body p").first, "color")["color"] == "rgb(0, 0, 0)"
    page.goto(f"{live.url}/thread?site=demo&url={live.demo_url}{EN}")
    expect(page.locator(".body").first).to_be_visible()
    assert not page.locator("form.respond").is_visible()


def test_the_documented_frame_is_as_wide_as_the_column_and_tall(
    live: Live, host: Publisher, new_page: NewPage, documented: str
) -> None:
    page = new_page(java_script_enabled=False, viewport={"width": 500, "height": 700})
    page.goto(host.serve(f"<!doctype html><html lang=en><style>*{{margin:0}}</style>{documented}"))
    box = page.locator("iframe").bounding_box()
    assert box and box["width"] == 500 and box["height"] >= 600
    expect(page.frame_locator("iframe").locator("form.respond")).to_be_visible()


@pytest.fixture
def documented(live: Live) -> str:
    """The snippet of docs/embedding.md, for the demo."""
    snippet = (ROOT / "docs/embedding.md").read_text().split("```html")[1].split("```")[0]
    addresses = {"https://comments.example.org": live.url, "SITE_KEY": "demo", "ADDRESS": live.demo_url + EN}
    for example, real in addresses.items():
        snippet = snippet.replace(example, real)
    return snippet


@pytest.mark.parametrize("away", [False, True])
def test_a_page_in_no_language_of_ours_gets_that_of_the_site(
    live: Live, host: Publisher, new_page: NewPage, away: bool
) -> None:
    page = new_page(locale="en-US")
    if away:
        page.route("**/embed/thread?*", lambda route: route.abort())
    expected = "コメントを読み込めませんでした" if away else "コメントを残す"
    for html in ("<html>", '<html lang="">', '<html lang="ko">', '<html lang="JA">'):
        page.goto(host.serve(f"<!doctype html>{html}{SLOT}{tag_of(live, JA)}"))
        expect(page.locator("#kaiwa"), html).to_contain_text(expected)


def test_times_are_those_of_the_reader(live: Live, host: Publisher, new_page: NewPage) -> None:
    texts = {}
    for zone in ("America/New_York", "Asia/Tokyo"):
        page = new_page(locale="en-US", timezone_id=zone)
        thread = host.visit(page, f"<!doctype html><html lang=en>{SLOT}{tag_of(live)}")
        time = thread.locator("time").first
        texts[zone] = time.get_attribute("title")
        shown = page.evaluate(
            "when => new Intl.DateTimeFormat('en', {dateStyle: 'medium', timeStyle: 'short'}).format(new Date(when))",
            time.get_attribute("datetime"),
        )
        assert texts[zone] == shown
    assert len(set(texts.values())) == 2


def test_a_page_of_another_origin_is_told_how_to_add_it(live: Live, host: Publisher, new_page: NewPage) -> None:
    page = new_page()
    hint = (
        f"Kaiwa: this page's origin {host.elsewhere} is not one of the site's origins; add it under "
        f"Settings > Site URLs or with `flask site set demo origins+={host.elsewhere}`."
    )
    # Its thread may be read, and nothing be sent.
    host.serve(f"<!doctype html><html lang=en>{SLOT}{tag_of(live)}")
    with page.expect_console_message(lambda message: message.text == hint):
        page.goto(host.elsewhere + STORY)
    expect(page.locator("#kaiwa .thread")).to_be_visible()
    host.serve(f"<!doctype html><html lang=en>{SLOT}{tag_of(live, url='')}")
    with page.expect_console_message(lambda message: message.text == hint):
        page.goto(host.elsewhere + STORY)
    expect(page.locator("#kaiwa .excuse")).to_contain_text("This URL doesn’t belong to this site.")
    told: list[str] = []
    page.on("console", lambda message: told.append(message.text) if message.type == "error" else None)
    host.visit(page, f"<!doctype html><html lang=en>{SLOT}{tag_of(live)}")
    assert not told


def test_a_second_part_that_does_not_load_can_be_asked_for_again(
    live: Live, host: Publisher, new_page: NewPage
) -> None:
    page = new_page()
    page.route("**/writing.js*", lambda route: route.abort())
    thread = host.visit(page, f"<!doctype html><html lang=en>{SLOT}{tag_of(live, '/cut')}")
    fill_in(thread, "Kept in the field", "Anna", "anna@readers.example")
    submit(thread)
    retry = thread.get_by_role("button", name="Try again")
    expect(retry).to_be_visible()
    expect(thread.locator("[name=body]")).to_have_value("Kept in the field")
    page.unroute("**/writing.js*")
    retry.click()
    expect(thread.locator(".body", has_text="Kept in the field")).to_be_visible()


def test_an_element_that_mounts_itself(live: Live, host: Publisher, new_page: NewPage) -> None:
    page = new_page()
    element = f'<kaiwa-comments site="demo" url="{live.demo_url}{EN}" theme="dark"></kaiwa-comments>'
    page.goto(host.serve(f'<!doctype html><html lang=en>{element}<script async src="{live.url}/embed.js"></script>'))
    box, thread = page.locator("kaiwa-comments .kaiwa"), page.locator("kaiwa-comments .thread")
    expect(thread.locator("article").first).to_be_visible()
    expect(box).to_have_attribute("data-theme", "dark")
    page.evaluate("document.querySelector('kaiwa-comments').setAttribute('theme', 'light')")
    expect(box).to_have_attribute("data-theme", "light")
    page.evaluate(
        "url => document.querySelector('kaiwa-comments').setAttribute('url', url)", live.demo_url + "/other-element"
    )
    expect(thread.locator(".none")).to_be_visible()
    # A router changes several attributes, one after the other: one thread is asked for.
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/embed/thread?" in request.url else None)
    page.evaluate(
        """url => { const element = document.querySelector('kaiwa-comments')
        element.setAttribute('lang', 'ja'), element.setAttribute('title', 'Another')
        element.setAttribute('url', url), element.setAttribute('thread', 'another') }""",
        live.demo_url + "/another-element",
    )
    expect(thread.locator("h3")).to_have_text("コメントを残す")
    eventually(page, lambda: bool(asked))
    assert len(asked) == 1 and "thread=another" in asked[0]
    page.evaluate(
        """() => { const element = document.querySelector('kaiwa-comments')
        element.remove()
        window.removed = element.shadowRoot.childElementCount
        document.body.append(element) }"""
    )
    assert page.evaluate("removed") == 0
    expect(thread.locator(".none")).to_be_visible()


def test_more_comments_and_another_order(live: Live, host: Publisher, new_page: NewPage) -> None:
    live.flask("site", "set", "demo", "page_size=10")
    page = new_page()
    thread = host.visit(page, f"<!doctype html><html lang=en>{SLOT}{tag_of(live, JA)}")
    before = thread.locator("article").count()
    more = thread.locator("a.more")
    while more.count():
        more.first.click()
        expect(thread.locator("article").nth(before)).to_be_visible()
        before = thread.locator("article").count()
    expect(thread.locator("h2")).to_have_text(f"{before} comments")
    assert page.evaluate("document.querySelector('#kaiwa').shadowRoot.activeElement?.matches('article')")
    thread.locator("a.sort").first.click()
    expect(page.locator("#kaiwa .thread[data-newest-first]")).to_be_visible()
    expect(thread.locator("a.sort").first).to_be_focused()


def test_the_npm_package_shows_and_removes_a_thread(live: Live, host: Publisher, new_page: NewPage) -> None:
    page = new_page()
    module = (ROOT / "npm/index.js").read_text()
    page.route("**/kaiwa.js", lambda route: route.fulfill(body=module, content_type="text/javascript"))
    settings = f'{{service: "{live.url}", site: "demo", url: "{live.demo_url}{EN}"}}'
    start = f"""<script type=module>import {{show}} from "/kaiwa.js"
    const element = document.querySelector('.slot')
    // As a component that is mounted, removed while it loads, and mounted again.
    show(element, {settings})(); window.remove = show(element, {settings})</script>"""
    page.goto(host.serve(f"<!doctype html><html lang=en><div class=slot></div>{start}"))
    thread = page.locator(".slot .thread")
    expect(thread.locator("article").first).to_be_visible()
    assert page.evaluate("document.querySelectorAll('script[src*=\"embed.js\"]').length") == 1
    page.evaluate("remove()")
    expect(thread).to_have_count(0)


def test_a_foreign_shadow_root_a_form_around_and_storage_that_throws(
    live: Live, host: Publisher, new_page: NewPage
) -> None:
    page = new_page()
    page.add_init_script(
        """for (const name of ['localStorage', 'sessionStorage']) Object.defineProperty(window, name, {
        get() { throw new DOMException('no', 'SecurityError') } })"""
    )
    around = """<meta name=referrer content=no-referrer><form action=/elsewhere><div id=outer></div></form><script>
    outer.attachShadow({mode: 'open'}).innerHTML = '<style>:host{background:#111;color:#eee}</style><div></div>'
    addEventListener('load', () => kaiwa.mount(outer.shadowRoot.querySelector('div')))</script>"""
    page.goto(host.serve(f"<!doctype html><html lang=en>{around}{tag_of(live, '/shadow')}"))
    thread = page.locator("#outer .thread")
    fill_in(thread, "In a shadow of a shadow", "Anna", "anna@readers.example")
    thread.locator("[name=name]").press("Enter")
    expect(thread.locator(".body", has_text="In a shadow of a shadow")).to_be_visible()
    expect(page.locator("#outer .kaiwa")).to_have_attribute("data-theme", "dark")
    assert page.url == host.url + STORY


def test_long_words_vertical_text_and_forced_colours(live: Live, host: Publisher, new_page: NewPage) -> None:
    page = comment(live, host, new_page(viewport={"width": 320, "height": 700}), "W" * 300, "N" * 80, path="/long")
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    page.emulate_media(forced_colors="active")
    expect(page.locator("#kaiwa .respond button.submit")).to_be_visible()
    page.emulate_media(forced_colors="none")
    page.evaluate("document.documentElement.style.writingMode = 'vertical-rl'")
    box = page.locator("#kaiwa .mine .body").bounding_box()
    assert (
        box
        and box["height"] > 100
        and style_of(page.locator("#kaiwa .mine .body"), "writingMode") == {"writingMode": "vertical-rl"}
    )


def test_counts_of_links_in_any_spelling(live: Live, host: Publisher, new_page: NewPage) -> None:
    page = new_page()
    story = live.demo_url + EN
    links = {
        "plain": story, "part": f"{story}#comments", "tracked": f"{story}?utm_source=x&fbclid=1",
        "mail": "mailto:a@b.example", "unknown": live.demo_url + "/ja/日本語", "elsewhere": "https://elsewhere.example/story",
    }  # fmt: skip
    html = "".join(f'<a id={name} href="{url}" data-kaiwa-count></a>' for name, url in links.items())
    html += f'<span id=given data-url="{story}" data-kaiwa-count></span>'
    page.goto(host.serve(f"<!doctype html><html lang=en>{html}{tag_of(live)}"))
    expect(page.locator("#plain")).to_have_text(re.compile("^[1-9]"))
    told = {name: page.locator(f"#{name}").inner_text() for name in (*links, "given")}
    assert told["plain"] == told["part"] == told["tracked"] == told["given"]
    assert [told[name] for name in ("mail", "unknown", "elsewhere")] == ["0", "0", "0"]


# Where everything is when the page has been parsed, what moved by itself since then, and the widget's event.
WATCH = """window.shift = 0
new PerformanceObserver(list => { for (const {value} of list.getEntries()) shift += value })
  .observe({type: 'layout-shift', buffered: true})
window.places = () => JSON.stringify([...document.querySelectorAll('h1,.kaiwa-static *,footer')].map(each =>
  each.getBoundingClientRect()))
addEventListener('DOMContentLoaded', () => window.before = places())
addEventListener('kaiwa:ready', ({detail}) => window.total = detail.total)"""


def test_included_comments_stay_where_they_are_until_the_reader_does_more_than_read(
    live: Live, host: Publisher, new_page: NewPage
) -> None:
    page = new_page(viewport={"width": 800, "height": 2000})
    asked: list[str] = []

    # The browser's own revalidation of what it has is no request of the widget.
    def note(request: Request) -> None:
        if "/embed/thread?" in request.url and request.resource_type == "fetch":
            asked.append(request.url)

    page.on("request", note)
    page.clock.install()
    page.add_init_script(WATCH)
    url = f"{live.url}/embed/static?site=demo&url={live.demo_url}{EN}&lang=en"
    with urlopen(url) as answer:  # noqa: S310
        included = answer.read().decode()
    # A copy from before a moderator removed its last comment.
    stale = re.sub('data-version="[^"]+"', 'data-version="old"', included)
    stale = stale.replace("</article>", '</article><article id="comment-999999">Removed</article>', 1)
    style = "<style>body{font:15px/1.3 serif;text-indent:1em}article{margin:1em 0}</style>"

    def visit(inside: str, path: str = EN) -> None:
        around = f"<!doctype html><html lang=en>{style}<h1>Story</h1><div id=kaiwa>{inside}</div><footer>End</footer>"
        page.goto(host.serve(f"{around}{tag_of(live, path)}"))
        wait_for(page, "window.total !== undefined")

    visit(stale)
    assert page.evaluate("[places() == before, shift, total > 1]") == [True, 0, True] and not asked
    assert not page.evaluate("document.querySelector('#kaiwa').shadowRoot.querySelector('.thread')")
    # "In reply to" leads to a comment that is here.
    page.locator(".kaiwa-static header a[href^='#comment-']").first.click()
    wait_for(page, "document.activeElement.matches('.kaiwa-static article')")
    assert not asked
    # A comment that was removed since goes within a minute.
    page.evaluate("document.activeElement.blur()")
    page.clock.fast_forward(61_000)
    expect(page.locator("#comment-999999")).to_have_count(0)
    expect(page.locator(".kaiwa-static article").first).to_be_visible()
    assert not asked

    reply = page.locator(".kaiwa-static .kaiwa-reply").nth(1)
    place = reply.locator("xpath=ancestor::article").get_attribute("id")
    reply.click()
    thread = page.locator("#kaiwa .thread")
    expect(thread.locator("[name=body]")).to_be_focused()
    expect(thread.locator(f"#{place} + .respond")).to_be_visible()
    expect(page.locator(".kaiwa-static")).to_be_hidden()
    thread.locator("[name=body]").fill("Half a reply")
    eventually(page, lambda: bool(asked))
    assert len(asked) == 1

    # A reader who has a draft gets the thread at once, and so does a page whose copy is that of another one.
    visit(included)
    expect(thread.locator("[name=body]")).to_have_value("Half a reply")
    page.evaluate("sessionStorage.clear()")
    visit(included, "/included-elsewhere")
    expect(thread.locator(".none")).to_be_visible()
    eventually(page, lambda: len(asked) >= 3)
    assert len(asked) == 3
    # Without the second part the links lead to the page that does the same.
    page.route("**/writing.js*", lambda route: route.abort())
    page.evaluate("sessionStorage.clear()")
    page.goto(host.serve(f"<!doctype html><html lang=en><div id=kaiwa>{included}</div>{tag_of(live)}"))
    page.locator(".kaiwa-static .kaiwa-reply").first.click()
    expect(page.locator("form.respond [name=body]")).to_be_visible()
    assert page.url.startswith(f"{live.url}/thread?")
