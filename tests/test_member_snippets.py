"""The programs of docs/members.md that sign a member's token: each runs where its interpreter is installed."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from app.lib import assertion

DOCS = Path(__file__).parent.parent / "docs" / "members.md"
MEMBER = {"sub": "4711", "name": "花子 <b>O'Hara</b>", "badge": "Subscriber"}
SECRET = "a secret of forty-three letters, or about it"
MOST_LINES = 20
# Language of the block: interpreter, its options, and a call that prints the token.
RUN = {
    "php": ("php", ["-r"], "echo kaiwa_token('paper', 'one', $argv[1], json_decode($argv[2], true));"),
    "python": ("python3", ["-I", "-c"],
               "from sys import argv; print(kaiwa_token('paper', 'one', argv[1], json.loads(argv[2])))"),
    "js": ("node", ["-e"], "console.log(kaiwaToken('paper', 'one', process.argv[1], JSON.parse(process.argv[2])))"),
    "ruby": ("ruby", ["-e"], "puts kaiwa_token('paper', 'one', ARGV[0], JSON.parse(ARGV[1]))"),
}  # fmt: skip


@pytest.mark.parametrize("language", RUN)
def test_a_program_of_the_documentation_signs_a_valid_token(language: str) -> None:
    (snippet,) = re.findall(rf"```{language}\n(.*?)```", DOCS.read_text(), re.DOTALL)
    assert len(snippet.splitlines()) <= MOST_LINES
    interpreter, options, call = RUN[language]
    if not shutil.which(interpreter):
        pytest.skip(f"{interpreter} is not installed")
    program = f"{snippet.removeprefix('<?php')}\n{call}"
    command = [interpreter, *options, program, SECRET, json.dumps(MEMBER)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    token = done.stdout.strip()
    assert assertion.kid_of(token) == "one"
    claims = assertion.verify(token, SECRET, "HS256", "paper")
    assert {name: claims[name] for name in MEMBER} == MEMBER and claims["exp"] - claims["iat"] == 300
