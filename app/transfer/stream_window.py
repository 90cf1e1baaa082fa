"""Look through a text of any length with a short window that only moves forward."""

import re
from collections.abc import Iterable

OVERLAP = 512  # characters kept at the end of the window, as a match may begin in them


class StreamWindow:
    """A window over `pieces` of text. Positions are indices into `window` and move when it grows.

    `mark` is where reading goes on; what stands before it is forgotten when more is read.
    """

    def __init__(self, pieces: Iterable[str]) -> None:
        self._pieces = iter(pieces)
        self.window = ""
        self.mark = 0
        self.ended = False
        self._line = 1
        self._counted = 0
        self._kept: list[str] | None = None
        self._capture_from = self._captured_size = self._capture_limit = 0

    def grow(self) -> None:
        """Read one more piece and forget what is before `mark`. Sets `ended` at the end."""
        self._count(self.mark)
        self._keep(self.mark)
        gone = self.mark
        try:
            self.window = self.window[gone:] + next(self._pieces)
        except StopIteration:
            self.window, self.ended = self.window[gone:], True
        self.mark = self._counted = self._capture_from = 0

    def line(self) -> int:
        """The line, from 1, on which `mark` stands."""
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
        """Move `mark` behind the next match; at the end of the text and False where there is none."""
        match = self.find(pattern)
        self.mark = match.end() if match else len(self.window)
        return match is not None

    def keep(self, limit: int) -> None:
        """Remember the text from `mark` on, up to about `limit` characters, until `kept` is called."""
        self._kept, self._capture_from, self._captured_size, self._capture_limit = [], self.mark, 0, limit

    def kept(self) -> tuple[str, bool]:
        """The text from where `keep` was called up to `mark`, and whether that is all of it."""
        self._keep(self.mark)
        text, whole = "".join(self._kept or ()), self._captured_size <= self._capture_limit
        self._kept = None
        return text, whole

    def _keep(self, position: int) -> None:
        if self._kept is None:
            return
        if self._captured_size <= self._capture_limit:
            self._kept.append(self.window[self._capture_from : position])
        self._captured_size += position - self._capture_from
        self._capture_from = position

    def _count(self, position: int) -> None:
        if position > self._counted:
            self._line += self.window.count("\n", self._counted, position)
            self._counted = position
