"""rules, reports, and what a comment is sorted by"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "rule",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("site_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("subject", sa.String(length=16), nullable=False),
        sa.Column("effect", sa.String(length=16), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("value_index", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("made_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.ForeignKeyConstraint(
            ["ended_by_id"], ["moderator.id"], name=op.f("fk_rule_ended_by_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["made_by_id"], ["moderator.id"], name=op.f("fk_rule_made_by_id"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_rule_site_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rule")),
    )
    with op.batch_alter_table("rule", schema=None) as batch_op:
        batch_op.create_index("ix_rule_site", ["site_id", "subject", "ended_at"], unique=False)
        batch_op.create_index("ix_rule_value", ["site_id", "subject", "value_index"], unique=False)

    op.create_table(
        "report",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("site_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("comment_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("reporter_index", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("comment_version", sa.Integer(), nullable=False),
        sa.Column("decision_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.ForeignKeyConstraint(["comment_id"], ["comment.id"], name=op.f("fk_report_comment_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["decision_id"], ["decision.id"], name=op.f("fk_report_decision_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_report_site_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report")),
        sa.UniqueConstraint("comment_id", "reporter_index", name=op.f("uq_report_comment_id_reporter_index")),
    )
    with op.batch_alter_table("report", schema=None) as batch_op:
        batch_op.create_index("ix_report_reporter", ["reporter_index", "made_at"], unique=False)
        batch_op.create_index("ix_report_site", ["site_id", "made_at"], unique=False)

    op.add_column("comment", sa.Column("source", sa.String(length=16), nullable=True))
    op.add_column("comment", sa.Column("source_id", sa.String(length=200), nullable=True))
    op.add_column("comment", sa.Column("score", sa.Double(), nullable=True))
    op.add_column("comment", sa.Column("facts", sa.JSON(), nullable=True))
    op.add_column("comment", sa.Column("lane", sa.SmallInteger(), nullable=False, server_default="0"))
    op.add_column("comment", sa.Column("cluster", sa.String(length=32), nullable=False, server_default=""))
    op.create_index("uq_comment_source", "comment", ["site_id", "source", "source_id"], unique=True)


def downgrade() -> None:
    # Column by column: to copy the table, as SQLite's batches do, would take with it what hangs on its rows.
    op.drop_index("uq_comment_source", "comment")
    for column in ("cluster", "lane", "facts", "score", "source_id", "source"):
        op.drop_column("comment", column)
    with op.batch_alter_table("report", schema=None) as batch_op:
        batch_op.drop_index("ix_report_site")
        batch_op.drop_index("ix_report_reporter")

    op.drop_table("report")
    with op.batch_alter_table("rule", schema=None) as batch_op:
        batch_op.drop_index("ix_rule_value")
        batch_op.drop_index("ix_rule_site")

    op.drop_table("rule")
