"""what the filter has learnt, and what sites do with its score"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "knowledge",
        sa.Column("site_id", ID, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("counts", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_knowledge_site_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("site_id", name=op.f("pk_knowledge")),
    )
    op.create_table(
        "lesson",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("site_id", ID, nullable=False),
        sa.Column("spam", sa.Boolean(), nullable=False),
        sa.Column("step", sa.SmallInteger(), nullable=False),
        sa.Column("places", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_lesson_site_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lesson")),
    )
    op.create_index("ix_lesson_site_id", "lesson", ["site_id"])
    op.add_column("comment", sa.Column("lesson", sa.String(length=8), nullable=False, server_default=""))
    op.add_column("comment", sa.Column("places_learnt", sa.LargeBinary(), nullable=True))
    op.add_column("site", sa.Column("score_acts", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("site", sa.Column("score_publishes", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("site", sa.Column("score_spam_from", sa.Integer(), nullable=False, server_default="95"))
    op.add_column("site", sa.Column("score_hold_from", sa.Integer(), nullable=False, server_default="60"))


def downgrade() -> None:
    for column in ("score_hold_from", "score_spam_from", "score_publishes", "score_acts"):
        op.drop_column("site", column)
    op.drop_column("comment", "places_learnt")
    op.drop_column("comment", "lesson")
    op.drop_index("ix_lesson_site_id", "lesson")
    op.drop_table("lesson")
    op.drop_table("knowledge")
