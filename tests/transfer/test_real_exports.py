"""Every real export is counted as an independent parser counts it."""

import json
import os
from pathlib import Path

import pytest

from app.transfer.detect import READERS, detect
from tests.transfer.conftest import ROOT
from tests.transfer.counting import count

FOLDER = Path(os.environ.get("KAIWA_SHARED_DATA", ROOT.parent / "shared" / "data")) / "imports"
EXPECTED = json.loads((FOLDER / "expected.json").read_text()) if FOLDER.is_dir() else {}
FORMATS = {"wxr": "wordpress"}  # folders with a name other than the format's
OURS = {"unapproved": "pending", "trash": "rejected"}  # the sources' words for our statuses
COMPARED = (
    "threads",
    "unknown_thread",
    "comments",
    "distinct_ids",
    "roots",
    "replies",
    "orphans",
    "max_depth",
    "types",
    "empty_text",
    "no_email",
)


WITHOUT_FILES = [pytest.param("", marks=pytest.mark.skip("needs the exports of real sites (set KAIWA_SHARED_DATA)"))]


@pytest.mark.parametrize("name", EXPECTED or WITHOUT_FILES)
def test_every_comment_of_an_export_is_read(real_exports: Path, name: str) -> None:
    expected = EXPECTED[name]
    form = detect(real_exports / name)
    counted = count(READERS[form](real_exports / name))

    assert form == FORMATS.get(name.split("/")[0], name.split("/")[0])
    for key in COMPARED:
        if key in expected:
            assert counted[key] == expected[key], key
    if "status" in expected:
        status = {OURS.get(word, word): number for word, number in expected["status"].items()}
        assert counted["status"] == status
    assert counted["skipped"] == 0


@pytest.mark.parametrize("which", ["", "-deleted-post", "-deleted-thread"])
def test_a_file_that_a_strict_parser_refuses_is_read_all_the_same(real_exports: Path, which: str) -> None:
    counted = count(READERS["disqus"](real_exports / f"disqus/remark42-disqus{which}.xml"))
    deleted = 1 if which == "-deleted-post" else 0
    assert (counted["threads"], counted["comments"], counted["unknown_thread"]) == (2, 6, 0)
    status = {"approved": 4 - deleted, "spam": 1, "pending": 1, "deleted": deleted}
    assert counted["status"] == {word: number for word, number in status.items() if number}


def test_isso_and_remark42_tell_the_same_story_as_the_wordpress_export_they_came_from(
    real_exports: Path,
) -> None:
    wordpress = count(READERS["wordpress"](real_exports / "wxr/wp-theme-test-data-ja.xml"))
    isso = count(READERS["isso"](real_exports / "isso/isso-wp-theme-test-data-ja.db"))
    remark42 = count(READERS["remark42"](real_exports / "remark42/remark42-wpja-backup.ndjson"))
    for key in ("comments", "distinct_ids", "orphans"):
        assert wordpress[key] == isso[key] == remark42[key]
    assert wordpress["replies"] == isso["replies"] == remark42["replies"] == 18
