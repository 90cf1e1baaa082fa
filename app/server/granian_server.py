"""Run the web server's processes, and restart one that dies.

A separate program that does not load the application.
"""

import json
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any

from granian import Granian
from granian.http import HTTP1Settings

ROOT = Path(__file__).parents[2]
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 5.0
# Earlier crashes do not count.
FORGOTTEN_AFTER_S = 60.0


class Server(Granian):  # type: ignore[misc, valid-type]
    """granian 2.8 stops all its processes when one dies twice within 5.5 seconds; this one backs off."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.deaths: deque[float] = deque(maxlen=10)

    def _respawn_workers(self, workers: Any, spawn_target: Any, target_loader: Any, delay: float = 0) -> None:
        # Signals are handled after the pause.
        time.sleep(self._pause())
        super()._respawn_workers(workers, spawn_target, target_loader, delay)
        self.respawned_wrks.clear()

    def _pause(self) -> float:
        """Seconds before the next start: none after a single crash."""
        moment = time.monotonic()
        late = sum(moment - death < FORGOTTEN_AFTER_S for death in self.deaths)
        self.deaths.append(moment)
        return min(FIRST_PAUSE_S * 2 ** (late - 1), LONGEST_PAUSE_S) if late else 0.0


def main(given: str) -> None:
    """Serve `app.wsgi` with granian's options (a JSON object)."""
    options = json.loads(given)
    head_ms = options.pop("http1_header_read_timeout")
    settings = HTTP1Settings(header_read_timeout=head_ms)
    # By its file: granian looks for the name of a module in the current folder first.
    options |= {"working_dir": ROOT, "factory": True, "respawn_failed_workers": True}
    Server(f"{ROOT}/app/wsgi.py:service", http1_settings=settings, **options).serve()


if __name__ == "__main__":
    main(sys.argv[1])
