"""Search a text of any length through a bounded window that moves forward."""

import re
from collections.abc import Iterable

OVERLAP = 512  # characters kept at the end of the window, because a match may start in them


class StreamWindow:
    """A window over `pieces` of text. Positions are indices into `window` and shift when it grows.

    `mark` is the current position; text before it is dropped when more is read.
    """

    def __init__(self, pieces: Iterable[str]) -> None:
        self._pieces = iter(pieces)
        self.window = ""
        self.mark = 0
        self.ended = False
        self._line = 1
        self._counted = 0
        self._captured: list[str] | None = None
        self._capture_from = self._captured_size = self._capture_limit = 0

    def grow(self) -> None:
        """Read one more piece and drop the text before `mark`. Sets `ended` at the end."""
        self._count(self.mark)
        self._append(self.mark)
        gone = self.mark
        try:
            self.window = self.window[gone:] + next(self._pieces)
        except StopIteration:
            self.window, self.ended = self.window[gone:], True
        self.mark = self._counted = self._capture_from = 0

    def line(self) -> int:
        """The line number of `mark`, from 1."""
        self._count(self.mark)
        return self._line

    def find(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """The next match at or after `mark`, which is moved to its start; None at the end of the text.

        A match is at most OVERLAP characters long, and is not lost where it spans two pieces.
        """
        while True:
            match = pattern.search(self.window, self.mark)
            if match and (self.ended or match.end() < len(self.window)):
                self.mark = match.start()
                return match
            if self.ended:
                return None
            self.mark = max(self.mark, match.start() if match else len(self.window) - OVERLAP)
            self.grow()

    def skip_past(self, pattern: re.Pattern[str]) -> bool:
        """Move `mark` behind the next match; without one, to the end, and return False."""
        match = self.find(pattern)
        self.mark = match.end() if match else len(self.window)
        return match is not None

    def capture(self, limit: int) -> None:
        """Capture the text from `mark` on, up to about `limit` characters, until `captured` is called."""
        self._captured, self._capture_from, self._captured_size, self._capture_limit = [], self.mark, 0, limit

    def captured(self) -> tuple[str, bool]:
        """The captured text up to `mark`, and whether it is complete (below the limit)."""
        self._append(self.mark)
        text, whole = "".join(self._captured or ()), self._captured_size <= self._capture_limit
        self._captured = None
        return text, whole

    def _append(self, position: int) -> None:
        if self._captured is None:
            return
        if self._captured_size <= self._capture_limit:
            self._captured.append(self.window[self._capture_from : position])
        self._captured_size += position - self._capture_from
        self._capture_from = position

    def _count(self, position: int) -> None:
        if position > self._counted:
            self._line += self.window.count("\n", self._counted, position)
            self._counted = position
