"""fingerprints of the keys, and what a worker last failed at"""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "key_print",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False),
        sa.Column("salt", sa.String(32), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_key_print"),
    )
    op.add_column("heartbeat", sa.Column("started_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("heartbeat", sa.Column("failing", sa.String(200), nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("heartbeat", "failing")
    op.drop_column("heartbeat", "started_at")
    op.drop_table("key_print")
