"""rate limits, log-ins among them"""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # PostgreSQL writes no log for it and waits for no disk: after a crash it is empty, which harms nobody.
    unlogged = ["UNLOGGED"] if op.get_bind().dialect.name == "postgresql" else []
    op.create_table(
        "rate_limit",
        sa.Column("subject", sa.String(64), nullable=False),
        sa.Column("due_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_rate_limit")),
        prefixes=unlogged,
    )


def downgrade() -> None:
    op.drop_table("rate_limit")
