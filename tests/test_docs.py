"""The papers are true: every setting, command, route and dependency is told, and no link leads nowhere."""

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import config
from app import create_app
from app.cli.serve import HEAD_MS
from app.version import VERSION

ROOT = Path(__file__).parent.parent
PAPERS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
# The migrations' own commands are those of Flask-Migrate; we tell the ones that an operator needs.
FOREIGN = ("db", "routes", "run", "shell")


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory):
    return create_app({"SECRET_KEY": "k" * 64}, instance=tmp_path_factory.mktemp("instance"))


def paper(name: str) -> str:
    return (ROOT / name).read_text()


def section(text: str, heading: str) -> str:
    """What stands below the heading that starts so, up to the next heading."""
    found = re.search(rf"^#+ {re.escape(heading)}(?![\w-]).*?(?=^#+ |\Z)", text, re.MULTILINE | re.DOTALL)
    return found[0] if found else ""


@pytest.mark.parametrize("setting", config.SETTINGS, ids=lambda setting: setting.name)
def test_every_setting_is_told(setting: config.Setting) -> None:
    told = section(paper("docs/settings.md"), setting.name)
    assert setting.help in " ".join(told.split())
    assert setting.unit in told
    assert f"Default: {f'`{setting.default}`' if setting.default else 'empty'}." in told


def test_no_setting_is_told_that_is_none() -> None:
    told = set(re.findall(r"^## ([A-Z_]+)$", paper("docs/settings.md"), re.MULTILINE))
    assert told == {setting.name for setting in config.SETTINGS}


def test_the_version_is_in_one_place() -> None:
    """pyproject.toml and the changelog follow app/version.py."""
    project = tomllib.loads(paper("pyproject.toml"))
    assert "version" in project["project"]["dynamic"] and "version" not in project["project"]
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "app.version.VERSION"}
    assert re.search(rf"^## \[?{re.escape(VERSION)}\b", paper("CHANGELOG.md"), re.MULTILINE)


def commands(group: click.Group, before: str = "flask") -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, f"{before} {name}")
        else:
            yield f"{before} {name}", command


def test_every_command_and_option_is_told(application) -> None:
    text = paper("docs/commands.md")
    for name, command in commands(application.cli):
        if name.split()[1] in FOREIGN:
            continue
        told = section(text, name)
        assert told, f"docs/commands.md does not tell of {name}"
        for option in (word for each in command.params for word in each.opts if word.startswith("--")):
            assert option in told, f"docs/commands.md does not tell of {name} {option}"


def test_no_command_is_told_that_is_none(application) -> None:
    known = {name for name, _command in commands(application.cli)}
    for told in re.findall(r"^### (flask(?: [a-z]+(?:-[a-z]+)*)+)", paper("docs/commands.md"), re.MULTILINE):
        assert told in known, f"docs/commands.md tells of {told}, which is none"


COMMAND = re.compile(r"^\s*(?:[A-Z_]+=\S+ )?(?:\.venv/bin/)?flask ([a-z].*?)(?:\s+#.*)?$", re.MULTILINE)


def written_commands() -> Iterator[tuple[str, list[str]]]:
    """Each command in a code block of a guide, with its arguments."""
    for page in PAPERS:
        for block in re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL):
            yield from ((page.name, shlex.split(line)) for line in COMMAND.findall(block))


def test_the_commands_of_the_guides_can_be_typed(application) -> None:
    written = list(written_commands())
    assert {"getting-started.md", "moving-from-wordpress.md", "backup.md"} <= {page for page, _words in written}
    for page, words in written:
        group, name, command = application.cli, "flask", None
        while command is None:
            name, found = f"{name} {words[0]}", group.commands.get(words.pop(0))
            assert found, f"{page} has {name}, which is no command"
            group, command = (found, None) if isinstance(found, click.Group) else (group, found)
        try:
            command.make_parser(click.Context(command)).parse_args(words)
        except click.UsageError as wrong:
            pytest.fail(f"{page}: {name}: {wrong}")


