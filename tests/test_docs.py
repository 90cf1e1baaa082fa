"""Documentation matches the code: settings, commands, routes, dependencies, links, anchors and keys."""

import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from babel.messages.pofile import read_po

import config
from app import create_app
from app.cli.serve import HEAD_MS
from app.version import VERSION

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
# The commands of Flask and Flask-Migrate; docs/commands.md has the ones that operators need.
NOT_OURS = ("db", "routes", "run", "shell")


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory):
    app = create_app({"SECRET_KEY": "k" * 64}, instance=tmp_path_factory.mktemp("instance"))
    app.cli.list_commands(click.Context(app.cli))  # loads them
    return app


def read(name: str) -> str:
    return (ROOT / name).read_text()


def section(text: str, heading: str) -> str:
    """The text below the heading that starts with `heading`, up to the next heading."""
    found = re.search(rf"^#+ {re.escape(heading)}(?![\w-]).*?(?=^#+ |\Z)", text, re.MULTILINE | re.DOTALL)
    return found[0] if found else ""


@pytest.mark.parametrize("setting", config.SETTINGS, ids=lambda setting: setting.name)
def test_every_setting_is_documented(setting: config.Setting) -> None:
    documented = section(read("docs/settings.md"), setting.name)
    assert setting.help in " ".join(documented.split())
    assert setting.unit in documented
    assert f"Default: {f'`{setting.default}`' if setting.default else 'empty'}." in documented


def test_every_documented_setting_exists() -> None:
    documented = set(re.findall(r"^## ([A-Z_]+)$", read("docs/settings.md"), re.MULTILINE))
    assert documented == {setting.name for setting in config.SETTINGS}


def test_paths_in_the_architecture_exist() -> None:
    named = set(re.findall(r"`((?:app|templates|tests|bench|docs|migrations)/[^`\s:]+)", read("docs/architecture.md")))
    assert not {path for path in named if not (ROOT / path).exists()}


def test_the_version_is_in_one_place() -> None:
    """pyproject.toml and the changelog follow app/version.py."""
    project = tomllib.loads(read("pyproject.toml"))
    assert "version" in project["project"]["dynamic"] and "version" not in project["project"]
    assert project["tool"]["hatch"]["version"] == {"path": "app/version.py"}
    assert re.search(rf"^## \[?{re.escape(VERSION)}\b", read("CHANGELOG.md"), re.MULTILINE)


def commands(group: click.Group, before: str = "flask") -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, f"{before} {name}")
        elif not command.hidden:
            yield f"{before} {name}", command


def test_every_command_and_option_is_documented(application) -> None:
    text = read("docs/commands.md")
    for name, command in commands(application.cli):
        if name.split()[1] in NOT_OURS:
            continue
        documented = section(text, name)
        assert documented, f"docs/commands.md does not document {name}"
        for option in (word for each in command.params for word in each.opts if word.startswith("--")):
            assert option in documented, f"docs/commands.md does not document {name} {option}"


def test_every_documented_command_exists(application) -> None:
    known = {name for name, _command in commands(application.cli)}
    for documented in re.findall(r"^### (flask(?: [a-z]+(?:-[a-z]+)*)+)", read("docs/commands.md"), re.MULTILINE):
        assert documented in known, f"docs/commands.md documents {documented}, which does not exist"


COMMAND = re.compile(r"^\s*(?:[A-Z_]+=\S+ )?(?:\S+/bin/)?(?:flask|kaiwa) ([a-z].*?)(?:\s+#.*)?$", re.MULTILINE)


def written_commands() -> Iterator[tuple[str, list[str]]]:
    """Each command in a code block of a guide, with its arguments."""
    for page in PAGES:
        for block in re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL):
            yield from ((page.name, shlex.split(line)) for line in COMMAND.findall(block))


def test_the_commands_of_the_guides_can_be_typed(application) -> None:
    written = list(written_commands())
    assert {"getting-started.md", "moving-from-wordpress.md", "backup.md", "installing.md"} <= {
        page for page, _words in written
    }
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
    folders = ("docs", "docs/decisions")
    linked = {
        (ROOT / folder / link).resolve() for folder in folders for link in LINK.findall(read(f"{folder}/README.md"))
    }
    pages = {page for page in ROOT.glob("docs/**/*.md") if not page.name.endswith(("README.md", "_TEMPLATE.md"))}
    assert pages <= linked, pages - linked


def test_every_anchor_is_a_heading() -> None:
    for page in PAGES:
        for link in LINK.findall(page.read_text()):
            file, _hash, anchor = link.partition("#")
            if anchor and "://" not in link:
                target = page.parent / file if file else page
                assert anchor in anchors(target.read_text()), f"{page.name} links to {link}"


