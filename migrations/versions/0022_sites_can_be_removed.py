"""indexes for what refers to a decision, and whether a site's clock was chosen"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

SITE = sa.table("site", sa.column("lang"), sa.column("timezone"), sa.column("timezone_chosen"))


def upgrade() -> None:
    op.add_column("site", sa.Column("timezone_chosen", sa.Boolean(), nullable=False, server_default=sa.false()))
    chosen = sa.or_(SITE.c.lang == "ja", SITE.c.timezone != "Asia/Tokyo")
    op.execute(sa.update(SITE).where(chosen).values(timezone_chosen=sa.true()))
    for table, column in (("decision", "undoes_id"), ("report", "decision_id")):
        there = sa.text(f"{column} IS NOT NULL")
        op.create_index(f"ix_{table}_{column}", table, [column], sqlite_where=there, postgresql_where=there)


def downgrade() -> None:
    op.drop_index("ix_report_decision_id", "report")
    op.drop_index("ix_decision_undoes_id", "decision")
    op.drop_column("site", "timezone_chosen")
