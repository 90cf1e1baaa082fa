"""The options of an import as they were typed, with an error for each wrong field."""

from dataclasses import dataclass, field
from typing import Self

from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict

from app.lib.text import excerpt
from app.transfer.addresses import move_of
from app.transfer.run import Options

FLAGS = ("pingbacks", "only_public", "close_threads")
MOST_MOVES, LONGEST_MOVE = 50, 2_000  # lines, characters
SHOWN = 60  # characters of a wrong line


@dataclass
class TypedOptions:
    """`moves` are lines OLD=NEW; `targets` the new URLs by origins that are none of the site's."""

    moves: str = ""
    targets: dict[str, str] = field(default_factory=dict)
    flags: dict[str, bool] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)  # by "moves" or the origin

    @classmethod
    def of(cls, options: Options) -> Self:
        lines = "".join(f"{old}={new}\n" for old, new in options.moves)
        return cls(lines, flags={name: getattr(options, name) for name in FLAGS})

    @classmethod
    def sent(cls, form: MultiDict[str, str]) -> Self:
        targets = {old: new.strip() for old, new in zip(form.getlist("old"), form.getlist("new"), strict=False) if old}
        return cls(form.get("moves", ""), targets, {name: name in form for name in FLAGS})

    def read(self) -> Options | None:
        """None with `errors` if a field is wrong."""
        lines = [line.strip() for line in self.moves.splitlines() if line.strip()]
        pairs = [pair for each in lines if (pair := self._pair("moves", each))]
        typed = [(origin, f"{origin}={new}") for origin, new in self.targets.items() if new]
        pairs += [pair for origin, each in typed if (pair := self._pair(origin, each))]
        if len(lines) + len(typed) > MOST_MOVES:
            self._wrong(
                "moves",
                _("Enter %(most)d lines or fewer. For more, ask the operator to use flask import.", most=MOST_MOVES),
            )
        return None if self.errors else Options(tuple(pairs), **self.flags)

    def _pair(self, name: str, text: str) -> tuple[str, str] | None:
        pair = move_of(text) if len(text) <= LONGEST_MOVE else None
        if pair is None:
            self._wrong(name, _sentence(name, text))
        return pair

    def _wrong(self, name: str, sentence: str) -> None:
        self.errors.setdefault(name, sentence)


def _sentence(name: str, text: str) -> str:
    if len(text) > LONGEST_MOVE:
        return _("This is longer than %(most)s characters.", most=f"{LONGEST_MOVE:,}")
    if name != "moves":
        return _("Enter a URL that begins with https://, or a path that begins with “/”.")
    return _("“%(line)s” is not an old URL, “=” and a new URL.", line=excerpt(text, SHOWN))
