"""The generated files of the clients are those of today's API, and their versions are the service's."""

import json
import re
from typing import Any

import kaiwa_client
import pytest

from app.version import VERSION
from scripts import clients
from tests.services import ROOT


@pytest.fixture(scope="module")
def description() -> dict[str, Any]:
    return clients.described_here()


def test_the_generated_files_are_current(description: dict[str, Any]) -> None:
    for path, text in clients.files(description).items():
        assert (ROOT / path).read_text() == text, f"{path} is out of date: run `make clients`"


def test_the_clients_have_the_version_of_the_service() -> None:
    package = json.loads((ROOT / "clients/typescript/package.json").read_text())
    assert package["version"] == kaiwa_client.__version__ == VERSION
    assert not package.get("dependencies")


def test_every_operation_is_in_both_clients(description: dict[str, Any]) -> None:
    told = [(verb.upper(), path) for path, verb, _about in clients._operations(description)]
    assert len(told) > 45
    for folder, name in ((clients.PYTHON, "operations.py"), (clients.TYPESCRIPT, "operations.ts")):
        text = " ".join((ROOT / folder / name).read_text().split()).replace("( ", "(")
        for verb, path in told:
            assert f'("{verb}", "{path}"' in text, f"{name} has no {verb} {path}"


def test_a_list_with_a_cursor_has_an_iterator() -> None:
    script = (ROOT / clients.TYPESCRIPT / "operations.ts").read_text()
    for name in ("showAllEach", "showEach", "findEach"):
        assert f"  {name}(" in script


def test_the_documented_example_is_the_one_that_the_compiler_checks() -> None:
    (documented,) = re.findall(r"```ts\n(.*?)```", (ROOT / "docs/clients.md").read_text(), re.DOTALL)
    checked = (ROOT / "clients/typescript/test/documented.ts").read_text()
    assert documented.replace("kaiwa-client", "../src/index.ts") in checked
