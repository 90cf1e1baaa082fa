"""Which comments count as difficult, and an order in which not too many of them follow each other."""

from itertools import product
from types import SimpleNamespace
from typing import Any

import pytest

from app.models import Reason
from app.moderation.risk import Risk, interleaved, longest_run, risk_of


def flagged_as(verdict: str) -> dict[str, Any]:
    return {"check": "checkers", "verdict": "hold", "each": [{"state": "flagged", "said": verdict}]}


@pytest.mark.parametrize(
    ("reasons", "reports", "notice", "mildness", "risk"),
    [
        ([], [], False, 100, None),
        ([{"check": "threat", "verdict": "hold"}], [], False, 100, Risk.THREAT),
        ([], [Reason.HATE], False, 100, Risk.REPORTS),
        ([], [Reason.SPAM, Reason.OFF_TOPIC], False, 100, None),
        ([], [], True, 100, Risk.NOTICE),
        ([{"check": "words", "verdict": "reject"}], [], False, 100, Risk.WORDS),
        ([{"check": "words", "verdict": "hold"}], [], False, 100, None),
        ([flagged_as("reject")], [], False, 100, Risk.CHECKER),
        ([flagged_as("spam")], [], False, 100, None),
        ([{"check": "links", "verdict": "spam"}], [], False, 41, None),
        ([], [], False, 40, Risk.LIKELY),
    ],
)  # fmt: skip
def test_threats_and_reports_are_difficult_and_spam_is_not(
    reasons: list, reports: list, notice: bool, mildness: int, risk: Risk | None
) -> None:
    assert risk_of(SimpleNamespace(reasons=reasons, mildness=mildness), reports, notice) == risk


def test_every_order_of_ten_keeps_the_limit_where_it_can_be_kept() -> None:
    for shape, most, run in product(product((True, False), repeat=9), (1, 2, 3), (0, 1)):
        ids = list(range(len(shape)))
        hard = {id for id in ids if shape[id]}
        calm = [id for id in ids if id not in hard]
        found = interleaved(ids, hard, most, run)
        assert sorted(found) == ids, "none is lost and none is there twice"
        assert [id for id in found if id in hard] == sorted(hard) and [id for id in found if id not in hard] == calm
        enough = len(hard) + run <= most * (len(calm) + 1)
        longest, _end = longest_run(found, hard, run)
        assert not enough or longest <= most, (shape, most, run, found)
        if not calm or not hard:
            assert found == ids
