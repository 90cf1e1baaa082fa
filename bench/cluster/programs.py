"""Processes that are killed as a machine fails, and started again as systemd would."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.services import NOBODY, ROOT, tail

START_S, STOP_S = 180.0, 60.0
# They end with this process, even if it is killed.
TIED = ["setpriv", "--pdeathsig", "TERM"]
# PostgreSQL and pgbouncer refuse to run as root.
UNPRIVILEGED = [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"] if os.geteuid() == 0 else []


class NotHealthy(Exception):
    """A part of the cluster did not come up; the message has the last lines of its log."""


@dataclass
class Program:
    """One service of one machine."""

    name: str
    command: list[str]
    log: Path
    environment: Mapping[str, str]
    privileged: bool = False
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        tied = [*TIED, *([] if self.privileged else UNPRIVILEGED)]
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                [*tied, *self.command], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                cwd=ROOT if self.privileged else self.log.parent, env=dict(self.environment), start_new_session=True,
            )  # fmt: skip

    def tree(self) -> list[int]:
        """Its process and all below it."""
        return [self.process.pid, *below(self.process.pid)] if self.process else []

    def kill(self) -> None:
        """SIGKILL, parents first, so that none restarts a child."""
        kill_all(self.tree())
        if self.process:
            self.process.wait()

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(STOP_S)
                return
            self.kill()

    def wait_until(self, ready: Callable[[], bool]) -> None:
        until = time.monotonic() + START_S
        while not ready():
            if self.process is None or self.process.poll() is not None or time.monotonic() > until:
                raise NotHealthy(f"{self.name} is not ready:\n{tail(self.log)}")
            time.sleep(0.2)


def below(parent: int) -> list[int]:
    children = Path(f"/proc/{parent}/task/{parent}/children")
    with suppress(OSError):
        direct = [int(pid) for pid in children.read_text().split()]
        return direct + [pid for child in direct for pid in below(child)]
    return []


def kill_all(pids: list[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
