"""Background work in a reader's browser while they write."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.flows.people import JA, assert_accessible, fill_in, open_article, submit
from tests.inside import run_command
from tests.services import Live

pytestmark = pytest.mark.flow


def test_a_reader_who_only_reads_loads_nothing_more_and_one_who_writes_is_timed(
    live: Live, new_page: Callable[..., Page]
) -> None:
    page = new_page(locale="ja")
    loaded: list[str] = []
    page.on("request", lambda request: loaded.append(request.url.partition("?")[0].removeprefix(live.url)))
    thread = open_article(page, live)
    page.wait_for_timeout(300)
    assert not {"/writing.js", "/embed/stamp"} & set(loaded)
    stamp = thread.locator("[name=stamp]")
    assert (stamp.get_attribute("value") or "").startswith("drawn.")
    fill_in(thread, "書き始めた")
    expect(stamp).to_have_attribute("value", re.compile(r"^typing\."))
    fill_in(thread, "書き続けた")
    assert loaded.count("/embed/stamp") == 1


def test_where_there_is_doubt_the_browser_computes_and_the_page_stays_quick(
    live: Live, new_page: Callable[..., Page]
) -> None:
    run_command(live, "site", "set", "demo", "hold_all=no", "approvals_needed=0", "min_seconds=60")
    page = new_page(locale="ja")
    thread = open_article(page, live)
    fill_in(thread, "急いで書いた一言")
    expect(thread.locator("[name=stamp]")).to_have_attribute("value", re.compile(r"^typing\."))
    # The first key waits until the test has read the message that says the comment is pending. Then event loop turns of
    # the page are counted while keys are derived; not time, which depends on the machine.
    page.evaluate(
        """() => { window.turns = window.derived = 0; let deriving = false
        const messageRead = new Promise(resolve => { window.goOn = resolve })
        const derive = crypto.subtle.deriveBits.bind(crypto.subtle)
        crypto.subtle.deriveBits = async (...given) => {
          await messageRead
          derived++; deriving = true
          return derive(...given).finally(() => { deriving = false })
        }
        const {port1, port2} = new MessageChannel()
        port1.onmessage = () => { turns += deriving; port2.postMessage(0) }
        port2.postMessage(0) }"""
    )
    with page.expect_response("**/proof") as proven:
        submit(thread)
        expect(thread.get_by_text("コメントを受け付けました。承認後に公開されます。").first).to_be_visible()
        page.evaluate("goOn()")
    assert proven.value.status == 201
    expect(thread.locator(".said")).to_contain_text("コメントを公開しました。")
    expect(thread.locator(".waiting")).to_have_count(0)
    expect(thread.locator("article.target")).to_be_focused()
    turns, derived = page.evaluate("[turns, derived]")
    print(f"turns of the page while {derived} keys were derived: {turns}")
    assert turns >= derived > 0, "the page was held up"
    assert_accessible(page)


def test_without_a_script_a_doubtful_comment_waits(live: Live, new_page: Callable[..., Page]) -> None:
    run_command(live, "site", "set", "demo", "hold_all=no", "approvals_needed=0", "min_seconds=2")
    page = new_page(locale="ja", java_script_enabled=False)
    page.goto(f"{live.url}/thread?site=demo&url={live.demo_url}{JA}")
    page.evaluate("document.querySelector('[name=stamp]').value = 'odd'")
    page.fill("[name=body]", "スクリプトなしで急いで"), page.fill("[name=name]", "花子")
    page.fill("[name=email]", "hanako@readers.example")
    page.click("button.submit")
    expect(page.get_by_text("コメントを受け付けました。承認後に公開されます。").first).to_be_visible()


def test_the_formatting_help_and_buttons_on_a_small_phone(live: Live, new_page: Callable[..., Page]) -> None:
    page = new_page(locale="ja", viewport={"width": 320, "height": 640})
    thread = open_article(page, live)
    thread.locator("[name=body]").focus()
    help = thread.locator(".help")
    expect(help).not_to_have_attribute("open", "")
    buttons = thread.get_by_role("toolbar", name="書式").get_by_role("button")
    expect(buttons).to_have_text(["太字", "リンク", "引用", "コード"])
    # The keyboard leads through the buttons, and from the last one of the form to the help.
    page.keyboard.press("Tab")
    expect(buttons.first).to_be_focused()
    thread.locator("button.look").focus()
    page.keyboard.press("Tab")
    expect(help.locator("summary")).to_be_focused()
    page.keyboard.press("Enter")
    expect(help.locator("li")).to_have_count(6)
    expect(help.get_by_text("**太字**")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    assert_accessible(page)


def test_the_formatting_help_needs_no_script(live: Live, new_page: Callable[..., Page]) -> None:
    page = new_page(locale="en", java_script_enabled=False, viewport={"width": 320, "height": 640})
    page.goto(f"{live.url}/thread?site=demo&url={live.demo_url}{JA}&lang=en")
    page.get_by_text("Formatting help").click()
    expect(page.get_by_text("**Bold**")).to_be_visible()
    assert page.locator(".help").count() == 1


def test_errors_come_early_and_go_when_the_field_is_right(live: Live, new_page: Callable[..., Page]) -> None:
    page = new_page(locale="ja")
    thread = open_article(page, live)
    email, told = thread.locator("[name=email]"), thread.locator("#kaiwa-email-error")
    fill_in(thread, "", name="", email="hanako")
    thread.locator("[name=website]").focus()
    expect(told).to_have_text("有効なメールアドレスを入力してください。")
    expect(email).to_have_attribute("aria-invalid", "true")
    # Typed with a Japanese keyboard, and an old address of a carrier.
    for right in ("ｈａｎａｋｏ＠ｒｅａｄｅｒｓ．example", "yamada..taro@docomo.ne.jp"):
        email.fill(right)
        expect(told).to_have_count(0)
    assert email.get_attribute("aria-invalid") is None
    submit(thread)
    summary = thread.locator(".summary")
    expect(summary.locator("li")).to_have_count(2)
    thread.locator("[name=name]").fill("花子")
    expect(summary.locator("li")).to_have_count(1)
    thread.locator("[name=body]").fill("今度は全部")
    expect(summary).to_have_count(0)
    expect(thread.locator(".wrong")).to_have_count(0)


def test_a_report_can_be_cancelled_by_its_button_and_by_escape(live: Live, new_page: Callable[..., Page]) -> None:
    page = new_page(locale="ja")
    thread = open_article(page, live)
    link = thread.locator("a.report").first
    link.click()
    expect(thread.locator(".flag [type=radio]").first).to_be_focused()
    reply = thread.locator("a.reply").first.bounding_box()
    assert reply and reply["height"] < 30, "the form leaves no room for the link beside it"
    thread.get_by_role("button", name="キャンセル").click()
    expect(thread.locator(".flag")).to_have_count(0)
    expect(link).to_be_focused()
    link.press("Enter")
    expect(thread.locator(".flag")).to_be_visible()
    # Without a reason it comes back with an error, and can still be cancelled.
    thread.locator(".flag button.submit").click()
    expect(thread.locator(".flag .error")).to_be_visible()
    page.keyboard.press("Escape")
    expect(link).to_be_focused()


PASTE = """([field, html]) => { const data = new DataTransfer()
data.setData('text/html', html)
data.setData('text/plain', 'plain')
const way = {bubbles: true, cancelable: true, composed: true}
return field.dispatchEvent(new ClipboardEvent('paste', {clipboardData: data, ...way})) }"""


def test_the_form_helps_to_format(live: Live, new_page: Callable[..., Page]) -> None:
    page = new_page(locale="ja")
    thread = open_article(page, live)
    body = thread.locator("form.respond [name=body]")
    low = body.bounding_box()
    body.fill("大切な話")
    expect(thread.get_by_role("toolbar", name="書式")).to_be_visible()
    high = body.bounding_box()
    assert low and high and low["height"] < 50 < high["height"]
    body.select_text()
    thread.get_by_role("button", name="太字").click()
    expect(body).to_have_value("**大切な話**")
    body.fill("一\n二")
    body.select_text()
    thread.get_by_role("button", name="引用").click()
    expect(body).to_have_value("> 一\n> 二")
    body.fill("")
    thread.get_by_role("button", name="リンク").click()
    page.keyboard.type("鐘")
    expect(body).to_have_value("[鐘](https://)")
    assert_accessible(page)


def test_pasted_text_keeps_paragraphs_lists_and_links(live: Live, new_page: Callable[..., Page]) -> None:
    page = new_page(locale="ja")
    thread = open_article(page, live)
    body = thread.locator("form.respond [name=body]")
    body.focus()
    expect(thread.get_by_role("toolbar")).to_be_visible()
    html = """<style>p{color:red}</style><h1>Title</h1><p>One<br>two <a href="https://example.org/a(b)">a [link]</a></p>
    <ul><li>first</li><li>second</li></ul><p><font>Old</font><script>alert(1)</script>
    <a href="javascript:alert(1)">js</a> <a href="https://example.org/">https://example.org/</a></p>"""
    handle = body.element_handle()
    assert page.evaluate(PASTE, [handle, html]) is False
    first = "Title\n\nOne\ntwo [a \\[link\\]](https://example.org/a%28b%29)"
    expect(body).to_have_value(first + "\n\n- first\n- second\n\nOld js https://example.org/")
    # Nothing but text: the browser pastes that by itself.
    assert page.evaluate(PASTE, [handle, ""]) is True


def test_a_key_sends(live: Live, new_page: Callable[..., Page]) -> None:
    page = new_page(locale="ja")
    thread = open_article(page, live)
    fill_in(thread, "キーで送る")
    expect(thread.get_by_role("toolbar")).to_be_visible()
    thread.locator("[name=body]").press("Control+Enter")
    expect(thread.locator(".body", has_text="キーで送る")).to_be_visible()
