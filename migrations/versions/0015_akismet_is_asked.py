"""akismet is asked"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("site", sa.Column("akismet_key", sa.Text(), nullable=False, server_default=""))
    op.add_column("site", sa.Column("akismet_blog", sa.Text(), nullable=False, server_default=""))
    op.add_column("site", sa.Column("akismet_answers", sa.String(length=50), nullable=False, server_default=""))
    op.add_column("site", sa.Column("akismet_alert", sa.String(length=200), nullable=False, server_default=""))
    op.add_column(
        "delivery", sa.Column("comment_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True)
    )
    op.create_index(
        "ix_delivery_comment",
        "delivery",
        ["comment_id"],
        sqlite_where=sa.text("comment_id IS NOT NULL"),
        postgresql_where=sa.text("comment_id IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_delivery_comment", "delivery")
    op.drop_column("delivery", "comment_id")
    for column in ("akismet_alert", "akismet_answers", "akismet_blog", "akismet_key"):
        op.drop_column("site", column)
