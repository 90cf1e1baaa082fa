"""what a site does with reports, and whether its figures are public"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("site", sa.Column("reports_needed", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("site", sa.Column("reports_to_hide", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("site", sa.Column("public_summary", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    for column in ("public_summary", "reports_to_hide", "reports_needed"):
        op.drop_column("site", column)
