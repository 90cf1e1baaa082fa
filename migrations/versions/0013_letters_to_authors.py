"""letters to authors: who asked, whose address is confirmed, who wants none, how many went to whom"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("comment", sa.Column("notify", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("author", sa.Column("confirmed_index", sa.String(length=64), nullable=True))
    op.add_column("delivery", sa.Column("recipient", sa.String(length=64), nullable=True))
    op.create_index("ix_delivery_recipient", "delivery", ["recipient", "created_at"])
    op.create_table(
        "silence",
        sa.Column("id", ID, nullable=False),
        sa.Column("site_id", ID, nullable=False),
        sa.Column("email_index", sa.String(length=64), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_silence_site_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_silence")),
        sa.UniqueConstraint("site_id", "email_index", name=op.f("uq_silence_site_id_email_index")),
    )


def downgrade() -> None:
    op.drop_table("silence")
    op.drop_index("ix_delivery_recipient", "delivery")
    op.drop_column("delivery", "recipient")
    op.drop_column("author", "confirmed_index")
    op.drop_column("comment", "notify")
