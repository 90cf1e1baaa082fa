"""pages move, and their old addresses lead to their comments"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "thread_alias",
        sa.Column("id", ID, nullable=False),
        sa.Column("site_id", ID, nullable=False),
        sa.Column("key", sa.String(length=2100), nullable=False),
        sa.Column("thread_id", ID, nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_thread_alias_site_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["thread_id"], ["thread.id"], name=op.f("fk_thread_alias_thread_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_thread_alias")),
        sa.UniqueConstraint("site_id", "key", name=op.f("uq_thread_alias_site_id_key")),
    )
    op.create_index("ix_thread_alias_thread_id", "thread_alias", ["thread_id"])


def downgrade() -> None:
    op.drop_index("ix_thread_alias_thread_id", "thread_alias")
    op.drop_table("thread_alias")
