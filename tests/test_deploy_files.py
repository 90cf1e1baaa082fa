"""The files of deploy/ name settings, commands, routes, ports and users that exist, and take privileges away."""

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

import config
from app import create_app
from app.version import VERSION
from tests.services import ROOT

DEPLOY = ROOT / "deploy"
UNITS = DEPLOY / "systemd"
SERVICES = sorted(UNITS.glob("*.service"))
# Of 10; systemd calls 5 "medium".
MOST_EXPOSURE = 3.0
SETTINGS = {setting.name for setting in config.SETTINGS}
USER = 10001
TYPED = re.compile(r'(?<=[/ "])kaiwa (?:--env-file \S+ )?([a-z][^&\n]*?)(?: &&|"\]|$)', re.MULTILINE)


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory):
    app = create_app({"SECRET_KEY": "k" * 64}, instance=tmp_path_factory.mktemp("instance"))
    app.cli.list_commands(click.Context(app.cli))  # loads them
    return app


def manifests() -> list[dict[str, Any]]:
    files = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
    return [each for file in files for each in yaml.safe_load_all(file.read_text())]


def pods() -> list[dict[str, Any]]:
    found = [each["spec"]["template"]["spec"] for each in manifests() if each["kind"] in ("Deployment", "Job")]
    assert len(found) == 3
    return found


def composed() -> dict[str, dict[str, Any]]:
    """The services of compose.yaml that run our image."""
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    return {name: each for name, each in services.items() if "dockerfile" in each.get("build", {})}


def test_each_unit_takes_most_privileges_away(tmp_path: Path) -> None:
    assert len(SERVICES) == 4
    units = tmp_path / "etc/systemd/system"
    shutil.copytree(UNITS, units)
    for unit in SERVICES:
        command = ["systemd-analyze", "security", "--offline=true", f"--root={tmp_path}", unit.name]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout + done.stderr)
        assert found and float(found[1]) < MOST_EXPOSURE, unit.name


def test_the_target_starts_units_that_exist() -> None:
    named = set(re.findall(r"kaiwa-\w+\.\w+", (UNITS / "kaiwa.target").read_text()))
    assert named == {"kaiwa-web.service", "kaiwa-worker.service", "kaiwa-prune.timer", "kaiwa-backup.timer"}
    for unit in named:
        assert (UNITS / unit).exists() and "PartOf=kaiwa.target" in (UNITS / unit).read_text()
        assert (UNITS / unit).with_suffix(".service").exists()


def commands() -> Iterator[tuple[str, list[str]]]:
    """Each command of ours in a unit, a manifest, compose.yaml or the image."""
    for file in (*SERVICES, DEPLOY / "Containerfile"):
        for line in TYPED.findall(file.read_text()):
            yield file.name, shlex.split(line.removesuffix("'"))
    containers = [(pod["containers"][0]["name"], pod["containers"][0]) for pod in pods()]
    for name, each in [*containers, *composed().items()]:
        assert each["command"][0] == "kaiwa"
        yield name, each["command"][1:]


def test_each_command_can_be_typed(application) -> None:
    found = list(commands())
    assert len(found) >= 12
    for where, words in found:
        command: click.Command = application.cli
        while isinstance(command, click.Group):
            assert words[0] in command.commands, f"{where}: {words[0]} is no command"
            command = command.commands[words.pop(0)]
        command.make_parser(click.Context(command)).parse_args(words)


def test_each_setting_exists() -> None:
    example = re.findall(r"^#?([A-Z_]+)=", (DEPLOY / "debian/kaiwa.env").read_text(), re.MULTILINE)
    [mapped] = [each["data"] for each in manifests() if each["kind"] == "ConfigMap"]
    made = (DEPLOY / "Containerfile").read_text()
    in_image = set(re.findall(r"\b([A-Z_]+)=", " ".join(re.findall(r"^ENV (PATH=.*)$", made, re.MULTILINE))))
    named = {*example, *mapped, *(name for each in composed().values() for name in each["environment"])}
    assert named and named <= SETTINGS
    assert in_image - {"PATH", "PYTHONUNBUFFERED"} == {"KAIWA_HOME", "HOST", "PORT"} < SETTINGS


def test_each_pod_runs_without_root_and_writes_only_to_its_volumes() -> None:
    for pod in pods():
        assert pod["securityContext"]["runAsNonRoot"] and pod["securityContext"]["runAsUser"] == USER
        assert not pod["automountServiceAccountToken"]
        [container] = pod["containers"]
        rights = container["securityContext"]
        assert rights["readOnlyRootFilesystem"] and not rights["allowPrivilegeEscalation"]
        assert rights["capabilities"] == {"drop": ["ALL"]}
        assert {each["mountPath"] for each in container["volumeMounts"]} == {"/data", "/tmp"}  # noqa: S108


