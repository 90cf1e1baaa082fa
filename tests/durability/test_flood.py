"""A flood against one site: other sites are served, the site holds every comment, and none is lost."""

from math import isfinite

import pytest

from bench.flood import SITES, run
from tests.services import MailServer


@pytest.mark.torture
def test_a_flood_blocks_no_honest_reader_and_is_reported_once(database_url: str, smtp: MailServer) -> None:
    seen = run(database_url, smtp, quiet=5, seconds=15)
    for phase in (seen.quiet, seen.flood):
        for site in SITES:
            assert set(phase[f"read {site}"].statuses) == {200}
            assert set(phase[f"post {site}"].statuses) <= {201, 202}
        assert set(phase["post other"].statuses) == {201}, "what happens to one site is not felt on another"
    assert set(seen.flood["flood"].statuses) == {201, 202}
    assert seen.held_after > 0 and isfinite(seen.calm_after)
    assert seen.emails == 1
    assert seen.stored == seen.acknowledged, "acknowledged comments are stored exactly once"
    assert len(seen.clusters) == 1, "one key clears them"
