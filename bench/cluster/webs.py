"""Two web machines with Kaiwa, its worker, pgbouncer and haproxy, and nginx in front of both."""

import os
import re
import socket
import sys
from pathlib import Path

from bench.cluster.databases import KAIWA
from bench.cluster.layout import Layout
from bench.cluster.programs import Program
from tests.services import NOBODY, ROOT, flask

NUMBERS = (1, 2)
PORT = 8080


class Webs:
    """The programs of each web machine by number, and nginx."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.url = f"http://{layout.address(1, 'nginx')}:{PORT}"
        self.environments = {number: self._environment(number) for number in NUMBERS}
        self.haproxy = {number: self._haproxy(number) for number in NUMBERS}
        self.pgbouncer = {number: self._pgbouncer(number) for number in NUMBERS}
        self.web = {number: self._kaiwa(number, "serve", "--no-worker") for number in NUMBERS}
        self.worker = {number: self._kaiwa(number, "worker") for number in NUMBERS}
        self.nginx = self._nginx()

    def start(self) -> None:
        for number in NUMBERS:
            self.start_pooler(number)
        flask(self.environments[1], "db", "upgrade")
        for number in NUMBERS:
            self.web[number].start()
            self.worker[number].start()
        for number in NUMBERS:
            self.web[number].wait_until(lambda number=number: _listens(self.layout.address(number, "web"), 8000))
        self.nginx.start()
        self.nginx.wait_until(lambda: _listens(self.layout.address(1, "nginx"), PORT))

    def start_pooler(self, number: int) -> None:
        self.haproxy[number].start()
        self.pgbouncer[number].start()
        address = self.layout.address(number, "web")
        self.pgbouncer[number].wait_until(lambda: _listens(address, 6432) and _listens(address, 5000))

    def stop(self) -> None:
        for each in (self.nginx, *self.web.values(), *self.worker.values(), *self.pgbouncer.values()):
            each.stop()
        for each in self.haproxy.values():
            each.stop()

    def is_healthy(self) -> bool:
        ports = (8000, 6432, 5000)
        return all(_listens(self.layout.address(number, "web"), port) for number in NUMBERS for port in ports)

    def processes(self) -> dict[str, list[int]]:
        """Processes of Kaiwa, to see whether one was restarted."""
        return {each.name: sorted(each.tree()) for each in (*self.web.values(), *self.worker.values())}

    def _environment(self, number: int) -> dict[str, str]:
        address, home = self.layout.address(number, "web"), self.layout.folder / f"web{number}-kaiwa"
        home.mkdir()
        return self.layout.environment | {
            "DATABASE_URL": f"postgresql://kaiwa:{KAIWA}@{address}:6432/kaiwa",
            "SECRET_KEY": "k" * 64, "PUBLIC_URL": self.url, "KAIWA_HOME": str(home), "WORKERS": "1",
            "HOST": address, "PORT": "8000", "TRUSTED_PROXIES": "127.0.0.0/8", "PYTHONUNBUFFERED": "1",
            "FLASK_SKIP_DOTENV": "1", "FLASK_APP": "app",
        }  # fmt: skip

    def _kaiwa(self, number: int, *words: str) -> Program:
        command = [sys.executable, "-m", "flask", *words]
        log = self.layout.folder / f"web{number}-{words[0]}.log"
        return Program(f"{words[0]} {number}", command, log, self.environments[number], privileged=True)

    def _haproxy(self, number: int) -> Program:
        # It runs as that user already.
        config = self._written(number, "haproxy.cfg", {"    user haproxy\n    group haproxy\n": ""})
        return Program(f"haproxy {number}", ["haproxy", "-db", "-f", str(config)], config.with_suffix(".log"),
                       self.layout.environment)  # fmt: skip

    def _pgbouncer(self, number: int) -> Program:
        users = self._keep(number, "userlist.txt", f'"kaiwa" "{KAIWA}"\n')
        config = self._written(number, "pgbouncer.ini", {"/etc/pgbouncer/userlist.txt": str(users)})
        return Program(f"pgbouncer {number}", ["pgbouncer", str(config)], config.with_suffix(".log"),
                       self.layout.environment)  # fmt: skip

    def _written(self, number: int, name: str, replace: dict[str, str]) -> Path:
        return self._keep(number, name, self.layout.of_web(name, number, replace))

    def _keep(self, number: int, name: str, text: str) -> Path:
        file = self.layout.machine(f"web{number}") / name
        file.write_text(text)
        if os.geteuid() == 0:
            os.chown(file, NOBODY, NOBODY)
        return file

    def _nginx(self) -> Program:
        """The documented configuration with both web machines."""
        folder = self.layout.machine("nginx")
        printed = re.search(r"```nginx\n(.*?)```", (ROOT / "docs/deploying.md").read_text(), re.DOTALL)
        assert printed
        servers = "".join(f"server {self.layout.address(number, 'web')}:8000 fail_timeout=5s;\n" for number in NUMBERS)
        ours = self.layout.adapted(printed[1], {
            "server 127.0.0.1:8000;": servers,
            "listen 80;": f"listen {self.layout.address(1, 'nginx')}:{PORT};",
            "/var/lib/nginx/kaiwa": f"{folder}/cache",
        })  # fmt: skip
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        temporary = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in kinds)
        config = folder / "nginx.conf"
        around = f"pid {folder}/nginx.pid;\nevents {{}}\nhttp {{\naccess_log off;\n"
        config.write_text(f"{around}{temporary}{ours}}}\n")
        command = ["nginx", "-p", str(folder), "-c", str(config), "-e", "stderr", "-g", "daemon off;"]
        return Program("nginx", command, folder / "nginx.log", self.layout.environment)


def _listens(address: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex((address, port)) == 0
