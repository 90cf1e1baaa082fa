"""since when a delivery is due, and how often it failed"""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

FAILED = sa.text("failures > 0")


def upgrade() -> None:
    op.add_column("delivery", sa.Column("first_due_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("delivery", sa.Column("failures", sa.Integer(), nullable=False, server_default="0"))
    op.create_index("ix_delivery_failed", "delivery", ["failures"], sqlite_where=FAILED, postgresql_where=FAILED)


def downgrade() -> None:
    op.drop_index("ix_delivery_failed", "delivery")
    op.drop_column("delivery", "failures")
    op.drop_column("delivery", "first_due_at")
