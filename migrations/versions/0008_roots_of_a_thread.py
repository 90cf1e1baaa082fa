"""the roots of a thread have an index"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

WHERE = sa.text("places > 0 AND depth = 0")


def upgrade() -> None:
    op.create_index("ix_comment_roots", "comment", ["thread_id", "id"], sqlite_where=WHERE, postgresql_where=WHERE)


def downgrade() -> None:
    op.drop_index("ix_comment_roots", "comment")
