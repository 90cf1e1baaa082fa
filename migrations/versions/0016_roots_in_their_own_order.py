"""the roots of a thread are found in their own order"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

WHERE = sa.text("places > 0 AND depth = 0")


def upgrade() -> None:
    _replace("root_id")


def downgrade() -> None:
    _replace("id")


def _replace(order: str) -> None:
    op.drop_index("ix_comment_roots", "comment")
    op.create_index("ix_comment_roots", "comment", ["thread_id", order], sqlite_where=WHERE, postgresql_where=WHERE)
