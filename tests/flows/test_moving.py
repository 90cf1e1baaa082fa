"""After an import: old links work, and an owner moves a page in the browser."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.flows.people import JA, assert_accessible, log_in
from tests.services import Live
from tests.transfer.exports import comment, wxr
from tests.transfer.exports import page as one_page

pytestmark = pytest.mark.flow


OLD_NUMBER = 900


def test_an_old_link_lands_on_its_comment(live: Live, page: Page, tmp_path: Path) -> None:
    file = tmp_path / "export.xml"
    said = comment(OLD_NUMBER, "<![CDATA[said years ago]]>", date_gmt="2009-01-02 03:04:05")
    file.write_text(wxr(one_page(said)).replace("https://example.com/1/", live.demo_url + JA))
    assert "1 imported" in live.flask("import", "wordpress", str(file), "--site", "demo")

    page.goto(f"{live.demo_url}{JA}#comment-{OLD_NUMBER}")
    target = page.locator("#kaiwa article.target")
    expect(target).to_contain_text("said years ago")
    expect(target).to_be_focused()


def test_an_administrator_moves_a_page(live: Live, page: Page) -> None:
    log_in(page, live)
    page.goto(f"{live.url}/sites/demo/threads")
    assert_accessible(page)
    page.locator("li[data-thread-id] a[href*=old]").first.click()
    moves = page.locator("textarea")
    moves.fill(moves.input_value() + "/moved")
    page.click("[name=try]")
    expect(page.locator("#tried")).to_be_visible()
    assert_accessible(page)
    page.locator("form#move button.approved").click()
    expect(page.locator("details.earlier").first).to_be_attached()
