"""What happens in a reader's browser once she writes, beside what she sees."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.flows.people import reads, writes
from tests.services import Live

pytestmark = pytest.mark.flow


def test_a_reader_who_only_reads_loads_nothing_more_and_one_who_writes_is_timed(
    live: Live, new_page: Callable[..., Page]
) -> None:
    page = new_page(locale="ja")
    loaded: list[str] = []
    page.on("request", lambda request: loaded.append(request.url.partition("?")[0].removeprefix(live.url)))
    thread = reads(page, live)
    page.wait_for_timeout(300)
    assert not {"/writing.js", "/embed/stamp"} & set(loaded)
    stamp = thread.locator("[name=stamp]")
    assert (stamp.get_attribute("value") or "").startswith("drawn.")
    writes(thread, "書き始めた")
    expect(stamp).to_have_attribute("value", re.compile(r"^typing\."))
    writes(thread, "書き続けた")
    assert loaded.count("/embed/stamp") == 1
