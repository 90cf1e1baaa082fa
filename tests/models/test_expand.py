"""Each migration only expands: the version before it works on with its tables, while machines are upgraded."""

import ast
import re
from collections.abc import Iterator

import pytest

from app.version import VERSION
from tests.services import ROOT

VERSIONS = sorted((ROOT / "migrations/versions").glob("[0-9]*.py"))
# Calls after which the version before reads or writes in vain.
CONTRACTING = frozenset(
    {
        "drop_table", "drop_column", "drop_constraint", "rename_table", "create_unique_constraint",
        "create_check_constraint", "create_foreign_key", "create_exclude_constraint", "create_primary_key",
    }
)  # fmt: skip
SQL = re.compile(
    r"\b(?:DROP\s+(?:TABLE|COLUMN|CONSTRAINT)|RENAME|SET\s+NOT\s+NULL|ALTER\s+COLUMN\s+\w+\s+TYPE)\b", re.I
)


def contractions(source: str) -> list[str]:
    """What a migration's upgrade takes from the version before it."""
    return [f"line {node.lineno}: {what}" for node in _calls(source) if (what := _contracts(node))]


def unused_since(source: str) -> str:
    """`UNUSED_SINCE = "0.2.0"`: the version since which nothing uses what the migration removes."""
    found = re.search(r'^UNUSED_SINCE = "(\d+\.\d+\.\d+)"$', source, re.MULTILINE)
    return found[1] if found else ""


def _calls(source: str) -> Iterator[ast.Call]:
    for function in ast.parse(source).body:
        if isinstance(function, ast.FunctionDef) and function.name != "downgrade":
            yield from (node for node in ast.walk(function) if isinstance(node, ast.Call))


def _contracts(node: ast.Call) -> str:
    name = getattr(node.func, "attr", getattr(node.func, "id", ""))
    given = {word.arg: word.value for word in node.keywords}
    if name in CONTRACTING:
        return name
    if name == "create_index" and _is(given.get("unique"), True):
        return "unique index"
    if name == "alter_column" and (given.keys() & {"new_column_name", "type_"} or _is(given.get("nullable"), False)):
        return "alter_column"
    if name == "add_column":
        return _required_column(node)
    if name in ("execute", "text"):
        return next((each.value for each in ast.walk(node) if _is_contracting_sql(each)), "")
    return ""


def _required_column(node: ast.Call) -> str:
    """A new column without value for rows that the version before inserts."""
    columns = (each for each in ast.walk(node) if isinstance(each, ast.Call) and each is not node)
    given = [{word.arg: word.value for word in each.keywords} for each in columns]
    required = any(_is(each.get("nullable"), False) and "server_default" not in each for each in given)
    return "add_column without server_default" if required else ""


def _is(node: ast.expr | None, value: bool) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


def _is_contracting_sql(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and bool(SQL.search(node.value))


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(each) for each in re.findall(r"\d+", version)[:3])


def test_each_migration_leaves_the_version_before_at_work() -> None:
    for file in VERSIONS[1:]:
        source = file.read_text()
        found, since = contractions(source), unused_since(source)
        assert not found or (since and _numbers(since) < _numbers(VERSION)), f"{file.name}: {found} (docs/upgrading.md)"


EXPANDS = """
def upgrade():
    op.create_table("extra", sa.Column("id", sa.Integer(), nullable=False), sa.UniqueConstraint("id"))
    op.add_column("site", sa.Column("extra", sa.Integer(), nullable=False, server_default="0"))
    with op.batch_alter_table("comment") as batch:
        batch.add_column(sa.Column("mood", sa.String(8), nullable=True))
        batch.alter_column("body", nullable=True)
    op.create_index("ix_comment_mood", "comment", ["mood"])
    op.execute("UPDATE site SET extra = 1")

def downgrade():
    op.drop_column("site", "extra")
    op.drop_table("extra")
"""


def test_what_expands_passes() -> None:
    assert contractions(EXPANDS) == []


@pytest.mark.parametrize(
    "act",
    [
        'op.drop_table("extra")',
        'op.drop_column("site", "extra")',
        'op.rename_table("extra", "more")',
        'op.alter_column("site", "name", new_column_name="title")',
        'op.alter_column("site", "name", nullable=False)',
        'op.alter_column("site", "name", type_=sa.Text())',
        'op.add_column("site", sa.Column("extra", sa.Integer(), nullable=False))',
        'op.create_index("uq_site_name", "site", ["name"], unique=True)',
        'op.create_check_constraint("named", "site", "name <> \'\'")',
        'op.execute("ALTER TABLE site  drop column extra")',
        'op.execute(sa.text("ALTER TABLE site RENAME COLUMN a TO b"))',
    ],
)
def test_what_contracts_is_named(act: str) -> None:
    alone, in_batch = f"def upgrade():\n    {act}\n", f"def _more(batch):\n    {act.replace('op.', 'batch.')}\n"
    assert contractions(alone) and contractions(in_batch)


def test_a_contraction_names_the_version_since_which_nothing_uses_it() -> None:
    assert unused_since('revision = "0009_gone"\nUNUSED_SINCE = "0.2.0"\n') == "0.2.0" and not unused_since(EXPANDS)
