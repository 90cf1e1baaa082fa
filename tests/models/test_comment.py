"""An emptied comment keeps nothing that its author wrote, or by which the author could be found."""

from typing import Any

from sqlalchemy import JSON, Column, LargeBinary, String

from app.lib.secrets import BlindIndex, Encrypted
from app.models import Comment

# Text that is not the author's, and why it stays.
KEPT = {
    "badge": "the site's word for its staff",
    "path": "the place in the thread",
    "status": "the decision",
    "lang": "the language of the form",
    "accepted": "the site's version of its house rules",
    "source": "the program of an imported comment",
    "source_id": "its id there, so that the next import recognises it",
    "trained_as": "unlearning needs it",
    "learnt_slots": "unlearning needs it: positions in the model, no words",
}
SAMPLES: dict[type, Any] = {LargeBinary: b"sample", JSON: {"sample": "sample"}}


def sample_for(column: Column[Any]) -> Any:
    return next((value for kind, value in SAMPLES.items() if isinstance(column.type, kind)), "sample")


def test_an_emptied_comment_keeps_nothing_of_its_author() -> None:
    """Each column of text is deleted or has a reason here, so that a new one cannot be forgotten."""
    kinds = (String, JSON, LargeBinary, Encrypted, BlindIndex)
    texts = [column for column in Comment.__table__.columns if isinstance(column.type, kinds)]
    comment = Comment(**{column.key: sample_for(column) for column in texts})
    comment.empty()
    assert {column.key for column in texts if getattr(comment, column.key) == sample_for(column)} == set(KEPT)
