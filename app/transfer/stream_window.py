"""Search a long text through a bounded moving window."""

import re
from collections.abc import Iterable

OVERLAP = 512  # characters kept at the end of the window: a match may start there


class StreamWindow:
    """A window over `pieces` of text. Positions are indices into `window` and shift when it grows.

    `mark` is the current position; earlier text is dropped.
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
        """Line number of `mark`, from 1."""
        self._count(self.mark)
        return self._line

    def find(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """The next match, with `mark` at its start; None at the end of the text.

        Matches of up to OVERLAP characters are found across pieces.
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
        """Capture up to about `limit` characters from `mark` until `captured` is called."""
        self._captured, self._capture_from, self._captured_size, self._capture_limit = [], self.mark, 0, limit

    def captured(self) -> tuple[str, bool]:
        """The captured text up to `mark`, and whether it is complete."""
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
