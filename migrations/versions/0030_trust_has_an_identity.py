"""who and where a trusted author was, and how many comments a day"""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

INDEXES = ("vouched_index", "network_index", "traits_index")


def upgrade() -> None:
    for name in INDEXES:
        op.add_column("author", sa.Column(name, sa.String(64), nullable=True))
    op.add_column("site", sa.Column("daily_per_author", sa.Integer(), nullable=False, server_default="50"))


def downgrade() -> None:
    op.drop_column("site", "daily_per_author")
    for name in INDEXES:
        op.drop_column("author", name)
