"""A site's own reasons for rejecting a comment, beside the built-in ones. They are stored with the site."""

import re
from typing import Any, NamedTuple

# Also the longest that a report's column takes.
LONGEST_CODE = 32
CODE = re.compile(rf"[a-z][a-z0-9_]{{1,{LONGEST_CODE - 1}}}", re.ASCII)
MOST_REASONS = 20
LONGEST_NAME = 60  # characters


class OwnReason(NamedTuple):
    """`name` is for the desk; authors read `texts`, by language. A reason that is not enabled stays for the log."""

    code: str
    name: str
    texts: dict[str, str]
    enabled: bool = True

    def text(self, *tags: str) -> str:
        """The text in the first of these languages that has one, else in any."""
        return next((self.texts[tag] for tag in (*tags, *self.texts) if self.texts.get(tag)), "")

    def as_json(self) -> dict[str, Any]:
        return self._asdict()
