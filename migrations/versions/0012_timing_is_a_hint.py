"""timing is a hint"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("site", sa.Column("min_seconds", sa.Integer(), nullable=False, server_default="2"))


def downgrade() -> None:
    op.drop_column("site", "min_seconds")
