"""bursts are noticed, and wide networks counted"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("comment", sa.Column("wide_index", sa.String(length=64), nullable=True))
    op.create_index(
        "ix_comment_wide",
        "comment",
        ["site_id", "wide_index", "created_at"],
        sqlite_where=sa.text("wide_index IS NOT NULL"),
        postgresql_where=sa.text("wide_index IS NOT NULL"),
    )
    op.create_index("ix_comment_arrived", "comment", ["site_id", "created_at"])
    op.add_column("site", sa.Column("flood_per_site", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("site", sa.Column("busiest_minute", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("site", sa.Column("learnt_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("site", sa.Column("pressed_until", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    for column in ("pressed_until", "learnt_at", "busiest_minute", "flood_per_site"):
        op.drop_column("site", column)
    op.drop_index("ix_comment_arrived", "comment")
    op.drop_index("ix_comment_wide", "comment")
    op.drop_column("comment", "wide_index")
