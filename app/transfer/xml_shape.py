"""Element names of an XML format, and patterns that find them."""

import re
from dataclasses import dataclass
from functools import cached_property

_PREFIX = r"(?:[A-Za-z_][\w.-]{0,30}:)?"


@dataclass(frozen=True)
class Shape:
    """Relevant element names; those in `prefixed` may have any prefix.

    `sections` contain records and are reported at start and end. A `records` element is read whole; unclosed, it ends
    where one of `stops[name]` begins. Tags outside of `known` become text in a repair. `bodies` are paths in which all
    tags are text. A file without any of `proofs` is of another format.
    """

    root: str
    sections: tuple[str, ...]
    records: tuple[str, ...]
    prefixed: frozenset[str]
    stops: dict[str, tuple[str, ...]]
    known: str
    bodies: frozenset[str]
    proofs: frozenset[str]

    def _names(self, names: tuple[str, ...]) -> str:
        return "|".join((_PREFIX if name in self.prefixed else "") + re.escape(name) for name in names)

    @cached_property
    def tags(self) -> re.Pattern[str]:
        names = self._names((self.root, *self.sections, *self.records))
        return re.compile(rf"<(?P<closing>/?)(?P<name>{names})(?=[\s/>])")

    @cached_property
    def between(self) -> re.Pattern[str]:
        special = r"(?P<cdata><!\[CDATA\[)|(?P<comment_start><!--)"
        special += r"|(?P<html><!(?i:doctype\s{1,9}html)\b)|(?P<doctype><!(?i:doctype))"
        return re.compile(f"{special}|{self.tags.pattern}")

    @cached_property
    def inside(self) -> dict[str, re.Pattern[str]]:
        return {name: self._inside(name) for name in self.records}

    def _inside(self, name: str) -> re.Pattern[str]:
        stops = rf"(?P<stop><(?:{self._names(self.stops[name])})(?=[\s/>])"
        stops += rf"|</(?:{self._names((self.root, *self.sections))})(?=[\s>]))"
        end = rf"(?P<end></{_PREFIX}{re.escape(name)}\s{{0,16}}>)"
        return re.compile(rf"(?P<cdata><!\[CDATA\[)|(?P<comment_start><!--)|{end}|{stops}")

    @cached_property
    def known_tag(self) -> re.Pattern[str]:
        return re.compile(rf"</?{_PREFIX}(?:{self.known})(?=[\s/>])")


def local_name(name: str) -> str:
    return name.rpartition(":")[2]
