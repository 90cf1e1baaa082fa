"""the desk: lanes in order, leases, deferrals, notes, and what a decision caused or replaced"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
WAITS, ALIKE, UNSENT = sa.text("lane <> 0"), sa.text("cluster <> ''"), sa.text("done_at IS NULL")


def upgrade() -> None:
    op.create_table(
        "lease",
        sa.Column("comment_id", ID, nullable=False),
        sa.Column("moderator_id", ID, nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["comment_id"], ["comment.id"], name="fk_lease_comment_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["moderator_id"], ["moderator.id"], name="fk_lease_moderator_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("comment_id", name="pk_lease"),
    )
    op.create_index("ix_lease_moderator_id", "lease", ["moderator_id"])
    op.create_index("ix_lease_until", "lease", ["until"])
    op.create_table(
        "deferral",
        sa.Column("moderator_id", ID, nullable=False),
        sa.Column("comment_id", ID, nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["comment_id"], ["comment.id"], name="fk_deferral_comment_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["moderator_id"], ["moderator.id"], name="fk_deferral_moderator_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("moderator_id", "comment_id", name="pk_deferral"),
    )
    op.create_index("ix_deferral_comment_id", "deferral", ["comment_id"])
    op.create_table(
        "note",
        sa.Column("id", ID, nullable=False),
        sa.Column("comment_id", ID, nullable=False),
        sa.Column("moderator_id", ID, nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["comment_id"], ["comment.id"], name="fk_note_comment_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["moderator_id"], ["moderator.id"], name="fk_note_moderator_id", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name="pk_note"),
    )
    op.create_index("ix_note_comment", "note", ["comment_id", "id"])
    op.add_column("decision", sa.Column("overrides", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("delivery", sa.Column("decision_id", ID, nullable=True))
    op.create_index("ix_delivery_decision", "delivery", ["decision_id"], sqlite_where=UNSENT, postgresql_where=UNSENT)
    # What waits already is looked at by a person; nothing was found out about it that could tell the lanes apart.
    op.execute("UPDATE comment SET lane = 2 WHERE status = 'pending' AND lane = 0")
    op.create_index(
        "ix_comment_lane", "comment", ["site_id", "lane", "thread_id", "cluster", "id"],
        sqlite_where=WAITS, postgresql_where=WAITS,
    )  # fmt: skip
    op.create_index(
        "ix_comment_cluster", "comment", ["site_id", "cluster", "lane"], sqlite_where=ALIKE, postgresql_where=ALIKE
    )


def downgrade() -> None:
    op.drop_index("ix_comment_cluster", "comment")
    op.drop_index("ix_comment_lane", "comment")
    op.drop_index("ix_delivery_decision", "delivery")
    op.drop_column("delivery", "decision_id")
    op.drop_column("decision", "overrides")
    for table in ("note", "deferral", "lease"):
        op.drop_table(table)