def test_probes_ask_for_routes_that_exist(application) -> None:
    paths = {rule.rule for rule in application.url_map.iter_rules()}
    [web] = [pod["containers"][0] for pod in pods() if "ports" in pod["containers"][0]]
    probes = {name: web[name]["httpGet"] for name in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert {each["path"] for each in probes.values()} == {"/healthz", "/readyz"} <= paths
    assert probes["livenessProbe"]["path"] == "/healthz", "a slow database must not restart a pod"
    assert web["ports"] == [{"name": "http", "containerPort": 8000}]
    assert "PORT=8000 " in (DEPLOY / "Containerfile").read_text()


def test_compose_runs_without_root_and_publishes_nginx_only() -> None:
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    assert [name for name, each in services.items() if "ports" in each] == ["nginx"]
    assert services["nginx"]["depends_on"]["web"]["restart"], "nginx keeps the address of an earlier container"
    assert len(composed()) == 3
    for each in (*composed().values(), services["nginx"]):
        assert each["read_only"] and each["cap_drop"] == ["ALL"] and each["security_opt"]
    assert f"USER {USER}:{USER}\n" in (DEPLOY / "Containerfile").read_text()


def test_the_nginx_of_compose_is_the_documented_one() -> None:
    printed = re.search(r"```nginx\n(.*?)```", (ROOT / "docs/deploying.md").read_text(), re.DOTALL)
    assert printed
    ours = printed[1].replace("server 127.0.0.1:8000", "server web:8000")
    ours = ours.replace("server_name comments.example.org", "server_name _")
    assert (DEPLOY / "nginx/kaiwa.conf").read_text().partition("\n")[2] == ours


def test_build_arguments_are_documented() -> None:
    named = set(re.findall(r"^ARG (\w+)", (DEPLOY / "Containerfile").read_text(), re.MULTILINE)) - {"PIP_INDEX_URL"}
    documented = re.findall(r"^\| `([A-Z]+)` \|", (ROOT / "docs/installing.md").read_text(), re.MULTILINE)
    assert named == set(documented)


def test_the_guide_names_files_of_this_version() -> None:
    named = set(re.findall(r"kaiwa-(\d+\.\d+\.\d+)", (ROOT / "docs/installing.md").read_text()))
    assert named == {VERSION}
    [image] = next(each["images"] for each in manifests() if each["kind"] == "Kustomization")
    assert image["newTag"] == VERSION


def test_the_installer_explains_itself() -> None:
    command = ["sh", str(DEPLOY / "debian/install.sh")]
    done = subprocess.run([*command, "--help"], capture_output=True, text=True, check=True)
    assert "WHEEL" in done.stdout and "/var/lib/kaiwa" in done.stdout
    for word in (["--nonsense"], []):
        assert subprocess.run([*command, *word], capture_output=True).returncode == 2


def test_the_image_of_compose_can_dump_its_database() -> None:
    """Debian 12, the default base, has PostgreSQL 15."""
    assert "ARG BASE=docker.io/library/debian:bookworm-slim\n" in (DEPLOY / "Containerfile").read_text()
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    assert services["database"]["image"].endswith("/postgres:15")
    assert all(each["build"]["args"] == {"PACKAGES": "postgresql-client"} for each in composed().values())


def test_the_installer_adds_the_extras_in_use(tmp_path: Path) -> None:
    """An upgrade without them would be an installation whose services do not start."""
    found = re.search(r"^needed_packages\(\) {\n.*?^}\n", (DEPLOY / "debian/install.sh").read_text(), re.M | re.S)
    assert found
    settings = tmp_path / "kaiwa.env"
    script = found[0].replace("/etc/kaiwa/kaiwa.env", str(settings)) + "set -eu; needed_packages"
    asked = lambda: subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout.split()  # noqa: E731
    assert asked() == ["requirements.txt"]
    settings.write_text("#OTEL_EXPORTER_OTLP_ENDPOINT=http://x\nSENTRY_DSN=\n")
    assert asked() == ["requirements.txt"]
    settings.write_text("OTEL_EXPORTER_OTLP_ENDPOINT=http://x\nSENTRY_DSN=http://x\n")
    assert asked() == ["requirements.txt", "requirements-otel.txt", "requirements-sentry.txt"]
    assert all((ROOT / name).exists() for name in asked())
