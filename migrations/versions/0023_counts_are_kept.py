"""counts are kept, and the comments of a thread have an index"""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

DONE = sa.text("done_at IS NOT NULL")
COUNTED = """
INSERT INTO tally (site_id, kind, name, number)
SELECT site_id, 'status', status, count(*) FROM comment GROUP BY site_id, status
UNION ALL SELECT site_id, 'actor', actor, count(*) FROM decision GROUP BY site_id, actor
"""


def upgrade() -> None:
    op.create_table(
        "tally",
        sa.Column("site_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=16), nullable=False),
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_tally_site_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("site_id", "kind", "name", name=op.f("pk_tally")),
    )
    op.create_table(
        "tallied",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("upto", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("seen", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tallied")),
    )
    op.execute(COUNTED)
    op.execute(
        "INSERT INTO tallied (id, upto, seen, seen_at) "
        "SELECT 1, coalesce(max(id), 0), coalesce(max(id), 0), CURRENT_TIMESTAMP FROM decision"
    )
    op.create_index("ix_comment_thread", "comment", ["thread_id", "id"])
    op.create_index("ix_comment_author_newest", "comment", ["author_id", "status", "id"])
    op.create_index("ix_delivery_done", "delivery", ["outcome"], sqlite_where=DONE, postgresql_where=DONE)
    op.drop_index("ix_comment_author", "comment")


def downgrade() -> None:
    op.create_index("ix_comment_author", "comment", ["author_id", "status"])
    op.drop_index("ix_delivery_done", "delivery")
    op.drop_index("ix_comment_author_newest", "comment")
    op.drop_index("ix_comment_thread", "comment")
    op.drop_table("tallied")
    op.drop_table("tally")
