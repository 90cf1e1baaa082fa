"""a site remembers by how much its ids grew when an archive came in"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("site", sa.Column("archive_shift", sa.JSON(), nullable=False, server_default="{}"))


def downgrade() -> None:
    op.drop_column("site", "archive_shift")
