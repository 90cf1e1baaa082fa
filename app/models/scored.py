"""Columns of a comment for the spam score and its training."""

from typing import Any

from sqlalchemy import JSON, LargeBinary, SmallInteger, String, false
from sqlalchemy.orm import Mapped, mapped_column


class Scored:
    # Spam score from 0 to 1, and the features of the request; None: not scored.
    score: Mapped[float | None]
    features: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    # The language of a scored text (lib/tongue.py); '' for none.
    written_in: Mapped[str] = mapped_column(String(8), default="", server_default="")
    # 100 less the likelihood of a rejection in per cent, by which a lane can be sorted (spam/rejections.py).
    mildness: Mapped[int] = mapped_column(SmallInteger, default=100, server_default="100")
    # Class that the filter was trained with: "fine", "spam" or "" (spam/learning.py).
    trained_as: Mapped[str] = mapped_column(String(8), default="")
    # It stayed public for some days without a report, which teaches the filter until a decision (spam/settling.py).
    settled: Mapped[bool] = mapped_column(default=False, server_default=false())
    # Difference from the prediction at training time; None: only counted.
    residual: Mapped[int | None]
    # Positions of the features in the model, kept for unlearning after the text is deleted.
    learnt_slots: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
