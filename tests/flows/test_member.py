"""A member of the publisher in the widget: log-in, a comment, a text that is being typed, and log-out."""

import json
from collections.abc import Callable

import pytest
from playwright.sync_api import ConsoleMessage, Page, expect

from tests.flows.people import EN, JA, assert_accessible, eventually, open_article, submit
from tests.inside import run_command
from tests.services import Live
from tests.signed_members import claims_of, jws, with_secret

pytestmark = pytest.mark.flow

NewPage = Callable[..., Page]
STORED = "JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])"
FOCUSED = "document.querySelector('#kaiwa').shadowRoot.activeElement?.name"
# The element as a page with the attribute would have it.
TAG = "document.querySelector('#kaiwa')"
AGAIN = """token => {
  const element = document.querySelector('#kaiwa')
  kaiwa.unmount(element)
  element.dataset.member = token
  kaiwa.mount(element, {site: 'demo'})
}"""


def test_a_member_comments_and_leaves_nothing_behind(live: Live, new_page: NewPage) -> None:
    run_command(live, "site", "set", "demo", "hold_all=no", "approvals_needed=0", "min_seconds=0", "commenters=members",
                f"login_url={live.demo_url}/log-in")  # fmt: skip
    key = json.loads(run_command(live, "member-key", "add", "demo", "--json"))

    def signed(**more: str) -> str:
        return jws({"alg": "HS256", "kid": key["kid"]}, claims_of(aud="demo", **more), with_secret(key["secret"]))

    reader = new_page(locale="en", viewport={"width": 375, "height": 800})
    said: list[str] = []
    reader.on("console", lambda message: said.append(message.text) if _is_ours(message) else None)
    thread = open_article(reader, live, EN)
    expect(thread.get_by_text("Only members can comment here.")).to_be_visible()
    expect(thread.get_by_role("link", name="Log in to comment")).to_have_attribute("href", f"{live.demo_url}/log-in")
    expect(thread.locator("form.respond")).to_have_count(0)
    thread.locator("a.reply").first.click()
    expect(thread.locator(".for-members")).to_be_focused()
    assert_accessible(reader)

    with reader.expect_console_message(_is_ours):
        reader.evaluate("kaiwa.member('no token')")
    reader.evaluate("token => kaiwa.member(token)", signed())
    form = thread.locator("form.respond")
    expect(form.locator(".as")).to_have_text("Comment as Hanako Subscriber")
    expect(form.locator("[name=name],[name=email],[name=remember]")).to_have_count(0)
    form.locator("[name=body]").fill("From a **member**.")
    assert_accessible(reader)
    submit(thread)
    mine = thread.locator("article", has_text="From a member.")
    expect(mine.locator(".of-member")).to_have_text("Subscriber")
    expect(mine.locator("summary", has_text="Edit")).to_be_visible()
    expect(form.locator(".as b")).to_have_text("Hanako")
    eventually(reader, lambda: any("isn’t valid on this site" in text for text in said))

    # The thread is loaded again; form, text and own comment stay.
    form.locator("[name=body]").fill("A text that is being typed")
    thread.get_by_role("link", name="Newest").click()
    expect(thread.locator(".sort", has_text="Oldest")).to_be_visible()
    expect(form.locator("[name=body]")).to_have_value("A text that is being typed")
    expect(form.locator(".as b")).to_have_text("Hanako")
    expect(mine.locator("summary", has_text="Edit")).to_be_visible()
    stored = reader.evaluate(STORED)
    assert "m." not in stored and "Hanako" not in stored and key["kid"] not in stored
    reader.evaluate("kaiwa.member(null)")
    expect(thread.get_by_text("Only members can comment here.")).to_be_visible()
    expect(mine.locator("summary", has_text="Edit")).to_have_count(0)
    assert "being typed" not in reader.evaluate(STORED)

    # Where everyone may comment, a guest's text and focus stay when the log-in comes.
    run_command(live, "site", "set", "demo", "commenters=everyone")
    guest = new_page(locale="ja", viewport={"width": 1280, "height": 900})
    thread = open_article(guest, live, JA)
    thread.locator("[name=body]").press_sequentially("会員になる前の文章")
    guest.evaluate("token => kaiwa.member(token)", signed(name="花子", badge="購読者"))
    expect(thread.locator(".as")).to_have_text("この名前で投稿します： 花子 購読者")
    expect(thread.locator("[name=body]")).to_have_value("会員になる前の文章")
    assert guest.evaluate(FOCUSED) == "body"

    # A tag with the attribute.
    thread = open_article(guest, live, JA)
    guest.evaluate(AGAIN, signed(sub="4712", name="太郎", badge=""))
    guest.locator("#kaiwa").scroll_into_view_if_needed()
    expect(thread.locator(".as")).to_have_text("この名前で投稿します： 太郎")
    guest.evaluate(f"token => {TAG}.dataset.member = token", signed(name="花", badge=""))
    expect(thread.locator(".as")).to_have_text("この名前で投稿します： 花")
    guest.evaluate(f"{TAG}.removeAttribute('data-member')")
    expect(thread.locator(".as")).to_have_count(0)


def _is_ours(message: ConsoleMessage) -> bool:
    return message.text.startswith("Kaiwa:")
