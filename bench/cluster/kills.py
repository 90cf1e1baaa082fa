"""Kill one part, start it again as systemd would, and measure until the service works as before."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from bench.cluster import proof
from bench.cluster.databases import Databases
from bench.cluster.people import Answer, People, errors
from bench.cluster.programs import NotHealthy, Program
from bench.cluster.webs import Webs

# RestartSec of deploy/systemd.
RESTART_S = 2.0
PATIENCE_S = 240.0
# Requests that began during the fault may still fail for this time.
SETTLED_S = 4.0


@dataclass
class Row:
    """One kill in the table; times are seconds after it."""

    killed: str
    posts_after: float
    decisions_after: float
    last_error: float
    errors: str
    reads: int
    lost: int
    doubled: int
    restarted: str


@dataclass
class Kills:
    """The five faults; each method kills and returns the function that starts the part again."""

    databases: Databases
    webs: Webs
    people: People
    count: int = 0

    def all(self) -> list[tuple[str, Callable[[], Callable[[], None]]]]:
        return [
            ("primary", self.primary), ("web node", self.web), ("worker", self.worker),
            ("pgbouncer", self.pgbouncer), ("etcd leader", self.etcd),
        ]  # fmt: skip

    def primary(self) -> Callable[[], None]:
        number = self.databases.primary()
        self.databases.kill_machine(number)

        def back() -> None:
            """The machine is away until another one has taken over."""
            until = time.monotonic() + PATIENCE_S
            while self.databases.primary() in (0, number) or not self._works(self._killed_at):
                if time.monotonic() > until:
                    raise NotHealthy(f"db{number} was not replaced")
                time.sleep(0.2)
            self.databases.patroni[number].start()

        return back

    def web(self) -> Callable[[], None]:
        return self._one(self.webs.web)

    def worker(self) -> Callable[[], None]:
        return self._one(self.webs.worker)

    def pgbouncer(self) -> Callable[[], None]:
        return self._one(self.webs.pgbouncer)

    def etcd(self) -> Callable[[], None]:
        return self._killed(self.databases.etcd[self.databases.etcd_leader()])

    def _one(self, programs: dict[int, Program]) -> Callable[[], None]:
        """The two machines in turn."""
        return self._killed(programs[1 + self.count // 5 % 2])

    def _killed(self, program: Program) -> Callable[[], None]:
        program.kill()

        def back() -> None:
            time.sleep(RESTART_S)
            program.start()

        return back

    # Measuring

    def measure(self, name: str, kill: Callable[[], Callable[[], None]]) -> Row:
        """Wait until all is well, kill, and wait until all is well again."""
        self._wait_until_well(time.monotonic())
        before = self.webs.processes()
        self._killed_at = time.monotonic()
        back = kill()
        self.count += 1
        back()
        self._wait_until_well(self._killed_at)
        return self._row(name, before)

    def _wait_until_well(self, moment: float) -> None:
        until = time.monotonic() + PATIENCE_S
        while not (self._works(moment) and self.databases.etcd_leader() and self.webs.is_healthy()):
            if time.monotonic() > until:
                raise NotHealthy(f"no posts or decisions any more: {self.people.wrong[-3:]}")
            time.sleep(0.1)
        self.databases.wait_healthy()
        time.sleep(SETTLED_S)

    def _works(self, moment: float) -> bool:
        return all(self.people.works_since(kind, moment) is not None for kind in ("post", "decide", "read"))

    def _row(self, name: str, before: dict[str, list[int]]) -> Row:
        moment, found = self._killed_at, proof.compare(self.people, self.databases)
        answers = self.people.since(moment)
        failed = [each.ended - moment for each in answers if not each.is_fine]
        after = {name: (self.people.works_since(name, moment) or 0) - moment for name in ("post", "decide")}
        changed = [name for name, pids in self.webs.processes().items() if pids != before[name]]
        return Row(
            name, after["post"], after["decide"], max(failed, default=0.0), errors(answers) or "none",
            served(answers), len(found.lost), len(found.doubled), ", ".join(changed) or "none",
        )  # fmt: skip


def served(answers: list[Answer]) -> int:
    """Pages that readers got."""
    return sum(each.kind == "read" and each.is_fine for each in answers)
