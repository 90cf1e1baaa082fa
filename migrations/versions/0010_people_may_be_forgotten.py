"""what was erased stays as an empty row, and sites say how long they keep what"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

DAYS = {"keep_address_days": "90", "keep_spam_days": "30", "keep_revision_days": "365"}


def upgrade() -> None:
    op.add_column("author", sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("comment", sa.Column("emptied_at", sa.DateTime(timezone=True), nullable=True))
    for name, days in DAYS.items():
        op.add_column("site", sa.Column(name, sa.Integer(), nullable=False, server_default=days))


def downgrade() -> None:
    for name in DAYS:
        op.drop_column("site", name)
    op.drop_column("comment", "emptied_at")
    op.drop_column("author", "erased_at")
