"""search has shelves"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

# Written, edited, moved or renamed, gone. A status or a count is none of the shelves' business.
EVENTS = {
    "written": ("INSERT", "NEW"),
    "changed": ("UPDATE OF body, name, thread_id, site_id", "NEW"),
    "gone": ("DELETE", "OLD"),
}
NOTE = """
INSERT INTO unshelved (comment_id) VALUES ({row}.id) ON CONFLICT (comment_id) DO UPDATE SET times = unshelved.times + 1
"""


def upgrade() -> None:
    op.create_table(
        "shelf",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_shelf")),
    )
    op.create_table(
        "shelf_page",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("lists", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shelf_page")),
    )
    op.create_table(
        "unshelved",
        sa.Column("comment_id", ID, autoincrement=False, nullable=False),
        sa.Column("times", sa.Integer(), server_default="1", nullable=False),
        sa.PrimaryKeyConstraint("comment_id", name=op.f("pk_unshelved")),
    )
    for name, (event, row) in EVENTS.items():
        _note(name, event, row)
    # The worker shelves them, or `flask upkeep shelve`; search looks through what is not shelved yet.
    op.execute("INSERT INTO unshelved (comment_id) SELECT id FROM comment ORDER BY id")


def downgrade() -> None:
    is_postgres = op.get_bind().dialect.name == "postgresql"
    for name in EVENTS:
        op.execute(f"DROP TRIGGER comment_{name}" + (" ON comment" if is_postgres else ""))
        if is_postgres:
            op.execute(f"DROP FUNCTION comment_{name}()")
    for table in ("unshelved", "shelf_page", "shelf"):
        op.drop_table(table)


def _note(name: str, event: str, row: str) -> None:
    note = NOTE.format(row=row).strip()
    if op.get_bind().dialect.name == "postgresql":
        body = f"BEGIN {note}; RETURN NULL; END"
        op.execute(f"CREATE FUNCTION comment_{name}() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$")
        op.execute(
            f"CREATE TRIGGER comment_{name} AFTER {event} ON comment FOR EACH ROW EXECUTE FUNCTION comment_{name}()"
        )
    else:
        op.execute(f"CREATE TRIGGER comment_{name} AFTER {event} ON comment BEGIN {note}; END")
