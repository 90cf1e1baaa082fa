"""the tables of 0.1.0

Databases of the 30 migrations before it are refused: `app/operations/upgrades.py`.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001_initial"
down_revision = None
branch_labels = None
depends_on = None

# SQLite gives row ids only to a column of type INTEGER.
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

# Triggers note each comment whose text, name or place changed, so that no way to change one can forget the search index.
EVENTS = {
    "written": ("INSERT", "NEW"),
    "changed": ("UPDATE OF body, name, thread_id, site_id", "NEW"),
    "gone": ("DELETE", "OLD"),
}
MARK_DIRTY = """
INSERT INTO dirty_comment (comment_id) VALUES ({row}.id)
ON CONFLICT (comment_id) DO UPDATE SET times = dirty_comment.times + 1
"""
# The audit log is only added to; erasing a row's content keeps number, time and digests.
KEPT_IN_THE_LOG = ("id", "made_at", "content_digest", "chain_digest")
ERASED_FROM_THE_LOG = {
    **dict.fromkeys(("event", "site", "actor", "actor_name", "network", "details", "salt"), "= ''"),
    **dict.fromkeys(("actor_id", "account_id"), "IS NULL"),
}
LOG_IS_KEPT = "rows of the audit log are not changed"


def upgrade() -> None:
    op.create_table(
        "audit_event",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("event", sa.String(length=32), nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("actor", sa.String(length=16), nullable=False),
        sa.Column("actor_id", ID, nullable=True),
        sa.Column("actor_name", sa.String(length=400), nullable=False),
        sa.Column("account_id", ID, nullable=True),
        sa.Column("network", sa.String(length=64), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("salt", sa.String(length=32), nullable=False),
        sa.Column("content_digest", sa.String(length=64), nullable=False),
        sa.Column("chain_digest", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_event")),
    )
    op.create_index("ix_audit_event_account", "audit_event", ["account_id", "id"])
    op.create_index("ix_audit_event_event", "audit_event", ["event", "id"])
    op.create_index("ix_audit_event_site", "audit_event", ["site", "id"])
    op.create_table(
        "chain_head",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("number", ID, nullable=False),
        sa.Column("chain_digest", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_chain_head")),
    )
    op.create_table(
        "counter_mark",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("upto", ID, nullable=False),
        sa.Column("seen", ID, nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_counter_mark")),
    )
    op.create_table(
        "dirty_comment",
        sa.Column("comment_id", ID, autoincrement=False, nullable=False),
        sa.Column("times", sa.Integer(), nullable=False, server_default="1"),
        sa.PrimaryKeyConstraint("comment_id", name=op.f("pk_dirty_comment")),
    )
    op.create_table(
        "heartbeat",
        sa.Column("worker", sa.String(length=100), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failing", sa.String(length=200), nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("worker", name=op.f("pk_heartbeat")),
    )
    op.create_table(
        "turn",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("holder", sa.String(length=32), nullable=False, server_default=""),
        sa.Column("beat", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_turn")),
    )
    op.create_table(
        "key_print",
        sa.Column("id", ID, nullable=False),
        sa.Column("salt", sa.String(length=32), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_key_print")),
    )
    op.create_table(
        "moderator",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.String(length=400), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("email_index", sa.String(length=64), nullable=False),
        sa.Column("password_hash", sa.String(length=200), nullable=False),
        sa.Column("password_set_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lang", sa.String(length=8), nullable=False),
        sa.Column("keys_on", sa.Boolean(), nullable=False),
        sa.Column("is_operator", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("digest_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("emails", sa.String(length=8), server_default="digest", nullable=False),
        sa.Column("quiet_from", sa.Integer(), nullable=True),
        sa.Column("quiet_until", sa.Integer(), nullable=True),
        sa.Column("cover_hard", sa.Boolean(), nullable=False, server_default=sa.true()),
        sa.Column("hard_in_a_row", sa.Integer(), nullable=False, server_default="5"),
        sa.Column("pause_minutes", sa.Integer(), nullable=False, server_default="45"),
        sa.Column("is_program", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_moderator")),
        sa.UniqueConstraint("email_index", name=op.f("uq_moderator_email_index")),
    )
    op.create_table(
        "setup_link",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_setup_link")),
    )
    op.create_table(
        "rate_limit",
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("due_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_rate_limit")),
        # Counted for every request; after a crash, counting starts again.
        prefixes=["UNLOGGED"] if op.get_bind().dialect.name == "postgresql" else [],
    )
    op.create_table(
        "search_segment",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_search_segment")),
    )
    op.create_table(
        "segment_page",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("lists", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_segment_page")),
    )
    op.create_table(
        "site",
        sa.Column("id", ID, nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("lang", sa.String(length=8), nullable=False),
        sa.Column("timezone", sa.String(length=64), nullable=False),
        sa.Column("timezone_chosen", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("origins", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("rules_version", sa.Integer(), nullable=False, server_default="1"),
        sa.Column("score_acts", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("score_publishes", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("hold_one_in", sa.Integer(), nullable=False, server_default="100"),
        sa.Column("spam_one_in", sa.Integer(), nullable=False, server_default="1000"),
        sa.Column("score_acts_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("score_stepped_back_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settle_days", sa.Integer(), nullable=False, server_default="7"),
        sa.Column("settled_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("avatar_key", sa.String(length=64), nullable=False),
        sa.Column("archive_shift", sa.JSON(), nullable=False, server_default="{}"),
        sa.Column("open", sa.Boolean(), nullable=False),
        sa.Column("commenters", sa.String(length=8), nullable=False, server_default="everyone"),
        sa.Column("login_url", sa.Text(), nullable=False, server_default=""),
        sa.Column("name_required", sa.Boolean(), nullable=False),
        sa.Column("email_required", sa.Boolean(), nullable=False),
        sa.Column("website_required", sa.Boolean(), nullable=False),
        sa.Column("max_depth", sa.Integer(), nullable=False),
        sa.Column("page_size", sa.Integer(), nullable=False),
        sa.Column("edit_minutes", sa.Integer(), nullable=False),
        sa.Column("hold_all", sa.Boolean(), nullable=False),
        sa.Column("approvals_needed", sa.Integer(), nullable=False),
        sa.Column("max_links", sa.Integer(), nullable=False),
        sa.Column("hold_blocked", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("min_seconds", sa.Integer(), nullable=False, server_default="2"),
        sa.Column("hold_no_japanese", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("least_japanese", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("hold_phone_numbers", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("hold_postal_addresses", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("hold_my_numbers", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("hold_emails", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("flood_per_author", sa.Integer(), nullable=False),
        sa.Column("daily_per_author", sa.Integer(), nullable=False, server_default="50"),
        sa.Column("flood_per_address", sa.Integer(), nullable=False),
        sa.Column("flood_per_site", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("busiest_minute", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("learnt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("first_view_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("pressed_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("akismet_key", sa.Text(), nullable=False, server_default=""),
        sa.Column("akismet_blog", sa.Text(), nullable=False, server_default=""),
        sa.Column("akismet_answers", sa.String(length=50), nullable=False, server_default=""),
        sa.Column("akismet_alert", sa.String(length=200), nullable=False, server_default=""),
        sa.Column("close_after_days", sa.Integer(), nullable=False),
        sa.Column("state_key", sa.Text(), nullable=False, server_default=""),
        sa.Column("reports_needed", sa.Integer(), nullable=False, server_default="1"),
        sa.Column("reports_to_hide", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("brake_decisions", sa.Integer(), nullable=False, server_default="10"),
        sa.Column("brake_percent", sa.Integer(), nullable=False, server_default="60"),
        sa.Column("brake_reports", sa.Integer(), nullable=False, server_default="5"),
        sa.Column("brake_minutes", sa.Integer(), nullable=False, server_default="60"),
        sa.Column("notices", sa.Boolean(), nullable=False, server_default=sa.true()),
        sa.Column("notice_days", sa.Integer(), nullable=False, server_default="7"),
        sa.Column("public_summary", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("second_opinions", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("reason_texts", sa.JSON(), nullable=False, server_default="{}"),
        sa.Column("own_reasons", sa.JSON(), nullable=False, server_default="[]"),
        sa.Column("saved_replies", sa.JSON(), nullable=False, server_default="[]"),
        sa.Column("sections", sa.JSON(), nullable=False, server_default="[]"),
        sa.Column("live_updates", sa.Boolean(), nullable=False, server_default=sa.true()),
        sa.Column("index_thread", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("votes", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("staff_badge", sa.String(length=40), nullable=False, server_default=""),
        sa.Column("staff_role", sa.String(length=16), nullable=False, server_default="moderator"),
        sa.Column("factor_role", sa.String(length=16), nullable=False, server_default=""),
        sa.Column("staff_names", sa.JSON(), nullable=False, server_default="[]"),
        sa.Column("keep_address_days", sa.Integer(), nullable=False, server_default="90"),
        sa.Column("keep_spam_days", sa.Integer(), nullable=False, server_default="30"),
        sa.Column("keep_revision_days", sa.Integer(), nullable=False, server_default="365"),
        sa.Column("keep_vote_days", sa.Integer(), nullable=False, server_default="30"),
        sa.Column("keep_notice_days", sa.Integer(), nullable=False, server_default="1095"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_site")),
        sa.UniqueConstraint("key", name=op.f("uq_site_key")),
    )
    op.create_table(
        "author",
        sa.Column("id", ID, nullable=False),
        sa.Column("site_id", ID, nullable=False),
        sa.Column("name", sa.String(length=400), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("email_index", sa.String(length=64), nullable=True),
        sa.Column("website", sa.Text(), nullable=False),
        sa.Column("confirmed_index", sa.String(length=64), nullable=True),
        sa.Column("vouched_index", sa.String(length=64), nullable=True),
        sa.Column("network_index", sa.String(length=64), nullable=True),
        sa.Column("traits_index", sa.String(length=64), nullable=True),
        sa.Column("member_sub", sa.Text(), nullable=True),
        sa.Column("member_index", sa.String(length=64), nullable=True),
        sa.Column("member_badge", sa.String(length=40), nullable=False, server_default=""),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_author_site_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_author")),
    )
    op.create_index(
        "ix_author_recognized",
        "author",
        ["site_id", "id"],
        unique=False,
        sqlite_where=sa.text("network_index IS NOT NULL OR traits_index IS NOT NULL"),
        postgresql_where=sa.text("network_index IS NOT NULL OR traits_index IS NOT NULL"),
    )
    op.create_index("ix_author_site_email", "author", ["site_id", "email_index"], unique=False)
    op.create_index(
        "uq_author_member",
        "author",
        ["site_id", "member_index"],
        unique=True,
        sqlite_where=sa.text("member_index IS NOT NULL"),
        postgresql_where=sa.text("member_index IS NOT NULL"),
    )
    op.create_table(
        "delivery",
        sa.Column("id", ID, nullable=False),
        sa.Column("site_id", ID, nullable=True),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("once", sa.String(length=100), nullable=True),
        sa.Column("moderator_id", ID, nullable=True),
        sa.Column("decision_id", ID, nullable=True),
        sa.Column("comment_id", ID, nullable=True),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("recipient", sa.String(length=64), nullable=True),
        sa.Column("message_id", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("first_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["moderator_id"], ["moderator.id"], name=op.f("fk_delivery_moderator_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_delivery_site_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery")),
    )
    op.create_index(
        "ix_delivery_comment",
        "delivery",
        ["comment_id"],
        unique=False,
        sqlite_where=sa.text("comment_id IS NOT NULL"),
        postgresql_where=sa.text("comment_id IS NOT NULL"),
    )
    op.create_index(
        "ix_delivery_decision",
        "delivery",
        ["decision_id"],
        unique=False,
        sqlite_where=sa.text("done_at IS NULL"),
        postgresql_where=sa.text("done_at IS NULL"),
    )
    op.create_index(
        "ix_delivery_done",
        "delivery",
        ["outcome"],
        unique=False,
        sqlite_where=sa.text("done_at IS NOT NULL"),
        postgresql_where=sa.text("done_at IS NOT NULL"),
    )
    op.create_index(
        "ix_delivery_due",
        "delivery",
        ["due_at"],
        unique=False,
        sqlite_where=sa.text("done_at IS NULL"),
        postgresql_where=sa.text("done_at IS NULL"),
    )
    op.create_index(
        "ix_delivery_failed",
        "delivery",
        ["kind", "first_due_at"],
        unique=False,
        sqlite_where=sa.text("done_at IS NULL AND first_due_at IS NOT NULL"),
        postgresql_where=sa.text("done_at IS NULL AND first_due_at IS NOT NULL"),
    )
    op.create_index(
        "ix_delivery_finished",
        "delivery",
        ["kind", "done_at"],
        unique=False,
        sqlite_where=sa.text("done_at IS NOT NULL"),
        postgresql_where=sa.text("done_at IS NOT NULL"),
    )
    op.create_index("ix_delivery_recipient", "delivery", ["recipient", "created_at"], unique=False)
    op.create_index(
        "ix_delivery_site",
        "delivery",
        ["site_id"],
        unique=False,
        sqlite_where=sa.text("site_id IS NOT NULL"),
        postgresql_where=sa.text("site_id IS NOT NULL"),
    )
    op.create_index(
        "uq_delivery_waiting",
        "delivery",
        ["once"],
        unique=True,
        sqlite_where=sa.text("done_at IS NULL"),
        postgresql_where=sa.text("done_at IS NULL"),
    )
    op.create_table(
        "api_token",
        sa.Column("id", ID, nullable=False),
        sa.Column("site_id", ID, nullable=False),
        sa.Column("moderator_id", ID, nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("made_by_id", ID, nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["made_by_id"], ["moderator.id"], name=op.f("fk_api_token_made_by_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["moderator_id"], ["moderator.id"], name=op.f("fk_api_token_moderator_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_api_token_site_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_token")),
        sa.UniqueConstraint("moderator_id", name=op.f("uq_api_token_moderator_id")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_api_token_token_hash")),
    )
    op.create_table(
        "api_answer",
        sa.Column("id", ID, nullable=False),
        sa.Column("token_id", ID, nullable=False),
        sa.Column("request_key", sa.String(length=64), nullable=True),
        sa.Column("request_digest", sa.String(length=64), nullable=True),
        sa.Column("code", sa.Integer(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["token_id"], ["api_token.id"], name=op.f("fk_api_answer_token_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_answer")),
        sa.UniqueConstraint("token_id", "request_key", name=op.f("uq_api_answer_token_id_request_key")),
    )
    op.create_index("ix_api_answer_made_at", "api_answer", ["made_at"], unique=False)
    op.create_index("ix_api_token_site", "api_token", ["site_id", "id"], unique=False)
    op.create_index(
        "ix_api_token_made_by_id",
        "api_token",
        ["made_by_id"],
        unique=False,
        sqlite_where=sa.text("made_by_id IS NOT NULL"),
        postgresql_where=sa.text("made_by_id IS NOT NULL"),
    )
    op.create_table(
        "webhook",
        sa.Column("id", ID, nullable=False),
        sa.Column("site_id", ID, nullable=False),
        sa.Column("name", sa.String(length=400), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("format", sa.String(length=16), nullable=False),
        sa.Column("events", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("old_secret", sa.Text(), nullable=False),
        sa.Column("old_secret_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("made_by_id", ID, nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("failing_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rests_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("claimed_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("claimed_by", sa.String(length=32), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["made_by_id"], ["moderator.id"], name=op.f("fk_webhook_made_by_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_webhook_site_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook")),
    )
    op.create_index("ix_webhook_site", "webhook", ["site_id", "id"], unique=False)
    op.create_index(
        "ix_webhook_made_by_id",
        "webhook",
        ["made_by_id"],
        unique=False,
        sqlite_where=sa.text("made_by_id IS NOT NULL"),
        postgresql_where=sa.text("made_by_id IS NOT NULL"),
    )
    op.create_table(
        "webhook_delivery",
        sa.Column("id", ID, nullable=False),
        sa.Column("site_id", ID, nullable=False),
        sa.Column("webhook_id", ID, nullable=False),
        sa.Column("event", sa.String(length=32), nullable=False),
        sa.Column("message_id", sa.String(length=40), nullable=False),
        sa.Column("about", sa.String(length=8), nullable=False),
        sa.Column("about_id", ID, nullable=False),
        sa.Column("cause_id", ID, nullable=True),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("queued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("tried_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_webhook_delivery_site_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["webhook_id"], ["webhook.id"], name=op.f("fk_webhook_delivery_webhook_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_delivery")),
    )
    op.create_index("ix_webhook_delivery_about", "webhook_delivery", ["about_id", "about"], unique=False)
    op.create_index(
        "ix_webhook_delivery_done",
        "webhook_delivery",
        ["done_at"],
        unique=False,
        sqlite_where=sa.text("done_at IS NOT NULL"),
        postgresql_where=sa.text("done_at IS NOT NULL"),
    )
    op.create_index(
        "ix_webhook_delivery_due",
        "webhook_delivery",
        ["webhook_id", "due_at"],
        unique=False,
        sqlite_where=sa.text("done_at IS NULL"),
        postgresql_where=sa.text("done_at IS NULL"),
    )
    op.create_index("ix_webhook_delivery_newest", "webhook_delivery", ["webhook_id", "id"], unique=False)
    op.create_index("ix_webhook_delivery_site", "webhook_delivery", ["site_id"], unique=False)
    op.create_table(
        "member_key",
        sa.Column("id", ID, nullable=False),
        sa.Column("site_id", ID, nullable=False),
        sa.Column("kid", sa.String(length=64), nullable=False),
        sa.Column("algorithm", sa.String(length=16), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("made_by_id", ID, nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["made_by_id"], ["moderator.id"], name=op.f("fk_member_key_made_by_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_member_key_site_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_member_key")),
    )
    op.create_index("uq_member_key_kid", "member_key", ["site_id", "kid"], unique=True)
    op.create_index(
        "ix_member_key_made_by_id",
        "member_key",
        ["made_by_id"],
        unique=False,
        sqlite_where=sa.text("made_by_id IS NOT NULL"),
        postgresql_where=sa.text("made_by_id IS NOT NULL"),
    )
    op.create_table(
        "invitation",
        sa.Column("id", ID, nullable=False),
        sa.Column("site_id", ID, nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("made_by_id", ID, nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["made_by_id"], ["moderator.id"], name=op.f("fk_invitation_made_by_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_invitation_site_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invitation")),
    )
    op.create_index("ix_invitation_site", "invitation", ["site_id", "ended_at"], unique=False)
    op.create_table(
        "login",
        sa.Column("id", ID, nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("moderator_id", ID, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("network", sa.Text(), nullable=False),
        sa.Column("browser", sa.String(length=40), nullable=False),
        sa.Column("single_sign_on", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("factor_checked", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.ForeignKeyConstraint(
            ["moderator_id"], ["moderator.id"], name=op.f("fk_login_moderator_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_login")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_login_token_hash")),
    )
    op.create_index(op.f("ix_login_moderator_id"), "login", ["moderator_id"], unique=False)
    op.create_table(
        "password_reset",
        sa.Column("id", ID, nullable=False),
        sa.Column("moderator_id", ID, nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["moderator_id"], ["moderator.id"], name=op.f("fk_password_reset_moderator_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_password_reset")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_password_reset_token_hash")),
    )
    op.create_index(op.f("ix_password_reset_moderator_id"), "password_reset", ["moderator_id"], unique=False)
    op.create_table(
        "email_change",
        sa.Column("id", ID, nullable=False),
        sa.Column("moderator_id", ID, nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("nonce", sa.String(length=32), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("old_confirmed", sa.Boolean(), nullable=False),
        sa.Column("new_confirmed", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["moderator_id"], ["moderator.id"], name=op.f("fk_email_change_moderator_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_email_change")),
        sa.UniqueConstraint("moderator_id", name=op.f("uq_email_change_moderator_id")),
    )
    op.create_table(
        "authenticator_app",
        sa.Column("id", ID, nullable=False),
        sa.Column("moderator_id", ID, nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["moderator_id"], ["moderator.id"], name=op.f("fk_authenticator_app_moderator_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_authenticator_app")),
        sa.UniqueConstraint("moderator_id", name=op.f("uq_authenticator_app_moderator_id")),
    )
    op.create_table(
        "passkey",
        sa.Column("id", ID, nullable=False),
        sa.Column("moderator_id", ID, nullable=False),
        sa.Column("credential_id", sa.String(length=1400), nullable=False),
        sa.Column("public_key", sa.Text(), nullable=False),
        sa.Column("user_handle", sa.String(length=64), nullable=False),
        sa.Column("sign_count", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(length=400), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["moderator_id"], ["moderator.id"], name=op.f("fk_passkey_moderator_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_passkey")),
        sa.UniqueConstraint("credential_id", name=op.f("uq_passkey_credential_id")),
    )
    op.create_index(op.f("ix_passkey_moderator_id"), "passkey", ["moderator_id"], unique=False)
    op.create_table(
        "recovery_code",
        sa.Column("id", ID, nullable=False),
        sa.Column("moderator_id", ID, nullable=False),
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["moderator_id"], ["moderator.id"], name=op.f("fk_recovery_code_moderator_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recovery_code")),
        sa.UniqueConstraint("moderator_id", "code_hash", name=op.f("uq_recovery_code_moderator_id_code_hash")),
    )
    op.create_table(
        "identity",
        sa.Column("id", ID, nullable=False),
        sa.Column("moderator_id", ID, nullable=False),
        sa.Column("issuer", sa.String(length=500), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["moderator_id"], ["moderator.id"], name=op.f("fk_identity_moderator_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity")),
        sa.UniqueConstraint("issuer", "subject", name=op.f("uq_identity_issuer_subject")),
        sa.UniqueConstraint("moderator_id", name=op.f("uq_identity_moderator_id")),
    )
    op.create_table(
        "pending_login",
        sa.Column("id", ID, nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("moderator_id", ID, nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("person", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(
            ["moderator_id"], ["moderator.id"], name=op.f("fk_pending_login_moderator_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pending_login")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_pending_login_token_hash")),
    )
    op.create_index(op.f("ix_pending_login_moderator_id"), "pending_login", ["moderator_id"], unique=False)
    op.create_table(
        "job",
        sa.Column("id", ID, nullable=False),
        sa.Column("site_id", ID, nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("format", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("file", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("phase", sa.String(length=12), nullable=False),
        sa.Column("done", sa.BigInteger(), nullable=False),
        sa.Column("share", sa.Float(), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("progressed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("report", sa.JSON(), nullable=False),
        sa.Column("stop_wanted", sa.Boolean(), nullable=False),
        sa.Column("claim", sa.String(length=32), nullable=True),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("events", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_job_site_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job")),
    )
    op.create_index("ix_job_site", "job", ["site_id", "id"], unique=False)
    op.create_index("ix_job_state", "job", ["state"], unique=False)
    op.create_table(
        "membership",
        sa.Column("moderator_id", ID, nullable=False),
        sa.Column("site_id", ID, nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("sections", sa.JSON(), nullable=False, server_default="[]"),
        sa.Column("joined_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("by_group", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("alias", sa.String(length=400), nullable=False, server_default=""),
        sa.ForeignKeyConstraint(
            ["moderator_id"], ["moderator.id"], name=op.f("fk_membership_moderator_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_membership_site_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("moderator_id", "site_id", name=op.f("pk_membership")),
    )
    op.create_table(
        "rule",
        sa.Column("id", ID, nullable=False),
        sa.Column("site_id", ID, nullable=False),
        sa.Column("subject", sa.String(length=16), nullable=False),
        sa.Column("effect", sa.String(length=16), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("value_index", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("made_by_id", ID, nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by_id", ID, nullable=True),
        sa.Column("is_shared", sa.Boolean(), nullable=False, server_default=sa.true()),
        sa.ForeignKeyConstraint(
            ["ended_by_id"], ["moderator.id"], name=op.f("fk_rule_ended_by_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["made_by_id"], ["moderator.id"], name=op.f("fk_rule_made_by_id"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_rule_site_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rule")),
    )
    op.create_index("ix_rule_site", "rule", ["site_id", "subject", "ended_at"], unique=False)
    op.create_index("ix_rule_value", "rule", ["site_id", "subject", "value_index"], unique=False)
    op.create_table(
        "published_list",
        sa.Column("id", ID, nullable=False),
        sa.Column("site_id", ID, nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("is_on", sa.Boolean(), nullable=False),
        sa.Column("words", sa.Boolean(), nullable=False),
        sa.Column("domains", sa.Boolean(), nullable=False),
        sa.Column("list_id", sa.String(length=64), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("changes", sa.JSON(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rules_version", sa.Integer(), nullable=False),
        sa.Column("lines", sa.Integer(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_published_list_site_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_published_list")),
        sa.UniqueConstraint("site_id", name=op.f("uq_published_list_site_id")),
    )
    op.create_table(
        "list_subscription",
        sa.Column("id", ID, nullable=False),
        sa.Column("site_id", ID, nullable=False),
        sa.Column("ref", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=320), nullable=False),
        sa.Column("url", sa.String(length=2000), nullable=False),
        sa.Column("key", sa.String(length=43), nullable=False),
        sa.Column("list_id", sa.String(length=64), nullable=False),
        sa.Column("effect", sa.String(length=16), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("refused", sa.JSON(), nullable=False),
        sa.Column("etag", sa.String(length=200), nullable=False),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("trouble", sa.String(length=32), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by_id", ID, nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["made_by_id"], ["moderator.id"], name=op.f("fk_list_subscription_made_by_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["site_id"], ["site.id"], name=op.f("fk_list_subscription_site_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_list_subscription")),
    )
    op.create_index("ix_list_subscription_made_by_id", "list_subscription", ["made_by_id"], unique=False)
    op.create_index("ix_list_subscription_next_at", "list_subscription", ["next_at"], unique=False)
    op.create_index("ix_list_subscription_site", "list_subscription", ["site_id", "id"], unique=False)
    op.create_table(
        "list_line",
        sa.Column("id", ID, nullable=False),
        sa.Column("site_id", ID, nullable=False),
        sa.Column("subscription_id", ID, nullable=False),
        sa.Column("subject", sa.String(length=16), nullable=False),
        sa.Column("value", sa.String(length=260), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("hits", sa.Integer(), nullable=False),
        sa.Column("examples", sa.JSON(), nullable=False),
        sa.Column("untried", sa.Boolean(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_list_line_site_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["subscription_id"],
            ["list_subscription.id"],
            name=op.f("fk_list_line_subscription_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_list_line")),
    )
    op.create_index("ix_list_line_site", "list_line", ["site_id"], unique=False)
    op.create_index("ix_list_line_state", "list_line", ["subscription_id", "state", "id"], unique=False)
    op.create_index("uq_list_line_value", "list_line", ["subscription_id", "subject", "value"], unique=True)
    op.create_table(
        "site_counter",
        sa.Column("site_id", ID, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=16), nullable=False),
        sa.Column("number", ID, nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_site_counter_site_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("site_id", "kind", "name", name=op.f("pk_site_counter")),
    )
    op.create_table(
        "spam_model",
        sa.Column("site_id", ID, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("counts", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_spam_model_site_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("site_id", name=op.f("pk_spam_model")),
    )
    op.create_table(
        "rejection_model",
        sa.Column("site_id", ID, nullable=False),
        sa.Column("counts", sa.LargeBinary(), nullable=False),
        sa.Column("decision_id", ID, nullable=False),
        sa.Column("trained_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("fine", sa.Integer(), nullable=False),
        sa.Column("rejected", sa.Integer(), nullable=False),
        sa.Column("quality", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_rejection_model_site_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("site_id", name=op.f("pk_rejection_model")),
    )
    op.create_table(
        "thread",
        sa.Column("id", ID, nullable=False),
        sa.Column("site_id", ID, nullable=False),
        sa.Column("key", sa.String(length=2100), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("title", sa.String(length=500), nullable=False),
        sa.Column("named_by", sa.SmallInteger(), nullable=False, server_default="0"),
        sa.Column("commenters", sa.String(length=8), nullable=False, server_default=""),
        sa.Column("section", sa.String(length=64), nullable=False, server_default=""),
        sa.Column("section_by", sa.SmallInteger(), nullable=False, server_default="0"),
        sa.Column("section_state", sa.String(length=8), nullable=False, server_default="open"),
        sa.Column("state", sa.String(length=8), nullable=False, server_default="open"),
        sa.Column("held_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("approved_count", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reopened_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_thread_site_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_thread")),
        sa.UniqueConstraint("site_id", "id", name=op.f("uq_thread_site_id_id")),
        sa.UniqueConstraint("site_id", "key", name=op.f("uq_thread_site_id_key")),
    )
    op.create_index(
        "ix_thread_section",
        "thread",
        ["site_id", "section"],
        unique=False,
        sqlite_where=sa.text("section <> ''"),
        postgresql_where=sa.text("section <> ''"),
    )
    op.create_index(
        "ix_thread_held_until",
        "thread",
        ["site_id", "held_until"],
        unique=False,
        sqlite_where=sa.text("held_until IS NOT NULL"),
        postgresql_where=sa.text("held_until IS NOT NULL"),
    )
    op.create_table(
        "training_example",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("site_id", ID, nullable=False),
        sa.Column("spam", sa.Boolean(), nullable=False),
        sa.Column("step", sa.SmallInteger(), nullable=False),
        sa.Column("residual", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("packed_slots", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_training_example_site_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_training_example")),
    )
    op.create_index(op.f("ix_training_example_site_id"), "training_example", ["site_id"], unique=False)
    op.create_table(
        "unsubscribe",
        sa.Column("id", ID, nullable=False),
        sa.Column("site_id", ID, nullable=False),
        sa.Column("email_index", sa.String(length=64), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_unsubscribe_site_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unsubscribe")),
        sa.UniqueConstraint("site_id", "email_index", name=op.f("uq_unsubscribe_site_id_email_index")),
    )
    op.create_table(
        "wording",
        sa.Column("id", ID, nullable=False),
        sa.Column("site_id", ID, nullable=False),
        sa.Column("section", sa.String(length=64), nullable=False),
        sa.Column("lang", sa.String(length=8), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("intro_shown", sa.Boolean(), nullable=False),
        sa.Column("intro", sa.Text(), nullable=False),
        sa.Column("html", sa.Text(), nullable=False),
        sa.Column("rules_url", sa.Text(), nullable=False),
        sa.Column("rules_version", sa.String(length=40), nullable=False),
        sa.Column("closed_text", sa.String(length=300), nullable=False),
        sa.Column("held_text", sa.String(length=300), nullable=False),
        sa.Column("email_footer", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_wording_site_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_wording")),
        sa.UniqueConstraint("site_id", "section", "lang", name=op.f("uq_wording_site_id_section_lang")),
    )
    op.create_table(
        "comment",
        sa.Column("id", ID, nullable=False),
        sa.Column("site_id", ID, nullable=False),
        sa.Column("thread_id", ID, nullable=False),
        sa.Column("author_id", ID, nullable=False),
        sa.Column("parent_id", ID, nullable=True),
        sa.Column("root_id", ID, nullable=True),
        sa.Column(
            "path",
            sa.String(length=200).with_variant(sa.String(length=200, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("depth", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("approved_descendants", sa.Integer(), nullable=False),
        sa.Column("helpful", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("picked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("name", sa.String(length=400), nullable=False),
        sa.Column("website", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("html", sa.Text(), nullable=False),
        sa.Column("renderer", sa.Integer(), nullable=False),
        sa.Column("lang", sa.String(length=8), nullable=False),
        sa.Column("badge", sa.String(length=40), nullable=True),
        sa.Column("member_badge", sa.String(length=40), nullable=False, server_default=""),
        sa.Column("moderator_id", ID, nullable=True),
        sa.Column("notify", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("notify_replies", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("accepted", sa.String(length=120), nullable=False, server_default=""),
        sa.Column("claimed", sa.JSON(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("edited_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("covered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("address_index", sa.String(length=64), nullable=True),
        sa.Column("wide_index", sa.String(length=64), nullable=True),
        sa.Column("request_key", sa.String(length=64), nullable=True),
        sa.Column("request_digest", sa.String(length=64), nullable=True),
        sa.Column("fingerprint", sa.String(length=64), nullable=True),
        sa.Column("typed_by", sa.String(length=64), nullable=True),
        sa.Column("text_key", sa.String(length=64), nullable=True),
        sa.Column("source", sa.String(length=16), nullable=True),
        sa.Column("source_id", sa.String(length=200), nullable=True),
        sa.Column("emptied_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("score", sa.Double(), nullable=True),
        sa.Column("mildness", sa.SmallInteger(), nullable=False, server_default="100"),
        sa.Column("written_in", sa.String(length=8), nullable=False, server_default=""),
        sa.Column("features", sa.JSON(), nullable=True),
        sa.Column("trained_as", sa.String(length=8), nullable=False, server_default=""),
        sa.Column("settled", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("residual", sa.Integer(), nullable=True),
        sa.Column("learnt_slots", sa.LargeBinary(), nullable=True),
        sa.Column("lane", sa.SmallInteger(), nullable=False, server_default="0"),
        sa.Column("cluster", sa.String(length=32), nullable=False, server_default=""),
        sa.ForeignKeyConstraint(["author_id"], ["author.id"], name=op.f("fk_comment_author_id")),
        sa.ForeignKeyConstraint(
            ["moderator_id"], ["moderator.id"], name=op.f("fk_comment_moderator_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["parent_id"], ["comment.id"], name=op.f("fk_comment_parent_id"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(
            ["site_id", "thread_id"],
            ["thread.site_id", "thread.id"],
            name=op.f("fk_comment_site_id_thread_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_comment_site_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_comment")),
    )
    op.create_index("ix_comment_address", "comment", ["site_id", "address_index", "created_at"], unique=False)
    op.create_index("ix_comment_arrived", "comment", ["site_id", "created_at"], unique=False)
    # Later than the index before: without statistics, SQLite uses the newer of two that serve alike.
    op.create_index(
        "ix_comment_traced",
        "comment",
        ["site_id", "created_at"],
        unique=False,
        sqlite_where=sa.text("address <> '' OR typed_by IS NOT NULL"),
        postgresql_where=sa.text("address <> '' OR typed_by IS NOT NULL"),
    )
    op.create_index(
        "ix_comment_spam",
        "comment",
        ["site_id", "created_at"],
        unique=False,
        sqlite_where=sa.text("status = 'spam' AND emptied_at IS NULL"),
        postgresql_where=sa.text("status = 'spam' AND emptied_at IS NULL"),
    )
    op.create_index("ix_comment_author_newest", "comment", ["author_id", "status", "id"], unique=False)
    op.create_index(
        "ix_comment_cluster",
        "comment",
        ["site_id", "cluster", "lane"],
        unique=False,
        sqlite_where=sa.text("cluster <> ''"),
        postgresql_where=sa.text("cluster <> ''"),
    )
    op.create_index("ix_comment_fingerprint", "comment", ["fingerprint", "created_at"], unique=False)
    op.create_index(
        "ix_comment_helpful",
        "comment",
        ["thread_id", "helpful", "root_id"],
        unique=False,
        sqlite_where=sa.text("approved_descendants > 0 AND depth = 0"),
        postgresql_where=sa.text("approved_descendants > 0 AND depth = 0"),
    )
    op.create_index(
        "ix_comment_latest",
        "comment",
        ["site_id", "created_at", "id"],
        unique=False,
        sqlite_where=sa.text("status = 'approved'"),
        postgresql_where=sa.text("status = 'approved'"),
    )
    op.create_index(
        "ix_comment_moderator",
        "comment",
        ["moderator_id", "site_id"],
        unique=False,
        sqlite_where=sa.text("moderator_id IS NOT NULL"),
        postgresql_where=sa.text("moderator_id IS NOT NULL"),
    )
    op.create_index(
        "ix_comment_mildness",
        "comment",
        ["site_id", "lane", "mildness", "id"],
        unique=False,
        sqlite_where=sa.text("lane <> 0"),
        postgresql_where=sa.text("lane <> 0"),
    )
    op.create_index(
        "ix_comment_lane",
        "comment",
        ["site_id", "lane", "thread_id", "cluster", "id"],
        unique=False,
        sqlite_where=sa.text("lane <> 0"),
        postgresql_where=sa.text("lane <> 0"),
    )
    op.create_index(
        "ix_comment_waiting",
        "comment",
        ["lane", "status", "created_at"],
        unique=False,
        sqlite_where=sa.text("lane <> 0"),
        postgresql_where=sa.text("lane <> 0"),
    )
    op.create_index(op.f("ix_comment_parent_id"), "comment", ["parent_id"], unique=False)
    for name, column in (("ix_comment_picks", "thread_id"), ("ix_comment_site_picks", "site_id")):
        op.create_index(
            name,
            "comment",
            [column, "picked_at"],
            unique=False,
            sqlite_where=sa.text("picked_at IS NOT NULL"),
            postgresql_where=sa.text("picked_at IS NOT NULL"),
        )
    op.create_index("ix_comment_queue", "comment", ["site_id", "status", "id"], unique=False)
    op.create_index(
        "ix_comment_roots",
        "comment",
        ["thread_id", "root_id"],
        unique=False,
        sqlite_where=sa.text("approved_descendants > 0 AND depth = 0"),
        postgresql_where=sa.text("approved_descendants > 0 AND depth = 0"),
    )
    op.create_index("ix_comment_thread", "comment", ["thread_id", "id"], unique=False)
    op.create_index(
        "ix_comment_tree",
        "comment",
        ["thread_id", "root_id", "path"],
        unique=False,
        sqlite_where=sa.text("approved_descendants > 0"),
        postgresql_where=sa.text("approved_descendants > 0"),
    )
    op.create_index(
        "ix_comment_wide",
        "comment",
        ["site_id", "wide_index", "created_at"],
        unique=False,
        sqlite_where=sa.text("wide_index IS NOT NULL"),
        postgresql_where=sa.text("wide_index IS NOT NULL"),
    )
    op.create_index("uq_comment_request", "comment", ["site_id", "request_key"], unique=True)
    op.create_index("uq_comment_source", "comment", ["site_id", "source", "source_id"], unique=True)
    op.create_index("uq_comment_text", "comment", ["text_key"], unique=True)
    op.create_table(
        "announcement",
        sa.Column("id", ID, nullable=False),
        sa.Column("site_id", ID, nullable=False),
        sa.Column("thread_id", ID, nullable=False),
        sa.Column("comment_id", ID, nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["comment_id"], ["comment.id"], name=op.f("fk_announcement_comment_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["site_id", "thread_id"],
            ["thread.site_id", "thread.id"],
            name=op.f("fk_announcement_site_id_thread_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_announcement_site_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_announcement")),
        sa.UniqueConstraint("comment_id", name=op.f("uq_announcement_comment_id")),
    )
    op.create_index("ix_announcement_site", "announcement", ["site_id"], unique=False)
    op.create_index("ix_announcement_thread", "announcement", ["thread_id", "id"], unique=False)
    op.create_table(
        "subscription",
        sa.Column("id", ID, nullable=False),
        sa.Column("site_id", ID, nullable=False),
        sa.Column("thread_id", ID, nullable=False),
        sa.Column("author_id", ID, nullable=False),
        sa.Column("everything", sa.Boolean(), nullable=False),
        sa.Column("lang", sa.String(length=8), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("told_id", ID, nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["author_id"], ["author.id"], name=op.f("fk_subscription_author_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["site_id", "thread_id"],
            ["thread.site_id", "thread.id"],
            name=op.f("fk_subscription_site_id_thread_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_subscription_site_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscription")),
        sa.UniqueConstraint("thread_id", "author_id", name=op.f("uq_subscription_thread_id_author_id")),
    )
    op.create_index("ix_subscription_author", "subscription", ["author_id"], unique=False)
    op.create_index(
        "ix_subscription_page",
        "subscription",
        ["thread_id", "id"],
        unique=False,
        sqlite_where=sa.text("everything = 1"),
        postgresql_where=sa.text("everything"),
    )
    op.create_index("ix_subscription_site", "subscription", ["site_id"], unique=False)
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
    op.create_index(op.f("ix_thread_alias_thread_id"), "thread_alias", ["thread_id"], unique=False)
    op.create_table(
        "thread_change",
        sa.Column("id", ID, nullable=False),
        sa.Column("site_id", ID, nullable=False),
        sa.Column("thread_id", ID, nullable=False),
        sa.Column("from_state", sa.String(length=8), nullable=False),
        sa.Column("to_state", sa.String(length=8), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("actor", sa.String(length=16), nullable=False),
        sa.Column("moderator_id", ID, nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("undoes", sa.Boolean(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["moderator_id"], ["moderator.id"], name=op.f("fk_thread_change_moderator_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["site_id", "thread_id"],
            ["thread.site_id", "thread.id"],
            name=op.f("fk_thread_change_site_id_thread_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_thread_change_site_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_thread_change")),
    )
    op.create_index("ix_thread_change_site", "thread_change", ["site_id", "id"], unique=False)
    op.create_index("ix_thread_change_thread", "thread_change", ["thread_id", "id"], unique=False)
    op.create_table(
        "checker",
        sa.Column("id", ID, nullable=False),
        sa.Column("site_id", ID, nullable=False),
        sa.Column("name", sa.String(length=320), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("mode", sa.String(length=8), nullable=False),
        sa.Column("timeout_s", sa.Integer(), nullable=False),
        sa.Column("threshold", sa.Integer(), nullable=False),
        sa.Column("least_precision", sa.Integer(), nullable=False),
        sa.Column("langs", sa.JSON(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("counted_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("paused_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("returned", sa.String(length=16), nullable=False),
        sa.Column("mode_since", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_checker_site_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_checker")),
    )
    op.create_index("ix_checker_site", "checker", ["site_id", "id"], unique=False)
    op.create_table(
        "checker_answer",
        sa.Column("id", ID, nullable=False),
        sa.Column("site_id", ID, nullable=False),
        sa.Column("checker_id", ID, nullable=False),
        sa.Column("comment_id", ID, nullable=False),
        sa.Column("shown", sa.Boolean(), nullable=False),
        sa.Column("verdict", sa.String(length=8), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=True),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("trouble", sa.String(length=16), nullable=False),
        sa.Column("ms", sa.Integer(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["checker_id"], ["checker.id"], name=op.f("fk_checker_answer_checker_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["comment_id"], ["comment.id"], name=op.f("fk_checker_answer_comment_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_checker_answer_site_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_checker_answer")),
    )
    op.create_index("ix_checker_answer_checker", "checker_answer", ["checker_id", "id"], unique=False)
    op.create_index("ix_checker_answer_site", "checker_answer", ["site_id"], unique=False)
    op.create_index("uq_checker_answer_comment", "checker_answer", ["comment_id", "checker_id"], unique=True)
    op.create_table(
        "decision",
        sa.Column("id", ID, nullable=False),
        sa.Column("site_id", ID, nullable=False),
        sa.Column("comment_id", ID, nullable=False),
        sa.Column("from_status", sa.String(length=16), nullable=True),
        sa.Column("to_status", sa.String(length=16), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("actor", sa.String(length=16), nullable=False),
        sa.Column("moderator_id", ID, nullable=True),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("undoes_id", ID, nullable=True),
        sa.Column("overrides", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("residual", sa.Integer(), nullable=True),
        sa.Column("teaches", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["comment_id"], ["comment.id"], name=op.f("fk_decision_comment_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["moderator_id"], ["moderator.id"], name=op.f("fk_decision_moderator_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_decision_site_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["undoes_id"], ["decision.id"], name=op.f("fk_decision_undoes_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decision")),
    )
    op.create_table(
        "chain_day",
        sa.Column("id", ID, nullable=False),
        sa.Column("site_id", ID, nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("first", ID, nullable=False),
        sa.Column("last", ID, nullable=False),
        sa.Column("chain_digest", sa.String(length=64), nullable=False),
        sa.Column("blocks", sa.Text(), nullable=False),
        sa.Column("before", sa.String(length=64), nullable=False),
        sa.Column("head", sa.String(length=64), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_chain_day_site_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chain_day")),
    )
    op.create_index("uq_chain_day_day", "chain_day", ["site_id", "day"], unique=True)
    op.create_table(
        "chain_entry",
        sa.Column("id", ID, nullable=False),
        sa.Column("site_id", ID, nullable=False),
        sa.Column("number", ID, nullable=False),
        sa.Column("decision_id", ID, nullable=True),
        sa.Column("rules", sa.String(length=120), nullable=False),
        sa.Column("salt", sa.String(length=32), nullable=False),
        sa.Column("content_digest", sa.String(length=64), nullable=False),
        sa.Column("chain_digest", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["decision_id"], ["decision.id"], name=op.f("fk_chain_entry_decision_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_chain_entry_site_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chain_entry")),
    )
    op.create_index("uq_chain_entry_number", "chain_entry", ["site_id", "number"], unique=True)
    op.create_index("uq_chain_entry_decision", "chain_entry", ["decision_id"], unique=True)
    op.create_index("ix_decision_comment", "decision", ["comment_id", "id"], unique=False)
    op.create_index(
        "ix_decision_people",
        "decision",
        ["site_id", "id"],
        unique=False,
        sqlite_where=sa.text("actor NOT IN ('screening', 'import')"),
        postgresql_where=sa.text("actor NOT IN ('screening', 'import')"),
    )
    op.create_index("ix_decision_site_newest", "decision", ["site_id", "id"], unique=False)
    op.create_index(
        "ix_decision_undoes_id",
        "decision",
        ["undoes_id"],
        unique=False,
        sqlite_where=sa.text("undoes_id IS NOT NULL"),
        postgresql_where=sa.text("undoes_id IS NOT NULL"),
    )
    op.create_table(
        "handover",
        sa.Column("id", ID, nullable=False),
        sa.Column("site_id", ID, nullable=False),
        sa.Column("moderator_id", ID, nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["moderator_id"], ["moderator.id"], name=op.f("fk_handover_moderator_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_handover_site_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_handover")),
    )
    op.create_index("ix_handover_moderator_id", "handover", ["moderator_id"], unique=False)
    op.create_index("ix_handover_site", "handover", ["site_id", "id"], unique=False)
    op.create_table(
        "lease",
        sa.Column("comment_id", ID, nullable=False),
        sa.Column("moderator_id", ID, nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["comment_id"], ["comment.id"], name=op.f("fk_lease_comment_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["moderator_id"], ["moderator.id"], name=op.f("fk_lease_moderator_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("comment_id", name=op.f("pk_lease")),
    )
    op.create_index(op.f("ix_lease_moderator_id"), "lease", ["moderator_id"], unique=False)
    op.create_index(op.f("ix_lease_until"), "lease", ["until"], unique=False)
    op.create_table(
        "note",
        sa.Column("id", ID, nullable=False),
        sa.Column("site_id", ID, nullable=False),
        sa.Column("comment_id", ID, nullable=False),
        sa.Column("moderator_id", ID, nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["comment_id"], ["comment.id"], name=op.f("fk_note_comment_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["moderator_id"], ["moderator.id"], name=op.f("fk_note_moderator_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_note_site_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_note")),
    )
    op.create_index("ix_note_comment", "note", ["comment_id", "id"], unique=False)
    op.create_index(op.f("ix_note_site_id"), "note", ["site_id"], unique=False)
    op.create_table(
        "revision",
        sa.Column("id", ID, nullable=False),
        sa.Column("site_id", ID, nullable=False),
        sa.Column("comment_id", ID, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("html", sa.Text(), nullable=False),
        sa.Column("replaced_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("covered", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(
            ["comment_id"], ["comment.id"], name=op.f("fk_revision_comment_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_revision_site_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_revision")),
    )
    op.create_index(op.f("ix_revision_comment_id"), "revision", ["comment_id"], unique=False)
    op.create_index("ix_revision_site", "revision", ["site_id", "replaced_at", "id"], unique=False)
    op.create_table(
        "snooze",
        sa.Column("moderator_id", ID, nullable=False),
        sa.Column("comment_id", ID, nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["comment_id"], ["comment.id"], name=op.f("fk_snooze_comment_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["moderator_id"], ["moderator.id"], name=op.f("fk_snooze_moderator_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("moderator_id", "comment_id", name=op.f("pk_snooze")),
    )
    op.create_index(op.f("ix_snooze_comment_id"), "snooze", ["comment_id"], unique=False)
    op.create_table(
        "report",
        sa.Column("id", ID, nullable=False),
        sa.Column("site_id", ID, nullable=False),
        sa.Column("comment_id", ID, nullable=False),
        sa.Column("reporter_index", sa.String(length=64), nullable=False),
        sa.Column("wide_index", sa.String(length=64), nullable=True),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("comment_version", sa.Integer(), nullable=False),
        sa.Column("decision_id", ID, nullable=True),
        sa.ForeignKeyConstraint(["comment_id"], ["comment.id"], name=op.f("fk_report_comment_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["decision_id"], ["decision.id"], name=op.f("fk_report_decision_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_report_site_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report")),
        sa.UniqueConstraint("comment_id", "reporter_index", name=op.f("uq_report_comment_id_reporter_index")),
    )
    op.create_index(
        "ix_report_decision_id",
        "report",
        ["decision_id"],
        unique=False,
        sqlite_where=sa.text("decision_id IS NOT NULL"),
        postgresql_where=sa.text("decision_id IS NOT NULL"),
    )
    op.create_index("ix_report_reporter", "report", ["reporter_index", "made_at"], unique=False)
    op.create_index("ix_report_site", "report", ["site_id", "made_at"], unique=False)
    op.create_index("ix_report_newest", "report", ["site_id", "id"], unique=False)
    op.create_index("ix_report_wide", "report", ["wide_index", "made_at"], unique=False)
    op.create_table(
        "notice",
        sa.Column("id", ID, nullable=False),
        sa.Column("site_id", ID, nullable=False),
        sa.Column("comment_id", ID, nullable=False),
        sa.Column("number", sa.String(length=16), nullable=False),
        sa.Column("claim", sa.String(length=32), nullable=False),
        sa.Column("law", sa.Text(), nullable=False),
        sa.Column("explanation", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("lang", sa.String(length=8), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("disowned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reminded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("answer", sa.String(length=16), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("ground", sa.String(length=16), nullable=False),
        sa.Column("provision", sa.Text(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("objected_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decision_id", ID, nullable=True),
        sa.ForeignKeyConstraint(["comment_id"], ["comment.id"], name=op.f("fk_notice_comment_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["decision_id"], ["decision.id"], name=op.f("fk_notice_decision_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_notice_site_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice")),
        sa.UniqueConstraint("site_id", "number", name=op.f("uq_notice_site_id_number")),
    )
    op.create_index("ix_notice_comment", "notice", ["comment_id", "id"], unique=False)
    op.create_index(
        "ix_notice_decision",
        "notice",
        ["decision_id"],
        unique=False,
        sqlite_where=sa.text("decision_id IS NOT NULL"),
        postgresql_where=sa.text("decision_id IS NOT NULL"),
    )
    op.create_index(
        "ix_notice_running",
        "notice",
        ["due_at"],
        unique=False,
        sqlite_where=sa.text("state <> 'closed'"),
        postgresql_where=sa.text("state <> 'closed'"),
    )
    op.create_index("ix_notice_site", "notice", ["site_id", "state", "due_at"], unique=False)
    op.create_table(
        "notice_event",
        sa.Column("id", ID, nullable=False),
        sa.Column("site_id", ID, nullable=False),
        sa.Column("notice_id", ID, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("actor", sa.String(length=16), nullable=False),
        sa.Column("moderator_id", ID, nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["moderator_id"], ["moderator.id"], name=op.f("fk_notice_event_moderator_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["notice_id"], ["notice.id"], name=op.f("fk_notice_event_notice_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_notice_event_site_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice_event")),
    )
    op.create_index("ix_notice_event_notice", "notice_event", ["notice_id", "id"], unique=False)
    op.create_index("ix_notice_event_site", "notice_event", ["site_id"], unique=False)
    op.create_table(
        "legal_hold",
        sa.Column("id", ID, nullable=False),
        sa.Column("site_id", ID, nullable=False),
        sa.Column("comment_id", ID, nullable=False),
        sa.Column("notice_id", ID, nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("kept", sa.Text(), nullable=False),
        sa.Column("made_by_id", ID, nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by_id", ID, nullable=True),
        sa.ForeignKeyConstraint(
            ["comment_id"], ["comment.id"], name=op.f("fk_legal_hold_comment_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["ended_by_id"], ["moderator.id"], name=op.f("fk_legal_hold_ended_by_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["made_by_id"], ["moderator.id"], name=op.f("fk_legal_hold_made_by_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["notice_id"], ["notice.id"], name=op.f("fk_legal_hold_notice_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_legal_hold_site_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_legal_hold")),
    )
    op.create_index("ix_legal_hold_comment", "legal_hold", ["comment_id"], unique=False)
    op.create_index("ix_legal_hold_site", "legal_hold", ["site_id"], unique=False)
    op.create_index(
        "ix_legal_hold_until",
        "legal_hold",
        ["until"],
        unique=False,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "pick",
        sa.Column("id", ID, nullable=False),
        sa.Column("site_id", ID, nullable=False),
        sa.Column("comment_id", ID, nullable=False),
        sa.Column("picked", sa.Boolean(), nullable=False),
        sa.Column("moderator_id", ID, nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["comment_id"], ["comment.id"], name=op.f("fk_pick_comment_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["moderator_id"], ["moderator.id"], name=op.f("fk_pick_moderator_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_pick_site_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pick")),
    )
    op.create_index("ix_pick_comment", "pick", ["comment_id"], unique=False)
    op.create_index("ix_pick_site", "pick", ["site_id", "id"], unique=False)
    op.create_table(
        "asked_opinion",
        sa.Column("id", ID, nullable=False),
        sa.Column("site_id", ID, nullable=False),
        sa.Column("comment_id", ID, nullable=False),
        sa.Column("decision_id", ID, nullable=False),
        sa.Column("moderator_id", ID, nullable=False),
        sa.Column("sample", sa.String(length=8), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["comment_id"], ["comment.id"], name=op.f("fk_asked_opinion_comment_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["decision_id"], ["decision.id"], name=op.f("fk_asked_opinion_decision_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["moderator_id"], ["moderator.id"], name=op.f("fk_asked_opinion_moderator_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_asked_opinion_site_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_asked_opinion")),
        sa.UniqueConstraint("comment_id", name=op.f("uq_asked_opinion_comment_id")),
        sa.UniqueConstraint("decision_id", name=op.f("uq_asked_opinion_decision_id")),
    )
    op.create_index("ix_asked_opinion_moderator_id", "asked_opinion", ["moderator_id"], unique=False)
    op.create_index("ix_asked_opinion_site_id", "asked_opinion", ["site_id"], unique=False)
    op.create_table(
        "second_opinion",
        sa.Column("id", ID, nullable=False),
        sa.Column("site_id", ID, nullable=False),
        sa.Column("sample", sa.String(length=8), nullable=False),
        sa.Column("first_status", sa.String(length=16), nullable=False),
        sa.Column("first_reason", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("given_on", sa.DateTime(timezone=True), nullable=False),
        sa.Column("comment_id", ID, nullable=True),
        sa.Column("discussed", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.ForeignKeyConstraint(
            ["comment_id"], ["comment.id"], name=op.f("fk_second_opinion_comment_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_second_opinion_site_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_second_opinion")),
    )
    op.create_index("ix_second_opinion_site", "second_opinion", ["site_id", "given_on"], unique=False)
    for name, columns in (("ix_second_opinion_case", ["site_id", "id"]), ("ix_second_opinion_comment", ["comment_id"])):
        op.create_index(
            name,
            "second_opinion",
            columns,
            unique=False,
            sqlite_where=sa.text("comment_id IS NOT NULL"),
            postgresql_where=sa.text("comment_id IS NOT NULL"),
        )
    op.create_table(
        "vote",
        sa.Column("id", ID, nullable=False),
        sa.Column("site_id", ID, nullable=False),
        sa.Column("comment_id", ID, nullable=False),
        sa.Column("voter_index", sa.String(length=64), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("standing", sa.Boolean(), nullable=False),
        sa.Column("counted", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["comment_id"], ["comment.id"], name=op.f("fk_vote_comment_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_vote_site_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_vote")),
        sa.UniqueConstraint("comment_id", "voter_index", name=op.f("uq_vote_comment_id_voter_index")),
    )
    op.create_index("ix_vote_site", "vote", ["site_id", "made_at"], unique=False)
    op.create_index(
        "ix_vote_uncounted",
        "vote",
        ["comment_id"],
        unique=False,
        sqlite_where=sa.text("standing <> counted"),
        postgresql_where=sa.text("standing <> counted"),
    )

    for name, (event, row) in EVENTS.items():
        _create_trigger(name, event, row)
    _protect_the_audit_log()
    op.execute("INSERT INTO counter_mark (id, upto, seen, seen_at) VALUES (1, 0, 0, CURRENT_TIMESTAMP)")


def downgrade() -> None:
    is_postgres = op.get_bind().dialect.name == "postgresql"
    for name in EVENTS:
        op.execute(f"DROP TRIGGER comment_{name}" + (" ON comment" if is_postgres else ""))
        if is_postgres:
            op.execute(f"DROP FUNCTION comment_{name}()")
    for name in ("audit_event_changed", "audit_event_deleted"):
        op.execute(f"DROP TRIGGER {name}" + (" ON audit_event" if is_postgres else ""))
    op.execute("DROP FUNCTION audit_event_is_kept()" if is_postgres else "DROP TRIGGER audit_event_replaced")
    for table in (
        "vote",
        "second_opinion",
        "asked_opinion",
        "pick",
        "legal_hold",
        "notice_event",
        "notice",
        "report",
        "snooze",
        "revision",
        "note",
        "lease",
        "handover",
        "chain_entry",
        "chain_day",
        "decision",
        "checker_answer",
        "checker",
        "subscription",
        "announcement",
        "thread_change",
        "thread_alias",
        "comment",
        "wording",
        "unsubscribe",
        "training_example",
        "thread",
        "rejection_model",
        "spam_model",
        "site_counter",
        "list_line",
        "list_subscription",
        "published_list",
        "rule",
        "membership",
        "email_change",
        "password_reset",
        "pending_login",
        "identity",
        "recovery_code",
        "passkey",
        "authenticator_app",
        "login",
        "job",
        "invitation",
        "webhook_delivery",
        "webhook",
        "member_key",
        "api_answer",
        "api_token",
        "delivery",
        "author",
        "site",
        "segment_page",
        "search_segment",
        "rate_limit",
        "setup_link",
        "moderator",
        "key_print",
        "turn",
        "heartbeat",
        "dirty_comment",
        "counter_mark",
        "chain_head",
        "audit_event",
    ):
        op.drop_table(table)


def _create_trigger(name: str, event: str, row: str) -> None:
    statement = MARK_DIRTY.format(row=row).strip()
    if op.get_bind().dialect.name == "postgresql":
        body = f"BEGIN {statement}; RETURN NULL; END"
        op.execute(f"CREATE FUNCTION comment_{name}() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$")
        op.execute(
            f"CREATE TRIGGER comment_{name} AFTER {event} ON comment FOR EACH ROW EXECUTE FUNCTION comment_{name}()"
        )
    else:
        op.execute(f"CREATE TRIGGER comment_{name} AFTER {event} ON comment BEGIN {statement}; END")


def _protect_the_audit_log() -> None:
    same = [f"NEW.{name} = OLD.{name}" for name in KEPT_IN_THE_LOG]
    erases = " AND ".join([*same, *(f"NEW.{name} {empty}" for name, empty in ERASED_FROM_THE_LOG.items())])
    before = {"changed": ("UPDATE", f"WHEN (NOT ({erases}))"), "deleted": ("DELETE", "")}
    is_postgres = op.get_bind().dialect.name == "postgresql"
    if is_postgres:
        body = f"BEGIN RAISE EXCEPTION '{LOG_IS_KEPT}'; END"
        op.execute(f"CREATE FUNCTION audit_event_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$")
    for name, (event, condition) in before.items():
        trigger = f"CREATE TRIGGER audit_event_{name} BEFORE {event} ON audit_event"
        if is_postgres:
            op.execute(f"{trigger} FOR EACH ROW {condition} EXECUTE FUNCTION audit_event_is_kept()")
        else:
            op.execute(f"{trigger} {condition} BEGIN SELECT RAISE(ABORT, '{LOG_IS_KEPT}'); END")
    if not is_postgres:
        # INSERT OR REPLACE deletes a row without the trigger of deletions.
        replaces = "WHEN EXISTS (SELECT 1 FROM audit_event WHERE id = NEW.id)"
        trigger = f"CREATE TRIGGER audit_event_replaced BEFORE INSERT ON audit_event {replaces}"
        op.execute(f"{trigger} BEGIN SELECT RAISE(ABORT, '{LOG_IS_KEPT}'); END")
