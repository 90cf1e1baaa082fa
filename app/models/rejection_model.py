"""The stored model of a site's rejections, and how good it is."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, LargeBinary, func, select, update
from sqlalchemy.orm import Mapped, mapped_column

from app.database import rows_changed
from app.extensions import Id, Model, db
from app.lib.clock import Moment, now
from app.models.decision import Actor, Decision
from app.models.site import Site


class RejectionModel(Model):
    """Trained from the newest decisions as a whole (spam/rejections.py), so that it forgets undone and erased ones."""

    __tablename__ = "rejection_model"

    site_id: Mapped[int] = mapped_column(ForeignKey("site.id", ondelete="CASCADE"), primary_key=True)
    counts: Mapped[bytes] = mapped_column(LargeBinary)
    # The newest decision that it knows.
    decision_id: Mapped[int] = mapped_column(Id)
    trained_at: Mapped[datetime] = mapped_column(Moment, default=now)
    # Approved and rejected examples; how well it told them apart before it learnt them, in all and by reason:
    # {"": [rejections, AUROC or None], "hate": [...]} (spam/rejections.py).
    fine: Mapped[int]
    rejected: Mapped[int]
    quality: Mapped[dict[str, list[Any]]] = mapped_column(JSON, default=dict)

    @classmethod
    def outdated(cls, before: datetime) -> list[tuple[int, int]]:
        """Id and newest decision of sites whose moderators have decided since the training before this moment."""
        newest = select(func.max(Decision.id)).where(Decision.site_id == Site.id, Decision.actor == Actor.MODERATOR)
        rows = db.session.execute(
            select(Site.id, newest.scalar_subquery(), cls.decision_id, cls.trained_at).outerjoin(
                cls, cls.site_id == Site.id
            )
        )
        return [
            (id, decision)
            for id, decision, known, trained in rows
            if decision and decision != known and (trained is None or trained < before)
        ]

    @classmethod
    def outdate(cls, site_ids: Collection[int]) -> None:
        """Train these sites' models again soon: a comment was erased, which no moderator's decision tells."""
        rows_changed(update(cls).where(cls.site_id.in_(site_ids), cls.decision_id != 0).values(decision_id=0))
