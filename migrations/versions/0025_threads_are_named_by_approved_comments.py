"""titles and addresses of pages come from approved comments"""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("thread", sa.Column("named_by", sa.SmallInteger(), nullable=False, server_default="0"))
    op.add_column("thread", sa.Column("started_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("comment", sa.Column("claimed", sa.JSON(), nullable=True))


def downgrade() -> None:
    op.drop_column("comment", "claimed")
    op.drop_column("thread", "started_at")
    op.drop_column("thread", "named_by")
