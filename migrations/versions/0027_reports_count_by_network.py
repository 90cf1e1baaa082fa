"""reports are counted by the networks by which posts are limited"""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("report", sa.Column("wide_index", sa.String(64), nullable=True))
    op.create_index("ix_report_wide", "report", ["wide_index", "made_at"])


def downgrade() -> None:
    op.drop_index("ix_report_wide", "report")
    op.drop_column("report", "wide_index")