def anchors(text: str) -> set[str]:
    """The anchors that GitHub and others derive from headings."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("guide", ["docs/moderating.md", "docs/ja/moderating.md"])
def test_every_key_of_the_queue_is_in_the_guides(guide: str) -> None:
    pages = "".join(file.read_text() for file in ROOT.glob("templates/queue/*.html"))
    keys = {key.upper() for key in re.findall(r'aria-keyshortcuts="([a-z])(?: Control\+z)?"', pages)}
    assert len(keys) > 10
    documented = set(re.findall(r"(?<![A-Za-z])[A-Z](?![A-Za-z])", read(guide)))
    assert keys <= documented, keys - documented


QUOTED = {
    "docs/getting-started.md": r'"([A-Z][^"/=]+)"|(?<!\*)\*([A-Z][^*]+)\*',
    "docs/moderating.md": r"(?<!\*)\*([A-Z][^*]+)\*(?!\*)",
    "docs/privacy.md": r"(?<!\*)\*([A-Z][^*]+)\*(?!\*)",
    "docs/ja/moderating.md": r"「([^」]+)」",
}
# Quoted, but not from the interface.
ORDINARY = {"その他", "ふだん", "The News"}


@pytest.mark.parametrize("guide", QUOTED)
def test_words_of_the_interface_are_quoted_exactly(guide: str) -> None:
    with (ROOT / "app/translations/ja/LC_MESSAGES/messages.po").open("rb") as file:
        catalogue = read_po(file)
    shown = {text for message in catalogue for text in (message.id, message.string) if isinstance(text, str)}
    prose = re.sub(r"```.*?```", "", read(guide), flags=re.DOTALL)
    quoted = {next(filter(None, found.groups())) for found in re.finditer(QUOTED[guide], " ".join(prose.split()))}
    assert quoted and quoted <= shown | ORDINARY, quoted - shown - ORDINARY


def routes(application) -> set[str]:
    unsafe = {"HEAD", "OPTIONS"}
    return {f"{method} {rule.rule}" for rule in application.url_map.iter_rules() for method in rule.methods - unsafe}


def test_exactly_the_routes_are_documented(application) -> None:
    documented = set(re.findall(r"^\| `((?:GET|POST) /[^`\s]*)`", read("docs/http.md"), re.MULTILINE))
    assert documented == routes(application)


def test_the_commands_of_the_readme_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", read("Makefile"), re.MULTILINE))
    used = set(re.findall(r"\bmake ([a-z]+)\b", read("README.md") + read("CONTRIBUTING.md")))
    assert {"run", "test"} <= used <= targets


@pytest.mark.parametrize("name", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_has_a_target(name: Path) -> None:
    for link in LINK.findall(name.read_text()):
        if "://" not in link and not link.startswith("#"):
            assert (name.parent / link.split("#")[0]).exists(), f"{name.name} links to {link}"


REQUIREMENT = re.compile(r"^\| (V[\d.]+) \| (\d) \| (met|not met|does not apply) \| [^|]+ \| ([^|]+) \|$", re.MULTILINE)


def test_each_requirement_of_asvs_has_a_test_or_a_reason() -> None:
    rows = REQUIREMENT.findall(read("docs/asvs.md"))
    assert len(rows) == read("docs/asvs.md").count("\n| V") and len({id for id, *_rest in rows}) == len(rows)
    for id, _level, state, shown in rows:
        assert re.fullmatch(r"reason: .{10,}|`test_\w+`(, `test_\w+`)*", shown), id
        assert state == "met" or shown.startswith("reason: "), id
    states = {level: [state for _id, its, state, _shown in rows if its == level] for level in "12"}
    assert set(states["1"]) == {"met"}
    assert states["2"].count("met") >= 0.95 * len(states["2"])


def test_no_requirement_of_asvs_is_left_out(shared_data: Path) -> None:
    rows = map(json.loads, (shared_data / "asvs/applicable.jsonl").read_text().splitlines())
    wanted = {row["id"]: str(row["level"]) for row in rows}
    assert {id: level for id, level, *_rest in REQUIREMENT.findall(read("docs/asvs.md"))} == wanted


def test_exactly_the_dependencies_are_documented() -> None:
    files = (
        "requirements.in",
        "requirements-otel.in",
        "requirements-sentry.in",
        "requirements-build.in",
        "requirements-dev.in",
        "requirements-audit.in",
    )
    wanted = {line.strip() for file in files for line in read(file).splitlines()}
    wanted = {line.split("[")[0] for line in wanted if line and not line.startswith(("#", "-"))}
    for package in ("npm/package.json", "clients/typescript/package.json"):
        wanted |= json.loads(read(package))["devDependencies"].keys()
    documented = re.findall(r"^\| ([\w@/-]+) \|", read("docs/dependencies.md"), re.MULTILINE)
    assert set(documented) - {"package"} == wanted


def test_named_tests_exist() -> None:
    defined = {name for file in ROOT.glob("tests/**/*.py") for name in re.findall(r"def (test_\w+)", file.read_text())}
    named = set(re.findall(r"`(test_\w+)`", read("docs/security.md") + read("docs/asvs.md")))
    assert named
    assert named <= defined, named - defined


def test_custom_properties_and_parts_are_documented() -> None:
    text = read("docs/embedding.md")
    style = read("app/static/thread.css")
    pages = "".join(
        file.read_text() for file in [*ROOT.glob("templates/thread/*.html"), ROOT / "templates/_macros.html"]
    )
    parts = {word for found in re.findall(r'\bpart="([^"{]+)"', pages) for word in found.split()}
    for name in {*re.findall(r"--kaiwa-[a-z-]+", style), *parts}:
        assert f"`{name}`" in text, f"docs/embedding.md does not document {name}"


def test_nginx_closes_idle_connections_before_the_service_does() -> None:
    """A request sent on a closing connection gets no response, and nginx does not retry a POST."""
    printed = re.search(r"keepalive_timeout (\d+)s;", read("docs/deploying.md"))
    assert printed and int(printed[1]) * 1000 < HEAD_MS
