"""After an import: old links work, and an owner moves a page in the browser."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.flows.people import JA, assert_accessible, log_in, open_article
from tests.services import Live
from tests.transfer.exports import comment, wxr
from tests.transfer.exports import page as one_page

pytestmark = pytest.mark.flow


OLD_NUMBER = 900


@pytest.mark.torture
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


def test_an_export_is_imported_in_the_browser(live: Live, new_page: Callable[..., Page], tmp_path: Path) -> None:
    """In parts, with a lost connection between two of them; old articles are mapped to the new ones."""
    file = tmp_path / "export.xml"
    said = comment(OLD_NUMBER + 1, "<![CDATA[said in the browser]]>", date_gmt="2009-01-02 03:04:05")
    padding = f"<!--{'x' * 400_000}-->"
    file.write_text(wxr(one_page(said)).replace("https://example.com/1/", f"https://old.example{JA}") + padding)
    page = new_page(locale="ja", viewport={"width": 375, "height": 800})
    log_in(page, live)
    page.goto(f"{live.url}/sites/demo/import")
    assert_accessible(page)
    lost: list[str] = []

    def lose_one(route: Route) -> None:
        if lost or "at=0" in route.request.url:
            route.continue_()
        else:
            lost.append(route.request.url)
            route.abort()

    page.route("**/part?at=*", lose_one)
    page.set_input_files("#file", file)
    page.locator("[data-upload] button").click()
    report = page.locator("section.report")
    expect(report.locator("[data-imported]")).to_have_text("1")
    assert lost
    assert_accessible(page)
    page.get_by_label("https://old.example").fill(live.demo_url)
    page.get_by_role("button", name="もう一度確認").click()
    expect(page.get_by_role("button", name="インポートする")).to_be_visible()
    expect(page.get_by_label("https://old.example")).to_have_count(0)
    page.get_by_role("button", name="インポートする").click()
    expect(page.locator("[data-job][data-state=done]")).to_be_visible()
    expect(open_article(page, live).get_by_text("said in the browser")).to_be_visible()

    page.goto(f"{live.url}/sites/demo/import")
    page.locator("form[action$=export] button").click()
    button = page.get_by_role("button", name="ダウンロード")
    expect(button).to_be_visible()
    with page.expect_download() as download:
        button.click()
    assert "said in the browser" in Path(download.value.path()).read_text()
    assert_accessible(page)