def test_every_page_is_in_the_index() -> None:
    linked = {link.split("#")[0] for link in LINK.findall(paper("docs/README.md"))}
    pages = {page.relative_to(ROOT / "docs").as_posix() for page in ROOT.glob("docs/**/*.md")}
    unlisted = {page for page in pages if page.startswith("decisions/") or page.endswith("_TEMPLATE.md")}
    assert pages - unlisted - {"README.md"} <= linked


def test_every_anchor_is_a_heading() -> None:
    for page in PAPERS:
        for link in LINK.findall(page.read_text()):
            file, _hash, anchor = link.partition("#")
            if anchor and "://" not in link:
                target = page.parent / file if file else page
                assert anchor in anchors(target.read_text()), f"{page.name} links to {link}"


def anchors(text: str) -> set[str]:
    """The anchors that GitHub and others make of headings."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("guide", ["docs/moderating.md", "docs/ja/moderating.md"])
def test_every_key_of_the_queue_is_in_the_guides(guide: str) -> None:
    pages = "".join(file.read_text() for file in ROOT.glob("templates/queue/*.html"))
    keys = {key.upper() for key in re.findall(r'aria-keyshortcuts="([a-z])(?: Control\+z)?"', pages)}
    assert len(keys) > 10
    told = set(re.findall(r"(?<![A-Za-z])[A-Z](?![A-Za-z])", paper(guide)))
    assert keys <= told, keys - told


def routes(application) -> set[str]:
    unsafe = {"HEAD", "OPTIONS"}
    return {f"{method} {rule.rule}" for rule in application.url_map.iter_rules() for method in rule.methods - unsafe}


def test_every_route_is_told_and_no_other(application) -> None:
    told = set(re.findall(r"^\| `((?:GET|POST) /[^`\s]*)`", paper("docs/http.md"), re.MULTILINE))
    assert told == routes(application)


def test_the_commands_of_the_readme_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", paper("Makefile"), re.MULTILINE))
    said = set(re.findall(r"\bmake ([a-z]+)\b", paper("README.md") + paper("CONTRIBUTING.md")))
    assert {"run", "test"} <= said <= targets


@pytest.mark.parametrize("name", PAPERS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(name: Path) -> None:
    for link in LINK.findall(name.read_text()):
        if "://" not in link and not link.startswith("#"):
            assert (name.parent / link.split("#")[0]).exists(), f"{name.name} links to {link}"


def test_every_dependency_is_told_and_no_other() -> None:
    wanted = {line.strip() for file in ("requirements.in", "requirements-dev.in") for line in paper(file).splitlines()}
    wanted = {line.split("[")[0] for line in wanted if line and not line.startswith(("#", "-"))}
    told = re.findall(r"^\| ([\w-]+) \|", paper("docs/dependencies.md"), re.MULTILINE)
    assert set(told) - {"package"} == wanted


def test_tests_that_are_named_exist() -> None:
    defined = {name for file in ROOT.glob("tests/**/*.py") for name in re.findall(r"def (test_\w+)", file.read_text())}
    named = set(re.findall(r"`(test_\w+)`", paper("docs/security.md")))
    assert named
    assert named <= defined, named - defined


def test_custom_properties_and_parts_are_told() -> None:
    text = paper("docs/embedding.md")
    style = paper("app/static/thread.css")
    pages = "".join(
        file.read_text() for file in [*ROOT.glob("templates/thread/*.html"), ROOT / "templates/_macros.html"]
    )
    parts = {word for found in re.findall(r'\bpart="([^"{]+)"', pages) for word in found.split()}
    for name in {*re.findall(r"--kaiwa-[a-z-]+", style), *parts}:
        assert f"`{name}`" in text, f"docs/embedding.md does not tell of {name}"


def test_nginx_closes_idle_connections_before_the_service_does() -> None:
    """What is sent into one that is just being closed gets no answer, and nginx sends no post twice."""
    printed = re.search(r"keepalive_timeout (\d+)s;", paper("docs/deploying.md"))
    assert printed and int(printed[1]) * 1000 < HEAD_MS
