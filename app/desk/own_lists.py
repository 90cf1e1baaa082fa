"""Lists that an administrator keeps for a site: its own reasons, and saved replies. Entries are found by a key."""

from typing import Any

from flask_babel import gettext as _

from app.errors import Refused

Entry = dict[str, Any]
Entries = list[Entry]


def saved(entries: Entries, entry: Entry, key: str, *, most: int) -> Entries:
    """With this entry, in the place of the one with the same key or at the end. Raises Refused (422) for too many."""
    if any(each[key] == entry[key] for each in entries):
        return [entry if each[key] == entry[key] else each for each in entries]
    if len(entries) >= most:
        raise Refused("too_many", _("There can be %(most)d entries at most. Delete one first.", most=most), status=422)
    return [*entries, entry]


def without(entries: Entries, value: str, key: str) -> Entries:
    return [each for each in entries if each[key] != value]


def moved(entries: Entries, value: str, key: str, step: int) -> Entries:
    """The entry goes up (-1) or down (1)."""
    at = next((place for place, each in enumerate(entries) if each[key] == value), None)
    to = -1 if at is None else at + step
    if at is None or not 0 <= to < len(entries):
        return entries
    changed = list(entries)
    changed[at], changed[to] = changed[to], changed[at]
    return changed


def acted(entries: Entries, act: str, value: str, key: str) -> Entries:
    """What a button of an entry does: up, down or delete."""
    if act == "delete":
        return without(entries, value, key)
    return moved(entries, value, key, -1 if act == "up" else 1)
