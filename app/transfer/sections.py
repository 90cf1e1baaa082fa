"""Check the sections of a site that an archive contains."""

from dataclasses import fields
from typing import Any

from app.lib.text import clean_line
from app.models.commenters import INHERITED, Commenters
from app.models.section import MOST_PATHS, MOST_SECTIONS, Section, clean_path, is_section_key
from app.models.thread_state import State

NAMES = {field.name for field in fields(Section)}
LONGEST_NAME = 80


def clean_sections(value: Any) -> list[dict[str, Any]]:
    """Raises ValueError for a value that is no list of sections."""
    if not isinstance(value, list) or len(value) > MOST_SECTIONS:
        raise ValueError("no list of sections")
    return [_section(each) for each in value]


def _section(value: Any) -> dict[str, Any]:
    # Archives from before 0.1.0 do not say who may comment.
    given = value | {"commenters": value.get("commenters", INHERITED)} if isinstance(value, dict) else {}
    if given.keys() != NAMES or not _is_section(given):
        raise ValueError("no section")
    paths = [clean_path(path or "/") for path in given["paths"]]
    return {**given, "name": clean_line(given["name"]), "paths": paths}


def _is_section(given: dict[str, Any]) -> bool:
    texts = (given["key"], given["name"], given["state"], given["commenters"])
    paths = given["paths"]
    return (
        all(isinstance(each, str) for each in texts)
        and is_section_key(given["key"])
        and len(given["name"]) <= LONGEST_NAME
        and isinstance(paths, list)
        and len(paths) <= MOST_PATHS
        and all(isinstance(path, str) for path in paths)
        and given["state"] in list(State)
        and given["hold"] in (True, False, None)
        and given["commenters"] in (INHERITED, *Commenters)
    )
