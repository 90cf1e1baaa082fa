"""Update each catalogue: add new messages untranslated, drop unused ones, sort and compile.

A locale name as an argument, such as pt_BR, begins a catalogue for another language.
"""

import sys
from pathlib import Path

from babel.messages import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).parent.parent
TRANSLATIONS = ROOT / "app" / "translations"
SOURCES = ("app", "templates")
WIDTH = 120  # characters
KEYWORDS = {
    "_": None,
    "_l": None,
    "gettext": None,
    "lazy_gettext": None,
    "_n": (1, 2),
    "ngettext": (1, 2),
    "lazy_ngettext": (1, 2),
}


def main() -> None:
    said = messages_in_sources()
    for name in sys.argv[1:]:
        begin(name)
    for name in catalogues():
        for message in renew(name, said):
            print(f"{name}: {message!r} is not translated yet")


def catalogues() -> list[str]:
    """Folder names such as ja or pt_BR. English has no catalogue: the messages in the source are English."""
    return sorted(path.parent.parent.name for path in TRANSLATIONS.glob("*/LC_MESSAGES/messages.po"))


def begin(name: str) -> None:
    """Write an empty catalogue, with the plural rule of its language; UnknownLocaleError for an unknown name."""
    file = TRANSLATIONS / name / "LC_MESSAGES" / "messages.po"
    catalogue = Catalog(locale=name, project="Kaiwa", version="1", fuzzy=False)
    file.parent.mkdir(parents=True)
    with file.open("wb") as written:
        write_po(written, catalogue)


def messages_in_sources() -> dict[str, str | tuple[str, ...]]:
    """Every message of the sources and templates, by its first form."""
    with (ROOT / "babel.cfg").open() as file:
        methods, options = parse_mapping_cfg(file, "babel.cfg")
    found = extract_from_dir(str(ROOT), methods, options, keywords=KEYWORDS, directory_filter=_is_ours)
    return {_first(message): message for _name, _line, message, _comments, _context in found}


def renew(name: str, said: dict[str, str | tuple[str, ...]]) -> list[str]:
    """Rewrite one catalogue, compile it, and return its untranslated messages."""
    folder = TRANSLATIONS / name / "LC_MESSAGES"
    with (folder / "messages.po").open("rb") as file:
        catalogue = read_po(file, locale=name)
    for message in [each for each in catalogue if each.id and _first(each.id) not in said]:
        catalogue.delete(message.id)
    for first, message in said.items():
        if first not in catalogue:
            catalogue.add(message, string="")
    with (folder / "messages.po").open("wb") as file:
        write_po(file, catalogue, width=WIDTH, sort_output=True, no_location=True)
    missing = [each.id for each in catalogue if each.id and not all(_forms(each.string))]
    # An empty plural form would be shown as it is; a missing message is shown in English.
    for message in missing:
        catalogue.delete(message)
    with (folder / "messages.mo").open("wb") as file:
        write_mo(file, catalogue)
    return [_first(message) for message in missing]


def _forms(texts: str | tuple[str, ...] | list[str]) -> tuple[str, ...]:
    return (texts,) if isinstance(texts, str) else tuple(texts) or ("",)


def _first(message: str | tuple[str, ...] | list[str]) -> str:
    return _forms(message)[0]


def _is_ours(folder: str) -> bool:
    path = Path(folder).relative_to(ROOT)
    return not path.parts or path.parts[0] in SOURCES


if __name__ == "__main__":
    main()
