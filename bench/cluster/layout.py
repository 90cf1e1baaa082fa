"""Addresses, folders and configuration files: those of deploy/cluster, on this machine's own network 127.0.0.0/8."""

import os
import random
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.services import NOBODY, ROOT

FILES = ROOT / "deploy" / "cluster"
DOCUMENTED = "10.0.0."


class Layout:
    """Machines db1 to db3 are .11 to .13, web1 and web2 are .21 and .22, nginx is .1."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="kaiwa-cluster-"))
        self.folder.chmod(0o755)
        # Two runs at once have different networks.
        self.network = f"127.{random.randint(10, 250)}.0."
        path = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/sbin"))
        self.environment: dict[str, str] = {"PATH": path, "HOME": str(self.folder), "LANG": "C.UTF-8"}

    def address(self, number: int, kind: str = "db") -> str:
        return f"{self.network}{number + {'db': 10, 'web': 20, 'nginx': 0}[kind]}"

    def machine(self, name: str) -> Path:
        """A machine's folder, for an unprivileged user."""
        folder = self.folder / name
        if not folder.exists():
            folder.mkdir(mode=0o700)
            if os.geteuid() == 0:
                os.chown(folder, NOBODY, NOBODY)
        return folder

    def of_machine(self, name: str, number: int, replace: Mapping[str, str]) -> str:
        """A file that is written for db1, as it is on db1 to db3. Lines that name several machines stay."""
        lines = (FILES / name).read_text().splitlines(keepends=True)
        own = [line.replace("db1", f"db{number}").replace(f"{DOCUMENTED}11", f"{DOCUMENTED}1{number}")
               if f"{DOCUMENTED}12" not in line else line for line in lines]  # fmt: skip
        return self.adapted("".join(own), replace)

    def of_web(self, name: str, number: int, replace: Mapping[str, str]) -> str:
        """A file of a web machine, whose own address is 127.0.0.1 there."""
        return self.adapted((FILES / name).read_text(), {"127.0.0.1": self.address(number, "web")} | replace)

    def adapted(self, text: str, replace: Mapping[str, str]) -> str:
        for theirs, ours in replace.items():
            assert theirs in text, f"{theirs} is not in the file"
            text = text.replace(theirs, ours)
        return text.replace(DOCUMENTED, self.network)

    def delete(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
