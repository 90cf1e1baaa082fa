"""Architecture rules: imports go only downward, and dangerous calls stay in known files."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# From the bottom up. A module may import from lower levels and from its own folder.
LEVELS = (
    ("config", "app.lib", "app.version"),
    ("app.errors", "app.extensions", "app.connections"),
    ("app.database", "app.replica"),
    ("app.models",),
    ("app.spam", "app.notify", "app.operations"),
    ("app.screening",),
    ("app.search", "app.moderation"),
    ("app.comments", "app.transfer", "app.desk"),
    ("app.abuse",),
    ("app.forms",),
    ("demo",),
    ("app.web", "app.api", "app.cli"),
    ("app.server", "app.factory"),
    ("app.wsgi",),
)
FACTORY = {"app.__init__": "app.factory"}
# Calls that mark text as safe HTML; a person reviews a new one before it is added here.
DANGERS = {
    r"\|\s*safe\b": {"templates/queue/_body.html": 1},
    r"\bMarkup\(": {
        "app/comments/avatar.py": 1,
        "app/comments/reading.py": 3,
        "app/models/wording.py": 1,
        "app/web/access.py": 1,
        "app/web/fragments.py": 2,
        "demo/articles.py": 1,
    },
    r"innerHTML|insertAdjacentHTML|outerHTML|document\.write": {},
    r"\.setHTML\w*\(": {"app/static/widget/dom.js": 1},
}
MAX_LINES = 300


def sources() -> list[Path]:
    return sorted([*ROOT.glob("app/**/*.py"), *ROOT.glob("demo/**/*.py"), ROOT / "config.py"])


def shown(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


def module_of(file: Path) -> str:
    name = shown(file).removesuffix(".py").replace("/", ".")
    return FACTORY.get(name, name.removesuffix(".__init__"))


def level_of(module: str) -> tuple[int, str] | None:
    for number, houses in enumerate(LEVELS):
        for house in houses:
            if module == house or module.startswith(house + "."):
                return number, house
    return None


def imports_of(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((name, node) for name in _names_of(node))


def _names_of(node: ast.ImportFrom) -> list[str]:
    if node.level:
        return ["." * node.level]
    if node.module == "app":
        return ["app.factory" if alias.name == "create_app" else f"app.{alias.name}" for alias in node.names]
    return [node.module or ""]


@pytest.mark.parametrize("file", sources(), ids=shown)
def test_imports_run_downhill(file: Path) -> None:
    mine = level_of(module_of(file))
    assert mine, f"{shown(file)} stands nowhere in LEVELS: give it a place"
    for name, node in imports_of(ast.parse(file.read_text())):
        theirs = level_of(name)
        uphill = theirs and theirs[1] != mine[1] and theirs[0] >= mine[0]
        assert not uphill, f"{shown(file)}:{getattr(node, 'lineno', 0)} imports {name}, which does not lie below it"


@pytest.mark.parametrize("file", sources(), ids=shown)
def test_imports_are_absolute_and_at_the_top(file: Path) -> None:
    tree = ast.parse(file.read_text())
    for name, node in imports_of(tree):
        where = f"{shown(file)}:{getattr(node, 'lineno', 0)}"
        assert not name.startswith("."), f"{where} is a relative import"
        assert node in tree.body, f"{where} imports {name} below the top of the file"


def test_only_one_file_imports_bleach() -> None:
    found = [
        shown(file) for file in sources() for name, _ in imports_of(ast.parse(file.read_text())) if _is_bleach(name)
    ]
    assert set(found) == {"app/lib/markup.py"}


def _is_bleach(name: str) -> bool:
    return name.split(".")[0] == "bleach"


def test_one_statement_gives_a_status() -> None:
    """`.values(status=...)` in Comment.move_to; no code assigns a comment's attribute."""
    given = {shown(file): len(list(_statuses_given(file))) for file in sources()}
    assert {name: count for name, count in given.items() if count} == {"app/models/comment.py": 1}
    tree = ast.parse((ROOT / "app/models/comment.py").read_text())
    move_to = next(n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name == "move_to")
    assert any(_gives_status(node) for node in ast.walk(move_to))


def _statuses_given(file: Path) -> Iterator[ast.AST]:
    return (node for node in ast.walk(ast.parse(file.read_text())) if _gives_status(node))


def _gives_status(node: ast.AST) -> bool:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "values":
        return any(word.arg == "status" for word in node.keywords)
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return any(_is_status(target) for target in targets)


def _is_status(target: ast.AST | None) -> bool:
    """`something.status = ...`; `self.status` of an exception is an HTTP status, not a comment's."""
    if not isinstance(target, ast.Attribute) or target.attr != "status":
        return False
    return not (isinstance(target.value, ast.Name) and target.value.id == "self")


def test_a_comment_gets_its_status_in_one_place() -> None:
    tree = ast.parse((ROOT / "app/models/comment.py").read_text())
    functions = [each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef)]
    stores = {each.name for each in functions for node in ast.walk(each) if _is_stored(node, "status")}
    assert stores == {"begin"}


def _is_stored(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and node.attr == name


@pytest.mark.parametrize("danger", DANGERS)
def test_ready_html_is_counted(danger: str) -> None:
    kinds = ("app/**/*.py", "demo/**/*.py", "app/static/**/*.js", "templates/**/*.*", "demo/templates/**/*.*")
    found: Counter[str] = Counter()
    for file in (file for kind in kinds for file in ROOT.glob(kind)):
        found[shown(file)] += len(re.findall(danger, file.read_text()))
    assert {name: count for name, count in found.items() if count} == DANGERS[danger]


@pytest.mark.parametrize("file", sources(), ids=shown)
def test_each_file_says_why_it_exists(file: Path) -> None:
    assert ast.get_docstring(ast.parse(file.read_text())), f"{shown(file)} has no first line"


def test_files_are_short() -> None:
    lengths = {
        shown(file): len(file.read_text().splitlines())
        for kind in ("py", "js")
        for file in ROOT.glob(f"app/**/*.{kind}")
    }
    assert {name for name, lines in lengths.items() if lines > MAX_LINES} == set()
